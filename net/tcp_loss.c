/* SPDX-License-Identifier: MIT */
/*
 * What an ACK or a timeout means for a connection that misses segments, when
 * the peer reports what it has (RFC 6675, RFC 8985):
 *
 *   none --SACK--> some missing --lost--> recovery --recover acked--> none
 *    |              (object taken)         (PRR)                  (given back)
 *    +--timeout--> all lost, slow start; F-RTO asks whether it is true
 *
 * The work for an ACK is bounded: its blocks, at most four, times the spans of
 * the board.
 */
#include "net/tcp_loss.h"

enum { SILENT = 3 }; /* timeouts in a row, after which others need it more */

/* ---- what may be sent */

u32 tcp_in_network(const struct net *net, const struct tcp_conn *c)
{
	const struct tcp_loss *l = tcp_loss_of(net, c);

	return l ? tcp_board_pipe(&l->board, c->snd_max)
		 : c->snd_nxt - c->snd_una;
}

bool tcp_loss_first(const struct net *net, const struct tcp_conn *c)
{
	const struct tcp_loss *l = tcp_loss_of(net, c);
	u32 seq;

	return l && c->frto != FRTO_NEW && tcp_board_lost(&l->board, 1, &seq);
}

/* Beyond a window that has shrunk, only the first. A FIN goes with the data
 * before it, and takes no room in the window of congestion. */
u32 tcp_loss_next(const struct net *net, const struct tcp_conn *c, u32 *seq)
{
	const struct tcp_loss *l = tcp_loss_of(net, c);
	u32 len, mss = tcp_mss_now(net, c);

	if (!l || c->frto == FRTO_NEW)
		return 0;
	len = tcp_board_lost(&l->board, tcp_resend_most(c, mss), seq);
	if (len > mss && *seq + len != c->snd_max)
		len = mss;
	if (tcp_board_pipe(&l->board, c->snd_max) + min(len, mss) > c->cwnd)
		return 0;
	if (*seq != c->snd_una && *seq + len - c->snd_una > c->snd_wnd)
		return 0;
	return len;
}

bool tcp_loss_resend(struct net *net, struct tcp_conn *c, u32 seq, u32 len,
		     u64 now)
{
	struct tcp_loss *l = tcp_loss_of(net, c);

	tcp_undo_resent(net, c, l, seq, len, now);
	if (!tcp_board_resend(&l->board, seq, len, tcp_us(now), c->snd_max)) {
		net->stat->tcp_sack_full++;
		return false;
	}
	l->prr.out += len;
	return true;
}

void tcp_loss_sent(struct net *net, struct tcp_conn *c, u32 len)
{
	struct tcp_loss *l = tcp_loss_of(net, c);

	if (l)
		l->prr.out += len;
}

void tcp_loss_rearm(struct net *net, struct tcp_conn *c, u64 now)
{
	struct tcp_loss *l = tcp_loss_of(net, c);

	if (c->flags & TCP_F_EARLY)
		l->rto_at = tcp_rto_deadline(net, c, now);
	else
		tcp_rearm_rto(net, c, now);
}

/* ---- recovery */

static void enter(struct net *net, struct tcp_conn *c, struct tcp_loss *l,
		  u64 now)
{
	u32 flight = tcp_flight(c, c->snd_max);
	/* Acknowledged in this batch: as much may still be sent for it. */
	u32 unsent = flight - (c->snd_max - c->snd_una);

	tcp_cc_of(c)->loss(net, c, min(flight, c->cwnd), now);
	l->prr = (struct tcp_prr){ .flight = flight, .delivered = unsent };
	tcp_undo_begin(net, c, l);
	tcp_tail_end(c);
	c->recover = c->snd_max;
	c->flags |= TCP_F_RECOVERY;
	net->stat->tcp_fast_retransmits++;
}

static void leave(struct tcp_conn *c)
{
	c->cwnd = c->ssthresh;
	c->flags &= ~(u32)(TCP_F_RECOVERY | TCP_F_ECN_REDUCED);
	c->dupacks = 0;
	tcp_loss_over(c);
}

/* The first segment goes in any case. */
static void reduce(struct tcp_conn *c, struct tcp_loss *l, u32 delivered)
{
	u32 pipe = tcp_board_pipe(&l->board, c->snd_max);
	u32 due =
		tcp_prr_take(&l->prr, delivered, pipe, c->ssthresh, c->mss_snd);

	if (!l->prr.out)
		due = max(due, (u32)c->mss_snd);
	c->cwnd = pipe + due;
}

/* Enough is SACKed to do without a reordering window (RFC 6675 section 4,
 * IsLost). */
static bool is_sure(const struct tcp_conn *c, const struct tcp_loss *l)
{
	return c->flags & (TCP_F_RECOVERY | TCP_F_RTO_RECOVERY) ||
	       c->dupacks >= TCP_DUPACKS ||
	       tcp_board_sacked(&l->board) > (TCP_DUPACKS - 1) * c->mss_snd;
}

