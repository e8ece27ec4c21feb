/* SPDX-License-Identifier: MIT */
/*
 * Loss recovery with selective acknowledgements: what a connection needs
 * while segments are missing, and only then. A struct tcp_loss comes from a
 * pool when the first SACK or timeout tells of a loss, and goes back when
 * nothing is missing any more; with the pool empty, NewReno does (tcp_ack.c).
 * By file:
 *
 *   tcp_sack.c   the board: what became of the bytes in flight (RFC 2018, 6675)
 *   tcp_rack.c   which of them are lost (RFC 8985 section 6)
 *   tcp_prr.c    how many may follow (RFC 6937)
 *   tcp_loss.c   what an ACK or a timeout means for all three
 *   tcp_loss_pool.c  the objects, and who may have one
 *   tcp_frto.c   was it all but late (RFC 5682)? Also without an object
 *   tcp_undo.c   the same of fast recovery (RFC 3708, RFC 4015)
 *   tcp_tail.c   losses at the tail: probes (RFC 8985 section 7)
 *
 * Board, RACK and PRR are pure functions of their arguments. Times are
 * tcp_us(): units of 1024 ns.
 */
#ifndef NET_TCP_LOSS_H
#define NET_TCP_LOSS_H

#include "net/tcp_int.h"

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
	u32 resent;	 /* of those, sent again */
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
/* The first that was sent again is lost, too. False: there is none. */
bool tcp_board_doubt(struct tcp_board *b);
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
/* Marks what is lost by now; true if anything more is. *@wait: until then, 0:
 * nothing waits. */
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

/* ---- tcp_undo.c */

/* What this recovery has sent again. */
struct tcp_again {
	u32 from;  /* it began when this was snd_una */
	u32 top;   /* where the last ends, be it of one before */
	u32 at;	   /* the first of it went, as tcp_us() */
	u32 bytes; /* all of it, */
	u32 late;  /* ... and of that what came after all, by timestamps */
};

/* ---- all of it */

/* One for what was sent again, each time that all is silent. */
enum tcp_loss_probe {
	PROBE_NONE,
	PROBE_DUE, /* TCP_F_EARLY: when rto_at fires */
	PROBE_SENT,
};

struct tcp_loss {
	struct tcp_board board;
	struct tcp_rack rack;
	struct tcp_prr prr;
	struct tcp_again again;
	u32 rto_at;	   /* TCP_F_EARLY: the timeout, which comes later */
	struct ref16 next; /* of the free ones */
	u8 probe;	   /* enum tcp_loss_probe */
};

static inline struct tcp_loss *tcp_loss_at(const struct net *net,
					   struct ref16 r)
{
	return &net->tcp.losses[ref16_index(r)];
}

/* NULL: none, nothing is lost or it is NewReno's. */
static inline struct tcp_loss *tcp_loss_of(const struct net *net,
					   const struct tcp_conn *c)
{
	if (likely(!(c->flags & TCP_F_LOSS)) || !c->loss.raw)
		return NULL;
	return tcp_loss_at(net, c->loss);
}

/* ---- tcp_loss_pool.c */

/* How many there are, and the memory for them. */
u32 tcp_losses(const struct tcp_conf *conf);
size_t tcp_loss_bytes(const struct tcp_conf *conf);
/* For a connection that has none. NULL: there is none for it, or what is in
 * flight is not as the board would assume. */
struct tcp_loss *tcp_loss_take(struct net *net, struct tcp_conn *c, u64 now);
/* @c's, which is @l, is free again. */
void tcp_loss_give(struct net *net, struct tcp_conn *c, struct tcp_loss *l);
/* The same if it has one, and no more probe for the tail. */
void tcp_loss_put(struct net *net, struct tcp_conn *c);
/* One that is nobody's, for a connection of another thread, or none. */
struct ref16 tcp_loss_set_aside(struct net *net);
void tcp_loss_give_back(struct net *net, struct ref16 r);
/* @c's goes to @to, which is @r of that thread. */
void tcp_loss_hand_over(struct net *net, struct tcp_conn *c,
			struct tcp_loss *to, struct ref16 r);
/* ... which knows @c now. */
void tcp_loss_adopt(struct net *net, const struct tcp_conn *c);
/* The opposite. */
void tcp_loss_disown(struct net *net, const struct tcp_conn *c);

/* ---- tcp_loss.c */

/* What an acceptable ACK says, after tcp_ack_advance() if it is new
 * (@advanced). False: not for us, it may be a duplicate in NewReno's sense. */
bool tcp_loss_ack(struct net *net, struct tcp_conn *c, const struct tcp_seg *s,
		  bool advanced, u64 now);
/* The reordering window is over, or a probe is due. */
void tcp_loss_fired(struct net *net, struct tcp_conn *c, u64 now);
/* A timeout. False: go back, without SACK. */
bool tcp_loss_timeout(struct net *net, struct tcp_conn *c, u64 now);
/* All that is in flight was too large for the path. False: see above. */
bool tcp_loss_all(struct net *net, struct tcp_conn *c);
/* Bytes in the network. */
u32 tcp_in_network(const struct net *net, const struct tcp_conn *c);
/* The most that a segment sent again takes of the sequence: a FIN, which has
 * been sent, goes beside as much data as fits. */
