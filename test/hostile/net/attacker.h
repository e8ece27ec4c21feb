/* SPDX-License-Identifier: MIT */
/*
 * A hostile host on the link of an IX server. It hears all there is (as behind
 * a hub), forges frames of anybody, and plays up to PUPPETS hosts of its own;
 * meanwhile honest clients, in a process apart, compare every byte.
 *
 *   attacker.c   one attack: before, meanwhile, afterwards, and the verdict
 *   honest.c     the honest clients and the pinger
 *   stall.c      how long they may wait, on this machine
 *   wire.c       sending at the pace of the server, and hearing
 *   frame.c      building frames
 *   puppet.c     hosts of the attacker's own, with a TCP of a few lines
 *   blind.c      forged segments of honest connections
 *   acks.c       acknowledgements that lie
 *   hoard.c      a thousand connections that take and do not give
 *   flood.c      handshakes
 *   window.c     windows and segment sizes
 *   lies.c       ARP and ICMP
 *   junk.c       malformed packets
 *   frame6.c     building frames of IPv6
 *   lies6.c      neighbours and routers of IPv6 that lie, ICMPv6
 *   junk6.c      extension headers
 *
 * An address is one of IPv4 throughout. With IPv6 it stands for one in a subnet
 * of its own, as limits are the subnets' there: see addr6().
 */
#ifndef HOSTILE_ATTACKER_H
#define HOSTILE_ATTACKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/pkt.h"

enum {
	LIMIT_S = 8, /* an answer later than that is harm: three lost SYNs of
		      * Linux take 7 s */
	PUPPETS = 2304,
	HOARDERS = 1100,
	MSS = 1428, /* with timestamps, behind headers of either family */
	/* As doc/isolation.md has it: an answer may wait for a segment to be
	 * repeated, and that again; a handshake for a SYN that Linux repeats
	 * after a second, in a flood after two more; a ping is repeated. */
	STALL_MS = 500,
	STALL_NEW_MS = 1300,
	STALL_FLOOD_MS = 3500,
	STALL_PING_MS = 200,
	GROUP = 64, /* frames between two looks whether the server follows */
	FRAME_MAX = 1514,
};

_Static_assert(ETH_LEN + IPV6_LEN + TCP_LEN + 12 + MSS <= FRAME_MAX,
	       "a segment with timestamps fits a frame");

/* ---- honest.c: the clients, in order of size */
enum client {
	C_IDLE,	   /* silent, until asked at the end */
	C_SMALL,   /* 64 bytes */
	C_MEDIUM,  /* up to 2 KB */
	C_BULK,	   /* 64 KB */
	C_GATEWAY, /* comes by way of a router */
	C_CHURN,   /* a connection for each message */
	NR_CLIENTS,
};

/* Shared by both processes. All messages to the server have an even length: a
 * forged segment at an odd distance never hits the next byte by chance. */
struct honest {
	_Atomic uint64_t messages[NR_CLIENTS], bytes, pings;
	/* Of an answer, of one that begins with a handshake, between two
	 * answers to pings, and by which a process that only sleeps was late:
	 * ns; the attacker clears. */
	_Atomic uint64_t longest, new_longest, ping_longest, late_longest;
	_Atomic uint64_t late_since; /* when it should have been awake */
	_Atomic uint16_t port[NR_CLIENTS];
	_Atomic bool ask, stop, harmed;
	char why[200]; /* the first harm */
};

struct attack;

/* Runs the clients of @a until they are to stop. Returns when all have ended.
 */
void honest_run(const struct attack *a, uint32_t gateway_client);
uint64_t now_ns(void);

/* 10.81.x.y: fd81:0:0a51:xxyy::1, on the link like all of fd81:0:0a51::/48. */
static inline struct be128 addr6(uint32_t ip)
{
	struct be128 addr = { .b = { 0xfd, 0x81, [15] = 1 } };
	struct be32 raw = be32(ip);

	memcpy(addr.b + 4, &raw, sizeof(raw));
	return addr;
}

/* ... and back; 0: no such address. */
static inline uint32_t addr_of(struct be128 addr)
{
	struct be32 raw;
	uint32_t ip;

	memcpy(&raw, addr.b + 4, sizeof(raw));
	ip = be32_host(raw);
	return be128_equal(addr, addr6(ip)) ? ip : 0;
}

/* ---- stall.c */

enum { STALL_THREADS = 64 };

/* What the threads of a process have waited for a core, ns. */
struct waits {
	uint32_t n;
	int tid[STALL_THREADS];
	uint64_t ns[STALL_THREADS];
};

