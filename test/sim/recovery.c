/* SPDX-License-Identifier: MIT */
/* What must hold of loss recovery and congestion control between any two
 * iterations: RFC 5681, 6582, 6675, 6937, 8985, in the terms of
 * net/tcp_loss.h, but counted anew. */
#include "sim.h"

#include "net/tcp_ack.h"
#include "net/tcp_cc.h"
#include "net/tcp_loss.h"

enum { SILENT = 3 }; /* timeouts in a row, after which there is no board */

/* Bytes of what is in flight, by what the board says of them. */
struct board_sum {
	u32 pipe, sacked, lost;
	bool passed;
};

static struct board_sum add_up(const struct tcp_conn *c,
			       const struct tcp_board *b)
{
	struct board_sum s = { .pipe = c->snd_max - tcp_board_top(b) };
	u32 at = b->una;

	for (u32 i = 0; i < b->n; i++) {
		u32 len = b->span[i].end - at;

		at = b->span[i].end;
		if (b->span[i].state == SPAN_SACKED)
			s.sacked += len;
		else if (b->span[i].state == SPAN_LOST)
			s.lost += len;
		else
			s.pipe += len;
		s.passed |= b->span[i].state == SPAN_PASSED;
	}
	return s;
}

/* Spans side by side, of what is in flight, and no two that are one. */
static void check_spans(struct host *h, const struct tcp_conn *c,
			const struct tcp_board *b)
{
	u32 at = c->snd_una;

	CHECK(h, c, b->una == c->snd_una && b->n <= TCP_SPANS);
	for (u32 i = 0; i < b->n; i++) {
		const struct tcp_span *s = &b->span[i];
		enum tcp_span_state before = i ? s[-1].state : SPAN_PASSED;
		bool same = s->state == before;

		CHECK(h, c, seq_lt(at, s->end));
		CHECK(h, c, s->state != SPAN_SACKED || (i && !same));
		CHECK(h, c, s->state != SPAN_LOST || !i || !same);
		CHECK(h, c,
		      s->state != SPAN_RESENT || (seq_le(s->end, s->mark) &&
						  seq_le(s->mark, c->snd_max)));
		at = s->end;
	}
	CHECK(h, c, seq_le(at, c->snd_max) && c->snd_nxt == c->snd_max);
}

/* SetPipe() and IsLost() of RFC 6675 section 4: with enough SACKed, and
 * without a lesson in reordering, all that was passed is lost. */
static void check_pipe(struct host *h, const struct tcp_conn *c,
		       const struct tcp_loss *l)
{
	struct board_sum s = add_up(c, &l->board);
	bool sure = c->dupacks >= TCP_DUPACKS ||
		    s.sacked > (TCP_DUPACKS - 1) * c->mss_snd;

	CHECK(h, c, s.pipe == tcp_board_pipe(&l->board, c->snd_max));
	CHECK(h, c, s.sacked == tcp_board_sacked(&l->board));
	CHECK(h, c, s.pipe + s.sacked + s.lost == c->snd_max - c->snd_una);
	CHECK(h, c, !(sure && !c->reo_mult && s.passed));
	CHECK(h, c, c->backoff <= SILENT);
}

/* A loss leaves 0.7 of what was in flight (RFC 9438), or less; two segments in
 * any case, before the path got narrow. What was marked in that window has
 * reduced it already. */
static void check_loss(struct host *h, const struct tcp_conn *c,
		       const struct tcp_loss *l)
{
	u64 left = (u64)l->prr.flight * 701 / 1000;

	if (c->flags & TCP_F_RECOVERY && !(c->flags & TCP_F_ECN_REDUCED))
		CHECK(h, c, c->ssthresh <= max(left, 2 * 1500ull));
}

/* RFC 6937: what is sent during recovery is what has left, in proportion, or up
 * to ssthresh; as is what a timeout sends again. */
static void check_reduction(struct host *h, const struct tcp_conn *c,
			    const struct tcp_loss *l)
{
	u32 pipe = tcp_board_pipe(&l->board, c->snd_max);
	u32 mss = c->mss_snd;

	if (c->flags & TCP_F_RTO_RECOVERY && c->frto != FRTO_NEW)
		CHECK(h, c, pipe <= c->cwnd + mss);
	if (!(c->flags & TCP_F_RECOVERY))
		return;
	CHECK(h, c, pipe <= c->cwnd + 1); /* the FIN */
	CHECK(h, c, pipe <= max(c->ssthresh, l->prr.flight) + mss);
	CHECK(h, c, l->prr.out >= c->snd_max - c->recover);
	CHECK(h, c, seq_le(c->recover, c->snd_max));
	CHECK(h, c, seq_lt(c->snd_una, c->recover));
}

/* RFC 5681: at least one segment, and two for ssthresh. It grows only while
 * half of it is in flight, or data waits for it: the peer's window bounds both.
 */
static void check_windows(struct host *h, const struct tcp_conn *c)
{
	u64 segment = 1500; /* before the path got narrow */
	u64 first = h->conf.net.tcp.init_cwnd * segment;
	u64 most = 2ull * c->max_wnd + (TCP_CC_BURST + TCP_DUPACKS) * segment;

	CHECK(h, c, c->mss_snd && c->cwnd >= c->mss_snd);
	CHECK(h, c, c->ssthresh >= 2u * c->mss_snd);
	if (!(c->flags & (TCP_F_RECOVERY | TCP_F_RTO_RECOVERY)))
		CHECK(h, c, c->cwnd <= max(most, first));
}

void check_recovery(struct host *h, const struct tcp_conn *c)
{
	const struct tcp_loss *l = tcp_loss_of(&h->t->node.dp->net, c);

	check_windows(h, c);
	CHECK(h, c, !(c->flags & TCP_F_LOSS) == (!l && !c->tail));
	CHECK(h, c, !(c->flags & TCP_F_EARLY) || c->rto_at);
	CHECK(h, c, !c->frto || c->flags & TCP_F_RTO_RECOVERY);
	if (!l)
		return;
	CHECK(h, c, !(c->flags & TCP_F_EARLY) || l->rto_at);
	check_spans(h, c, &l->board);
	check_pipe(h, c, l);
	check_loss(h, c, l);
	check_reduction(h, c, l);
}
