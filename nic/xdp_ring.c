/* SPDX-License-Identifier: MIT */
/* AF_XDP, the packet's way: the four rings of a queue. Freestanding. */
#include "nic/xdp.h"

enum {
	MAX_SENDS = 8, /* system calls in one kick */
	AHEAD = 4,     /* descriptors ahead: one cache line of them */
};

static struct xdp_q *xdp_of(struct nicq *nq)
{
	return container_of(nq, struct xdp_q, q);
}

/* How many to hand over when frames are short. */
static COLD u32 want_short(struct xdp_q *q)
{
	u32 target = min(q->target, (u32)XDP_FILL_SHORT);
	u32 nfree = q->q.pool->nfree, reserve = nic_reserve(q->q.pool);

	q->nr_short++;
	if (q->posted + XDP_FILL_BATCH > target || nfree <= reserve)
		return 0;
	return min(target - q->posted, nfree - reserve);
}

/* Hands empty frames to the kernel, as many as are wanted whatever is @unread:
 * who cannot keep up for a moment has a queue in rx, and drops nothing.
 * Addresses may point anywhere into a frame: the kernel rounds down. The mbufs
 * are not touched. */
static void refill(struct xdp_q *q, u32 unread)
{
	struct mbuf_pool *p = q->q.pool;
	u64 *entries = q->fill.entries;
	u32 want = min(q->target + unread, q->rx.mask + 1) - q->posted;
	u32 head = q->fill.head;

	if ((s32)want < XDP_FILL_BATCH)
		return;
	if (likely(p->nfree > nic_ample(p)))
		want = min(want, p->nfree - nic_ample(p));
	else
		want = want_short(q);
	if (unlikely(!want))
		return;
	for (u32 i = 0; i < want; i++) {
		u64 index = p->free[--p->nfree];

		entries[head++ & q->fill.mask] =
			q->frames_off + index * MBUF_SIZE;
	}
	/* posted - unread <= target <= ring size: the kernel's consumer index
	 * need not be read, there is room. Release: entries before the index.
	 */
	store_release(q->fill.producer, head);
	q->fill.head = head;
	q->posted += want;
}

/* A request and an ACK of each connection. */
static u32 of_all(const struct xdp_q *q)
{
	return min(2 * q->q.nr_conns, q->target_max);
}

/* A burst of few connections is bounded by their windows, which what is posted
 * must not take the buffers from. */
static COLD void grow(struct xdp_q *q)
{
	u32 more = min(q->target * 2, q->target_burst);

	q->target = max(q->target, max(more, of_all(q)));
	q->no_burst = 0;
}

static COLD void shrink(struct xdp_q *q)
{
	q->target = max(q->target / 2, max(q->target_min, of_all(q)));
	q->no_burst = 0;
}

/* Between two polls @avail packets came in. Posted frames must outlast the
 * longest such burst, with a margin, and what all connections may send while
 * nobody looks; all of them are used in turn, so the fewer, the more of them
 * are still in the cache. */
static void adapt(struct xdp_q *q, u32 avail)
{
	if (unlikely(avail > q->target / 4 || 2 * q->q.nr_conns > q->target))
		grow(q);
	else if (unlikely(++q->no_burst == XDP_LOW_POLLS))
		shrink(q);
}

static inline struct mbuf *mbuf_at(struct xdp_q *q, const struct xdp_frame *f)
{
	return mbuf_of_offset(q->q.pool, f->addr - q->frames_off);
}

/* A frame comes back from the kernel. The packet is not looked at: its lines
 * are fetched when the whole batch is known, see dp/rx.c. */
static inline void take(struct mbuf *m, u8 *umem, const struct xdp_frame *f)
{
	m->next = NULL;
	m->data = umem + f->addr;
	m->len = f->len;
	m->flags = 0;
	m->nr_ext = 0;
}

