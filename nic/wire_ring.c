/* SPDX-License-Identifier: MIT */
/* The wire's fast path: one copy in, one copy out or none, indices once per
 * batch. */
#include "nic/wire.h"
#include "nic/wire_impair.h"

#include "base/mem.h"

size_t wire_ring_at(u32 end, u32 from, u32 to)
{
	size_t nr =
		((size_t)end * WIRE_MAX_QUEUES + from) * WIRE_MAX_QUEUES + to;
	/* An odd number of pages apart: rings do not meet in a cache. */
	size_t each = (ring_bytes(WIRE_GRAINS) + 4095) / 4096 * 4096;

	return (sizeof(struct wire_shared) + 4095) / 4096 * 4096 + nr * each;
}

size_t wire_bytes(void)
{
	return wire_ring_at(2, 0, 0);
}

/* Written by the other end at any time: each decision takes it once. */
static inline bool one_peer_queue(const struct wire_queue *w)
{
	return READ_ONCE(wire_peer(w)->nqueues) == 1;
}

static inline u32 destination(const struct wire_queue *w, const u8 *p, u32 len)
{
	return one_peer_queue(w) ? 0 : wire_steer(w, p, len);
}

/* Is it a cable with nobody at its other end? */
static inline bool unplugged(const struct wire_queue *w)
{
	return !READ_ONCE(wire_peer(w)->open);
}

/* Every frame would go to one ring, as it is. @queues: of the peer's. */
static inline void refresh_direct(struct wire_queue *w, u32 queues)
{
	bool direct = queues == 1 && !w->impairer && !unplugged(w);

	w->q.direct = direct ? &w->tx[0] : NULL;
}

bool wire_send(struct wire_queue *w, const u8 *frame, u32 len)
{
	u32 to = destination(w, frame, len);
	u8 *p;

	if (unplugged(w)) {
		w->q.nr_tx_lost++;
		return true;
	}
	p = ring_reserve(&w->tx[to], len);
	if (!p)
		return false;
	memcpy(p, frame, len);
	ring_commit(&w->tx[to], len, 0);
	w->dirty |= 1u << to;
	return true;
}

void wire_publish(struct wire_queue *w)
{
	for (u32 left = w->dirty; left; left &= left - 1)
		ring_publish(&w->tx[__builtin_ctz(left)]);
}

/* The ring is full. One queue that is slow must not hold up others; if there
 * are none, the caller had better wait than lose frames, but not for ever:
 * the other end may have died. */
static COLD bool lose(struct wire_queue *w, const struct ring_tx *tx)
{
	if (one_peer_queue(w)) {
		if (tx->prod != tx->published)
			return false; /* had room for a part of this batch */
		if (!w->full_since)
			w->full_since = w->now;
		if (w->now - w->full_since < WIRE_PATIENCE_NS)
			return false;
	}
	w->q.nr_tx_bad++;
	return true;
}

/* A packet that is not in one piece, or has no length to be. False: no room,
 * try again. */
static __attribute__((noinline)) bool send_pieces(struct wire_queue *w,
						  struct ring_tx *tx,
						  const struct mbuf *m)
{
	u32 len = mbuf_packet_len(m);
	u8 *p;

	if (unlikely(!len || len > RING_MAX_FRAME)) {
		w->q.nr_tx_bad++;
		return true;
	}
	p = ring_reserve(tx, len);
	if (unlikely(!p))
		return lose(w, tx);
	mbuf_copy(p, m);
	ring_commit(tx, len, 0);
	return true;
}

static inline bool whole(const struct mbuf *m)
{
	return !m->next && !m->nr_ext && m->len - 1 < RING_MAX_FRAME;
}

static inline bool send_mbuf(struct wire_queue *w, struct ring_tx *tx,
			     const struct mbuf *m)
{
	if (unlikely(!whole(m)))
		return send_pieces(w, tx, m);
	return likely(ring_put(tx, m->data, m->len, 0)) || lose(w, tx);
}

/* To a peer with one queue, packets in one piece: with the ring's state in
 * registers. Returns how many it could take. */
static int send(struct wire_queue *w, struct mbuf **pkts, int n)
{
	struct mbuf_pool *pool = w->q.pool;
	struct ring_tx tx = w->tx[0];
	int i;

	for (i = 0; i < n; i++) {
		struct mbuf *m = pkts[i];

		if (unlikely(!whole(m) || m->flags & MBUF_TELL) ||
		    unlikely(!ring_put(&tx, m->data, m->len, 0)))
			break;
		mbuf_free(pool, m);
	}
	w->tx[0] = tx;
	w->dirty |= 1;
	return i;
}

static int send_slow(struct wire_queue *w, struct mbuf **pkts, int n)
{
	bool one_queue = one_peer_queue(w);
	int i;

	for (i = 0; i < n; i++) {
		struct mbuf *m = pkts[i];
		u32 to = one_queue ? 0 : wire_steer(w, m->data, m->len);

		if (!send_mbuf(w, &w->tx[to], m))
			break;
		w->dirty |= 1u << to;
		nicq_tx_done(&w->q, m);
	}
	return i;
}

/* With an impairer, or with nobody at the other end. */
static COLD int wire_tx_slow(struct wire_queue *w, struct mbuf **pkts, int n,
			     u64 now)
{
	for (int i = 0; i < n; i++) {
		if (w->impairer)
			wire_impair_tx(w, pkts[i], now);
		else
			w->q.nr_tx_lost++;
		nicq_tx_done(&w->q, pkts[i]);
	}
	if (w->impairer)
		wire_advance(w, now);
	return n;
}

