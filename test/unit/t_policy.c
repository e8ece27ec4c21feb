/* SPDX-License-Identifier: MIT */
/* Policies, a decision at a time; under load: test/cp/load.c. */
#include "test.h"

#include "cp/policy.h"

enum { MS = 1000000, TARGET = 200, CORES = 8, BATCH = 64 };

struct rig {
	struct policy p;
	u64 now;
};

static struct policy_want want(enum policy_kind kind)
{
	return (struct policy_want){ .kind = kind,
				     .min_cores = 1,
				     .max_cores = CORES,
				     .target_us = TARGET,
				     .batch = BATCH };
}

static void begin(struct rig *r, enum policy_kind kind)
{
	struct policy_want w = want(kind);

	r->now = 1000 * (u64)MS;
	policy_init(&r->p, &w, r->now);
}

/* An interval in which each of its threads is so busy; cores after it. */
static u32 interval(struct rig *r, u32 busy, u32 delay_us)
{
	struct policy_load l = { .n = r->p.step[r->p.at].cores };

	for (u32 i = 0; i < l.n; i++)
		l.thread[i] = (struct policy_thread){ busy, delay_us, 1 };
	r->now += 10 * MS;
	return policy_decide(&r->p, &l, r->now).cores;
}

/* The same in thousandths of a core, for so long. */
static u32 demand(struct rig *r, u32 mcores, u32 ms)
{
	u32 cores = r->p.step[r->p.at].cores;

	for (u32 t = 0; t < ms; t += 10)
		cores = interval(r, min(mcores / cores, 1000u), 10);
	return cores;
}

static void begins_with_all(void **state)
{
	struct rig r;

	begin(&r, POLICY_LATENCY);
	assert_int_equal(interval(&r, 0, 0), CORES);
}

static void takes_back_after_a_hold(void **state)
{
	struct rig r;

	begin(&r, POLICY_LATENCY);
	assert_int_equal(demand(&r, 100, 490), CORES);
	assert_int_equal(demand(&r, 100, 20), 1);
}

static void what_is_measured_comes_at_once(void **state)
{
	struct rig r;

	begin(&r, POLICY_LATENCY);
	assert_int_equal(demand(&r, 1000, 600), 2);
	/* 2 x 900 of 2000: 2250 at 80 % */
	assert_int_equal(interval(&r, 900, 10), 3);
}

static void saturated_doubles(void **state)
{
	struct rig r;

	begin(&r, POLICY_LATENCY);
	assert_int_equal(demand(&r, 100, 600), 1);
	assert_int_equal(interval(&r, 1000, 500), 3);
	assert_int_equal(interval(&r, 1000, 900), 8);
}

static void full_batches_are_saturation(void **state)
{
	struct policy_load l = { .n = 1 };
	struct rig r;

	begin(&r, POLICY_LATENCY);
	demand(&r, 100, 600);
	l.thread[0] = (struct policy_thread){ 700, 10, BATCH };
	assert_int_equal(policy_decide(&r.p, &l, r.now + 10 * MS).cores, 3);
}

/* While the delay falls, what has waited is being worked off: not twice as
 * many again. */
static void recovering_is_not_a_lack(void **state)
{
	struct rig r;

	begin(&r, POLICY_LATENCY);
	demand(&r, 100, 600);
	assert_int_equal(interval(&r, 1000, 9000), 3);
	assert_int_equal(interval(&r, 1000, 4000), 3);
	assert_int_equal(interval(&r, 1000, 4000), 8);
}

static void late_is_a_core_more(void **state)
{
	struct rig r;

	begin(&r, POLICY_LATENCY);
	assert_int_equal(demand(&r, 1000, 600), 2);
	assert_int_equal(interval(&r, 500, TARGET), 2);
	assert_int_equal(interval(&r, 500, TARGET + 1), 3);
}

/* Policy background, at 4 cores of 8. */
static void begin_background(struct rig *r)
{
	begin(r, POLICY_BACKGROUND);
	assert_int_equal(demand(r, 3120, 300), 4);
}

static void a_moment_takes_nothing_from_the_background(void **state)
{
	struct rig r;

	begin_background(&r);
	for (u32 i = 0; i < 20; i++) {
		assert_int_equal(interval(&r, 940, 10), 4);
		assert_int_equal(interval(&r, 800, TARGET + 1), 4);
		assert_int_equal(interval(&r, 780, 10), 4);
	}
}

