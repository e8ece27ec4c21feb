/* SPDX-License-Identifier: MIT */
/* Choosing what to send, and when. */
#include "net/tcp_int.h"
#include "net/tcp_loss.h"

enum { TURN = 8 }; /* packets */

/* The first FIN: the state of RFC 9293 section 3.10.4 follows. */
static void fin_sent(struct tcp_conn *c)
{
	if (c->state == TCP_ESTABLISHED)
		c->state = TCP_FIN_WAIT_1;
	else if (c->state == TCP_CLOSE_WAIT)
		c->state = TCP_LAST_ACK;
	c->flags |= TCP_F_FIN_SENT;
}

/* After sending @len sequence numbers from snd_nxt on. */
static void advance(struct net *net, struct tcp_conn *c, u32 len, u64 now)
{
	c->snd_nxt += len;
	if (seq_lt(c->snd_max, c->snd_nxt) && c->probes) {
		c->snd_max = c->snd_nxt; /* rtt_at: user_timed_out() */
	} else if (seq_lt(c->snd_max, c->snd_nxt)) {
		if (tcp_rtt_wanted(c, now))
			tcp_path_sent(net, c, len, now);
		tcp_sent_new(c, now);
	} else {
		c->flags &= ~(u32)TCP_F_RTT_TIMED; /* Karn */
		net->stat->tcp_retransmits++;
	}
	if (!c->rto_at)
		tcp_arm_rto(net, c, now);
	if (unlikely(c->flags & TCP_F_LOSS))
		tcp_loss_sent(net, c, len);
	c->persist_at = 0;
	c->flags &= ~(u32)TCP_F_PROBE;
}

/* The sender's side of silly window avoidance (RFC 9293 section 3.8.6.2.1,
 * Nagle off: what is queued is pushed): neither all that waits, nor a full
 * segment, nor half of the largest window? Until arm_persist() overrides. */
static bool is_silly(const struct tcp_conn *c, u32 len, u32 unsent, u32 mss)
{
	return len < unsent && len < mss && len < c->max_wnd / 2 &&
	       !(c->flags & TCP_F_PROBE);
}

/* Of @len bytes that are too few for new ones: those that the timeout took
 * back. They are "retransmitted normally" into a window that has shrunk
 * (section 3.8.6): the peer's, for that of congestion will have room. */
static u32 lost_before(const struct tcp_conn *c, u32 len)
{
	u32 end = c->snd_nxt - c->snd_una + len;

	if (!(c->flags & TCP_F_RTO_RECOVERY) ||
	    seq_le(c->recover, c->snd_nxt) || end < c->snd_wnd)
		return 0;
	return min(len, c->recover - c->snd_nxt);
}

/* What may be in flight by cwnd, counted from snd_una: what is lost or SACKed
 * is not in the network any more. A probe is beyond it. */
static u32 lossy_window(const struct net *net, const struct tcp_conn *c)
{
	u32 flight = c->snd_nxt - c->snd_una;

	if (c->tail == TAIL_DUE)
		return flight + c->mss_snd;
	if (tcp_loss_first(net, c))
		return flight;
	return flight - tcp_in_network(net, c) + c->cwnd;
}

/* How many bytes may go from snd_nxt on: both windows, one packet, and enough
 * of them. */
static u32 sendable(const struct net *net, const struct tcp_conn *c, u32 unsent)
{
	u32 flight = c->snd_nxt - c->snd_una, wnd = c->cwnd, len;
	u32 mss = tcp_mss_now(net, c);

	/* Limited transmit (RFC 3042): the first two duplicates each let one
	 * new segment out. */
	if (unlikely(c->flags & TCP_F_LOSS))
		wnd = lossy_window(net, c);
	else if (unlikely(c->flags & TCP_F_RTO_RECOVERY && c->frto == FRTO_NEW))
		wnd = tcp_frto_window(c);
	else if (unlikely(c->dupacks) && !(c->flags & TCP_F_RECOVERY))
		wnd += min((u32)c->dupacks, 2u) * c->mss_snd;
	wnd = min(wnd, c->snd_wnd);
	if (flight >= wnd)
		return 0;
	len = min(wnd - flight, unsent);
	if (unlikely(len > mss))
		len = tcp_at_once(net, c, len, unsent, mss);
	return is_silly(c, len, unsent, mss) ? lost_before(c, len) : len;
}

/* One byte into a closed window; snd_nxt stays, but the peer may take it. */
static void probe(struct net *net, struct tcp_conn *c, u64 now)
{
	u32 off;
	struct ref32 range = tcp_sndq_find(net, c, 0, &off);

	c->flags &= ~(u32)TCP_F_PROBE;
	net->stat->tcp_zero_window_probes++;
	if (!range.raw ||
	    !tcp_send_data(net, c, c->snd_una, range, off, 1, TCP_ACK, now))
		return;
	if (seq_lt(c->snd_max, c->snd_una + 1))
		c->snd_max = c->snd_una + 1;
}

