/* SPDX-License-Identifier: MIT */
/* Congestion control: NewReno (RFC 5681, RFC 6582), window in bytes. */
#include "net/tcp_int.h"

static void newreno_init(struct tcp_conn *c, u32 init_segs)
{
	c->cwnd = init_segs * c->mss_snd;
	c->ssthresh = UINT32_MAX;
	c->cc_acked = 0;
}

/* RFC 5681 section 3.1, with appropriate byte counting (RFC 3465): two
 * segments per ACK in slow start, but one after a timeout. */
static void newreno_acked(struct tcp_conn *c, u32 bytes, u64 now)
{
	u32 limit = c->flags & TCP_F_RTO_RECOVERY ? 1 : 2;

	(void)now;
	if (c->cwnd < c->ssthresh) {
		c->cwnd += min(bytes, limit * c->mss_snd);
		return;
	}
	c->cc_acked += bytes;
	if (c->cc_acked >= c->cwnd) {
		c->cc_acked -= c->cwnd;
		c->cwnd += c->mss_snd;
	}
}

/* RFC 5681 equation 4. */
static u32 half(const struct tcp_conn *c, u32 flight)
{
	return max(flight / 2, 2u * c->mss_snd);
}

static void newreno_loss(struct tcp_conn *c, u32 flight, u64 now)
{
	(void)now;
	c->ssthresh = half(c, flight);
	c->cwnd = c->ssthresh + TCP_DUPACKS * c->mss_snd;
}

static void newreno_timeout(struct tcp_conn *c, u64 now)
{
	(void)now;
	/* Only the first timeout of a segment halves. */
	if (!c->backoff)
		c->ssthresh = half(c, c->snd_max - c->snd_una);
	c->cwnd = c->mss_snd;
	c->cc_acked = 0;
}

static const struct tcp_cc newreno = {
	.name = "newreno",
	.init = newreno_init,
	.acked = newreno_acked,
	.loss = newreno_loss,
	.timeout = newreno_timeout,
};

const struct tcp_cc *const tcp_cc_ops[TCP_NR_CC] = {
	[TCP_CC_NEWRENO] = &newreno,
};
