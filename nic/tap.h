/* SPDX-License-Identifier: MIT */
/*
 * TAP: one queue of a multi-queue device. Unlike the other back ends its rx
 * and tx make a system call per packet: it is here for machines and users
 * without AF_XDP, and for tests without root. A packet may have many segments,
 * in both directions (out: MBUF_LARGE). Not freestanding.
 */
#ifndef NIC_TAP_H
#define NIC_TAP_H

#include <sys/uio.h>

#include "nic/nic.h"

enum {
	ETH_OVERHEAD = 18,  /* header and a VLAN tag */
	TAP_MTU_PARTS = 8,  /* frames of a packet of the MTU, at most: 14 KB */
	TAP_MAX_PARTS = 37, /* ... of many segments: 64 KB */
	TAP_LARGE_FRAMES = 2048, /* so many in the pool, and such are taken:
				  * it has enough when TCP takes no more */
};

struct tap_q {
	struct nicq q;
	int fd;
	int out_fd;  /* what is sent: @fd, or a packet socket */
	u32 parts;   /* frames that a packet may fill */
	bool shared; /* with a successor: see tap_steer.h */
	/* Frames that the next packet is read into, made ready before: the last
	 * nready of parts. */
	struct mbuf *ready[TAP_MAX_PARTS];
	struct iovec iov[TAP_MAX_PARTS + 1];
	u32 nready;
};

extern const struct nicq_ops tap_ops;

/* Frames that are filled by a packet of @len bytes behind the Ethernet header.
 */
static inline u32 tap_frames(u32 len)
{
	return (len + ETH_OVERHEAD + MBUF_ROOM - 1) / MBUF_ROOM;
}

#endif