/* Look again in @wait us; the timeout comes when it would have. */
static void look_again(struct net *net, struct tcp_conn *c, struct tcp_loss *l,
		       u32 wait, u64 now)
{
	u32 at = tcp_deadline(now, (wait >> 4) + 1);

	/* Two round trips can be more than a timeout that has begun anew. */
	if (c->flags & TCP_F_EARLY) {
		c->rto_at = l->rto_at;
		c->flags &= ~(u32)TCP_F_EARLY;
		tcp_arm(net, c, c->rto_at);
	}
	if (!wait || !c->rto_at || !tick_before(at, c->rto_at))
		return;
	l->rto_at = c->rto_at;
	c->rto_at = at;
	c->flags |= TCP_F_EARLY;
	tcp_arm(net, c, at);
}

/* What was sent again can be lost, too, or the ACK that says that it came; and
 * RACK has nothing to tell that by when all that the window let out went before
 * it, or nothing new is left. As with a tail loss probe (RFC 8985 section 7),
 * which is for other times than recovery, two round trips of silence suffice to
 * send one segment more: its ACK is not delayed, as it fills a hole. The window
 * has been reduced for this flight. */
static u32 until_probe(const struct tcp_conn *c, struct tcp_loss *l, u32 wait)
{
	bool recovers = c->flags & TCP_F_RECOVERY;

	if (l->probe == PROBE_DUE || !recovers)
		l->probe = PROBE_NONE;
	if (wait || !recovers || l->probe == PROBE_SENT)
		return wait;
	l->probe = PROBE_DUE;
	return max(c->srtt >> 2, (u32)TCP_PROBE_LEAST_US);
}

/* What is lost by now, and what follows from it. */
static void judge(struct net *net, struct tcp_conn *c, struct tcp_loss *l,
		  u32 delivered, u64 now)
{
	u32 srtt = c->srtt >> 3, wait, seq;
	u32 wnd = tcp_rack_window(&l->rack, c->reo_mult, is_sure(c, l), srtt);

	tcp_rack_detect(&l->rack, &l->board, wnd, srtt, tcp_us(now), &wait);
	if (!(c->flags & (TCP_F_RECOVERY | TCP_F_RTO_RECOVERY)) &&
	    tcp_board_lost(&l->board, 1, &seq))
		enter(net, c, l, now);
	if (c->flags & TCP_F_RECOVERY)
		reduce(c, l, delivered);
	look_again(net, c, l, until_probe(c, l, wait), now);
	tcp_mark_out(net, c);
}

/* What comes twice from now on is no lesson. */
static void probe(struct net *net, struct tcp_conn *c, struct tcp_loss *l)
{
	l->probe = PROBE_SENT;
	if (!tcp_board_doubt(&l->board))
		return;
	tcp_undo_no_lesson(c);
	net->stat->tcp_tail_probes++;
}

void tcp_loss_fired(struct net *net, struct tcp_conn *c, u64 now)
{
	struct tcp_loss *l = tcp_loss_of(net, c);
	bool silent = l->probe == PROBE_DUE;

	/* What began the wait was delivered, and let nothing out yet. */
	u32 delivered = c->flags & TCP_F_RECOVERY ? 0 : c->mss_snd;

	c->rto_at = l->rto_at;
	if (silent)
		probe(net, c, l);
	judge(net, c, l, delivered, now);
	if (silent) /* alone: the next ACK tells how many may follow */
		c->cwnd = tcp_in_network(net, c) + c->mss_snd;
}

/* ---- all of it */

/* The bytes of a timeout or a path that got narrower: all that is not SACKed.
 */
static void lose_all(struct tcp_conn *c, struct tcp_loss *l)
{
	struct tcp_board *b = &l->board;
	bool reneged = b->n && b->span[0].state == SPAN_SACKED;

	tcp_undo_no_lesson(c);
	tcp_board_lose(b, c->snd_max, reneged);
	c->flags &= ~(u32)TCP_F_RTT_TIMED;
}

bool tcp_loss_timeout(struct net *net, struct tcp_conn *c, u64 now)
{
	struct tcp_loss *l = tcp_loss_of(net, c);

	tcp_tail_end(c);
	if (!l && c->sack)
		l = tcp_loss_take(net, c, now);
	if (!l)
		return false;
	if (c->backoff >= SILENT) {
		tcp_loss_give(net, c, l);
		return false;
	}
	lose_all(c, l);
	l->prr.out = 0;
	c->recover = c->snd_max;
	c->dupacks = 0;
	c->flags &= ~(u32)(TCP_F_RECOVERY | TCP_F_REXMIT);
	c->flags |= TCP_F_RTO_RECOVERY;
	return true;
}

/* Its size is to blame, not congestion: until all of it is acknowledged no loss
 * reduces the window, unless one has done so already. */
bool tcp_loss_all(struct net *net, struct tcp_conn *c)
{
	struct tcp_loss *l = tcp_loss_of(net, c);

	if (!l)
		return false;
	lose_all(c, l);
	if (!(c->flags & TCP_F_RECOVERY)) {
		c->recover = c->snd_max;
		c->flags |= TCP_F_RTO_RECOVERY;
	}
	return true;
}

/* ---- ACKs */

