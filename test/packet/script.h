/* SPDX-License-Identifier: MIT */
/*
 * Packet scripts (*.pkt): a dialogue with one dataplane, in virtual time.
 *
 *   TIME STATEMENT [; TIME STATEMENT]...         # comment
 *
 * TIME      1.5 since the start; +0.2 after the line before (left out: +0);
 *           & in one batch with the line before
 *
 *   < FLAGS SEQ:END(LEN) [ack N] [win N] [urg N] [badsum] [ect0|ect1|ce]
 *     [<OPTIONS>]
 *                           the peer sends; sequence numbers relative to the
 *                           first of each side
 *   < icmp needfrag MTU SEQ | < icmp unreach CODE SEQ |
 *   < icmp exceeded CODE SEQ
 *                           the peer's router, about our segment at SEQ
 *   > FLAGS SEQ:END(LEN) ...   the dataplane must send just this, and now
 *   ! EVENT [N]             the application must be told: knock, connected
 *                           [ERRNO], recv N, eof, sent N, dead [ERRNO]
 *   CALL [N] [= RESULT]     the application calls: listen PORT backlog N,
 *                           unlisten PORT, accept, reject, connect PORT,
 *                           send N, recv_done N, close, shutdown (half
 *                           close), abort; listen, accept and connect
 *                           with cc newreno|cubic|dctcp
 *   conf NAME VALUE         a setting of struct tcp_conf; before all else
 *   counter NAME N          a counter must stand at N
 *   include FILE [only]     only: not in another variant, see run.c
 *
 * FLAGS are of FSRPUEW and . for ACK. OPTIONS: mss N, wscale N, sackOK,
 * TS val N ecr N, nop, sack START:END [START:END]...; values of ours may be *
 * for any. Without a list, or with one of sack alone, a segment from us carries
 * timestamps if they were agreed on, and so does one to us. TS values of ours
 * count from our first, and `ecr last` echoes our newest. A statement that ends
 * in @2 is about a second connection, and so on. Whatever is sent or told and
 * not expected fails the script, and so does a buffer or connection left over
 * at the end.
 */
#ifndef TEST_SCRIPT_H
#define TEST_SCRIPT_H

#include "base/types.h"

enum { ANY = -1, ABSENT = -2, LAST = -3, MAX_FLOW = 64 };

struct opts {
	bool given;
	s64 mss, wscale; /* ABSENT, ANY or the value */
	bool sack_ok;
	s64 ts_val, ts_ecr;
	u32 nsack, sack[4][2]; /* start, end: relative in scripts */
};

struct seg {
	u8 flags;
	u8 ecn; /* of the IP header (RFC 3168 section 5) */
	bool bad_sum;
	u32 seq, ack, len; /* relative in scripts */
	s64 win;
	u32 urg;
	struct opts opt;
};

enum stmt_kind {
	STMT_IN,
	STMT_ICMP,
	STMT_OUT,
	STMT_EVENT,
	STMT_CALL,
	STMT_CONF,
	STMT_COUNTER,
};

enum stmt_time { TIME_AFTER, TIME_AT, TIME_SAME };

struct stmt {
	char file[64];
	int line;
	enum stmt_kind kind;
	enum stmt_time when;
	u64 ns;
	u32 flow;
	struct seg seg;
	char word[32]; /* of event, call, conf, counter, icmp */
	s64 arg[2];
	u32 nargs;
	u32 cc; /* enum ix_cc, of a call */
	bool has_result;
	s64 result;
};

struct script {
	struct stmt *stmts;
	u32 n;
	/* An include of @from is one of @to, if given. */
	const char *from, *to;
	bool replaced;
};

/* Prints what is wrong and exits with status 1 if something is. */
void script_read(struct script *s, const char *path);

/* The name of an errno, or its number. */
const char *script_errno(s64 err);

/* Writes @s as a script would. Returns @buf. */
char *script_print(const struct seg *s, char *buf, size_t len);

#endif