/* The control, in the clients' process: notes how late it is. */
void *stall_control(void *honest);
/* From here on stalls count; @clients: their process. */
void stall_begin(struct attack *a, int clients);
/* False: somebody honest has waited longer than doc/isolation.md says, and it
 * was not the machine. */
bool stall_judge(struct attack *a);

/* ---- what is heard of honest connections */
struct attack_flow {
	uint32_t ip;
	uint32_t to_ix;	    /* the client's next sequence number */
	uint32_t to_client; /* ... and the server's */
	uint32_t tsval, tsecr;
	uint32_t answers; /* segments of the server */
	bool heard;
};

enum puppet_state { P_CLOSED, P_ASKS, P_OPEN, P_GONE };

struct puppet {
	uint32_t ip;
	uint16_t port, win;
	uint8_t state; /* enum puppet_state */
	bool ts, acks; /* acks: acknowledges what comes */
	uint32_t snd_nxt, snd_una, rcv_nxt, tsecr;
	uint64_t got;	/* bytes of the server, in order */
	uint32_t heard; /* segments of the server */
	bool fin;
};

struct slot {
	uint32_t len;
	uint8_t frame[FRAME_MAX];
};

struct attack {
	/* the link */
	int fd, index;
	uint8_t mac[6], ix_mac[6];
	uint32_t ix;	  /* the server's address */
	uint32_t client;  /* the honest clients' */
	uint32_t gateway; /* and their router's */
	uint16_t port;
	bool kv, v6;
	/* the server */
	const char *stat; /* command that prints its counters */
	bool gone;	  /* it does not answer any more */
	/* going out */
	struct slot slots[GROUP];
	uint32_t nslots;
	uint32_t unanswered; /* frames since a ping was answered */
	uint64_t sent;
	uint32_t opened; /* handshakes of its own that the server took */
	bool syncing;
	uint16_t sync, sync_heard;
	/* coming in */
	struct honest *honest;
	struct attack_flow flows[65536]; /* by the client's port */
	struct puppet puppets[PUPPETS];
	uint32_t npuppets, naddrs; /* so many addresses have they */
	bool silent_arp, half_open;
	uint32_t errors; /* of ICMPv6, from the server to puppets */
	/* this attack */
	uint64_t began, least;
	uint64_t mark[NR_CLIENTS], mark_pings;
	uint64_t rng;
	uint64_t pace, pace_full; /* of all clients, messages a second: before,
				   * and in keeps_pace() */
	bool floods;
	uint64_t allowed[3];   /* by stall_judge(): ns, as in struct honest */
	int clients, server;   /* processes */
	struct waits waits[2]; /* theirs, at the beginning */
	char why[200];	       /* it has succeeded */
};

/* False: it has succeeded, see @a->why. */
typedef bool attack_fn(struct attack *a);

/* By which program, and with IPv6 too, or only; and newcomers' packets are few
 * among its own. */
enum { ON_ECHO = 1, ON_KV = 2, ON_BOTH = 3, ON_ECHO6 = 4, FLOOD = 8 };

struct attack_kind {
	const char *name;
	attack_fn *fn;
	uint32_t on;
};

extern const struct attack_kind attacks_blind[], attacks_acks[],
	attacks_hoard[], attacks_flood[], attacks_window[], attacks_lies[],
	attacks_junk[], attacks_lies6[],
	attacks_junk6[]; /* each ends with an empty name */

/* ---- attacker.c */

/* Should the attack go on? It does until every client has got answers during
 * it; false after LIMIT_S, and then it has succeeded. */
bool more(struct attack *a);
/* For those that wait instead of sending. */
void wait_more(struct attack *a);
/* For those that have taken all they get, and do nothing more: the clients must
 * have half their pace again, for a moment within LIMIT_S. */
