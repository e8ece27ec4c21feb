/* SPDX-License-Identifier: MIT */
/*
 * The baseline: a good echo server on Linux sockets. One thread per core,
 * each with its own listening socket (SO_REUSEPORT) and its own epoll
 * instance; edge-triggered, non-blocking, without Nagle's delay. A message
 * costs two system calls, read and write: a short read means that the queue
 * is empty, so there is no third one to hear EAGAIN. --busy-poll: never sleep,
 * and let the kernel poll the NIC.
 */
#include "pin.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_EVENTS = 256, BUF = 65536, MAX_THREADS = 64 };

static struct {
	uint16_t port;
	int threads;
	int busy_poll_us;
	bool udp;
} conf = { .port = 7, .threads = 1 };

/* Unsent bytes, only while the socket takes no more. */
struct conn {
	int fd;
	bool eof;
	char *rest;
	size_t rest_len, rest_at;
};

struct server {
	int epoll, listener;
	struct epoll_event events[MAX_EVENTS];
	char buf[BUF];
};

static void set_busy_poll(int fd)
{
	if (conf.busy_poll_us)
		setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &conf.busy_poll_us,
			   sizeof(conf.busy_poll_us));
}

static int open_socket(int type)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(conf.port) };
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	set_busy_poll(fd);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    (type == SOCK_STREAM && listen(fd, 65535))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int watch(int epoll, int fd, uint32_t events, void *ptr)
{
	struct epoll_event ev = { .events = events, .data.ptr = ptr };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev);
}

static void drop(struct conn *c)
{
	close(c->fd);
	free(c->rest);
	free(c);
}

static void accept_all(struct server *s)
{
	int one = 1, fd;

	while ((fd = accept4(s->listener, NULL, NULL,
			     SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct conn *c = calloc(1, sizeof(*c));

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		set_busy_poll(fd);
		if (c)
			c->fd = fd;
		if (!c || watch(s->epoll, fd,
				EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, c)) {
			free(c);
			close(fd);
		}
	}
}

/* True: all of it is sent. */
static bool flush_rest(struct conn *c)
{
	while (c->rest_at < c->rest_len) {
		ssize_t n = send(c->fd, c->rest + c->rest_at,
				 c->rest_len - c->rest_at, MSG_NOSIGNAL);

		if (n < 0)
			return false;
		c->rest_at += (size_t)n;
	}
	free(c->rest);
	c->rest = NULL;
	c->rest_len = c->rest_at = 0;
	return true;
}

/* True: all is sent; false: the rest is kept, or the connection is broken. */
static bool answer(struct conn *c, const char *buf, size_t len)
{
	ssize_t n = send(c->fd, buf, len, MSG_NOSIGNAL);

	if (n == (ssize_t)len)
		return true;
	if (n < 0)
		n = 0;
	c->rest = malloc(len - (size_t)n);
	if (!c->rest)
		return false;
	memcpy(c->rest, buf + n, len - (size_t)n);
	c->rest_len = len - (size_t)n;
	return false;
}

/* Echoes until the socket has no more to read or takes no more to write.
 * False: the connection is over. */
static bool echo(struct server *s, struct conn *c, bool hup)
{
	if (c->rest && !flush_rest(c))
		return errno == EAGAIN;
	for (;;) {
		ssize_t n = recv(c->fd, s->buf, BUF, 0);

		if (!n)
			return false;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (!answer(c, s->buf, (size_t)n))
			return errno == EAGAIN;
		if (n < BUF && !hup)
			return true;
	}
}

static void *serve_tcp(void *arg)
{
	struct server *s = arg;

	for (;;) {
		int n = epoll_wait(s->epoll, s->events, MAX_EVENTS,
				   conf.busy_poll_us ? 0 : -1);

		for (int i = 0; i < n; i++) {
			struct conn *c = s->events[i].data.ptr;
			uint32_t what = s->events[i].events;

			if (!c)
				accept_all(s);
			else if (!echo(s, c,
				       what & (EPOLLRDHUP | EPOLLHUP |
					       EPOLLERR)))
				drop(c);
		}
	}
	return NULL;
}

/* Datagrams in batches: two system calls for up to 64. */
static void *serve_udp(void *arg)
{
	enum { BATCH = 64, SIZE = 2048 };
	static __thread char bufs[BATCH][SIZE];
	struct mmsghdr m[BATCH] = { 0 };
	struct iovec iov[BATCH];
	struct sockaddr_in from[BATCH];
	struct server *s = arg;

	for (;;) {
		int n;

		for (int i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){ bufs[i], SIZE };
			m[i].msg_hdr = (struct msghdr){
				.msg_name = &from[i],
				.msg_namelen = sizeof(from[i]),
				.msg_iov = &iov[i],
				.msg_iovlen = 1,
			};
		}
		n = recvmmsg(s->listener, m, BATCH, 0, NULL);
		if (n <= 0 && !conf.busy_poll_us)
			epoll_wait(s->epoll, s->events, MAX_EVENTS, -1);
		for (int i = 0; i < n; i++)
			iov[i].iov_len = m[i].msg_len;
		if (n > 0)
			sendmmsg(s->listener, m, (unsigned int)n, 0);
	}
	return NULL;
}

static void *thread_main(void *arg)
{
	struct server *s = calloc(1, sizeof(*s));

	pin_to((uint32_t)(intptr_t)arg, (uint32_t)conf.threads);
	if (!s)
		return NULL;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->listener = open_socket(conf.udp ? SOCK_DGRAM : SOCK_STREAM);
	if (s->listener < 0 || watch(s->epoll, s->listener, EPOLLIN, NULL)) {
		fprintf(stderr, "linux_echo: port %u: %s\n", conf.port,
			strerror(errno));
		exit(1);
	}
	return conf.udp ? serve_udp(s) : serve_tcp(s);
}

static int usage(void)
{
	fputs("usage: linux_echo [--port N] [--threads N] [--udp] "
	      "[--busy-poll US]\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "port", 1, NULL, 'p' },      { "threads", 1, NULL, 't' },
		{ "busy-poll", 1, NULL, 'b' }, { "udp", 0, NULL, 'u' },
		{ "help", 0, NULL, 'h' },      { 0 },
	};
	struct rlimit files = { 1048576, 1048576 };
	pthread_t id;
	int c;

	while ((c = getopt_long(argc, argv, "p:t:b:uh", longs, NULL)) != -1) {
		if (c == 'p')
			conf.port = (uint16_t)atoi(optarg);
		else if (c == 't')
			conf.threads = atoi(optarg);
		else if (c == 'b')
			conf.busy_poll_us = atoi(optarg);
		else if (c == 'u')
			conf.udp = true;
		else
			return usage();
	}
	if (conf.threads < 1 || conf.threads > MAX_THREADS || optind < argc)
		return usage();
	setrlimit(RLIMIT_NOFILE, &files); /* else as many as allowed */
	for (int i = 1; i < conf.threads; i++)
		pthread_create(&id, NULL, thread_main, (void *)(intptr_t)i);
	thread_main(NULL);
	return 1;
}
