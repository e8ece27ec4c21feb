/* SPDX-License-Identifier: MIT */
/*
 * Which blocks a segment reports (RFC 2018 section 4): first what came twice,
 * if it is the next ACK after that (RFC 2883), then the runs of the
 * out-of-order list, the one that grew last first. A FIN that waits for data
 * before it counts as a byte, behind a run or alone. What came twice is
 * remembered for one connection at a time; who loses it that way only learns
 * less.
 *
 * While there is any, TCP_F_BLOCKS is set, which keeps the connection off the
 * fast path; it goes with the last one, or when a segment finds none. Data has
 * less room then: tcp_mss_now().
 */
#include "net/header.h"
#include "net/tcp_int.h"

enum {
	KIND = TCP_OPT_NOP << 24 | TCP_OPT_NOP << 16 | TCP_OPT_SACK << 8,
	HEAD_LEN = 4, /* padded */
	BLOCK_LEN = 8,
};

void tcp_dup_note(struct net *net, struct tcp_conn *c, u32 start, u32 end)
{
	if (!tcp_does_sack(c) || !seq_lt(start, end))
		return;
	net->tcp.dup = (struct tcp_dup){ c->handle, start, end };
	c->flags |= TCP_F_BLOCKS;
}

void tcp_blocks_fewer(const struct net *net, struct tcp_conn *c)
{
	if (!c->ooo && !c->fin_held && !tcp_dup_due(net, c))
		c->flags &= ~(u32)TCP_F_BLOCKS;
}

/* The run that grew last, but before @than. */
static const struct mbuf *newest(const struct tcp_conn *c,
				 const struct mbuf *than)
{
	const struct mbuf *found = NULL;

	for (const struct mbuf *m = c->ooo; m; m = m->tcp.last->next) {
		if (than && (s32)(m->tcp.grown - than->tcp.grown) >= 0)
			continue;
		if (!found || (s32)(m->tcp.grown - found->tcp.grown) > 0)
			found = m;
	}
	return found;
}

static u32 end_of(const struct mbuf *run)
{
	return run->tcp.last->tcp.seq + run->tcp.last->len;
}

static bool fin_follows(const struct tcp_conn *c, const struct mbuf *run)
{
	return c->fin_held && c->fin_seq == end_of(run);
}

/* Apart from all runs? */
static bool fin_is_alone(const struct tcp_conn *c)
{
	if (likely(!c->fin_held))
		return false;
	for (const struct mbuf *m = c->ooo; m; m = m->tcp.last->next) {
		if (fin_follows(c, m))
			return false;
	}
	return true;
}

void tcp_fin_note(struct net *net, struct tcp_conn *c)
{
	for (struct mbuf *m = c->ooo; m; m = m->tcp.last->next) {
		if (fin_follows(c, m))
			m->tcp.grown = (u32)net->stat->tcp_out_of_order;
	}
	if (fin_is_alone(c))
		tcp_dup_note(net, c, c->fin_seq, c->fin_seq + 1);
}

static u32 put(u32 *opt, u32 start, u32 end)
{
	opt[0] = be32(start).raw;
	opt[1] = be32(end).raw;
	return 2;
}

/* ... and not what came twice? */
static bool fin_is_own(const struct net *net, const struct tcp_conn *c)
{
	return fin_is_alone(c) &&
	       !(tcp_dup_due(net, c) && net->tcp.dup.start == c->fin_seq);
}

u32 tcp_blocks_len(const struct net *net, const struct tcp_conn *c)
{
	u32 most = TCP_MAX_OPT - (c->flags & TCP_F_TS ? TCP_TS_LEN : 0);
	u32 left = max(c->mss_snd - 1u, (u32)(HEAD_LEN + BLOCK_LEN));
	u32 room = min(most, left);
	u32 n = tcp_dup_due(net, c) + c->ooo_runs + fin_is_own(net, c);

	if (!n || !tcp_does_sack(c))
		return 0;
	return HEAD_LEN + BLOCK_LEN * min(n, (room - HEAD_LEN) / BLOCK_LEN);
}

u32 tcp_blocks_put(struct net *net, struct tcp_conn *c, u32 *opt)
{
	u32 n = 1, max = tcp_blocks_len(net, c) / 4;
	struct tcp_dup *dup = &net->tcp.dup;
	const struct mbuf *m = NULL;
	bool fin = fin_is_own(net, c);

	if (max && tcp_dup_due(net, c)) {
		dup->handle = 0;
		n += put(opt + n, dup->start, dup->end);
	}
	while (n + 2 <= max && (m = newest(c, m)))
		n += put(opt + n, m->tcp.seq, end_of(m) + fin_follows(c, m));
	if (fin && n + 2 <= max)
		n += put(opt + n, c->fin_seq, c->fin_seq + 1);
	opt[0] = be32(KIND | (u32)(2 + 4 * (n - 1))).raw;
	tcp_blocks_fewer(net, c);
	return n > 1 ? 4 * n : 0;
}
