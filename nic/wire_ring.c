/* SPDX-License-Identifier: MIT */
/* The wire's fast path: one copy in, one copy out, indices once per batch. */
#include "nic/wire.h"
#include "nic/wire_impair.h"

#include "base/be.h"
#include "base/mem.h"

enum {
	/* Offsets in a frame, to steer it. */
	AT_ETH_TYPE = 12,
	AT_IP = 14,
	IP_MIN = 20,
	STEERED = 12, /* bytes of addresses and ports */
};

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

static inline const struct wire_end_info *peer_info(const struct wire_queue *w)
{
	return &w->shared->ends[!w->end];
}

/* The hash is linear in its input: what each value of each half byte adds. */
static void rss_tabulate(struct wire_queue *w, const u8 key[RSS_KEY_LEN])
{
	u8 in[STEERED] = { 0 };

	for (u32 pos = 0; pos < 2 * STEERED; pos++) {
		for (u32 v = 0; v < 16; v++) {
			in[pos / 2] = (u8)(pos % 2 ? v : v << 4);
			w->rss_nibble[pos][v] = hash_toeplitz(key, in, STEERED);
		}
		in[pos / 2] = 0;
	}
}

static void rss_refresh(struct wire_queue *w)
{
	u8 key[RSS_KEY_LEN];
	u32 gen = load_acquire(&peer_info(w)->rss_gen);

	if (likely(gen == w->rss_gen))
		return;
	memcpy(key, peer_info(w)->rss_key, sizeof(key));
	rss_tabulate(w, key);
	w->rss_gen = gen;
}

/* TCP and UDP by their 4-tuple, whatever else to queue 0. */
static u32 steer(const struct wire_queue *w, const u8 *p, u32 len)
{
	const u8 *ip = p + AT_IP;
	u8 tuple[STEERED];
	u32 ihl, hash = 0;

	if (len < AT_IP + IP_MIN + 4 || p[AT_ETH_TYPE] != 0x08 ||
	    p[AT_ETH_TYPE + 1] != 0x00)
		return 0;
	ihl = (ip[0] & 15) * 4;
	if (ip[0] >> 4 != 4 || ihl < IP_MIN || len < AT_IP + ihl + 4)
		return 0;
	if ((ip[9] != 6 && ip[9] != 17) || ip[6] & 0x3f || ip[7])
		return 0; /* not TCP or UDP; a fragment */
	memcpy(tuple, ip + 12, 8);
	memcpy(tuple + 8, ip + ihl, 4);
	for (u32 i = 0; i < STEERED; i++)
		hash ^= w->rss_nibble[2 * i][tuple[i] >> 4] ^
			w->rss_nibble[2 * i + 1][tuple[i] & 15];
	return READ_ONCE(peer_info(w)->rss_table[hash % RSS_TABLE]) %
	       WIRE_MAX_QUEUES;
}

static inline u32 destination(const struct wire_queue *w, const u8 *p, u32 len)
{
	return peer_info(w)->nqueues == 1 ? 0 : steer(w, p, len);
}

/* Is it a cable with nobody at its other end? */
static inline bool unplugged(const struct wire_queue *w)
{
	return !READ_ONCE(peer_info(w)->open);
}

