/* SPDX-License-Identifier: MIT */
/* The meta commands. What they answer is what memcached 1.6.18 does; the
 * differential test test/e2e/kv_diff.py holds both together. */
#include <stdio.h>

#include "test/unit/kv_fixture.h"
#include "test/unit/test.h"

#define SET "set a 5 0 3\r\nabc\r\n"
#define STORED "STORED\r\n"

static void test_get(void **state)
{
	kv_dialogue("mn\r\nmn x\r\nmg a\r\nmg a v\r\nmg a q\r\nmg a k O1\r\n",
		    "MN\r\nMN\r\nEN\r\nEN\r\nEN ka O1\r\n");
	kv_dialogue(SET "mg a\r\nmg a v\r\nmg a s v f k Oxy c t\r\nmg a q\r\n",
		    STORED "HD\r\nVA 3\r\nabc\r\n"
			   "VA 3 s3 f5 ka Oxy c1 t-1\r\nabc\r\nHD\r\n");
	/* In the order asked for; P and L are for proxies. */
	kv_dialogue(SET "mg a t Pp T30 Ll\r\nmg a T60 t\r\nmg a T0 t\r\n",
		    STORED "HD t-1\r\nHD t60\r\nHD t-1\r\n");
	kv_dialogue(SET "mg a T-1\r\nmg a\r\n", STORED "HD\r\nEN\r\n");
}

static void test_trace(void **state)
{
	/* u leaves none; l and h show what was before. */
	kv_dialogue(SET "mg a h u\r\nmg a h l\r\nmg a h\r\n",
		    STORED "HD h0\r\nHD h0 l0\r\nHD h1\r\n");
	kv_dialogue(SET "get a\r\nmg a h\r\n",
		    STORED "VALUE a 5 3\r\nabc\r\nEND\r\nHD h1\r\n");
	/* Neither a failed append nor a sum reads. */
	kv_dialogue(SET "ms a 1 MA C9\r\nx\r\nincr a 1\r\nmg a h\r\n",
		    STORED "EX\r\nCLIENT_ERROR cannot increment or decrement "
			   "non-numeric value\r\nHD h0\r\n");
}

static void test_vivify(void **state)
{
	kv_dialogue(
		"mg a N30 v t c\r\nmg a N30 v\r\nms a 1 T0\r\nx\r\nmg a v\r\n",
		"VA 0 t30 c1 W\r\n\r\nVA 0 Z\r\n\r\nHD\r\n"
		"VA 1\r\nx\r\n");
	kv_dialogue(SET "mg a N30 t\r\n", STORED "HD t-1\r\n");
}

static void test_recache(void **state)
{
	kv_dialogue(
		"set a 0 50 1\r\nx\r\nmg a R40\r\nmg a R60 t\r\nmg a R60\r\n"
		"mg a\r\n",
		STORED "HD\r\nHD t50 W\r\nHD Z\r\nHD Z\r\n");
	kv_dialogue(SET "mg a R60\r\n", STORED "HD\r\n"); /* lives forever */
}

static void test_stale(void **state)
{
	kv_dialogue(SET "md a I T30\r\nmg a t c v\r\nmg a t\r\nget a\r\n",
		    STORED "HD\r\nVA 3 t30 c2 X W\r\nabc\r\nHD t30 Z X\r\n"
			   "VALUE a 5 3\r\nabc\r\nEND\r\n");
	/* The version from before still counts, but stays stale. */
	kv_dialogue(SET "md a I\r\nmg a\r\nms a 3 C1 I\r\nnew\r\nmg a v c\r\n",
		    STORED "HD\r\nHD X W\r\nHD\r\nVA 3 c3 Z X\r\nnew\r\n");
	/* A winner's own version is fresh. */
	kv_dialogue(SET "md a I\r\nmg a c\r\nms a 3 C2 I\r\nnew\r\nmg a c\r\n",
		    STORED "HD\r\nHD c2 X W\r\nHD\r\nHD c3\r\n");
	/* Invalid once more: another one may win. */
	kv_dialogue(SET "md a I\r\nmg a\r\nmg a\r\nmd a I\r\nmg a\r\n",
		    STORED "HD\r\nHD X W\r\nHD Z X\r\nHD\r\nHD X W\r\n");
	/* A version from the future. */
	kv_dialogue(SET "ms a 3 C2 I\r\nnew\r\nmg a v\r\n",
		    STORED "EX\r\nVA 3\r\nabc\r\n");
}

