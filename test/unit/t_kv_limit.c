/* SPDX-License-Identifier: MIT */
/* Who may have how much of kv's memory. */
#include <stdio.h>

#include "test/unit/kv_fixture.h"
#include "test/unit/test.h"

enum { SLOW = 40, BIG = 600000 };

/* Another connection to the same worker. */
static void open_conn(struct kv_session *to, const struct kv_session *first)
{
	*to = *first;
	to->p = (struct kv_proto){ 0 };
	to->answer = malloc(4 << 20);
	to->answer[0] = 0;
	to->n = 0;
}

static void close_conn(struct kv_session *c)
{
	kv_proto_end(c->w, &c->p);
	free(c->answer);
}

static void say(struct kv_session *c, const char *text)
{
	kv_feed(c, text, strlen(text));
}

static void begin_set(struct kv_session *c, int i)
{
	char line[64];

	snprintf(line, sizeof(line), "set slow%d 0 0 %d\r\nx", i, BIG);
	say(c, line);
}

static void rest(struct kv_session *c)
{
	static char data[BIG + 1];

	memset(data, 'y', BIG - 1);
	memcpy(data + BIG - 1, "\r\n", 2);
	kv_feed(c, data, BIG + 1);
}

/* 8 MB: a quarter is room for two. */
static void test_slow_senders(void **state)
{
	static char value[BIG + 100];
	struct kv_session first, slow[SLOW];

	kv_begin(&first);
	for (int i = 0; i < SLOW; i++) {
		open_conn(&slow[i], &first);
		begin_set(&slow[i], i);
		assert_true(first.w->fill_bytes <= 2 << 20);
	}
	assert_int_equal(first.w->n.store_cut_short, SLOW - 2);
	/* Others find memory. */
	memset(value + 100, 'z', BIG);
	for (int i = 0; i < 12; i++) {
		first.n = 0;
		say(&first, "set other 0 0 600000\r\n");
		kv_feed(&first, value + 100, BIG);
		say(&first, "\r\n");
		assert_string_equal(first.answer, "STORED\r\n");
	}
	/* Who was cut hears of it at the end, and goes on. */
	rest(&slow[0]);
	assert_string_equal(slow[0].answer, "SERVER_ERROR out of memory "
					    "storing object\r\n");
	slow[0].n = 0;
	say(&slow[0], "verbosity 1\r\n");
	assert_string_equal(slow[0].answer, "OK\r\n");
	for (int i = 0; i < SLOW; i++)
		close_conn(&slow[i]);
	assert_int_equal(first.w->fill_bytes, 0);
	assert_null(first.w->fill_oldest);
	kv_end(&first);
}

/* The younger ones are left in peace, and one may always have one. */
static void test_young_sender(void **state)
{
	struct kv_session first, a, b;

	kv_begin(&first);
	first.w->nworkers = 64; /* a share smaller than the item */
	open_conn(&a, &first);
	open_conn(&b, &first);
	begin_set(&a, 0);
	begin_set(&b, 1);
	rest(&b);
	assert_string_equal(b.answer, "STORED\r\n");
	say(&b, "get slow0\r\n");
	assert_string_equal(b.answer, "STORED\r\nEND\r\n");
	rest(&a);
	assert_string_equal(a.answer, "SERVER_ERROR out of memory storing "
				      "object\r\n");
	first.w->nworkers = 1;
	close_conn(&a);
	close_conn(&b);
	kv_end(&first);
}

/* A connection that goes to another thread, or ends there, is not in this one's
 * list any more. */
static void test_goes_elsewhere(void **state)
{
	struct kv_session first, a, b;
	struct kv_worker *other;

	kv_begin(&first);
	other = aligned_alloc(64, sizeof(*other));
	*other = *first.w;
	open_conn(&a, &first);
	open_conn(&b, &first);
	begin_set(&a, 0);
	begin_set(&b, 1);
	kv_fill_leave(first.w, &a.p);
	kv_fill_leave(first.w, &a.p);
	assert_ptr_equal(first.w->fill_oldest, &b.p);
	assert_ptr_equal(first.w->fill_newest, &b.p);
	a.w = other;
	kv_fill_wait(other, &a.p);
	assert_int_equal(other->fill_bytes, first.w->fill_bytes);
	assert_ptr_equal(other->fill_oldest, &a.p);
	rest(&a);
	assert_string_equal(a.answer, "STORED\r\n");
	assert_null(other->fill_oldest);
	assert_int_equal(other->fill_bytes, 0);
	kv_fill_leave(first.w, &b.p);
	b.w = other;
	close_conn(&b);
	assert_null(first.w->fill_oldest);
	assert_int_equal(first.w->fill_bytes | other->fill_bytes, 0);
	close_conn(&a);
	free(other);
	kv_end(&first);
}

/* What a cut set was to replace is gone; the quiet stay quiet. */
static void test_cut_replaces(void **state)
{
	struct kv_session first, a;

	kv_begin(&first);
	first.w->nworkers = 64;
	open_conn(&a, &first);
	say(&first, "set k 0 0 1\r\nx\r\n");
	say(&a, "set k 0 0 600000 noreply\r\nx");
	begin_set(&first, 1);
	rest(&first);
	rest(&a);
	say(&a, "get k\r\n");
	assert_string_equal(a.answer, "END\r\n");
	first.w->nworkers = 1;
	close_conn(&a);
	kv_end(&first);
}

