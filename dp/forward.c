/* SPDX-License-Identifier: MIT */
/*
 * Packets that came to the wrong thread: copied by value through a ring for
 * each ordered pair of threads, so that no buffer changes its owner. What is
 * pushed during an iteration is shown at its end, in dp_forward_rx().
 *
 * Memory of the dataplane that two elastic threads write: the rings' indices,
 * and what move.h tells of.
 */
#include "base/carve.h"
#include "base/mem.h"
#include "base/ring.h"
#include "dp/dp.h"

enum {
	FORWARD_GRAINS = 16384, /* per pair: 256 KB, 170 full frames */
	PIECE = 0x8000, /* of a packet that goes on in the next: no MBUF_* */
};

/* One thread's ends of the two rings between it and another thread; no other
 * thread reads or writes this. */
struct forward_end {
	struct ring_tx tx;
	struct ring_rx rx;
} ALIGNED(CACHE_LINE);

struct dp_forward {
	u32 nthreads;
	/* [me * nthreads + other], then the rings, in the order [from][to] */
	struct forward_end ends[] ALIGNED(CACHE_LINE);
};

static size_t ring_room(void)
{
	return align_line(ring_bytes(FORWARD_GRAINS));
}

size_t dp_forward_bytes(u32 nthreads)
{
	size_t pairs = (size_t)nthreads * nthreads;

	return sizeof(struct dp_forward) +
	       pairs * (sizeof(struct forward_end) + ring_room());
}

static inline struct forward_end *end_of(struct dp_forward *f, u32 me,
					 u32 other)
{
	return &f->ends[me * f->nthreads + other];
}

void dp_forward_init(struct dp_forward *f, u32 nthreads)
{
	u8 *ring = (u8 *)&f->ends[nthreads * nthreads];

	f->nthreads = nthreads;
	for (u32 from = 0; from < nthreads; from++) {
		for (u32 to = 0; to < nthreads; to++) {
			struct ring *r = (struct ring *)ring;

			ring_tx_open(&end_of(f, from, to)->tx, r,
				     FORWARD_GRAINS);
			ring_rx_open(&end_of(f, to, from)->rx, r,
				     FORWARD_GRAINS);
			ring += ring_room();
		}
	}
}

/* What @m holds, in pieces of which all but the packet's last are marked.
 * @left: bytes of the packet from here on. */
static bool push_buffer(struct ring_tx *tx, const struct mbuf *m, u32 flags,
			u32 left)
{
	for (u32 off = 0, n; off < m->len; off += n) {
		n = min(m->len - off, (u32)MBUF_ROOM);
		if (!ring_put(tx, m->data + off, n,
			      left - off > n ? flags | PIECE : flags))
			return false;
	}
	return true;
}

/* All of it or nothing: what is not published can be taken back. */
static COLD bool push_pieces(struct ring_tx *tx, const struct mbuf *m, u32 len)
{
	u32 flags = m->flags, begin = tx->prod;

	for (; m; len -= m->len, m = m->next) {
		if (push_buffer(tx, m, flags, len))
			continue;
		tx->prod = begin;
		return false;
	}
	return true;
}

static inline bool push_one(struct ring_tx *tx, const struct mbuf *m, u32 len)
{
	u8 *p = ring_reserve(tx, len);

	if (unlikely(!p))
		return false;
	mbuf_copy(p, m);
	ring_commit(tx, len, m->flags);
	return true;
}

void dp_forward_push(struct dp *dp, u32 owner, const struct mbuf *m)
{
	u32 len = mbuf_packet_len(m);
	struct ring_tx *tx;

	if (unlikely(owner >= dp->nthreads || !len)) {
		dp->stat->drop_forward++;
		return;
	}
	tx = &end_of(dp->forward, dp->net.thread, owner)->tx;
	if (likely(len <= MBUF_ROOM) ? push_one(tx, m, len)
				     : push_pieces(tx, m, len))
		dp->passed++, dp->stat->forwarded++;
	else
		dp->stat->drop_forward++;
}

/* ---- and received. A packet that is put together from pieces */
struct pieces {
	struct mbuf *first, *last;
	bool lost; /* one of them */
};

static void add(struct dp *dp, struct pieces *p, const struct ring_frame *f)
{
	struct mbuf *m = p->lost ? NULL : mbuf_alloc(&dp->pool);

	if (unlikely(!m)) {
		p->lost = true;
		return;
	}
	memcpy(m->data, f->data, f->len);
	m->len = f->len;
	m->flags = (u16)((f->flags & ~(u32)PIECE) | MBUF_FORWARDED);
	if (p->first)
		p->last->next = m;
	else
		p->first = m;
	p->last = m;
}

static void receive(struct dp *dp, struct pieces *p, u64 now)
{
	if (unlikely(p->lost)) {
		dp->stat->drop_forward++;
		mbuf_free_chain(&dp->pool, p->first);
	} else {
		dp_rx_one(dp, p->first, now);
	}
}

/* All pieces of a packet are published together. */
static u32 receive_from(struct dp *dp, struct ring_rx *rx, u64 now)
{
	struct pieces p = { 0 };
	struct ring_frame f;
	u32 n = 0;

	while (n < dp->conf.batch && ring_peek(rx, &f)) {
		add(dp, &p, &f);
		if (likely(!(f.flags & PIECE))) {
			receive(dp, &p, now);
			p = (struct pieces){ 0 };
			n++;
		}
		ring_next(rx, &f);
	}
	ring_release(rx);
	return n;
}

u32 dp_forward_rx(struct dp *dp, u64 now)
{
	u32 n = 0;

	for (u32 other = 0; other < dp->nthreads; other++) {
		struct forward_end *end =
			end_of(dp->forward, dp->net.thread, other);

		ring_publish(&end->tx);
		n += receive_from(dp, &end->rx, now);
	}
	return n;
}