bool wire_send(struct wire_queue *w, const u8 *frame, u32 len)
{
	u32 to = destination(w, frame, len);
	u8 *p;

	if (unplugged(w)) {
		w->nr_lost++;
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

u32 wire_flatten(u8 *to, const struct mbuf *m)
{
	u8 *p = to;

	for (; m; m = m->next) {
		memcpy(p, m->data, m->len);
		p += m->len;
		for (u32 i = 0; i < m->next_ext; i++) {
			memcpy(p, m->ext[i].addr, m->ext[i].len);
			p += m->ext[i].len;
		}
	}
	return (u32)(p - to);
}

/* The ring is full. One queue that is slow must not hold up others; if there
 * are none, the caller had better wait than lose frames, but not for ever:
 * the other end may have died. */
static bool lose(struct wire_queue *w)
{
	if (peer_info(w)->nqueues == 1) {
		if (!w->full_since)
			w->full_since = w->now;
		if (w->now - w->full_since < WIRE_PATIENCE_NS)
			return false;
	}
	w->nr_lost++;
	return true;
}

/* False: no room, try again. */
static COLD bool send_pieces(struct wire_queue *w, struct ring_tx *tx,
			     const struct mbuf *m)
{
	u32 len = mbuf_packet_len(m);
	u8 *p;

	if (unlikely(!len || len > RING_MAX_FRAME)) {
		w->nr_lost++;
		return true;
	}
	p = ring_reserve(tx, len);
	if (unlikely(!p))
		return lose(w);
	wire_flatten(p, m);
	ring_commit(tx, len, 0);
	return true;
}

static inline bool send_mbuf(struct wire_queue *w, const struct mbuf *m,
			     bool one_queue)
{
	u32 to = likely(one_queue) ? 0 : steer(w, m->data, m->len);
	struct ring_tx *tx = &w->tx[to];
	bool taken;

	if (likely(!m->next && !m->next_ext &&
		   m->len - 1 < RING_MAX_FRAME))
		taken = ring_put(tx, m->data, m->len, 0) || lose(w);
	else
		taken = send_pieces(w, tx, m);
	w->dirty |= 1u << to;
	return likely(taken);
}

/* With an impairer, or with nobody at the other end. */
static COLD int tx_slow(struct wire_queue *w, struct mbuf **pkts, int n,
			u64 now)
{
	for (int i = 0; i < n; i++) {
		if (w->impairer)
			wire_impair_tx(w, pkts[i], now);
		else
			w->nr_lost++;
		nicq_tx_done(&w->q, pkts[i]);
	}
	if (w->impairer)
		wire_advance(w, now);
	return n;
}

static int wire_tx(struct nicq *q, struct mbuf **pkts, int n, u64 now)
{
	struct wire_queue *w = container_of(q, struct wire_queue, q);
	bool one_queue = peer_info(w)->nqueues == 1;
	int i;

	w->now = now;
	rss_refresh(w);
	if (unlikely(w->impairer || unplugged(w)))
		return tx_slow(w, pkts, n, now);
	for (i = 0; i < n; i++) {
		if (!send_mbuf(w, pkts[i], one_queue))
			break;
		nicq_tx_done(q, pkts[i]);
	}
	if (likely(i))
		w->full_since = 0;
	wire_publish(w);
	return i;
}

/* From one source queue. Stops short of a frame that finds no buffer: it
 * waits in the ring. */
static int rx_from(struct wire_queue *w, struct ring_rx *rx, struct mbuf **pkts,
		   int n)
{
	struct ring_frame f;
	int got = 0;

	while (got < n && ring_peek(rx, &f)) {
		struct mbuf *m;

		if (unlikely(f.len > MBUF_ROOM)) {
			w->q.nr_drops++;
			ring_next(rx, &f);
			continue;
		}
		m = mbuf_alloc(w->q.pool);
		if (unlikely(!m))
			break;
		memcpy(m->data, f.data, f.len);
		m->len = f.len;
		ring_next(rx, &f);
		pkts[got++] = m;
	}
	ring_release(rx);
	return got;
}

static int wire_rx(struct nicq *q, struct mbuf **pkts, int n, u64 now)
{
	struct wire_queue *w = container_of(q, struct wire_queue, q);
	u32 sources = READ_ONCE(peer_info(w)->nqueues);
	int got = 0;

	w->now = now;
	if (unlikely(w->impairer))
		wire_advance(w, now);
	if (likely(sources == 1))
		return rx_from(w, &w->rx[0], pkts, n);
	sources = min(sources, (u32)WIRE_MAX_QUEUES);
	for (u32 i = 0; i < sources && got < n; i++) {
		w->rx_turn++;
		if (w->rx_turn >= sources)
			w->rx_turn = 0;
		got += rx_from(w, &w->rx[w->rx_turn], pkts + got, n - got);
	}
	return got;
}

/* Only a receiver that sleeps costs something. It set `waiting`, then made
 * sure by membarrier() that we see it here or that it sees our frames. */
static void wire_kick(struct nicq *q)
{
	struct wire_queue *w = container_of(q, struct wire_queue, q);

	for (u32 left = w->dirty; left; left &= left - 1) {
		u32 to = (u32)__builtin_ctz(left);
		struct wire_door *door = &w->shared->doors[!w->end][to];

		if (unlikely(READ_ONCE(door->waiting)) && w->host) {
			w->host->wake(door);
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

	if (!w->host)
		return;
	if (due != UINT64_MAX)
		ns = due <= w->now ? 0 : min(ns, due - w->now);
	w->host->wait(w, ns);
}

bool wire_pending(const struct wire_queue *w)
{
	u32 sources = READ_ONCE(peer_info(w)->nqueues);

	for (u32 i = 0; i < sources && i < WIRE_MAX_QUEUES; i++) {
		if (ring_pending(&w->rx[i]))
			return true;
	}
	return false;
}

void wire_set_rss(struct wire_shared *shared, enum wire_end end,
		  const u8 table[RSS_TABLE])
{
	for (u32 i = 0; i < RSS_TABLE; i++)
		WRITE_ONCE(shared->ends[end].rss_table[i], table[i]);
}

void wire_queue_init(struct wire_queue *w, struct wire_shared *shared,
		     enum wire_end end, u32 queue,
		     struct wire_impairer *impairer)
{
	static const struct nicq_ops ops = {
		.rx = wire_rx,
		.tx = wire_tx,
		.kick = wire_kick,
		.reclaim = wire_reclaim,
		.wait = wire_wait,
	};
	u8 *base = (u8 *)shared;

	memset(w, 0, sizeof(*w));
	w->q.ops = &ops;
	w->q.caps = NIC_GATHER;
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
