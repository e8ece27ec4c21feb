/* SPDX-License-Identifier: MIT */
/* base/timer.c: by hand, and against a model that only keeps a table. */
#include "test.h"

#include "base/timer.h"

enum { N = 200, TICK_NS = 1 << TICK_SHIFT };

struct model {
	struct wheel wheel;
	struct timer timers[N];
	u64 expires[N]; /* tick without wrap; 0: not set */
	u64 tick;	/* now, without wrap */
	u64 seed;
	u64 last; /* tick of the latest firing in this run */
	u32 fired;
	bool busy; /* handlers set and cancel others */
};

static struct model *m;

static u64 now_of(u64 tick)
{
	return tick << TICK_SHIFT;
}

static void set(u32 i, u64 tick)
{
	m->expires[i] = max(tick, m->tick + 1);
	timer_set(&m->wheel, &m->timers[i], (u32)tick);
	assert_true(timer_is_set(&m->timers[i]));
}

static void cancel(u32 i)
{
	m->expires[i] = 0;
	timer_cancel(&m->wheel, &m->timers[i]);
	assert_false(timer_is_set(&m->timers[i]));
}

static u64 random_delay(void)
{
	u64 r = test_random(&m->seed);

	return r % (1ull << (r >> 40) % 31);
}

static void fire(void *arg, struct timer *t, u64 now)
{
	u32 i = (u32)(t - m->timers);

	assert_ptr_equal(arg, &m->fired);
	assert_true(now >> TICK_SHIFT == m->tick);
	assert_true(m->expires[i] && m->expires[i] <= m->tick);
	assert_true(m->expires[i] >= m->last); /* in order */
	m->last = m->expires[i];
	m->expires[i] = 0;
	m->fired++;
	if (m->busy) {
		u64 r = test_random(&m->seed);

		set(i, m->tick + random_delay());
		if (r & 1)
			cancel((u32)(r >> 8) % N);
		if (r & 2)
			set((u32)(r >> 16) % N, m->tick + random_delay());
	}
}

static u64 earliest(void)
{
	u64 first = UINT64_MAX;

	for (u32 i = 0; i < N; i++) {
		if (m->expires[i])
			first = min(first, m->expires[i]);
	}
	return first;
}

static u32 nset(void)
{
	u32 n = 0;

	for (u32 i = 0; i < N; i++)
		n += m->expires[i] != 0;
	return n;
}

static void run_to(u64 tick, u64 extra_ns)
{
	m->tick = tick;
	m->last = 0;
	wheel_run(&m->wheel, &m->fired, now_of(tick) + extra_ns);
	assert_true(earliest() > tick); /* nothing left behind */
	assert_int_equal(m->wheel.count, nset());
}

/* A start just below the 32-bit wrap is part of every test. */
static void start(u64 tick)
{
	m = calloc(1, sizeof(*m));
	m->seed = tick + 1;
	m->tick = tick;
	wheel_init(&m->wheel, now_of(tick));
	run_to(tick, 0);
	m->wheel.fire[1] = fire;
	for (u32 i = 0; i < N; i++)
		timer_init(&m->timers[i], 1);
}

static const u64 starts[] = { 1, 1000, (1ull << 32) - 5, (1ull << 31) - 3,
			      (1ull << 32) - (1 << 24) - 7 };

static void fires_exactly(void **state)
{
	static const u64 delays[] = {
		1,     2,     255,     256,	      257,	     65535,
		65536, 65537, 1 << 24, (1 << 24) + 1, (1u << 31) - 2
	};

	for (size_t s = 0; s < ARRAY_SIZE(starts); s++) {
		for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
			start(starts[s]);
			set(0, m->tick + delays[i]);
			run_to(m->tick + delays[i] - 1, TICK_NS - 1);
			assert_int_equal(m->fired, 0);
			run_to(m->tick + 1, 0);
			assert_int_equal(m->fired, 1);
			free(m);
		}
	}
}

static void past_runs_next(void **state)
{
	start(1000);
	set(0, m->tick - 500);
	set(1, m->tick);
	wheel_run(&m->wheel, &m->fired, now_of(m->tick));
	assert_int_equal(m->fired, 0);
	run_to(m->tick + 1, 0);
	assert_int_equal(m->fired, 2);
	free(m);
}

static void moves(void **state)
{
	start(50);
	set(0, m->tick + 10);
	set(0, m->tick + 100000);
	run_to(m->tick + 20, 0);
	assert_int_equal(m->fired, 0);
	set(0, m->tick + 5);
	run_to(m->tick + 5, 0);
	assert_int_equal(m->fired, 1);
	free(m);
}

static void empty_wheel_keeps_up(void **state)
{
	start(1);
	run_to(3ull << 31, 0);
	set(0, m->tick + 3);
	run_to(m->tick + 3, 0);
	assert_int_equal(m->fired, 1);
	free(m);
}

static void next_is_a_bound(void **state)
{
	start(700);
	assert_true(wheel_next(&m->wheel, now_of(700)) == UINT64_MAX);
	set(0, m->tick + 10);
	assert_true(wheel_next(&m->wheel, now_of(700) + 5) ==
		    10ull * TICK_NS - 5);
	assert_true(wheel_next(&m->wheel, now_of(710)) == 0);
	assert_true(wheel_next(&m->wheel, now_of(800)) == 0);
	free(m);
}

/* Sleeping by wheel_next() alone finds every timer on time. */
static void sleep_by_next(void)
{
	u64 now = now_of(m->tick);
	u64 wait = wheel_next(&m->wheel, now), first = earliest();

	if (first == UINT64_MAX) {
		assert_true(wait == UINT64_MAX);
		return;
	}
	assert_true(wait > 0 && now + wait <= now_of(first));
	run_to((now + wait) >> TICK_SHIFT, 0);
}

static void random_ops(bool busy)
{
	for (size_t s = 0; s < ARRAY_SIZE(starts); s++) {
		start(starts[s]);
		m->busy = busy;
		for (int op = 0; op < 30000; op++) {
			u64 r = test_random(&m->seed);
			u32 i = (u32)(r >> 32) % N;

			switch (r % 8) {
			case 0 ... 2:
				set(i, m->tick + random_delay());
				break;
			case 3:
				set(i, m->tick + random_delay() % 300);
				break;
			case 4:
				cancel(i);
				break;
			case 5:
				run_to(m->tick + random_delay() % 1000,
				       r % TICK_NS);
				break;
			case 6:
				run_to(m->tick + (r >> 40) % 3, 0);
				break;
			case 7:
				sleep_by_next();
				break;
			}
		}
		assert_true(m->fired > 1000);
		free(m);
	}
}

static void model_quiet(void **state)
{
	random_ops(false);
}

static void model_busy_handlers(void **state)
{
	random_ops(true);
}

static void microseconds(void **state)
{
	assert_int_equal(ticks_of_us(0), 1);
	assert_int_equal(ticks_of_us(1), 1);
	assert_int_equal(ticks_of_us(16), 1);
	assert_int_equal(ticks_of_us(17), 2);
	assert_int_equal(ticks_of_us(1000000), 61036);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fires_exactly),
		cmocka_unit_test(past_runs_next),
		cmocka_unit_test(moves),
		cmocka_unit_test(empty_wheel_keeps_up),
		cmocka_unit_test(next_is_a_bound),
		cmocka_unit_test(model_quiet),
		cmocka_unit_test(model_busy_handlers),
		cmocka_unit_test(microseconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
