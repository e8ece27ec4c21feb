/* SPDX-License-Identifier: MIT */
/*
 * A whole dataplane on a fake NIC, with a hand-made peer:
 *
 *	test: calls, events        test: frames
 *	    |                          |
 *	  struct ix_down/up -- dp -- fake_nic
 *
 * No libc beyond memory, no cmocka: fuzz targets use it too. What must not
 * happen ends in panic().
 */
#ifndef TEST_RIG_H
#define TEST_RIG_H

#include "dp/dp.h"
#include "fake_nic.h"

enum {
	RIG_ARENA = 1 << 18,
	RIG_ARENA_APP = 0x10000000, /* where the application thinks it is */
	RIG_MBUFS = 512,
	RIG_CONNS = 32,
	RIG_TIMERS = 8,
	RIG_PORT = 80, /* rig_listen() */
	RIG_PEER_WND = 65535,
	RIG_WSCALE = 2,
};

#define RIG_APP_FRAMES 0x700000000000ull
#define RIG_MS 1000000ull

struct rig {
	struct dp dp;
	struct dp_conf conf;
	struct fake_nic nic;
	struct ix_stat stat;
	struct ix_down down;
	struct ix_up up;
	u8 group_owner[RSS_TABLE];
	u8 *mem, *frames, *arena;
	u64 now;
	u16 next_sport;
};

/* The peer's end of a connection. */
struct rig_peer {
	u16 sport, dport;
	u32 seq, ack; /* next to send, next expected */
	bool ts;      /* with timestamps: a clock of RIG_MS */
	u32 tsecr;    /* the latest one received */
	u16 mss;      /* with MSS and window scaling in its SYN; 0: without */
	bool ecn;     /* asks for ECN, and gets it */
	bool ip6;     /* from rig_peer_ip6 */
};

/* A TCP segment from the dataplane. */
struct rig_seg {
	u16 sport, dport;
	u32 seq, ack, len;
	u16 win;
	u8 flags;
	u32 tsval;	   /* 0: none */
	const u8 *payload; /* until the next rig_segment() */
};

extern const struct be32 rig_ip, rig_peer_ip;
extern const struct be128 rig_ip6, rig_peer_ip6;
extern const u8 rig_peer_mac[6];

/* Default settings, to be changed between rig_new() and rig_start(). */
struct rig *rig_new(void);
void rig_start(struct rig *r);

/* Shuts the dataplane down and panics if a buffer, a connection or the id of an
 * IPv6 address is lost. */
void rig_end(struct rig *r);

/* ---- the application */

/* Appends a call to the batch; its number is r->down.ncalls - 1. */
struct ix_call *rig_call(struct rig *r, u16 op);
/* The same, with one range of the arena at @off. */
struct ix_call *rig_send(struct rig *r, u64 handle, u32 off, u32 len);
/* One crossing; the batch is empty afterwards. As dp_step(). */
int rig_run(struct rig *r);
/* One iteration without a batch. */
int rig_poll(struct rig *r);
void rig_sleep(struct rig *r, u64 ns);
/* The result of the only call of the batch that is run by this. */
s64 rig_one(struct rig *r);
/* The @nth event of @type, or NULL. */
const struct ix_event *rig_event(const struct rig *r, u16 type, u32 nth);

/* ---- the peer */

void rig_inject_tcp(struct rig *r, struct rig_peer *p, u8 flags,
		    const void *data, u32 len);
void rig_inject_udp(struct rig *r, u16 sport, u16 dport, const void *data,
		    u32 len);
/* The next TCP segment that was sent; false when there is none. */
bool rig_segment(struct rig *r, struct rig_seg *out);
/* Forgets what was sent. */
void rig_drain(struct rig *r);

/* Fills in all lengths and checksums that a frame's headers have, as far as
 * they lie in it: for fuzzing past them. */
void rig_fix(u8 *frame, u32 len);

/* ---- both */

s64 rig_listen(struct rig *r, u32 backlog);
/* A connection from the peer that was accepted with @cookie; the handle. */
u64 rig_accept(struct rig *r, struct rig_peer *p, u64 cookie);
u64 rig_accept_ts(struct rig *r, struct rig_peer *p, u64 cookie);
/* With timestamps, @mss, and windows in units of 1 << RIG_WSCALE. */
u64 rig_accept_mss(struct rig *r, struct rig_peer *p, u64 cookie, u16 mss);
/* ... and with ECN, which conf.net.tcp.ecn must allow. */
u64 rig_accept_ecn(struct rig *r, struct rig_peer *p, u64 cookie, u16 mss);
/* By IPv6, with timestamps; conf.net.ip6 must have rig_ip6. */
u64 rig_accept_ip6(struct rig *r, struct rig_peer *p, u64 cookie);

#endif
