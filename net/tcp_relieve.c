/* SPDX-License-Identifier: MIT */
/*
 * Who gives up a connection when they run short.
 *
 *   nearly all taken         who is closed for good and stuck ends, else the
 *                            oldest on which nobody has ever said a word; and
 *                            where tcp.recycle_idle allows it, who is idle
 *                            longest
 *   all taken                the oldest TIME-WAIT ends, or the oldest half-open
 *                            of the listener that has most of them
 */
#include "net/tcp_int.h"

enum {
	TRIES = 16,	   /* connections looked at for one to give up, */
	LOOKS = 4 * TRIES, /* ... in so many places of the table */
	STUCK = 3,	   /* timeouts or probes in a row */
	FEW_SILENT = 8,	   /* one in so many */
};

/* How much nearer to being given up than who is used; beyond: idle ticks. */
enum { WORTH_NONE, WORTH_SILENT = 0xfffffffe, WORTH_STUCK = 0xffffffff };

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

u32 tcp_places(const struct net *net)
{
	u32 free = tcp_slots_free(&net->tcp, &net->conf.tcp);

	return free + (u32)net->stat->tcp_time_wait;
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

static bool idle_for(const struct tcp_conn *c, u32 ms, u64 now)
{
	return ms && tick_of(now) - c->last_rx >= ticks_of_us(ms * 1000ull);
}

static u32 worth(const struct net *net, const struct tcp_conn *c, u64 now)
{
	if (is_stuck(c))
		return WORTH_STUCK;
	if (is_idle(c) && idle_for(c, net->conf.tcp.recycle_idle_ms, now))
		return tick_of(now) - c->last_rx;
	return WORTH_NONE;
}

/* While they are few, not one that has only just been opened: its first data
 * are on their way, and what would come in its place is no better. */
static struct tcp_conn *longest_silent(const struct net *net, u64 now)
{
	struct tcp_conn *c = oldest(&net->tcp.silent);
	u32 ms = net->conf.tcp.recycle_silent_ms;
	bool few = net->tcp.nsilent <= net->conf.tcp.max_conns / FEW_SILENT;

	return c && ms && (!few || idle_for(c, ms, now)) ? c : NULL;
}

/* Of those who have spoken only the next few are looked at, in turn: no order
 * is kept that each segment would change. */
static struct tcp_conn *dispensable(struct net *net, u64 now)
{
	struct tcp *t = &net->tcp;
	struct tcp_conn *found = longest_silent(net, now), *c;
	u32 most = found ? WORTH_SILENT : WORTH_NONE;
	u32 looks = min((u32)LOOKS, t->table_mask + 1);

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

bool tcp_relieve(struct net *net, u64 now)
{
	u32 left = net->conf.tcp.max_conns - net->tcp.ncounted;
	struct tcp_conn *c;

	/* The others are in nobody's way: see tcp_make_room(). */
	if (likely(left > tcp_conns_short(net)))
		return false;
	c = dispensable(net, now);
	if (!c)
		return false;
	net->stat->tcp_recycled++;
	/* What has all been acknowledged may still be read there. */
	if (c->state == TCP_FIN_WAIT_2)
		tcp_die(net, c, 0);
	else
		tcp_give_up(net, c, now);
	return true;
}
