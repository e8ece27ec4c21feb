/* SPDX-License-Identifier: MIT */
/* What a thread had to do, by its counters. */
#include "test.h"

#include "dom/host/load.h"

static struct ix_stat s;
static struct load_mark mark;

static int begin(void **state)
{
	s = (struct ix_stat){ .busy_ns = 5000, .idle_ns = 7000 };
	s.rx_batch[0] = s.rx_packets = 3;
	s.rx_delay[10] = 3;
	load_begin(&mark, &s);
	return 0;
}

static void who_is_awake_was_busy_but_when_idle(void **state)
{
	s.idle_ns += 250;
	assert_int_equal(load_take(&mark, &s, 1000).busy, 750);
	assert_int_equal(load_take(&mark, &s, 1000).busy, 1000);
	s.idle_ns += 3000; /* told late */
	assert_int_equal(load_take(&mark, &s, 1000).busy, 0);
}

static void who_sleeps_has_said_how_busy_it_was(void **state)
{
	s.asleep = 1;
	s.busy_ns += 100;
	assert_int_equal(load_take(&mark, &s, 1000).busy, 100);
	assert_int_equal(load_take(&mark, &s, 1000).busy, 0);
	s.busy_ns += 9000; /* of before */
	assert_int_equal(load_take(&mark, &s, 1000).busy, 1000);
	s.busy_ns = 0;
	assert_int_equal(load_take(&mark, &s, 1000).busy, 0);
}

/* What was guessed while it was awake is not counted again. */
static void awake_then_asleep(void **state)
{
	s.idle_ns += 400;
	assert_int_equal(load_take(&mark, &s, 1000).busy, 600);
	s.asleep = 1;
	s.busy_ns += 700;
	assert_int_equal(load_take(&mark, &s, 1000).busy, 100);
}

static void delay_of_99_in_100(void **state)
{
	assert_int_equal(load_take(&mark, &s, 1000).delay_us, 0);
	s.rx_delay[12] += 99;
	s.rx_delay[20] += 1;
	assert_int_equal(load_take(&mark, &s, 1000).delay_us, (2 << 12) / 1000);
	s.rx_delay[12] += 98;
	s.rx_delay[20] += 2;
	assert_int_equal(load_take(&mark, &s, 1000).delay_us, (3 << 19) / 1000);
}

/* Of 262 to 524 us, nearly all of them at the beginning. */
static void delay_within_a_bucket(void **state)
{
	s.rx_delay[17] += 980;
	s.rx_delay[18] += 40;
	assert_int_equal(load_take(&mark, &s, 1000).delay_us,
			 ((1 << 18) + (1 << 18) * 2980 / 4000) / 1000);
}

static void delay_in_the_last_bucket(void **state)
{
	s.rx_delay[IX_DELAY_BUCKETS - 1] += 1;
	assert_int_equal(load_take(&mark, &s, 1000).delay_us,
			 ((1ull << 31) + (1ull << 31) * 99 / 100) / 1000);
}

static void packets_a_batch(void **state)
{
	assert_int_equal(load_take(&mark, &s, 1000).batch, 0);
	s.rx_batch[0] += 1;
	s.rx_batch[4] += 1;
	s.rx_packets += 17;
	assert_int_equal(load_take(&mark, &s, 1000).batch, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(who_is_awake_was_busy_but_when_idle,
				       begin),
		cmocka_unit_test_setup(who_sleeps_has_said_how_busy_it_was,
				       begin),
		cmocka_unit_test_setup(awake_then_asleep, begin),
		cmocka_unit_test_setup(delay_of_99_in_100, begin),
		cmocka_unit_test_setup(delay_within_a_bucket, begin),
		cmocka_unit_test_setup(delay_in_the_last_bucket, begin),
		cmocka_unit_test_setup(packets_a_batch, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