static void test_set(void **state)
{
	kv_dialogue("ms a 3 T30 F7 c k O9\r\nabc\r\nmg a v f t\r\n",
		    "HD c1 ka O9\r\nVA 3 f7 t30\r\nabc\r\n");
	kv_dialogue("ms a 0\r\n\r\nms a 1 q\r\nx\r\nmg a v\r\n",
		    "HD\r\nVA 1\r\nx\r\n");
	kv_dialogue("ms a 1 ME\r\n1\r\nms a 1 ME q\r\n2\r\nms a 1 MA\r\n3\r\n"
		    "ms a 1 MP\r\n0\r\nmg a v\r\nms a 1 MR\r\n9\r\n"
		    "ms b 1 MR\r\nx\r\nms b 1 MA c\r\nx\r\nms a 1 MS\r\n5\r\n",
		    "HD\r\nNS\r\nHD\r\nHD\r\nVA 3\r\n013\r\nHD\r\nNS\r\n"
		    "NS c0\r\nHD\r\n");
	kv_dialogue(SET
		    "ms a 1 C2\r\nx\r\nms a 1 C1 c\r\ny\r\nms b 1 C1\r\nz\r\n"
		    "ms a 1 C0\r\nx\r\nms a 1 MA C2 c\r\nz\r\n",
		    STORED "EX\r\nHD c2\r\nNF\r\nEX\r\nHD c3\r\n");
	kv_dialogue("ms a 2 q\r\nabcd\r\nmn\r\n",
		    "CLIENT_ERROR bad data chunk\r\nERROR\r\nMN\r\n");
}

static void test_set_wrong(void **state)
{
	/* The block is passed over, where its length is known. */
	kv_dialogue("ms a 2 MX\r\nxx\r\nms a 2 k k\r\nxx\r\nms a 2 !\r\nxx\r\n"
		    "ms a 2 Tx\r\nxx\r\nms a 2 Fx\r\nxx\r\nms a 2 M\r\nxx\r\n"
		    "mg a\r\n",
		    "CLIENT_ERROR invalid mode for ms M token\r\n"
		    "CLIENT_ERROR duplicate flag\r\n"
		    "CLIENT_ERROR invalid flag\r\n"
		    "CLIENT_ERROR bad token in command line format\r\n"
		    "CLIENT_ERROR bad command line format\r\n"
		    "CLIENT_ERROR incorrect length for M token\r\nEN\r\n");
	kv_dialogue("ms\r\nms a\r\nms a x\r\nms a -1\r\nms a S1\r\n",
		    "ERROR\r\nCLIENT_ERROR bad command line format\r\n"
		    "CLIENT_ERROR bad command line format\r\n"
		    "CLIENT_ERROR bad command line format\r\n"
		    "CLIENT_ERROR bad command line format\r\n");
	kv_dialogue("ms a 2 O12345678901234567890123456789012 q\r\nxx\r\n"
		    "ms a 2 O1234567890123456789012345678901 k c\r\nxx\r\n",
		    "CLIENT_ERROR opaque token too long\r\n"
		    "HD O1234567890123456789012345678901 ka c1\r\n");
}