/* Whole packets in single frames. */
static int rx_single(struct xdp_q *q, struct mbuf **pkts, u32 n)
{
	const struct xdp_frame *f = q->rx.entries;
	struct mbuf *mbufs = q->q.pool->mbufs;
	u32 head = q->rx.head, mask = q->rx.mask;
	u64 off = q->frames_off;
	u8 *umem = q->umem;

	for (u32 i = 0; i < n; i++) {
		const struct xdp_frame *this = &f[head & mask];
		const struct xdp_frame *soon = &f[(head + AHEAD) & mask];
		struct mbuf *m = mbufs + (this->addr - off) / MBUF_SIZE;

		/* Past the batch these are old entries: harmless. */
		__builtin_prefetch(mbufs + (soon->addr - off) / MBUF_SIZE, 1);
		take(m, umem, this);
		pkts[i] = m;
		head++;
	}
	q->rx.head = head;
	q->posted -= n;
	return (int)n;
}

/* One packet from descriptors [@head, @end); NULL when it is not complete. */
static struct mbuf *rx_chain(struct xdp_q *q, u32 *head, u32 end)
{
	const struct xdp_frame *f = q->rx.entries;
	struct mbuf *first, *m;
	u32 i = *head;

	while (f[i & q->rx.mask].options & XDP_PART_MORE) {
		if (++i == end)
			return NULL;
	}
	i = *head;
	first = m = mbuf_at(q, &f[i & q->rx.mask]);
	take(m, q->umem, &f[i & q->rx.mask]);
	while (f[i++ & q->rx.mask].options & XDP_PART_MORE) {
		m->next = mbuf_at(q, &f[i & q->rx.mask]);
		m = m->next;
		take(m, q->umem, &f[i & q->rx.mask]);
	}
	q->posted -= i - *head;
	*head = i;
	return first;
}

static int rx_frags(struct xdp_q *q, struct mbuf **pkts, u32 n, u32 end)
{
	u32 head = q->rx.head, i = 0;

	while (i < n && head != end) {
		struct mbuf *m = rx_chain(q, &head, end);

		if (!m)
			break;
		pkts[i++] = m;
	}
	q->rx.head = head;
	return (int)i;
}

static int xdp_rx(struct nicq *nq, struct mbuf **pkts, int n, u64 now)
{
	struct xdp_q *q = xdp_of(nq);
	/* Acquire: the index before entries and packets. */
	u32 end = load_acquire(q->rx.producer);
	u32 avail = end - q->rx.head;

	(void)now;
	if (avail) {
		adapt(q, avail);
		if (q->frags)
			n = rx_frags(q, pkts, (u32)n, end);
		else
			n = rx_single(q, pkts, min((u32)n, avail));
		/* Release: our reads of the entries before the index that
		 * lets the kernel write them again. */
		store_release(q->rx.consumer, q->rx.head);
	} else {
		n = 0;
	}
	nq->nr_unread = end - q->rx.head;
	refill(q, nq->nr_unread);
	if (unlikely(READ_ONCE(*q->fill.flags) & XDP_WAKEUP_FLAG) ||
	    unlikely(q->busy_poll && !n))
		q->exits->recv(q);
	return n;
}

static void xdp_reclaim(struct nicq *nq)
{
	struct xdp_q *q = xdp_of(nq);
	u32 producer = load_acquire(q->comp.producer);
	u32 n = producer - q->comp.head;

	nq->nr_posted = q->posted;
	if (!n)
		return;
	while (n--) {
		struct mbuf *m = q->sent_at[q->tx_done++ & q->tx.mask];

		if (m)
			nicq_tx_done(nq, m);
	}
	q->comp.head = producer;
	store_release(q->comp.consumer, producer);
}

/* Free tx entries. An entry counts until completed, not only until taken by
 * the kernel: so comp, of the same size, can never overflow. */
static u32 tx_room(const struct xdp_q *q)
{
	return q->tx.mask + 1 - (q->tx.head - q->tx_done);
}

