/* SPDX-License-Identifier: MIT */
/* Dialogues, each fed whole, in two parts split at every position, and byte by
 * byte: the answers must be the same. */
#include <stdio.h>
#include <stdlib.h>

#include "app/kv/proto.h"
#include "test/unit/test.h"

enum { ANSWER_MAX = 4 << 20 };

static void *pages(size_t bytes)
{
	static char *region;
	static size_t used;
	void *p;

	if (!region)
		region = aligned_alloc(4096, 64 << 20);
	p = region + used % (64 << 20);
	used += bytes;
	return p;
}

struct session {
	struct kv_worker *w;
	struct kv_proto p;
	char *answer;
	size_t n;
};

static void collect(struct session *s)
{
	struct kv_out *o = &s->w->out;

	for (uint32_t i = 0; i < o->nsegs; i++) {
		struct kv_seg *g = &o->segs[i];

		assert_true(s->n + g->len < ANSWER_MAX);
		memcpy(s->answer + s->n, g->addr, g->len);
		s->n += g->len;
		if (g->item)
			kv_item_put(s->w->store, g->item);
	}
	kv_out_reset(o);
	s->answer[s->n] = 0;
}

static void feed(struct session *s, const char *in, size_t len)
{
	size_t done = 0;

	while (done < len || kv_unfinished(&s->p)) {
		size_t n = kv_input(s->w, &s->p, in + done, len - done);

		/* It stops early only when output is full. */
		assert_true(n == len - done || kv_out_full(&s->w->out));
		done += n;
		if (kv_out_full(&s->w->out))
			collect(s);
	}
	collect(s);
}

static void begin(struct session *s)
{
	struct kv_conf conf = { 8 << 20, 1 << 20, true, pages, 3, 0 };

	memset(s, 0, sizeof(*s));
	s->w = aligned_alloc(64, sizeof(*s->w));
	memset(s->w, 0, sizeof(*s->w));
	s->w->store = kv_store_new(&conf, 1700000000);
	s->w->all = s->w;
	s->w->nworkers = 1;
	s->answer = malloc(ANSWER_MAX);
	s->answer[0] = 0;
}

static void end(struct session *s)
{
	struct kv_slabs *sl = &s->w->store->slabs;
	uint64_t used = 0;

	kv_proto_end(s->w, &s->p);
	for (uint32_t i = 0; i < sl->nclasses; i++)
		used += sl->classes[i].nused;
	assert_int_equal(used, sl->nitems); /* no reference was lost */
	kv_store_free(s->w->store);
	free(s->w);
	free(s->answer);
}

static void talk(const char *in, size_t len, size_t split, const char *want)
{
	struct session s;

	begin(&s);
	feed(&s, in, split);
	feed(&s, in + split, len - split);
	if (strcmp(s.answer, want))
		print_error("split at %zu of:\n%s\n", split, in);
	assert_string_equal(s.answer, want);
	end(&s);
}

static void talk_bytes(const char *in, size_t len, const char *want)
{
	struct session s;

	begin(&s);
	for (size_t i = 0; i < len; i++)
		feed(&s, in + i, 1);
	assert_string_equal(s.answer, want);
	end(&s);
}

static void dialogue(const char *in, const char *want)
{
	size_t len = strlen(in);

	for (size_t split = 0; split <= len; split++)
		talk(in, len, split, want);
	talk_bytes(in, len, want);
}

