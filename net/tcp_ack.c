/* SPDX-License-Identifier: MIT */
/* What an acceptable acknowledgement does: send queue, round-trip time,
 * recovery of those who do not SACK (RFC 5681, RFC 6582), window. */
#include "net/tcp_int.h"
#include "net/tcp_loss.h"

enum { CWND_MAX = 1 << 30 };

static void leave_recovery(struct tcp_conn *c)
{
	u32 flight = c->snd_max - c->snd_una;

	/* RFC 6582 section 3.2 step 3, the choice without a burst. */
	c->cwnd = min(c->ssthresh, max(flight, (u32)c->mss_snd) + c->mss_snd);
	c->flags &= ~(u32)(TCP_F_RECOVERY | TCP_F_ECN_REDUCED);
	c->dupacks = 0;
}

/* RFC 6582: a partial ACK says that the next hole begins at snd_una. */
static void partial_ack(struct tcp_conn *c, u32 acked)
{
	c->cwnd -= min(acked, c->cwnd - c->mss_snd);
	if (acked >= c->mss_snd)
		c->cwnd += c->mss_snd;
	c->flags |= TCP_F_REXMIT;
}

/* @acked new bytes were acknowledged: what that means for the window. */
static void grow_or_recover(struct net *net, struct tcp_conn *c, u32 acked,
			    u32 rtt, bool limited, u64 now)
{
	bool done = seq_le(c->recover, c->snd_una);

	if (unlikely(c->flags & TCP_F_RECOVERY)) {
		if (tcp_loss_of(net, c))
			return; /* tcp_loss_ack() follows */
		if (done)
			leave_recovery(c);
		else
			partial_ack(c, acked);
		return;
	}
	c->dupacks = 0;
	if (limited || c->flags & TCP_F_ECN_REDUCED)
		tcp_cc_of(c)->acked(net, c, acked, rtt, now);
	if (unlikely(c->frto) && !tcp_loss_of(net, c))
		tcp_frto_advanced(net, c);
	if (!done)
		return;
	if (unlikely(c->flags & TCP_F_RTO_RECOVERY))
		tcp_loss_over(c);
	c->flags &= ~(u32)(TCP_F_RTO_RECOVERY | TCP_F_ECN_REDUCED);
}

/* What our timestamp that came back tells of the round trip: not exact enough
 * for RTO, but of each ACK (RFC 9406 wants eight in a round trip). In units of
 * 1024 ns; 0: nothing that can be true. */
static u32 rtt_by_ts(const struct tcp_conn *c, u32 tsecr, u64 now)
{
	const u32 most = 1 << 16; /* 69 s */
	u32 ticks = tcp_tsval(c, now) - tsecr;

	return c->flags & TCP_F_TS && ticks < most ? max(ticks << 10, 1u) : 0;
}

/* RTO stays backed off until there is a sample (RFC 6298 section 5.7), and what
 * was sent again gives none (Karn), unless the peer echoes which of them it
 * answers (RFC 7323 section 4.1). Too coarse for the estimate, but that is
 * right if RTO by it would have sufficed. */
static void leave_backoff(struct net *net, struct tcp_conn *c, u32 tsecr,
			  u64 now)
{
	u32 rtt = rtt_by_ts(c, tsecr, now), backed_off = c->rto;

	c->backoff = 0;
	if (!rtt)
		return;
	if (tcp_frto_echoed(net, c, tsecr, now)) {
		tcp_rtt_update(net, c, rtt);
		return;
	}
	tcp_rto_restore(net, c);
	if (rtt >> 4 >= c->rto)
		c->rto = backed_off;
}

