/* SPDX-License-Identifier: MIT */
/* base/ring.h: order and content through many wraps, bounds, lying sides. */
#include "base/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { GRAINS = 256 };

struct pair {
	struct ring *ring;
	struct ring_tx tx;
	struct ring_rx rx;
};

static struct pair pair_new(void)
{
	struct pair p;

	/* malloc, exactly sized: a step outside is ASan's to find. */
	p.ring = aligned_alloc(CACHE_LINE, ring_bytes(GRAINS));
	assert_non_null(p.ring);
	memset(p.ring, 0, ring_bytes(GRAINS));
	ring_tx_open(&p.tx, p.ring, GRAINS);
	ring_rx_open(&p.rx, p.ring, GRAINS);
	return p;
}

static bool send(struct pair *p, u32 len, u8 tag)
{
	u8 *to = ring_reserve(&p->tx, len);

	if (!to)
		return false;
	memset(to, tag, len);
	ring_commit(&p->tx, len, tag);
	return true;
}

static void expect(struct pair *p, u32 len, u8 tag)
{
	struct ring_frame f = { 0 };

	assert_true(ring_peek(&p->rx, &f));
	assert_int_equal(f.len, len);
	assert_int_equal(f.flags, tag);
	for (u32 i = 0; i < len; i++)
		assert_int_equal(f.data[i], tag);
	ring_next(&p->rx, &f);
}

static void test_order_and_content(void **state)
{
	struct pair p = pair_new();
	struct ring_frame f;
	u32 sent = 0, got = 0, seed = 1;

	while (got < 20000) {
		u32 n = (seed = seed * 1664525 + 1013904223) >> 29;

		for (u32 i = 0; i <= n; i++) {
			if (send(&p, 1 + sent * 37 % RING_MAX_FRAME, (u8)sent))
				sent++;
		}
		ring_publish(&p.tx);
		for (n = (seed >> 20) & 7; n && got < sent; n--, got++)
			expect(&p, 1 + got * 37 % RING_MAX_FRAME, (u8)got);
		ring_release(&p.rx);
	}
	while (got < sent) {
		expect(&p, 1 + got * 37 % RING_MAX_FRAME, (u8)got);
		got++;
	}
	assert_false(ring_peek(&p.rx, &f));
	assert_int_equal(p.rx.lies, 0);
	free(p.ring);
}

static void test_nothing_before_publish(void **state)
{
	struct pair p = pair_new();
	struct ring_frame f;

	assert_true(send(&p, 100, 1));
	assert_false(ring_pending(&p.rx));
	assert_false(ring_peek(&p.rx, &f));
	ring_publish(&p.tx);
	assert_true(ring_pending(&p.rx));
	expect(&p, 100, 1);
	free(p.ring);
}

static void test_full(void **state)
{
	struct pair p = pair_new();
	u32 n = 0;

	while (send(&p, 60, 7))
		n++;
	assert_int_equal(n, GRAINS / 4);
	ring_publish(&p.tx);
	for (u32 i = 0; i < n; i++)
		expect(&p, 60, 7);
	/* Room comes back only with the release. */
	assert_false(send(&p, 60, 7));
	ring_release(&p.rx);
	assert_true(send(&p, 60, 7));
	free(p.ring);
}

static void test_largest_frame_across_the_end(void **state)
{
	struct pair p = pair_new();

	for (u32 i = 0; i < 300; i++) {
		assert_true(send(&p, RING_MAX_FRAME, (u8)i));
		ring_publish(&p.tx);
		expect(&p, RING_MAX_FRAME, (u8)i);
		assert_true(send(&p, 20, 1));
		ring_publish(&p.tx);
		expect(&p, 20, 1);
		ring_release(&p.rx);
	}
	free(p.ring);
}

/* Indices run over 2^32. */
static void test_index_wrap(void **state)
{
	struct pair p = pair_new();

	p.ring->prod = p.ring->cons = -GRAINS * 2u;
	ring_tx_open(&p.tx, p.ring, GRAINS);
	ring_rx_open(&p.rx, p.ring, GRAINS);
	for (u32 i = 0; i < 1000; i++) {
		assert_true(send(&p, 1000, (u8)i));
		ring_publish(&p.tx);
		expect(&p, 1000, (u8)i);
		ring_release(&p.rx);
	}
	free(p.ring);
}

