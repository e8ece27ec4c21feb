/* SPDX-License-Identifier: MIT */
/* nic/xdp_ring.c against a kernel that is played here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "nic/xdp_nic.h"

enum {
	FRAMES = 512,
	RING = 128,
	RX_RING = 2 * RING,
	FIRST_FRAME = 16, /* of our pool in the umem */
	ARENA = 32,	  /* chunks behind the frames */
	UMEM = (FIRST_FRAME + FRAMES + ARENA) * MBUF_SIZE,
};

struct fake_ring {
	u32 producer, consumer, flags;
	union {
		u64 addr[RING];
		struct xdp_frame frame[RX_RING];
	};
};

struct rig {
	struct xdp_q q;
	struct mbuf_pool pool;
	struct fake_ring fill, comp, rx, tx;
	u8 *umem;
	u32 sends, recvs, polls;
	u32 budget; /* packets that one send() takes */
	bool down;  /* the link is: it takes none */
	u32 larges;
	bool large_full; /* large() takes none */
};

static struct rig *rig_of(struct xdp_q *q)
{
	return container_of(q, struct rig, q);
}

static void fake_send(struct xdp_q *q)
{
	struct rig *r = rig_of(q);

	r->sends++;
	q->down = r->down;
	if (r->down)
		return;
	for (u32 n = 0; n < r->budget && r->tx.consumer != r->tx.producer;
	     n++) {
		while (r->tx.frame[r->tx.consumer++ % RING].options &
		       XDP_PART_MORE)
			;
	}
}

static void fake_recv(struct xdp_q *q)
{
	rig_of(q)->recvs++;
}

static void fake_poll(struct xdp_q *q, u64 ns)
{
	rig_of(q)->polls++;
}

/* What was given before is with the kernel. */
static bool fake_large(struct xdp_q *q, const struct mbuf *m)
{
	struct rig *r = rig_of(q);

	assert_true(m->flags & MBUF_LARGE);
	assert_int_equal(r->tx.producer, q->tx.head);
	assert_int_equal(r->tx.consumer, r->tx.producer);
	if (r->large_full)
		return false;
	r->larges++;
	return true;
}

static const struct xdp_exits fake_exits = { fake_send, fake_recv, fake_poll,
					     fake_large };

static void join(struct xdp_ring *r, struct fake_ring *f, u32 size)
{
	/* Start anywhere: indices wrap. */
	f->producer = f->consumer = UINT32_MAX - 20;
	*r = (struct xdp_ring){
		.producer = &f->producer,
		.consumer = &f->consumer,
		.flags = &f->flags,
		.entries = f->addr,
		.mask = size - 1,
		.head = f->producer,
	};
}

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct xdp_q *q = &r->q;

	r->umem = aligned_alloc(4096, UMEM);
	mbuf_pool_init(&r->pool, aligned_alloc(64, mbuf_pool_bytes(FRAMES)),
		       r->umem + FIRST_FRAME * MBUF_SIZE, 0, FRAMES);
	join(&q->fill, &r->fill, RING);
	join(&q->comp, &r->comp, RING);
	join(&q->rx, &r->rx, RX_RING);
	join(&q->tx, &r->tx, RING);
	r->tx.flags = XDP_WAKEUP_FLAG;
	r->budget = 32;
	q->tx_done = q->tx.head;
	q->umem = r->umem;
	q->frames_off = FIRST_FRAME * MBUF_SIZE;
	q->target = q->target_min = q->target_burst = q->target_max = RING;
	q->max_parts = 1;
	q->sent_at = calloc(RING, sizeof(q->sent_at[0]));
	q->exits = &fake_exits;
	q->q.ops = &xdp_ops;
	q->q.pool = &r->pool;
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	free(r->pool.mbufs);
	free(r->umem);
	free(r->q.sent_at);
	free(r);
	return 0;
}

static int rx(struct rig *r, struct mbuf **pkts, int n)
{
	return r->q.q.ops->rx(&r->q.q, pkts, n, 0);
}

static int tx(struct rig *r, struct mbuf **pkts, int n)
{
	return r->q.q.ops->tx(&r->q.q, pkts, n, 0);
}

