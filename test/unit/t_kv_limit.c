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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow_senders),
		cmocka_unit_test(test_young_sender),
		cmocka_unit_test(test_cut_replaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
