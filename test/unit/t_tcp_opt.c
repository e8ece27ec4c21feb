/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "net/tcp_int.h"

#define PARSE(bytes, out) \
	tcp_opt_parse((const u8 *)(bytes), sizeof(bytes) - 1, out)

static void nothing(void **state)
{
	struct tcp_opts o;

	assert_true(tcp_opt_parse(NULL, 0, &o));
	assert_false(o.has_ts);
	assert_int_equal(o.mss, 0);
	assert_int_equal(o.wscale, 0xff);
}

static void all_of_a_syn(void **state)
{
	struct tcp_opts o;

	/* as Linux sends them: MSS, SACK permitted, timestamps, scale */
	assert_true(PARSE("\x02\x04\x05\xb4\x04\x02\x08\x0a\x01\x02\x03\x04"
			  "\x05\x06\x07\x08\x01\x03\x03\x07",
			  &o));
	assert_int_equal(o.mss, 1460);
	assert_int_equal(o.wscale, 7);
	assert_true(o.has_ts);
	assert_int_equal(o.tsval, 0x01020304);
	assert_int_equal(o.tsecr, 0x05060708);
}

static void ends_and_unknown(void **state)
{
	struct tcp_opts o;

	assert_true(PARSE("\x01\x01\x00\x02\x04\x05\xb4", &o));
	assert_int_equal(o.mss, 0); /* behind the end */
	assert_true(PARSE("\xfd\x05xyz\x02\x04\x05\xb4", &o));
	assert_int_equal(o.mss, 1460);
	assert_true(PARSE("\x03\x03\xff", &o));
	assert_int_equal(o.wscale, 14); /* RFC 7323 section 2.3 */
}

static void wrong_lengths(void **state)
{
	struct tcp_opts o;

	/* ignored */
	assert_true(PARSE("\x02\x03\x05\x08\x02\x03\x04\x07\x01", &o));
	assert_int_equal(o.mss, 0);
	assert_false(o.has_ts);
	assert_int_equal(o.wscale, 0xff);
	/* lies */
	assert_false(PARSE("\x02", &o));
	assert_false(PARSE("\x02\x00", &o));
	assert_false(PARSE("\x02\x01", &o));
	assert_false(PARSE("\x02\x05\x05\xb4", &o));
	assert_false(PARSE("\x01\x01\x01\x08", &o));
}

static void never_reads_beyond(void **state)
{
	u64 seed = 1;

	/* On the heap, so that sanitizers see every byte too far. */
	for (int i = 0; i < 50000; i++) {
		u32 len = test_random(&seed) % 41;
		u8 *p = malloc(len + !len);
		struct tcp_opts o;

		for (u32 j = 0; j < len; j++)
			p[j] = (u8)(test_random(&seed) % 12);
		tcp_opt_parse(p, len, &o);
		free(p);
	}
}

static void writes_what_it_reads(void **state)
{
	for (int i = 0; i < 4; i++) {
		struct tcp_conn c = {
			.wscale_rcv = 5,
			.ts_recent = 0xa0b0c0d0,
			.flags = (i & 1 ? TCP_F_TS : 0) |
				 (i & 2 ? TCP_F_WSCALE : 0),
		};
		struct tcp_opts o;
		u8 buf[TCP_MAX_OPT];
		u32 n = tcp_opt_syn(buf, &c, 8960, 77);

		assert_int_equal(n, 4 + (i & 1 ? 12 : 0) + (i & 2 ? 4 : 0));
		assert_true(tcp_opt_parse(buf, n, &o));
		assert_int_equal(o.mss, 8960);
		assert_int_equal(o.wscale, i & 2 ? 5 : 0xff);
		assert_int_equal(o.has_ts, i & 1);
		if (i & 1) {
			assert_int_equal(o.tsval, 77);
			assert_int_equal(o.tsecr, 0xa0b0c0d0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing),
		cmocka_unit_test(all_of_a_syn),
		cmocka_unit_test(ends_and_unknown),
		cmocka_unit_test(wrong_lengths),
		cmocka_unit_test(never_reads_beyond),
		cmocka_unit_test(writes_what_it_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
