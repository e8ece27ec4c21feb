/* SPDX-License-Identifier: MIT */
/* Neighbours (RFC 826, 4861): a small hash table of entries, each free, being
 * asked for, valid, or static. Ageing: RFC 1122 section 2.3.2.1. */
#ifndef NET_NEIGH_H
#define NET_NEIGH_H

#include "base/be.h"
#include "base/timer.h"

enum {
	NEIGH_ENTRIES = 1024, /* power of two */
	NEIGH_PROBES = 16,   /* slots, from its own on, where an entry may be */
	NEIGH_PENDING = 128, /* packets queued for one unresolved entry */
};

/* From NEIGH_VALID on, packets go out without a further look. A stale entry is
 * still used, but asked for again at the first use. */
enum neigh_state {
	NEIGH_FREE,
	NEIGH_ASKING,
	NEIGH_STALE,
	NEIGH_VALID,
	NEIGH_STATIC
};

/* Another one says that it is the neighbour: see neigh_heard.c. */
enum neigh_doubt {
	DOUBT_NONE,
	DOUBT_ASKED,
	DOUBT_ANSWERED /* the other did */
};

struct neigh {
	struct be32 ip;
	u8 mac[6];
	u8 claim[6]; /* in doubt: of the other one */
	u8 state;    /* enum neigh_state */
	u8 doubt;    /* enum neigh_doubt */
	u8 retries;
	u8 npending;
	bool sure; /* resolved; else a SYN's word */
	bool used; /* ... and sent to since it was VALID, or STALE, first */
	struct mbuf *pending; /* IP packets, through mbuf.tx.next */
	u32 confirmed;	      /* tick; while asking: when that began */
	u32 doubted;	      /* tick of the last doubt */
	struct timer timer;
};

/* A frame's destination is copied as a word of eight bytes; what is behind is
 * overwritten by its source. */
_Static_assert(offsetof(struct neigh, mac) + 8 <= sizeof(struct neigh), "");
/* A connection finds its own by number: a shift, no product. */
_Static_assert(sizeof(struct neigh) == CACHE_LINE, "");

struct neigh_table {
	struct neigh entries[NEIGH_ENTRIES];
	u32 count;
	u32 npending; /* packets in all queues: at most 1/8 of the pool */
};

struct net;

void neigh_init(struct net *net);

/* Sends the IP packet @m (no Ethernet header yet) to on-link address @ip.
 * Takes @m. *@hint as in ip_out(). Returns 0 or -EHOSTUNREACH. */
int neigh_send(struct net *net, struct mbuf *m, struct be32 ip, u16 *hint,
	       u64 now);

/* A permanent entry; of IPv6, the id is held for it. 0, -EINVAL (not on link),
 * -ENOSPC. */
int neigh_add_static(struct net *net, struct be32 ip, const u8 mac[6]);
/* It is asked for again, as others are. */
void neigh_forget_static(struct net *net, struct be32 ip);

/* With ports_only, where Linux keeps our address and gets the answers to ARP:
 * what Linux knows of @ip. It counts, as Linux has asked. */
void neigh_follow(struct net *net, struct be32 ip, const u8 mac[6], u64 now);

/* With ports_only: where a SYN came from. It only fills in what neither Linux
 * nor we know: nobody would answer us, and anybody can send one. */
void neigh_learn(struct net *net, struct be32 ip, const u8 mac[6], u64 now);

/* Frees all pending packets (at shutdown and for leak checks). */
void neigh_flush(struct net *net);

void neigh_timer(void *net, struct timer *t, u64 now);

#endif
