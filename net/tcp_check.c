/* SPDX-License-Identifier: MIT */
/* May a segment come from the peer? The checks of RFC 9293 section 3.10.7.4, in
 * its order, each a function: a segment is judged as it arrived. */
#include "net/tcp_int.h"

/* What the next step should do. */
enum step { GO_ON, DROP };

/* ---- challenge ACKs */

static bool challenged_lately(const struct net *net, const struct tcp_conn *c,
			      u64 now)
{
	u32 interval =
		ticks_of_us(net->conf.tcp.challenge_interval_ms * 1000ull);

	return tick_of(now) - c->challenged < interval;
}

/* RFC 5961 section 7: the limit that is mostly felt is the connection's own;
 * that of all together tells nothing (CVE-2016-5696). */
static bool may_challenge(struct net *net, const struct tcp_conn *c, u64 now)
{
	struct tcp *t = &net->tcp;
	u64 second = now >> 30;

	if (challenged_lately(net, c, now))
		return false;
	if (t->challenge_second != second) {
		t->challenge_second = second;
		t->challenges_left =
			net_budget(net, net->conf.tcp.challenge_acks, second);
	}
	return t->challenges_left;
}

static void challenge_ack(struct net *net, struct tcp_conn *c, u64 now)
{
	if (!may_challenge(net, c, now))
		return;
	net->tcp.challenges_left--;
	c->challenged = tick_of(now);
	net->stat->tcp_challenge_acks++;
	tcp_ack_now(net, c);
}

/* Not acceptable. What carries nothing may itself be the answer to one of ours:
 * two ends, each of which somebody has told more than the other one sent, would
 * go on for ever (ACK storm). So it has an answer only now and then. */
static void answer(struct net *net, struct tcp_conn *c, const struct tcp_seg *s,
		   u64 now)
{
	if (!s->len && !(s->flags & TCP_FIN)) {
		if (challenged_lately(net, c, now))
			return;
		c->challenged = tick_of(now);
	}
	tcp_ack_now(net, c);
}

/* ---- what the steps ask */

static bool in_window(const struct tcp_conn *c, u32 seq)
{
	return seq - c->rcv_nxt < c->rcv_adv - c->rcv_nxt;
}

/* The closed window, too, has an edge: of a segment that reaches across it,
 * trim() leaves what the "special allowance" is for, its ACK, and a FIN, which
 * needs no buffer. */
static bool acceptable(const struct tcp_conn *c, const struct tcp_seg *s)
{
	u32 len = s->len + !!(s->flags & TCP_FIN);

	if (!len)
		return in_window(c, s->seq) || s->seq == c->rcv_nxt;
	if (c->rcv_adv == c->rcv_nxt)
		return c->rcv_nxt - s->seq < len;
	return in_window(c, s->seq) || in_window(c, s->seq + len - 1);
}

/* What was received before, up to RCV.NXT, with an ACK that is new: in CLOSING,
 * say, the peer's FIN again, which saw ours. By its numbers it is not
 * acceptable, but it is tailored to its ACK, as what lies across the edge is:
 * that peer may never send another. */
static bool repeats_with_ack(const struct tcp_conn *c, const struct tcp_seg *s)
{
	u32 len = s->len + !!(s->flags & TCP_FIN);

	return len && s->seq + len == c->rcv_nxt &&
	       (s->flags & (TCP_RST | TCP_ACK)) == TCP_ACK &&
	       seq_lt(c->snd_una, s->ack) && seq_le(s->ack, c->snd_max);
}

/* RFC 7323 section 5.3. A timestamp that has not been renewed for 24 days is
 * not compared with (section 5.5). */
static bool paws_refuses(const struct tcp_conn *c, const struct tcp_seg *s,
			 u64 now)
{
	enum { DAYS_24 = 1886 }; /* in units of 2^40 ns */

	return seq_lt(s->opt.tsval, c->ts_recent) &&
	       (u16)((now >> TCP_TS_AGE_SHIFT) - c->ts_recent_at) < DAYS_24;
}

/* RFC 5961 section 5.2. */
static bool ack_in_range(const struct tcp_conn *c, const struct tcp_seg *s)
{
	return seq_le(s->ack, c->snd_max) &&
	       seq_le(c->snd_una - c->max_wnd, s->ack);
}

/* The peer's FIN once more, in TIME-WAIT: our ACK was lost. Nothing else may
 * make TIME-WAIT last longer. */
static bool repeated_fin(const struct tcp_conn *c, const struct tcp_seg *s)
{
	return c->state == TCP_TIME_WAIT && s->flags & TCP_FIN &&
	       s->seq + s->len + 1 == c->rcv_nxt && s->flags & TCP_ACK &&
	       ack_in_range(c, s);
}

