/* SPDX-License-Identifier: MIT */
/* dom/host/queues.c: which flow groups go to the thread by whose queue they
 * come. Counters and time are the test's. */
#include <errno.h>
#include <string.h>

#include "dom/host/queues.h"
#include "nic/nic_open.h"
#include "test.h"

enum { MS = 1000000, THREADS = 2, MANY = 100 };

int __wrap_host_move(struct host *h, u32 from, u32 to,
		     const struct dp_groups *g);

static struct host h;
static struct nic nic;
static struct dp dps[THREADS + 1];
static struct queues q;
static u64 now;
static u32 moves, groups_moved;
static int fails;

static u32 count(const struct dp_groups *g)
{
	u32 n = 0;

	for (u32 i = 0; i < RSS_TABLE; i++)
		n += dp_group_in(g, i);
	return n;
}

int __wrap_host_move(struct host *host, u32 from, u32 to,
		     const struct dp_groups *g)
{
	moves++;
	groups_moved += count(g);
	assert_true(count(g) > 0);
	for (u32 i = 0; i < RSS_TABLE; i++) {
		if (!dp_group_in(g, i))
			continue;
		assert_int_equal(nic.group_owner[i], from);
		if (!fails)
			nic.group_owner[i] = (u8)to;
	}
	return fails;
}

static int setup(void **state)
{
	memset(&q, 0, sizeof(q));
	memset(&nic, 0, sizeof(nic));
	memset(dps, 0, sizeof(dps));
	now = 1000 * (u64)MS;
	moves = groups_moved = 0;
	fails = 0;
	h.nic = &nic;
	h.shared = (struct dp_shared *)&dps;
	h.nthreads = THREADS;
	h.conf.follow_queues = true;
	for (u32 i = 0; i <= THREADS; i++)
		h.threads[i].dp = &dps[i];
	for (u32 g = 0; g < RSS_TABLE; g++)
		nic.group_owner[g] = (u8)(g % THREADS);
	queues_begin(&q, &h, now);
	return 0;
}

/* @n packets of each of these groups come by @queue. */
static void come(u32 first, u32 step, u32 queue, u32 n)
{
	for (u32 g = first; g < RSS_TABLE; g += step)
		dps[queue].came[g] += n;
}

static void look(void)
{
	now += 1000 * (u64)MS;
	queues_step(&q, &h, now);
}

static u64 load_of(u32 thread, u32 (*came)[RSS_TABLE])
{
	u64 sum = 0;

	for (u32 g = 0; g < RSS_TABLE; g++)
		for (u32 i = 0; i < THREADS; i++)
			sum += nic.group_owner[g] == thread ? came[i][g] : 0;
	return sum;
}

/* Half of each thread's come by the other's. */
static void half(void)
{
	come(0, 4, 0, MANY);
	come(1, 4, 1, MANY);
	come(2, 4, 1, MANY);
	come(3, 4, 0, MANY);
}

/* Who had none would be parked, and should the other's not come, for ever. */
static void the_last_one_stays(void **state)
{
	memset(nic.group_owner, 0, RSS_TABLE);
	nic.group_owner[5] = 1;
	for (u32 g = 0; g < RSS_TABLE; g++)
		dps[g != 5].came[g] += g == 5 ? MANY * (RSS_TABLE - 1) : MANY;
	look();
	assert_int_equal(moves, 0);
}

static void an_exchange(void **state)
{
	half();
	look();
	assert_int_equal(moves, 2);
	assert_int_equal(groups_moved, 64);
	for (u32 g = 0; g < RSS_TABLE; g++)
		assert_true(dps[nic.group_owner[g]].came[g] == MANY);
	for (u32 i = 0; i < 20; i++) {
		for (u32 g = 0; g < RSS_TABLE; g++)
			dps[nic.group_owner[g]].came[g] += MANY;
		look();
	}
	assert_int_equal(moves, 2);
}

/* What one has of its own and what is another's differ in weight: nobody gets
 * more to do than he had. */
static void balance(void **state)
{
	u32 came[THREADS][RSS_TABLE] = { 0 };
	struct queues_swap s;

	for (u32 g = 0; g < RSS_TABLE; g++)
		came[g % 4 < 2 ? g % 2 : !(g % 2)][g] = 20 + g * 7 % 100;
	came[1][0] = 2000; /* thread 0's, the heaviest, by the other queue */
	came[0][0] = 0;
	came[0][1] = 2000; /* ... and the other way */
	came[1][1] = 0;
	for (u32 thread = 0; thread < 2; thread++)
		assert_in_range(load_of(thread, came), 5000, 8000);
	queues_look(&q, came, THREADS);
	assert_true(queues_plan(&q, came, THREADS, nic.group_owner, &s));
	assert_true(dp_group_in(&s.goes[0], 0));
	assert_true(dp_group_in(&s.goes[1], 1));
	for (u32 g = 0; g < RSS_TABLE; g++)
		for (u32 i = 0; i < 2; i++)
			if (dp_group_in(&s.goes[i], g))
				nic.group_owner[g] = (u8)!i;
	assert_in_range(load_of(0, came) * 100 / load_of(1, came), 85, 118);
}

static void few_connections(void **state)
{
	dps[1].came[0] = dps[0].came[1] = 1000;
	dps[0].came[2] = dps[1].came[3] = 1000;
	look();
	assert_int_equal(groups_moved, 2);
	assert_int_equal(nic.group_owner[0], 1);
	assert_int_equal(nic.group_owner[1], 0);
}

