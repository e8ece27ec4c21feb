/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "base/mbuf.h"

enum { TOTAL = 8 };

static _Alignas(MBUF_SIZE) u8 frames[TOTAL * MBUF_SIZE];
static struct mbuf_pool pool;
static void *mem;

static int setup(void **state)
{
	mem = aligned_alloc(CACHE_LINE, 2048);
	assert_true(mbuf_pool_bytes(TOTAL) <= 2048);
	mbuf_pool_init(&pool, mem, frames, 0x1000000, TOTAL);
	return 0;
}

static int teardown(void **state)
{
	free(mem);
	return 0;
}

static void gives_each_buffer_once(void **state)
{
	struct mbuf *m[TOTAL];
	u32 seen = 0;

	for (u32 i = 0; i < TOTAL; i++) {
		m[i] = mbuf_alloc(&pool);
		assert_non_null(m[i]);
		assert_int_equal(m[i]->len, 0);
		assert_ptr_equal(m[i]->data, frames + m[i]->index * MBUF_SIZE +
						     MBUF_HEADROOM);
		seen |= 1u << m[i]->index;
	}
	assert_int_equal(seen, (1u << TOTAL) - 1);
	assert_null(mbuf_alloc(&pool));
	for (u32 i = 0; i < TOTAL; i++)
		mbuf_free(&pool, m[i]);
	assert_int_equal(pool.nfree, TOTAL);
}

static void warmest_first(void **state)
{
	struct mbuf *a = mbuf_alloc(&pool);

	mbuf_alloc(&pool);
	mbuf_free(&pool, a);
	assert_ptr_equal(mbuf_alloc(&pool), a);
}

static void chains(void **state)
{
	struct mbuf *a = mbuf_alloc(&pool), *b = mbuf_alloc(&pool);

	a->next = b;
	a->len = 100;
	b->len = 20;
	a->nr_ext = 2;
	a->ext[0].len = 1000;
	a->ext[1].len = 3;
	assert_int_equal(mbuf_packet_len(a), 1123);
	mbuf_free_chain(&pool, a);
	mbuf_free_chain(&pool, NULL);
	assert_int_equal(pool.nfree, TOTAL);
}

/* Own bytes, ranges, further buffers; back in the frame if need be. */
static void flattens(void **state)
{
	struct mbuf *a = mbuf_alloc(&pool), *b = mbuf_alloc(&pool);
	static const u8 range[] = "range";
	u8 *frame = mbuf_frame(&pool, a);

	a->next = b;
	a->len = 3;
	memcpy(a->data, "own", 3);
	a->nr_ext = 1;
	a->ext[0] = (struct mbuf_ext){ .addr = range, .len = 5 };
	b->len = MBUF_ROOM;
	memset(b->data, 'b', MBUF_ROOM);
	assert_true(mbuf_flatten(&pool, a));
	assert_ptr_equal(a->data, frame);
	assert_int_equal(a->len, 8 + MBUF_ROOM);
	assert_memory_equal(a->data, "ownrangebb", 10);
	assert_int_equal(a->data[a->len - 1], 'b');
	assert_null(a->next);
	assert_int_equal(a->nr_ext, 0);
	assert_int_equal(pool.nfree, TOTAL - 1);

	a->next = mbuf_alloc(&pool);
	a->next->len = MBUF_SIZE - a->len + 1;
	assert_false(mbuf_flatten(&pool, a));
	assert_non_null(a->next);
}

/* Behind the frame's own bytes, which stay where they are; without buffers for
 * it nothing has changed. */
static void packs(void **state)
{
	struct mbuf *a = mbuf_alloc(&pool), *b = mbuf_alloc(&pool);
	static u8 range[MBUF_SIZE];
	const u8 *start = a->data;
	u32 kept = pool.nfree;

	memset(range, 'r', sizeof(range));
	a->next = b;
	a->len = 3;
	memcpy(a->data, "own", 3);
	a->nr_ext = 1;
	a->ext[0] = (struct mbuf_ext){ .addr = range, .len = sizeof(range) };
	b->len = 4;
	memcpy(b->data, "more", 4);
	pool.nfree = 0;
	assert_false(mbuf_pack(&pool, a));
	assert_int_equal(pool.nfree, 0);
	assert_int_equal(a->len, 3);
	assert_int_equal(a->nr_ext, 1);
	assert_ptr_equal(a->next, b);
	pool.nfree = kept;
	assert_true(mbuf_pack(&pool, a));
	assert_int_equal(a->nr_ext, 0);
	assert_ptr_equal(a->data, start);
	assert_int_equal(a->len, MBUF_ROOM);
	assert_memory_equal(a->data, "ownrr", 5);
	assert_int_equal(mbuf_packet_len(a), 3 + MBUF_SIZE + 4);
	assert_null(a->next->next);
	assert_memory_equal(a->next->data + a->next->len - 5, "rmore", 5);
	mbuf_free_chain(&pool, a);
	assert_int_equal(pool.nfree, TOTAL);
}

static void push_and_pull(void **state)
{
	struct mbuf *m = mbuf_alloc(&pool);
	u8 *start = m->data;

	m->len = 10;
	assert_ptr_equal(mbuf_push(m, 14), start - 14);
	assert_int_equal(m->len, 24);
	assert_ptr_equal(mbuf_pull(m, 20), start + 6);
	assert_int_equal(m->len, 4);
}

static void addresses(void **state)
{
	struct mbuf *m;

	mbuf_alloc(&pool);
	m = mbuf_alloc(&pool);
	assert_ptr_equal(mbuf_of_offset(&pool, (u64)(m->data - frames)), m);
	assert_true(mbuf_app_addr(&pool, m->data) ==
		    0x1000000 + m->index * MBUF_SIZE + MBUF_HEADROOM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(gives_each_buffer_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(warmest_first, setup, teardown),
		cmocka_unit_test_setup_teardown(chains, setup, teardown),
		cmocka_unit_test_setup_teardown(flattens, setup, teardown),
		cmocka_unit_test_setup_teardown(packs, setup, teardown),
		cmocka_unit_test_setup_teardown(push_and_pull, setup, teardown),
		cmocka_unit_test_setup_teardown(addresses, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
