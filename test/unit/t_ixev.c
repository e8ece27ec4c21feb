/* SPDX-License-Identifier: MIT */
/* ixev: opening connections, many of them, stopping. */
#include "ixev_fixture.h"

static void listens_and_accepts(void **state)
{
	struct conn *c;

	assert_int_equal(fake_last(f, IX_LISTEN, 0)->port, 7);
	c = open_conn();
	assert_int_equal(c->ctx.handle, 1);
	assert_int_equal(fake_last(f, IX_ACCEPT, 1)->cookie, (uintptr_t)c);
	naccepted = NCONN;
	fake_knock(f, 9);
	ixev_wait();
	ixev_wait();
	assert_int_equal(fake_count(f, IX_REJECT, 9), 1);
}

/* For what is listened on and dialed from then on. */
static void chooses_congestion_control(void **state)
{
	static struct conn c;
	struct ix_addr ip = ix_addr_v4(0x0a000001);

	assert_int_equal(fake_last(f, IX_LISTEN, 0)->cc, IX_CC_DEFAULT);
	assert_int_equal(ixev_set_cc(IX_NR_CC), -EINVAL);
	assert_int_equal(ixev_set_cc(IX_CC_DCTCP), 0);
	assert_int_equal(ixev_listen(NULL, 8, 1), 0);
	assert_int_equal(fake_last(f, IX_LISTEN, 0)->cc, IX_CC_DCTCP);
	assert_int_equal(ixev_set_cc(IX_CC_CUBIC), 0);
	ixev_ctx_init(&c.ctx);
	ixev_dial_addr(&c.ctx, &ip, 9);
	ixev_wait();
	assert_int_equal(fake_last(f, IX_CONNECT, 0)->cc, IX_CC_CUBIC);
	assert_int_equal(ixev_set_cc(IX_CC_DEFAULT), 0);
	assert_int_equal(ixev_listen(NULL, 10, 1), 0);
	assert_int_equal(fake_last(f, IX_LISTEN, 0)->cc, IX_CC_DEFAULT);
}

static void listen_fails(void **state)
{
	ixev_exit_thread();
	f->answer[IX_LISTEN] = -EADDRINUSE;
	assert_int_equal(ixev_init_thread(), -EADDRINUSE);
	f->answer[IX_LISTEN] = 0;
	assert_int_equal(ixev_init_thread(), 0);
	assert_int_equal(ixev_init_thread(), -EBUSY);
}

/* It died before the accept: the handler hears of it. */
static void accept_fails(void **state)
{
	struct conn *c;

	f->answer[IX_ACCEPT] = -EBADF;
	c = open_conn();
	ixev_wait();
	assert_int_equal(c->reasons, IXEVIN | IXEVHUP);
	assert_int_equal(ixev_recv(&c->ctx, &c, 1), -EIO);
	ixev_close(&c->ctx);
	assert_int_equal(c->released, 0);
	ixev_wait();
	assert_int_equal(c->released, 1);
	assert_int_equal(fake_count(f, IX_CLOSE, 0), 0);
}

static void dial(void **state)
{
	struct ip_tuple id = { .dst_ip = 0x0a000009, .dst_port = 99 };
	struct conn *c = &conns[0];
	struct ix_event *ev;

	f->answer[IX_CONNECT] = 1;
	ixev_ctx_init(&c->ctx);
	ixev_dial(&c->ctx, &id);
	assert_int_equal(ixev_send(&c->ctx, "early", 5), 5);
	ixev_wait();
	assert_int_equal(ix_addr_to_v4(&fake_last(f, IX_CONNECT, 0)->ip),
			 id.dst_ip);
	assert_int_equal(fake_count(f, IX_SENDV, 0), 0);
	ev = fake_event(f, IX_EV_CONNECTED, 1, (uintptr_t)c);
	ixev_wait();
	assert_int_equal(c->dialed, 1);
	assert_int_equal(c->dial_ret, 0);
	ixev_wait();
	assert_memory_equal(f->stream[1], "early", 5);

	/* refused by the peer, and before that by the dataplane */
	c = &conns[1];
	f->answer[IX_CONNECT] = 2;
	ixev_ctx_init(&c->ctx);
	ixev_dial(&c->ctx, &id);
	ev = fake_event(f, IX_EV_CONNECTED, 2, (uintptr_t)c);
	ev->error = ECONNREFUSED;
	ixev_wait();
	ixev_wait();
	assert_int_equal(c->dialed, 1);
	assert_int_equal(c->dial_ret, -ECONNREFUSED);
	ixev_close(&c->ctx);
	ixev_wait();
	assert_int_equal(c->released, 1);

	c = &conns[2];
	f->answer[IX_CONNECT] = -ENOBUFS;
	ixev_ctx_init(&c->ctx);
	ixev_dial(&c->ctx, &id);
	ixev_wait();
	ixev_wait();
	assert_int_equal(c->dial_ret, -ENOBUFS);
	assert_int_equal(c->calls, 0);
}

