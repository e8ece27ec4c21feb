/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/kv/store.h"
#include "test/unit/test.h"

enum { START = 1700000000, MB = 1 << 20 };

static void *pages(size_t bytes)
{
	return aligned_alloc(4096, bytes);
}

static struct kv_store *make(size_t memory, bool evict)
{
	struct kv_conf conf = { memory, MB, evict, pages, 7, 0 };

	return kv_store_new(&conf, START);
}

static struct kv_name name(struct kv_store *s, const char *key)
{
	return kv_name(s, key, strlen(key));
}

static enum kv_status sum(struct kv_store *s, const char *key, bool incr,
			  uint64_t delta, uint64_t *value)
{
	struct kv_sum sum = { .incr = incr, .delta = delta };
	enum kv_status st = kv_arith(s, name(s, key), &sum);

	*value = sum.value;
	return st;
}

static enum kv_status put(struct kv_store *s, const char *key,
			  const char *value, enum kv_mode mode, uint64_t cas,
			  int64_t exptime)
{
	enum kv_status st;
	struct kv_item *it = kv_item_new(
		s, name(s, key), 0, kv_exptime(s, exptime), strlen(value), &st);

	if (!it)
		return st;
	memcpy(kv_value(it), value, strlen(value));
	return kv_store(s, it, mode, &cas);
}

static enum kv_status set(struct kv_store *s, const char *key,
			  const char *value)
{
	return put(s, key, value, KV_SET, 0, 0);
}

static bool is(struct kv_store *s, const char *key, const char *value)
{
	struct kv_item *it = kv_get(s, name(s, key));
	bool same = it && it->nbytes == strlen(value) &&
		    !memcmp(kv_value(it), value, it->nbytes);

	if (it)
		kv_item_put(s, it);
	return same;
}

static bool has(struct kv_store *s, const char *key)
{
	struct kv_item *it = kv_get(s, name(s, key));

	if (it)
		kv_item_put(s, it);
	return it;
}

/* Everything that was allocated is in the table, once. */
static void check_refs(struct kv_store *s)
{
	uint64_t used = 0, linked = 0;

	for (uint32_t i = 0; i < s->slabs.nclasses; i++) {
		used += s->slabs.classes[i].nused;
		linked += s->slabs.classes[i].nitems;
	}
	assert_int_equal(used, linked);
	assert_int_equal(linked, s->slabs.nitems);
}

static void free_store(struct kv_store *s)
{
	check_refs(s);
	for (uint32_t i = 0; i < s->slabs.npages; i++)
		free(s->slabs.pages[i].mem);
	kv_store_free(s);
}

static void test_modes(void **state)
{
	struct kv_store *s = make(8 * MB, true);
	struct kv_item *it;
	uint64_t cas;

	(void)state;
	assert_int_equal(put(s, "a", "1", KV_REPLACE, 0, 0), KV_NOT_STORED);
	assert_int_equal(put(s, "a", "1", KV_APPEND, 0, 0), KV_NOT_STORED);
	assert_int_equal(put(s, "a", "1", KV_CAS, 1, 0), KV_NOT_FOUND);
	assert_int_equal(put(s, "a", "1", KV_ADD, 0, 0), KV_STORED);
	assert_int_equal(put(s, "a", "2", KV_ADD, 0, 0), KV_NOT_STORED);
	assert_int_equal(put(s, "a", "3", KV_APPEND, 0, 0), KV_STORED);
	assert_int_equal(put(s, "a", "0", KV_PREPEND, 0, 0), KV_STORED);
	assert_true(is(s, "a", "013"));
	it = kv_get(s, name(s, "a"));
	cas = it->cas;
	kv_item_put(s, it);
	assert_int_equal(put(s, "a", "x", KV_CAS, cas + 1, 0), KV_EXISTS);
	assert_int_equal(put(s, "a", "x", KV_CAS, cas, 0), KV_STORED);
	assert_int_equal(put(s, "a", "x", KV_CAS, cas, 0), KV_EXISTS);
	assert_true(is(s, "a", "x"));
	assert_int_equal(kv_delete(s, name(s, "a"), 0), KV_STORED);
	assert_int_equal(kv_delete(s, name(s, "a"), 0), KV_NOT_FOUND);
	assert_false(has(s, "a"));
	free_store(s);
}

