/* SPDX-License-Identifier: MIT */
/*
 * A TCP proxy: proxy ADDRESS PORT. For each connection that comes one goes
 * out, and bytes pass both ways. What one side does not take stays unread on
 * the other: its window closes, and no memory fills.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <ix/ix.h>
#include <ix/ixev.h>

struct side {
	struct ixev_ctx ctx; /* first: it is what the handlers get */
	struct pair *pair;
	struct side *other;
	bool ended; /* has sent its FIN, which was passed on */
};

struct pair {
	struct side client, server;
	bool over;
	int held; /* contexts that ixev has */
};

static struct ix_addr upstream;
static uint16_t upstream_port;

static void finish(struct pair *p, void (*how)(struct ixev_ctx *ctx))
{
	if (p->over)
		return;
	p->over = true;
	how(&p->client.ctx);
	how(&p->server.ctx);
}

/* What @from has received, to the other side. */
static void pass(struct side *from)
{
	const void *data;
	ssize_t n;
	size_t len;

	while ((data = ixev_recv_peek(&from->ctx, &len))) {
		n = ixev_send(&from->other->ctx, data, len);
		if (n == -EAGAIN)
			return;
		if (n < 0)
			break;
		ixev_recv_zc(&from->ctx, (size_t)n);
	}
	n = ixev_recv(&from->ctx, &len, 1);
	if (n == -EAGAIN || from->ended)
		return;
	if (n || ixev_shutdown_write(&from->other->ctx)) {
		finish(from->pair, ixev_abort);
		return;
	}
	from->ended = true;
	if (from->other->ended)
		finish(from->pair, ixev_close);
}

static void on_event(struct ixev_ctx *ctx, unsigned int reason)
{
	struct side *s = (struct side *)ctx;

	if (reason & (IXEVIN | IXEVHUP))
		pass(s);
	if (reason & IXEVOUT && !s->pair->over)
		pass(s->other);
	if (ixev_error(ctx))
		finish(s->pair, ixev_abort);
}

static void add_side(struct side *s, struct pair *p, struct side *other)
{
	s->pair = p;
	s->other = other;
	p->held++;
	ixev_ctx_init(&s->ctx);
	ixev_set_handler(&s->ctx, IXEVIN | IXEVOUT | IXEVHUP, on_event);
}

static struct ixev_ctx *on_accept(struct ip_tuple *id)
{
	struct pair *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	add_side(&p->client, p, &p->server);
	add_side(&p->server, p, &p->client);
	ixev_dial_addr(&p->server.ctx, &upstream, upstream_port);
	return &p->client.ctx;
}

static void on_dialed(struct ixev_ctx *ctx, long ret)
{
	if (ret)
		finish(((struct side *)ctx)->pair, ixev_abort);
}

static void on_release(struct ixev_ctx *ctx)
{
	struct pair *p = ((struct side *)ctx)->pair;

	if (!--p->held)
		free(p);
}

int main(int argc, char **argv)
{
	static struct ixev_conn_ops ops = { .accept = on_accept,
					    .dialed = on_dialed,
					    .release = on_release };

	if (argc != 3 || ix_addr_parse(&upstream, argv[1])) {
		fprintf(stderr, "usage: ix run ... -- proxy ADDRESS PORT\n");
		return 2;
	}
	upstream_port = (uint16_t)atoi(argv[2]);
	return ixev_init(&ops) || ixev_init_thread() || ixev_loop();
}