static void what_lasts_comes_from_the_background(void **state)
{
	struct rig r;

	begin_background(&r);
	interval(&r, 800, TARGET + 1);
	assert_int_equal(interval(&r, 940, 10), 4);
	assert_int_equal(interval(&r, 800, TARGET + 1), 5);
	assert_int_equal(interval(&r, 720, 10), 5);
}

/* One thread that has too much may be chance; most of them are not. */
static void overrun_comes_from_the_background_at_once(void **state)
{
	struct policy_load l = { .n = 4 };
	struct rig r;

	begin_background(&r);
	for (u32 i = 0; i < 4; i++)
		l.thread[i] = (struct policy_thread){ 780, 10, 1 };
	l.thread[0].busy = l.thread[1].busy = 1000;
	r.now += 10 * MS;
	assert_int_equal(policy_decide(&r.p, &l, r.now).cores, 4);
	l.thread[2].busy = 1000;
	r.now += 10 * MS;
	assert_int_equal(policy_decide(&r.p, &l, r.now).cores, CORES);
}

/* A request that takes long is not served sooner by more cores. */
static void slow_service_takes_no_cores(void **state)
{
	struct rig r;

	begin(&r, POLICY_LATENCY);
	for (u32 i = 0; i < 200; i++)
		interval(&r, 30, 10 * TARGET);
	assert_int_equal(interval(&r, 30, 10 * TARGET), 1);
}

/* One thread has too much, the others next to nothing. */
static void imbalance_takes_no_cores(void **state)
{
	struct policy_load l = { .n = 4 };
	struct rig r;

	begin(&r, POLICY_LATENCY);
	assert_int_equal(demand(&r, 2400, 600), 4);
	for (u32 i = 0; i < 4; i++)
		l.thread[i] = (struct policy_thread){ 100, 10, 1 };
	l.thread[0] = (struct policy_thread){ 1000, 10 * TARGET, 1 };
	for (u32 i = 0; i < 20; i++) {
		r.now += 10 * MS;
		assert_true(policy_decide(&r.p, &l, r.now).cores <= 4);
	}
}

/* A moment of load within the hold keeps the cores. */
static void the_peak_counts(void **state)
{
	struct rig r;

	begin(&r, POLICY_LATENCY);
	assert_int_equal(demand(&r, 3000, 600), 5);
	for (u32 i = 0; i < 10; i++) {
		assert_int_equal(demand(&r, 100, 390), 5);
		assert_int_equal(demand(&r, 3000, 10), 5);
	}
	assert_int_equal(demand(&r, 100, 600), 1);
}

/* Up at 80 %, down only to less than 65 %. */
static void between_is_hysteresis(void **state)
{
	struct rig r;

	begin(&r, POLICY_LATENCY);
	assert_int_equal(demand(&r, 1500, 600), 3);
	assert_int_equal(demand(&r, 1590, 2000), 3);
	assert_int_equal(demand(&r, 1310, 2000), 3);
	assert_int_equal(demand(&r, 1290, 600), 2);
	assert_int_equal(demand(&r, 1590, 2000), 2);
}

/* Load that comes again each time the cores have gone: fewer and fewer
 * changes. */
static void regret_lengthens_the_hold(void **state)
{
	u32 changes[2] = { 0, 0 }, cores = 1;
	struct rig r;

	begin(&r, POLICY_LATENCY);
	demand(&r, 100, 600);
	for (u32 i = 0; i < 80; i++) {
		u32 was = cores;

		cores = demand(&r, 2000, 10);
		changes[i / 40] += cores != was;
		was = cores;
		cores = demand(&r, 100, 990);
		changes[i / 40] += cores != was;
	}
	assert_true(changes[0] <= 12);
	assert_true(changes[1] <= 2);
	/* ... and when all is quiet for long, it is forgotten. */
	demand(&r, 100, 600000);
	for (u32 i = 0; i < 8; i++) {
		demand(&r, 3000, 10);
		demand(&r, 100, 1200000);
	}
	assert_true(r.p.hold <= 1000 * (u64)MS);
}

