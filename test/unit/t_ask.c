/* SPDX-License-Identifier: MIT */
/* dom/host/ask.c: a function is run by the elastic thread once, or not at all;
 * also under the thread sanitizer. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "dom/host/ask.h"
#include "dom/host/clock.h"

enum { CALLERS = 3, S = 1000000000 };

static u64 rounds = 2000;

/* The elastic thread, and what is its own: no lock around it. */
static struct elastic {
	struct host_ask ask;
	pthread_t id;
	int wake_fd;
	bool stop;
	u64 count;
	const void *dp;
	u64 now;
} e;

static void wake(void *kicked)
{
	struct elastic *t = kicked;
	u64 one = 1;

	assert_int_equal(write(t->wake_fd, &one, sizeof(one)), sizeof(one));
}

static void *elastic_thread(void *arg)
{
	struct pollfd p = { .fd = e.wake_fd, .events = POLLIN };
	u64 rings;

	while (!__atomic_load_n(&e.stop, __ATOMIC_RELAXED)) {
		if (host_ask_waits(&e.ask))
			host_ask_answer(&e.ask, (struct dp *)&e, 7);
		else if (poll(&p, 1, 1000) == 1 &&
			 read(e.wake_fd, &rings, sizeof(rings)) < 0)
			abort();
	}
	return NULL;
}

static int begin(void **state)
{
	e = (struct elastic){ .wake_fd = eventfd(0, EFD_NONBLOCK) };
	return pthread_create(&e.id, NULL, elastic_thread, NULL);
}

static int end(void **state)
{
	__atomic_store_n(&e.stop, true, __ATOMIC_RELAXED);
	wake(&e);
	pthread_join(e.id, NULL);
	return close(e.wake_fd);
}

static void count(struct dp *dp, void *arg, u64 now)
{
	e.dp = dp;
	e.now = now;
	e.count++;
	*(u64 *)arg += 1;
}

static int call(u64 *mine, u64 patience)
{
	return host_ask_call(&e.ask, count, mine, wake, &e,
			     host_clock_os() + patience);
}

static void *caller(void *arg)
{
	u64 mine = 0;

	for (u64 i = 0; i < rounds; i++)
		if (call(&mine, 60ull * S) || mine != i + 1)
			return NULL;
	return arg;
}

static void many_callers(void **state)
{
	pthread_t ids[CALLERS];
	void *ok;

	for (int i = 0; i < CALLERS; i++)
		pthread_create(&ids[i], NULL, caller, &e);
	for (int i = 0; i < CALLERS; i++) {
		pthread_join(ids[i], &ok);
		assert_non_null(ok);
	}
	assert_int_equal(e.count, CALLERS * rounds);
	assert_ptr_equal(e.dp, &e);
	assert_int_equal(e.now, 7);
}

/* Callers who hardly wait: what they are told is what was done. */
static void *hasty(void *arg)
{
	u64 mine = 0, made = 0;

	for (u64 i = 0; i < rounds; i++)
		if (!call(&mine, (i * 7919) % 30000))
			made++;
	return mine == made ? arg : NULL;
}

static void taken_back_or_run(void **state)
{
	pthread_t ids[CALLERS];
	void *ok;

	for (int i = 0; i < CALLERS; i++)
		pthread_create(&ids[i], NULL, hasty, &e);
	for (int i = 0; i < CALLERS; i++) {
		pthread_join(ids[i], &ok);
		assert_non_null(ok);
	}
}

static void nothing(void *kicked)
{
}

/* Nobody answers: in time, and never later. */
static void too_late(void **state)
{
	struct host_ask a = { 0 };
	u64 from = host_clock_os(), mine = 0;

	assert_int_equal(
		host_ask_call(&a, count, &mine, nothing, NULL, from + 20000000),
		-ETIMEDOUT);
	assert_in_range(host_clock_os() - from, 20000000, 60ull * S);
	assert_false(host_ask_waits(&a));
	host_ask_answer(&a, NULL, 0);
	assert_int_equal(mine, 0);
}

static void slow(struct dp *dp, void *arg, u64 now)
{
	usleep(20000);
	*(u64 *)arg = 1;
}

/* What has begun in time is waited for. */
static void begun(void **state)
{
	u64 mine = 0;

	while (host_ask_call(&e.ask, slow, &mine, wake, &e,
			     host_clock_os() + 5000000))
		assert_int_equal(mine, 0);
	assert_int_equal(mine, 1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(many_callers, begin, end),
		cmocka_unit_test_setup_teardown(taken_back_or_run, begin, end),
		cmocka_unit_test(too_late),
		cmocka_unit_test_setup_teardown(begun, begin, end),
	};

	if (argc > 1)
		rounds = (u64)atoi(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
