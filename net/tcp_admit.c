/* SPDX-License-Identifier: MIT */
/*
 * Who may have a connection, and who gives one up when they run short.
 *
 *   at the SYN               its listener has a backlog, and a share of those
 *                            that may be half-open; beyond, a cookie is sent
 *                            (tcp_cookie.c), or, with tcp.syn_cookies off, who
 *                            has waited longest without an answer makes room
 *   when confirmed           its source has a share: a few are each source's
 *                            own, and the last ones are for those; beyond, the
 *                            fewer are left the less; or a fixed one
 *                            (tcp.per_source, tcp.per_port)
 *   nearly all taken         who is closed for good and stuck ends; and where
 *                            tcp.recycle_idle allows it, who is silent longest
 *   all taken                the oldest TIME-WAIT ends, or the oldest half-open
 *                            of the listener that has most of them
 *
 * Only confirmed connections count for their source: whoever sends SYNs in
 * another's name takes nothing from him.
 */
#include "net/tcp_int.h"

enum {
	OWN_CONNS = 8, /* of a source */
	/* How many times what is left: alone, one may have n of n + 1. */
	SOURCE_SHARE = 8,
	HALF_OPEN_SHARE = 2, /* of a listener */
	RESERVE = 64,	     /* "nearly all": but one of so many */
	TRIES = 16,	     /* connections looked at for one to give up, */
	LOOKS = 4 * TRIES,   /* ... in so many places of the table */
	STUCK = 3,	     /* timeouts or probes in a row */
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

/* Many sources together leave one in RESERVE, else each newcomer would find
 * but the one that the last of them could not have. */
static u64 source_share(const struct net *net)
{
	const struct tcp_conf *conf = &net->conf.tcp;
	u32 left = conf->max_conns - net->tcp.ncounted;
	u32 kept = conf->max_conns / RESERVE;

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
	return &net->tcp.listeners[c->listener - 1];
}

void tcp_enter_listener(struct net *net, struct tcp_listener *l,
			struct tcp_conn *c)
{
	c->listener = (u16)(l - net->tcp.listeners + 1);
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
	if (!c->listener)
		return;
	if (c->state == TCP_SYN_RCVD)
		tcp_confirmed(net, c);
	listener_of(net, c)->waiting--;
	c->listener = 0;
	list_del(&c->link);
}

/* ---- who gives one up */

static struct tcp_conn *oldest(const struct list *l)
{
	return list_empty(l) ? NULL
			     : container_of(l->next, struct tcp_conn, link);
}

static bool recycle(struct net *net, struct tcp_conn *c)
{
	net->stat->tcp_recycled++;
	tcp_release(net, c);
	return true;
}

/* Not one whose peer may not have had the time to answer. */
static bool recycle_unanswered(struct net *net, const struct tcp_listener *l)
{
	struct tcp_conn *c = oldest(&l->half);

	return c && c->probes && recycle(net, c);
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
	return !net->conf.tcp.syn_cookies && recycle_unanswered(net, l);
}

/* Not one whose end is still to be told. */
static bool recycle_time_wait(struct net *net)
{
	struct list *l, *all = &net->tcp.time_wait;
	u32 tries = 0;

	list_for_each (l, all) {
		struct tcp_conn *c = container_of(l, struct tcp_conn, link);

		if (!tcp_is_named(c)) {
			tcp_release(net, c);
			return true;
		}
		if (++tries == TRIES)
			break;
	}
	return false;
}

static void recycle_half_open(struct net *net)
{
	const struct tcp_listener *all = net->tcp.listeners, *most = all;

	for (u32 i = 1; i < net->conf.tcp.max_listeners; i++) {
		if (all[i].nhalf > most->nhalf)
			most = &all[i];
	}
	if (most->nhalf)
		recycle(net, oldest(&most->half));
}

void tcp_make_room(struct net *net)
{
	if (!recycle_time_wait(net))
		recycle_half_open(net);
}

/* Closed for good, and waiting for a peer who does nothing? */
static bool is_stuck(const struct tcp_conn *c)
{
	if (!(c->flags & TCP_F_NO_RECV) || c->state < TCP_ESTABLISHED ||
	    c->state == TCP_TIME_WAIT)
		return false;
	return c->state == TCP_FIN_WAIT_2 || c->backoff >= STUCK;
}

/* From a peer, with the application, and nothing is on its way? */
static bool is_idle(const struct tcp_conn *c)
{
	return c->state == TCP_ESTABLISHED && c->flags & TCP_F_ACCEPTED &&
	       !(c->flags & TCP_F_ACTIVE) && !c->sndq_bytes && !c->rx_bytes &&
	       !c->ooo;
}

/* How much nearer to being given up than a living one; 0: not at all. */
static u32 worth(const struct net *net, const struct tcp_conn *c, u64 now)
{
	u32 ms = net->conf.tcp.recycle_idle_ms;
	u32 idle = tick_of(now) - c->last_rx;

	if (is_stuck(c))
		return UINT32_MAX;
	return ms && is_idle(c) && idle >= ticks_of_us(ms * 1000ull) ? idle : 0;
}

/* The next few, in turn: no order is kept that each segment would change. */
static struct tcp_conn *dispensable(struct net *net, u64 now)
{
	struct tcp *t = &net->tcp;
	struct tcp_conn *found = NULL, *c;
	u32 most = 0, looks = min((u32)LOOKS, t->table_mask + 1);

	for (u32 i = 0; i < TRIES; i++) {
		u32 w;

		c = tcp_go_round(t, &t->hand, &looks);
		if (!c)
			break;
		w = worth(net, c, now);
		if (w > most) {
			most = w;
			found = c;
		}
	}
	return found;
}

void tcp_relieve(struct net *net, u64 now)
{
	u32 all = net->conf.tcp.max_conns;
	struct tcp_conn *c;

	/* The others are in nobody's way: see tcp_make_room(). */
	if (likely(all - net->tcp.ncounted > all / RESERVE + 1))
		return;
	c = dispensable(net, now);
	if (!c)
		return;
	net->stat->tcp_recycled++;
	/* What has all been acknowledged may still be read there. */
	if (c->state == TCP_FIN_WAIT_2)
		tcp_die(net, c, 0);
	else
		tcp_give_up(net, c, now);
}