/* There is nothing to give for what would come. */
static void one_queue(void **state)
{
	for (u32 i = 0; i < 20; i++) {
		come(0, 1, 1, MANY);
		look();
	}
	assert_int_equal(moves, 0);
}

static void nothing_in_return(void **state)
{
	for (u32 g = 0; g < RSS_TABLE; g++)
		dps[g % 2].came[g] = 20;
	dps[0].came[0] = 0;
	dps[1].came[0] = dps[1].came[1] = 2000;
	look();
	assert_int_equal(moves, 0);
}

/* ... but where one has much more to do than the other. */
static void one_has_all(void **state)
{
	come(0, 2, 1, MANY);
	look();
	assert_int_equal(moves, 1);
	assert_in_range(groups_moved, 30, 34);
}

static void parked(void **state)
{
	memset(nic.group_owner, 0, RSS_TABLE);
	come(0, 1, 1, MANY);
	look();
	assert_int_equal(moves, 0);
}

static void not_mostly(void **state)
{
	for (u32 i = 0; i < 20; i++) {
		come(0, 1, 0, MANY);
		come(0, 1, 1, MANY);
		look();
	}
	assert_int_equal(moves, 0);
}

static void too_few(void **state)
{
	come(0, 2, 1, 15);
	come(1, 2, 0, 15);
	look();
	assert_int_equal(moves, 0);
	come(0, 2, 1, 16);
	come(1, 2, 0, 16);
	look();
	assert_int_equal(groups_moved, RSS_TABLE - THREADS);
}

static void not_worth_it(void **state)
{
	for (u32 g = 0; g < RSS_TABLE; g++)
		dps[g % 2].came[g] = 1000;
	dps[0].came[0] = dps[1].came[1] = 0;
	dps[1].came[0] = dps[0].came[1] = 1000;
	look();
	assert_int_equal(moves, 0);
}

/* Whoever sends by one queue and then by the other, in step with us. */
static void adversary(void **state)
{
	u32 before;

	half();
	look();
	before = groups_moved;
	assert_int_equal(before, 64);
	for (u32 i = 0; i < 100; i++) {
		for (u32 g = 0; g < RSS_TABLE; g++)
			dps[!nic.group_owner[g]].came[g] += MANY;
		look();
	}
	assert_in_range(groups_moved - before, 1, 11 * RSS_TABLE);
	assert_in_range(moves, 2, 50);
}

static void wrap(void **state)
{
	u32(*seen)[RSS_TABLE] = q.seen;

	for (u32 g = 0; g < RSS_TABLE; g++)
		for (u32 i = 0; i < THREADS; i++)
			dps[i].came[g] = seen[i][g] = UINT32_MAX - 10;
	half();
	look();
	assert_int_equal(groups_moved, 64);
}

static void three_threads(void **state)
{
	h.nthreads = 3;
	for (u32 g = 0; g < RSS_TABLE; g++) {
		nic.group_owner[g] = (u8)(g % 3);
		dps[g % 3 == 1	? 1
		    : g % 6 < 3 ? g % 3
				: 2 - g % 3]
			.came[g] = MANY;
	}
	look();
	assert_int_equal(moves, 2);
	for (u32 g = 0; g < RSS_TABLE; g++)
		assert_int_equal(dps[nic.group_owner[g]].came[g], MANY);
}

/* Whoever does not take part is not asked each second. */
static void refused(void **state)
{
	fails = -EOPNOTSUPP;
	for (u32 i = 0; i < 60; i++) {
		half();
		look();
	}
	assert_int_equal(moves, 1);
	for (u32 i = 0; i < 12; i++) {
		half();
		look();
	}
	assert_int_equal(moves, 2);
}

static void off(void **state)
{
	h.conf.follow_queues = false;
	half();
	look();
	assert_int_equal(moves, 0);
	h.conf.follow_queues = true;
	half();
	look();
	assert_int_equal(moves, 2);
}

static void waits(void **state)
{
	assert_int_equal(queues_wait(&q, now), 1000);
	half();
	queues_step(&q, &h, now + 999 * (u64)MS);
	assert_int_equal(moves, 0);
	memset(&q, 0, sizeof(q));
	nic.rss_control = true;
	queues_begin(&q, &h, now);
	assert_int_equal(queues_wait(&q, now), -1);
	look();
	assert_int_equal(moves, 0);
	nic.rss_control = false;
	h.shared = NULL;
	queues_begin(&q, &h, now);
	assert_int_equal(queues_wait(&q, now), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_last_one_stays, setup),
		cmocka_unit_test_setup(an_exchange, setup),
		cmocka_unit_test_setup(balance, setup),
		cmocka_unit_test_setup(few_connections, setup),
		cmocka_unit_test_setup(one_queue, setup),
		cmocka_unit_test_setup(nothing_in_return, setup),
		cmocka_unit_test_setup(one_has_all, setup),
		cmocka_unit_test_setup(parked, setup),
		cmocka_unit_test_setup(not_mostly, setup),
		cmocka_unit_test_setup(too_few, setup),
		cmocka_unit_test_setup(not_worth_it, setup),
		cmocka_unit_test_setup(adversary, setup),
		cmocka_unit_test_setup(wrap, setup),
		cmocka_unit_test_setup(three_threads, setup),
		cmocka_unit_test_setup(refused, setup),
		cmocka_unit_test_setup(off, setup),
		cmocka_unit_test_setup(waits, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
