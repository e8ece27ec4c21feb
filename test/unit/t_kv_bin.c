/* SPDX-License-Identifier: MIT */
/* The binary protocol. */
#include <stdio.h>

#include "app/kv/bin.h"
#include "test/unit/kv_fixture.h"
#include "test/unit/test.h"

enum {
	GET = 0,
	SET = 1,
	ADD = 2,
	REPLACE = 3,
	DELETE = 4,
	INCR = 5,
	DECR = 6,
	QUIT = 7,
	FLUSH = 8,
	GETQ = 9,
	NOOP = 10,
	VERSION = 11,
	GETK = 12,
	GETKQ = 13,
	APPEND = 14,
	PREPEND = 15,
	STAT = 16,
	SETQ = 0x11,
	ADDQ = 0x12,
	DELETEQ = 0x14,
	INCRQ = 0x15,
	QUITQ = 0x17,
	APPENDQ = 0x19,
	VERBOSITY = 0x1b,
	TOUCH = 0x1c,
	GAT = 0x1d,
	GATQ = 0x1e,
	SASL_LIST = 0x20,
	SASL_AUTH = 0x21,
	GATK = 0x23,
};

/* What is sent and what is to come back. */
struct talk {
	char in[4096], want[4096];
	size_t nin, nwant;
};

static size_t put(char *to, uint8_t magic, uint8_t op, uint16_t status,
		  struct kv_word extras, const char *key, const char *value,
		  uint64_t cas)
{
	const struct kv_bin_header h = {
		.magic = magic,
		.opcode = op,
		.nkey = kv_be16(strlen(key)),
		.nextras = extras.len,
		.status = kv_be16(status),
		.nbody = kv_be32(extras.len + strlen(key) + strlen(value)),
		.opaque = 0x11223344,
		.cas = kv_be64(cas),
	};
	char *p = to;

	memcpy(p, &h, sizeof(h));
	p += sizeof(h);
	memcpy(p, extras.p, extras.len);
	p += extras.len;
	memcpy(p, key, strlen(key));
	p += strlen(key);
	memcpy(p, value, strlen(value));
	return p + strlen(value) - to;
}

static const struct kv_word none = { "", 0 };

static struct kv_word bytes(const void *p, uint32_t n)
{
	return (struct kv_word){ p, n };
}

static void ask(struct talk *t, uint8_t op, struct kv_word extras,
		const char *key, const char *value, uint64_t cas)
{
	t->nin += put(t->in + t->nin, 0x80, op, 0, extras, key, value, cas);
}

static void expect(struct talk *t, uint8_t op, struct kv_word extras,
		   const char *key, const char *value, uint64_t cas)
{
	t->nwant +=
		put(t->want + t->nwant, 0x81, op, 0, extras, key, value, cas);
}

static void expect_error(struct talk *t, uint8_t op, uint16_t status,
			 const char *text)
{
	t->nwant +=
		put(t->want + t->nwant, 0x81, op, status, none, "", text, 0);
}

static void run(const struct talk *t)
{
	kv_exchange(t->in, t->nin, t->want, t->nwant);
}

static const char set_extras[8] = "\0\0\0\7\0\0\0\0";
static const char flags[4] = "\0\0\0\7";

static void ask_set(struct talk *t, uint8_t op, const char *key,
		    const char *value, uint64_t cas)
{
	ask(t, op, bytes(set_extras, 8), key, value, cas);
}

static void ask_sum(struct talk *t, uint8_t op, const char *key, uint64_t delta,
		    uint64_t initial, uint32_t exptime)
{
	const struct kv_bin_sum sum = { kv_be64(delta), kv_be64(initial),
					kv_be32(exptime) };

	ask(t, op, bytes(&sum, sizeof(sum)), key, "", 0);
}

static void expect_sum(struct talk *t, uint8_t op, uint64_t value, uint64_t cas)
{
	const struct kv_be64 v = kv_be64(value);

	/* 8 bytes, some of them 0: no string, and no extras either. */
	t->nwant +=
		put(t->want + t->nwant, 0x81, op, 0, bytes(&v, 8), "", "", cas);
	t->want[t->nwant - 8 - 24 + 4] = 0;
}

static void test_get_set(void **state)
{
	struct talk t = { 0 };

	ask(&t, GET, none, "a", "", 0);
	expect_error(&t, GET, 1, "Not found");
	ask(&t, GETQ, none, "a", "", 0);
	ask(&t, GETK, none, "a", "", 0);
	t.nwant += put(t.want + t.nwant, 0x81, GETK, 1, none, "a", "", 0);
	ask_set(&t, SET, "a", "value", 0);
	expect(&t, SET, none, "", "", 1);
	ask(&t, GET, none, "a", "", 0);
	expect(&t, GET, bytes(flags, 4), "", "value", 1);
	ask(&t, GETKQ, none, "a", "", 0);
	expect(&t, GETKQ, bytes(flags, 4), "a", "value", 1);
	ask_set(&t, SETQ, "a", "", 0);
	ask(&t, GETK, none, "a", "", 0);
	expect(&t, GETK, bytes(flags, 4), "a", "", 2);
	run(&t);
}