static void test_store(void **state)
{
	(void)state;
	dialogue("set a 5 0 3\r\nabc\r\nget a\r\n",
		 "STORED\r\nVALUE a 5 3\r\nabc\r\nEND\r\n");
	dialogue("set a 4294967295 0 0\r\n\r\nget a b a\r\n",
		 "STORED\r\nVALUE a 4294967295 0\r\n\r\n"
		 "VALUE a 4294967295 0\r\n\r\nEND\r\n");
	dialogue("set a 0 0 4\r\n\r\n\r\n\r\nget a\r\n",
		 "STORED\r\nVALUE a 0 4\r\n\r\n\r\n\r\nEND\r\n");
	dialogue("add a 0 0 1\r\n1\r\nadd a 0 0 1\r\n2\r\n"
		 "replace a 0 0 1\r\n3\r\nappend a 0 0 1\r\n4\r\n"
		 "prepend a 0 0 1\r\n0\r\nget a\r\nreplace b 0 0 1\r\nx\r\n",
		 "STORED\r\nNOT_STORED\r\nSTORED\r\nSTORED\r\nSTORED\r\n"
		 "VALUE a 0 3\r\n034\r\nEND\r\nNOT_STORED\r\n");
	dialogue("set a 0 0 1\nx\r\nget a\n",
		 "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
}

static void test_noreply(void **state)
{
	(void)state;
	dialogue("set a 0 0 1 noreply\r\n1\r\nincr a 1 noreply\r\n"
		 "touch a 0 noreply\r\nget a\r\ndelete a noreply\r\n"
		 "flush_all noreply\r\nverbosity 1 noreply\r\nget a\r\n"
		 "cas a 0 0 1 5 noreply\r\nx\r\nset a 0 0 x noreply\r\n",
		 "VALUE a 0 1\r\n2\r\nEND\r\nEND\r\n");
}

static void test_cas(void **state)
{
	(void)state;
	dialogue("cas a 0 0 1 1\r\nx\r\nset a 0 0 1\r\nx\r\ngets a\r\n"
		 "cas a 0 0 1 2\r\ny\r\ncas a 0 0 1 1\r\nz\r\n"
		 "cas a 0 0 1 1\r\nw\r\nget a\r\ngats 0 a b\r\n",
		 "NOT_FOUND\r\nSTORED\r\nVALUE a 0 1 1\r\nx\r\nEND\r\n"
		 "EXISTS\r\nSTORED\r\nEXISTS\r\nVALUE a 0 1\r\nz\r\nEND\r\n"
		 "VALUE a 0 1 2\r\nz\r\nEND\r\n");
}

static void test_numbers(void **state)
{
	(void)state;
	dialogue("set n 0 0 2\r\n10\r\nincr n 5\r\ndecr n 6\r\nget n\r\n"
		 "incr n x\r\nincr m 1\r\nset n 0 0 1\r\nx\r\nincr n 1\r\n",
		 "STORED\r\n15\r\n9\r\nVALUE n 0 2\r\n9 \r\nEND\r\n"
		 "CLIENT_ERROR invalid numeric delta argument\r\nNOT_FOUND\r\n"
		 "STORED\r\nCLIENT_ERROR cannot increment or decrement "
		 "non-numeric value\r\n");
}

static void test_expiry(void **state)
{
	(void)state;
	dialogue("set a 0 -1 1\r\nx\r\nget a\r\nset a 0 0 1\r\nx\r\n"
		 "touch a 100\r\ngat 0 a\r\ngat -1 a\r\nget a\r\n"
		 "touch a 0\r\ntouch a x\r\n",
		 "STORED\r\nEND\r\nSTORED\r\nTOUCHED\r\nVALUE a 0 1\r\nx\r\n"
		 "END\r\nVALUE a 0 1\r\nx\r\nEND\r\nEND\r\nNOT_FOUND\r\n"
		 "CLIENT_ERROR invalid exptime argument\r\n");
	dialogue("set a 0 0 1\r\nx\r\nflush_all 10\r\nget a\r\nflush_all\r\n"
		 "get a\r\nflush_all x\r\n",
		 "STORED\r\nOK\r\nVALUE a 0 1\r\nx\r\nEND\r\nOK\r\nEND\r\n"
		 "CLIENT_ERROR invalid exptime argument\r\n");
}

static void test_nonsense(void **state)
{
	(void)state;
	dialogue("\r\nfoo\r\nget\r\nset a\r\nGET a\r\ngets \r\n",
		 "ERROR\r\nERROR\r\nERROR\r\nERROR\r\nERROR\r\nERROR\r\n");
	dialogue("set a 0 0 1\r\nxx\r\n",
		 "CLIENT_ERROR bad data chunk\r\nERROR\r\n");
	dialogue("set a x 0 1\r\nset a 0 y 1\r\nset a 0 0 -1\r\n",
		 "CLIENT_ERROR bad command line format\r\n"
		 "CLIENT_ERROR bad command line format\r\n"
		 "CLIENT_ERROR bad command line format\r\n");
	dialogue("delete a 0\r\ndelete a 5\r\ndelete\r\n",
		 "NOT_FOUND\r\nCLIENT_ERROR bad command line format.  Usage: "
		 "delete <key> [noreply]\r\nERROR\r\n");
	dialogue("quit\r\nget a\r\n", "");
	dialogue("version\r\nverbosity 0\r\nverbosity\r\nshutdown\r\n",
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
	dialogue(in, want);
	snprintf(in, sizeof(in),
		 "get a %.251s\r\nincr %.251s 1\r\ndelete %.251s\r\n"
		 "touch %.251s 0\r\nset %.251s 0 0 1\r\n",
		 key, key, key, key, key);
	want[0] = 0;
	for (int i = 0; i < 5; i++)
		strcat(want, "CLIENT_ERROR bad command line format\r\n");
	dialogue(in, want);
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
		talk(in, at - in, split, want);
	talk_bytes(in, at - in, want);
}

static void test_long_line(void **state)
{
	static char in[10000];

	(void)state;
	memset(in, 'x', 9000);
	strcpy(in + 9000, "\r\nversion\r\n");
	talk(in, strlen(in), 0, "ERROR\r\nVERSION " KV_VERSION "\r\n");
	talk_bytes(in, strlen(in), "ERROR\r\nVERSION " KV_VERSION "\r\n");
	memcpy(in, "get ", 4);
	talk(in, strlen(in), 3000,
	     "CLIENT_ERROR bad command line format\r\nVERSION " KV_VERSION
	     "\r\n");
}

/* Values that are sent in place, whole and in pieces. */
static void test_large(void **state)
{
	static char in[1100000], want[1100000];
	char *at = in, *w = want;
	struct session s;

	(void)state;
	at += sprintf(at, "set a 1 0 1000000\r\n");
	memset(at, 'z', 1000000);
	at += 1000000;
	at += sprintf(at, "\r\nget a\r\n");
	w += sprintf(w, "STORED\r\nVALUE a 1 1000000\r\n");
	memset(w, 'z', 1000000);
	w += 1000000;
	w += sprintf(w, "\r\nEND\r\n");
	talk(in, at - in, 5000, want);
	begin(&s);
	for (char *p = in; p < at; p += 1460)
		feed(&s, p, at - p < 1460 ? at - p : 1460);
	assert_string_equal(s.answer, want);
	end(&s);
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
		talk(in, at - in, split,
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
	struct session s;

	(void)state;
	begin(&s);
	feed(&s, hit, strlen(hit));
	for (int i = 0; i < 5; i++) {
		s.n = 0;
		feed(&s, asks[i], strlen(asks[i]));
		assert_memory_equal(s.answer, "STAT ", 5);
		assert_string_equal(s.answer + s.n - 7, "\r\nEND\r\n");
		if (!i) {
			assert_non_null(strstr(s.answer, "STAT get_hits 1\r"));
			assert_non_null(strstr(s.answer, "STAT cmd_set 1\r"));
			assert_non_null(strstr(s.answer, "STAT curr_items 1"));
		}
	}
	end(&s);
	dialogue("stats reset\r\nstats nonsense\r\n", "RESET\r\nERROR\r\n");
}

/* A client that leaves in the middle of everything. */
static void test_leave(void **state)
{
	struct session s;

	(void)state;
	begin(&s);
	feed(&s, "set a 0 0 100\r\nabc", 18);
	end(&s);
	begin(&s);
	feed(&s, "get a b c", 9);
	end(&s);
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