static void test_base64(void **state)
{
	/* "a b", "\0\xff" */
	kv_dialogue("ms YSBi 2 b k\r\nhi\r\nmg YSBi b v k\r\nmg AP8= b k\r\n"
		    "md YSBi b k q\r\nmd YSBi b k\r\nme YSBi b\r\n",
		    "HD kYSBi b\r\nVA 2 kYSBi b\r\nhi\r\nEN kAP8= b\r\n"
		    "NF kYSBi b\r\nEN\r\n");
	/* The same key as text, in both directions. */
	kv_dialogue("ms YWJj 1 b\r\nx\r\nget abc\r\nset abc 0 0 1\r\ny\r\n"
		    "mg YWJj b v k\r\n",
		    "HD\r\nVALUE abc 0 1\r\nx\r\nEND\r\nSTORED\r\n"
		    "VA 1 kabc\r\ny\r\n");
	kv_dialogue("ms YSBi 1 b\r\nx\r\nlru_crawler metadump all\r\n"
		    "stats cachedump 1 0\r\n",
		    "HD\r\nkey=a%20b exp=-1 la=1700000000 cas=1 fetch=no "
		    "cls=1 size=82\nEND\r\nEND\r\n");
	kv_dialogue("mg a b\r\nmg !!!! b\r\nmd a b\r\nma a b\r\nme a b\r\n"
		    "ms ==== 1 b\r\nx\r\n",
		    "CLIENT_ERROR error decoding key\r\n"
		    "CLIENT_ERROR error decoding key\r\n"
		    "CLIENT_ERROR invalid or duplicate flag\r\n"
		    "CLIENT_ERROR invalid or duplicate flag\r\n"
		    "CLIENT_ERROR bad command line format\r\n"
		    "CLIENT_ERROR error decoding key\r\n");
}

static void test_base64_bytes(void **state)
{
	char key[KV_KEY_MAX], coded[KV_KEY_MAX * 2], back[KV_KEY_MAX * 2];

	for (int i = 0; i < KV_KEY_MAX; i++)
		key[i] = (char)(i * 37);
	for (uint32_t n = 1; n <= KV_KEY_MAX; n++) {
		uint32_t len = kv_base64_encode(coded, key, n);

		assert_int_equal(len, (n + 2) / 3 * 4);
		assert_int_equal(kv_base64_decode(back, coded, len), n);
		assert_memory_equal(back, key, n);
	}
	assert_int_equal(kv_base64_encode(coded, "\xfb\xff", 2), 4);
	assert_memory_equal(coded, "+/8=", 4);
	assert_int_equal(kv_base64_decode(back, "a===", 4), 0);
	assert_int_equal(kv_base64_decode(back, "Y W.Jj", 6), 3);
	assert_memory_equal(back, "abc", 3);
}

static void test_delete(void **state)
{
	kv_dialogue(SET "md a C9 k O1\r\nmd a C0\r\nmd a C1 q\r\nmd a q k\r\n",
		    STORED "EX ka O1\r\nEX\r\nNF ka\r\n");
	kv_dialogue(SET "md a I C7\r\nmd a I C1 q\r\nmg a c\r\nmd b I\r\n",
		    STORED "EX\r\nHD c2 X W\r\nNF\r\n");
	kv_dialogue("md\r\nmd a z\r\nmd a "
		    "O12345678901234567890123456789012\r\n",
		    "ERROR\r\nCLIENT_ERROR invalid or duplicate flag\r\n"
		    "CLIENT_ERROR opaque token too long\r\n");
}

static void test_arith(void **state)
{
	kv_dialogue(
		"ma n\r\nma n N30 J10 v t c\r\nma n v D5 k O1\r\nma n MD v\r\n"
		"ma n M- D99 v\r\nma n q\r\nma n M+ v T0 t\r\n",
		"NF\r\nVA 2 t30 c1\r\n10\r\nVA 2 kn O1\r\n15\r\n"
		"VA 2\r\n14\r\nVA 1\r\n0\r\nVA 1 t-1\r\n2\r\n");
	kv_dialogue("set n 0 0 1\r\n9\r\nma n C7 k\r\nma n C1 c v\r\nma n c\r\n"
		    "mg n v\r\n",
		    STORED "EX kn\r\nVA 2 c2\r\n10\r\nHD c3\r\n"
			   "VA 2\r\n11\r\n");
	/* What it makes is said, in spite of q. */
	kv_dialogue("ma n N0 q\r\nma m q\r\n", "HD\r\nNF\r\n");
	kv_dialogue(SET "ma a q\r\nma a MX\r\nma a Dx\r\nma a v v\r\nma\r\n",
		    STORED "CLIENT_ERROR cannot increment or decrement "
			   "non-numeric value\r\n"
			   "CLIENT_ERROR invalid mode for ma M token\r\n"
			   "CLIENT_ERROR invalid or duplicate flag\r\n"
			   "CLIENT_ERROR invalid or duplicate flag\r\n"
			   "ERROR\r\n");
}

