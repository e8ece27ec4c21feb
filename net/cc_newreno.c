/* SPDX-License-Identifier: MIT */
/* NewReno (RFC 5681, RFC 6582), window in bytes. */
#include "net/tcp_cc.h"

void newreno_init(struct tcp_conn *c, u32 init_segs)
{
	c->cwnd = init_segs * c->mss_snd;
	c->ssthresh = UINT32_MAX;
}

void newreno_acked(struct net *net, struct tcp_conn *c, u32 bytes, u32 rtt,
		   u64 now)
{
	u32 *acked;

	if (net->conf.tcp.pacing) /* the only thing that it has a state for */
		tcp_cc_need(net, c, now);
	if (c->flags & TCP_F_ECN_REDUCED)
		return;
	acked = tcp_cc_acked(net, c);
	if (c->cwnd < c->ssthresh) {
		tcp_cc_slow_start(c, bytes);
		return;
	}
	/* Segments go whole: of a round trip there come as many as fit. */
	*acked += bytes;
	if (*acked + c->mss_snd > c->cwnd) {
		*acked -= min(*acked, c->cwnd);
		c->cwnd += c->mss_snd;
	}
}

/* RFC 5681 equation 4. */
static u32 half(const struct tcp_conn *c, u32 flight)
{
	return max(flight / 2, 2u * c->mss_snd);
}

/* What was marked in this window has halved it already. */
void newreno_loss(struct net *net, struct tcp_conn *c, u32 flight, u64 now)
{
	if (c->flags & TCP_F_ECN_REDUCED)
		return;
	tcp_cc_remember(net, c, now);
	c->ssthresh = half(c, flight);
}

void newreno_timeout(struct net *net, struct tcp_conn *c, u64 now)
{
	/* Only the first timeout of a segment halves. */
	if (!c->backoff) {
		tcp_cc_remember(net, c, now);
		c->ssthresh = half(c, c->snd_max - c->snd_una);
	}
	c->cwnd = c->mss_snd;
	*tcp_cc_acked(net, c) = 0;
}

void newreno_ecn(struct net *net, struct tcp_conn *c, u32 bytes, u64 now)
{
	if (!tcp_cc_may_reduce(c))
		return;
	c->ssthresh = half(c, tcp_flight(c, c->snd_max));
	c->cwnd = min(c->cwnd, c->ssthresh);
	tcp_cc_reduced(net, c);
}

const struct tcp_cc newreno_cc = {
	.name = "newreno",
	.init = newreno_init,
	.acked = newreno_acked,
	.loss = newreno_loss,
	.timeout = newreno_timeout,
	.undo = tcp_cc_undo,
	.ecn = newreno_ecn,
};