/* Cores at the lowest frequency first; then all of them faster. */
static void energy_climbs_cores_then_frequency(void **state)
{
	struct policy_want w = want(POLICY_ENERGY);
	struct policy p;

	w.max_cores = 2;
	w.nkhz = 3;
	w.khz[0] = 1000000;
	w.khz[1] = 1500000;
	w.khz[2] = 2000000;
	policy_init(&p, &w, 0);
	assert_int_equal(p.nsteps, 4);
	assert_int_equal(p.at, 3);
	assert_int_equal(policy_capacity(&p, 0), 500);
	assert_int_equal(policy_capacity(&p, 1), 1000);
	assert_int_equal(policy_capacity(&p, 2), 1500);
	assert_int_equal(policy_capacity(&p, 3), 2000);
	assert_int_equal(p.step[1].cores, 2);
	assert_int_equal(p.step[1].khz, 1000000);
	assert_int_equal(p.step[3].khz, 2000000);
}

/* What a slow core measures is less work than it looks. */
static void busy_counts_by_frequency(void **state)
{
	struct policy_load l = { .n = 1 };
	struct policy_want w = want(POLICY_ENERGY);
	struct policy_step s = { 0, 0 };
	struct policy p;
	u64 now = 0;

	w.max_cores = 4;
	w.nkhz = 2;
	w.khz[0] = 1000000;
	w.khz[1] = 4000000;
	policy_init(&p, &w, now);
	for (u32 i = 0; i < 60; i++)
		s = policy_decide(&p, &l, now += 10 * MS);
	assert_int_equal(s.cores, 1);
	l.thread[0].busy = 950; /* of a quarter */
	s = policy_decide(&p, &l, now += 10 * MS);
	assert_int_equal(s.cores, 2);
	assert_int_equal(s.khz, 1000000);
}

static void calm_at_the_lowest_step_only(void **state)
{
	struct policy_load l = { .n = 1 };
	struct rig r;

	begin(&r, POLICY_LATENCY);
	assert_false(policy_calm(&r.p, &l));
	assert_int_equal(demand(&r, 100, 600), 1);
	assert_true(policy_calm(&r.p, &l));
	l.thread[0].busy = 49;
	assert_true(policy_calm(&r.p, &l));
	l.thread[0].busy = 50;
	assert_false(policy_calm(&r.p, &l));
}

static void policy_changes_while_running(void **state)
{
	struct policy_want w = want(POLICY_FIXED);
	struct rig r;

	begin(&r, POLICY_LATENCY);
	assert_int_equal(demand(&r, 1500, 600), 3);
	policy_change(&r.p, &w, r.now);
	assert_int_equal(demand(&r, 100, 5000), CORES);
	w = want(POLICY_BACKGROUND);
	policy_change(&r.p, &w, r.now);
	assert_int_equal(demand(&r, 100, 240), CORES);
	assert_int_equal(demand(&r, 100, 20), 1);
	w.min_cores = 2;
	policy_change(&r.p, &w, r.now);
	assert_int_equal(interval(&r, 10, 10), 2);
}

static void names_are_found(void **state)
{
	for (u32 i = 0; i < POLICY_KINDS; i++)
		assert_int_equal(policy_find(policy_name((enum policy_kind)i)),
				 i);
	assert_int_equal(policy_find("other"), POLICY_KINDS);
	assert_null(policy_name(POLICY_KINDS));
}

/* ---- shares: cores 1 to 8; a from below, b from above, c in the middle */

static const u16 up_from_1[] = { 1, 2, 3, 4, 5, 6 };
static const u16 down_from_8[] = { 8, 7, 6, 5, 4, 3 };

static void share2(struct policy_claim c[2], u32 a, u32 b, u32 pa, u32 pb)
{
	c[0] = (struct policy_claim){ .want = a,
				      .min = 1,
				      .n = 6,
				      .core = up_from_1,
				      .priority = pa,
				      .has = c[0].has };
	c[1] = (struct policy_claim){ .want = b,
				      .min = 1,
				      .n = 6,
				      .core = down_from_8,
				      .priority = pb,
				      .has = c[1].has };
	policy_share(c, 2);
}

static void all_that_fits_is_given(void **state)
{
	struct policy_claim c[2] = { { .has = 1 }, { .has = 1 } };

	share2(c, 3, 5, 0, 0);
	assert_int_equal(c[0].given, 3);
	assert_int_equal(c[1].given, 5);
}

static void equals_share_evenly(void **state)
{
	struct policy_claim c[2] = { { .has = 1 }, { .has = 1 } };

	share2(c, 6, 6, 7, 7);
	assert_int_equal(c[0].given, 4);
	assert_int_equal(c[1].given, 4);
}