static void test_expiry(void **state)
{
	struct kv_store *s = make(8 * MB, true);
	struct kv_item *it;

	(void)state;
	put(s, "never", "x", KV_SET, 0, 0);
	put(s, "past", "x", KV_SET, 0, -1);
	put(s, "10s", "x", KV_SET, 0, 10);
	put(s, "date", "x", KV_SET, 0, START + 20);
	put(s, "old", "x", KV_SET, 0, START - 20);
	put(s, "month", "x", KV_SET, 0, KV_MONTH);
	put(s, "longer", "x", KV_SET, 0, KV_MONTH + 1); /* 1970 */
	assert_false(has(s, "past") || has(s, "old") || has(s, "longer"));
	kv_tick(s, START + 9);
	assert_true(has(s, "10s"));
	kv_tick(s, START + 10);
	assert_false(has(s, "10s"));
	it = kv_touch(s, name(s, "date"), kv_exptime(s, 100));
	assert_non_null(it);
	kv_item_put(s, it);
	kv_tick(s, START + 50);
	assert_true(has(s, "date"));
	kv_tick(s, START + 200);
	assert_false(has(s, "date"));
	kv_tick(s, START + 100); /* the clock does not go back */
	kv_tick(s, START + KV_MONTH - 1);
	assert_true(has(s, "month"));
	kv_tick(s, START + KV_MONTH);
	assert_false(has(s, "month"));
	assert_true(has(s, "never"));
	free_store(s);
}

static void test_flush(void **state)
{
	struct kv_store *s = make(8 * MB, true);

	(void)state;
	set(s, "a", "1");
	kv_flush(s, 0);
	assert_false(has(s, "a"));
	set(s, "a", "2"); /* in the same second */
	assert_true(has(s, "a"));
	kv_flush(s, kv_exptime(s, 5));
	kv_tick(s, START + 4);
	set(s, "b", "1");
	assert_true(has(s, "a") && has(s, "b"));
	kv_tick(s, START + 5);
	assert_false(has(s, "a") || has(s, "b"));
	set(s, "b", "1");
	kv_tick(s, START + 6);
	assert_true(has(s, "b"));
	free_store(s);
}

static void test_numbers(void **state)
{
	struct kv_store *s = make(8 * MB, true);
	struct kv_item *held;
	uint64_t v;

	(void)state;
	assert_int_equal(sum(s, "n", true, 1, &v), KV_NOT_FOUND);
	set(s, "n", "99");
	assert_int_equal(sum(s, "n", true, 1, &v), KV_STORED);
	assert_int_equal(v, 100);
	assert_true(is(s, "n", "100"));
	sum(s, "n", false, 91, &v);
	assert_true(is(s, "n", "9  "));
	sum(s, "n", false, 91, &v);
	assert_int_equal(v, 0);
	/* While somebody sends the old value, it stays as it is. */
	held = kv_get(s, name(s, "n"));
	sum(s, "n", true, 5, &v);
	assert_memory_equal(kv_value(held), "0  ", 3);
	assert_true(is(s, "n", "5"));
	kv_item_put(s, held);
	sum(s, "n", true, UINT64_MAX, &v);
	assert_int_equal(v, 4); /* wraps */
	set(s, "x", "12a");
	assert_int_equal(sum(s, "x", true, 1, &v), KV_NON_NUMERIC);
	free_store(s);
}

static void test_lru(void **state)
{
	struct kv_store *s = make(2 * MB, true);
	char key[32];
	uint64_t evicted = 0;

	(void)state;
	set(s, "hot", "x");
	for (int i = 0; i < 50000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(set(s, key, "some value"), KV_STORED);
		if (i % 1000 == 0)
			assert_true(has(s, "hot"));
	}
	assert_true(has(s, "k49999"));
	assert_false(has(s, "k0"));
	for (uint32_t i = 0; i < s->slabs.nclasses; i++)
		evicted += s->slabs.classes[i].evicted;
	assert_true(evicted > 30000);
	assert_int_equal(evicted + s->slabs.nitems, 50001);
	free_store(s);
}

