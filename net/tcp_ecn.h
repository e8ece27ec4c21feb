/* SPDX-License-Identifier: MIT */
/* Explicit congestion notification: tcp_ecn.c. */
#ifndef NET_TCP_ECN_H
#define NET_TCP_ECN_H

#include "net/tcp_seg.h"

/* Flags of our SYN or SYN-ACK. */
u8 tcp_ecn_syn_flags(const struct net *net, struct tcp_conn *c);
/* The peer's SYN or SYN-ACK had @flags. */
void tcp_ecn_take_syn(const struct net *net, struct tcp_conn *c, u8 flags);
/* An acceptable segment: what its mark and CWR mean, and its ECE. */
void tcp_ecn_in_slow(struct net *net, struct tcp_conn *c,
		     const struct tcp_seg *s, u64 now);

static inline void tcp_ecn_in(struct net *net, struct tcp_conn *c,
			      const struct tcp_seg *s, u64 now)
{
	if (unlikely(c->flags & TCP_F_ECN))
		tcp_ecn_in_slow(net, c, s, now);
}

_Static_assert(TCP_F_ECN == IP_ECT_0 << 16, "tcp_ect() only shifts");

/* tos of new data. */
static inline u8 tcp_ect(const struct tcp_conn *c)
{
	return (u8)((c->flags & TCP_F_ECN) >> 16);
}

/* ... and of data from @seq on: is it new, and not a window probe? */
static inline u8 tcp_ecn_tos(const struct tcp_conn *c, u32 seq)
{
	return seq == c->snd_max && c->snd_wnd ? tcp_ect(c) : 0;
}

/* What a segment with @flags and @tos tells besides. */
static inline u8 tcp_ecn_flags(struct net *net, struct tcp_conn *c, u8 flags,
			       u8 tos)
{
	u8 more = 0;

	if (unlikely(c->flags & TCP_F_ECE) &&
	    (flags & (TCP_ACK | TCP_RST)) == TCP_ACK) {
		net->stat->tcp_ece_out++;
		more = TCP_ECE;
	}
	if (unlikely(tos && c->flags & TCP_F_CWR)) {
		c->flags &= ~(u32)TCP_F_CWR;
		net->stat->tcp_cwr_out++;
		more |= TCP_CWR;
	}
	return more;
}

/* The window was reduced, for whatever reason (RFC 3168 section 6.1.2). */
static inline void tcp_ecn_reduced(struct tcp_conn *c)
{
	if (c->flags & TCP_F_ECN)
		c->flags |= TCP_F_CWR;
}

#endif
