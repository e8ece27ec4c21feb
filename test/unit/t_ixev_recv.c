/* SPDX-License-Identifier: MIT */
/* ixev: receiving, end of stream, masked events. */
#include "ixev_fixture.h"

static void receives(void **state)
{
	struct conn *c = open_conn();
	char buf[16];
	size_t n;

	recv_data(c, "hello");
	recv_data(c, "world!");
	ixev_wait();
	assert_int_equal(c->calls, 2);
	assert_int_equal(c->reasons, IXEVIN);
	assert_null(ixev_recv_zc(&c->ctx, 6)); /* not in one piece */
	assert_memory_equal(ixev_recv_peek(&c->ctx, &n), "hello", 5);
	assert_int_equal(n, 5);
	assert_memory_equal(ixev_recv_zc(&c->ctx, 3), "hel", 3);
	assert_int_equal(ixev_recv(&c->ctx, buf, 4), 4);
	assert_memory_equal(buf, "lowo", 4);
	ixev_wait();
	assert_int_equal(fake_count(f, IX_RECV_DONE, 1), 1); /* coalesced */
	assert_int_equal(fake_last(f, IX_RECV_DONE, 1)->bytes, 7);
	assert_int_equal(ixev_recv(&c->ctx, buf, 16), 4);
	assert_memory_equal(buf, "rld!", 4);
	assert_int_equal(ixev_recv(&c->ctx, buf, 16), -EAGAIN);
	assert_null(ixev_recv_peek(&c->ctx, &n));
	assert_null(ixev_recv_zc(&c->ctx, 0));
	ixev_wait();
	assert_int_equal(f->rx_out[1], 0);
}

/* Many small ranges unread: nothing is lost and nothing exits. */
static void many_ranges(void **state)
{
	struct conn *c = open_conn();
	char buf[8000];
	int i;

	for (i = 0; i < 1500; i++) {
		buf[0] = (char)i;
		fake_recv(f, 1, c, buf, 1);
		if (f->nevents == 700)
			ixev_wait();
	}
	ixev_wait();
	assert_int_equal(ixev_recv(&c->ctx, buf, sizeof(buf)), 1500);
	for (i = 0; i < 1500; i++)
		assert_int_equal(buf[i], (char)i);
	ixev_wait();
	assert_int_equal(fake_last(f, IX_RECV_DONE, 1)->bytes, 1500);
}

static void fin(void **state)
{
	struct conn *c = open_conn();
	char buf[8];

	recv_data(c, "bye");
	fake_recv(f, 1, c, NULL, 0);
	ixev_wait();
	ixev_wait();
	assert_int_equal(c->reasons, IXEVIN | IXEVHUP);
	assert_int_equal(ixev_recv(&c->ctx, buf, 2), 2);
	assert_int_equal(ixev_recv(&c->ctx, buf, 8), 1);
	assert_int_equal(ixev_recv(&c->ctx, buf, 8), 0);
	assert_int_equal(ixev_send(&c->ctx, "still", 5), 5);
	ixev_close(&c->ctx);
	ixev_wait();
	assert_memory_equal(f->stream[1], "still", 5);
	assert_int_equal(fake_last(f, IX_CLOSE, 1)->how, IX_CLOSE_ALL);
	fake_dead(f, 1, c, 0);
	ixev_wait();
	assert_int_equal(c->released, 0);
	ixev_wait();
	assert_int_equal(c->released, 1);
}

/* Closed both ways by half-closes while data is unread: it stays readable. */
static void salvage(void **state)
{
	struct conn *c = open_conn();
	char buf[16];

	assert_int_equal(ixev_shutdown_write(&c->ctx), 0);
	assert_int_equal(ixev_send(&c->ctx, "x", 1), -EIO);
	recv_data(c, "last ");
	recv_data(c, "words");
	fake_recv(f, 1, c, NULL, 0);
	fake_dead(f, 1, c, 0);
	ixev_wait();
	assert_int_equal(fake_last(f, IX_CLOSE, 1)->how, IX_CLOSE_WRITE);
	memset(f->rx, 0, FAKE_RX);
	ixev_wait();
	assert_int_equal(ixev_recv(&c->ctx, buf, 3), 3);
	assert_memory_equal(ixev_recv_zc(&c->ctx, 7), "t words", 7);
	assert_int_equal(ixev_recv(&c->ctx, buf, 3), 0);
	assert_int_equal(fake_count(f, IX_RECV_DONE, 1), 0);
	ixev_close(&c->ctx);
	ixev_wait();
	assert_int_equal(c->released, 1);
}

/* Masked events come when the handler asks for them. */
static void masked(void **state)
{
	struct conn *c = open_conn();
	char buf[4];

	ixev_set_handler(&c->ctx, IXEVOUT, conn_handler);
	recv_data(c, "data");
	ixev_wait();
	assert_int_equal(c->calls, 0);
	ixev_set_handler(&c->ctx, IXEVIN, conn_handler);
	assert_int_equal(c->calls, 0); /* not from inside */
	ixev_wait();
	assert_int_equal(c->calls, 1);
	/* told, but unread: asking anew tells again */
	ixev_set_handler(&c->ctx, IXEVIN, conn_handler);
	ixev_wait();
	assert_int_equal(c->calls, 1);
	ixev_set_handler(&c->ctx, 0, conn_handler);
	ixev_set_handler(&c->ctx, IXEVIN, conn_handler);
	ixev_wait();
	assert_int_equal(c->calls, 2);
	/* read meanwhile: no call without a reason */
	ixev_set_handler(&c->ctx, 0, conn_handler);
	ixev_set_handler(&c->ctx, IXEVIN, conn_handler);
	assert_int_equal(ixev_recv(&c->ctx, buf, 4), 4);
	ixev_wait();
	assert_int_equal(c->calls, 2);
	/* the end, too */
	ixev_set_handler(&c->ctx, 0, conn_handler);
	fake_recv(f, 1, c, NULL, 0);
	ixev_wait();
	ixev_wait();
	assert_int_equal(c->calls, 2);
	ixev_set_handler(&c->ctx, IXEVHUP, conn_handler);
	ixev_wait();
	assert_int_equal(c->calls, 3);
	assert_int_equal(c->reasons, IXEVIN | IXEVHUP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(receives), T(many_ranges), T(fin), T(salvage), T(masked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
