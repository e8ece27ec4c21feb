/* SPDX-License-Identifier: MIT */
#include "bench/xdp_kernel.h"

#include <string.h>

enum { MASK = XDP_RING_SIZE - 1 };

static void join(struct xdp_ring *r, struct xdp_shared *s)
{
	*r = (struct xdp_ring){
		.producer = &s->producer,
		.consumer = &s->consumer,
		.flags = &s->flags,
		.entries = s->addr,
		.mask = MASK,
	};
}

static void no_call(struct xdp_q *q)
{
}

static void no_wait(struct xdp_q *q, u64 ns)
{
}

void xdp_kernel_init(struct xdp_kernel *k, struct wire_queue *wire)
{
	static const struct xdp_exits exits = { no_call, no_call, no_wait,
						NULL };
	struct xdp_q *q = &k->q;

	memset(k, 0, sizeof(*k));
	k->wire = wire;
	join(&q->fill, &k->fill);
	join(&q->rx, &k->rx);
	join(&q->tx, &k->tx);
	join(&q->comp, &k->comp);
	q->target = q->target_min = XDP_FILL_LOW;
	q->target_burst = q->target_max = XDP_RING_SIZE;
	q->max_parts = 1;
	q->sent_at = k->sent_at;
	q->q.mtu = wire->q.mtu;
	memcpy(q->q.mac, wire->q.mac, sizeof(q->q.mac));
	xdp_bind(q, &exits);
}

void xdp_kernel_frames(struct xdp_kernel *k, u8 *umem)
{
	k->q.umem = umem;
}

void xdp_kernel_rx(struct xdp_kernel *k)
{
	struct ring_rx *from = &k->wire->rx[0];
	struct ring_frame f;
	u64 addr;

	while (k->fill.consumer != k->fill.producer && ring_peek(from, &f)) {
		addr = k->fill.addr[k->fill.consumer++ & MASK] + MBUF_HEADROOM;
		memcpy(k->q.umem + addr, f.data, f.len);
		k->rx.frame[k->rx.producer++ & MASK] =
			(struct xdp_frame){ .addr = addr, .len = f.len };
		ring_next(from, &f);
	}
	ring_release(from);
}

bool xdp_kernel_tx(struct xdp_kernel *k)
{
	struct ring_tx *to = &k->wire->tx[0];

	while (k->tx.consumer != k->tx.producer) {
		const struct xdp_frame *f =
			&k->tx.frame[k->tx.consumer++ & MASK];

		if (!ring_put(to, k->q.umem + f->addr, f->len, 0))
			return false;
		k->comp.addr[k->comp.producer++ & MASK] = f->addr;
	}
	ring_publish(to);
	return true;
}
