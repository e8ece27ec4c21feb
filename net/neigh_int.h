/* SPDX-License-Identifier: MIT */
/* Between neigh.c (asking, sending), neigh_heard.c (what is believed),
 * neigh_table.c, and the messages of either family. */
#ifndef NET_NEIGH_INT_H
#define NET_NEIGH_INT_H

#include "net/net.h"

static inline u32 neigh_retry_ticks(const struct net *net)
{
	return ticks_of_us((u64)net->conf.arp_retry_ms * 1000);
}

/* The entry of @ip, or NULL. */
struct neigh *neigh_find(struct net *net, struct be32 ip);

/* An entry for @ip, which has none; its state is the caller's to set. NULL if
 * all that could make room are static, or in use by others and it is not
 * @needed for a packet to send. */
struct neigh *neigh_create(struct net *net, struct be32 ip, bool needed,
			   u64 now);

void neigh_release(struct net *net, struct neigh *e);

/* Of the packets that wait for it; there is one. */
void neigh_drop_oldest(struct net *net, struct neigh *e);

/* neigh_timer() in @ms. */
void neigh_arm(struct net *net, struct neigh *e, u32 ms, u64 now);

/* Asks for @ip: at @mac, or everyone (NULL). */
void neigh_query(struct net *net, const u8 *mac, struct be32 ip);
/* The next request for an entry that is asked for. */
void neigh_ask(struct net *net, struct neigh *e, u64 now);
void neigh_send_pending(struct net *net, struct neigh *e);

/* A word from the link that @e has @mac. @answer: to a request of ours, for all
 * that we know. */
void neigh_heard(struct net *net, struct neigh *e, const u8 mac[6], bool answer,
		 u64 now);

/* The retry of an entry in doubt is over, and the old owner was silent. */
void neigh_settle(struct net *net, struct neigh *e, u64 now);

#endif
