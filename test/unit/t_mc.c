/* SPDX-License-Identifier: MIT */
/*
 * bench/ixload/proto_mc.c and mc_mix.c: answers in pieces of every size, right
 * and wrong ones; requests as a server would read them; sizes of the mixes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/ixload/load.h"
#include "bench/ixload/mc_mix.h"

static char sent[65536];
static uint32_t nsent, most; /* most: that send() takes, 0: all */

static int64_t fake_send(struct load_conn *c, const void *buf, uint32_t len,
			 bool stable)
{
	if (most && len > most)
		len = most;
	memcpy(sent + nsent, buf, len);
	nsent += len;
	return len;
}

static int fake_dial(struct load_conn *c)
{
	return 0;
}

static void fake_close(struct load_conn *c, bool reset)
{
}

static const struct load_backend fake = {
	.conn_bytes = sizeof(struct load_conn),
	.alloc = malloc,
	.dial = fake_dial,
	.send = fake_send,
	.close = fake_close,
};

static struct load_opts opts;
static struct load_ctl ctl;
static struct load_thread thread;
static struct load_conn *conn;
static bool redis; /* from the next setup() on */
static char values[MC_VALUE_PERIOD + MC_MAX_VALUE];

/* One open connection with @n requests out. */
static void setup(const struct load_proto *proto, double get_ratio, uint32_t n)
{
	if (thread.conns)
		load_thread_free(&thread);
	memset(&thread, 0, sizeof(thread));
	nsent = most = 0;
	opts = (struct load_opts){ .conns = 1,
				   .ports = 1,
				   .threads = 1,
				   .size = 100,
				   .pipeline = 16,
				   .ramp = 1,
				   .records = 1,
				   .timeout = 1000000000,
				   .seed = 7,
				   .redis = redis,
				   .get_ratio = get_ratio,
				   .backend = &fake,
				   .proto = proto };
	assert_int_equal(proto->init(&opts), 0);
	assert_int_equal(load_thread_init(&thread, &ctl, &opts, 0), 0);
	assert_int_equal(proto->thread_init(&thread), 0);
	conn = load_conn_at(&thread, 0);
	proto->reset(conn);
	conn->left = 1000;
	for (uint32_t i = 0; i < n; i++)
		assert_true(load_make(conn, 0));
	proto->flush(conn);
	mc_values_make(values);
}

/* The right answer to a GET of record 0, @n times. */
static uint32_t hits(char *to, enum mc_mix mix, uint32_t n)
{
	struct mc_record r;
	char *p = to;

	mc_record_make(&r, mix, 0, opts.size, opts.seed);
	while (n--) {
		memcpy(p, r.text, r.text_len);
		p += r.text_len;
		memcpy(p, values + r.value_at, r.value_len);
		p += r.value_len;
		memcpy(p, "\r\nEND\r\n", 7);
		p += 7;
	}
	return (uint32_t)(p - to);
}

/* The same of redis. */
static uint32_t redis_hits(char *to, enum mc_mix mix, uint32_t n)
{
	struct mc_record r;
	char *p = to;

	mc_record_make(&r, mix, 0, opts.size, opts.seed);
	while (n--) {
		p += sprintf(p, "$%u\r\n%.*s\r\n", r.value_len,
			     (int)r.value_len, values + r.value_at);
	}
	return (uint32_t)(p - to);
}

/* In pieces of @piece bytes; false as soon as the protocol says so. */
static bool feed(const char *data, uint32_t len, uint32_t piece)
{
	while (len) {
		uint32_t n = piece < len ? piece : len;

		if (!conn->t->proto->input(conn, (const uint8_t *)data, n))
			return false;
		data += n;
		len -= n;
	}
	return true;
}

static bool feed_text(const char *text)
{
	return feed(text, (uint32_t)strlen(text), 3);
}

static void pieces(void **state)
{
	static char answer[65536];

	for (uint32_t piece = 1; piece < 700; piece++) {
		setup(&proto_etc, 1, 3);
		assert_true(feed(answer, hits(answer, MC_ETC, 3), piece));
		assert_int_equal(thread.count.answered, 3);
		assert_int_equal(conn->out, 0);
	}
}

static void every_byte_counts(void **state)
{
	static char answer[4096];
	uint32_t n;

	setup(&proto_get, -1, 1);
	n = hits(answer, MC_GET, 1);
	for (uint32_t i = 0; i < n; i++) {
		setup(&proto_get, -1, 1);
		answer[i] ^= 1;
		assert_false(feed(answer, n, n));
		answer[i] ^= 1;
	}
	assert_true(feed(answer, 0, 1));
	setup(&proto_get, -1, 0);
	assert_false(feed(answer, n, n)); /* nobody asked */
}

static void other_answers(void **state)
{
	setup(&proto_usr, 1, 2);
	assert_true(feed_text("END\r\nSERVER_ERROR out of memory\r\n"));
	assert_int_equal(thread.count.misses, 1);
	assert_int_equal(thread.count.refused, 1);
	assert_int_equal(thread.count.answered, 2);

	setup(&proto_usr, 0, 3);
	assert_true(feed_text("STORED\r\nNOT_STORED\r\nSTORED\r\n"));
	assert_int_equal(thread.count.refused, 1);
	assert_int_equal(thread.count.answered, 3);

	setup(&proto_usr, 0, 1);
	assert_false(feed_text("END\r\n"));
	setup(&proto_usr, 1, 1);
	assert_false(feed_text("STORED\r\n"));
}

