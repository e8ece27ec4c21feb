/* SPDX-License-Identifier: MIT */
/*
 * AF_XDP: one queue's four rings, as the fast path (xdp_ring.c) sees them.
 * The kernel shares them with us; each has one writer of each index.
 *
 *          we write    kernel writes   entry
 *   fill   producer    consumer        u64: address of an empty frame
 *   rx     consumer    producer        xdp_frame: a packet, or part of it
 *   tx     producer    consumer        xdp_frame: a packet, or part of it
 *   comp   consumer    producer        u64: address sent
 *
 * Addresses are offsets into the umem. All indices run freely and are masked
 * at use. xdp_setup.c maps the rings and fills in the struct.
 */
#ifndef NIC_XDP_H
#define NIC_XDP_H

#include "nic/nic.h"

enum {
	XDP_RING_SIZE = 2048, /* entries, default; more for reception ... */
	XDP_RING_MAX = 32768, /* ... of many connections, up to this */
	XDP_FILL_BATCH = 32,  /* empty frames are handed over so many at a
			       * time, to touch the kernel's line rarely */
	XDP_FILL_LOW = 512,   /* empty frames posted while no burst comes:
			       * fewer frames are warmer ones */
	XDP_FILL_SHORT = 64,  /* ... when they are short: two batches, that the
			       * kernel is never without */
	XDP_LOW_POLLS = 4096, /* batches without one that make it so */
	XDP_MAX_PARTS = 16,   /* descriptors per packet; the kernel's limit
			       * is MAX_SKB_FRAGS, 17 */
	XDP_PART_MORE = 1,    /* xdp_frame.options: the packet goes on in the
			       * next descriptor (XDP_PKT_CONTD) */
	XDP_WAKEUP_FLAG = 1,  /* *flags: the kernel wants a system call */
};

/* struct xdp_desc of the kernel. */
struct xdp_frame {
	u64 addr;
	u32 len;
	u32 options;
};

_Static_assert(sizeof(struct xdp_frame) == 16, "kernel ABI");

struct xdp_ring {
	u32 *producer, *consumer, *flags; /* shared with the kernel */
	void *entries;
	u32 mask;
	u32 head; /* our own index, ahead of what is published in a batch */
};

struct xdp_q;

/* The system calls: the only ways out of the dataplane, see xdp_exit.c. A
 * pointer, since in a guest they are hypercalls. */
struct xdp_exits {
	/* Starts transmission; copies up to a budget of packets. Sets q->down.
	 */
	void (*send)(struct xdp_q *q);
	/* Has the driver take up the fill ring, and with busy polling receive
	 * packets. */
	void (*recv)(struct xdp_q *q);
	/* Returns when a packet is there or after @ns. */
	void (*poll)(struct xdp_q *q, u64 ns);
	/* Sends MBUF_LARGE, which no ring takes; false: not now. Sets q->down.
	 * NULL: there is no NIC_TSO. */
	bool (*large)(struct xdp_q *q, const struct mbuf *m);
};

struct xdp_q {
	struct nicq q;

	/* receive */
	struct xdp_ring rx, fill;
	u8 *umem;	/* dataplane's address */
	u64 frames_off; /* of the pool's frames in the umem, bytes */
	u32 posted;	/* frames that the kernel has for reception: in the
			 * fill ring, in the driver, or unread in rx; at most
			 * the size of rx, which so never runs full */
	u32 target;	/* of those, wanted empty: grows with bursts, and
			 * with connections */
	u32 target_min, target_max; /* bounds of target, <= size of fill */
	u32 target_burst; /* ... unless there are more connections than that */
	u32 no_burst;	  /* batches since the last burst */
	u32 nr_short;	  /* times that the pool had too few */
	bool frags;	  /* a packet may have several descriptors */
	bool busy_poll;

	/* transmit */
	struct xdp_ring tx, comp;
	bool down;     /* the link is: the kernel takes none */
	u32 tx_done;   /* descriptors completed; free running as tx.head */
	u32 max_parts; /* descriptors per packet */
	/* Per tx entry: the packet that ends there, else NULL. Completions
	 * come in the order of the tx ring, so their addresses need not be
	 * read. */
	struct mbuf **sent_at;

	const struct xdp_exits *exits;
	int fd;
	int large_fd; /* NIC_TSO: a packet socket of the interface */
};

extern const struct nicq_ops xdp_ops;

/* Where this copy of the code lies, and its ways out. */
static inline void xdp_bind(struct xdp_q *q, const struct xdp_exits *exits)
{
	q->q.ops = &xdp_ops;
	q->exits = exits;
}

/* Writes tx entry @at; not yet published. */
static inline void xdp_tx_put(struct xdp_q *q, u32 at, const u8 *data, u32 len,
			      u32 options)
{
	struct xdp_frame *f = q->tx.entries;

	f[at & q->tx.mask] = (struct xdp_frame){
		.addr = (u64)(data - q->umem),
		.len = len,
		.options = options,
	};
}

/* A packet of one frame. Needs room for one entry. */
static inline void xdp_tx_single(struct xdp_q *q, struct mbuf *m)
{
	xdp_tx_put(q, q->tx.head, m->data, m->len, 0);
	q->sent_at[q->tx.head & q->tx.mask] = m;
	q->tx.head++;
}

/* xdp_parts.c: a packet of several ranges. Needs room for XDP_MAX_PARTS + 1
 * entries. Copies it together if the socket does not take that many. */
void xdp_tx_parts(struct xdp_q *q, struct mbuf *m);

#endif
