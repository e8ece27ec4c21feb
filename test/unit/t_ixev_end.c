/* SPDX-License-Identifier: MIT */
/* ixev: closing, aborting, dying. */
#include "ixev_fixture.h"

static int ref_called;

static void ref_cb(struct ixev_ref *r)
{
	ref_called++;
}

/* The FIN comes after all that was accepted, however little SENDV takes. */
static void close_with_queue(void **state)
{
	struct conn *c = open_conn();

	f->room = 4;
	ixev_send(&c->ctx, "0123456789", 10);
	ixev_close(&c->ctx);
	ixev_close(&c->ctx);
	assert_int_equal(ixev_send(&c->ctx, "x", 1), -EIO);
	ixev_wait();
	assert_int_equal(fake_count(f, IX_CLOSE, 1), 0);
	f->room = 4;
	fake_sent(f, 1, c, 4, 4);
	ixev_wait();
	ixev_wait();
	assert_int_equal(fake_count(f, IX_CLOSE, 1), 0);
	f->room = 4;
	fake_sent(f, 1, c, 4, 4);
	recv_data(c, "late"); /* refused, but given back */
	ixev_wait();
	ixev_wait();
	assert_int_equal(fake_count(f, IX_CLOSE, 1), 1);
	assert_memory_equal(f->stream[1], "0123456789", 10);
	assert_int_equal(f->rx_out[1], 0);
	assert_int_equal(c->calls, 0);
	fake_dead(f, 1, c, 0);
	ixev_wait();
	ixev_wait();
	assert_int_equal(c->released, 1);
}

/* Send and close in one handler: both are out before the crossing waits. */
static void close_at_once(void **state)
{
	struct conn *c = open_conn();
	uint32_t crossings = f->crossings;

	recv_data(c, "unread");
	ixev_wait();
	ixev_send(&c->ctx, "answer", 6);
	ixev_close(&c->ctx);
	ixev_wait();
	assert_int_equal(f->crossings, crossings + 2);
	assert_memory_equal(f->stream[1], "answer", 6);
	assert_int_equal(fake_count(f, IX_CLOSE, 1), 1);
	assert_int_equal(f->rx_out[1], 0);
}

static void half_close(void **state)
{
	struct conn *c = open_conn();
	char buf[8];

	ixev_send(&c->ctx, "request", 7);
	assert_int_equal(ixev_shutdown_write(&c->ctx), 0);
	assert_int_equal(ixev_shutdown_write(&c->ctx), 0);
	ixev_wait();
	assert_int_equal(fake_count(f, IX_CLOSE, 1), 1);
	assert_int_equal(fake_last(f, IX_CLOSE, 1)->how, IX_CLOSE_WRITE);
	recv_data(c, "answer");
	ixev_wait();
	assert_int_equal(ixev_recv(&c->ctx, buf, 8), 6);
	ixev_close(&c->ctx);
	ixev_wait();
	assert_int_equal(fake_count(f, IX_CLOSE, 1), 2);
	assert_int_equal(fake_last(f, IX_CLOSE, 1)->how, IX_CLOSE_ALL);
}

static void abort_conn(void **state)
{
	struct ixev_ref r = { .cb = ref_cb };
	struct conn *c = open_conn();
	uint32_t crossings = f->crossings;

	f->room = 1;
	ixev_send(&c->ctx, "lost", 4);
	ixev_add_sent_cb(&c->ctx, &r);
	ixev_abort(&c->ctx);
	ixev_abort(&c->ctx);
	assert_int_equal(c->released, 0);
	ixev_wait(); /* released before it waits */
	assert_int_equal(c->released, 1);
	assert_int_equal(ref_called, 1);
	assert_int_equal(f->crossings, crossings + 1);
	assert_int_equal(fake_count(f, IX_ABORT, 1), 1);
	assert_int_equal(fake_count(f, IX_SENDV, 1), 0);
}

/* It died on its own between the handler and the call: one release. */
static void abort_of_dead(void **state)
{
	struct conn *c = open_conn();

	f->answer[IX_ABORT] = -EBADF;
	ixev_abort(&c->ctx);
	ixev_wait();
	assert_int_equal(c->released, 0);
	fake_dead(f, 1, c, ECONNRESET);
	ixev_wait();
	ixev_wait();
	assert_int_equal(c->released, 1);
}

static void close_of_dead(void **state)
{
	struct conn *c = open_conn();

	f->answer[IX_CLOSE] = -EBADF;
	f->answer[IX_SENDV] = -EBADF;
	ixev_send(&c->ctx, "x", 1);
	ixev_close(&c->ctx);
	ixev_wait();
	fake_dead(f, 1, c, ETIMEDOUT);
	ixev_wait();
	ixev_wait();
	assert_int_equal(c->released, 1);
}

static void reset_with_data(void **state)
{
	struct conn *c = open_conn();
	char buf[8];

	ixev_set_handler(&c->ctx, IXEVIN | IXEVHUP, conn_handler);
	recv_data(c, "data");
	fake_dead(f, 1, c, ECONNRESET);
	ixev_wait();
	assert_int_equal(c->reasons, IXEVIN);
	ixev_wait();
	assert_int_equal(c->reasons, IXEVIN | IXEVHUP);
	assert_int_equal(ixev_recv(&c->ctx, buf, 8), -EIO);
	ixev_close(&c->ctx);
	ixev_wait();
	assert_int_equal(c->released, 1);
	assert_int_equal(fake_count(f, IX_RECV_DONE, 1), 0);
}

/* Abort the neighbour, whose events come later in the same array. */
static void abort_other(struct conn *c, unsigned int reason)
{
	if (c == &conns[0])
		ixev_abort(&conns[1].ctx);
}

static void abort_neighbour(void **state)
{
	struct conn *a = open_conn(), *b = open_conn();

	on_event = abort_other;
	recv_data(a, "a");
	recv_data(b, "b");
	fake_sent(f, 2, b, 0, 5);
	ixev_wait();
	assert_int_equal(b->calls, 0);
	ixev_wait();
	assert_int_equal(b->released, 1);
	assert_int_equal(a->released, 0);
}

/* The release callback may dial with the same context. */
static void redial(struct conn *c)
{
	struct ip_tuple id = { .dst_ip = 1, .dst_port = 2 };

	ixev_ctx_init(&c->ctx);
	ixev_dial(&c->ctx, &id);
}

static void dial_in_release(void **state)
{
	struct conn *c = open_conn();

	on_release = redial;
	ixev_abort(&c->ctx);
	ixev_wait();
	assert_int_equal(c->released, 1);
	assert_int_equal(fake_count(f, IX_CONNECT, 0), 1);
	fake_event(f, IX_EV_CONNECTED, 5, (uintptr_t)c);
	ixev_wait();
	assert_int_equal(c->dialed, 1);
}

static void close_unused(void **state)
{
	struct conn *c = &conns[0];

	ixev_ctx_init(&c->ctx);
	assert_int_equal(ixev_send(&c->ctx, "x", 1), -EIO);
	assert_int_equal(ixev_send_zc(&c->ctx, f->arena, 1), -EIO);
	assert_int_equal(ixev_recv(&c->ctx, &c, 1), -EAGAIN);
	ixev_close(&c->ctx);
	ixev_wait();
	assert_int_equal(c->released, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(close_with_queue), T(close_at_once),	 T(half_close),
		T(abort_conn),	     T(abort_of_dead),	 T(close_of_dead),
		T(reset_with_data),  T(abort_neighbour), T(dial_in_release),
		T(close_unused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
