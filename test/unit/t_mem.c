/* SPDX-License-Identifier: MIT */
/* base/mem.c against libc, under other names. */
#include "test.h"

#define memcpy mem_copy
#define memmove mem_move
#define memset mem_set
#define memcmp mem_compare
#include "base/mem.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp

enum { MAX = 1200 };

static u8 a[MAX + 64], b[MAX + 64], want[MAX + 64];

static void fill(u64 *seed)
{
	for (size_t i = 0; i < sizeof(a); i++) {
		a[i] = (u8)test_random(seed);
		b[i] = want[i] = (u8)test_random(seed);
	}
}

static void copies_every_length(void **state)
{
	u64 seed = 1;

	for (size_t n = 0; n <= MAX; n++) {
		size_t to = n % 17, from = n % 13;

		fill(&seed);
		memcpy(want + to, a + from, n);
		assert_ptr_equal(mem_copy(b + to, a + from, n), b + to);
		assert_memory_equal(b, want, sizeof(b));
	}
}

static void moves_overlapping(void **state)
{
	u64 seed = 2;

	for (size_t n = 0; n < 200; n++) {
		for (size_t to = 0; to < 40; to += 3) {
			fill(&seed);
			memmove(want + to, want + 20, n);
			assert_ptr_equal(mem_move(b + to, b + 20, n), b + to);
			assert_memory_equal(b, want, sizeof(b));
		}
	}
}

static void sets(void **state)
{
	u64 seed = 3;

	for (size_t n = 0; n <= MAX; n++) {
		fill(&seed);
		memset(want + n % 9, 0x1a5, n);
		assert_ptr_equal(mem_set(b + n % 9, 0x1a5, n), b + n % 9);
		assert_memory_equal(b, want, sizeof(b));
	}
}

static void compares(void **state)
{
	assert_int_equal(mem_compare("abc", "abd", 2), 0);
	assert_true(mem_compare("abc", "abd", 3) < 0);
	assert_true(mem_compare("\xff", "\x01", 1) > 0);
	assert_int_equal(mem_compare("x", "y", 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_every_length),
		cmocka_unit_test(moves_overlapping),
		cmocka_unit_test(sets),
		cmocka_unit_test(compares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
