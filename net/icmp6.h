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

/* The same for a parameter problem, @at bytes into the header that is at p->l4.
 * With ICMP6_PARAM_NEXT the next header field is meant. */
void icmp6_parameter(struct net *net, const struct pkt *p, u8 code, u32 at,
		     u64 now);

#endif
