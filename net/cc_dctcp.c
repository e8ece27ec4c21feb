/* SPDX-License-Identifier: MIT */
/*
 * DCTCP (RFC 8257), the sender's side: marks reduce the window by half of the
 * part of the bytes that was marked, as it has been of late (alpha). For the
 * rest, and with a peer that does not know ECN, it is NewReno. The receiver's
 * side is in tcp_ecn.c.
 */
#include "net/tcp_cc.h"

enum {
	G_SHIFT = 4, /* g = 1/16, section 4.2 */
	ALPHA_SHIFT = 20,
};

static void begin_window(const struct tcp_conn *c, struct dctcp *d)
{
	d->acked = d->marked = 0;
	d->round_end = c->snd_nxt;
	d->begun = true;
}

/* NULL: without marks there is nothing to know, or there is no room for it. */
static struct dctcp *dctcp_of(struct net *net, struct tcp_conn *c, u64 now)
{
	struct tcp_cc_state *s;

	if (!(c->flags & TCP_F_ECN))
		return NULL;
	s = tcp_cc_need(net, c, now);
	if (s && !s->dctcp.begun) {
		s->dctcp.alpha = 1 << ALPHA_SHIFT; /* section 4.2 */
		begin_window(c, &s->dctcp);
	}
	return s ? &s->dctcp : NULL;
}

/* Section 3.3. */
static void observe(const struct tcp_conn *c, struct dctcp *d, u32 acked)
{
	u64 marked;

	d->acked += acked;
	if (seq_le(c->snd_una, d->round_end) || !d->acked)
		return;
	marked = min(d->marked, d->acked); /* in recovery nobody counted */
	d->alpha -= d->alpha >> G_SHIFT;
	d->alpha += (u32)((marked << (ALPHA_SHIFT - G_SHIFT)) / d->acked);
	begin_window(c, d);
}

static void dctcp_acked(struct net *net, struct tcp_conn *c, u32 bytes, u32 rtt,
			u64 now)
{
	struct dctcp *d = dctcp_of(net, c, now);

	if (d)
		observe(c, d, bytes);
	newreno_acked(net, c, bytes, rtt, now);
}

static void dctcp_ecn(struct net *net, struct tcp_conn *c, u32 bytes, u64 now)
{
	struct dctcp *d = dctcp_of(net, c, now);
	u32 less;

	if (!d) {
		newreno_ecn(net, c, bytes, now);
		return;
	}
	d->marked += bytes;
	if (!tcp_cc_may_reduce(c))
		return;
	less = (u32)((u64)c->cwnd * d->alpha >> (ALPHA_SHIFT + 1));
	c->ssthresh = max(c->cwnd - less, 2u * c->mss_snd);
	c->cwnd = min(c->cwnd, c->ssthresh);
	tcp_cc_reduced(net, c);
}

/* As any other, whatever the marks of this window have done (section 3.5). */
static void dctcp_loss(struct net *net, struct tcp_conn *c, u32 flight, u64 now)
{
	c->flags &= ~(u32)TCP_F_ECN_REDUCED;
	newreno_loss(net, c, flight, now);
}

const struct tcp_cc dctcp_cc = {
	.name = "dctcp",
	.init = newreno_init,
	.acked = dctcp_acked,
	.loss = dctcp_loss,
	.timeout = newreno_timeout,
	.undo = tcp_cc_undo,
	.ecn = dctcp_ecn,
};