/* The kernel puts @len bytes into the next empty frame. */
static void deliver(struct rig *r, u32 len, bool more)
{
	u64 addr;

	assert_in_range(r->fill.producer - r->fill.consumer, 1, RING);
	assert_in_range(r->rx.producer - r->rx.consumer, 0, RX_RING - 1);
	addr = r->fill.addr[r->fill.consumer++ % RING] + MBUF_HEADROOM;
	memset(r->umem + addr, (int)len, len);
	r->rx.frame[r->rx.producer++ % RX_RING] =
		(struct xdp_frame){ addr, len, more ? XDP_PART_MORE : 0 };
}

/* The wire has had @n descriptors. */
static void complete(struct rig *r, u32 n)
{
	r->comp.producer += n;
	r->q.q.ops->reclaim(&r->q.q);
}

static void test_fill(void **state)
{
	struct rig *r = *state;
	struct mbuf *pkts[8];

	assert_int_equal(rx(r, pkts, 8), 0);
	assert_int_equal(r->fill.producer - r->fill.consumer, RING);
	assert_int_equal(r->pool.nfree, FRAMES - RING);
	for (u32 i = 0; i < RING; i++) {
		u64 addr = r->fill.addr[i];

		assert_int_equal(addr % MBUF_SIZE, 0);
		assert_in_range(addr, FIRST_FRAME * MBUF_SIZE,
				(FIRST_FRAME + FRAMES - 1) * MBUF_SIZE);
	}
}

static void test_rx(void **state)
{
	struct rig *r = *state;
	struct mbuf *pkts[8];

	rx(r, pkts, 8);
	for (u32 i = 0; i < 10; i++)
		deliver(r, 60 + i, false);
	assert_int_equal(rx(r, pkts, 8), 8);
	for (u32 i = 0; i < 8; i++) {
		assert_int_equal(pkts[i]->len, 60 + i);
		assert_int_equal(pkts[i]->data[0], 60 + i);
		assert_ptr_equal(pkts[i]->data,
				 mbuf_frame(&r->pool, pkts[i]) + MBUF_HEADROOM);
		assert_null(pkts[i]->next);
		mbuf_free_chain(&r->pool, pkts[i]);
	}
	assert_int_equal(r->rx.consumer, r->rx.producer - 2);
	assert_int_equal(rx(r, pkts, 8), 2);
	mbuf_free_chain(&r->pool, pkts[0]);
	mbuf_free_chain(&r->pool, pkts[1]);
	assert_int_equal(r->pool.nfree + r->q.posted, FRAMES);
}

/* Many times round the rings, batches of all sizes: no frame is lost. */
static void test_rx_long(void **state)
{
	struct rig *r = *state;
	struct mbuf *pkts[RING];
	u32 seen = 0;

	rx(r, pkts, 1);
	for (u32 round = 0; round < 1000; round++) {
		u32 n = round % 33;
		int got;

		for (u32 i = 0; i < n; i++)
			deliver(r, 64, false);
		got = rx(r, pkts, RING);
		assert_int_equal(got, n);
		for (int i = 0; i < got; i++)
			mbuf_free_chain(&r->pool, pkts[i]);
		seen += n;
		assert_int_equal(r->pool.nfree + r->q.posted, FRAMES);
	}
	assert_true(seen > 10000);
}

/* Reception leaves the reserve to transmission. */
static void test_reserve(void **state)
{
	struct rig *r = *state;
	struct mbuf *pkts[RING], *held[FRAMES];
	u32 n = 0;

	rx(r, pkts, 1);
	while (r->fill.consumer != r->fill.producer) {
		deliver(r, 64, false);
		n += (u32)rx(r, held + n, RING);
	}
	assert_int_equal(n + nic_reserve(&r->pool), FRAMES);
	assert_int_equal(r->pool.nfree, nic_reserve(&r->pool));
	mbuf_free_chain(&r->pool, held[--n]);
	rx(r, pkts, 1);
	while (n--)
		mbuf_free_chain(&r->pool, held[n]);
	rx(r, pkts, 1);
	assert_int_equal(r->q.posted, RING);
	assert_int_equal(r->pool.nfree, FRAMES - RING);
	assert_true(r->q.nr_short);
}

/* Whoever keeps what is received leaves a 16th free at last. What nobody keeps
 * must still come in then, and not take up what is left. */
