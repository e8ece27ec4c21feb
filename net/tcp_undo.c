/* SPDX-License-Identifier: MIT */
/*
 * Segments that were late, and sent again as if they were lost. What shows it:
 *
 *   the peer got one twice (D-SACK, RFC 2883): a round trip later, when
 *   recovery is mostly over;
 *   what it acknowledges is the original, by the timestamp that it echoes
 *   (Eifel, RFC 3522): at once, but only of segments that went in another
 *   unit of timestamps than what was sent again first.
 *
 * Each is a lesson in reordering, one for each episode (RFC 8985 section 6.2
 * step 4). When it is so of all that a fast recovery has sent again, nothing
 * was lost, and the window is what it was (RFC 3708, RFC 4015). A peer that
 * lies about that has no more than without the loss.
 *
 * Of what is D-SACKed only the number is kept, as it has to outlive the object,
 * and no more than fit a byte: an episode of more segments is not undone. The
 * two ways are counted apart: one segment may show in both.
 */
#include "net/tcp_cc.h"
#include "net/tcp_loss.h"

enum {
	REO_MULT = 4,  /* min_rtt / 4 * this: a round trip */
	REO_KEEP = 16, /* recoveries (RFC 8985 section 6.2 step 4) */
};

/* ---- reordering, learnt */

static void learn(struct tcp_conn *c)
{
	c->learnt = true;
	c->reo_mult = min(c->reo_mult + 1, (int)REO_MULT) & 7;
	c->reo_keep = REO_KEEP;
}

/* Without an object: was the block part of the last episode? */
static bool is_of_last(const struct tcp_conn *c, const struct tcp_block *b)
{
	return seq_le(b->end, c->recover) && c->recover - b->end <= c->max_wnd;
}

static void learn_dup(struct net *net, struct tcp_conn *c,
		      const struct tcp_loss *l, const struct tcp_block *b)
{
	if (c->learnt || (!l && !is_of_last(c, b)))
		return;
	if (!l)
		tcp_was_late(net, c); /* that may be all there was */
	learn(c);
}

/* ---- what was sent again */

/* NULL: it cannot be undone. */
static struct tcp_cc_state *undoable(const struct net *net,
				     const struct tcp_conn *c)
{
	struct tcp_cc_state *s = tcp_cc_state(net, c);

	return s && s->undo ? s : NULL;
}

void tcp_undo_begin(const struct net *net, struct tcp_conn *c,
		    struct tcp_loss *l)
{
	u32 top = l->again.top;

	/* What comes of that, or of a probe, would pass for what is sent again
	 * from now on. */
	if (seq_lt(c->snd_una, top) || c->tail == TAIL_AGAIN)
		tcp_cc_for_good(net, c);
	c->learnt = false;
	l->again = (struct tcp_again){ .from = c->snd_una, .top = top };
}

void tcp_undo_resent(struct net *net, struct tcp_conn *c, struct tcp_loss *l,
		     u32 seq, u32 len, u64 now)
{
	struct tcp_cc_state *s = undoable(net, c);

	if (seq_lt(l->again.top, seq + len))
		l->again.top = seq + len;
	if (!s || !(c->flags & TCP_F_RECOVERY))
		return;
	if (!l->again.bytes)
		l->again.at = tcp_us(now);
	l->again.bytes += len;
	if (++s->again == UINT8_MAX)
		s->undo = false;
}

/* Nothing was lost. What else seems to be is waited for once more. */
static void undo(struct net *net, struct tcp_conn *c, struct tcp_loss *l,
		 u64 now)
{
	tcp_cc_of(c)->undo(net, c);
	net->stat->tcp_spurious_recoveries++;
	tcp_mark_out(net, c);
	if (!c->learnt)
		learn(c);
	c->reo_mult = max((u8)c->reo_mult, (u8)1);
	if (!(c->flags & TCP_F_RECOVERY))
		return;
	c->flags &= ~(u32)TCP_F_RECOVERY;
	c->dupacks = 0;
	tcp_loss_over(c);
	tcp_board_undo(&l->board, tcp_us(now));
}

/* May the last recovery have sent @b again? Behind its end reports of that come
 * for a round trip, in which not more than a window is acknowledged. */
static bool is_of_it(const struct tcp_conn *c, const struct tcp_loss *l,
		     const struct tcp_block *b)
{
	if (seq_lt(c->recover, b->end))
		return false;
	if (c->flags & TCP_F_RECOVERY)
		return l && seq_le(l->again.from, b->start);
	return c->snd_una - b->start <= 2 * c->max_wnd;
}

/* A report can be of several segments that came together. */
void tcp_undo_dup(struct net *net, struct tcp_conn *c, struct tcp_loss *l,
		  const struct tcp_block *b, u64 now)
{
	struct tcp_cc_state *s = undoable(net, c);
	u32 segs;

	learn_dup(net, c, l, b);
	if (!s || !s->again || !is_of_it(c, l, b))
		return;
	segs = max((b->end - b->start) / c->mss_snd, 1u);
	s->again -= (u8)min(segs, (u32)s->again);
	if (!s->again)
		undo(net, c, l, now);
}

void tcp_undo_end(const struct net *net, struct tcp_conn *c)
{
	tcp_cc_for_good(net, c);
	c->frto = FRTO_NONE;
}

void tcp_undo_echoed(struct net *net, struct tcp_conn *c, struct tcp_loss *l,
		     u32 bytes, u32 tsecr, u64 now)
{
	struct tcp_again *r = &l->again;

	if (!(c->flags & TCP_F_RECOVERY) || !undoable(net, c) ||
	    !tcp_echoes_older(c, tsecr, r->at))
		return;
	r->late += bytes;
	if (r->late == r->bytes)
		undo(net, c, l, now);
}