static int begin_redis(void **state)
{
	redis = true;
	return 0;
}

static int end_redis(void **state)
{
	redis = false;
	return 0;
}

static void redis_answers(void **state)
{
	static char answer[65536];
	uint32_t n;

	for (uint32_t piece = 1; piece < 700; piece++) {
		setup(&proto_etc, 1, 3);
		assert_true(feed(answer, redis_hits(answer, MC_ETC, 3), piece));
		assert_int_equal(thread.count.answered, 3);
		assert_int_equal(thread.count.misses, 0);
	}
	n = redis_hits(answer, MC_ETC, 1);
	for (uint32_t i = 0; i < n; i++) {
		setup(&proto_etc, 1, 1);
		answer[i] ^= 1;
		assert_false(feed(answer, n, n) && !conn->out);
		answer[i] ^= 1;
	}
	setup(&proto_usr, 1, 2);
	assert_true(feed_text("$-1\r\n-ERR no\r\n"));
	assert_int_equal(thread.count.misses, 1);
	assert_int_equal(thread.count.refused, 1);
	setup(&proto_usr, 0, 1);
	assert_true(feed_text("+OK\r\n"));
	assert_int_equal(thread.count.answered, 1);
	setup(&proto_usr, 1, 1);
	assert_false(feed_text("+OK\r\n"));
	setup(&proto_usr, 0, 1);
	assert_false(feed_text("$-1\r\n"));
}

static void redis_requests(void **state)
{
	struct mc_record r;
	char want[512];
	int n;

	setup(&proto_get, 0, 1);
	mc_record_make(&r, MC_GET, 0, 100, opts.seed);
	n = snprintf(want, sizeof(want),
		     "*3\r\n$3\r\nSET\r\n$16\r\n%.16s\r\n$100\r\n%.100s\r\n",
		     r.text + MC_KEY_AT, values + r.value_at);
	assert_int_equal(nsent, n);
	assert_memory_equal(sent, want, (size_t)n);

	setup(&proto_get, 1, 1);
	n = snprintf(want, sizeof(want), "*2\r\n$3\r\nGET\r\n$16\r\n%.16s\r\n",
		     r.text + MC_KEY_AT);
	assert_int_equal(nsent, n);
	assert_memory_equal(sent, want, (size_t)n);
}

static void requests(void **state)
{
	struct mc_record r;
	char want[512];
	int n;

	setup(&proto_get, 0, 1);
	mc_record_make(&r, MC_GET, 0, 100, opts.seed);
	n = snprintf(want, sizeof(want), "set %.*s 0 0 100\r\n%.100s\r\n",
		     r.key_len, r.text + MC_KEY_AT, values + r.value_at);
	assert_int_equal(nsent, n);
	assert_memory_equal(sent, want, (size_t)n);

	setup(&proto_get, 1, 2);
	n = snprintf(want, sizeof(want), "get %.*s\r\nget %.*s\r\n", r.key_len,
		     r.text + MC_KEY_AT, r.key_len, r.text + MC_KEY_AT);
	assert_int_equal(nsent, n);
	assert_memory_equal(sent, want, (size_t)n);
}

/* What a flush could not send goes out later, in order. */
static void short_sends(void **state)
{
	char all[65536];
	uint32_t n;

	setup(&proto_etc, 0, 5);
	n = nsent;
	memcpy(all, sent, n);
	setup(&proto_etc, 0, 0);
	most = 7;
	for (int i = 0; i < 5; i++) {
		load_make(conn, 0);
		proto_etc.flush(conn);
	}
	for (uint32_t i = 0; i < n; i++)
		proto_etc.flush(conn);
	assert_int_equal(nsent, n);
	assert_memory_equal(sent, all, n);
}

static void mixes(void **state)
{
	enum { N = 20000 };
	double keys = 0, vals = 0;
	struct mc_record r;

	for (uint32_t i = 0; i < N; i++) {
		mc_record_make(&r, MC_ETC, i, 0, 1);
		assert_true(r.key_len >= 20 && r.key_len <= 70);
		assert_true(r.value_len >= 1 && r.value_len <= 1024);
		assert_true(r.text_len <= MC_TEXT);
		keys += r.key_len;
		vals += r.value_len;
		mc_record_make(&r, MC_USR, i, 0, 1);
		assert_true(r.key_len < 20 && r.value_len == 2);
	}
	assert_true(keys / N > 30 && keys / N < 42);
	assert_true(vals / N > 200 && vals / N < 350);
	assert_true(mc_get_ratio(MC_ETC) == 0.75);
	assert_true(mc_get_ratio(MC_USR) == 0.99);
}

int main(void)
{
	int failed;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(other_answers),
		cmocka_unit_test(requests),
		cmocka_unit_test_setup_teardown(redis_answers, begin_redis,
						end_redis),
		cmocka_unit_test_setup_teardown(redis_requests, begin_redis,
						end_redis),
		cmocka_unit_test(short_sends),
		cmocka_unit_test(mixes),
	};

	failed = cmocka_run_group_tests(tests, NULL, NULL);
	load_thread_free(&thread);
	return failed;
}
