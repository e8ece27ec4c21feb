/* SPDX-License-Identifier: MIT */
/* nic/sleep.c: what ends a sleep, and what it leaves. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>

#include "nic/sleep.h"

#define LONG_NS 3600000000000ull /* nobody waits for that */

enum { SHORT_NS = 1000000 };

struct bed {
	struct nicq q;
	int fd[2]; /* a pipe */
};

/* Who reads wake_fd when it is empty sleeps for ever here. */
static int setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	alarm(20);
	b->q.wake_fd = eventfd(0, 0);
	*state = b;
	return b->q.wake_fd < 0 || pipe(b->fd);
}

static int teardown(void **state)
{
	struct bed *b = *state;

	close(b->q.wake_fd);
	close(b->fd[0]);
	close(b->fd[1]);
	free(b);
	return 0;
}

static void ring(const struct bed *b)
{
	u64 one = 1;

	assert_int_equal(write(b->q.wake_fd, &one, sizeof(one)), sizeof(one));
}

static bool rung(const struct bed *b)
{
	struct pollfd p = { .fd = b->q.wake_fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

static void by_time(void **state)
{
	struct bed *b = *state;

	assert_int_equal(nic_sleep(&b->q, b->fd[0], SHORT_NS), 0);
	assert_int_equal(nic_sleep(&b->q, -1, SHORT_NS), 0);
}

static void by_a_packet(void **state)
{
	const struct nicq nobody = { .wake_fd = 0 };
	struct bed *b = *state;

	assert_int_equal(write(b->fd[1], "", 1), 1);
	assert_int_equal(nic_sleep(&b->q, b->fd[0], LONG_NS), POLLIN);
	assert_int_equal(nic_sleep(&nobody, b->fd[0], LONG_NS), POLLIN);
}

/* However often, and it does not end the next sleep, too. */
static void by_somebody(void **state)
{
	struct bed *b = *state;

	ring(b);
	ring(b);
	assert_int_equal(nic_sleep(&b->q, b->fd[0], LONG_NS), 0);
	assert_false(rung(b));
}

/* A device that is gone has an error at all times: who is woken meanwhile is
 * not to sleep on because of it. */
static void by_both(void **state)
{
	struct bed *b = *state;

	assert_int_equal(write(b->fd[1], "", 1), 1);
	ring(b);
	assert_int_equal(nic_sleep(&b->q, b->fd[0], LONG_NS), 0);
	assert_false(rung(b));
	assert_int_equal(nic_sleep(&b->q, b->fd[0], LONG_NS), POLLIN);
}

static void without_a_file(void **state)
{
	struct bed *b = *state;

	ring(b);
	assert_int_equal(nic_sleep(&b->q, -1, LONG_NS), 0);
	assert_false(rung(b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(by_time, setup, teardown),
		cmocka_unit_test_setup_teardown(by_a_packet, setup, teardown),
		cmocka_unit_test_setup_teardown(by_somebody, setup, teardown),
		cmocka_unit_test_setup_teardown(by_both, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_file, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
