/* SPDX-License-Identifier: MIT */
/*
 * Who may have a connection.
 *
 *   at the SYN               its listener has a backlog, and a share of those
 *                            that may be half-open; beyond, a cookie is sent
 *                            (tcp_cookie.c), or, with tcp.syn_cookies off, who
 *                            has waited longest without an answer makes room
 *   when confirmed           its source has a share: a few are each source's
 *                            own, and the last ones are for those; beyond, the
 *                            fewer are left the less; or a fixed one
 *                            (tcp.per_source, tcp.per_port)
 *
 * Only confirmed connections count for their source: a host that sends SYNs
 * in another's name takes nothing from that one. Which is given up when they
 * run short: tcp_relieve.c.
 */
#include "net/tcp_int.h"

enum {
	OWN_CONNS = 8, /* of a source */
	/* How many times what is left: alone, one may have n of n + 1. */
	SOURCE_SHARE = 8,
	HALF_OPEN_SHARE = 2, /* of a listener */
};

/* ---- shares */

/* Whoever has one IPv6 address has 2^64 of them: a source is a subnet. */
u32 tcp_source_hash(const struct net *net, struct be32 source)
{
	u64 key = source.raw;

	if (addr_is_v6(source))
		key = addr_ip6(&net->addrs, source)->q[0];
	return tcp_hash(net, key, 0);
}

static u32 *source_count(const struct net *net, struct be32 source)
{
	const struct tcp *t = &net->tcp;

	return &t->sources[tcp_source_hash(net, source) >> t->source_shift];
}

/* Many sources together leave one in so many, else each newcomer would find
 * but the one that the last of them could not have. */
static u64 source_share(const struct net *net)
{
	const struct tcp_conf *conf = &net->conf.tcp;
	u32 left = conf->max_conns - net->tcp.ncounted;
	u32 kept = tcp_conns_kept(net) - 1;

	if (conf->per_source)
		return conf->per_source;
	return max(SOURCE_SHARE * (u64)(left - min(left, kept)),
		   (u64)OWN_CONNS);
}

bool tcp_in_share(const struct net *net, struct be32 source, struct be16 port)
{
	const struct tcp_conf *conf = &net->conf.tcp;
	const struct tcp *t = &net->tcp;

	if (conf->per_port && t->ports[be16_host(port)] >= conf->per_port)
		return false;
	return *source_count(net, source) < source_share(net);
}

void tcp_count(struct net *net, struct tcp_conn *c)
{
	c->flags |= TCP_F_COUNTED;
	net->tcp.ncounted++;
	if (c->flags & TCP_F_ACTIVE)
		return;
	++*source_count(net, c->flow.raddr);
	if (net->conf.tcp.per_port)
		net->tcp.ports[be16_host(c->flow.lport)]++;
}

void tcp_uncount(struct net *net, struct tcp_conn *c)
{
	if (!(c->flags & TCP_F_COUNTED))
		return;
	c->flags &= ~(u32)TCP_F_COUNTED;
	net->tcp.ncounted--;
	if (c->flags & TCP_F_ACTIVE)
		return;
	--*source_count(net, c->flow.raddr);
	if (net->conf.tcp.per_port)
		net->tcp.ports[be16_host(c->flow.lport)]--;
}

/* ---- a listener's queues */

static struct tcp_listener *listener_of(struct net *net,
					const struct tcp_conn *c)
{
	return &net->tcp.listeners[ref16_index(c->listener)];
}

void tcp_enter_listener(struct net *net, struct tcp_listener *l,
			struct tcp_conn *c)
{
	c->listener = ref16((u32)(l - net->tcp.listeners));
	l->waiting++;
	l->nhalf++;
	net->tcp.nhalf++;
	list_add_tail(&l->half, &c->link);
}

void tcp_confirmed(struct net *net, struct tcp_conn *c)
{
	struct tcp_listener *l = listener_of(net, c);

	list_del(&c->link);
	list_add_tail(&l->conns, &c->link);
	l->nhalf--;
	net->tcp.nhalf--;
}

void tcp_leave_listener(struct net *net, struct tcp_conn *c)
{
	if (!c->listener.raw)
		return;
	if (c->state == TCP_SYN_RCVD)
		tcp_confirmed(net, c);
	listener_of(net, c)->waiting--;
	c->listener = (struct ref16){ 0 };
	list_del(&c->link);
}

bool tcp_may_accept(const struct tcp_listener *l)
{
	return l->waiting - l->nhalf < l->backlog;
}

/* With SYN cookies nobody need go for a newcomer. */
bool tcp_may_queue(struct net *net, const struct tcp_listener *l)
{
	u32 limit = max(net->conf.tcp.max_conns / 2, 1u);
	u32 left = limit - min(limit, net->tcp.nhalf);

	if (l->waiting < l->backlog && l->nhalf < HALF_OPEN_SHARE * left)
		return true;
	return !net->conf.tcp.syn_cookies && tcp_relieve_listener(net, l);
}
