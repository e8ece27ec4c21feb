/* SPDX-License-Identifier: MIT */
/* Neighbours (RFC 826): a small hash table of entries, each free, being asked
 * for, valid, or static. Ageing: RFC 1122 section 2.3.2.1. */
#ifndef NET_ARP_H
#define NET_ARP_H

#include "base/be.h"
#include "base/timer.h"

enum {
	ARP_ENTRIES = 1024, /* power of two */
	ARP_PROBES = 16,    /* slots, from its own on, where an entry may be */
	ARP_PENDING = 128,  /* packets queued for one unresolved entry */
};

/* From ARP_VALID on, packets go out without a further look. A stale entry is
 * still used, but asked for again at the first use. */
enum arp_state { ARP_FREE, ARP_ASKING, ARP_STALE, ARP_VALID, ARP_STATIC };

/* Another one says that it is the neighbour: see arp_in.c. */
enum arp_doubt { DOUBT_NONE, DOUBT_ASKED, DOUBT_ANSWERED /* the other did */ };

struct neigh {
	struct be32 ip;
	u8 mac[6];
	u8 claim[6]; /* in doubt: of the other one */
	u8 state;    /* enum arp_state */
	u8 doubt;    /* enum arp_doubt */
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

struct arp {
	struct neigh entries[ARP_ENTRIES];
	u32 count;
	u32 npending; /* packets in all queues: at most 1/8 of the pool */
};

struct net;

void arp_init(struct net *net);

/* An ARP frame; @m stays the caller's. Answers requests for our address,
 * learns from what is addressed to us; what is known changes only for an answer
 * to a question of ours. */
void arp_in(struct net *net, const struct mbuf *m, u64 now);

/* Sends the IP packet @m (no Ethernet header yet) to on-link address @ip.
 * Takes @m. *@hint as in ip_out(). Returns 0 or -EHOSTUNREACH. */
int arp_send(struct net *net, struct mbuf *m, struct be32 ip, u16 *hint,
	     u64 now);

/* A permanent entry. 0, -EINVAL (not on link), -ENOSPC. */
int arp_add_static(struct net *net, struct be32 ip, const u8 mac[6]);

/* With ports_only, where Linux keeps our address and gets the answers to ARP:
 * what Linux knows of @ip. It counts, as Linux has asked. */
void arp_follow(struct net *net, struct be32 ip, const u8 mac[6], u64 now);

/* With ports_only: where a SYN came from. It only fills in what neither Linux
 * nor we know: nobody would answer us, and anybody can send one. */
void arp_learn(struct net *net, struct be32 ip, const u8 mac[6], u64 now);

/* Gratuitous ARP: tells the link about us at start. */
void arp_announce(struct net *net);

/* Frees all pending packets (at shutdown and for leak checks). */
void arp_flush(struct net *net);

void arp_timer(void *net, struct timer *t, u64 now);

#endif