static void test_store_modes(void **state)
{
	struct talk t = { 0 };

	ask_set(&t, REPLACE, "a", "x", 0);
	expect_error(&t, REPLACE, 1, "Not found");
	ask_set(&t, SET, "a", "x", 9);
	expect_error(&t, SET, 1, "Not found");
	ask_set(&t, ADD, "a", "x", 0);
	expect(&t, ADD, none, "", "", 1);
	ask_set(&t, ADDQ, "a", "y", 0);
	expect_error(&t, ADDQ, 2, "Data exists for key.");
	ask_set(&t, SET, "a", "y", 7);
	expect_error(&t, SET, 2, "Data exists for key.");
	ask_set(&t, SET, "a", "y", 1);
	expect(&t, SET, none, "", "", 2);
	ask(&t, APPEND, none, "a", "1", 0);
	expect(&t, APPEND, none, "", "", 3);
	ask(&t, APPEND, none, "a", "1", 2);
	expect_error(&t, APPEND, 2, "Data exists for key.");
	ask(&t, PREPEND, none, "a", "0", 3);
	expect(&t, PREPEND, none, "", "", 4);
	ask(&t, APPENDQ, none, "b", "1", 0);
	expect_error(&t, APPENDQ, 5, "Not stored.");
	ask(&t, GET, none, "a", "", 0);
	expect(&t, GET, bytes(flags, 4), "", "0y1", 4);
	run(&t);
}

static void test_sums(void **state)
{
	struct talk t = { 0 };

	ask_sum(&t, INCR, "n", 1, 5, 0xffffffff);
	expect_error(&t, INCR, 1, "Not found");
	ask_sum(&t, INCR, "n", 1, 5, 0);
	expect_sum(&t, INCR, 5, 1);
	ask_sum(&t, INCRQ, "n", 10, 5, 0);
	ask_sum(&t, DECR, "n", 1, 5, 0);
	expect_sum(&t, DECR, 14, 3);
	ask_set(&t, SETQ, "n", "x", 0);
	ask_sum(&t, INCRQ, "n", 1, 5, 0);
	expect_error(&t, INCRQ, 6,
		     "Non-numeric server-side value for incr or decr");
	run(&t);
}

static void test_touch(void **state)
{
	static const char soon[4] = "\0\0\0\x64";
	struct talk t = { 0 };

	ask(&t, TOUCH, bytes(soon, 4), "a", "", 0);
	expect_error(&t, TOUCH, 1, "Not found");
	ask(&t, GATQ, bytes(soon, 4), "a", "", 0);
	ask(&t, GATK, bytes(soon, 4), "a", "", 0);
	t.nwant += put(t.want + t.nwant, 0x81, GATK, 1, none, "a", "", 0);
	ask_set(&t, SETQ, "a", "v", 0);
	ask(&t, TOUCH, bytes(soon, 4), "a", "", 0);
	expect(&t, TOUCH, bytes(flags, 4), "", "", 1);
	ask(&t, GAT, bytes(soon, 4), "a", "", 0);
	expect(&t, GAT, bytes(flags, 4), "", "v", 1);
	ask(&t, GATK, bytes(soon, 4), "a", "", 0);
	expect(&t, GATK, bytes(flags, 4), "a", "v", 1);
	run(&t);
}

static void test_others(void **state)
{
	struct talk t = { 0 };

	ask(&t, NOOP, none, "", "", 0);
	expect(&t, NOOP, none, "", "", 0);
	ask(&t, VERSION, none, "", "", 0);
	expect(&t, VERSION, none, "", KV_VERSION, 0);
	ask(&t, VERBOSITY, bytes(flags, 4), "", "", 0);
	expect(&t, VERBOSITY, none, "", "", 0);
	ask_set(&t, SETQ, "a", "v", 0);
	ask(&t, DELETE, none, "a", "", 5);
	expect_error(&t, DELETE, 2, "Data exists for key.");
	ask(&t, DELETE, none, "a", "", 1);
	expect(&t, DELETE, none, "", "", 0);
	ask(&t, DELETEQ, none, "a", "", 0);
	expect_error(&t, DELETEQ, 1, "Not found");
	ask_set(&t, SETQ, "a", "v", 0);
	ask(&t, FLUSH, none, "", "", 0);
	expect(&t, FLUSH, none, "", "", 0);
	ask(&t, GET, none, "a", "", 0);
	expect_error(&t, GET, 1, "Not found");
	ask(&t, QUIT, none, "", "", 0);
	expect(&t, QUIT, none, "", "", 0);
	ask(&t, NOOP, none, "", "", 0);
	run(&t);
	t = (struct talk){ 0 };
	ask(&t, QUITQ, none, "", "", 0);
	ask(&t, NOOP, none, "", "", 0);
	run(&t);
}

