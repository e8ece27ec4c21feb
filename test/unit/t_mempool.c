/* SPDX-License-Identifier: MIT */
/* Pools of fixed-size objects. */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake_domain.h"
#include "ix/mempool.h"

static struct fake *f;

static int setup(void **state)
{
	f = fake_open(1);
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(fake_close(f), 0);
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;

	return (x > y) - (x < y);
}

/* All objects are distinct, in the arena, and come back. */
static void all_objects(void **state)
{
	struct mempool_datastore ds = { 0 };
	struct mempool m = { 0 };
	char *p[1024];
	int i, round;

	assert_int_equal(mempool_create_datastore(&ds, 1000, 100, 0, 128, "t"),
			 0);
	assert_int_equal(ds.nr_elems, 1024);
	assert_int_equal(mempool_create(&m, &ds), 0);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 1024; i++) {
			p[i] = mempool_alloc(&m);
			assert_non_null(p[i]);
			assert_true(p[i] >= f->arena &&
				    p[i] + 100 <= f->arena + FAKE_ARENA);
			memset(p[i], 0xff, 100);
		}
		assert_null(mempool_alloc(&m));
		assert_int_equal(m.num_alloc, 1024);
		qsort(p, 1024, sizeof(p[0]), by_address);
		for (i = 1; i < 1024; i++)
			assert_true(p[i] - p[i - 1] >= 100);
		for (i = 0; i < 1024; i++)
			mempool_free(&m, p[(i * 37) % 1024]);
		assert_int_equal(m.num_alloc, 0);
	}
	mempool_destroy(&m);
	mempool_destroy_datastore(&ds);
}

/* What one pool gives back another one gets. */
static void two_pools(void **state)
{
	struct mempool_datastore ds = { 0 };
	struct mempool a = { 0 }, b = { 0 };
	void *p[256];
	int i;

	assert_int_equal(mempool_create_datastore(&ds, 256, 8, 0, 64, "t"), 0);
	mempool_create(&a, &ds);
	mempool_create(&b, &ds);
	for (i = 0; i < 256; i++)
		assert_non_null(p[i] = mempool_alloc(&a));
	assert_null(mempool_alloc(&b));
	for (i = 0; i < 256; i++)
		mempool_free(&b, p[i]);
	assert_non_null(p[0] = mempool_alloc(&a));
	mempool_free(&a, p[0]);
	mempool_destroy(&a);
	mempool_destroy(&b);
	mempool_create(&a, &ds);
	for (i = 0; i < 256; i++)
		assert_non_null(mempool_alloc(&a));
	mempool_destroy_datastore(&ds);
}

static void no_straddle(void **state)
{
	struct mempool_datastore ds = { 0 };
	struct mempool m = { 0 };
	size_t len = 700000;
	uintptr_t p;
	int i;

	assert_int_equal(mempool_create_datastore(&ds, 4, len, 1, 1, "t"), 0);
	mempool_create(&m, &ds);
	for (i = 0; i < 4; i++) {
		p = (uintptr_t)mempool_alloc(&m);
		assert_int_equal(p >> 21, (p + len - 1) >> 21);
		assert_true(p + len <= (uintptr_t)ds.buf + ds.buf_len);
	}
	mempool_destroy_datastore(&ds);
}

static void bad_arguments(void **state)
{
	struct mempool_datastore ds = { 0 };
	struct mempool m = { 0 };

	assert_int_equal(mempool_create(&m, &ds), -EINVAL);
	assert_int_equal(mempool_create_datastore(&ds, 0, 8, 0, 8, "t"),
			 -EINVAL);
	assert_int_equal(mempool_create_datastore(&ds, 8, 0, 0, 8, "t"),
			 -EINVAL);
	assert_int_equal(
		mempool_create_datastore(&ds, 1 << 20, 1 << 20, 0, 8, "t"),
		-ENOMEM);
	assert_null(mempool_alloc(&m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_objects, setup, teardown),
		cmocka_unit_test_setup_teardown(two_pools, setup, teardown),
		cmocka_unit_test_setup_teardown(no_straddle, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_arguments, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
