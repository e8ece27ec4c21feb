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

struct neigh {
	struct be32 ip;
	u8 mac[6];
	u8 state; /* enum arp_state */
	u8 retries;
	u8 npending;
	struct mbuf *pending; /* IP packets, through mbuf.nextpkt */
	u32 confirmed;	      /* tick; while asking: when that began */
	struct timer timer;
};

struct arp {
	struct neigh entries[ARP_ENTRIES];
	u32 count;
	u32 npending; /* packets in all queues: at most 1/8 of the pool */
};

struct net;

void arp_init(struct net *net);

/* An ARP frame; @m stays the caller's. Answers requests for our address,
 * learns from what is addressed to us, updates what is known. */
void arp_in(struct net *net, const struct mbuf *m, u64 now);

/* Sends the IP packet @m (no Ethernet header yet) to on-link address @ip.
 * Takes @m. *@hint as in ip_out(). Returns 0 or -EHOSTUNREACH. */
int arp_send(struct net *net, struct mbuf *m, struct be32 ip, u16 *hint,
	     u64 now);

/* A permanent entry. 0, -EINVAL (not on link), -ENOSPC. */
int arp_add_static(struct net *net, struct be32 ip, const u8 mac[6]);

/* What Linux knows of @ip, where it keeps our address and gets the answers to
 * ARP (ports_only). @sure: heard lately; else what @ip itself has taught us
 * lately counts more. */
void arp_follow(struct net *net, struct be32 ip, const u8 mac[6], bool sure,
		u64 now);

/* Learns from the sender of an IP packet to us that needs an answer (a SYN):
 * spares the ARP exchange. Only fills in what is not known; but in ports_only
 * mode, where nobody answers us, the last word counts. */
void arp_learn(struct net *net, struct be32 ip, const u8 mac[6], u64 now);

/* Gratuitous ARP: tells the link about us at start. */
void arp_announce(struct net *net);

/* Frees all pending packets (at shutdown and for leak checks). */
void arp_flush(struct net *net);

void arp_timer(void *net, struct timer *t, u64 now);

#endif
