/* SPDX-License-Identifier: MIT */
/*
 * pingpong over ixev. Both ends are the same machine: collect a message in a
 * buffer of the arena, then send it in place; the client begins with sending
 * and counts. Overwriting the buffer is safe: the peer answers a message only
 * when it has all of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ix/ix.h"
#include "ix/ixev.h"
#include "ix/mempool.h"
#include "pingpong.h"

enum { COPY_MAX = 1024, CONNS = 16 }; /* smaller messages are copied */

struct conn {
	struct ixev_ctx ctx;
	struct pp_header header;
	uint32_t header_got; /* server: bytes of the header */
	uint32_t got;	     /* bytes of the message received */
	uint32_t to_send;    /* bytes of it yet to be sent */
	uint32_t left;	     /* messages yet to come */
	char buf[PP_MAX_SIZE];
};

static struct {
	const struct pp_options *o;
	struct mempool_datastore store;
	struct mempool pool;
	int status;
	/* client */
	uint32_t series, done;
	uint64_t begin;
	uint64_t *rtt;
} pp;

static void stop(struct conn *c, int status)
{
	pp.status = status;
	ixev_close(&c->ctx);
}

/* As much of the message as goes now; IXEVOUT brings us back. */
static void send_rest(struct conn *c)
{
	char *from = c->buf + c->header.size - c->to_send;
	ssize_t n = c->header.size <= COPY_MAX
			    ? ixev_send(&c->ctx, from, c->to_send)
			    : ixev_send_zc(&c->ctx, from, c->to_send);

	if (n > 0)
		c->to_send -= (uint32_t)n;
}

static void send_message(struct conn *c)
{
	c->to_send = c->header.size;
	c->got = 0;
	send_rest(c);
}

/* Client: announces the next series and sends its first message. */
static void next_series(struct conn *c)
{
	uint32_t size, n;

	if (pp.series == pp.o->nsizes) {
		stop(c, 0);
		return;
	}
	size = pp.o->sizes[pp.series++];
	n = pp_iters(pp.o, size);
	pp.rtt = malloc(n * sizeof(*pp.rtt));
	if (!pp.rtt) {
		stop(c, 1);
		return;
	}
	pp.done = 0;
	c->header = (struct pp_header){ .magic = PP_MAGIC,
					.size = size,
					.iters = n + PP_WARMUP };
	c->left = c->header.iters;
	ixev_send(&c->ctx, &c->header, sizeof(c->header));
	pp.begin = pp_now();
	send_message(c);
}

static void client_got(struct conn *c)
{
	uint64_t now = pp_now();

	if (pp.done++ >= PP_WARMUP)
		pp.rtt[pp.done - 1 - PP_WARMUP] = now - pp.begin;
	if (--c->left) {
		pp.begin = now;
		send_message(c);
		return;
	}
	pp_report(pp.o, c->header.size, pp.rtt, pp.done - PP_WARMUP);
	free(pp.rtt);
	pp.rtt = NULL;
	next_series(c);
}

static void server_got(struct conn *c)
{
	send_message(c);
	if (!--c->left)
		c->header_got = 0;
}

/* Server: the header. False: more is needed. */
static bool read_header(struct conn *c)
{
	ssize_t n = ixev_recv(&c->ctx, (char *)&c->header + c->header_got,
			      sizeof(c->header) - c->header_got);

	if (n > 0)
		c->header_got += (uint32_t)n;
	if (c->header_got < sizeof(c->header))
		return false;
	if (c->header.magic != PP_MAGIC || !c->header.size ||
	    c->header.size > PP_MAX_SIZE || !c->header.iters) {
		ixev_abort(&c->ctx);
		return false;
	}
	c->left = c->header.iters;
	c->got = 0;
	return true;
}

/* False: nothing more to read now. */
static bool read_message(struct conn *c)
{
	ssize_t n =
		ixev_recv(&c->ctx, c->buf + c->got, c->header.size - c->got);

	if (n <= 0)
		return false;
	c->got += (uint32_t)n;
	if (c->got < c->header.size)
		return true;
	if (pp.o->server)
		server_got(c);
	else
		client_got(c);
	return true;
}

static void handler(struct ixev_ctx *ctx, unsigned int reason)
{
	struct conn *c = (struct conn *)ctx;

	if (c->to_send)
		send_rest(c);
	while (!c->to_send) {
		if (pp.o->server && !c->left && !read_header(c))
			break;
		if (!read_message(c))
			break;
	}
	if (reason & IXEVHUP) {
		if (!pp.o->server)
			fprintf(stderr, "pingpong: connection lost: %s\n",
				strerror(ixev_error(ctx)));
		stop(c, pp.o->server ? 0 : 1);
	}
}

static struct conn *conn_new(void)
{
	struct conn *c = mempool_alloc(&pp.pool);

	if (!c)
		return NULL;
	ixev_ctx_init(&c->ctx);
	c->header_got = c->got = c->to_send = c->left = 0;
	ixev_set_handler(&c->ctx, IXEVIN | IXEVOUT | IXEVHUP, handler);
	return c;
}

static struct ixev_ctx *on_accept(struct ip_tuple *id)
{
	struct conn *c = pp.o->server ? conn_new() : NULL;

	return c ? &c->ctx : NULL;
}

static void on_release(struct ixev_ctx *ctx)
{
	mempool_free(&pp.pool, ctx);
	if (!pp.o->server)
		ixev_loop_stop();
}

static void on_dialed(struct ixev_ctx *ctx, long ret)
{
	struct conn *c = (struct conn *)ctx;

	if (ret) {
		fprintf(stderr, "pingpong: cannot connect to %s: %s\n",
			pp.o->host, strerror((int)-ret));
		stop(c, 1);
		return;
	}
	next_series(c);
}

static struct ixev_conn_ops ops = {
	.accept = on_accept,
	.release = on_release,
	.dialed = on_dialed,
};

static int fail(const char *what, int err)
{
	fprintf(stderr, "pingpong: %s: %s\n", what, strerror(-err));
	return 1;
}

static int start_client(void)
{
	struct conn *c = conn_new();
	struct ix_addr ip;

	if (!c)
		return fail("no connection", -ENOMEM);
	if (ix_addr_parse(&ip, pp.o->host)) {
		fprintf(stderr, "pingpong: '%s' is no address\n", pp.o->host);
		return 2;
	}
	ixev_dial_addr(&c->ctx, &ip, pp.o->port);
	return 0;
}

int pp_run_ix(const struct pp_options *o)
{
	int ret;

	pp.o = o;
	ret = ixev_init(&ops);
	if (!ret)
		ret = ixev_init_thread();
	if (ret)
		return fail("no dataplane", ret);
	ixev_set_send_limit(2 * PP_MAX_SIZE);
	ret = mempool_create_datastore(&pp.store, CONNS, sizeof(struct conn), 0,
				       1, "pingpong");
	if (!ret)
		ret = mempool_create(&pp.pool, &pp.store);
	if (ret)
		return fail("no memory in the arena", ret);
	ret = o->server ? ixev_listen(NULL, o->port, CONNS) : start_client();
	if (ret)
		return ret < 0 ? fail("cannot listen", ret) : ret;
	ret = ixev_loop();
	ixev_exit_thread();
	return ret ? fail("the dataplane failed", ret) : pp.status;
}