static void fill(struct kv_session *s, int n)
{
	static char in[2000];

	for (int i = 0; i < n; i++) {
		int len = sprintf(in, "set k%d 0 0 1000 noreply\r\n", i);

		memset(in + len, 'v', 1000);
		memcpy(in + len + 1000, "\r\n", 2);
		kv_feed(s, in, len + 1002);
	}
}

static void test_memlimit(void **state)
{
	struct kv_session s;

	kv_dialogue(
		"cache_memlimit 8\r\ncache_memlimit 7\r\ncache_memlimit x\r\n"
		"cache_memlimit\r\ncache_memlimit 2000000000\r\n"
		"cache_memlimit 9\r\ncache_memlimit 8 noreply\r\n",
		"OK\r\nMEMLIMIT_TOO_SMALL cannot set maxbytes to less than "
		"8m\r\nERROR\r\nERROR\r\n"
		"MEMLIMIT_ADJUST_FAILED input value is megabytes not "
		"bytes\r\nMEMLIMIT_ADJUST_FAILED out of bounds or unable "
		"to adjust\r\n");
	kv_begin_memory(&s, 16);
	fill(&s, 20000);
	assert_int_equal(s.w->store->slabs.used_pages, 16);
	say(&s, "cache_memlimit 8\r\n");
	assert_string_equal(s.answer, "OK\r\n");
	fill(&s, 20000);
	assert_true(s.w->store->slabs.used_pages <= 8);
	s.n = 0;
	say(&s, "cache_memlimit 16\r\n");
	fill(&s, 20000);
	assert_int_equal(s.w->store->slabs.used_pages, 16);
	kv_end(&s);
}

static void test_crawler(void **state)
{
	kv_dialogue("lru_crawler crawl all\r\nlru_crawler enable\r\n"
		    "lru_crawler disable\r\nlru_crawler tocrawl 5\r\n"
		    "lru_crawler sleep 2000000\r\nlru_crawler x\r\n",
		    "CLIENT_ERROR lru crawler disabled\r\n"
		    "ERROR failed to start lru crawler thread\r\nOK\r\nOK\r\n"
		    "CLIENT_ERROR sleep must be one second or less\r\n"
		    "ERROR\r\n");
	kv_dialogue("watch\r\nslabs reassign 1 2\r\nslabs automove 1\r\n"
		    "slabs\r\nlru tune 1 2 3 4\r\nshutdown\r\nextstore a b\r\n"
		    "stats detail on\r\nstats conns\r\n",
		    "CLIENT_ERROR watch commands not allowed\r\n"
		    "CLIENT_ERROR slab reassignment disabled\r\n"
		    "CLIENT_ERROR slab reassignment disabled\r\nERROR\r\n"
		    "ERROR\r\nERROR: shutdown not enabled\r\nERROR\r\n"
		    "CLIENT_ERROR usage: stats detail on|off|dump\r\n"
		    "ERROR\r\n");
	kv_dialogue("post / HTTP/1.1\r\nverbosity 1\r\n", "");
}

static void test_dump(void **state)
{
	kv_dialogue("lru_crawler metadump all\r\nverbosity 1\r\n",
		    "END\r\nOK\r\n");
	kv_dialogue("set a%b 0 100 1\r\nx\r\nlru_crawler metadump "
		    "all\r\nverbosity 1\r\n",
		    "STORED\r\nkey=a%25b exp=1700000100 la=1700000000 cas=1 "
		    "fetch=no cls=1 size=82\nEND\r\nOK\r\n");
	kv_dialogue("set a 0 0 1\r\nx\r\nstats cachedump 1 0\r\n"
		    "stats cachedump 2 0\r\nstats cachedump 1\r\n"
		    "stats cachedump x 1\r\nstats cachedump 64 1\r\n",
		    "STORED\r\nITEM a [1 b; 0 s]\r\nEND\r\nEND\r\n"
		    "CLIENT_ERROR bad command line\r\n"
		    "CLIENT_ERROR bad command line format\r\n"
		    "CLIENT_ERROR Illegal slab id\r\n");
}

static int count(const char *text, const char *what)
{
	int n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

/* More than output holds: in pieces, each item once. */
static void test_dump_long(void **state)
{
	struct kv_session s;
	char in[100];
	int class;

	kv_begin(&s);
	fill(&s, 3000);
	say(&s, "lru_crawler metadump all\r\nverbosity 1\r\n");
	assert_int_equal(count(s.answer, "key=k"), 3000);
	assert_int_equal(count(s.answer, "key=k77 "), 1);
	assert_int_equal(count(s.answer, "END\r\nOK\r\n"), 1);
	s.n = 0;
	class = slab_class(&s.w->store->slabs, 1100) + 1;
	snprintf(in, sizeof(in),
		 "stats cachedump %d 0\r\nstats cachedump %d 7\r\n", class,
		 class);
	say(&s, in);
	assert_int_equal(count(s.answer, "ITEM k"), 3007);
	kv_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow_senders),
		cmocka_unit_test(test_young_sender),
		cmocka_unit_test(test_goes_elsewhere),
		cmocka_unit_test(test_cut_replaces),
		cmocka_unit_test(test_memlimit),
		cmocka_unit_test(test_crawler),
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_dump_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
