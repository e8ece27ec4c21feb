/* SPDX-License-Identifier: MIT */
/*
 * Fragments that wait for the rest of their datagram: a few datagrams, a small
 * part of the buffers, both shared among the senders.
 */
#ifndef NET_FRAG_H
#define NET_FRAG_H

#include "base/mbuf.h"
#include "base/timer.h"
#include "ix/abi.h"

struct net;
struct pkt;

enum {
	FRAG_DATAGRAMS = 64,
	FRAG_SOURCES = 64,
	FRAG_LEAST = 48, /* bytes, but of the last: an MTU of 68 (RFC 791) */
	IP_MAX = 65535,	 /* bytes of a datagram */
};

/* What the fragments of a datagram have in common (RFC 791; RFC 8200 section
 * 4.5, where the protocol does not count and is 0). */
struct frag_key {
	struct ix_addr src, dst;
	u32 id;
	u32 proto;
};

/* A datagram that is not whole yet. */
struct frag {
	struct list link; /* of all, oldest first; or of the free ones */
	struct frag_key key;
	u64 hash;	    /* of the key */
	struct mbuf *parts; /* by offset, through frag.next */
	u32 expires;	    /* tick */
	u32 end;	    /* of the part that reaches farthest */
	u32 total;	    /* bytes; 0: the last part has not come */
	u32 have;
	u16 nparts, nbufs;
	u8 source;   /* which of the FRAG_SOURCES */
	bool spoilt; /* parts overlapped: what still comes is dropped */
};

struct frags {
	struct list used, free;
	struct frag slots[FRAG_DATAGRAMS];
	struct timer timer; /* of the oldest */
	struct mbuf *whole; /* datagrams, through frag.next */
	u32 held;	    /* buffers */
	u32 held_by[FRAG_SOURCES];
	u32 begun_by[FRAG_SOURCES]; /* datagrams */
};

void frag_init(struct net *net);
/* Frees all that waits. */
void frag_flush(struct net *net);
void frag_timer(void *net, struct timer *t, u64 now);

/* Keeps @m: its data is what a fragment holds of the datagram @key, from byte
 * @off on; what stands before it in the frame stays there. @more: it is not the
 * last. Takes @m; returns the datagram when it is whole: the first fragment,
 * the others behind it, each without headers. */
struct mbuf *frag_add(struct net *net, const struct frag_key *key,
		      struct mbuf *m, u32 off, bool more, u64 now);

/* Is fragment @m another thread's: net_leave()? Ports are in the first one only:
 * all of two hosts go to one thread, which is where NICs steer what has no
 * ports. The whole datagram may have to go on from there. */
bool frag_leave(struct net *net, const struct mbuf *m, const struct pkt *p);

/* An IPv4 fragment for us, whose header holds. Takes @m, or false: frag_leave().
 * A datagram that becomes whole by it waits in frag_whole(). */
bool ip_frag_in(struct net *net, struct mbuf *m, const struct pkt *p, u64 now);

/* The same of IPv6, at p->l4 the fragment header. */
bool ip6_frag_in(struct net *net, struct mbuf *m, const struct pkt *p, u64 now);

/* Tells its sender that the rest of a datagram, of which @m is the first part,
 * did not come. */
void ip_frag_timeout(struct net *net, const struct mbuf *m, u64 now);
void ip6_frag_timeout(struct net *net, const struct mbuf *m, u64 now);

/* @m, a whole datagram with its headers, is to be received. */
void frag_ready(struct net *net, struct mbuf *m);

/* A datagram put together, as if it had come in one frame; or NULL. To be
 * received like one. */
struct mbuf *frag_whole(struct net *net);

#endif
