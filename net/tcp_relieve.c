/* SPDX-License-Identifier: MIT */
/*
 * Who gives up a connection when they run short.
 *
 *   nearly all taken         who is closed for good and stuck ends; and where
 *                            tcp.recycle_idle allows it, who is silent longest
 *   all taken                the oldest TIME-WAIT ends, or the oldest half-open
 *                            of the listener that has most of them
 */
#include "net/tcp_int.h"

enum {
	TRIES = 16,	   /* connections looked at for one to give up, */
	LOOKS = 4 * TRIES, /* ... in so many places of the table */
	STUCK = 3,	   /* timeouts or probes in a row */
};

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
bool tcp_relieve_listener(struct net *net, const struct tcp_listener *l)
{
	struct tcp_conn *c = oldest(&l->half);

	return c && c->probes && recycle(net, c);
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
	if (likely(all - net->tcp.ncounted > all / TCP_CONNS_KEPT + 1))
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
