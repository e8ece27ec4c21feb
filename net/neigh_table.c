/* SPDX-License-Identifier: MIT */
/*
 * The table of neighbours. An entry lies in a window of NEIGH_PROBES slots that
 * begins at the lower bits of its address: the hosts of one subnet seldom
 * collide.
 *
 * Anybody on the link can fill a window. Then makes room what is not resolved
 * or not used, the one confirmed longest ago first. Only a packet to send, not
 * hearsay, may push out an entry in use, and is itself the next to go until it
 * is resolved: however many are asked for, one place of a window is lost.
 */
#include "net/neigh_int.h"

#include "base/mem.h"

void neigh_init(struct net *net)
{
	for (u32 i = 0; i < NEIGH_ENTRIES; i++) {
		struct neigh *e = &net->neighbours.entries[i];

		memset(e, 0, sizeof(*e));
		timer_init(&e->timer, TIMER_NEIGH);
	}
	net->neighbours.npending = 0;
	net->neighbours.count = 0;
}

static struct neigh *slot(struct net *net, struct be32 ip, u32 i)
{
	return &net->neighbours.entries[(be32_host(ip) + i) % NEIGH_ENTRIES];
}

struct neigh *neigh_find(struct net *net, struct be32 ip)
{
	for (u32 i = 0; i < NEIGH_PROBES; i++) {
		struct neigh *e = slot(net, ip, i);

		if (e->ip.raw == ip.raw && e->state != NEIGH_FREE)
			return e;
	}
	return NULL;
}

void neigh_drop_oldest(struct net *net, struct neigh *e)
{
	struct mbuf *m = e->pending;

	e->pending = m->tx.next;
	e->npending--;
	net->neighbours.npending--;
	net_no_route(net, m);
}

void neigh_release(struct net *net, struct neigh *e)
{
	timer_cancel(&net->wheel, &e->timer);
	while (e->pending)
		neigh_drop_oldest(net, e);
	addr_put(net, e->ip);
	e->state = NEIGH_FREE;
	net->neighbours.count--;
}

/* Which of two that are not free makes room? */
static bool cut_before(const struct neigh *a, const struct neigh *b)
{
	if (a->used != b->used)
		return b->used;
	return tick_before(a->confirmed, b->confirmed);
}

struct neigh *neigh_create(struct net *net, struct be32 ip, bool needed,
			   u64 now)
{
	struct neigh *best = NULL;

	for (u32 i = 0; i < NEIGH_PROBES; i++) {
		struct neigh *e = slot(net, ip, i);

		if (e->state == NEIGH_FREE) {
			best = e;
			break;
		}
		if (e->state == NEIGH_STATIC || (e->used && !needed))
			continue;
		if (!best || cut_before(e, best))
			best = e;
	}
	if (!best)
		return NULL;
	if (best->state != NEIGH_FREE)
		neigh_release(net, best);
	addr_hold(net, ip);
	best->ip = ip;
	best->retries = 0;
	best->doubt = DOUBT_NONE;
	best->sure = best->used = false;
	best->confirmed = tick_of(now);
	best->doubted = best->confirmed - neigh_retry_ticks(net);
	net->neighbours.count++;
	return best;
}

void neigh_flush(struct net *net)
{
	for (u32 i = 0; i < NEIGH_ENTRIES; i++) {
		struct neigh *e = &net->neighbours.entries[i];

		while (e->pending) {
			struct mbuf *m = e->pending;

			e->pending = m->tx.next;
			mbuf_free_chain(net->pool, m);
		}
		e->npending = 0;
	}
	net->neighbours.npending = 0;
}
