/* SPDX-License-Identifier: MIT */
/* Pages of the arena: first fit, joined again, thread-safe. */
#include <pthread.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake_domain.h"

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

static void whole(void **state)
{
	void *p = ix_alloc_pages(FAKE_ARENA);

	assert_non_null(p);
	assert_null(ix_alloc_pages(1));
	assert_int_equal(ix_free_bytes(), 0);
	ix_free_pages(p, FAKE_ARENA);
	assert_null(ix_alloc_pages(FAKE_ARENA + 1));
	assert_null(ix_alloc_pages(0));
	assert_null(ix_alloc_pages(SIZE_MAX));
}

static void rounds_up(void **state)
{
	char *a = ix_alloc_pages(1), *b = ix_alloc_pages(4097);

	assert_int_equal((uintptr_t)a % 4096, 0);
	assert_ptr_equal(b, a + 4096);
	assert_int_equal(ix_free_bytes(), FAKE_ARENA - 3 * 4096);
	ix_free_pages(a, 1);
	ix_free_pages(b, 4097);
}

/* In any order of freeing it becomes one piece again. */
static void joins(void **state)
{
	static const int order[][4] = {
		{ 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 0, 2, 1, 3 }, { 1, 3, 2, 0 }
	};
	void *p[4], *all;
	size_t i, k;

	for (i = 0; i < 4; i++) {
		for (k = 0; k < 4; k++)
			p[k] = ix_alloc_pages(FAKE_ARENA / 4);
		assert_null(ix_alloc_pages(4096));
		for (k = 0; k < 4; k++)
			ix_free_pages(p[order[i][k]], FAKE_ARENA / 4);
		all = ix_alloc_pages(FAKE_ARENA);
		assert_non_null(all);
		ix_free_pages(all, FAKE_ARENA);
	}
}

static void *hammer(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg, i, k;
	char *p[16] = { NULL };
	size_t len[16];

	for (i = 0; i < 4000; i++) {
		k = (unsigned int)rand_r(&seed) % 16;
		if (p[k]) {
			if (p[k][0] != (char)k)
				return p[k];
			ix_free_pages(p[k], len[k]);
			p[k] = NULL;
		} else {
			len[k] = 1 + (unsigned int)rand_r(&seed) % 20000;
			p[k] = ix_alloc_pages(len[k]);
			if (p[k])
				p[k][0] = (char)k;
		}
	}
	for (k = 0; k < 16; k++)
		ix_free_pages(p[k], p[k] ? len[k] : 0);
	return NULL;
}

static void threads(void **state)
{
	pthread_t t[4];
	uintptr_t i;
	void *bad;

	for (i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, hammer, (void *)(i + 1));
	for (i = 0; i < 4; i++) {
		pthread_join(t[i], &bad);
		assert_null(bad);
	}
	assert_int_equal(ix_free_bytes(), FAKE_ARENA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whole, setup, teardown),
		cmocka_unit_test_setup_teardown(rounds_up, setup, teardown),
		cmocka_unit_test_setup_teardown(joins, setup, teardown),
		cmocka_unit_test_setup_teardown(threads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