static void test_short(void **state)
{
	struct rig *r = *state;
	struct mbuf *pkts[RING], *held[FRAMES];
	u32 n = 0;

	rx(r, pkts, 1);
	while (r->pool.nfree > FRAMES / 16) {
		deliver(r, 64, false);
		n += (u32)rx(r, held + n, RING);
	}
	for (u32 i = 0; i < 4 * FRAMES; i++) {
		deliver(r, 64, false);
		assert_int_equal(rx(r, pkts, RING), 1);
		mbuf_free_chain(&r->pool, pkts[0]);
		assert_in_range(r->q.posted, 1, XDP_FILL_SHORT);
	}
	while (n--)
		mbuf_free_chain(&r->pool, held[n]);
	rx(r, pkts, 1);
	assert_true(r->q.posted > RING - XDP_FILL_BATCH);
}

/* More frames are posted after a burst, fewer when no other has come. */
static void test_adapt(void **state)
{
	struct rig *r = *state;
	struct mbuf *pkts[RING];

	r->q.target = r->q.target_min = RING / 2;
	rx(r, pkts, 1);
	assert_int_equal(r->q.posted, RING / 2);
	for (u32 i = 0; i < RING / 4; i++)
		deliver(r, 64, false);
	for (int n = rx(r, pkts, RING); n--;)
		mbuf_free(&r->pool, pkts[n]);
	rx(r, pkts, RING);
	assert_int_equal(r->q.posted, RING);
	for (u32 i = 0; i < 2 * XDP_LOW_POLLS; i++) {
		deliver(r, 64, false);
		assert_int_equal(rx(r, pkts, RING), 1);
		mbuf_free(&r->pool, pkts[0]);
	}
	assert_int_equal(r->q.target, RING / 2);
	assert_in_range(r->q.posted, 1, RING / 2);
	assert_int_equal(r->pool.nfree + r->q.posted, FRAMES);
}

static u32 empty(const struct rig *r)
{
	return r->fill.producer - r->fill.consumer;
}

/* All that was empty has come in while nobody looked: after one batch there are
 * as many empty frames again, before the rest is read. When rx could not hold
 * more, no more are handed over. */
static void test_unread(void **state)
{
	struct rig *r = *state;
	struct mbuf *pkts[RING];

	rx(r, pkts, 1);
	for (u32 round = 0; round < 100; round++) {
		u32 unread;

		while (empty(r))
			deliver(r, 64, false);
		unread = r->rx.producer - r->rx.consumer;
		assert_int_equal(rx(r, pkts, 40), 40);
		unread -= 40;
		assert_in_range(empty(r) + unread,
				min(RING + unread, (u32)RX_RING) -
					XDP_FILL_BATCH + 1,
				RX_RING);
		for (u32 i = 0; i < 40; i++)
			mbuf_free(&r->pool, pkts[i]);
		assert_int_equal(r->pool.nfree + r->q.posted, FRAMES);
	}
	assert_int_equal(r->q.nr_short, 0);
}

/* Each connection may send a request and an ACK at the same time: as soon as
 * one is heard of them, and as long as they are there. */
static void test_conns(void **state)
{
	struct rig *r = *state;
	struct mbuf *pkts[RING];

	r->q.target = r->q.target_min = r->q.target_burst = RING / 4;
	r->q.q.nr_conns = RING * 3 / 8;
	rx(r, pkts, 1);
	for (u32 i = 0; i < 2 * XDP_LOW_POLLS; i++) {
		deliver(r, 64, false);
		assert_int_equal(rx(r, pkts, RING), 1);
		mbuf_free(&r->pool, pkts[0]);
		assert_int_equal(r->q.target, RING * 3 / 4);
	}
	assert_in_range(empty(r), RING * 3 / 4 - XDP_FILL_BATCH, RING * 3 / 4);
	r->q.q.nr_conns = RING;
	deliver(r, 64, false);
	rx(r, pkts, RING);
	assert_int_equal(r->q.target, RING);
}

/* A burst of few connections makes a ring of target_burst, not more: the pool
 * is their windows', too. */
static void test_burst(void **state)
{
	struct rig *r = *state;
	struct mbuf *pkts[RING];

	r->q.target = r->q.target_min = RING / 4;
	r->q.target_burst = RING / 2;
	r->q.q.nr_conns = 4;
	rx(r, pkts, 1);
	for (u32 i = 0; i < 8; i++) {
		while (empty(r))
			deliver(r, 64, false);
		for (int n = rx(r, pkts, RING); n--;)
			mbuf_free(&r->pool, pkts[n]);
	}
	assert_int_equal(r->q.target, RING / 2);
}

