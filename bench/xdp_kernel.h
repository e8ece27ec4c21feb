/* SPDX-License-Identifier: MIT */
/*
 * AF_XDP without a kernel, for counting: nic/xdp_ring.c on four rings in plain
 * memory, whose other side, here, moves frames between them and one end of the
 * wire, as a driver in zero-copy mode does between them and its queues. No ring
 * ever asks for a system call.
 *
 *	xdp_ring.c        xdp_kernel.c          wire
 *	   fill, rx <---- xdp_kernel_rx() <---- frames that came
 *	   tx, comp ----> xdp_kernel_tx() ----> frames to go
 */
#ifndef BENCH_XDP_KERNEL_H
#define BENCH_XDP_KERNEL_H

#include "nic/wire.h"
#include "nic/xdp.h"

/* What both sides see: each index in a line of its own, as the kernel has it.
 */
struct xdp_shared {
	u32 producer ALIGNED(CACHE_LINE);
	u32 consumer ALIGNED(CACHE_LINE);
	u32 flags;
	union {
		u64 addr[XDP_RING_SIZE];
		struct xdp_frame frame[XDP_RING_SIZE];
	} ALIGNED(CACHE_LINE);
};

struct xdp_kernel {
	struct xdp_q q; /* for the dataplane */
	struct xdp_shared fill, rx, tx, comp;
	struct mbuf *sent_at[XDP_RING_SIZE];
	struct wire_queue *wire; /* to somebody with one queue */
};

/* A queue that stands for @wire; its frames are still to be told. */
void xdp_kernel_init(struct xdp_kernel *k, struct wire_queue *wire);
/* The pool's frames are at @umem. */
void xdp_kernel_frames(struct xdp_kernel *k, u8 *umem);

/* Whatever has come, into empty frames; the rest waits on the wire. */
void xdp_kernel_rx(struct xdp_kernel *k);
/* Whatever is to go. False: the wire has no room for it. */
bool xdp_kernel_tx(struct xdp_kernel *k);

#endif
