/* SPDX-License-Identifier: MIT */
/* dom/host/spin.c: a thread that has its core alone spins, one that has not
 * blocks, and finds out when it has it alone again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dom/host/spin.h"

enum { LIMIT_NS = 50000, POLL_NS = 500, BARE_YIELD_NS = 400 };

/* A moment on the core: one spin from @t on, polls that find nothing, until it
 * blocks. Every @takes_ns that the core is offered, somebody has it so long
 * (0: nobody wants it). */
struct core {
	u64 t;
	u32 offers;
};

static u64 spin_once(struct host_spin *s, struct core *c, u64 takes_ns)
{
	u64 began = c->t, ns;

	for (;; c->t += POLL_NS) {
		switch (host_spin(s, began, c->t)) {
		case SPIN_BLOCK:
			return c->t - began;
		case SPIN_OFFER:
			c->offers++;
			ns = BARE_YIELD_NS + takes_ns;
			c->t += ns;
			host_spin_offered(s, ns, c->t);
			break;
		case SPIN_ON:
			break;
		}
		assert_true(c->t - began < 100 * LIMIT_NS);
	}
}

static void alone(void **state)
{
	struct host_spin s = { .limit_ns = LIMIT_NS };
	struct core c = { .t = 1000000 };

	(void)state;
	for (int i = 0; i < 100; i++, c.t += 10000)
		assert_in_range(spin_once(&s, &c, 0), LIMIT_NS,
				LIMIT_NS + 2 * POLL_NS);
	assert_int_equal(c.offers, 100); /* one a spin */
	assert_false(s.met);
}

/* A kernel's chore now and then does not end the spinning. */
static void chores_are_no_company(void **state)
{
	struct host_spin s = { .limit_ns = LIMIT_NS };
	struct core c = { .t = 1000000 };

	(void)state;
	for (int i = 0; i < 1000; i++, c.t += 10000)
		assert_true(spin_once(&s, &c, i % 10 ? 0 : 20000) >= LIMIT_NS);
	assert_false(s.met);
}

static void in_company(void **state)
{
	struct host_spin s = { .limit_ns = LIMIT_NS };
	struct core c = { .t = 1000000 };
	u64 spun = 0, began = c.t;

	(void)state;
	while (c.t - began < 1000000000) {
		u64 ns = spin_once(&s, &c, 3000000);

		spun += ns > 3000000 ? ns - 3000000 : ns;
		c.t += 20000; /* asleep */
	}
	assert_true(s.met);
	/* A look every SPIN_RETRY_NS, and nothing else. */
	assert_in_range(c.offers, 10, 25);
	assert_in_range(spun, 1, 1000000);
}

static void alone_again(void **state)
{
	struct host_spin s = { .limit_ns = LIMIT_NS };
	struct core c = { .t = 1000000 };

	(void)state;
	for (int i = 0; i < 10; i++, c.t += 10000)
		spin_once(&s, &c, 3000000);
	assert_int_equal(spin_once(&s, &c, 0), 0);
	c.t += SPIN_RETRY_NS;
	for (int i = 0; i < 20; i++, c.t += 10000)
		assert_true(spin_once(&s, &c, 0) >= LIMIT_NS);
}

/* Others who give the core back may go on; who keeps it is interrupted, for as
 * long as he does. */
static void patience(void **state)
{
	struct host_spin s = { .limit_ns = LIMIT_NS };
	struct core c = { .t = 1000000 };
	u64 began;

	(void)state;
	for (int i = 0; i < 1000; i++, c.t += SPIN_RETRY_NS / 10) {
		assert_true(host_spin_patient(&s, c.t));
		/* now and then the machine's host has the core */
		spin_once(&s, &c, i % 10 ? 100000 : 4000000);
	}
	began = c.t;
	for (; c.t - began < 3000000000; c.t += 20000)
		spin_once(&s, &c, 3000000);
	assert_false(host_spin_patient(&s, c.t));
	began = c.t;
	while (!host_spin_patient(&s, c.t)) {
		spin_once(&s, &c, 10000);
		c.t += 20000;
	}
	assert_in_range(c.t - began, SPIN_HASTE_NS - 2 * SPIN_RETRY_NS,
			SPIN_HASTE_NS + 2 * SPIN_RETRY_NS);
}

/* A request every @gap_ns for @n times: how long a spin for the last of them
 * was. Blocked, its thread sleeps until @late_ns after the request. */
