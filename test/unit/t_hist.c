/* SPDX-License-Identifier: MIT */
/* bench/hist.c against exact quantiles of the same values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "bench/hist.h"
#include "bench/ixload/rng.h"

enum { N = 100000 };

static uint64_t values[N];
static struct hist h, part[3];

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t exact(double q)
{
	uint64_t rank = (uint64_t)ceil(q * N);

	return values[rank ? rank - 1 : 0];
}

static void check_quantiles(void)
{
	static const double qs[] = { 0,	   0.001, 0.25,	   0.5, 0.9,
				     0.99, 0.999, 0.99999, 1 };

	qsort(values, N, sizeof(values[0]), compare);
	for (size_t i = 0; i < sizeof(qs) / sizeof(qs[0]); i++) {
		uint64_t want = exact(qs[i]), got = hist_quantile(&h, qs[i]);

		assert_true(got >= want);
		assert_true(got - want <= want / HIST_SUBS);
	}
	assert_int_equal(h.max, values[N - 1]);
	assert_int_equal(h.min, values[0]);
	assert_int_equal(h.n, N);
}

static void fill(uint64_t (*draw)(uint64_t *rng))
{
	uint64_t rng = 42;

	hist_init(&h);
	for (int i = 0; i < N; i++) {
		values[i] = draw(&rng);
		hist_add(&h, values[i]);
	}
}

static uint64_t uniform(uint64_t *rng)
{
	return rng_below(rng, 5000000);
}

static uint64_t small(uint64_t *rng)
{
	return rng_below(rng, 200);
}

static uint64_t heavy_tail(uint64_t *rng)
{
	return (uint64_t)(5000 / pow(rng_unit(rng), 0.8));
}

static uint64_t constant(uint64_t *rng)
{
	return 123456789;
}

static void quantiles(void **state)
{
	fill(uniform);
	check_quantiles();
	fill(small);
	check_quantiles();
	fill(heavy_tail);
	check_quantiles();
	fill(constant);
	check_quantiles();
}

/* Buckets are in order, without gaps, and no wider than promised. */
static void buckets(void **state)
{
	uint32_t last = 0;

	for (uint64_t v = 1; v < 1ull << HIST_MAX_BITS; v += v / 1000 + 1) {
		uint32_t b = hist_bucket(v);

		assert_true(b == last || b == last + 1 || v > HIST_SUBS * 8);
		assert_true(b >= last && b < HIST_BUCKETS);
		last = b;
	}
	for (uint32_t e = HIST_SUB_BITS; e < HIST_MAX_BITS; e++)
		assert_int_equal(hist_bucket(1ull << e),
				 hist_bucket((1ull << e) - 1) + 1);
	assert_int_equal(hist_bucket(UINT64_MAX), HIST_BUCKETS - 1);
}

static void merging(void **state)
{
	fill(heavy_tail);
	for (int i = 0; i < 3; i++)
		hist_init(&part[i]);
	for (int i = 0; i < N; i++)
		hist_add(&part[i % 3], values[i]);
	hist_merge(&part[0], &part[1]);
	hist_merge(&part[0], &part[2]);
	assert_memory_equal(&part[0], &h, sizeof(h));
	check_quantiles();
	assert_true(hist_mean(&h) > 5000);
}

static void empty(void **state)
{
	hist_init(&h);
	assert_int_equal(hist_quantile(&h, 0.5), 0);
	assert_true(hist_mean(&h) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles),
		cmocka_unit_test(buckets),
		cmocka_unit_test(merging),
		cmocka_unit_test(empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
