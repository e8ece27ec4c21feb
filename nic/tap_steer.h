/* SPDX-License-Identifier: MIT */
/*
 * The indirection table of a TAP device: a program in the kernel that chooses
 * the queue of what Linux sends, by flow group. To load it CAP_BPF is needed.
 *
 * A device that is shared may be had by two dataplanes, one of which is the
 * other's successor: who comes second finds the program of the first, and has
 * its variables mapped, too.
 *
 *   tap_steer.bpf.c  the program
 *   tap_steer.c      ... loaded, and its table
 *   tap_share.c      ... found by who comes second; what both tell each other
 */
#ifndef NIC_TAP_STEER_H
#define NIC_TAP_STEER_H

#include "base/flows.h"
#include "base/hash.h"

enum { TAP_PLACE_MAC = 'X' }; /* + place: the second byte of our address */

struct tap_steering {
	struct tap_steer__bss *vars; /* the program's; NULL: none runs */
	struct tap_steer *skel;	     /* NULL: another dataplane's */
	u32 place;		     /* ours, in @vars */
	struct flows flows;	     /* .entry NULL: the device is not shared */
	size_t flows_len;	     /* bytes */
	bool left, last; /* no place is ours any more, or anybody's */
};

/* For the device that @fd is a queue of, which has @nqueues; @flows: so many
 * may be known, at least, to be ours where it is shared, by who is of @kin, 0:
 * it is not. 0; or -errno, and the device chooses as it did. */
int tap_steer_attach(struct tap_steering *s, int fd, u32 nqueues, u32 flows,
		     u64 kin, int ifindex);

/* The packets that come from now on. Memory only: no right is needed. */
void tap_steer_set(struct tap_steering *s, const u8 owner[RSS_TABLE]);

/* The device, which may outlive us, chooses as before, or as the other
 * dataplane has it. Harmless if nothing was attached. */
void tap_steer_detach(struct tap_steering *s, int fd);

/* ---- tap_share.c */

/* Whether a program knows what flows are whose: the variables say of which
 * device. */
void tap_share_mark(struct tap_steering *s, int ifindex);

/* Finds the dataplane that has device @ifindex, of which there are @others
 * queues. 0: a place beside it is ours, and packets come to us once
 * tap_share_enter() says that @nqueues follow those; or -errno: -ENOENT, nobody
 * shares it; -EPERM, with those of another @kin; -EBUSY, two do. */
int tap_share_join(struct tap_steering *s, int ifindex, u32 others, u64 kin);
void tap_share_enter(struct tap_steering *s, u32 others, u32 nqueues);

/* Are we the last? However often it is asked. */
bool tap_share_leave(struct tap_steering *s);

/* The thread of queue @i listens. */
void tap_share_serves(struct tap_steering *s, u32 i);

/* New flows are the other one's, once all its threads listen: its process, or
 * 0: there is none. With @back, ours again: 0. Memory only. */
u32 tap_share_pass(struct tap_steering *s, bool back);

#endif
