/* SPDX-License-Identifier: MIT */
/* nic/impair.c: queue, marks, damage, runs of losses. The rest: t_wire.c. */
#include "base/cksum.h"
#include "nic/impair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { LEN = 1000, MS = 1000000, IP = 14 };

static const u8 ipv4_head[] = {
	0x45, 0x02, 0x03, 0xda, 0x12, 0x34, 0x40, 0, 0x40, 0x06,
	0,    0,    10,	  0,	0,    1,    10,	  0, 0,	   2,
};

static void ipv4_frame(u8 *f, u8 tos)
{
	u16 sum;

	memset(f, 0, LEN);
	f[12] = 0x08;
	memcpy(f + IP, ipv4_head, sizeof(ipv4_head));
	f[IP + 1] = tos;
	sum = (u16)~cksum_fold(cksum_add(0, f + IP, 20));
	memcpy(f + IP + 10, &sum, 2);
}

static bool sum_holds(const u8 *f)
{
	return cksum_fold(cksum_add(0, f + IP, 20)) == 0xffff;
}

/* 8 Mbit/s: 1 ms a frame. */
static void test_queue(void **state)
{
	struct impair im = { .conf = { .rate_bps = 8000000, .queue = 3000 } };
	struct impair_fate fate;
	u8 f[LEN];

	impair_init(&im);
	ipv4_frame(f, 2);
	for (u64 i = 0; i < 3; i++) {
		assert_true(impair_decide(&im, f, LEN, 0, &fate));
		assert_int_equal(fate.due, (i + 1) * MS);
	}
	assert_false(impair_decide(&im, f, LEN, 0, &fate));
	assert_int_equal(im.nr_overflow, 1);
	/* What is lost takes no time on the line. */
	assert_true(impair_decide(&im, f, LEN, MS, &fate));
	assert_int_equal(fate.due, 4 * MS);
	assert_int_equal(im.nr_marked, 0);
}

static void check_mark(u8 before, u8 after)
{
	struct impair im = { .conf = { .rate_bps = 8000000, .mark = 1500 } };
	struct impair_fate fate;
	u8 f[LEN];

	impair_init(&im);
	for (int i = 0; i < 4; i++) {
		ipv4_frame(f, before);
		assert_true(impair_decide(&im, f, LEN, 0, &fate));
		assert_int_equal(f[IP + 1], i < 2 ? before : after);
		assert_true(sum_holds(f));
	}
	assert_int_equal(im.nr_marked,
			 before == after && !(before & 3) ? 0 : 2);
}

static void test_marks(void **state)
{
	struct impair im = { .conf = { .rate_bps = 8000000, .mark = 1 } };
	struct impair_fate fate;
	u8 f[LEN] = { 0 };

	check_mark(0, 0);
	check_mark(1, 3);
	check_mark(2, 3);
	check_mark(0xfe, 0xff);
	check_mark(3, 3);

	impair_init(&im);
	f[12] = 0x86;
	f[13] = 0xdd;
	f[IP] = 0x60;
	f[IP + 1] = 0x21;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(f[IP + 1], 0x21);
		assert_true(impair_decide(&im, f, LEN, 0, &fate));
	}
	assert_int_equal(f[IP + 1], 0x31);
}

/* One bit behind the Ethernet header, of IPv6, too. */
static void test_corruption_ip6(void **state)
{
	struct impair im = { .conf = { .corrupt = ~0u } };
	struct impair_fate fate;

	impair_init(&im);
	for (u32 i = 0; i < 1000; i++) {
		u8 f[LEN] = { [12] = 0x86, [13] = 0xdd, [IP] = 0x60 }, was[LEN];
		u32 bits = 0;

		memcpy(was, f, LEN);
		assert_true(impair_decide(&im, f, LEN, 0, &fate));
		for (u32 j = 0; j < LEN; j++)
			bits += (u32)__builtin_popcount(was[j] ^ f[j]);
		assert_int_equal(bits, 1);
		assert_memory_equal(f, was, IP);
	}
}

/* A hundredth of frames begins a run of 5, on average. */
static void test_bursts(void **state)
{
	struct impair im = {
		.conf = { .seed = 3, .burst = UINT32_MAX / 100, .burst_len = 5 }
	};
	struct impair_fate fate;
	u32 lost = 0, runs = 0;
	bool was_lost = false;
	u8 f[LEN];

	impair_init(&im);
	ipv4_frame(f, 0);
	for (u64 i = 0; i < 20000; i++) {
		bool is_lost = !impair_decide(&im, f, LEN, i, &fate);

		runs += is_lost && !was_lost;
		lost += is_lost;
		was_lost = is_lost;
	}
	assert_in_range(runs, 140, 240);
	assert_in_range(lost, runs * 4, runs * 6);
	assert_int_equal(im.nr_lost, lost);
}

/* In order of their times, and of those of one time as they came. */
static void test_transit(void **state)
{
	struct transit *t = calloc(1, sizeof(*t));
	u64 last = 0;
	u32 n = 0, last_tag = 0;
	u8 f[LEN] = { 0 };

	assert_non_null(t);
	transit_init(t);
	for (u32 i = 0; i <= TRANSIT_MAX; i++)
		transit_put(t, f, 60, i * 7919 % 100, i);
	assert_int_equal(t->nr_dropped, 1);
	assert_non_null(transit_first(t, 0));
	while (t->count) {
		const struct transit_frame *first =
			transit_first(t, transit_next_due(t));

		assert_true(first->due >= last);
		if (n && first->due == last)
			assert_true(first->tag > last_tag);
		last = first->due;
		last_tag = first->tag;
		transit_remove_first(t);
		n++;
	}
	assert_int_equal(n, TRANSIT_MAX);
	assert_true(transit_next_due(t) == UINT64_MAX);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_corruption_ip6),
		cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_transit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