static struct conn *dial_as(uint64_t handle)
{
	struct ip_tuple id = { .dst_ip = 1, .dst_port = 2 };
	struct conn *c = &conns[handle - 1];

	f->answer[IX_CONNECT] = (int64_t)handle;
	ixev_ctx_init(&c->ctx);
	ixev_dial(&c->ctx, &id);
	return c;
}

static void connected(struct conn *c, int error)
{
	fake_event(f, IX_EV_CONNECTED, handle_of(c), (uintptr_t)c)->error =
		(uint32_t)error;
	ixev_wait();
}

/* Closed before it is open, in the same batch or later: taken back before the
 * crossing waits, and nobody hears of it. */
static void dial_and_close(void **state)
{
	struct conn *c = dial_as(1);

	ixev_close(&c->ctx);
	ixev_wait();
	assert_int_equal(fake_count(f, IX_CLOSE, 1), 1);
	assert_int_equal(fake_last(f, IX_CLOSE, 1)->how, IX_CLOSE_ALL);
	assert_int_equal(f->flushes, 2);
	connected(c, ECANCELED);
	assert_int_equal(c->released, 0);
	ixev_wait();
	assert_int_equal(c->released, 1);

	/* the peer was faster */
	c = dial_as(2);
	ixev_wait();
	ixev_close(&c->ctx);
	connected(c, 0);
	ixev_wait();
	assert_int_equal(fake_count(f, IX_CLOSE, 2), 1);
	assert_int_equal(c->released, 0);
	fake_dead(f, 2, c, 0);
	ixev_wait();
	ixev_wait();
	assert_int_equal(c->released, 1);

	/* it had failed */
	c = dial_as(3);
	ixev_wait();
	f->answer[IX_CLOSE] = -EBADF;
	ixev_close(&c->ctx);
	connected(c, ECONNREFUSED);
	ixev_wait();
	assert_int_equal(c->released, 1);
	assert_int_equal(conns[0].dialed + conns[1].dialed + c->dialed, 0);
	assert_int_equal(fake_count(f, IX_ABORT, 0), 0);
}

/* What was accepted is sent, so that it is not taken back. */
static void dial_send_and_close(void **state)
{
	struct conn *c = dial_as(1);

	ixev_send(&c->ctx, "early", 5);
	ixev_close(&c->ctx);
	ixev_wait();
	assert_int_equal(fake_count(f, IX_CLOSE, 1), 0);
	connected(c, 0);
	ixev_wait();
	assert_memory_equal(f->stream[1], "early", 5);
	assert_int_equal(fake_count(f, IX_CLOSE, 1), 1);
	fake_dead(f, 1, c, 0);
	ixev_wait();
	ixev_wait();
	assert_int_equal(c->released, 1);
	assert_int_equal(c->dialed, 0);
}

static void dial_and_abort(void **state)
{
	struct conn *c = dial_as(1);

	ixev_send(&c->ctx, "early", 5);
	ixev_abort(&c->ctx);
	ixev_wait(); /* released before it waits */
	assert_int_equal(fake_count(f, IX_ABORT, 1), 1);
	assert_int_equal(c->released, 1);
	assert_int_equal(c->dialed, 0);

	/* closed, and then in a hurry: it has ended by then */
	c = dial_as(2);
	ixev_close(&c->ctx);
	ixev_wait();
	f->answer[IX_ABORT] = -EBADF;
	ixev_abort(&c->ctx);
	ixev_wait();
	assert_int_equal(c->released, 0);
	connected(c, ECANCELED);
	ixev_wait();
	assert_int_equal(c->released, 1);

	/* there was no connection to take back */
	c = dial_as(3);
	f->answer[IX_CONNECT] = -ENOBUFS;
	ixev_abort(&c->ctx);
	ixev_wait();
	assert_int_equal(c->released, 1);
	assert_int_equal(fake_count(f, IX_ABORT, 3), 0);
}

