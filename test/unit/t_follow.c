/* SPDX-License-Identifier: MIT */
/* dom/host/follow.c: how often a granted dataplane says what it has to do. Its
 * keeper is none; the time and the counters are the test's. */
#include <errno.h>

#include "dom/host/follow.h"
#include "nic/keep_msg.h"
#include "test.h"

enum { MS = 1000000, STEP_MS = 10, THREADS = 2, IDLE = 10, BUSY = 900 };

int __wrap_grant_ask_cores(struct nic *nic, u32 cores,
			   const struct keep_load *load, u32 n,
			   struct keep_reply *r);
int __wrap_host_cores(struct host *h, u32 n);

static struct host h;
static struct statfile_page pages[THREADS];
static struct follow f;
static struct keep_reply answer;
static u32 words, busiest, told;
static int fails;
static u64 now;

int __wrap_grant_ask_cores(struct nic *nic, u32 cores,
			   const struct keep_load *load, u32 n,
			   struct keep_reply *r)
{
	words++;
	busiest = load[0].busy;
	*r = answer;
	return fails;
}

int __wrap_host_cores(struct host *host, u32 n)
{
	told = n;
	return 0;
}

static int setup(void **state)
{
	now = 1000 * (u64)MS;
	h.grant_fd = 1;
	h.nthreads = THREADS;
	for (u32 i = 0; i < THREADS; i++)
		h.threads[i].stat.page = &pages[i];
	h.threads[1].parked = true;
	fails = 0;
	answer = (struct keep_reply){ .cores = 1, .ms = 1000 };
	follow_begin(&f, &h, now);
	return 0;
}

/* For @ms, the first thread so busy. Returns how often that is told. */
static u32 words_in(u32 ms, u32 busy)
{
	u32 before = words;

	for (u32 i = 0; i < ms / STEP_MS; i++) {
		now += STEP_MS * (u64)MS;
		pages[0].stat.idle_ns += STEP_MS * (1000ull - busy) * 1000;
		pages[1].stat.idle_ns += STEP_MS * (u64)MS;
		follow_step(&f, &h, now);
	}
	return words - before;
}

static void calm(void **state)
{
	assert_int_equal(words_in(1000, IDLE), 1);
	assert_int_equal(words_in(5000, IDLE), 5);
	assert_int_equal(busiest, IDLE);
	assert_in_range(follow_wait(&f, now), 1, 50);
}

/* It does not wait until it is asked. */
static void no_longer_calm(void **state)
{
	words_in(1000, IDLE);
	answer.cores = 2;
	answer.ms = STEP_MS;
	assert_int_equal(words_in(50, BUSY), 1);
	assert_int_equal(busiest, BUSY);
	assert_int_equal(told, 2);
	assert_int_equal(words_in(100, BUSY), 10);
}

/* Nobody wants to know. */
static void is_not_to_follow(void **state)
{
	answer.cores = 0;
	assert_int_equal(words_in(1000, BUSY), 1);
	assert_int_equal(words_in(5000, BUSY), 5);
	fails = -EPROTO;
	assert_int_equal(words_in(5000, BUSY), 5);
}

/* Nobody is there to be told. */
static void not_granted(void **state)
{
	h.grant_fd = 0;
	f = (struct follow){ 0 };
	follow_begin(&f, &h, now);
	assert_int_equal(follow_wait(&f, now), -1);
	assert_int_equal(words_in(5000, BUSY), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(calm, setup),
		cmocka_unit_test_setup(no_longer_calm, setup),
		cmocka_unit_test_setup(is_not_to_follow, setup),
		cmocka_unit_test_setup(not_granted, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