static void test_rx_frags(void **state)
{
	struct rig *r = *state;
	struct mbuf *pkts[8], *m;

	r->q.frags = true;
	rx(r, pkts, 8);
	deliver(r, 100, true);
	deliver(r, 101, true);
	deliver(r, 50, false);
	deliver(r, 60, false);
	deliver(r, 70, true); /* the rest comes later */
	assert_int_equal(rx(r, pkts, 8), 2);
	m = pkts[0];
	assert_int_equal(mbuf_packet_len(m), 251);
	assert_int_equal(m->next->len, 101);
	assert_int_equal(m->next->next->len, 50);
	assert_null(m->next->next->next);
	assert_null(pkts[1]->next);
	assert_int_equal(rx(r, pkts + 2, 8), 0);
	deliver(r, 71, false);
	assert_int_equal(rx(r, pkts + 2, 8), 1);
	assert_null(pkts[2]->next->next);
	for (int i = 0; i < 3; i++)
		mbuf_free_chain(&r->pool, pkts[i]);
	assert_int_equal(r->pool.nfree + r->q.posted, FRAMES);
}

static struct mbuf *packet(struct rig *r, u32 len)
{
	struct mbuf *m = mbuf_alloc(&r->pool);

	assert_non_null(m);
	m->len = len;
	return m;
}

static void test_tx(void **state)
{
	struct rig *r = *state;
	struct mbuf *pkts[3] = { packet(r, 60), packet(r, 61), packet(r, 62) };
	u32 first = r->tx.producer;

	assert_int_equal(tx(r, pkts, 3), 3);
	assert_int_equal(r->tx.producer - first, 3);
	for (u32 i = 0; i < 3; i++) {
		struct xdp_frame *f = &r->tx.frame[(first + i) % RING];

		assert_int_equal(f->len, 60 + i);
		assert_ptr_equal(r->umem + f->addr, pkts[i]->data);
		assert_int_equal(f->options, 0);
	}
	assert_true(r->q.q.tx_pending);
	r->q.q.ops->kick(&r->q.q);
	assert_int_equal(r->sends, 1);
	assert_int_equal(r->q.q.nr_kicks, 1);
	assert_false(r->q.q.tx_pending);
	assert_int_equal(r->pool.nfree, FRAMES - 3);
	complete(r, 2);
	assert_int_equal(r->pool.nfree, FRAMES - 1);
	complete(r, 1);
	assert_int_equal(r->pool.nfree, FRAMES);
}

static struct mbuf *large(struct rig *r)
{
	struct mbuf *m = packet(r, 60);

	m->flags = MBUF_LARGE;
	m->ext[0] = (struct mbuf_ext){ r->umem, 5000, 0 };
	m->nr_ext = 1;
	return m;
}

/* In its turn, whatever stands in the way: nothing overtakes. */
static void test_tx_large(void **state)
{
	struct rig *r = *state;
	struct mbuf *pkts[3] = { packet(r, 60), large(r), packet(r, 62) };

	r->large_full = true;
	assert_int_equal(tx(r, pkts, 3), 1);
	assert_int_equal(r->sends, 1);
	r->large_full = false;
	assert_int_equal(tx(r, pkts + 1, 2), 2);
	assert_int_equal(r->larges, 1);
	assert_int_equal(r->pool.nfree, FRAMES - 2);
	r->q.q.ops->kick(&r->q.q);
	complete(r, 2);

	pkts[0] = packet(r, 60);
	pkts[1] = large(r);
	pkts[1]->flags |= MBUF_IN_PLACE;
	r->q.q.in_place[1].put = 1;
	r->budget = 0; /* the kernel is busy */
	assert_int_equal(tx(r, pkts, 2), 1);
	r->down = true;
	assert_int_equal(tx(r, pkts + 1, 1), 1);
	assert_int_equal(r->q.q.nr_tx_lost, 1);
	assert_int_equal(r->q.q.in_place[1].put, 1);
	assert_int_equal(r->q.q.in_place[1].done, 1);
	assert_int_equal(r->larges, 1);
	r->down = false;
	r->budget = 32;
	r->q.q.ops->kick(&r->q.q);
	complete(r, 1);
	assert_int_equal(r->pool.nfree, FRAMES);
}

