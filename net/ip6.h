/* SPDX-License-Identifier: MIT */
/* IPv6 (RFC 8200) of one elastic thread: its addresses, its router. */
#ifndef NET_IP6_H
#define NET_IP6_H

#include "base/timer.h"
#include "net/addr.h"

enum {
	IP6_OWN = 8,   /* addresses */
	IP6_HELD = 80, /* ids held: by these, the router, packet and call, and
			* what is known of paths */
};

struct ip6_conf {
	struct ip6_prefix own[IP6_OWN]; /* a link-local one among them */
	u32 nown;			/* 0: no IPv6 */
	struct be128 gateway;		/* zero: what routers advertise */
	bool detect; /* whether others have our addresses (RFC 4862, 5.4) */
};

struct ip6_own {
	struct be128 ip;
	struct be128 mask; /* of the network on the link with it */
	struct be32 id;	   /* held for good */
	bool taken;	   /* by somebody else: we are silent there */
};

struct ip6 {
	struct ip6_own own[IP6_OWN];
	u32 nown;
	bool claimed;	    /* some of them are taken */
	struct be32 router; /* id, held; zero: none */
	bool router_set;    /* by conf */
	u8 asked;	    /* router solicitations sent */
	u16 mtu;
	u64 detect_until;   /* ns; later claims of our addresses are lies */
	struct timer timer; /* solicitations, router's lifetime */
	/* mld.c */
	struct timer mld_timer; /* the next report */
	u8 mld_joins;		/* reports that say so, to be sent */
	bool mld_v1;		/* who asked last speaks version 1 */
};

struct net;
struct net_conf;
struct mbuf;
struct pkt;

/* net->mac and net->mtu are known. */
void ip6_init(struct net *net, u64 now);

/* Looks for others with our addresses, and for a router. Once, at start, by
 * thread 0: every thread has its own view of neighbours, but one speaks. */
void ip6_announce(struct net *net, u64 now);

/* mld.c: tells routers and switches which groups we listen to. Once, at start,
 * by thread 0, which speaks for all. */
void mld_announce(struct net *net, u64 now);

/* Own addresses: index of @ip, or -1. */
int ip6_own(const struct ip6 *s, struct be128 ip);

/* May others still say that our addresses are theirs (RFC 4429)? */
bool ip6_is_optimistic(const struct net *net, u64 now);

/* The own address to speak to @dst from (RFC 6724); zero: none. */
struct be32 ip6_source(const struct net *net, struct be128 dst);

/* ip6_next_hop() where @dst is not in the first address's network. */
struct be32 ip6_next_hop_slow(const struct net *net, struct be32 dst);

/* The Ethernet address of multicast group @ip (RFC 2464, section 7). */
void ip6_group_mac(u8 mac[6], struct be128 ip);

void ip6_timer(void *net, struct timer *t, u64 now);

#endif
