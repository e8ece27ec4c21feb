/* SPDX-License-Identifier: MIT */
/*
 * echo: what comes in goes out, TCP and UDP, on every elastic thread. Received
 * bytes are read in place and copied once, into transmit memory; what cannot
 * be sent now stays unread, so that the window closes: flow control is end to
 * end.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ix/ix.h"
#include "ix/ixev.h"

enum { BACKLOG = 1024, MAX_SIZE = 128 * 1024, MAX_WORK = 1000000000 };

static struct {
	uint16_t port; /* 0: the ports that `ix run` was given */
	bool udp;
	size_t size; /* bytes of a message; 0: whatever comes */
	long work;   /* multiplications before an answer */
} opt;

struct conn {
	struct ixev_ctx ctx;
	struct conn *next; /* free */
};

static __thread struct conn *free_conns;

/* Of a connection from which something is expected. */
static void (*expecting)(struct ixev_ctx *ctx, unsigned int reason);

/* The first message, or part of the stream, in one piece. */
static const void *next_piece(struct ixev_ctx *ctx, size_t *len)
{
	const void *data = ixev_recv_peek(ctx, len);

	if (opt.size && *len > opt.size)
		*len = opt.size;
	return data;
}

static void echo_handler(struct ixev_ctx *ctx, unsigned int reason)
{
	const void *data;
	ssize_t sent;
	size_t len;

	while ((data = next_piece(ctx, &len))) {
		sent = ixev_answer(ctx, data, len, len);
		if (sent == (ssize_t)len)
			continue;
		if (sent > 0)
			ixev_recv_zc(ctx, (size_t)sent);
		else if (sent != -EAGAIN)
			break;
		ixev_set_handler(ctx, IXEVOUT | IXEVHUP, echo_handler);
		return; /* to go on when there is room */
	}
	if (reason == IXEVIN)
		return;
	ixev_set_handler(ctx, IXEVIN | IXEVHUP, expecting);
	if (ixev_recv(ctx, &len, 1) != -EAGAIN)
		ixev_close(ctx);
}

/* One needs the one before, so that they take their time on any processor. */
static void work_handler(struct ixev_ctx *ctx, unsigned int reason)
{
	uint64_t x = 1;

	for (long i = 0; i < opt.work; i++) {
		x *= 6364136223846793005u;
		__asm__ volatile("" : "+r"(x));
	}
	echo_handler(ctx, reason);
}

static struct ixev_ctx *echo_accept(struct ip_tuple *id)
{
	struct conn *c = free_conns;

	if (c)
		free_conns = c->next;
	else
		c = malloc(sizeof(*c));
	if (!c)
		return NULL;
	ixev_ctx_init(&c->ctx);
	ixev_set_handler(&c->ctx, IXEVIN | IXEVHUP, expecting);
	return &c->ctx;
}

static void echo_release(struct ixev_ctx *ctx)
{
	struct conn *c = (struct conn *)ctx;

	c->next = free_conns;
	free_conns = c;
}

static struct ixev_conn_ops echo_ops = {
	.accept = echo_accept,
	.release = echo_release,
};

static void echo_datagram(struct ixev_udp *u, void *data, size_t len,
			  const struct ix_addr *ip, uint16_t port)
{
	ixev_udp_send(u, ip, port, data, len);
	ixev_udp_recv_done(u, data);
}

static int fail(const char *what, int err)
{
	fprintf(stderr, "echo: %s: %s\n", what, strerror(-err));
	return 1;
}

/* All of one elastic thread. Returns the exit status. */
static int serve(void)
{
	struct ixev_udp udp;
	int ret = ixev_init_thread();

	if (ret)
		return fail("cannot attach to an elastic thread", ret);
	if (opt.port)
		ret = ixev_listen(NULL, opt.port, BACKLOG);
	if (ret)
		return fail("cannot listen", ret);
	if (opt.udp)
		ret = ixev_udp_bind(&udp, NULL,
				    opt.port ? opt.port : *ix_domain()->ports,
				    echo_datagram);
	if (ret)
		return fail("cannot bind the UDP port", ret);
	ret = ixev_loop();
	ixev_exit_thread();
	return ret ? fail("the dataplane failed", ret) : 0;
}

static void *serve_thread(void *arg)
{
	return (void *)(intptr_t)serve();
}

static int serve_all(void)
{
	pthread_t others[IX_MAX_THREADS];
	int n = ix_nthreads() - 1, status, i;
	void *ret;

	for (i = 0; i < n; i++) {
		if (pthread_create(&others[i], NULL, serve_thread, NULL))
			return fail("cannot start a thread", -errno);
	}
	status = serve();
	for (i = 0; i < n; i++) {
		pthread_join(others[i], &ret);
		status |= (int)(intptr_t)ret;
	}
	return status;
}

static const char usage[] =
	"usage: ix run [OPTIONS] -- %s [--port N] [--udp] [--size N] "
	"[--work N]\n"
	"Sends back what it receives.\n"
	"  --port N   TCP port (default: what `ix run` was given, else 7)\n"
	"  --udp      UDP on the same port, too\n"
	"  --size N   answer at most N bytes at a time (default: all there "
	"is)\n"
	"  --work N   TCP: as a server that has to think: N multiplications, "
	"about a\n"
	"             nanosecond each, before each answer (default: none)\n"
	"  --help\n";

/* A number from 1 to @max, or -1 with a message. */
static long number(const char *name, const char *s, long max)
{
	char *end;
	long n = strtol(s, &end, 0);

	if (*s && !*end && n >= 1 && n <= max)
		return n;
	fprintf(stderr, "echo: --%s takes a number from 1 to %ld, not '%s'\n",
		name, max, s);
	return -1;
}

static int help(void)
{
	return printf(usage, program_invocation_short_name) < 0 ? 2 : 1;
}

/* 0: go on; else exit with status - 1. */
static int parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "udp", no_argument, NULL, 'u' },
		{ "size", required_argument, NULL, 's' },
		{ "work", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	long n = 0;
	int c;

	while ((c = getopt_long(argc, argv, "p:us:w:h", options, NULL)) >= 0) {
		if (c == 'p')
			opt.port =
				(uint16_t)(n = number("port", optarg, 65535));
		else if (c == 's')
			opt.size =
				(size_t)(n = number("size", optarg, MAX_SIZE));
		else if (c == 'u')
			opt.udp = true;
		else if (c == 'w')
			opt.work = n = number("work", optarg, MAX_WORK);
		else if (c == 'h')
			return help();
		if (c == '?' || n < 0)
			return 3;
	}
	if (optind == argc)
		return 0;
	fprintf(stderr, "echo: unexpected argument '%s'; see --help\n",
		argv[optind]);
	return 3;
}

int main(int argc, char **argv)
{
	int ret = parse(argc, argv);

	if (ret)
		return ret - 1;
	expecting = opt.work ? work_handler : echo_handler;
	ret = ixev_init(&echo_ops);
	if (ret)
		return fail("no dataplane", ret);
	if (!opt.port && !(ix_domain()->ports && *ix_domain()->ports))
		opt.port = 7;
	return serve_all();
}
