/* SPDX-License-Identifier: MIT */
/* See ixev_fixture.h. */
#include "ixev_fixture.h"

struct fake *f;
struct conn conns[NCONN];
int naccepted;
void (*on_event)(struct conn *c, unsigned int reason);
void (*on_release)(struct conn *c);

void conn_handler(struct ixev_ctx *ctx, unsigned int reason)
{
	struct conn *c = (struct conn *)ctx;

	c->reasons |= reason;
	c->calls++;
	if (on_event)
		on_event(c, reason);
}

static struct ixev_ctx *accept_conn(struct ip_tuple *id)
{
	struct conn *c = &conns[naccepted];

	assert_int_equal(id->src_ip, 0x0a000002);
	assert_int_equal(id->dst_port, 7);
	if (naccepted == NCONN)
		return NULL;
	naccepted++;
	memset(c, 0, sizeof(*c));
	ixev_ctx_init(&c->ctx);
	ixev_set_handler(&c->ctx, IXEVIN, conn_handler);
	return &c->ctx;
}

static void release_conn(struct ixev_ctx *ctx)
{
	struct conn *c = (struct conn *)ctx;

	c->released++;
	if (on_release)
		on_release(c);
}

static void dialed_conn(struct ixev_ctx *ctx, long ret)
{
	struct conn *c = (struct conn *)ctx;

	c->dialed++;
	c->dial_ret = ret;
}

static struct ixev_conn_ops ops = {
	.accept = accept_conn,
	.release = release_conn,
	.dialed = dialed_conn,
};

int ixev_setup(void **state)
{
	f = fake_open(1);
	naccepted = 0;
	on_event = NULL;
	on_release = NULL;
	memset(conns, 0, sizeof(conns));
	ixev_set_send_limit(256 * 1024);
	assert_int_equal(ixev_init(&ops), 0);
	assert_int_equal(ixev_init_thread(), 0);
	return 0;
}

int ixev_teardown(void **state)
{
	assert_true(f->in_order);
	ixev_exit_thread();
	assert_int_equal(fake_close(f), 0);
	return 0;
}

struct conn *open_conn(void)
{
	int i = naccepted;

	fake_knock(f, (uint64_t)i + 1);
	ixev_wait();
	ixev_wait();
	return &conns[i];
}

uint64_t handle_of(const struct conn *c)
{
	return (uint64_t)(c - conns) + 1;
}

void recv_data(struct conn *c, const char *s)
{
	fake_recv(f, handle_of(c), c, s, (uint32_t)strlen(s));
}

void echo(struct conn *c, unsigned int reason)
{
	size_t n;
	const void *p = ixev_recv_peek(&c->ctx, &n);

	if (p)
		assert_int_equal(
			ixev_send(&c->ctx, ixev_recv_zc(&c->ctx, n), n), n);
}