static void test_side_reopened(void **state)
{
	struct pair p = pair_new();
	struct ring_frame f;

	assert_true(send(&p, 100, 1));
	ring_publish(&p.tx);
	assert_true(send(&p, 100, 2)); /* never shown: the producer died */
	ring_tx_open(&p.tx, p.ring, GRAINS);
	assert_true(send(&p, 100, 3));
	ring_publish(&p.tx);
	expect(&p, 100, 1);
	expect(&p, 100, 3);
	assert_true(send(&p, 100, 4));
	ring_publish(&p.tx);
	ring_rx_open(&p.rx, p.ring, GRAINS);
	assert_false(ring_peek(&p.rx, &f));
	assert_true(send(&p, 100, 5));
	ring_publish(&p.tx);
	expect(&p, 100, 5);
	free(p.ring);
}

static void test_lying_producer(void **state)
{
	static const u32 lies[] = {
		RING_MAX_FRAME + 1, 0xffff, 0, 300, 0xffffffff,
	};
	struct ring_frame f;

	for (u32 i = 0; i < ARRAY_SIZE(lies); i++) {
		struct pair p = pair_new();

		assert_true(send(&p, 100, 1));
		ring_publish(&p.tx);
		*(u32 *)p.ring->data = lies[i];
		assert_false(ring_peek(&p.rx, &f));
		assert_int_equal(p.rx.lies, 1);
		/* What it sends afterwards arrives. */
		assert_true(send(&p, 100, 2));
		ring_publish(&p.tx);
		expect(&p, 100, 2);
		free(p.ring);
	}
}

static void test_lying_indices(void **state)
{
	struct pair p = pair_new();
	struct ring_frame f;
	u32 n = 0;

	p.ring->prod = GRAINS + 1;
	assert_false(ring_peek(&p.rx, &f));
	assert_int_equal(p.rx.lies, 1);

	/* A consumer that claims to have read what was not written. */
	p.ring->cons = 5000;
	while (send(&p, 60, 7))
		n++;
	assert_true(n <= GRAINS / 4);
	p.ring->cons = p.tx.prod + 1;
	assert_false(send(&p, 60, 7));
	p.ring->cons = p.tx.prod - GRAINS - 1;
	assert_false(send(&p, 60, 7));
	ring_tx_open(&p.tx, p.ring, GRAINS);
	while (send(&p, 60, 7))
		n++;
	assert_true(n <= GRAINS / 2);
	free(p.ring);
}

/* Whatever stands in the memory: no step outside, no endless loop. */
static void test_random_memory(void **state)
{
	struct pair p = pair_new();
	struct ring_frame f;
	u32 seed = 7;

	for (u32 round = 0; round < 3000; round++) {
		u32 *word = (u32 *)p.ring->data;

		for (u32 i = 0; i < GRAINS * 4; i++) {
			seed = seed * 1664525 + 1013904223;
			word[i] = seed >> (seed >> 27);
		}
		p.ring->prod += (seed >> 8) % (GRAINS + 2);
		for (u32 i = 0; ring_peek(&p.rx, &f); i++) {
			volatile u8 sum = 0;

			for (u32 j = 0; j < f.len; j++)
				sum = (u8)(sum + f.data[j]);
			assert_true(i <= GRAINS);
			ring_next(&p.rx, &f);
		}
		ring_release(&p.rx);
	}
	assert_true(p.rx.lies > 0);
	free(p.ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_content),
		cmocka_unit_test(test_nothing_before_publish),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_largest_frame_across_the_end),
		cmocka_unit_test(test_index_wrap),
		cmocka_unit_test(test_side_reopened),
		cmocka_unit_test(test_lying_producer),
		cmocka_unit_test(test_lying_indices),
		cmocka_unit_test(test_random_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