/* A longer number is a new item: its TTL must not be lost. */
static void test_arith_longer(void **state)
{
	kv_dialogue("set n 0 0 1\r\n9\r\nma n T30 t\r\nmg n t v\r\n",
		    STORED "HD t30\r\nVA 2 t30\r\n10\r\n");
}

static void test_debug(void **state)
{
	kv_dialogue(SET "me a\r\nget a\r\nme a\r\nme b\r\nme\r\n",
		    STORED "ME a exp=-1 la=0 cas=1 fetch=no cls=1 size=82\r\n"
			   "VALUE a 5 3\r\nabc\r\nEND\r\n"
			   "ME a exp=-1 la=0 cas=1 fetch=yes cls=1 size=82\r\n"
			   "EN\r\nCLIENT_ERROR bad command line format\r\n");
}

static void test_nonsense(void **state)
{
	char in[700], key[300];

	kv_dialogue("mg\r\nmx a\r\nmg a z\r\nmg a v v\r\nmg a \xff\r\n"
		    "mg a Nx\r\nmg a O12345678901234567890123456789012\r\n",
		    "ERROR\r\nERROR\r\nCLIENT_ERROR invalid flag\r\n"
		    "CLIENT_ERROR duplicate flag\r\n"
		    "CLIENT_ERROR duplicate flag\r\n"
		    "CLIENT_ERROR bad token in command line format\r\n"
		    "CLIENT_ERROR opaque token too long\r\n");
	kv_dialogue("mg a P L v k s t c f h l O u q N0 R0\r\nmg a P L v k s t "
		    "c f h l O u q N0 R0 T0 F0 C0\r\n"
		    "md a P L v k s t c f h l O u q N0 R0 T0 F0 C0\r\n",
		    "VA 0 ka s0 t-1 c1 f0 h0 l0 O W\r\n\r\n"
		    "CLIENT_ERROR options flags are too long\r\n"
		    "CLIENT_ERROR options flags too long\r\n");
	memset(key, 'k', sizeof(key));
	snprintf(in, sizeof(in), "mg %.251s\r\nmd %.251s\r\n", key, key);
	kv_dialogue(in, "CLIENT_ERROR bad command line format\r\n"
			"CLIENT_ERROR bad command line format\r\n");
}

/* The longest answer there is, and a value sent in place. */
static void test_longest(void **state)
{
	static char in[6000], want[6000];
	char key[252], value[5001];

	memset(key, 'k', 250);
	key[250] = 0;
	memset(value, 'v', 5000);
	value[5000] = 0;
	snprintf(in, sizeof(in),
		 "ms %s 5000 F4294967295 T1000000\r\n%s\r\n"
		 "mg %s O1234567890123456789012345678901 k s t c f h l v\r\n",
		 key, value, key);
	snprintf(want, sizeof(want),
		 "HD\r\nVA 5000 O1234567890123456789012345678901 k%s s5000 "
		 "t1000000 c1 f4294967295 h0 l0\r\n%s\r\n",
		 key, value);
	kv_talk(in, strlen(in), 0, want);
	kv_talk(in, strlen(in), 3000, want);
	kv_talk_bytes(in, strlen(in), want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_vivify),
		cmocka_unit_test(test_recache),
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_set_wrong),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_base64_bytes),
		cmocka_unit_test(test_delete),
		cmocka_unit_test(test_arith),
		cmocka_unit_test(test_arith_longer),
		cmocka_unit_test(test_debug),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