bool tcp_ack_advance(struct net *net, struct tcp_conn *c, u32 ack, u32 tsecr,
		     u64 now)
{
	u32 acked = ack - c->snd_una;
	u32 data = min(acked, c->sndq_bytes), rtt;
	u32 flight = tcp_flight(c, c->snd_max);
	bool fin = acked > data && c->flags & TCP_F_FIN_SENT;

	rtt = tcp_take_acked(net, c, ack, data, now);
	/* While the window is shut these are bytes of probes, whose interval
	 * goes on growing until it opens: tcp_new_window(). */
	if (unlikely(c->backoff) && (c->snd_wnd || !c->sndq_bytes))
		leave_backoff(net, c, tsecr, now);
	c->probes = 0;
	if (unlikely(seq_lt(c->snd_nxt, ack))) {
		c->snd_nxt = ack;
		tcp_sndq_seek(net, c);
	}
	if (!rtt)
		rtt = rtt_by_ts(c, tsecr, now);
	/* The window as it is after a timeout was taken back. */
	grow_or_recover(net, c, acked, rtt, flight >= c->cwnd / 2, now);
	if (ack == c->snd_max) {
		tcp_stop_rto(c);
		if (!c->sndq_bytes) /* the peer took a probe's byte */
			c->persist_at = 0;
	} else {
		tcp_rearm_rto(net, c, now);
	}
	if (data)
		tcp_ready(net, c, TCP_EV_SENT);
	if (c->sndq_bytes || tcp_fin_queued(c))
		tcp_mark_out(net, c);
	return fin;
}

void tcp_duplicate_ack(struct net *net, struct tcp_conn *c, u64 now)
{
	net->stat->tcp_dup_acks++;
	if (c->flags & TCP_F_RECOVERY) {
		if (c->cwnd < CWND_MAX)
			c->cwnd += c->mss_snd;
		tcp_mark_out(net, c);
		return;
	}
	/* Not for what was in flight before the last timeout: it may have come
	 * twice (RFC 6582 section 3.2 step 1), and limited transmit would have
	 * nothing new to send (RFC 3042). */
	if (c->flags & TCP_F_RTO_RECOVERY) {
		tcp_frto_repeated(net, c);
		return;
	}
	if (c->dupacks < UINT8_MAX)
		c->dupacks++;
	/* What limited transmit sends from now on is not in flight when
	 * ssthresh is set (RFC 5681 section 3.2 step 2). */
	if (c->dupacks == 1)
		c->recover = c->snd_max;
	if (c->dupacks == TCP_DUPACKS) {
		tcp_cc_of(c)->loss(net, c, tcp_flight(c, c->recover), now);
		/* And the three that have left (RFC 5681 section 3.2). */
		c->cwnd = c->ssthresh + TCP_DUPACKS * c->mss_snd;
		c->recover = c->snd_max;
		c->flags |= TCP_F_RECOVERY | TCP_F_REXMIT;
		c->learnt = false;
		net->stat->tcp_fast_retransmits++;
	}
	tcp_mark_out(net, c);
}

void tcp_new_window(struct net *net, struct tcp_conn *c, u32 wnd)
{
	if (c->persist_at && !c->snd_wnd) { /* it opens */
		c->persist_at = 0;
		c->backoff = 0;
	}
	c->snd_wnd = wnd;
	c->max_wnd = max(c->max_wnd, wnd);
	if (c->sndq_bytes)
		tcp_mark_out(net, c);
}

void tcp_update_window(struct net *net, struct tcp_conn *c,
		       const struct tcp_seg *s)
{
	if (seq_lt(s->ack, c->snd_una))
		return;
	/* SND.WL2 =< SEG.ACK follows: it was not above SND.UNA. */
	if (seq_lt(s->seq, c->snd_wl1))
		return;
	tcp_take_window(net, c, s->seq, s->wnd);
}

/* Also for a FIN-WAIT-2 that nobody waits for any more. */
bool tcp_fin_acked(struct net *net, struct tcp_conn *c, u64 now)
{
	switch (c->state) {
	case TCP_FIN_WAIT_1:
		c->state = TCP_FIN_WAIT_2;
		/* fall through */
	case TCP_FIN_WAIT_2:
		if (c->flags & TCP_F_NO_RECV) {
			c->rto_at = tcp_deadline(
				now, ticks_of_us(net->conf.tcp.fin_timeout_ms *
						 1000ull));
			tcp_arm(net, c, c->rto_at);
		}
		return true;
	case TCP_CLOSING:
		tcp_enter_time_wait(net, c, now);
		return true;
	case TCP_LAST_ACK:
		tcp_die(net, c, 0);
		return false;
	default:
		return true;
	}
}
