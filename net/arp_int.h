/* SPDX-License-Identifier: MIT */
/* Between arp.c (asking, sending), arp_in.c (what is believed) and
 * arp_table.c. */
#ifndef NET_ARP_INT_H
#define NET_ARP_INT_H

#include "net/net.h"

static inline u32 arp_retry_ticks(const struct net *net)
{
	return ticks_of_us((u64)net->conf.arp_retry_ms * 1000);
}

/* The entry of @ip, or NULL. */
struct neigh *arp_find(struct net *net, struct be32 ip);

/* An entry for @ip, which has none; its state is the caller's to set. NULL if
 * all that could make room are static, or in use by others and it is not
 * @needed for a packet to send. */
struct neigh *arp_create(struct net *net, struct be32 ip, bool needed, u64 now);

void arp_release(struct net *net, struct neigh *e);

/* arp_timer() in @ms. */
void arp_arm(struct net *net, struct neigh *e, u32 ms, u64 now);

void arp_out(struct net *net, u16 op, const u8 dst[6], const u8 tha[6],
	     struct be32 tpa);
/* Asks @dst for @ip. */
void arp_request(struct net *net, const u8 dst[6], struct be32 ip);
/* The next request for an entry that is asked for. */
void arp_ask(struct net *net, struct neigh *e, u64 now);
void arp_send_pending(struct net *net, struct neigh *e);

/* The retry of an entry in doubt is over, and the old owner was silent. */
void arp_settle(struct net *net, struct neigh *e, u64 now);

#endif