static void test_no_eviction(void **state)
{
	struct kv_store *s = make(MB, false);
	enum kv_status st = KV_STORED;
	char key[32];

	(void)state;
	for (int i = 0; st == KV_STORED; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		st = set(s, key, "v");
	}
	assert_int_equal(st, KV_NO_MEMORY);
	assert_true(has(s, "k0"));
	kv_delete(s, name(s, "k0"), 0);
	assert_int_equal(set(s, "again", "v"), KV_STORED);
	free_store(s);
}

/* Memory that small items took can be had by large ones, and back. */
static void test_reassign(void **state)
{
	struct kv_store *s = make(4 * MB, true);
	static char large[400000];
	char key[32];

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 40000; i++) {
			snprintf(key, sizeof(key), "k%d", i);
			assert_int_equal(set(s, key, "v"), KV_STORED);
		}
		assert_true(has(s, "k39999"));
		for (int i = 0; i < 20; i++) {
			snprintf(key, sizeof(key), "l%d", i);
			assert_int_equal(set(s, key, large), KV_STORED);
		}
		assert_true(is(s, "l19", large));
	}
	assert_true(s->slabs.reassigned > 0);
	free_store(s);
}

/* An item that is evicted or deleted while it is being sent stays. */
static void test_held(void **state)
{
	struct kv_store *s = make(MB, true);
	struct kv_item *held;
	char key[32];

	(void)state;
	set(s, "held", "precious");
	held = kv_get(s, name(s, "held"));
	kv_delete(s, name(s, "held"), 0);
	for (int i = 0; i < 20000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(set(s, key, "v"), KV_STORED);
	}
	assert_memory_equal(held->text, "VALUE held 0 8\r\nprecious\r\n", 26);
	kv_item_put(s, held);
	free_store(s);
}

static void test_too_large(void **state)
{
	struct kv_store *s = make(8 * MB, true);
	enum kv_status st;
	struct kv_item *it;

	(void)state;
	assert_null(kv_item_new(s, name(s, "a"), 0, 0, MB, &st));
	assert_int_equal(st, KV_TOO_LARGE);
	assert_null(kv_item_new(s, name(s, "a"), 0, 0, INT32_MAX - 2, &st));
	it = kv_item_new(s, name(s, "a"), 0, 0, MB - 200, &st);
	assert_non_null(it);
	kv_item_put(s, it);
	free_store(s);
}

struct job {
	struct kv_store *s;
	unsigned int seed;
};

static void *hammer(void *arg)
{
	struct job *j = arg;
	char key[32], value[600];
	uint64_t v;

	memset(value, 'y', sizeof(value));
	for (int i = 0; i < 30000; i++) {
		unsigned int r = rand_r(&j->seed);
		struct kv_name n;

		snprintf(key, sizeof(key), "k%u", r / 16 % 4000);
		n = name(j->s, key);
		value[r / 7 % 599] = 0;
		if (r % 16 < 6)
			has(j->s, key);
		else if (r % 16 < 11)
			set(j->s, key, value);
		else if (r % 16 < 13)
			put(j->s, key, "1", KV_APPEND, 0, 1);
		else if (r % 16 < 14)
			kv_delete(j->s, n, 0);
		else
			sum(j->s, "n", true, 1, &v);
		value[r / 7 % 599] = 'y';
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct kv_store *s = make(2 * MB, true);
	pthread_t t[4];
	struct job jobs[4];

	(void)state;
	set(s, "n", "0");
	for (int i = 0; i < 4; i++) {
		jobs[i] = (struct job){ s, 100 + i };
		pthread_create(&t[i], NULL, hammer, &jobs[i]);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	free_store(s);
}

/* Nothing is lost between threads that count in one place. */
static void *count(void *arg)
{
	struct job *j = arg;
	uint64_t v;

	for (int i = 0; i < 20000; i++)
		sum(j->s, "n", true, 1, &v);
	return NULL;
}

static void test_count(void **state)
{
	struct kv_store *s = make(2 * MB, true);
	struct job job = { s, 0 };
	pthread_t t[3];

	(void)state;
	set(s, "n", "0");
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, count, &job);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	assert_true(is(s, "n", "60000"));
	free_store(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_flush),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_lru),
		cmocka_unit_test(test_no_eviction),
		cmocka_unit_test(test_reassign),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
