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

struct tcp_cc_state {
	u32 owner; /* index + 1; 0: free */
	union {
		u32 acked; /* bytes towards the next step */
		u32 next;  /* free list: index + 1 */
	};
	/* Before the last reduction; and whether that can be taken back. */
	u32 prior_cwnd, prior_ssthresh;
	u8 undo;
	u8 pad[3];
};

static inline struct tcp_cc_state *tcp_cc_state(const struct net *net,
						const struct tcp_conn *c)
{
	return c->flags & TCP_F_CC_STATE ? &net->tcp.cc_states[c->cc_state - 1]
					 : NULL;
}

/* The same, taken from the pool if need be; NULL if there is none. */
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

/* May a mark reduce the window? Once for all that was in flight then, lost or
 * marked (RFC 3168 section 6.1.2). */
bool tcp_cc_may_reduce(const struct tcp_conn *c);
/* A mark has reduced it. */
void tcp_cc_reduced(struct tcp_conn *c);

/* cc_newreno.c: also for those without a state. */
void newreno_init(struct tcp_conn *c, u32 init_segs);
void newreno_acked(struct net *net, struct tcp_conn *c, u32 bytes, u32 rtt,
		   u64 now);
void newreno_loss(struct net *net, struct tcp_conn *c, u32 flight, u64 now);
void newreno_timeout(struct net *net, struct tcp_conn *c, u64 now);
void newreno_ecn(struct net *net, struct tcp_conn *c, u32 bytes, u64 now);

extern const struct tcp_cc newreno_cc;

#endif