/* No more than the ring holds until completed; the rest stays ours. */
static void test_tx_full(void **state)
{
	struct rig *r = *state;
	struct mbuf *pkts[RING + 6];

	for (u32 i = 0; i < RING + 6; i++)
		pkts[i] = packet(r, 60);
	assert_int_equal(tx(r, pkts, RING + 6), RING);
	r->q.q.ops->kick(&r->q.q);
	assert_int_equal(r->sends, RING / 32);
	assert_int_equal(tx(r, pkts + RING, 6), 0);
	r->comp.producer += 4;
	assert_int_equal(tx(r, pkts + RING, 6), 4);
	complete(r, RING);
	assert_int_equal(tx(r, pkts + RING + 4, 2), 2);
	complete(r, 2);
	assert_int_equal(r->pool.nfree, FRAMES);
}

/* The kernel stops half-way: the caller hears that a kick is due. */
static void test_kick_pending(void **state)
{
	struct rig *r = *state;
	struct mbuf *pkts[10];

	for (u32 i = 0; i < 10; i++)
		pkts[i] = packet(r, 60);
	tx(r, pkts, 10);
	r->budget = 0;
	r->q.q.ops->kick(&r->q.q);
	assert_int_equal(r->sends, 1);
	assert_true(r->q.q.tx_pending);
	r->budget = 1;
	r->q.q.ops->kick(&r->q.q);
	assert_int_equal(r->sends, 9);
	assert_true(r->q.q.tx_pending);
	r->q.q.ops->kick(&r->q.q);
	assert_false(r->q.q.tx_pending);
	complete(r, 10);
}

/* Zero copy: the driver is at work, no system call. */
static void test_no_wakeup(void **state)
{
	struct rig *r = *state;
	struct mbuf *m = packet(r, 60);

	r->tx.flags = 0;
	tx(r, &m, 1);
	r->q.q.ops->kick(&r->q.q);
	assert_int_equal(r->sends, 0);
	assert_true(r->q.q.tx_pending);
	r->tx.consumer++;
	r->q.q.ops->kick(&r->q.q);
	assert_false(r->q.q.tx_pending);
	complete(r, 1);
	r->fill.flags = XDP_WAKEUP_FLAG;
	rx(r, &m, 1);
	assert_int_equal(r->recvs, 1);
}

/* A header in a frame, two ranges of the arena; one crosses a chunk. */
static struct mbuf *gather(struct rig *r)
{
	u8 *arena = r->umem + (FIRST_FRAME + FRAMES) * MBUF_SIZE;
	struct mbuf *m = packet(r, 54);

	memset(arena, 'a', 4 * MBUF_SIZE);
	m->ext[0] = (struct mbuf_ext){ .addr = arena + 100, .len = 200 };
	m->ext[1] =
		(struct mbuf_ext){ .addr = arena + MBUF_SIZE - 50, .len = 150 };
	m->nr_ext = 2;
	return m;
}

/* The link is down: no kick is tried again and again; who sleeps next tries
 * once. What the ring has no room for is lost, and counted. */
static void test_link_down(void **state)
{
	struct rig *r = *state;
	struct nicq *q = &r->q.q;
	u32 free = r->pool.nfree, taken = 0;
	struct mbuf *m;

	r->down = true;
	while (!q->nr_tx_lost) {
		m = packet(r, 60);
		assert_int_equal(tx(r, &m, 1), 1);
		q->ops->kick(q);
		assert_false(q->tx_pending);
		assert_true(++taken <= RING);
	}
	assert_int_equal(q->nr_tx_lost, 1);
	assert_int_equal(r->pool.nfree, free - taken + 1);
	r->sends = 0;
	q->ops->wait(q, 1);
	assert_int_equal(r->sends, 1);
	assert_false(q->tx_pending);
	r->down = false;
	r->budget = RING;
	q->ops->wait(q, 1);
	assert_int_equal(r->tx.consumer, r->tx.producer);
	q->ops->wait(q, 1);
	assert_int_equal(r->sends, 2);
}

static void test_tx_gather(void **state)
{
	static const u32 lens[] = { 54, 200, 50, 100 };
	struct rig *r = *state;
	struct mbuf *m = gather(r);
	u32 first = r->tx.producer;

	r->q.max_parts = 5;
	assert_int_equal(tx(r, &m, 1), 1);
	assert_int_equal(r->tx.producer - first, 4);
	for (u32 i = 0; i < 4; i++) {
		struct xdp_frame *f = &r->tx.frame[(first + i) % RING];

		assert_int_equal(f->len, lens[i]);
		assert_int_equal(f->options, i < 3 ? XDP_PART_MORE : 0);
		assert_true(f->addr % MBUF_SIZE + f->len <= MBUF_SIZE);
	}
	complete(r, 3);
	assert_int_equal(r->pool.nfree, FRAMES - 1);
	complete(r, 1);
	assert_int_equal(r->pool.nfree, FRAMES);
}

