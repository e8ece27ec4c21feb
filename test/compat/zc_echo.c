/* SPDX-License-Identifier: MIT */
/*
 * An echo server over ixev whose answers are sent in place from <buf.h>, and
 * which, as programs for the original did, takes it for granted that
 * ixev_recv() answers bytes, -EAGAIN or -EIO.
 */
#include <assert.h>
#include <errno.h>

#include <ixev.h>
#include <buf.h>
#include <ix/list.h>

struct conn {
	struct ixev_ctx ctx;
	struct list_node node;
	struct ixev_buf *out; /* not yet wholly accepted, or NULL */
	size_t done;
};

static LIST_HEAD(conns);

static void handler(struct ixev_ctx *ctx, unsigned int reason);

/* 0, -EAGAIN, -EIO */
static ssize_t send_out(struct conn *c)
{
	struct ixev_buf *b = c->out;
	ssize_t n;

	while (b && c->done < b->len) {
		n = ixev_send_zc(&c->ctx, b->payload + c->done,
				 b->len - c->done);
		if (n < 0)
			return n;
		c->done += (size_t)n;
	}
	if (b)
		ixev_add_sent_cb(&c->ctx, &b->ref);
	c->out = NULL;
	return 0;
}

/* The same, after reading what fits a buffer. */
static ssize_t echo(struct conn *c)
{
	static char data[BUF_SIZE];
	ssize_t n = ixev_recv(&c->ctx, data, sizeof(data));

	if (n == -EAGAIN || n == -EIO)
		return n;
	assert(n > 0);
	c->out = ixev_buf_alloc();
	assert(c->out && !c->out->len);
	n = (ssize_t)ixev_buf_store(c->out, data, (size_t)n);
	assert(ixev_is_buf_full(c->out) == (n == BUF_SIZE));
	assert(!ixev_is_buf_full(c->out) || !ixev_buf_store(c->out, data, 1));
	c->done = 0;
	return send_out(c);
}

static void handler(struct ixev_ctx *ctx, unsigned int reason)
{
	struct conn *c = container_of(ctx, struct conn, ctx);
	ssize_t ret = send_out(c);

	while (!ret)
		ret = echo(c);
	if (ret == -EAGAIN) {
		ixev_set_handler(ctx, c->out ? IXEVOUT : IXEVIN, &handler);
		return;
	}
	if (c->out)
		ixev_buf_release(&c->out->ref);
	list_del(&c->node);
	ixev_close(ctx);
}

static struct ixev_ctx *on_accept(struct ip_tuple *id)
{
	struct conn *c = malloc(sizeof(*c));

	assert(c);
	c->out = NULL;
	ixev_ctx_init(&c->ctx);
	ixev_set_handler(&c->ctx, IXEVIN, &handler);
	list_add(&conns, &c->node);
	return &c->ctx;
}

static void on_release(struct ixev_ctx *ctx)
{
	free(container_of(ctx, struct conn, ctx));
}

static struct ixev_conn_ops ops = {
	.accept = &on_accept,
	.release = &on_release,
};

int main(void)
{
	if (ixev_init(&ops) || ixev_init_thread()) {
		fprintf(stderr, "cannot init ixev\n");
		return 1;
	}
	while (1)
		ixev_wait();
}
