/* SPDX-License-Identifier: MIT */
/* See linux_server.h. */
#include "bench/linux_server.h"
#include "bench/busy_poll.h"
#include "bench/pin.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_THREADS = 64 };

struct thread {
	const struct server_conf *conf;
	void (*serve)(const struct server_conf *conf);
	uint32_t index;
};

_Noreturn void server_die(const struct server_conf *conf, const char *what)
{
	fprintf(stderr, "%s: port %u: %s: %s\n", conf->name, conf->port, what,
		strerror(errno));
	exit(1);
}

static void set(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value));
}

int server_listen(const struct server_conf *conf, uint16_t i, int type)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)(conf->port + i)),
	};
	bool tcp = (type & 0xf) == SOCK_STREAM;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (tcp)
		set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (conf->busy_poll_us) {
		set(fd, SOL_SOCKET, SO_BUSY_POLL, conf->busy_poll_us);
		set(fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, 1);
		set(fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, BUSY_POLL_BUDGET);
	}
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    (tcp && listen(fd, 65535))) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool usage(const struct server_conf *conf, const char *letters)
{
	fprintf(stderr, "usage: %s [--port N] [--threads N]%s%s%s\n",
		conf->name, strchr(letters, 'u') ? " [--udp]" : "",
		strchr(letters, 'b') ? " [--busy-poll US]" : "",
		strchr(letters, 'n') ? " [--ports N]" : "");
	return false;
}

bool server_parse(struct server_conf *conf, const char *letters, int argc,
		  char **argv)
{
	static const struct option longs[] = {
		{ "port", 1, NULL, 'p' },
		{ "threads", 1, NULL, 't' },
		{ "busy-poll", 1, NULL, 'b' },
		{ "udp", 0, NULL, 'u' },
		{ "ports", 1, NULL, 'n' },
		{ "help", 0, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "p:t:b:n:uh", longs, NULL)) != -1) {
		if (!strchr(letters, c))
			return usage(conf, letters);
		if (c == 'p')
			conf->port = (uint16_t)atoi(optarg);
		else if (c == 't')
			conf->threads = atoi(optarg);
		else if (c == 'b')
			conf->busy_poll_us = atoi(optarg);
		else if (c == 'n')
			conf->ports = (uint16_t)atoi(optarg);
		else
			conf->udp = true;
	}
	if (conf->threads < 1 || conf->threads > MAX_THREADS ||
	    conf->ports < 1 || conf->ports > SERVER_MAX_PORTS || optind < argc)
		return usage(conf, letters);
	return true;
}

static void *thread_main(void *arg)
{
	struct thread t = *(struct thread *)arg;

	free(arg);
	pin_to(t.index, (uint32_t)t.conf->threads);
	t.serve(t.conf);
	return NULL;
}

static struct thread *new_thread(const struct server_conf *conf,
				 void (*serve)(const struct server_conf *),
				 uint32_t index)
{
	struct thread *t = malloc(sizeof(*t));

	if (!t)
		server_die(conf, "memory");
	*t = (struct thread){ conf, serve, index };
	return t;
}

void server_run(const struct server_conf *conf,
		void (*serve)(const struct server_conf *conf))
{
	struct rlimit files = { 1048576, 1048576 };
	pthread_t id;

	setrlimit(RLIMIT_NOFILE, &files); /* else as many as allowed */
	for (int i = 1; i < conf->threads; i++)
		if (pthread_create(&id, NULL, thread_main,
				   new_thread(conf, serve, (uint32_t)i)))
			server_die(conf, "thread");
	thread_main(new_thread(conf, serve, 0));
}
