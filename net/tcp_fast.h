/* SPDX-License-Identifier: MIT */
/*
 * The fast path: what an established connection mostly sees, all layers in one
 * go. tcp_fast_in() takes frames that are the next segment in order, without
 * anything unusual; tcp_answer() sends at once what fits one segment. Both
 * ask everything first, one condition a line, and change nothing unless they
 * can do the whole; then they do what the long way does, by the same verbs.
 * Else it goes there: ip_in() -> tcp_in() or tcp_send() -> tcp_output(), which
 * knows all cases and does not rely on anything done here.
 *
 * Each family has a way of its own, so that IPv4 does not pay for what IPv6
 * needs besides.
 */
#ifndef NET_TCP_FAST_H
#define NET_TCP_FAST_H

#include "net/header.h"
#include "net/tcp_int.h"

/* With timestamps, in the layout of RFC 7323 appendix A. */
struct tcp_fast_seg {
	struct tcp_hdr tcp;
	struct be32 ts_kind, tsval, tsecr;
} PACKED;

enum {
	TCP_FAST_LEN = sizeof(struct tcp_fast_seg),
	/* What may be set or not. Any other flag, a new one, too, closes the
	 * fast path: it is added here by who has seen that it may be. */
	TCP_FAST_FLAGS = TCP_F_ACK_NOW | TCP_F_ACK_LATER | TCP_F_WSCALE |
			 TCP_F_ACCEPTED | TCP_F_RTT_TIMED | TCP_F_EARLY |
			 TCP_F_ON_READY | TCP_F_ON_OUT | TCP_F_ACTIVE |
			 TCP_F_COUNTED | TCP_F_CC_STATE | TCP_F_ECN,
};

_Static_assert(sizeof(struct tcp_fast_seg) == TCP_LEN + TCP_TS_LEN,
	       "no padding");

/* Established, with timestamps, no loss and no timeout, and nothing but @any
 * going on? */
static inline bool tcp_is_fast(const struct tcp_conn *c, u32 any)
{
	return c->state_word == TCP_ESTABLISHED &&
	       (c->flags & ~any) == TCP_F_TS;
}

/* The hash of the flow that @m seems to be of; 0: of none. Nothing of it is
 * checked yet, so that it is good for fetching alone. */
u32 tcp_hash_ahead(const struct net *net, const struct mbuf *m);

#endif