/* Nothing is met with silence, and what follows is not misread. */
static void test_unknown(void **state)
{
	static const uint8_t ops[] = { SASL_AUTH, SASL_AUTH + 1, 0x77, 0xff };
	struct talk t = { 0 };

	ask(&t, SASL_LIST, none, "", "", 0);
	expect_error(&t, SASL_LIST, 0x81, "Unknown command");
	for (size_t i = 0; i < sizeof(ops); i++) {
		ask(&t, ops[i], none, "PLAIN", "user secret", 0);
		expect_error(&t, ops[i], 0x81, "Unknown command");
	}
	ask(&t, STAT, none, "nonsense", "", 0);
	expect_error(&t, STAT, 1, "Not found");
	ask(&t, NOOP, none, "", "", 0);
	expect(&t, NOOP, none, "", "", 0);
	run(&t);
}

static void wrong(struct talk *t, uint8_t op, uint16_t status, const char *text)
{
	if (text)
		expect_error(t, op, status, text);
	ask(t, NOOP, none, "", "", 0); /* is not read any more */
	run(t);
	*t = (struct talk){ 0 };
}

static void test_lengths(void **state)
{
	char key[300];
	struct talk t = { 0 };

	memset(key, 'k', sizeof(key));
	key[251] = 0;
	ask(&t, GET, none, key, "", 0);
	wrong(&t, GET, 4, "Invalid arguments");
	ask(&t, GET, none, "", "", 0);
	wrong(&t, GET, 4, "Invalid arguments");
	ask(&t, GET, none, "a", "value", 0);
	wrong(&t, GET, 4, "Invalid arguments");
	ask(&t, SET, none, "a", "value", 0);
	wrong(&t, SET, 4, "Invalid arguments");
	ask(&t, INCR, bytes(set_extras, 8), "a", "", 0);
	wrong(&t, INCR, 4, "Invalid arguments");
	ask(&t, NOOP, none, "a", "", 0);
	wrong(&t, NOOP, 4, "Invalid arguments");
	ask(&t, GET, none, "a", "", 0);
	t.in[3] = 2; /* a key that is longer than the body */
	wrong(&t, GET, 0x81, "Unknown command");
	ask(&t, NOOP, none, "", "", 0);
	expect(&t, NOOP, none, "", "", 0);
	ask(&t, NOOP, none, "", "", 0);
	t.in[24] = 0x81; /* out of step */
	wrong(&t, NOOP, 0, NULL);
}

static void test_too_large(void **state)
{
	static char in[1200000];
	struct talk t = { 0 };
	struct kv_session s;

	ask_set(&t, SETQ, "a", "old", 0);
	memcpy(in, t.in, t.nin);
	t.nin +=
		put(in + t.nin, 0x80, SET, 0, bytes(set_extras, 8), "a", "", 0);
	((struct kv_bin_header *)(in + t.nin - 33))->nbody =
		kv_be32(9 + 1100000);
	expect_error(&t, SET, 3, "Too large.");
	memset(in + t.nin, 'v', 1100000);
	t.nin += 1100000;
	t.nin += put(in + t.nin, 0x80, GET, 0, none, "a", "", 0);
	expect_error(&t, GET, 1, "Not found");
	kv_begin(&s);
	for (size_t at = 0; at < t.nin; at += 1460)
		kv_feed(&s, in + at, t.nin - at < 1460 ? t.nin - at : 1460);
	assert_int_equal(s.n, t.nwant);
	assert_memory_equal(s.answer, t.want, t.nwant);
	kv_end(&s);
}

/* Each line a packet, then one that is empty. */
static void test_stat(void **state)
{
	static const char *const groups[] = { "", "settings", "items", "slabs",
					      "sizes" };
	struct kv_session s;

	kv_begin(&s);
	for (int i = 0; i < 5; i++) {
		struct talk t = { 0 };
		size_t at = 0, lines = 0;
		uint32_t n = 1;

		ask_set(&t, SETQ, "a", "v", 0);
		ask(&t, STAT, none, groups[i], "", 0);
		s.n = 0;
		kv_feed(&s, t.in, t.nin);
		for (; at < s.n; at += 24 + n, lines++) {
			struct kv_bin_header h;

			memcpy(&h, s.answer + at, sizeof(h));
			n = kv_from_be32(h.nbody);
			assert_int_equal(h.opcode, STAT);
			assert_int_equal(kv_from_be16(h.status), 0);
			assert_int_equal(n == 0, at + 24 == s.n);
			assert_true(kv_from_be16(h.nkey) < n || !n);
		}
		assert_int_equal(at, s.n);
		assert_true(lines >= 2);
	}
	kv_end(&s);
}

/* A connection is what its first byte says. */
static void test_text(void **state)
{
	kv_dialogue("version\r\n\x80\r\nmn\r\n",
		    "VERSION " KV_VERSION "\r\nERROR\r\nMN\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get_set),
		cmocka_unit_test(test_store_modes),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_touch),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
