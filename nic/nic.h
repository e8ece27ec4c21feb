/* SPDX-License-Identifier: MIT */
/*
 * One queue pair of a NIC, as the dataplane's fast path sees it. A back end
 * embeds struct nicq and finds itself with container_of. Every op takes a
 * batch. Only kick() and wait(), and tx() for MBUF_LARGE, may leave the
 * dataplane (a system call, or in a guest an exit), but where nic.hosted is
 * set; everything else touches memory only.
 *
 * Opening a NIC (nic/nic_open.h) needs libc and is not on this path.
 */
#ifndef NIC_NIC_H
#define NIC_NIC_H

#include "base/caps.h"
#include "base/mbuf.h"
#include "base/ring.h"
#include "base/types.h"

struct nicq;

struct nicq_ops {
	/* Up to @n received packets into @pkts; the caller owns them. Takes
	 * the buffers it needs from q->pool, and tops up the NIC's own stock
	 * of empty buffers. Returns the count. */
	int (*rx)(struct nicq *q, struct mbuf **pkts, int n, u64 now);

	/* Takes packets in order; returns how many were taken, 0 to @n. A
	 * taken packet belongs to the NIC, and goes to nicq_tx_done() when the
	 * wire has it. The rest stays the caller's. */
	int (*tx)(struct nicq *q, struct mbuf **pkts, int n, u64 now);

	/* Makes sure that what tx() took goes out. Called once per iteration
	 * in which tx() took something, or while q->tx_pending is set. */
	void (*kick)(struct nicq *q);

	/* Collects finished transmissions. Cheap when there are none. */
	void (*reclaim)(struct nicq *q);

	/* Blocks until a packet may be there or @ns have passed. */
	void (*wait)(struct nicq *q, u64 ns);
};

/* Reception takes what is free above nic_ample(), then a few at a time, and
 * leaves the reserve to transmission. TCP keeps nothing more of what it
 * receives when a 16th is free: reception goes on below, for only what comes
 * in (acknowledgements, resets) can end that. */
static inline u32 nic_ample(const struct mbuf_pool *p)
{
	return p->total / 8;
}

static inline u32 nic_reserve(const struct mbuf_pool *p)
{
	return p->total / 32;
}

/* Packets with MBUF_IN_PLACE, or MBUF_UDP_IN_PLACE; both run freely. */
struct nicq_in_place {
	u32 put;  /* taken by tx(), counted by the caller */
	u32 done; /* of those, in that order, whose memory is not read any more
		   */
};

struct nicq {
	const struct nicq_ops *ops;
	struct mbuf_pool *pool; /* set by the caller before first use */
	u32 caps;		/* NIC_* */
	u16 mtu;		/* bytes of IP in a frame */
	u8 mac[6];
	/* Packets with MBUF_TELL whose memory the NIC no longer reads: a list
	 * through mbuf.tx.next, newest first, which the caller empties. */
	struct mbuf *sent;
	/* Set by the caller: an eventfd that ends wait(), which empties it, so
	 * that another thread can wake this one; 0: none. Back ends that sleep
	 * on something else than files have a wake() of their own. */
	int wake_fd;
	/* Set by the back end: packets wait for one more kick(). */
	bool tx_pending;
	/* Set by the back end, where tx() copies frames to one such ring: the
	 * caller may take room for a frame there and write it itself, as long
	 * as no other waits before it. The next tx(), of no packets, too, sends
	 * it. NULL: not now, or never. */
	struct ring_tx *direct;
	u64 nr_kicks; /* system calls made by kick() */
	u64 nr_drops; /* received packets lost for want of buffers */
	u64 nr_late; /* ... though there were some: not yet in the NIC's ring */
	u64 nr_tx_lost; /* packets taken from the caller while the link was down
			 */
	u64 nr_tx_bad;	/* ... that cannot be sent, or that nobody took */
	u64 nr_lies;	/* times that the other side of a ring, which is not
			 * trusted, wrote what makes no sense */
	u32 nr_posted;	/* buffers of the pool that wait for reception */
	u32 nr_unread;	/* buffers of packets known to wait after an rx() */
	/* Set by the caller: so many connections are served, and each may send
	 * a packet at the same time. */
	u32 nr_conns;
	/* [1]: with MBUF_LARGE, which may go by another way, and be done with
	 * before others that were taken earlier */
	struct nicq_in_place in_place[2];
	struct nicq_in_place udp_in_place;
};

static inline struct nicq_in_place *nicq_in_place(struct nicq *q,
						  const struct mbuf *m)
{
	return &q->in_place[!!(m->flags & MBUF_LARGE)];
}

/* For back ends: what becomes of a transmitted mbuf, in the order of tx(). */
static inline void nicq_tx_done(struct nicq *q, struct mbuf *m)
{
	if (likely(!(m->flags & (MBUF_TELL | MBUF_IN_PLACE)))) {
		mbuf_free_chain(q->pool, m);
		return;
	}
	nicq_in_place(q, m)->done += !!(m->flags & MBUF_IN_PLACE);
	q->udp_in_place.done += !!(m->flags & MBUF_UDP_IN_PLACE);
	mbuf_sent(q->pool, m, &q->sent);
}

/* ... of one that is lost within tx(), though others wait that were taken
 * before it: it does not count. Who waits for it by number waits for as many
 * more, or until none is left. */
static inline void nicq_tx_lost(struct nicq *q, struct mbuf *m)
{
	nicq_in_place(q, m)->put -= !!(m->flags & MBUF_IN_PLACE);
	q->udp_in_place.put -= !!(m->flags & MBUF_UDP_IN_PLACE);
	mbuf_sent(q->pool, m, &q->sent);
}

#endif
