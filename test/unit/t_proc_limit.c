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

enum { LIMIT_NS = 5000000, LONG_NS = 60000000, FAR_NS = 900000000 };

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
	proc_limit_open(&l, LIMIT_NS);
	assert_true(l.usable);
	return 0;
}

static int close_limit(void **state)
{
	proc_limit_close(&l);
	return 0;
}

/* A wait of @ns begins. */
static bool begin(u64 ns)
{
	u64 now = host_clock_os();

	return proc_limit_begin(&l, now, now + ns);
}

static void ends_a_wait(void **state)
{
	struct handover_side d = { 0 }, a = { 0 };
	u64 from = host_clock_os();
	u32 turn;

	assert_true(begin(LIMIT_NS));
	assert_int_equal(handover_wait(&d, &a, 0, UINT64_MAX, &turn), -EINTR);
	assert_true(host_clock_os() - from >= LIMIT_NS * 9 / 10);
	/* The rest is waited for by a timeout: nothing ticks any more. */
	proc_limit_stop(&l);
	assert_true(sleep_ns(LONG_NS) >= LONG_NS);
	proc_limit_end(&l);
}

/* Until the next tick. */
static u64 next_tick(void)
{
	struct itimerspec ticks;

	assert_int_equal(timer_gettime(l.timer, &ticks), 0);
	return (u64)ticks.it_value.tv_nsec;
}

/* A tick that came too early to end a sleep is followed by others at once, not
 * a limit later. */
static void ticks_again(void **state)
{
	begin(LIMIT_NS);
	work_ns(2 * LIMIT_NS);
	assert_true(l.ticking);
	assert_in_range(next_tick(), 1, LIMIT_NS / 10);
	assert_true(sleep_ns(LONG_NS) < LONG_NS);
	proc_limit_end(&l);
	work_ns(LIMIT_NS);
	assert_false(l.ticking);
}

static void stops_at_work(void **state)
{
	begin(LIMIT_NS);
	proc_limit_end(&l);
	assert_true(l.ticking);
	work_ns(2 * LIMIT_NS);
	assert_false(l.ticking);
	assert_true(sleep_ns(LONG_NS) >= LONG_NS);
	/* and starts again */
	begin(LIMIT_NS);
	assert_true(l.ticking);
	assert_true(sleep_ns(LONG_NS) < LONG_NS);
	proc_limit_end(&l);
}

/* Wait after wait, each with its own end, and all after the tick: it is set
 * once. One that has to end before it sets it anew. */
static void set_when_needed(void **state)
{
	u64 first;

	begin(FAR_NS);
	first = l.next;
	for (int i = 0; i < 100; i++) {
		proc_limit_end(&l);
		assert_true(begin(FAR_NS));
		assert_true(l.next == first);
	}
	assert_true(begin(LIMIT_NS));
	assert_true(l.next < first);
	assert_true(next_tick() <= LIMIT_NS);
	proc_limit_end(&l);
}

static void short_limits_are_timeouts(void **state)
{
	proc_limit_close(&l);
	proc_limit_open(&l, 100000);
	assert_false(begin(100000));
	assert_false(l.ticking);
	proc_limit_end(&l);
}

static void without_timer(void **state)
{
	proc_limit_close(&l);
	assert_false(begin(LIMIT_NS));
	proc_limit_end(&l);
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_limit, close_limit)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ends_a_wait),
		T(ticks_again),
		T(stops_at_work),
		T(set_when_needed),
		T(short_limits_are_timeouts),
		T(without_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
