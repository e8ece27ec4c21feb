/* SPDX-License-Identifier: MIT */
/*
 * Tail loss probes (RFC 8985 section 7). When the last segments of a flight are
 * lost nothing tells of it; before the timeout would, one more segment does.
 * The timer is rto_at, with TCP_F_EARLY. It runs from the last new ACK, or from
 * the first segment sent after it: what follows in the same flight does not put
 * it off.
 */
#include "net/tcp_loss.h"

static void arm(struct net *net, struct tcp_conn *c, u32 at)
{
	c->rto_at = at;
	c->flags |= TCP_F_EARLY;
	tcp_arm(net, c, at);
}

/* A single segment, whose ACK may be delayed? What is in flight can be as much
 * as one and two all the same, as options took room of the first; if that is
 * timed, it shows. Two small ones are acknowledged as late as one: RFC 5681
 * section 4.2 counts full ones. */
static bool is_single(const struct tcp_conn *c, u32 flight)
{
	bool more = c->flags & TCP_F_RTT_TIMED && c->rtt_seq != c->snd_max;

	return flight <= tcp_resend_most(c, c->mss_snd) &&
	       !(more && flight + TCP_MAX_OPT > c->mss_snd);
}

/* One probe at a time, and none while something is known to be missing. */
void tcp_tail_arm(struct net *net, struct tcp_conn *c, u32 flight, u64 now)
{
	const u32 busy = TCP_F_LOSS | TCP_F_RECOVERY | TCP_F_RTO_RECOVERY |
			 TCP_F_PROBE | TCP_F_EARLY;
	bool single = is_single(c, flight);
	u32 ticks, at;

	if ((single && !tcp_tail_of_one(c)) || !tcp_does_sack(c) || !c->srtt ||
	    !c->rto_at || c->backoff || c->flags & busy ||
	    c->state < TCP_ESTABLISHED)
		return;
	ticks = max((c->srtt >> 6) + 1, ticks_of_us(TCP_PROBE_LEAST_US));
	if (single)
		ticks += ticks_of_us(TCP_DELAYED_ACK_US);
	at = tcp_deadline(now, ticks);
	if (tick_before(at, c->rto_at))
		arm(net, c, at);
}

void tcp_tail_fired(struct net *net, struct tcp_conn *c, u64 now)
{
	tcp_arm_rto(net, c, now);
	if (c->snd_una == c->snd_max || !c->snd_wnd)
		return;
	c->tail = TAIL_DUE;
	c->flags |= TCP_F_LOSS;
	tcp_mark_out(net, c);
}

void tcp_tail_sent(struct net *net, struct tcp_conn *c, enum tcp_tail what)
{
	c->tail = (u8)(what & 3);
	c->recover = c->snd_max;
	net->stat->tcp_tail_probes++;
}

void tcp_tail_end(struct tcp_conn *c)
{
	c->tail = TAIL_NONE;
	if (!c->loss.raw)
		c->flags &= ~(u32)TCP_F_LOSS;
}

/* Section 7.4: did the probe repair a loss, which then is to be answered for,
 * or were it and the original both received? */
void tcp_tail_acked(struct net *net, struct tcp_conn *c,
		    const struct tcp_seg *s, bool advanced, bool dup, u64 now)
{
	if (c->tail == TAIL_DUE) {
		if (advanced)
			tcp_tail_end(c);
		return;
	}
	if (seq_lt(s->ack, c->recover))
		return;
	if (c->tail == TAIL_NEW || dup || (!advanced && !s->opt.nsack)) {
		tcp_tail_end(c);
	} else if (seq_lt(c->recover, s->ack)) {
		tcp_tail_end(c);
		tcp_cc_of(c)->loss(net, c, c->cwnd, now);
		c->cwnd = c->ssthresh;
	}
}
