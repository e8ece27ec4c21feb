/* SPDX-License-Identifier: MIT */
/*
 * Hosts whose ACKs come late: busy ones, or such as delay them. A timeout in
 * vain is a credit of its host, by which a connection there waits longer, once,
 * before its next timeout: altogether as long as Linux's shortest, where the
 * setting is the default. A wait that an ACK ends costs nothing; one that ends
 * in the timeout, all the same, costs the credit. So of thousands of
 * connections with one host only some are needed to find out, and where
 * segments do get lost one wait was too long for each timeout in vain.
 *
 * Hosts that share a counter (it has no address) only wait for each other.
 */
#include "net/tcp_int.h"

enum {
	LATE_FLOORS = 3,
	LATE_MOST = 16, /* a burst of timeouts is one lesson */
};

static u8 *credit(struct net *net, const struct tcp_conn *c)
{
	return &net->tcp.late[tcp_hash(net, c->flow.raddr.raw, 0) % TCP_LATE];
}

void tcp_was_late(struct net *net, const struct tcp_conn *c)
{
	u8 *n = credit(net, c);

	*n += *n < LATE_MOST;
}

/* For the first timeout in a row: the next ones wait long enough. */
static bool may_wait(const struct tcp_conn *c)
{
	return c->state >= TCP_ESTABLISHED && !c->backoff;
}

bool tcp_wait_longer(struct net *net, struct tcp_conn *c, u64 now)
{
	u32 at = c->last_tx + c->rto + LATE_FLOORS * net->tcp.rto_min;

	if (!may_wait(c) || !*credit(net, c) || !tick_before(tick_of(now), at))
		return false;
	c->rto_at = at | !at;
	tcp_arm(net, c, c->rto_at);
	return true;
}

void tcp_waited(struct net *net, const struct tcp_conn *c)
{
	u8 *n = credit(net, c);

	if (may_wait(c))
		*n -= *n > 0;
}
