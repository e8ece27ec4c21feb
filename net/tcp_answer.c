/* SPDX-License-Identifier: MIT */
/* What is seldom of the fast path out, see tcp_answer.h, and its long way. */
#include "net/tcp_answer.h"

bool tcp_may_follow(const struct net *net, const struct tcp_conn *c,
		    const u8 *addr, u32 len, u64 now)
{
	const struct tcp_range *tail = tcp_range_at(net, c->sndq_tail);
	u32 after = c->sndq_bytes + len;

	return tick_before(tick_of(now), c->rto_at) && /* none is overdue */
	       tail->addr + tail->len != addr &&
	       c->snd_nxt == c->snd_max && /* none was taken back */
	       c->snd_nxt - c->snd_una == c->sndq_bytes && /* none waits */
	       after <= min(c->cwnd, c->snd_wnd) &&
	       after <= net->conf.tcp.snd_buf && tcp_range_due(net, c);
}

void tcp_answer_short(const struct net *net, struct tcp_conn *c)
{
	c->flags |= TCP_F_SHORT;
	c->short_at = (u16)net->stat->crossings;
}

/* In this crossing? */
static bool was_short(const struct net *net, struct tcp_conn *c)
{
	if (c->short_at != (u16)net->stat->crossings)
		c->flags &= ~(u32)TCP_F_SHORT;
	return c->flags & TCP_F_SHORT;
}

s64 tcp_answer_later(struct net *net, struct tcp_conn *c, u32 done,
		     const u8 *addr, u32 len)
{
	int err = tcp_may_send(c);

	if (done > c->rx_told)
		return -EINVAL;
	if (err)
		return err;
	tcp_recv_done(net, c, done);
	return was_short(net, c) ? 0 : tcp_send(net, c, addr, len);
}

s64 tcp_answer6(struct net *net, struct tcp_conn *c, u32 done, const u8 *addr,
		u32 len, u64 now)
{
	return tcp_answer_as(net, c, true, done, addr, len, now);
}