/* ---- the steps */

/* Second: RST (RFC 5961 section 3). Its own sequence number must be the next
 * one; what it carries makes it no better. */
static enum step check_rst(struct net *net, struct tcp_conn *c,
			   const struct tcp_seg *s, u64 now)
{
	if (!(s->flags & TCP_RST))
		return GO_ON;
	if (s->seq != c->rcv_nxt) {
		if (in_window(c, s->seq))
			challenge_ack(net, c, now);
		else
			net->stat->drop_tcp_window++;
		return DROP;
	}
	net->stat->tcp_rst_in++;
	if (c->state == TCP_SYN_RCVD)
		tcp_die(net, c, ECONNREFUSED);
	else if (c->state >= TCP_CLOSING)
		tcp_die(net, c, 0);
	else
		tcp_die(net, c, ECONNRESET);
	return DROP;
}

/* In SYN-RECEIVED, the peer's SYN once more: ours was lost, or this is its
 * SYN-ACK of a simultaneous open. */
static enum step repeated_syn(struct net *net, struct tcp_conn *c,
			      struct tcp_seg *s)
{
	if (c->state != TCP_SYN_RCVD || !(s->flags & TCP_SYN) ||
	    s->seq != c->irs)
		return GO_ON;
	tcp_ecn_take_syn(net, c, s->flags);
	if (!(s->flags & TCP_ACK)) {
		c->flags |= TCP_F_REXMIT;
		tcp_mark_out(net, c);
		return DROP;
	}
	s->flags &= (u8)~TCP_SYN;
	s->seq++;
	return GO_ON;
}

/* SYN brings a challenge ACK, wherever it lies (RFC 5961 section 4.2): before
 * the sequence check, and before PAWS, for a peer that has restarted may not
 * offer timestamps. In SYN-RECEIVED, too: to go back to LISTEN, as RFC 9293
 * says, would let whoever guesses a window end an opening. */
static enum step check_syn(struct net *net, struct tcp_conn *c,
			   const struct tcp_seg *s, u64 now)
{
	if (!(s->flags & TCP_SYN))
		return GO_ON;
	challenge_ack(net, c, now);
	return DROP;
}

/* First: sequence number, and PAWS. */
static enum step check_sequence(struct net *net, struct tcp_conn *c,
				const struct tcp_seg *s, u64 now)
{
	if (c->flags & TCP_F_TS) {
		if (!s->opt.has_ts) {
			net->stat->drop_tcp_paws++;
			return DROP;
		}
		if (paws_refuses(c, s, now)) {
			net->stat->drop_tcp_paws++;
			answer(net, c, s, now);
			return DROP;
		}
	}
	if (!acceptable(c, s) && !repeats_with_ack(c, s)) {
		net->stat->drop_tcp_window++;
		if (seq_le(s->seq + s->len, c->rcv_nxt) &&
		    c->rcv_nxt - s->seq <= net->conf.tcp.rcv_buf)
			tcp_dup_note(net, c, s->seq, s->seq + s->len);
		answer(net, c, s, now);
		if (repeated_fin(c, s))
			tcp_enter_time_wait(net, c, now);
		return DROP;
	}
	return GO_ON;
}

/* Fifth: may it come from the peer, by its ACK? */
static enum step check_ack(struct net *net, struct tcp_conn *c,
			   const struct pkt *p, const struct tcp_seg *s,
			   u64 now)
{
	if (!(s->flags & TCP_ACK)) {
		net->stat->drop_tcp_state++;
		return DROP;
	}
	if (c->state == TCP_SYN_RCVD) {
		if (seq_lt(c->snd_una, s->ack) && seq_le(s->ack, c->snd_max))
			return GO_ON;
		net->stat->drop_tcp_state++;
		if (!tcp_cookie_overtaken(net, c, s, now))
			tcp_reset_reply(net, p, now);
		return DROP;
	}
	if (ack_in_range(c, s))
		return GO_ON;
	challenge_ack(net, c, now);
	return DROP;
}

bool tcp_check(struct net *net, struct tcp_conn *c, const struct pkt *p,
	       struct tcp_seg *s, u64 now)
{
	return check_rst(net, c, s, now) == GO_ON &&
	       repeated_syn(net, c, s) == GO_ON &&
	       check_syn(net, c, s, now) == GO_ON &&
	       check_sequence(net, c, s, now) == GO_ON &&
	       check_ack(net, c, p, s, now) == GO_ON;
}
