/* SPDX-License-Identifier: MIT */
/* Timers of a connection (tcp_timer.c), round trips, timestamps. */
#ifndef NET_TCP_TIME_H
#define NET_TCP_TIME_H

#include "net/tcp_seg.h"

/* Deadline @ticks from now, or one later: odd, as 0 means "not set". */
static inline u32 tcp_deadline(u64 now, u32 ticks)
{
	return (tick_of(now) + ticks) | 1;
}

/* Makes sure that tcp_timer() runs at tick @at or earlier. */
static inline void tcp_arm(struct net *net, struct tcp_conn *c, u32 at)
{
	if (!timer_is_set(&c->timer) || tick_before(at, c->timer.expires))
		timer_set(&net->wheel, &c->timer, at);
}

/* TCP_F_EARLY is not set: else tcp_rearm_rto(). */
static inline void tcp_arm_rto(struct net *net, struct tcp_conn *c, u64 now)
{
	c->rto_at = tcp_deadline(now, c->rto);
	tcp_arm(net, c, c->rto_at);
}

/* When the timeout is due, if nothing is acknowledged from now on. */
u32 tcp_rto_deadline(const struct net *net, const struct tcp_conn *c, u64 now);
/* RFC 6298 section 5.3, and what may come earlier. */
void tcp_rearm_rto(struct net *net, struct tcp_conn *c, u64 now);
/* Nothing is in flight. */
static inline void tcp_stop_rto(struct tcp_conn *c)
{
	c->rto_at = 0;
	c->flags &= ~(u32)TCP_F_EARLY;
}

/* Keepalive, or the end of a connection that is closed for good: keep_at. */
void tcp_arm_keep(struct net *net, struct tcp_conn *c, u64 now);
/* A segment that tells nothing new has come: the peer is there. */
void tcp_is_there(struct net *net, struct tcp_conn *c, u64 now);
/* What is in flight counts as lost, all of it. */
void tcp_go_back(struct net *net, struct tcp_conn *c);
/* RST, and the end: ETIMEDOUT. */
void tcp_give_up(struct net *net, struct tcp_conn *c, u64 now);

/* ---- tcp_late.c: hosts whose ACKs come late */

/* A timeout was in vain. */
void tcp_was_late(struct net *net, const struct tcp_conn *c);
/* It is due: true if, by that, it waits longer. */
bool tcp_wait_longer(struct net *net, struct tcp_conn *c, u64 now);
/* It is taken, before anything else that it means. */
void tcp_waited(struct net *net, const struct tcp_conn *c);

/* ---- round trips */

/* Microseconds (of 1024 ns) for timing round trips. */
static inline u32 tcp_us(u64 now)
{
	return (u32)(now >> 10);
}

/* RTO from the estimate, without backoff. srtt and rttvar are in units of
 * 1024 ns; a tick is 16 of them. */
static inline void tcp_rto_restore(struct net *net, struct tcp_conn *c)
{
	const struct tcp *t = &net->tcp;
	u32 var = max(c->rttvar >> 4, t->rto_slack);
	u32 ticks = likely(c->srtt) ? (c->srtt >> 7) + 1 + var : t->rto_initial;

	c->rto = min(max(ticks, t->rto_min), t->rto_max);
}

/* Time the segment that ends at snd_nxt? One at a time (Karn). RFC 6298 section
 * 3 asks for a sample per round trip; when round trips are shorter than a
 * millisecond, one per millisecond: the RTO's lower bound is far above. */
static inline bool tcp_rtt_wanted(const struct tcp_conn *c, u64 now)
{
	return !(c->flags & TCP_F_RTT_TIMED) &&
	       (tcp_us(now) - c->rtt_at > 1000 || !c->srtt);
}

static inline void tcp_rtt_start(struct tcp_conn *c, u64 now)
{
	c->flags |= TCP_F_RTT_TIMED;
	c->rtt_seq = c->snd_nxt;
	c->rtt_at = tcp_us(now);
}

/* RFC 6298 section 2, in the fixed point of Jacobson's paper: srtt scaled by
 * 8, rttvar by 4. @us: a round trip, in units of 1024 ns. */
static inline void tcp_rtt_update(struct net *net, struct tcp_conn *c, u32 us)
{
	s32 delta;

	us = min(us + !us, 1u << 27);
	if (unlikely(!c->srtt)) {
		c->srtt = us << 3;
		c->rttvar = us << 1;
	} else {
		delta = (s32)(us - (c->srtt >> 3));
		c->srtt += (u32)delta;
		c->rttvar +=
			(u32)(delta < 0 ? -delta : delta) - (c->rttvar >> 2);
	}
	tcp_rto_restore(net, c);
}

/* The timed segment is acknowledged. Returns the round trip: not 0. */
static inline u32 tcp_rtt_stop(struct net *net, struct tcp_conn *c, u64 now)
{
	u32 rtt = max(tcp_us(now) - c->rtt_at, 1u);

	c->flags &= ~(u32)TCP_F_RTT_TIMED;
	tcp_rtt_update(net, c, rtt);
	return rtt;
}

/* ---- timestamps */

/* Our timestamp clock: 1.05 ms per tick (RFC 7323 section 5.4: 1 ms to 1 s),
 * with an offset per connection against prediction. */
static inline u32 tcp_tsval(const struct tcp_conn *c, u64 now)
{
	return (u32)(now >> 20) + c->ts_offset;
}

/* Is what @tsecr echoes older than @at, which is tcp_us()? In units of
 * timestamps, of 2^10 us: what went in the same one is not. */
static inline bool tcp_echoes_older(const struct tcp_conn *c, u32 tsecr, u32 at)
{
	u32 echoed = (tsecr - c->ts_offset) << 10;

	return c->flags & TCP_F_TS && (s32)(echoed - (at & ~0u << 10)) < 0;
}

enum { TCP_TS_AGE_SHIFT = 40 };

/* TS.Recent, and when it was taken (RFC 7323 section 4.3). */
static inline void tcp_renew_ts(struct tcp_conn *c, u32 tsval, u64 now)
{
	c->ts_recent = tsval;
	c->ts_recent_at = (u16)(now >> TCP_TS_AGE_SHIFT);
}

/* ... of the segment that began at @seq: section 4.3, step 2. The peer's clock
 * is slower than packets come: it is mostly the same. */
static inline void tcp_take_ts(struct tcp_conn *c, u32 seq, u32 tsval, u64 now)
{
	if (unlikely(tsval != c->ts_recent) && seq_le(seq, c->last_ack_sent))
		tcp_renew_ts(c, tsval, now);
}

#endif
