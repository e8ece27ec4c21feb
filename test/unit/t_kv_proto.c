/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "test/unit/kv_fixture.h"
#include "test/unit/test.h"

static void test_store(void **state)
{
	(void)state;
	kv_dialogue("set a 5 0 3\r\nabc\r\nget a\r\n",
		    "STORED\r\nVALUE a 5 3\r\nabc\r\nEND\r\n");
	kv_dialogue("set a 4294967295 0 0\r\n\r\nget a b a\r\n",
		    "STORED\r\nVALUE a 4294967295 0\r\n\r\n"
		    "VALUE a 4294967295 0\r\n\r\nEND\r\n");
	kv_dialogue("set a 0 0 4\r\n\r\n\r\n\r\nget a\r\n",
		    "STORED\r\nVALUE a 0 4\r\n\r\n\r\n\r\nEND\r\n");
	kv_dialogue("add a 0 0 1\r\n1\r\nadd a 0 0 1\r\n2\r\n"
		    "replace a 0 0 1\r\n3\r\nappend a 0 0 1\r\n4\r\n"
		    "prepend a 0 0 1\r\n0\r\nget a\r\nreplace b 0 0 1\r\nx\r\n",
		    "STORED\r\nNOT_STORED\r\nSTORED\r\nSTORED\r\nSTORED\r\n"
		    "VALUE a 0 3\r\n034\r\nEND\r\nNOT_STORED\r\n");
	kv_dialogue("set a 0 0 1\nx\r\nget a\n",
		    "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
}

static void test_noreply(void **state)
{
	(void)state;
	kv_dialogue("set a 0 0 1 noreply\r\n1\r\nincr a 1 noreply\r\n"
		    "touch a 0 noreply\r\nget a\r\ndelete a noreply\r\n"
		    "flush_all noreply\r\nverbosity 1 noreply\r\nget a\r\n"
		    "cas a 0 0 1 5 noreply\r\nx\r\nset a 0 0 x noreply\r\n",
		    "VALUE a 0 1\r\n2\r\nEND\r\nEND\r\n");
	/* To delete, alone, it is a key. */
	kv_dialogue("set noreply 0 0 1\r\nx\r\ndelete noreply\r\n"
		    "delete noreply noreply\r\nversion noreply\r\n",
		    "STORED\r\nDELETED\r\nVERSION " KV_VERSION "\r\n");
}

static void test_cas(void **state)
{
	(void)state;
	kv_dialogue("cas a 0 0 1 1\r\nx\r\nset a 0 0 1\r\nx\r\ngets a\r\n"
		    "cas a 0 0 1 2\r\ny\r\ncas a 0 0 1 1\r\nz\r\n"
		    "cas a 0 0 1 1\r\nw\r\nget a\r\ngats 0 a b\r\n",
		    "NOT_FOUND\r\nSTORED\r\nVALUE a 0 1 1\r\nx\r\nEND\r\n"
		    "EXISTS\r\nSTORED\r\nEXISTS\r\nVALUE a 0 1\r\nz\r\nEND\r\n"
		    "VALUE a 0 1 2\r\nz\r\nEND\r\n");
}

static void test_numbers(void **state)
{
	(void)state;
	kv_dialogue(
		"set n 0 0 2\r\n10\r\nincr n 5\r\ndecr n 6\r\nget n\r\n"
		"incr n x\r\nincr m 1\r\nset n 0 0 1\r\nx\r\nincr n 1\r\n",
		"STORED\r\n15\r\n9\r\nVALUE n 0 2\r\n9 \r\nEND\r\n"
		"CLIENT_ERROR invalid numeric delta argument\r\nNOT_FOUND\r\n"
		"STORED\r\nCLIENT_ERROR cannot increment or decrement "
		"non-numeric value\r\n");
}

static void test_expiry(void **state)
{
	(void)state;
	kv_dialogue("set a 0 -1 1\r\nx\r\nget a\r\nset a 0 0 1\r\nx\r\n"
		    "touch a 100\r\ngat 0 a\r\ngat -1 a\r\nget a\r\n"
		    "touch a 0\r\ntouch a x\r\n",
		    "STORED\r\nEND\r\nSTORED\r\nTOUCHED\r\nVALUE a 0 1\r\nx\r\n"
		    "END\r\nVALUE a 0 1\r\nx\r\nEND\r\nEND\r\nNOT_FOUND\r\n"
		    "CLIENT_ERROR invalid exptime argument\r\n");
	kv_dialogue("set a 0 0 1\r\nx\r\nflush_all 10\r\nget a\r\nflush_all\r\n"
		    "get a\r\nflush_all x\r\n",
		    "STORED\r\nOK\r\nVALUE a 0 1\r\nx\r\nEND\r\nOK\r\nEND\r\n"
		    "CLIENT_ERROR invalid exptime argument\r\n");
}

static void test_nonsense(void **state)
{
	(void)state;
	kv_dialogue("\r\nfoo\r\nget\r\nset a\r\nGET a\r\ngets \r\n",
		    "ERROR\r\nERROR\r\nERROR\r\nERROR\r\nERROR\r\nERROR\r\n");
	kv_dialogue("set a 0 0 1\r\nxx\r\n",
		    "CLIENT_ERROR bad data chunk\r\nERROR\r\n");
	kv_dialogue("set a x 0 1\r\nset a 0 y 1\r\nset a 0 0 -1\r\n",
		    "CLIENT_ERROR bad command line format\r\n"
		    "CLIENT_ERROR bad command line format\r\n"
		    "CLIENT_ERROR bad command line format\r\n");
	kv_dialogue(
		"delete a 0\r\ndelete a 5\r\ndelete\r\n",
		"NOT_FOUND\r\nCLIENT_ERROR bad command line format.  Usage: "
		"delete <key> [noreply]\r\nERROR\r\n");
	kv_dialogue("quit\r\nget a\r\n", "");
	kv_dialogue("version\r\nverbosity 0\r\nverbosity\r\nshutdown\r\n",
		    "VERSION " KV_VERSION "\r\nOK\r\nERROR\r\n"
		    "ERROR: shutdown not enabled\r\n");
}

static void test_long_keys(void **state)
{
	static char in[8192], want[8192];
	char key[300];

	(void)state;
	memset(key, 'k', sizeof(key));
	snprintf(in, sizeof(in), "set %.250s 0 0 1\r\nx\r\nget %.250s\r\n", key,
		 key);
	snprintf(want, sizeof(want),
		 "STORED\r\nVALUE %.250s 0 1\r\nx\r\n"
		 "END\r\n",
		 key);
	kv_dialogue(in, want);
	snprintf(in, sizeof(in),
		 "get a %.251s\r\nincr %.251s 1\r\ndelete %.251s\r\n"
		 "touch %.251s 0\r\nset %.251s 0 0 1\r\n",
		 key, key, key, key, key);
	want[0] = 0;
	for (int i = 0; i < 5; i++)
		strcat(want, "CLIENT_ERROR bad command line format\r\n");
	kv_dialogue(in, want);
}

/* More keys than fit a line buffer, and more answer than fits the output. */
static void test_many_keys(void **state)
{
	static char in[64 << 10];
	static char want[1 << 20];
	char *at = in, *w = want;
	char value[401];

	(void)state;
	memset(value, 'v', 400);
	value[400] = 0;
	at += sprintf(at, "set key 0 0 400\r\n%s\r\nget", value);
	w += sprintf(w, "STORED\r\n");
	for (int i = 0; i < 1000; i++) {
		at += sprintf(at, " %s", i % 3 ? "key" : "missing");
		if (i % 3)
			w += sprintf(w, "VALUE key 0 400\r\n%s\r\n", value);
	}
	at += sprintf(at, "\r\nversion\r\n");
	w += sprintf(w, "END\r\nVERSION " KV_VERSION "\r\n");
	for (size_t split = 0; split < (size_t)(at - in); split += 97)
		kv_talk(in, at - in, split, want);
	kv_talk_bytes(in, at - in, want);
}

static void test_long_line(void **state)
{
	static char in[10000];

	(void)state;
	memset(in, 'x', 9000);
	strcpy(in + 9000, "\r\nversion\r\n");
	kv_talk(in, strlen(in), 0, "ERROR\r\nVERSION " KV_VERSION "\r\n");
	kv_talk_bytes(in, strlen(in), "ERROR\r\nVERSION " KV_VERSION "\r\n");
	memcpy(in, "get ", 4);
	kv_talk(in, strlen(in), 3000,
		"CLIENT_ERROR bad command line format\r\nVERSION " KV_VERSION
		"\r\n");
}

/* Values that are sent in place, whole and in pieces. */
static void test_large(void **state)
{
	static char in[1100000], want[1100000];
	char *at = in, *w = want;
	struct kv_session s;

	(void)state;
	at += sprintf(at, "set a 1 0 1000000\r\n");
	memset(at, 'z', 1000000);
	at += 1000000;
	at += sprintf(at, "\r\nget a\r\n");
	w += sprintf(w, "STORED\r\nVALUE a 1 1000000\r\n");
	memset(w, 'z', 1000000);
	w += 1000000;
	w += sprintf(w, "\r\nEND\r\n");
	kv_talk(in, at - in, 5000, want);
	kv_begin(&s);
	for (char *p = in; p < at; p += 1460)
		kv_feed(&s, p, at - p < 1460 ? at - p : 1460);
	assert_string_equal(s.answer, want);
	kv_end(&s);
}

static void test_too_large(void **state)
{
	static char in[1200000];
	char *at = in;

	(void)state;
	at += sprintf(at, "set a 0 0 1\r\nx\r\nset a 0 0 1100000\r\n");
	memset(at, 'z', 1100000);
	at += 1100000;
	at += sprintf(at, "\r\nget a\r\n");
	for (size_t split = 0; split < (size_t)(at - in); split += 99991)
		kv_talk(in, at - in, split,
			"STORED\r\nSERVER_ERROR object too large for cache\r\n"
			"END\r\n");
}

static void test_stats(void **state)
{
	static const char hit[] = "set a 0 0 1\r\nx\r\nget a b\r\n";
	static const char *const asks[] = {
		"stats\r\n",	   "stats settings\r\n", "stats items\r\n",
		"stats slabs\r\n", "stats sizes\r\n",
	};
	struct kv_session s;

	(void)state;
	kv_begin(&s);
	kv_feed(&s, hit, strlen(hit));
	for (int i = 0; i < 5; i++) {
		s.n = 0;
		kv_feed(&s, asks[i], strlen(asks[i]));
		assert_memory_equal(s.answer, "STAT ", 5);
		assert_string_equal(s.answer + s.n - 7, "\r\nEND\r\n");
		if (!i) {
			assert_non_null(strstr(s.answer, "STAT get_hits 1\r"));
			assert_non_null(strstr(s.answer, "STAT cmd_set 1\r"));
			assert_non_null(strstr(s.answer, "STAT curr_items 1"));
		}
	}
	kv_end(&s);
	kv_dialogue("stats reset\r\nstats nonsense\r\n", "RESET\r\nERROR\r\n");
}

/* A client that leaves in the middle of everything. */
static void test_leave(void **state)
{
	struct kv_session s;

	(void)state;
	kv_begin(&s);
	kv_feed(&s, "set a 0 0 100\r\nabc", 18);
	kv_end(&s);
	kv_begin(&s);
	kv_feed(&s, "get a b c", 9);
	kv_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_store),
		cmocka_unit_test(test_noreply),
		cmocka_unit_test(test_cas),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_long_keys),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
