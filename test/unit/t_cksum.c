/* SPDX-License-Identifier: MIT */
/* base/cksum.c against RFC 1071 done byte by byte. */
#include "test.h"

#include "base/be.h"
#include "base/cksum.h"

enum { MAX = 700 };

/* As the RFC says it: 16-bit words in network order, end-around carry. */
static u16 naive(const u8 *p, size_t len)
{
	u32 sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum += i & 1 ? p[i] : (u32)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return be16((u16)sum).raw;
}

/* 0 and 0xffff are the same number in one's complement. */
static void assert_same_sum(u16 a, u16 b)
{
	assert_int_equal(a % 0xffff, b % 0xffff);
}

static void rfc_example(void **state)
{
	/* RFC 1071 section 3 */
	static const u8 data[] = { 0x00, 0x01, 0xf2, 0x03,
				   0xf4, 0xf5, 0xf6, 0xf7 };

	assert_int_equal(
		be16_host((struct be16){ cksum_fold(cksum_add(0, data, 8)) }),
		0xddf2);
}

static void every_length_and_offset(void **state)
{
	u8 buf[MAX + 16], copy[MAX + 16];
	u64 seed = 1;

	for (size_t len = 0; len <= MAX; len++) {
		const u8 *p = buf + len % 9;
		u8 *d = copy + len % 5;

		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = (u8)test_random(&seed);
		if (len % 7 == 0)
			memset(buf, 0xff, sizeof(buf));
		memset(copy, 0xee, sizeof(copy));
		assert_same_sum(cksum_fold(cksum_add(0, p, len)),
				naive(p, len));
		assert_same_sum(cksum_fold(cksum_copy(0, d, p, len)),
				naive(p, len));
		assert_memory_equal(d, p, len);
		assert_int_equal(d[len], 0xee);
	}
}

static void carries_are_kept(void **state)
{
	u8 ones[64];
	u64 sum = ~0ull; /* the worst start */

	memset(ones, 0xff, sizeof(ones));
	for (size_t len = 0; len <= 64; len += 2) {
		assert_same_sum(cksum_fold(cksum_add(sum, ones, len)), 0);
		assert_same_sum(
			cksum_fold(cksum_add(sum, "\1\0\0\0\0\0\0\0", 8)), 1);
	}
}

static void holds(void **state)
{
	u64 seed = 9;

	for (int i = 0; i < 100000; i++) {
		u64 sum = test_random(&seed) >> i % 64;

		if (i % 2)
			sum -= sum % 0xffff;
		if (sum)
			assert_int_equal(cksum_holds(sum),
					 cksum_fold(sum) == 0xffff);
	}
	assert_true(cksum_holds(~0ull));
}

static void parts_at_odd_offsets(void **state)
{
	u8 buf[256];
	u64 seed = 5;

	for (int round = 0; round < 2000; round++) {
		size_t len = test_random(&seed) % sizeof(buf), at = 0;
		u64 sum = 0;

		for (size_t i = 0; i < len; i++)
			buf[i] = (u8)test_random(&seed);
		while (at < len) {
			size_t n = 1 + test_random(&seed) % (len - at);
			u64 part = cksum_add(0, buf + at, n);

			sum += at & 1 ? cksum_shift(part) : cksum_fold(part);
			at += n;
		}
		assert_same_sum(cksum_fold(sum), naive(buf, len));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_example),
		cmocka_unit_test(every_length_and_offset),
		cmocka_unit_test(carries_are_kept),
		cmocka_unit_test(holds),
		cmocka_unit_test(parts_at_odd_offsets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