/* More calls than a batch holds; all streams right. */
static void many_connections(void **state)
{
	uint32_t flushes;
	int i, k;

	on_event = echo;
	for (i = 0; i < NCONN; i++)
		fake_knock(f, (uint64_t)i + 1);
	ixev_wait();
	for (k = 0; k < 3; k++) {
		for (i = 0; i < NCONN; i++)
			recv_data(&conns[i], k ? "second" : "first,");
		ixev_wait();
	}
	ixev_wait();
	for (i = 0; i < NCONN; i++)
		assert_memory_equal(f->stream[i + 1], "first,second", 12);
	/* each with 40 ranges: the lists overflow, too */
	flushes = f->flushes;
	for (i = 0; i < NCONN; i++) {
		for (k = 0; k < 40; k++)
			ixev_send_zc(&conns[i].ctx, f->arena + 2 * k, 1);
	}
	ixev_wait();
	assert_true(f->flushes > flushes);
	for (i = 0; i < NCONN; i++)
		assert_int_equal(f->taken[i + 1], 18 + 40);
	for (i = 0; i < NCONN; i++)
		ixev_abort(&conns[i].ctx);
	ixev_wait();
	for (i = 0; i < NCONN; i++)
		assert_int_equal(conns[i].released, 1);
}

/* A handler that runs during the push sends on a connection whose SENDV is
 * in the batch already: no second SENDV before the first has its result. */
static void send_to_first(struct conn *c, unsigned int reason)
{
	if (c == &conns[1])
		ixev_send(&conns[0].ctx, "two", 3);
}

static void send_during_push(void **state)
{
	struct conn *a = open_conn(), *b = open_conn();

	ixev_set_handler(&b->ctx, 0, conn_handler);
	recv_data(b, "x");
	ixev_wait();
	on_event = send_to_first;
	f->room = 2;
	ixev_send(&a->ctx, "one", 3);
	ixev_set_handler(&b->ctx, IXEVIN, conn_handler);
	ixev_wait();
	assert_int_equal(fake_count(f, IX_SENDV, 1), 1);
	f->room = 100;
	fake_sent(f, 1, a, 2, 100);
	ixev_wait();
	ixev_wait();
	assert_memory_equal(f->stream[1], "onetwo", 6);
}

static void dataplane_ends(void **state)
{
	struct conn *c = open_conn();

	f->run_io_error = -ESHUTDOWN;
	ixev_send(&c->ctx, "x", 1);
	assert_int_equal(ixev_loop(), 0);
	assert_true(ixev_stopped());
	f->run_io_error = 0;
}

/* Who begins then has not failed. */
static void dataplane_ends_at_once(void **state)
{
	struct ixev_udp u;

	f->run_io_error = -ESHUTDOWN;
	assert_int_equal(ixev_listen(NULL, 8, 1), 0);
	assert_true(ixev_stopped());
	assert_int_equal(ixev_udp_bind(&u, NULL, 8, NULL), 0);
	assert_int_equal(ixev_loop(), 0);
	f->run_io_error = 0;
}

static void dataplane_fails(void **state)
{
	f->run_io_error = -ENETDOWN;
	assert_int_equal(ixev_listen(NULL, 8, 1), -ENETDOWN);
	assert_int_equal(ixev_loop(), -ENETDOWN);
	f->run_io_error = 0;
}

static void stop_it(struct conn *c, unsigned int reason)
{
	ixev_send(&c->ctx, "bye", 3);
	ixev_close(&c->ctx);
	ixev_loop_stop();
}

static void loop_stops(void **state)
{
	struct conn *c = open_conn();

	on_event = stop_it;
	recv_data(c, "x");
	assert_int_equal(ixev_loop(), 0);
	assert_memory_equal(f->stream[1], "bye", 3);
	assert_int_equal(fake_count(f, IX_CLOSE, 1), 1);
}

static void stop_in_release(struct conn *c)
{
	ixev_loop_stop();
}

/* No crossing that waits after the release said stop. */
static void loop_stops_in_release(void **state)
{
	struct conn *c = open_conn();
	uint32_t crossings = f->crossings;

	on_release = stop_in_release;
	ixev_abort(&c->ctx);
	assert_int_equal(ixev_loop(), 0);
	assert_int_equal(f->crossings, crossings);
	assert_int_equal(c->released, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(listens_and_accepts),
		T(listen_fails),
		T(chooses_congestion_control),
		T(accept_fails),
		T(dial),
		T(dial_and_close),
		T(dial_send_and_close),
		T(dial_and_abort),
		T(many_connections),
		T(send_during_push),
		T(dataplane_ends),
		T(dataplane_ends_at_once),
		T(dataplane_fails),
		T(loop_stops),
		T(loop_stops_in_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
