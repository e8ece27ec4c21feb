/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the script runner share.
 *
 *   run.c      the script: statement by statement, in virtual time
 *   play.c     what a script does: segments of the peer, calls, settings
 *   capture.c  what the dataplane does: packets and events, as they come
 *   expect.c   whether that is what the script says
 */
#ifndef TEST_RUN_H
#define TEST_RUN_H

#include "../unit/rig.h"
#include "script.h"
#include "wire_icmp.h"

enum {
	MAX_QUEUE = 1024,
	PEER_ISN = 0xfffffff0, /* wraps soon */
};

/* What happened and waits to be expected. */
struct packet {
	u64 at;
	u32 flow;	/* 0: unknown */
	struct seg seg; /* sequence numbers relative */
	char icmp[60];	/* what it says, if it is that */
	const char *wrong;
};

struct event {
	u64 at;
	u32 flow;
	char word[16];
	s64 n;
};

/* A connection, from the peer's side (irs, seq) and the application's. */
struct script_flow {
	struct flow_id id;
	u32 iss; /* the dataplane's */
	bool iss_known, ts_known;
	bool peer_ts; /* offered by the peer */
	u32 ts_base, ts_last, peer_ts_recent;
	u64 handle;
	u32 sent, received; /* by the application, bytes */
};

struct run {
	struct rig *rig;
	u64 start, line; /* the script's begin; the last statement's time */
	bool started, verbose;
	bool ip6, nd; /* nd: nobody knows where the peer is */
	struct script_flow flows[MAX_FLOW];
	struct packet packets[MAX_QUEUE];
	u32 np;
	struct event events[MAX_QUEUE];
	u32 ne;
	const struct stmt *stmt;
};

/* run.c */
__attribute__((noreturn, format(printf, 2, 3))) void run_fail(
	const struct run *r, const char *fmt, ...);
double run_seconds(const struct run *r, u64 at);
/* Byte @off of every stream, both ways. */
u8 run_pattern(u32 off);
/* Lets the dataplane do all that it can do now. */
void run_pump(struct run *r);
/* To @until, or to when something has come that is waited for in @queue. */
void run_until(struct run *r, u64 until, const u32 *queue);

/* play.c: the statement r->stmt */
void play_segment(struct run *r);
void play_icmp(struct run *r);
void play_nd(struct run *r);
void play_call(struct run *r);
void play_result(struct run *r, const struct stmt *st, s64 got);
void play_conf(struct run *r);

/* capture.c: what came since the last time */
void capture(struct run *r);

/* expect.c: the statement r->stmt, at r->line */
void expect_packet(struct run *r);
void expect_icmp(struct run *r);
void expect_event(struct run *r);
void expect_counter(struct run *r);
void expect_nothing(const struct run *r);

#endif