bool keeps_pace(struct attack *a);
/* Succeeded, for this reason; false. */
bool success(struct attack *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* What came before counts no more: the clients have to go on from now on. */
void once_more(struct attack *a, uint32_t least_ms);
/* A counter of the server; -1: it is gone. */
int64_t counter(struct attack *a, const char *name);
uint32_t random32(struct attack *a);

/* ---- wire.c */

struct seg {
	uint32_t src;	       /* 0: the honest clients' address */
	uint16_t sport, dport; /* dport 0: the server's */
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t win, len; /* len: payload */
	const void *data;  /* NULL: any */
	bool ts;
	uint32_t tsval, tsecr;
	const uint8_t *opt; /* after the timestamps, @nopt (a multiple of 4) */
	uint8_t nopt;
};

int wire_open(struct attack *a, const char *iface);
/* Sends a frame as it is, sooner or later. After each GROUP it waits until the
 * server has taken them: no queue on the way loses any. */
void put(struct attack *a, const void *frame, uint32_t len);
void flush(struct attack *a);
/* All that was put has been taken by the server. */
void sync_up(struct attack *a);
/* Hears what has come, or waits for that at most @ms. */
void hear(struct attack *a, int ms);

/* ---- frame.c: build_*() return the length, send_*() put() */

uint32_t build_tcp(const struct attack *a, const struct seg *s, uint8_t *frame);
void send_seg(struct attack *a, const struct seg *s);
uint32_t build_arp(const struct attack *a, uint8_t *frame, const uint8_t dst[6],
		   uint16_t op, const uint8_t sha[6], uint32_t spa,
		   uint32_t tpa);
void send_arp(struct attack *a, uint16_t op, const uint8_t sha[6], uint32_t spa,
	      uint32_t tpa);
/* @type, @code, @rest and a quote of @len bytes; from @src. */
void send_icmp(struct attack *a, uint32_t src, uint8_t type, uint8_t code,
	       uint32_t rest, const void *quote, uint32_t len);
/* Ethernet's and IP's headers, bytes. */
static inline uint32_t head_len(const struct attack *a)
{
	return ETH_LEN + (a->v6 ? IPV6_LEN : IPV4_LEN);
}

/* An IP packet of @len bytes behind the header, whose checksum is right;
 * returns where they are to be written. */
uint8_t *build_ip(const struct attack *a, uint8_t *frame, uint32_t src,
		  uint32_t dst, uint8_t proto, uint16_t len);
void fix_ip_cksum(uint8_t *frame);
void fix_tcp_cksum(uint8_t *frame, uint32_t l4_len);

/* ---- frame6.c */

uint8_t *build_ip6(const struct attack *a, uint8_t *frame, struct be128 src,
		   struct be128 dst, uint8_t proto, uint16_t len);
/* The sum over the @len bytes at @l4 and a pseudo header. */
uint16_t l4_cksum6(const struct ipv6_hdr *ip, uint8_t proto, const void *l4,
		   uint32_t len);
/* Neighbour discovery, to @dst, with an option (0: none) that names @mac. */
struct nd_lie {
	uint8_t type;
	uint32_t flags;
	struct be128 src, dst, target;
	uint8_t option;
	const uint8_t *mac;
};
void send_nd(struct attack *a, const struct nd_lie *lie);
/* The group in which @of is asked for. */
struct be128 solicited_node(struct be128 of);

/* ---- lies.c */

/* ICMP about all honest connections: quotes that may be true (what is in flight
 * or was lately), and that cannot be. */
void quote_all(struct attack *a, uint8_t type, uint8_t code, uint32_t rest);
/* Pings from strangers, of whom there is no end: IX asks for each, and waits.
 */
bool never_answered(struct attack *a, uint8_t echo);

/* ---- puppet.c */

struct manner {	      /* of a handshake */
	uint16_t win; /* 0 is a window of 0 */
	bool ts, acks;
	const uint8_t *opt; /* of the SYN, behind the timestamps */
	uint8_t nopt;
};

/* Addresses of puppets, 10.81.16.0 to 10.81.19.255, all of which answer ARP: so
 * many that no limit for one of them keeps them from every connection. */
enum { PUPPET_NET = 0x0a511000, PUPPET_ADDRS = 1024 };

static inline uint32_t puppet_ip(uint32_t i)
{
	return PUPPET_NET + i % PUPPET_ADDRS;
}

/* Opens @n connections; how many the server took: it need not take all. */
uint32_t puppets_open(struct attack *a, uint32_t n, const struct manner *how);
/* The first part of it: SYNs only. */
void puppets_ask(struct attack *a, uint32_t n, const struct manner *how);
/* ... of those that are not open, or have been ended; the others' last ACK once
 * more: it may have brought a cookie back when there was no place. */
void puppets_fill(struct attack *a, uint32_t n, const struct manner *how);
/* Before puppets_end(): all may be. */
void puppets_all_open(struct attack *a);
/* At @off bytes behind what the server expects next; 0 and it is counted. */
void puppet_send(struct attack *a, struct puppet *p, int32_t off,
		 const void *data, uint16_t len, uint8_t flags);
/* ... if it is open. */
void puppet_says(struct attack *a, uint32_t i, const char *text);
void puppet_hears(struct attack *a, uint32_t ip, const struct tcp_hdr *t,
		  uint32_t len);
/* Ends what is open, by resets that the server has to take. */
void puppets_end(struct attack *a);
/* A request whose answer is large; its length. */
uint16_t request(const struct attack *a, char buf[MSS]);
/* Makes the answer to request() large: one value of @bytes. */
bool prepare(struct attack *a, uint16_t bytes);

#endif
