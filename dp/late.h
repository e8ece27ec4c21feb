/* SPDX-License-Identifier: MIT */
/*
 * What is sent in place is the application's memory, and is its again when it
 * is told so: by acknowledged bytes (SENT), or DEAD. But packets that refer to
 * it may still wait in txq or in the NIC: of a segment that went twice, or that
 * a peer has acknowledged without having it. So what is to be told waits here
 * until they have been read.
 *
 *   txq ------------------> NIC: in_place[].put ------> in_place[].done
 *   packets in place        taken so many of them       and read so many
 *
 * Each of the three takes and gives them in order; those of many segments
 * (MBUF_LARGE), which may go by another way, among themselves. When SENT or
 * DEAD is to be told, no further packet will refer to that memory: all that do
 * are among those put, or in txq. What waits does so in order, too: the first
 * of it is looked at.
 *
 * Who a packet belongs to is not looked at. While one is unread, or something
 * waits, reception writes no events itself, a RECV carries no acknowledgement,
 * and each SENT and DEAD waits for what was on its way then: also one of a
 * connection that only copies. With the NIC's ring never empty that is always,
 * and a SENT comes a ring's length later. Nothing else is delayed.
 *
 * Nothing ends the wait but the NIC: what it has been given it may read at any
 * time, also when its link comes back after an hour.
 */
#ifndef DP_LATE_H
#define DP_LATE_H

#include "dp/dp.h"

enum { DP_LATE_NS = 1000000 }; /* until the NIC is asked again, and reminded */

size_t dp_late_bytes(const struct dp_conf *conf);
void dp_late_init(struct dp *dp, void *mem);

/* Has a packet in place not been read? Notes up to which one, for what is to be
 * told from now on. */
bool dp_late_look(struct dp *dp);

/* ... of @c, perhaps, what is not acknowledged, or not told to be? */
bool dp_late_has(struct dp *dp, const struct tcp_conn *c);

/* With dp->late.now: @acked bytes of @c, or DEAD, wait. False: no room; it is
 * to stay where it is. */
bool dp_late_hold(struct dp *dp, const struct tcp_conn *c, u32 acked,
		  bool dead);

/* What has waited longest, if that need not wait any more; NULL: none. */
const struct dp_held *dp_late_first(const struct dp *dp);
void dp_late_pop(struct dp *dp);

/* Whose it is; NULL: gone meanwhile, or told that it is dead. */
struct tcp_conn *dp_late_conn(const struct dp *dp, const struct dp_held *h);
/* All that waits, read or not, is its connection's again, to be told in its
 * turn. */
void dp_late_end(struct dp *dp);

#endif
