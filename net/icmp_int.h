/* SPDX-License-Identifier: MIT */
/* What ICMP and ICMPv6 share. */
#ifndef NET_ICMP_INT_H
#define NET_ICMP_INT_H

#include "base/cksum.h"
#include "net/net.h"

/* @p's question becomes the answer of @type, in @m, from L4 on; the checksum
 * changes by the type alone (RFC 1624). */
void icmp_turn(struct mbuf *m, const struct pkt *p, u8 type);

/* An error about @p: its header @head, and behind it what is quoted, so that
 * all is at most @most bytes. The checksum is left 0. NULL: none may go now,
 * which is counted. */
struct mbuf *icmp_error(struct net *net, const struct pkt *p,
			struct icmp_hdr head, u32 most, u64 now);

/* Segment @h of @flow cannot arrive, we know for sure. */
void icmp_no_way(struct net *net, struct flow flow, const struct tcp_hdr *h,
		 u64 now);

#endif
