/* SPDX-License-Identifier: MIT */
/* The IPv6 half of the fixture's world: off until fix6_setup(). */
#ifndef TEST_UNIT_NET_FIXTURE6_H
#define TEST_UNIT_NET_FIXTURE6_H

#include "net_fixture.h"

enum { FIX6_ADDRS = 64, FIX6_OWN = 2 };

extern const struct be128 fix6_ip;	    /* 2001:db8::1/64, ours */
extern const struct be128 fix6_local;	    /* fe80::1, ours */
extern const struct be128 fix6_peer;	    /* 2001:db8::2, on link */
extern const struct be128 fix6_peer_local;  /* fe80::2 */
extern const struct be128 fix6_router;	    /* fe80::fe, not known */
extern const struct be128 fix6_far;	    /* 2001:db8:1::1, off link */
extern const struct be128 fix6_all_nodes;   /* ff02::1 */
extern const struct be128 fix6_all_routers; /* ff02::2 */
extern const struct be128 fix6_nowhere;	    /* :: */

/* Extension headers before what is sent. */
struct fix6_ext {
	u8 next;	 /* type of the first; else of what is sent */
	const void *ext; /* each says what follows it */
	u32 len;
};

/* As fix_setup(), fix_teardown(). */
int fix6_setup(void **state);
#define FIX6_TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, fix6_setup, fix_teardown)

/* Addresses that somebody besides us holds. */
u32 fix6_held(const struct fixture *f);
/* Frees what neighbours and router hold; fails if an id is held still. */
void fix6_stop(struct fixture *f);

/* A frame from the peer's Ethernet address: sound but for @src and @dst. The
 * checksum of TCP, UDP and ICMPv6 is filled in. */
struct mbuf *fix6_ext(struct fixture *f, struct be128 src, struct be128 dst,
		      const struct fix6_ext *e, u8 proto, const void *l4,
		      u32 len);
struct mbuf *fix6(struct fixture *f, struct be128 src, struct be128 dst,
		  u8 proto, const void *l4, u32 len);
/* From the peer to us. */
struct mbuf *fix6_icmp(struct fixture *f, u8 type, u8 code, u32 rest,
		       const void *payload, u32 len);
struct mbuf *fix6_udp(struct fixture *f, struct be128 src, u16 sport, u16 dport,
		      const void *payload, u32 len);

struct ipv6_hdr *fix6_of(struct mbuf *m);

/* Of a frame that was sent: header and checksum are right. */
void fix6_check(const struct fixture *f, struct fix_frame *t);

/* The peer's and the router's addresses become known. */
void fix6_know_peer(struct fixture *f);

#endif
