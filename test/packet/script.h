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
 *     [ext HEADER[:N]]... [mac N] [<OPTIONS>]
 *                           the peer sends; sequence numbers relative to the
 *                           first of each side
 *   < icmp needfrag MTU SEQ | < icmp unreach CODE SEQ |
 *   < icmp exceeded CODE SEQ | < icmp param CODE SEQ | < icmp toobig MTU SEQ
 *                           the peer's router, about our segment at SEQ; codes
 *                           and kinds are the family's (needfrag, toobig)
 *   < icmp solicit WHOM ... | < icmp advert WHOM ...
 *                           neighbour discovery: WHOM us|peer; nowhere: from
 *                           there; all: to the group; solicited, override;
 *                           mac N: the link-layer address ends so; frag: in
 *                           a fragment that is all of it
 *   > icmp TEXT             the dataplane must send this: one of the above,
 *                           without SEQ; after param, the pointer
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
 *   only ip4|ip6 [nd]       not by the other family; nd: the peer's address has
 *                           to be found, and others with ours are looked for
 *
 * FLAGS are of FSRPUEW and . for ACK. HEADERs of IPv6 are hop:N and dest:N,
 * with an option of type N, route:N, with so many segments left, and frag:N,
 * with N for offset and flags (0 is a whole packet, 1 the first part). OPTIONS:
 * mss N, wscale N, sackOK, TS val N ecr N, nop, sack START:END [START:END]...;
 * values of ours may be * for any. Without a list, or with one of sack alone, a
 * segment from us carries timestamps if they were agreed on, and so does one to
 * us. TS values of ours count from our first, and `ecr last` echoes our newest.
 * A statement that ends in @2 is about a second connection, and so on. Whatever
 * is sent or told and not expected fails the script, and so does a buffer or
 * connection left over at the end.
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

/* An IPv6 extension header. */
struct ext {
	u8 type;
	u32 n;
};

struct seg {
	u8 flags;
	u8 ecn; /* of the IP header (RFC 3168 section 5) */
	u8 mac; /* the link-layer address ends so; 0: as the peer's */
	bool bad_sum;
	u32 seq, ack, len; /* relative in scripts */
	s64 win;
	u32 urg;
	struct opts opt;
	u32 next;
	struct ext ext[4];
};

enum stmt_kind {
	STMT_IN,
	STMT_ICMP,
	STMT_ND,
	STMT_OUT,
	STMT_ICMP_OUT,
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
	char text[60]; /* of ICMP out, and neighbour discovery */
	s64 arg[2];
	u32 nargs;
	u32 cc; /* enum ix_cc, of a call */
	bool has_result;
	s64 result;
};

enum script_family { FAMILY_BOTH, FAMILY_IP4, FAMILY_IP6 };

struct script {
	struct stmt *stmts;
	u32 n;
	/* An include of @from is one of @to, if given. */
	const char *from, *to;
	bool replaced;
	enum script_family only;
	bool nd;
};

/* Prints what is wrong and exits with status 1 if something is. */
void script_read(struct script *s, const char *path);

/* The name of an errno, or its number. */
const char *script_errno(s64 err);

/* Writes @s as a script would. Returns @buf. */
char *script_print(const struct seg *s, char *buf, size_t len);

#endif