/* Packets in place count when the kernel has read them; what goes by another
 * way, or is lost, does not count for those in the ring before it. */
static void test_tx_in_place(void **state)
{
	struct rig *r = *state;
	struct nicq *q = &r->q.q;
	struct mbuf *in_ring = gather(r), *large = gather(r), *bad = gather(r);

	r->q.max_parts = 5;
	in_ring->flags = bad->flags = MBUF_IN_PLACE;
	large->flags = MBUF_IN_PLACE | MBUF_LARGE;
	bad->ext[0].len = 24 * MBUF_SIZE;
	q->in_place[0].put = 2;
	q->in_place[1].put = 1;
	assert_int_equal(tx(r, &in_ring, 1), 1);
	assert_int_equal(tx(r, &large, 1), 1);
	assert_int_equal(tx(r, &bad, 1), 1);
	assert_int_equal(r->larges, 1);
	assert_int_equal(q->nr_tx_bad, 1);
	assert_int_equal(q->in_place[0].done, 0);
	assert_int_equal(q->in_place[0].put, 1);
	assert_int_equal(q->in_place[1].done, 1);
	assert_int_equal(q->in_place[1].put, 1);
	complete(r, 4);
	assert_int_equal(q->in_place[0].done, 1);
	assert_int_equal(r->pool.nfree, FRAMES);
}

/* Where the socket cannot gather, the packet is copied together. */
static void test_tx_flatten(void **state)
{
	struct rig *r = *state;
	struct mbuf *m = gather(r);
	u32 first = r->tx.producer;

	m->next = packet(r, 10);
	assert_int_equal(tx(r, &m, 1), 1);
	assert_int_equal(r->tx.producer - first, 1);
	assert_int_equal(r->tx.frame[first % RING].len, 54 + 350 + 10);
	assert_int_equal(m->data[54], 'a');
	assert_int_equal(m->data[54 + 349], 'a');
	complete(r, 1);
	assert_int_equal(r->pool.nfree, FRAMES);
}

enum { JUMBO_HEAD = 66, JUMBO_LEN = 8948 };

/* A full segment of 9000 bytes, in place: in more chunks than zero-copy drivers
 * take parts. */
static struct mbuf *jumbo(struct rig *r)
{
	u8 *arena = r->umem; /* in front of all frames */
	struct mbuf *m = packet(r, 0);

	memset(mbuf_push(m, JUMBO_HEAD), 'h', JUMBO_HEAD);
	for (u32 i = 0; i < JUMBO_LEN; i++)
		arena[100 + i] = (u8)(i % 251);
	m->ext[0] = (struct mbuf_ext){ .addr = arena + 100, .len = 50 };
	m->ext[1] =
		(struct mbuf_ext){ .addr = arena + 150, .len = JUMBO_LEN - 50 };
	m->nr_ext = 2;
	r->q.max_parts = 5;
	return m;
}

/* It is copied into as many frames as they do take. */
static void test_tx_jumbo(void **state)
{
	struct rig *r = *state;
	struct mbuf *m = jumbo(r);
	u32 first = r->tx.producer, at = 0, n;

	assert_int_equal(tx(r, &m, 1), 1);
	assert_int_equal(r->q.q.nr_tx_bad, 0);
	n = r->tx.producer - first;
	assert_in_range(n, 2, 5);
	for (u32 i = 0; i < n; i++) {
		struct xdp_frame *f = &r->tx.frame[(first + i) % RING];
		const u8 *p = r->umem + f->addr;

		assert_true(p >= r->pool.frames);
		assert_true(f->addr % MBUF_SIZE + f->len <= MBUF_SIZE);
		assert_int_equal(f->options, i < n - 1 ? XDP_PART_MORE : 0);
		for (u32 k = 0; k < f->len; k++, at++) {
			u32 want =
				at < JUMBO_HEAD ? 'h' : (at - JUMBO_HEAD) % 251;

			assert_int_equal(p[k], want);
		}
	}
	assert_int_equal(at, JUMBO_HEAD + JUMBO_LEN);
	complete(r, n);
	assert_int_equal(r->pool.nfree, FRAMES);
}

