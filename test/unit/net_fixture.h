/* SPDX-License-Identifier: MIT */
/*
 * The protocols alone: a struct net with buffers, and a hand-made world
 * around it.
 *
 *	fix_udp(), fix_tcp(), ...: frames      fix_tx(): what was sent
 *	              |                            ^
 *	           fix_in() ------> net -----------+
 *
 * All addresses are those of FIX_*; frames built here go from the peer to us,
 * correct in every field, for tests to spoil. fix_stop() finds lost buffers,
 * and IPv6 addresses that nobody let go of (net_fixture6.h).
 */
#ifndef TEST_UNIT_NET_FIXTURE_H
#define TEST_UNIT_NET_FIXTURE_H

#include "test.h"

#include "net/net.h"
#include "nic/nic.h"

enum {
	FIX_MBUFS = 256,
	FIX_FRAME = 10000, /* bytes of the largest frame */
	FIX_MTU = 1500,
	FIX_SOCKS = 8,
	FIX_PORT_MIN = 32768,
	FIX_PORT_MAX = 60999,
};

#define FIX_IP be32(0x0a000001)	     /* 10.0.0.1/24, ours */
#define FIX_PEER be32(0x0a000002)    /* on link */
#define FIX_GATEWAY be32(0x0a0000fe) /* 10.0.0.254 */
#define FIX_FAR be32(0xc0a80101)     /* 192.168.1.1, off link */
#define FIX_MS 1000000ull

extern const u8 fix_mac[6], fix_peer_mac[6], fix_gw_mac[6];

/* A frame that was sent, in one piece and checked: IP header and TCP, UDP
 * and ICMP checksums are right. */
struct fix_frame {
	u8 bytes[FIX_FRAME];
	u32 len;
	struct eth_hdr *eth;
	struct ipv4_hdr *ip;  /* NULL unless IPv4 */
	struct ipv6_hdr *ip6; /* NULL unless IPv6 */
	void *l4;
	u32 l4_len;
	struct arp_hdr *arp; /* NULL unless ARP */
	bool tell;	     /* MBUF_TELL, for: */
	u16 sock;
	u64 cookie;
};

struct fixture {
	struct net net;
	struct ix_stat stat;
	struct mbuf_pool pool;
	u8 group_owner[RSS_TABLE];
	u64 now;
	u8 *frames;
	void *mem, *udp_mem, *tcp_mem, *addr_mem; /* the last: fix6_setup() */
	struct mbuf *held[FIX_MBUFS];		  /* fix_starve() */
	u32 nheld;
	struct fix_frame tx;
};

struct fix_seg {
	struct be32 src; /* zero: FIX_PEER */
	u16 sport, dport;
	u32 seq, ack;
	u8 flags;
	u16 win;
	const void *opt;
	u32 opt_len; /* multiple of 4 */
};

/* A fresh world; the wheel runs TIMER_NEIGH only. */
struct fixture *fix_start(void);
/* Gives back what is queued, and fails if a buffer is missing. */
void fix_stop(struct fixture *f);

/* The same for cmocka: *state is the struct fixture. */
int fix_setup(void **state);
int fix_teardown(void **state);
#define FIX_TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, fix_setup, fix_teardown)

/* A frame of these bytes. */
struct mbuf *fix_raw(struct fixture *f, const void *bytes, u32 len);
struct mbuf *fix_ip(struct fixture *f, struct be32 src, u8 proto,
		    const void *l4, u32 len);
struct mbuf *fix_udp(struct fixture *f, u16 sport, u16 dport,
		     const void *payload, u32 len);
struct mbuf *fix_tcp(struct fixture *f, const struct fix_seg *s,
		     const void *payload, u32 len);
struct mbuf *fix_icmp(struct fixture *f, u8 type, u8 code, u32 rest,
		      const void *payload, u32 len);
struct mbuf *fix_arp(struct fixture *f, u16 op, const u8 sha[6],
		     struct be32 spa, struct be32 tpa);

/* Headers of a frame in one piece. */
struct ipv4_hdr *fix_ip_of(struct mbuf *m);
void *fix_l4_of(struct mbuf *m);
/* Makes the checksums right again after a change of the header. */
void fix_ip_cksum(struct mbuf *m);
void fix_l4_cksum(struct mbuf *m);

/* Cuts the first fragment after @at bytes; the rest becomes the next. */
void fix_split(struct fixture *f, struct mbuf *m, u32 at);

/* net_rx(); false: net.owner should have it. It is freed then. */
bool fix_in(struct fixture *f, struct mbuf *m);

/* The oldest frame that was sent, or NULL; valid until the next. */
struct fix_frame *fix_tx(struct fixture *f);
/* Fails if anything was sent. */
void fix_tx_none(struct fixture *f);

/* Time goes on, timers run. */
void fix_pass(struct fixture *f, u64 ns);

/* All buffers but @left are in use, until fix_feed(). */
void fix_starve(struct fixture *f, u32 left);
void fix_feed(struct fixture *f);

/* The peer's and the gateway's address become known. */
void fix_know_peer(struct fixture *f);

#endif