/* As a wire that is not plugged in: a ring that stays full would hold up all
 * that comes after it. */
static COLD int lose(struct nicq *nq, struct mbuf **pkts, int n)
{
	for (int i = 0; i < n; i++) {
		if (pkts[i]->flags & MBUF_LARGE) /* none waits before it */
			nicq_tx_done(nq, pkts[i]);
		else
			nicq_tx_lost(nq, pkts[i]);
	}
	nq->nr_tx_lost += (u32)n;
	return n;
}

static bool tx_waits(const struct xdp_q *q)
{
	return load_acquire(q->tx.consumer) != q->tx.head;
}

/*
 * In copy mode the kernel transmits inside the system call, a budget of
 * packets at a time, and the flag is always set. In zero-copy mode the driver
 * goes on by itself until it sets the flag. It may do so just when we read
 * it, before it could see our last entries: hence tx_pending stays set until
 * the kernel has taken them all; but not while the link is down: then the next
 * packet, or wait(), tries again.
 */
static void xdp_kick(struct nicq *nq)
{
	struct xdp_q *q = xdp_of(nq);

	for (int i = 0; i < MAX_SENDS && tx_waits(q); i++) {
		u32 before = READ_ONCE(*q->tx.consumer);

		if (!(READ_ONCE(*q->tx.flags) & XDP_WAKEUP_FLAG))
			break;
		nq->nr_kicks++;
		q->exits->send(q);
		if (READ_ONCE(*q->tx.consumer) == before)
			break;
	}
	nq->tx_pending = tx_waits(q) && !q->down;
}

/* Takes what is in the ring first: nothing overtakes. */
static COLD bool send_large(struct xdp_q *q, struct mbuf *m)
{
	store_release(q->tx.producer, q->tx.head);
	if (tx_waits(q))
		xdp_kick(&q->q);
	if (tx_waits(q))
		return q->down && lose(&q->q, &m, 1);
	if (!q->exits->large(q, m))
		return false;
	q->q.nr_kicks++;
	nicq_tx_done(&q->q, m);
	return true;
}

static int xdp_tx(struct nicq *nq, struct mbuf **pkts, int n, u64 now)
{
	struct xdp_q *q = xdp_of(nq);
	u32 start = q->tx.head;
	int i;

	(void)now;
	if (unlikely(tx_room(q) < (u32)n + XDP_MAX_PARTS)) {
		xdp_reclaim(nq);
		if (q->down && tx_room(q) < (u32)n + XDP_MAX_PARTS)
			return lose(nq, pkts, n);
	}
	for (i = 0; i < n; i++) {
		struct mbuf *m = pkts[i];

		if (likely(!m->next && !m->nr_ext)) {
			if (unlikely(!tx_room(q)))
				break;
			xdp_tx_single(q, m);
		} else if (m->flags & MBUF_LARGE) {
			if (!send_large(q, m))
				break;
		} else {
			if (tx_room(q) <= XDP_MAX_PARTS)
				break;
			xdp_tx_parts(q, m);
		}
	}
	if (q->tx.head != start) {
		/* Release: entries and packets before the index. */
		store_release(q->tx.producer, q->tx.head);
		nq->tx_pending = true;
	}
	return i;
}

static void xdp_wait(struct nicq *nq, u64 ns)
{
	struct xdp_q *q = xdp_of(nq);
	u32 unread = load_acquire(q->rx.producer) - q->rx.head;

	refill(q, unread);
	if (unlikely(q->down))
		xdp_kick(nq);
	if (!unread && load_acquire(q->rx.producer) == q->rx.head)
		q->exits->poll(q, ns);
}

const struct nicq_ops xdp_ops = {
	.rx = xdp_rx,
	.tx = xdp_tx,
	.kick = xdp_kick,
	.reclaim = xdp_reclaim,
	.wait = xdp_wait,
};
