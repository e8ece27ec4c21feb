/* SPDX-License-Identifier: MIT */
/* What acknowledgements do: tcp_ack.c. */
#ifndef NET_TCP_ACK_H
#define NET_TCP_ACK_H

#include "net/tcp_sndq.h"
#include "net/tcp_time.h"

/* @ack is new: @bytes of the send queue are acknowledged. Returns the round
 * trip that this measured, 0: none. rto_at is still to be set anew. */
static inline u32 tcp_take_acked(struct net *net, struct tcp_conn *c, u32 ack,
				 u32 bytes, u64 now)
{
	u32 rtt = 0;

	if (unlikely(c->flags & (TCP_F_RTT_TIMED | TCP_F_EARLY))) {
		c->flags &= ~(u32)TCP_F_EARLY;
		if (c->flags & TCP_F_RTT_TIMED && seq_le(c->rtt_seq, ack))
			rtt = tcp_rtt_stop(net, c, now);
	}
	tcp_sndq_ack(net, c, bytes);
	c->snd_una = ack;
	c->acked += bytes;
	return rtt;
}

/* FlightSize (RFC 5681), up to @top, as it was when we sent last. Of a batch of
 * ACKs the first ones leave less in flight, and nothing is sent before the
 * last; but data that waits for the window had filled it. */
static inline u32 tcp_flight(const struct tcp_conn *c, u32 top)
{
	u32 flight = top - c->snd_una;
	bool waits = c->snd_max - c->snd_una < c->sndq_bytes;

	return waits && c->cwnd <= c->snd_wnd ? max(flight, c->cwnd) : flight;
}

/* @ack is new: takes what it acknowledges off the send queue. Returns true if
 * our FIN is among it. @tsecr: of the timestamps, if there are any. */
bool tcp_ack_advance(struct net *net, struct tcp_conn *c, u32 ack, u32 tsecr,
		     u64 now);
/* RFC 5681 section 3.2. */
void tcp_duplicate_ack(struct net *net, struct tcp_conn *c, u64 now);
/* Our FIN was acknowledged. False when that ends the connection. */
bool tcp_fin_acked(struct net *net, struct tcp_conn *c, u64 now);

/* ---- the window that comes with them */

/* The peer's window changed to @wnd bytes. */
void tcp_new_window(struct net *net, struct tcp_conn *c, u32 wnd);

/* The window of a segment that began at @seq is the latest. */
static inline void tcp_take_window(struct net *net, struct tcp_conn *c, u32 seq,
				   u32 wnd)
{
	c->snd_wl1 = seq;
	if (unlikely(wnd != c->snd_wnd))
		tcp_new_window(net, c, wnd);
}

/* RFC 9293 3.10.7.4, "send window shall be updated". */
void tcp_update_window(struct net *net, struct tcp_conn *c,
		       const struct tcp_seg *s);

#endif
