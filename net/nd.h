/* SPDX-License-Identifier: MIT */
/* Neighbour discovery (RFC 4861): the messages. What is known of neighbours,
 * and what is believed, is in neigh*.c, for both families. */
#ifndef NET_ND_H
#define NET_ND_H

#include "base/be.h"
#include "base/types.h"

struct net;
struct mbuf;
struct pkt;

/* A message of types ND_ROUTER_SOLICIT to ND_REDIRECT, its checksum good.
 * @m stays the caller's. */
void nd_in(struct net *net, const struct mbuf *m, const struct pkt *p, u64 now);

/* Asks for neighbour @id: at @mac, or by multicast (NULL). */
void nd_solicit(struct net *net, const u8 *mac, struct be32 id);

/* Asks whether somebody else has our address @ip. */
void nd_detect(struct net *net, struct be128 ip);

/* Tells the link our addresses. */
void nd_announce(struct net *net);

void nd_router_solicit(struct net *net);

#endif
