/* SPDX-License-Identifier: MIT */
/*
 * Packets that came to the wrong thread: copied by value through a ring for
 * each ordered pair of threads, so that no buffer changes its owner. What is
 * pushed during an iteration is shown at its end, in dp_forward_rx().
 *
 * The rings' indices are the only memory in the dataplane that two elastic
 * threads write.
 */
#include "base/mem.h"
#include "base/ring.h"
#include "dp/dp.h"

enum { FORWARD_GRAINS = 16384 }; /* per pair: 256 KB, 170 full frames */

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
	return (ring_bytes(FORWARD_GRAINS) + CACHE_LINE - 1) / CACHE_LINE *
	       CACHE_LINE;
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

void dp_forward_push(struct dp *dp, u32 owner, const struct mbuf *m)
{
	u32 len = mbuf_packet_len(m);
	struct ring_tx *tx;
	u8 *p = NULL;

	if (likely(owner < dp->nthreads && len && len <= MBUF_ROOM)) {
		tx = &end_of(dp->forward, dp->net.thread, owner)->tx;
		p = ring_reserve(tx, len);
	}
	if (unlikely(!p)) {
		dp->stat->drop_forward++;
		return;
	}
	mbuf_copy(p, m);
	ring_commit(tx, len, m->flags);
	dp->stat->forwarded++;
}

static void receive(struct dp *dp, const struct ring_frame *f, u64 now)
{
	struct mbuf *m = mbuf_alloc(&dp->pool);

	if (unlikely(!m)) {
		dp->stat->drop_forward++;
		return;
	}
	memcpy(m->data, f->data, f->len);
	m->len = f->len;
	m->flags = (u8)f->flags | MBUF_FORWARDED;
	if (!net_rx(&dp->net, &m, 1, now))
		mbuf_free_chain(&dp->pool, m);
}

static u32 receive_from(struct dp *dp, struct ring_rx *rx, u64 now)
{
	struct ring_frame f;
	u32 n = 0;

	while (n < dp->conf.batch && ring_peek(rx, &f)) {
		receive(dp, &f, now);
		ring_next(rx, &f);
		n++;
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
