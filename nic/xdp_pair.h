/* SPDX-License-Identifier: MIT */
/*
 * A dataplane and its successor on the same queues of an interface: places 0
 * and 1, as base/flows.h has them. Both have a map of the program mapped:
 *
 *	0            4096
 *	| head, both | flows ... |
 *
 * A queue can have one socket: of two with packet memory of their own the
 * kernel refuses to bind the second (EBUSY), in all modes. So who finds it
 * taken is beside it, see xdp_side.c.
 */
#ifndef NIC_XDP_PAIR_H
#define NIC_XDP_PAIR_H

#include "nic/nic_open.h"

struct xdp_prog;

/* Words, of which the program reads the first: nic/xdp_steer.bpf.c. */
struct xdp_pair_head {
	u64 mask;   /* of flows */
	u64 heir;   /* whose new flows are */
	u64 holder; /* who has, or had, the sockets */
	u64 key;    /* of flows */
	u64 first, nqueues;
	struct xdp_pair_place {
		u64 who;     /* linux_life(); 0: nobody is there */
		u64 serving; /* a bit for each thread: it listens */
	} places[2];
	u64 kin;    /* struct nic_config */
	u64 pid[2]; /* for whom a place is, for people */
};

struct xdp_pair {
	struct xdp_pair_head *head; /* NULL: the queues are not shared */
	size_t len;
	u32 place;   /* ours */
	bool beside; /* the other one has the sockets */
	bool alone;  /* both places are ours, at the end */
	int made_fd; /* which nobody knows of yet; 0: none */
	struct flows flows;
};

/* Takes a place at our queues. 0, or -errno: -EBUSY: both are taken, or other
 * queues or ports are somebody's. */
int xdp_pair_enter(struct xdp_pair *s, const struct xdp_prog *p,
		   const struct nic_config *cfg);

/* The sockets, or side doors, are there: packets may come. 0 or -errno. */
int xdp_pair_ready(struct xdp_pair *s, const struct xdp_prog *p,
		   const struct nic_config *cfg);

/* Has the other one ended? Nobody succeeds us from then on. */
bool xdp_pair_last(struct xdp_pair *s);

/* Harmless if not entered. */
void xdp_pair_leave(struct xdp_pair *s);

/* nic.serves and nic.pass. */
void xdp_pair_serves(struct xdp_pair *s, u32 i);
u32 xdp_pair_pass(struct xdp_pair *s, bool back);

#endif
