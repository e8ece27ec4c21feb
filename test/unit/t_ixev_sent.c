/* SPDX-License-Identifier: MIT */
/* ixev: callbacks at their position, transmit buffers, errors. */
#include "ixev_fixture.h"

struct ref {
	struct ixev_ref ref;
	int called;
};

static int ref_order;

static void ref_cb(struct ixev_ref *r)
{
	((struct ref *)r)->called = ++ref_order;
}

/* Callbacks come at their position exactly, in order, once. */
static void callbacks(void **state)
{
	struct ref r[4] = { { .called = 0 } };
	struct conn *c = open_conn();
	int i;

	ref_order = 0;
	for (i = 0; i < 4; i++)
		r[i].ref.cb = ref_cb;
	ixev_send(&c->ctx, "0123456789", 10);
	ixev_add_sent_cb(&c->ctx, &r[0].ref);
	ixev_send(&c->ctx, "0123456789", 10);
	ixev_add_sent_cb(&c->ctx, &r[1].ref);
	ixev_add_sent_cb(&c->ctx, &r[2].ref);
	ixev_send(&c->ctx, "0123456789", 10);
	ixev_wait();
	fake_sent(f, 1, c, 9, 99);
	ixev_wait();
	assert_int_equal(r[0].called, 0);
	fake_sent(f, 1, c, 1, 99);
	ixev_wait();
	assert_int_equal(r[0].called, 1);
	fake_sent(f, 1, c, 9, 99);
	ixev_wait();
	assert_int_equal(r[1].called, 0);
	fake_sent(f, 1, c, 11, 99);
	ixev_wait();
	assert_int_equal(r[1].called, 2);
	assert_int_equal(r[2].called, 3);
	/* all is acknowledged already: soon, not from inside */
	ixev_add_sent_cb(&c->ctx, &r[3].ref);
	assert_int_equal(r[3].called, 0);
	ixev_wait();
	assert_int_equal(r[3].called, 4);
}

/* Of two ranges alike the first: the other is still out. */
static void one_of_two(void **state)
{
	struct conn *c = open_conn();
	size_t room = ixev_send_room(&c->ctx);

	for (int i = 2; i > 0; i--)
		ixev_send_zc(&c->ctx, f->arena + i * 4096, 10);
	ixev_wait();
	for (int i = 2; i-- > 0;) {
		fake_sent(f, 1, c, 10, 99);
		ixev_wait();
		assert_int_equal(ixev_send_room(&c->ctx), room - i * 10);
	}
}

/* Death makes all callbacks due, sent or not. */
static void callbacks_at_death(void **state)
{
	struct ref r[2] = { { .called = 0 } };
	struct conn *c = open_conn();

	ref_order = 0;
	r[0].ref.cb = r[1].ref.cb = ref_cb;
	f->room = 2;
	ixev_send(&c->ctx, "abcd", 4);
	ixev_add_sent_cb(&c->ctx, &r[0].ref);
	ixev_wait();
	fake_dead(f, 1, c, ECONNRESET);
	ixev_wait();
	ixev_wait();
	assert_int_equal(r[0].called, 1);
	assert_int_equal(ixev_error(&c->ctx), ECONNRESET);
	assert_int_equal(ixev_send(&c->ctx, "x", 1), -EIO);
	ixev_add_sent_cb(&c->ctx, &r[1].ref);
	ixev_close(&c->ctx);
	ixev_wait();
	assert_int_equal(r[1].called, 2);
	assert_int_equal(c->released, 1);
}

/* Buffers come back: the arena does not run out over many messages. */
static void buffers_return(void **state)
{
	struct conn *c = open_conn();
	static char buf[100 * 1024];
	size_t held;
	int i;

	for (i = 0; i < 1000; i++) {
		f->taken[1] = 0;
		assert_int_equal(ixev_send(&c->ctx, buf, sizeof(buf)),
				 sizeof(buf));
		ixev_wait();
		assert_int_equal(f->taken[1], sizeof(buf));
		fake_sent(f, 1, c, sizeof(buf), 99);
		ixev_wait();
	}
	held = FAKE_ARENA - ix_free_bytes();
	assert_true(held <= 1024 * 1024);
}

/* Without transmit memory: fewer bytes, then -EAGAIN, and later it works. */
static void arena_used_up(void **state)
{
	struct conn *c = open_conn();
	size_t left = ix_free_bytes();
	void *hog = ix_alloc_pages(left);
	static char buf[20000];

	assert_int_equal(ixev_send(&c->ctx, buf, 1), -EAGAIN);
	ix_free_pages(hog, left);
	hog = ix_alloc_pages(left - 16384);
	assert_int_equal(ixev_send(&c->ctx, buf, 20000), 512);
	ixev_wait();
	assert_int_equal(ixev_send(&c->ctx, buf, 1), -EAGAIN);
	fake_sent(f, 1, c, 512, 99);
	ix_free_pages(hog, left - 16384);
	ixev_wait();
	assert_int_equal(ixev_send(&c->ctx, buf, 20000), 20000);
}

static void send_error(void **state)
{
	struct conn *c = open_conn();

	f->answer[IX_SENDV] = -EPIPE;
	ixev_send(&c->ctx, "x", 1);
	ixev_wait();
	ixev_wait();
	assert_int_equal(c->reasons, IXEVIN | IXEVHUP);
	assert_int_equal(ixev_send(&c->ctx, "x", 1), -EIO);
	ixev_close(&c->ctx);
	ixev_wait();
	assert_int_equal(fake_count(f, IX_CLOSE, 1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(callbacks),	  T(one_of_two),	 T(buffers_return),
		T(callbacks),	  T(callbacks_at_death), T(buffers_return),
		T(arena_used_up), T(send_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
