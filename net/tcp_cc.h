/* SPDX-License-Identifier: MIT */
/*
 * Congestion control: the algorithms (cc_*.c) and what they share (tcp_cc.c).
 *
 * A connection that has never filled its window and never lost anything needs
 * no more than struct tcp_conn. The others take a struct tcp_cc_state from a
 * pool of one for every six connections, and give it back at the end. When it
 * is empty, one whose owner is idle changes hands; else the connection goes on
 * without, as NewReno.
 */
#ifndef NET_TCP_CC_H
#define NET_TCP_CC_H

#include "net/tcp_int.h"

enum { TCP_CC_SHARE = 6 }; /* connections per struct tcp_cc_state */

/* Times are counted in units of 2^20 ns, sequence numbers are the connection's,
 * windows are bytes. */

struct cubic {	   /* RFC 9438 */
	u32 w_max; /* where the window was when it was too large */
	u32 w_est; /* what Reno would have reached */
	u32 k;	   /* from epoch until w_max is reached again */
	u32 epoch; /* when congestion avoidance began, less what was idle */
	u32 last;  /* when it last grew */
};

struct hystart {       /* RFC 9406; round trips in units of 1024 ns, 0: none */
	u32 last_min;  /* shortest of the round before, */
	u32 min;       /* and of this one, */
	u32 base;      /* and when conservative slow start began, in that */
	u32 round_end; /* sequence number */
	u8 samples;    /* of this round, up to a few */
	u8 rounds;     /* in conservative slow start, this one included */
	bool begun;
};

struct dctcp {	       /* RFC 8257 */
	u32 alpha;     /* part of the bytes that is marked, of 2^20 */
	u32 acked;     /* in this observation window, */
	u32 marked;    /* of those, */
	u32 round_end; /* ... which ends here */
	bool begun;
};

struct tcp_cc_state {
	struct ref32 owner; /* connection; none: free */
	union {
		u32 acked;	   /* bytes towards the next step */
		struct ref32 next; /* free list */
	};
	u32 prior_cwnd, prior_ssthresh; /* before the last reduction */
	/* Pacing: bytes that this slot still has, and the tick when it ends. */
	s32 pace_left;
	u32 pace_at;
	bool pace_wait; /* data waits for that */
	bool undo : 1;	/* the last reduction can be taken back */
	u8 prior_stage : 2;
	u8 again; /* segments it sent again, less reports that one came twice */
	u8 stage; /* enum cubic_stage */
	union {
		struct cubic cubic;
		struct hystart hystart; /* while ssthresh is not set */
		struct dctcp dctcp;
	};
};

_Static_assert(sizeof(struct tcp_cc_state) <= 8 * TCP_CC_SHARE,
	       "eight bytes for every connection");

static inline struct tcp_cc_state *tcp_cc_at(const struct net *net,
					     struct ref32 r)
{
	return &net->tcp.cc_states[ref32_index(r)];
}

static inline struct tcp_cc_state *tcp_cc_state(const struct net *net,
						const struct tcp_conn *c)
{
	return c->flags & TCP_F_CC_STATE ? tcp_cc_at(net, c->cc_state) : NULL;
}

/* One of the pool, or none. */
struct ref32 tcp_cc_take(struct net *net, u64 now);
/* ... that is nobody's any more. */
void tcp_cc_give_back(struct net *net, struct ref32 r);

/* tcp_cc_state(), taken from the pool if need be; NULL if there is none. */
struct tcp_cc_state *tcp_cc_need(struct net *net, struct tcp_conn *c, u64 now);

/* The bytes that count towards the next increase, wherever they are kept. */
static inline u32 *tcp_cc_acked(const struct net *net, struct tcp_conn *c)
{
	struct tcp_cc_state *s = tcp_cc_state(net, c);

	return s ? &s->acked : &c->cc_acked;
}

/* Before a reduction: for tcp_cc_undo(). One inside of recovery cannot be taken
 * back: what it begins from is not what was before the loss. */
void tcp_cc_remember(struct net *net, struct tcp_conn *c, u64 now);
void tcp_cc_undo(struct net *net, struct tcp_conn *c);
/* It will not be taken back. */
void tcp_cc_for_good(const struct net *net, struct tcp_conn *c);

/* May a mark reduce the window? Once for all that was in flight then, lost or
 * marked (RFC 3168 section 6.1.2). */
bool tcp_cc_may_reduce(const struct tcp_conn *c);
/* A mark has reduced it: for good. */
void tcp_cc_reduced(const struct net *net, struct tcp_conn *c);

static inline u32 tcp_cc_time(u64 now)
{
	return (u32)(now >> 20);
}

/* Segments that one ACK may let the window of slow start grow by: L of RFC
 * 3465. That says two, for receivers that acknowledge every second segment.
 * Today they leave out more, so that slow start would take several times as
 * long: RFC 9406 says eight. */
enum { TCP_CC_BURST = 8 };

/* Slow start outside of HyStart++: RFC 5681 section 3.1, with appropriate byte
 * counting. One segment after a timeout (RFC 3465 section 2.3). */
static inline void tcp_cc_slow_start(struct tcp_conn *c, u32 bytes)
{
	u32 limit = c->flags & TCP_F_RTO_RECOVERY ? 1 : TCP_CC_BURST;

	c->cwnd += min(bytes, limit * c->mss_snd);
}

/* cc_newreno.c: also for those without a state. */
void newreno_init(struct tcp_conn *c, u32 init_segs);
void newreno_acked(struct net *net, struct tcp_conn *c, u32 bytes, u32 rtt,
		   u64 now);
void newreno_loss(struct net *net, struct tcp_conn *c, u32 flight, u64 now);
void newreno_timeout(struct net *net, struct tcp_conn *c, u64 now);
void newreno_ecn(struct net *net, struct tcp_conn *c, u32 bytes, u64 now);

extern const struct tcp_cc newreno_cc;

/* cc_cubic.c */
extern const struct tcp_cc cubic_cc;
/* The integer part of the cube root. */
u32 cubic_root(u64 x);

/* cc_dctcp.c */
extern const struct tcp_cc dctcp_cc;

/* cc_hystart.c: the first slow start, @bytes acknowledged. Sets ssthresh when
 * it is over. */
void hystart_acked(struct tcp_conn *c, struct hystart *h, u32 bytes, u32 rtt);

#endif
