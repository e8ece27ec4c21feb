/* SPDX-License-Identifier: MIT */
/* ARP messages (RFC 826). */
#ifndef NET_ARP_H
#define NET_ARP_H

#include "base/be.h"

struct net;
struct mbuf;

/* An ARP frame; @m stays the caller's. Answers requests for our address,
 * learns from what is addressed to us; what is known changes only for an answer
 * to a question of ours. */
void arp_in(struct net *net, const struct mbuf *m, u64 now);

/* Asks for @ip: at @mac, or everyone (NULL). */
void arp_request(struct net *net, const u8 *mac, struct be32 ip);

/* Gratuitous ARP: tells the link about us at start. */
void arp_announce(struct net *net);

#endif
