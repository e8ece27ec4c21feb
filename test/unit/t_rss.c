/* SPDX-License-Identifier: MIT */
/* nic/rss.c: tables; and what the kernel says where there is no RSS. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "nic/nic_open.h"
#include "nic/rss.h"

static void test_default(void **state)
{
	struct nic nic = { .nqueues = 3 };

	nic_rss_default(&nic);
	assert_memory_equal(nic.rss_key, rss_symmetric_key, RSS_KEY_LEN);
	for (u32 g = 0; g < RSS_TABLE; g++)
		assert_int_equal(nic.group_owner[g], g % 3);
	assert_false(nic.rss_control);
}

/* Any table size that is a multiple: hash % size % 128 is the group. */
static void test_fill_large(void **state)
{
	static u32 table[4 * RSS_TABLE];
	u8 owner[RSS_TABLE];

	for (u32 g = 0; g < RSS_TABLE; g++)
		owner[g] = (u8)(g * 7 % 5);
	assert_true(rss_fill(table, ARRAY_SIZE(table), owner));
	for (u32 i = 0; i < ARRAY_SIZE(table); i++)
		assert_int_equal(table[i], owner[i % RSS_TABLE]);
}

static void test_fill_small(void **state)
{
	u8 owner[RSS_TABLE];
	u32 table[64];

	for (u32 g = 0; g < RSS_TABLE; g++)
		owner[g] = (u8)(g % 4);
	assert_true(rss_fill(table, 64, owner));
	owner[64] = 3; /* shares an entry with group 0 */
	assert_false(rss_fill(table, 64, owner));
}

static void test_no_control(void **state)
{
	u8 key[RSS_KEY_LEN], owner[RSS_TABLE] = { 0 };
	struct rss_saved saved = { 0 };

	memcpy(key, rss_symmetric_key, RSS_KEY_LEN);
	assert_int_equal(rss_apply("lo", key, owner, &saved), -EOPNOTSUPP);
	assert_int_equal(rss_set_table("lo", owner), -EOPNOTSUPP);
	assert_int_equal(rss_apply("nix0", key, owner, &saved), -ENODEV);
	assert_int_equal(saved.table_size, 0);
	rss_restore("lo", &saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_fill_large),
		cmocka_unit_test(test_fill_small),
		cmocka_unit_test(test_no_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