static void who_has_it_keeps_it(void **state)
{
	struct policy_claim c[2] = { { .has = 1 }, { .has = 6 } };

	share2(c, 6, 6, 0, 0);
	assert_int_equal(c[0].given, 2);
	assert_int_equal(c[1].given, 6);
}

static void priority_takes_it(void **state)
{
	struct policy_claim c[2] = { { .has = 1 }, { .has = 6 } };

	share2(c, 6, 6, 2, 1);
	assert_int_equal(c[0].given, 6);
	assert_int_equal(c[1].given, 2);
}

static void the_minimum_is_everybodys(void **state)
{
	static const u16 only[] = { 4, 3 };
	struct policy_claim c[2] = {
		{ .want = 6,
		  .min = 1,
		  .n = 6,
		  .core = up_from_1,
		  .has = 6,
		  .priority = 9 },
		{ .want = 1, .min = 1, .n = 2, .core = only },
	};

	policy_share(c, 2);
	assert_int_equal(c[0].given, 3);
	assert_int_equal(c[1].given, 1);
}

/* Until the other has left its core, it is not ours. */
static void no_core_has_two_at_a_time(void **state)
{
	struct policy_claim c[2] = { { .has = 1 }, { .has = 6 } };

	share2(c, 6, 6, 2, 1);
	assert_int_equal(policy_may_use(c, 2, 0), 2);
	assert_int_equal(policy_may_use(c, 2, 1), 2);
	c[1].has = 3;
	assert_int_equal(policy_may_use(c, 2, 0), 5);
	c[1].has = 2;
	assert_int_equal(policy_may_use(c, 2, 0), 6);
}

static void random_shares_are_disjoint(void **state)
{
	u64 seed = 42;

	for (u32 round = 0; round < 2000; round++) {
		u16 core[4][8];
		struct policy_claim c[4];
		struct core_set taken = { 0 };

		for (u32 i = 0; i < 4; i++) {
			for (u32 k = 0; k < 8; k++)
				core[i][k] =
					(u16)((i * 2 + k * (1 + 2 * (i & 1))) %
					      9);
			c[i] = (struct policy_claim){
				.want = (u32)(1 + test_random(&seed) % 8),
				.min = 1,
				.has = (u32)(1 + test_random(&seed) % 3),
				.priority = (u32)(test_random(&seed) % 3),
				.n = 8,
				.core = core[i],
			};
		}
		policy_share(c, 4);
		for (u32 i = 0; i < 4; i++) {
			assert_in_range(c[i].given, 1, c[i].want);
			assert_true(policy_may_use(c, 4, i) <= c[i].given);
			for (u32 k = 0; k < c[i].given; k++) {
				assert_false(core_has(&taken, core[i][k]));
				core_add(&taken, core[i][k]);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_with_all),
		cmocka_unit_test(takes_back_after_a_hold),
		cmocka_unit_test(what_is_measured_comes_at_once),
		cmocka_unit_test(saturated_doubles),
		cmocka_unit_test(full_batches_are_saturation),
		cmocka_unit_test(recovering_is_not_a_lack),
		cmocka_unit_test(late_is_a_core_more),
		cmocka_unit_test(a_moment_takes_nothing_from_the_background),
		cmocka_unit_test(what_lasts_comes_from_the_background),
		cmocka_unit_test(overrun_comes_from_the_background_at_once),
		cmocka_unit_test(slow_service_takes_no_cores),
		cmocka_unit_test(imbalance_takes_no_cores),
		cmocka_unit_test(the_peak_counts),
		cmocka_unit_test(between_is_hysteresis),
		cmocka_unit_test(regret_lengthens_the_hold),
		cmocka_unit_test(energy_climbs_cores_then_frequency),
		cmocka_unit_test(busy_counts_by_frequency),
		cmocka_unit_test(calm_at_the_lowest_step_only),
		cmocka_unit_test(policy_changes_while_running),
		cmocka_unit_test(names_are_found),
		cmocka_unit_test(all_that_fits_is_given),
		cmocka_unit_test(equals_share_evenly),
		cmocka_unit_test(who_has_it_keeps_it),
		cmocka_unit_test(priority_takes_it),
		cmocka_unit_test(the_minimum_is_everybodys),
		cmocka_unit_test(no_core_has_two_at_a_time),
		cmocka_unit_test(random_shares_are_disjoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
