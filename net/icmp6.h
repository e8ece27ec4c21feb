/* SPDX-License-Identifier: MIT */
/* ICMPv6 (RFC 4443). */
#ifndef NET_ICMP6_H
#define NET_ICMP6_H

#include "net/net.h"

/* As icmp_in(). Neighbour discovery goes on to nd_in(). */
bool icmp6_in(struct net *net, struct mbuf *m, struct pkt *p, u64 now);

/* Answers @p by an error; rate limited, never in answer to an error or to what
 * went to a group (RFC 4443, 2.4). Does not take the mbuf. */
void icmp6_unreachable(struct net *net, const struct pkt *p, u8 code, u64 now);

/* The same for a parameter problem: @field, in the headers of @p, is to blame.
 */
void icmp6_parameter(struct net *net, const struct pkt *p, u8 code,
		     const u8 *field, u64 now);

/* Answers the first fragment @p of a datagram that did not become whole. */
void icmp6_reassembly_timeout(struct net *net, const struct pkt *p, u64 now);

#endif