static int wire_tx(struct nicq *q, struct mbuf **pkts, int n, u64 now)
{
	struct wire_queue *w = container_of(q, struct wire_queue, q);
	int i = 0;

	w->now = now;
	wire_rss_refresh(w);
	if (unlikely(w->impairer || unplugged(w)))
		return wire_tx_slow(w, pkts, n, now);
	if (likely(one_peer_queue(w)))
		i = send(w, pkts, n);
	if (unlikely(i < n))
		i += send_slow(w, pkts + i, n - i);
	if (likely(w->tx[0].prod != w->tx[0].published))
		w->full_since = 0;
	wire_publish(w);
	return i;
}

/* From one source queue. Stops short of a frame that finds no buffer: it
 * waits in the ring. */
static inline int rx_from(struct wire_queue *w, struct ring_rx *ring,
			  struct mbuf **pkts, int n)
{
	struct ring_rx rx = *ring; /* in registers meanwhile */
	struct mbuf_pool *pool = w->q.pool;
	struct ring_frame f;
	int got = 0;

	while (got < n && ring_peek(&rx, &f)) {
		struct mbuf *m;

		if (unlikely(f.len > MBUF_ROOM)) {
			w->q.nr_drops++;
			ring_next(&rx, &f);
			continue;
		}
		m = mbuf_alloc(pool);
		if (unlikely(!m))
			break;
		copy_packet(m->data, f.data, f.len);
		m->len = f.len;
		ring_next(&rx, &f);
		pkts[got++] = m;
	}
	ring_release(&rx);
	*ring = rx;
	return got;
}

static __attribute__((noinline)) int rx_all(struct wire_queue *w, u32 sources,
					    struct mbuf **pkts, int n)
{
	int got = 0;

	sources = min(sources, (u32)WIRE_MAX_QUEUES);
	for (u32 i = 0; i < sources && got < n; i++) {
		w->rx_turn++;
		if (w->rx_turn >= sources)
			w->rx_turn = 0;
		got += rx_from(w, &w->rx[w->rx_turn], pkts + got, n - got);
	}
	return got;
}

static int wire_rx(struct nicq *q, struct mbuf **pkts, int n, u64 now)
{
	struct wire_queue *w = container_of(q, struct wire_queue, q);
	u32 sources = READ_ONCE(wire_peer(w)->nqueues);

	w->now = now;
	refresh_direct(w, sources);
	if (unlikely(w->impairer))
		wire_advance(w, now);
	return likely(sources == 1) ? rx_from(w, &w->rx[0], pkts, n)
				    : rx_all(w, sources, pkts, n);
}

/* Only a receiver that sleeps costs something. It set `waiting`, then made
 * sure by membarrier() that we see it here or that it sees our frames. */
static void wire_kick(struct nicq *q)
{
	struct wire_queue *w = container_of(q, struct wire_queue, q);

	for (u32 left = w->dirty; left; left &= left - 1) {
		u32 to = (u32)__builtin_ctz(left);
		struct wire_door *door = &w->shared->doors[!w->end][to];

		if (unlikely(READ_ONCE(door->waiting)) && w->exits) {
			w->exits->wake(door);
			q->nr_kicks++;
		}
	}
	w->dirty = 0;
}

static void wire_reclaim(struct nicq *q)
{
}

static void wire_wait(struct nicq *q, u64 ns)
{
	struct wire_queue *w = container_of(q, struct wire_queue, q);
	u64 due = wire_next_due(w);

	if (!w->exits)
		return;
	if (due != UINT64_MAX)
		ns = due <= w->now ? 0 : min(ns, due - w->now);
	w->exits->wait(w, ns);
}

bool wire_pending(const struct wire_queue *w)
{
	u32 sources = READ_ONCE(wire_peer(w)->nqueues);

	for (u32 i = 0; i < sources && i < WIRE_MAX_QUEUES; i++) {
		if (ring_pending(&w->rx[i]))
			return true;
	}
	return false;
}

void wire_bind(struct wire_queue *w, const struct wire_exits *exits)
{
	static const struct nicq_ops ops = {
		.rx = wire_rx,
		.tx = wire_tx,
		.kick = wire_kick,
		.reclaim = wire_reclaim,
		.wait = wire_wait,
	};

	w->q.ops = &ops;
	w->exits = exits;
}

void wire_queue_init(struct wire_queue *w, struct wire_shared *shared,
		     enum wire_end end, u32 queue,
		     struct wire_impairer *impairer)
{
	u8 *base = (u8 *)shared;

	memset(w, 0, sizeof(*w));
	wire_bind(w, NULL);
	w->q.caps = NIC_GATHER | NIC_RX_COPIES;
	w->q.mtu = 1500;
	/* Locally administered; the last byte is the end. */
	memcpy(w->q.mac, "\x02ix-w\0", 6);
	w->q.mac[5] = (u8)(0x0a + end);
	w->shared = shared;
	w->end = (u8)end;
	w->queue = (u8)queue;
	for (u32 i = 0; i < WIRE_MAX_QUEUES; i++) {
		void *in = base + wire_ring_at(!end, i, queue);
		void *out = base + wire_ring_at(end, queue, i);

		ring_rx_open(&w->rx[i], in, WIRE_GRAINS);
		ring_tx_open(&w->tx[i], out, WIRE_GRAINS);
	}
	w->rss_gen = READ_ONCE(shared->ends[!end].rss_gen) - 1;
	w->impairer = impairer;
	if (impairer)
		wire_impair_init(impairer);
}