static inline u32 tcp_resend_most(const struct tcp_conn *c, u32 mss)
{
	return mss + !!(c->flags & TCP_F_FIN_SENT);
}

/* What is to be sent again next, if it may: bytes from *@seq on, 0: nothing. */
u32 tcp_loss_next(const struct net *net, const struct tcp_conn *c, u32 *seq);
/* Does what is lost come before new data? */
bool tcp_loss_first(const struct net *net, const struct tcp_conn *c);
/* It goes. False: no room to say so, not now. */
bool tcp_loss_resend(struct net *net, struct tcp_conn *c, u32 seq, u32 len,
		     u64 now);

/* @len bytes of new data have gone. */
void tcp_loss_sent(struct net *net, struct tcp_conn *c, u32 len);
/* The timeout begins anew. */
void tcp_loss_rearm(struct net *net, struct tcp_conn *c, u64 now);

/* A recovery, perhaps a timeout's, is over: after some the reordering window is
 * narrow again (RFC 8985 section 6.2 step 4). */
static inline void tcp_loss_over(struct tcp_conn *c)
{
	c->reo_keep -= !!c->reo_keep;
	if (!c->reo_keep)
		c->reo_mult = min((u8)c->reo_mult, (u8)1);
}

/* ---- tcp_frto.c */

/* Was the timeout spurious? */
enum tcp_frto {
	FRTO_NONE,
	FRTO_HEAD, /* the first segment was sent again */
	FRTO_NEW,  /* its ACK has let new ones out: nothing is sent again */
};

/* A timeout. */
void tcp_frto_begin(struct tcp_conn *c);
/* The first ACK after it, which echoes @tsecr: true if that tells that it was.
 */
bool tcp_frto_echoed(struct net *net, struct tcp_conn *c, u32 tsecr, u64 now);
/* c->frto is not FRTO_NONE, and there is a scoreboard: true if it was. */
bool tcp_frto_sacked(struct net *net, struct tcp_conn *c,
		     const struct tcp_arrived *a, bool advanced);
/* ... and there is none: an ACK that advances, and one that does not. */
void tcp_frto_advanced(struct net *net, struct tcp_conn *c);
void tcp_frto_repeated(struct net *net, struct tcp_conn *c);
/* FRTO_NEW: what may be in flight by that. */
u32 tcp_frto_window(const struct tcp_conn *c);

/* ---- tcp_undo.c, see there; NULL for @l: there is no object any more */

/* Fast recovery begins; a probe for the tail may be on its way. */
void tcp_undo_begin(const struct net *net, struct tcp_conn *c,
		    struct tcp_loss *l);
/* @len bytes from @seq on have gone again: one segment. */
void tcp_undo_resent(struct net *net, struct tcp_conn *c, struct tcp_loss *l,
		     u32 seq, u32 len, u64 now);
/* The peer says that @b came twice. */
void tcp_undo_dup(struct net *net, struct tcp_conn *c, struct tcp_loss *l,
		  const struct tcp_block *b, u64 now);
/* An ACK that echoes @tsecr is of @bytes that have gone again, among others. */
void tcp_undo_echoed(struct net *net, struct tcp_conn *c, struct tcp_loss *l,
		     u32 bytes, u32 tsecr, u64 now);

/* All goes again, and not as lost: what comes twice, or late, tells nothing of
 * the last reduction. */
void tcp_undo_end(const struct net *net, struct tcp_conn *c);

/* What may come twice from now on is no lesson in reordering: a timeout sends
 * it again, or there is another reason. */
static inline void tcp_undo_no_lesson(struct tcp_conn *c)
{
	c->learnt = true;
}

/* ---- tcp_tail.c */

/* Of a single segment, and what comes then (RFC 8985 section 7.2). */
enum { TCP_DELAYED_ACK_US = 200000 };

/* Is there a probe for a single segment, whose ACK may be delayed? Only where
 * the timeout is longer than that. */
static inline bool tcp_tail_of_one(const struct tcp_conn *c)
{
	return c->rto > ticks_of_us(TCP_DELAYED_ACK_US);
}

enum {
	/* Peers may take this long for an ACK of less than two segments behind
	 * others; a wheel of ticks and batches is no reason to send twice. */
	TCP_PROBE_LEAST_US = 2000,
};

enum tcp_tail {
	TAIL_NONE,
	TAIL_DUE,   /* a probe is to be sent */
	TAIL_NEW,   /* it was new data, up to c->recover */
	TAIL_AGAIN, /* it was the last segment once more */
};

/* @flight bytes are in flight, and the timer that runs is the timeout's: a
 * probe may come before it. */
void tcp_tail_arm(struct net *net, struct tcp_conn *c, u32 flight, u64 now);
/* It is time for one. */
void tcp_tail_fired(struct net *net, struct tcp_conn *c, u64 now);
/* It has gone. */
void tcp_tail_sent(struct net *net, struct tcp_conn *c, enum tcp_tail what);
/* An acceptable ACK; @dup: it says that the probe came twice. */
void tcp_tail_acked(struct net *net, struct tcp_conn *c,
		    const struct tcp_seg *s, bool advanced, bool dup, u64 now);
/* No more probe. */
void tcp_tail_end(struct tcp_conn *c);

#endif