/* Has the first block come twice (RFC 2883 section 4)? */
static bool is_dup(const struct tcp_seg *s)
{
	const struct tcp_block *b = s->opt.sack;

	if (!s->opt.nsack || !seq_lt(b[0].start, b[0].end))
		return false;
	if (seq_le(b[0].end, s->ack))
		return true;
	return s->opt.nsack > 1 && seq_le(b[1].start, b[0].start) &&
	       seq_le(b[0].end, b[1].end);
}

/* Of what is in flight, and not of what this or an earlier ACK covers? */
static bool is_news(const struct tcp_conn *c, const struct tcp_block *b)
{
	return seq_lt(c->snd_una, b->start) && seq_lt(b->start, b->end) &&
	       seq_le(b->end, c->snd_max);
}

/* The segment being timed has arrived: a hole before it does not make its round
 * trip longer. */
static void take_rtt(struct net *net, struct tcp_conn *c,
		     const struct tcp_block *b, u64 now)
{
	if (!(c->flags & TCP_F_RTT_TIMED) || seq_lt(b->end, c->rtt_seq) ||
	    !seq_lt(b->start, c->rtt_seq))
		return;
	c->flags &= ~(u32)TCP_F_RTT_TIMED;
	tcp_rtt_update(net, c, tcp_us(now) - c->rtt_at);
}

static void take_blocks(struct net *net, struct tcp_conn *c, struct tcp_loss *l,
			const struct tcp_seg *s, u32 first,
			struct tcp_arrived *a, u64 now)
{
	for (u32 i = first; i < s->opt.nsack; i++) {
		const struct tcp_block *b = &s->opt.sack[i];

		if (!is_news(c, b))
			continue;
		if (!tcp_board_sack(&l->board, b->start, b->end, tcp_us(now),
				    a))
			net->stat->tcp_sack_full++;
		take_rtt(net, c, b, now);
	}
}

/* How many are news; what cannot be is counted. */
static u32 count_news(struct net *net, const struct tcp_conn *c,
		      const struct tcp_seg *s, u32 first)
{
	u32 news = 0;

	for (u32 i = first; i < s->opt.nsack; i++) {
		const struct tcp_block *b = &s->opt.sack[i];

		if (is_news(c, b))
			news++;
		else if (!seq_lt(b->start, b->end) ||
			 seq_lt(c->snd_una, b->end))
			net->stat->tcp_sack_bad++;
	}
	return news;
}

static bool nothing_lost(const struct tcp_conn *c, const struct tcp_loss *l)
{
	return !l->board.n &&
	       !(c->flags & (TCP_F_RECOVERY | TCP_F_RTO_RECOVERY));
}

static void take_ack(struct net *net, struct tcp_conn *c, struct tcp_loss *l,
		     const struct tcp_seg *s, u32 first, bool advanced, u64 now)
{
	struct tcp_arrived a = { 0 };
	u32 acked, resent;

	if (tcp_board_ack(&l->board, c->snd_una, &a)) {
		/* What it SACKed begins here, and it does not have it any
		 * more (RFC 2018 section 8). */
		tcp_board_lose(&l->board, tcp_board_top(&l->board), true);
		net->stat->tcp_reneged++;
	}
	acked = a.bytes;
	resent = a.resent;
	take_blocks(net, c, l, s, first, &a, now);
	if (a.bytes != acked) {
		net->stat->tcp_dup_acks++;
		c->dupacks += c->dupacks < UINT8_MAX;
	}
	if (a.bytes)
		l->probe = PROBE_NONE;
	if (tcp_rack_arrived(&l->rack, &l->board, &a, tcp_us(now)))
		c->reo_mult = max((u8)c->reo_mult, (u8)1);
	if (resent)
		tcp_undo_echoed(net, c, l, resent, s->opt.tsecr, now);
	if (seq_le(c->recover, c->snd_una)) {
		if (c->flags & TCP_F_RECOVERY)
			leave(c);
		c->flags &= ~(u32)(TCP_F_RTO_RECOVERY | TCP_F_ECN_REDUCED);
		c->frto = FRTO_NONE;
	}
	if (c->frto && tcp_frto_sacked(net, c, &a, advanced))
		tcp_board_undo(&l->board, tcp_us(now));
	judge(net, c, l, a.bytes, now);
	if (nothing_lost(c, l))
		tcp_loss_give(net, c, l);
}

bool tcp_loss_ack(struct net *net, struct tcp_conn *c, const struct tcp_seg *s,
		  bool advanced, u64 now)
{
	struct tcp_loss *l = tcp_loss_of(net, c);
	bool dup = is_dup(s), probe = c->flags & TCP_F_LOSS && c->tail;
	u32 news = count_news(net, c, s, dup);

	if (dup)
		net->stat->tcp_dsacks++;
	if (probe)
		tcp_tail_acked(net, c, s, advanced,
			       dup && s->opt.sack[0].end == c->recover, now);
	else if (dup)
		tcp_undo_dup(net, c, l, &s->opt.sack[0], now);
	if (!l && news)
		l = tcp_loss_take(net, c, now);
	if (!l)
		return s->opt.nsack && !news;
	take_ack(net, c, l, s, dup, advanced, now);
	return true;
}
