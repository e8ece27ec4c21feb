/* SPDX-License-Identifier: MIT */
/* The time limit's timer: it ticks while its thread waits, and stops else. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dom/process/process.h"

enum { LIMIT_NS = 5000000, LONG_NS = 60000000 };

static struct proc_limit l;

static u64 sleep_ns(u64 ns)
{
	struct timespec ts = { .tv_nsec = (long)ns };
	u64 from = host_clock_os();

	nanosleep(&ts, NULL);
	return host_clock_os() - from;
}

/* In spite of a tick that stops the timer. */
static void work_ns(u64 ns)
{
	u64 until = host_clock_os() + ns;

	while (host_clock_os() < until)
		;
}

static int open_limit(void **state)
{
	proc_limit_open(&l);
	assert_true(l.usable);
	return 0;
}

static int close_limit(void **state)
{
	proc_limit_close(&l);
	return 0;
}

static void ends_a_wait(void **state)
{
	struct handover_side d = { 0 }, a = { 0 };
	u64 from = host_clock_os(), took;
	u32 turn;

	assert_int_equal(proc_limit_begin(&l, from, LIMIT_NS), UINT64_MAX);
	assert_int_equal(handover_wait(&d, &a, 0, UINT64_MAX, &turn), -EINTR);
	took = host_clock_os() - from;
	assert_true(took >= LIMIT_NS * 9 / 10);
	/* The rest is waited for by a timeout: nothing ticks any more. */
	assert_true(proc_limit_tick(&l, from + LIMIT_NS - 7, LIMIT_NS) == 7);
	assert_true(proc_limit_tick(&l, from + LIMIT_NS, LIMIT_NS) == 1);
	assert_true(sleep_ns(LONG_NS) >= LONG_NS);
	proc_limit_end(&l);
}

/* The first tick that came too early to end a sleep is not the last. */
static void ticks_again(void **state)
{
	u64 from = host_clock_os();

	proc_limit_begin(&l, from, LIMIT_NS);
	work_ns(2 * LIMIT_NS);
	assert_true(l.ticking);
	assert_true(sleep_ns(LONG_NS) < LONG_NS);
	proc_limit_end(&l);
}

static void stops_at_work(void **state)
{
	proc_limit_begin(&l, host_clock_os(), LIMIT_NS);
	proc_limit_end(&l);
	assert_true(l.ticking);
	work_ns(2 * LIMIT_NS);
	assert_false(l.ticking);
	assert_true(sleep_ns(LONG_NS) >= LONG_NS);
	/* and starts again */
	proc_limit_begin(&l, host_clock_os(), LIMIT_NS);
	assert_true(l.ticking);
	assert_true(sleep_ns(LONG_NS) < LONG_NS);
	proc_limit_end(&l);
}

static void short_ones_are_timeouts(void **state)
{
	assert_int_equal(proc_limit_begin(&l, host_clock_os(), 100000), 100000);
	assert_false(l.ticking);
	proc_limit_end(&l);
}

static void without_timer(void **state)
{
	proc_limit_close(&l);
	assert_int_equal(proc_limit_begin(&l, host_clock_os(), LIMIT_NS),
			 LIMIT_NS);
	proc_limit_end(&l);
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_limit, close_limit)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ends_a_wait),	  T(ticks_again),
		T(stops_at_work), T(short_ones_are_timeouts),
		T(without_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
