/* SPDX-License-Identifier: MIT */
/*
 * Pacing: a window goes out in up to sixteen bursts over a round trip, not in
 * one at each ACK. The bursts are slots of the timer wheel:
 *
 *	bytes   |#####  |#####  |#####  |####
 *	        +-------+-------+-------+------>
 *	                ^ pace_at: the slot is over
 *
 * at twice the window per round trip in slow start, else at five quarters of
 * it: never what limits.
 *
 * For connections with a state of congestion control: whoever has never filled
 * its window has nothing to spread. What is sent again waits as new data does,
 * but for the first of a peer without SACK and for probes; the first segment
 * after a pause never waits.
 */
#include "net/tcp_cc.h"

enum { SLOTS = 4 }; /* log2 of the slots per round trip, at most */

/* Fewer slots if one would have less than two segments. */
static u32 slots_of(const struct tcp_conn *c)
{
	u32 n = SLOTS;

	while (n && c->cwnd >> n < 2u * c->mss_snd)
		n--;
	return n;
}

/* False: round trips are too short to be cut up, and what goes then is not owed
 * to later slots. What went beyond the last slot counts in this one. */
static bool begin_slot(const struct tcp_conn *c, struct tcp_cc_state *s,
		       u32 now)
{
	u32 n = slots_of(c), ticks = c->srtt >> (7 + n);
	u32 bytes = c->cwnd >> n;

	if (!ticks) {
		s->pace_left = 0;
		return false;
	}
	bytes += c->cwnd < c->ssthresh ? bytes : bytes / 4;
	s->pace_left = min(s->pace_left, 0) + (s32)bytes;
	s->pace_at = now + ticks;
	return true;
}

/* It is never longer than a round trip: what seems to be is of half a day ago,
 * ticks wrap. */
static bool slot_runs(const struct tcp_conn *c, const struct tcp_cc_state *s,
		      u32 now)
{
	return s->pace_at - now - 1 < c->srtt >> 7;
}

bool tcp_pace_open_slow(struct net *net, struct tcp_conn *c, u64 now)
{
	struct tcp_cc_state *s = tcp_cc_state(net, c);
	u32 tick = tick_of(now);

	s->pace_wait = false;
	if (c->snd_nxt == c->snd_una)
		return true;
	if (!slot_runs(c, s, tick) && !begin_slot(c, s, tick))
		return true;
	if (s->pace_left > 0)
		return true;
	s->pace_wait = true;
	tcp_arm(net, c, s->pace_at);
	return false;
}

void tcp_pace_sent_slow(struct net *net, struct tcp_conn *c, u32 bytes)
{
	tcp_cc_state(net, c)->pace_left -= (s32)bytes;
}

void tcp_pace_timer(struct net *net, struct tcp_conn *c, u64 now)
{
	struct tcp_cc_state *s = tcp_cc_state(net, c);

	if (!(c->flags & TCP_F_PACED) || !s->pace_wait)
		return;
	if (tick_before(tick_of(now), s->pace_at))
		tcp_arm(net, c, s->pace_at);
	else
		tcp_mark_out(net, c);
}
