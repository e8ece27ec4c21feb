/* SPDX-License-Identifier: MIT */
/* ixev_poll(): all that ixev_wait() does, but wait. */
#include "ixev_fixture.h"

static uint32_t asked(void)
{
	return f->down[0].flags;
}

/* One crossing each, and only poll says that it will not wait. */
static void does_not_wait(void **state)
{
	uint32_t crossings = f->crossings;

	ixev_poll();
	assert_int_equal(f->crossings, crossings + 1);
	assert_int_equal(asked(), IX_RUN_POLL | IX_RUN_MOVES);
	ixev_wait();
	assert_int_equal(f->crossings, crossings + 2);
	assert_int_equal(asked(), IX_RUN_MOVES);
	ixev_poll();
	assert_int_equal(asked(), IX_RUN_POLL | IX_RUN_MOVES);
}

static void nothing_happens(void **state)
{
	struct conn *c = open_conn();
	uint32_t log = f->nlog;

	for (int i = 0; i < 100; i++)
		ixev_poll();
	assert_int_equal(c->calls, 0);
	assert_int_equal(f->nlog, log);
	assert_int_equal(f->flushes, 1); /* of the listen */
}

/* A connection from accept to release, without one wait. */
static void whole_life(void **state)
{
	struct conn *c = &conns[0];

	on_event = echo;
	fake_knock(f, 1);
	ixev_poll();
	assert_int_equal(fake_count(f, IX_ACCEPT, 1), 0); /* in its batch */
	ixev_poll();
	assert_int_equal(fake_count(f, IX_ACCEPT, 1), 1);
	recv_data(c, "hello");
	ixev_poll();
	assert_int_equal(c->calls, 1);
	assert_int_equal(f->taken[1], 0);
	ixev_poll();
	assert_int_equal(f->taken[1], 5);
	assert_memory_equal(f->stream[1], "hello", 5);
	assert_int_equal(f->rx_out[1], 0);
	fake_sent(f, 1, c, 5, 1000);
	fake_recv(f, 1, c, NULL, 0);
	ixev_poll();
	ixev_poll();
	assert_true(c->reasons & IXEVHUP);
	ixev_close(&c->ctx);
	ixev_poll();
	assert_int_equal(fake_count(f, IX_CLOSE, 1), 1);
	fake_dead(f, 1, c, 0);
	ixev_poll();
	ixev_poll();
	assert_int_equal(c->released, 1);
}

/* What the dataplane did not take is offered again by the next poll. */
static void back_pressure(void **state)
{
	struct conn *c = open_conn();

	f->room = 3;
	assert_int_equal(ixev_send(&c->ctx, "abcdefgh", 8), 8);
	ixev_poll();
	assert_int_equal(f->taken[1], 3);
	f->room = INT64_MAX;
	fake_sent(f, 1, c, 3, 1000);
	ixev_poll();
	ixev_poll();
	assert_int_equal(f->taken[1], 8);
	assert_memory_equal(f->stream[1], "abcdefgh", 8);
}

static void timer_rings(void *arg)
{
	++*(int *)arg;
}

static void timers(void **state)
{
	struct ixev_timer t;
	struct timeval tv = { .tv_usec = 10 };
	int rung = 0;

	ixev_timer_init(&t, timer_rings, &rung);
	assert_int_equal(ixev_timer_add(&t, tv), 0);
	ixev_poll();
	fake_event(f, IX_EV_TIMER, 0, fake_last(f, IX_TIMER_SET, 0)->cookie);
	ixev_poll();
	assert_int_equal(rung, 1);
}

/* The first call after the end says so and returns. */
static void dataplane_ends(void **state)
{
	struct conn *c = open_conn();

	f->run_io_error = -ESHUTDOWN;
	assert_false(ixev_stopped());
	ixev_poll();
	assert_true(ixev_stopped());
	assert_int_equal(c->calls, 0);
	assert_int_equal(ixev_loop(), 0);
}

static void stop_it(struct conn *c, unsigned int reason)
{
	assert_int_equal(ixev_send(&c->ctx, "bye", 3), 3);
	ixev_loop_stop();
}

/* After a stop: what was sent goes out, no more. */
static void stopped(void **state)
{
	struct conn *c = open_conn();
	uint32_t crossings;

	on_event = stop_it;
	recv_data(c, "x");
	ixev_poll();
	assert_true(ixev_stopped());
	crossings = f->crossings;
	recv_data(c, "y");
	ixev_poll();
	assert_int_equal(f->crossings, crossings);
	assert_int_equal(f->taken[1], 3);
	assert_int_equal(c->calls, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(does_not_wait), T(nothing_happens), T(whole_life),
		T(back_pressure), T(timers),	      T(dataplane_ends),
		T(stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