bool tcp_send_next(struct net *net, struct tcp_conn *c, u64 now)
{
	u32 ahead = c->snd_nxt - c->snd_una;
	u32 unsent = ahead < c->sndq_bytes ? c->sndq_bytes - ahead : 0;
	u32 len = unsent ? sendable(net, c, unsent) : 0;
	bool fin = unlikely(tcp_fin_queued(c)) && len == unsent &&
		   seq_le(c->snd_nxt, tcp_fin_seq(c)) &&
		   (len || ahead < max(c->snd_wnd, 1u));
	u8 flags = TCP_ACK;

	if (!len && !fin)
		return false;
	tcp_leave_idle(net, c, now);
	if (len == unsent)
		flags |= TCP_PSH;
	if (fin)
		flags |= TCP_FIN;
	if (len) {
		if (!tcp_send_data(net, c, c->snd_nxt, c->nxt_range, c->nxt_off,
				   len, flags, now))
			return false;
		tcp_sndq_skip(net, c, len);
	} else if (!tcp_send_bare(net, c, c->snd_nxt, flags & ~TCP_PSH, now)) {
		return false;
	}
	if (fin)
		fin_sent(c);
	tcp_pace_sent(net, c, len);
	advance(net, c, len + fin, now);
	return true;
}

/* Data waits and nothing is in flight. With the window closed, only a probe can
 * find out that it opened (RFC 9293 section 3.8.6.1); with too little of it
 * open, what fits goes after some time: 0.1 to 1 s (section 3.8.6.2.1). */
static void arm_persist(struct net *net, struct tcp_conn *c, u64 now)
{
	const u32 least = ticks_of_us(100000), most = ticks_of_us(1000000);

	if (c->snd_nxt != c->snd_una || c->persist_at || !c->sndq_bytes)
		return;
	tcp_stop_rto(c);
	c->persist_at = tcp_deadline(
		now, c->snd_wnd ? min(max(c->rto, least), most) : c->rto);
	tcp_arm(net, c, c->persist_at);
}

/* At first and after a loss the peer's window is small: it may be waiting for
 * just this one (RFC 5681 section 4.2 lets it wait). */
static void be_quick(const struct net *net, struct tcp_conn *c)
{
	if (!(c->flags & TCP_F_ACK_LATER) || c->flags & TCP_F_ACK_NOW ||
	    !(c->quick || !net->conf.tcp.delack_us))
		return;
	c->quick -= !!c->quick;
	c->flags |= TCP_F_ACK_NOW;
}

static void acknowledge(struct net *net, struct tcp_conn *c, u64 now)
{
	be_quick(net, c);
	if (c->flags & TCP_F_ACK_NOW) {
		tcp_send_ack(net, c, now);
		if (c->flags & TCP_F_ACK_NOW) /* no buffer: later */
			tcp_mark_out(net, c);
	} else if (c->flags & TCP_F_ACK_LATER && !c->delack_at) {
		c->delack_at =
			tcp_deadline(now, ticks_of_us(net->conf.tcp.delack_us));
		tcp_arm(net, c, c->delack_at);
	}
}

/* Anything left of the send queue or our FIN? */
static bool may_send(const struct tcp_conn *c)
{
	return c->sndq_bytes ||
	       (unlikely(tcp_fin_queued(c)) && c->state != TCP_FIN_WAIT_2 &&
		c->state != TCP_TIME_WAIT);
}

/* Not yet established: SYN or SYN-ACK, at first and when it is due again, else
 * an ACK. */
static void output_opening(struct net *net, struct tcp_conn *c, u64 now)
{
	if (c->snd_nxt == c->iss || c->flags & TCP_F_REXMIT) {
		c->flags &= ~(u32)TCP_F_REXMIT;
		tcp_send_syn(net, c, now);
	} else {
		acknowledge(net, c, now);
	}
}

/* As much of the send queue as the windows let through, in turns: somebody with
 * a short answer need not wait until all others have sent a whole window. */
static void output_data(struct net *net, struct tcp_conn *c, u64 now)
{
	u32 before = c->snd_max, turn = TURN;

	while (turn && net_tx_room(net, 2) && tcp_pace_open(net, c, now) &&
	       tcp_send_next(net, c, now))
		turn--;
	if (!turn)
		tcp_want_more(&net->tcp, c);
	else if (!net_tx_room(net, 2))
		tcp_mark_out(net, c);
	arm_persist(net, c, now);
	if (c->snd_max != before)
		tcp_tail_arm(net, c, c->snd_max - c->snd_una, now);
}

void tcp_output(struct net *net, struct tcp_conn *c, u64 now)
{
	if (unlikely(c->state < TCP_ESTABLISHED)) {
		if (c->state != TCP_CLOSED)
			output_opening(net, c, now);
		return;
	}
	if (unlikely(c->flags & (TCP_F_REXMIT | TCP_F_PROBE))) {
		if (c->flags & TCP_F_PROBE && !c->snd_wnd)
			probe(net, c, now);
		if (c->flags & TCP_F_REXMIT)
			tcp_resend_head(net, c, now);
	}
	if (unlikely(c->flags & TCP_F_LOSS))
		tcp_resend_lost(net, c, now);
	if (may_send(c))
		output_data(net, c, now);
	if (c->flags & (TCP_F_ACK_NOW | TCP_F_ACK_LATER))
		acknowledge(net, c, now);
}