static u64 requests(struct host_spin *s, struct core *c, u64 gap_ns,
		    u64 late_ns, u32 n)
{
	u64 began, spun = 0;

	while (n--) {
		began = c->t;
		while (c->t < began + gap_ns &&
		       host_spin(s, began, c->t) != SPIN_BLOCK)
			c->t += POLL_NS;
		spun = c->t - began;
		if (c->t < began + gap_ns) {
			c->t = began + gap_ns + late_ns;
			host_spin_slept(s, began, c->t);
		}
	}
	return spun;
}

/* Work that comes seldom is not waited for, and is as soon as it comes often. */
static void seldom(void **state)
{
	struct host_spin s = { .limit_ns = LIMIT_NS };
	struct core c = { .t = 1000000 };

	(void)state;
	assert_true(requests(&s, &c, 500000, 0, SPIN_LOST) >= LIMIT_NS);
	requests(&s, &c, 500000, 0, 1000);
	/* One in a hundred tries. */
	for (u32 i = 0, n = 0; i < 1000; i++) {
		n += requests(&s, &c, 500000, 0, 1) > SPIN_OFFER_NS;
		assert_in_range(n, i / 110, i / 90 + 1);
	}
	assert_int_equal(requests(&s, &c, 20000, 0, SPIN_LOST + 2), 20000);
	/* A pause now and then changes nothing. */
	for (int i = 0; i < 100; i++) {
		requests(&s, &c, 20000, 0, 10);
		assert_true(requests(&s, &c, 3000000, 0, 1) >= LIMIT_NS);
	}
	/* Woken again and again by timers, it has slept once. */
	s.lost = 0;
	assert_int_equal(host_spin(&s, c.t, c.t + LIMIT_NS), SPIN_BLOCK);
	for (int i = 0; i < 100; i++)
		host_spin_slept(&s, c.t, c.t + 1000000);
	assert_int_equal(s.lost, 1);
}

/* Woken so late that each sleep looks as long as if work came seldom. */
static void late(void **state)
{
	struct host_spin s = { .limit_ns = LIMIT_NS };
	struct core c = { .t = 1000000 };
	u64 began;

	(void)state;
	requests(&s, &c, 3000000, 70000, 1000);
	began = c.t;
	while (requests(&s, &c, 20000, 70000, 1) < 20000)
		assert_true(c.t - began < 2 * SPIN_RETRY_NS);
	assert_int_equal(requests(&s, &c, 20000, 70000, 100), 20000);
}

/* Also who has little to do finds out who computes on its core, and does not
 * wait for him. */
static void seldom_in_company(void **state)
{
	struct host_spin s = { .limit_ns = LIMIT_NS };
	struct core c = { .t = 1000000 };
	u64 began;

	(void)state;
	requests(&s, &c, 2000000, 0, 1000);
	for (began = c.t; host_spin_patient(&s, c.t); c.t += 2000000) {
		u64 since = c.t;

		spin_once(&s, &c, 3000000);
		host_spin_slept(&s, since, c.t + 2000000);
		assert_true(c.t - began < 10 * (u64)SPIN_RETRY_NS);
	}
}

/* Sleeps on a core that others want tell nothing of what spins would find. */
static void not_judged_in_company(void **state)
{
	struct host_spin s = { .limit_ns = LIMIT_NS, .shared_till = UINT64_MAX };
	struct core c = { .t = 1000000 };

	(void)state;
	requests(&s, &c, 500000, 0, 1000);
	s.shared_till = 0;
	assert_true(requests(&s, &c, 500000, 0, 1) >= LIMIT_NS);
}

static void as_set(void **state)
{
	struct host_spin never = { .limit_ns = 0 };
	struct host_spin always = { .limit_ns = UINT64_MAX };

	(void)state;
	always.lost = SPIN_LOST_MAX;
	assert_false(host_spin_patient(&never, 5));
	assert_false(host_spin_patient(&always, 5));
	assert_int_equal(host_spin(&never, 5, 5), SPIN_BLOCK);
	for (u64 t = 5; t < 1000 * LIMIT_NS; t += LIMIT_NS)
		assert_int_equal(host_spin(&always, 5, t), SPIN_ON);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone),
		cmocka_unit_test(chores_are_no_company),
		cmocka_unit_test(in_company),
		cmocka_unit_test(alone_again),
		cmocka_unit_test(patience),
		cmocka_unit_test(seldom),
		cmocka_unit_test(late),
		cmocka_unit_test(seldom_in_company),
		cmocka_unit_test(not_judged_in_company),
		cmocka_unit_test(as_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
