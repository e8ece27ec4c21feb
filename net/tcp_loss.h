/* SPDX-License-Identifier: MIT */
/*
 * Loss recovery with selective acknowledgements: what a connection needs
 * while segments are missing, and only then. A struct tcp_loss comes from a
 * pool when the first SACK or timeout tells of a loss, and goes back when all
 * is calm; with the pool empty, NewReno does (tcp_ack.c). By file:
 *
 *   tcp_sack.c   the board: what became of the bytes in flight (RFC 2018, 6675)
 *   tcp_rack.c   which of them are lost (RFC 8985 section 6)
 *   tcp_prr.c    how many may follow (RFC 6937)
 *   tcp_loss.c   what an ACK or a timeout means for all three; F-RTO (RFC 5682)
 *   tcp_tail.c   losses at the tail: probes (RFC 8985 section 7)
 *
 * The first three are pure functions of their arguments. Times are tcp_us():
 * units of 1024 ns.
 */
#ifndef NET_TCP_LOSS_H
#define NET_TCP_LOSS_H

#include "base/types.h"

struct net;
struct tcp_conn;
struct tcp_seg;

/* ---- tcp_sack.c
 *
 *   una                                          top             snd_max
 *    | RESENT | LOST | SACKED | PASSED | SACKED | in flight ...... |
 *
 * Spans lie side by side. Above the last one all is in flight, sent once, and
 * nothing sent later has arrived: sending new data changes nothing here.
 */

enum {
	TCP_SPANS = 32,
	TCP_SPANS_KEPT = 2, /* of them, for retransmissions: not for SACK */
};

enum tcp_span_state {
	SPAN_PASSED, /* sent once; what was sent later arrived first, at @at */
	SPAN_LOST,   /* to be sent again */
	SPAN_RESENT, /* sent again at @at, when snd_max was @mark */
	SPAN_SACKED,
};

struct tcp_span {
	u32 end; /* it begins where the one before ends */
	u32 at, mark;
	enum tcp_span_state state;
};

struct tcp_board {
	u32 una, n;
	struct tcp_span span[TCP_SPANS];
};

/* What an ACK and its blocks told to have arrived. */
struct tcp_arrived {
	u32 bytes;
	bool once;	 /* something that had been sent once: */
	u32 lowest, top; /* ... ends of the first and the last such span */
	bool again;	 /* something sent again: the last one, by time */
	u32 at, end, mark;
};

void tcp_board_init(struct tcp_board *b, u32 una);
static inline u32 tcp_board_top(const struct tcp_board *b)
{
	return b->n ? b->span[b->n - 1].end : b->una;
}

/* All before @una is acknowledged. True if the first of what follows was
 * SACKed before: the peer has thrown it away (RFC 2018 section 8). */
bool tcp_board_ack(struct tcp_board *b, u32 una, struct tcp_arrived *a);
/* A block; false, and nothing is done, when it makes too many spans. */
bool tcp_board_sack(struct tcp_board *b, u32 start, u32 end, u32 now,
		    struct tcp_arrived *a);
/* All sent before @mark has been passed. */
void tcp_board_pass(struct tcp_board *b, u32 mark, u32 now);
/* All up to @max counts as lost; @sacked: that, too. */
void tcp_board_lose(struct tcp_board *b, u32 max, bool sacked);
/* Nothing is lost, after all. */
void tcp_board_undo(struct tcp_board *b, u32 now);
/* The first that is lost, up to @len bytes of it; 0: nothing is. */
u32 tcp_board_lost(const struct tcp_board *b, u32 len, u32 *seq);
/* @len bytes from @seq on, as tcp_board_lost() found them, are to be sent
 * again. False: no room, wait. */
bool tcp_board_resend(struct tcp_board *b, u32 seq, u32 len, u32 now, u32 mark);
/* Bytes in the network, of those before @max (RFC 6675 section 4, SetPipe). */
u32 tcp_board_pipe(const struct tcp_board *b, u32 max);
u32 tcp_board_sacked(const struct tcp_board *b);
/* Neighbours alike become one. */
void tcp_board_merge(struct tcp_board *b);

/* ---- tcp_rack.c */

struct tcp_rack {
	u32 top;       /* highest end of what arrived after being sent once */
	u32 xmit, end; /* of what was sent again last and has arrived */
	u32 min_rtt;
};

void tcp_rack_init(struct tcp_rack *r, u32 una, u32 now, u32 srtt);
/* Takes note of what has arrived. True if what was sent later had come before:
 * there is reordering (step 3). */
bool tcp_rack_arrived(struct tcp_rack *r, struct tcp_board *b,
		      const struct tcp_arrived *a, u32 now);
/* How long to wait for what may be reordered (section 6.2 step 4): @mult is
 * learnt, 0 as long as nothing was ever reordered; @sure: enough is SACKed, or
 * recovery goes on. */
u32 tcp_rack_window(const struct tcp_rack *r, u32 mult, bool sure, u32 srtt);
/* Marks what is lost by now; true if anything is. *@wait: until more may be,
 * 0: nothing waits. */
bool tcp_rack_detect(const struct tcp_rack *r, struct tcp_board *b, u32 wnd,
		     u32 srtt, u32 now, u32 *wait);

/* ---- tcp_prr.c */

struct tcp_prr {
	u32 flight;	    /* when recovery began */
	u32 delivered, out; /* bytes, since then */
};

/* An ACK told that @delivered more bytes have left a network that holds @pipe
 * of them: how many may be sent now. */
u32 tcp_prr_take(struct tcp_prr *p, u32 delivered, u32 pipe, u32 ssthresh,
		 u32 mss);

#endif