/* Without buffers for that it is lost, and what it had is free. */
static void test_tx_jumbo_short(void **state)
{
	struct rig *r = *state;
	struct mbuf *m = jumbo(r);
	u32 first = r->tx.producer;

	r->pool.nfree = 3;
	assert_int_equal(tx(r, &m, 1), 1);
	assert_int_equal(r->q.q.nr_tx_bad, 1);
	assert_int_equal(r->tx.producer, first);
	assert_int_equal(r->pool.nfree, 4);
}

static void test_tx_too_long(void **state)
{
	struct rig *r = *state;
	struct mbuf *m = gather(r);
	u32 first = r->tx.producer;

	m->ext[0].len = 2 * MBUF_SIZE;
	assert_int_equal(tx(r, &m, 1), 1);
	assert_int_equal(r->tx.producer, first);
	assert_int_equal(r->q.q.nr_tx_bad, 1);
	assert_int_equal(r->pool.nfree, FRAMES);
}

/* Packets in flight are not forgotten for one that turns out not to fit. */
static void test_tx_too_long_full(void **state)
{
	struct rig *r = *state;
	struct mbuf *pkts[RING], *m = gather(r);
	u32 n = RING - XDP_MAX_PARTS - 1;

	r->q.max_parts = XDP_MAX_PARTS;
	for (u32 i = 0; i < n; i++)
		pkts[i] = packet(r, 60);
	assert_int_equal(tx(r, pkts, (int)n), n);
	m->ext[0].len = m->ext[1].len = 12 * MBUF_SIZE;
	assert_int_equal(tx(r, &m, 1), 1);
	assert_int_equal(r->q.q.nr_tx_bad, 1);
	complete(r, n);
	assert_int_equal(r->pool.nfree, FRAMES);
}

/* A UDP send is not freed but reported. */
static void test_tx_report(void **state)
{
	struct rig *r = *state;
	struct mbuf *m = packet(r, 60);

	m->flags = MBUF_TELL;
	tx(r, &m, 1);
	complete(r, 1);
	assert_ptr_equal(r->q.q.sent, m);
	assert_int_equal(r->pool.nfree, FRAMES - 1);
}

static void test_wait(void **state)
{
	struct rig *r = *state;
	struct mbuf *m;

	r->q.q.ops->wait(&r->q.q, 1000);
	assert_int_equal(r->polls, 1);
	assert_int_equal(r->q.posted, RING);
	deliver(r, 64, false);
	r->q.q.ops->wait(&r->q.q, 1000);
	assert_int_equal(r->polls, 1);
	assert_int_equal(rx(r, &m, 1), 1);
}

/* What the kernel lost while the pool was not short, our thread was late for,
 * whatever is free when that is counted. In copy mode it counts a packet
 * twice. */
static void test_lost(void **state)
{
	struct rig *r = *state;
	struct xdp_queue x = { .q = r->q };
	struct xdp_statistics st = { .rx_dropped = 5,
				     .rx_fill_ring_empty_descs = 5 };

	x.q.nr_short = 1;
	xdp_count_lost(&x, &st);
	assert_int_equal(x.q.q.nr_drops, 5);
	r->pool.nfree = 0;
	st.rx_ring_full = 3;
	st.rx_fill_ring_empty_descs = 7;
	xdp_count_lost(&x, &st);
	xdp_count_lost(&x, &st);
	assert_int_equal(x.q.q.nr_drops, 5);
	assert_int_equal(x.q.q.nr_late, 5);
	x.q.nr_short++;
	r->pool.nfree = FRAMES;
	st.rx_dropped = 8;
	xdp_count_lost(&x, &st);
	assert_int_equal(x.q.q.nr_drops, 6);
	assert_int_equal(x.q.q.nr_late, 5);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_fill),	     T(test_rx),
		T(test_rx_long),     T(test_reserve),
		T(test_short),	     T(test_unread),
		T(test_conns),	     T(test_burst),
		T(test_rx_frags),    T(test_adapt),
		T(test_tx),	     T(test_tx_full),
		T(test_link_down),   T(test_kick_pending),
		T(test_no_wakeup),   T(test_tx_gather),
		T(test_tx_in_place), T(test_tx_flatten),
		T(test_tx_jumbo),    T(test_tx_jumbo_short),
		T(test_tx_too_long), T(test_tx_too_long_full),
		T(test_tx_report),   T(test_tx_large),
		T(test_wait),	     T(test_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
