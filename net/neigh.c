/* SPDX-License-Identifier: MIT */
/*
 * Neighbours: asking, sending, ageing. The life of an entry:
 *
 *                     no answer
 *   FREE  <---------------------------- ASKING <---- packet to send
 *    ^                                    | answer: pending packets go out
 *    | unused, or no answer               v
 *    +------ STALE <--- timeout ------- VALID <---- asks us (neigh_heard.c)
 *              |                          ^
 *              +--- used: asked again ----+ answer
 */
#include "net/neigh_int.h"

#include "base/errno.h"
#include "base/mem.h"
#include "net/arp.h"
#include "net/header.h"
#include "net/nd.h"

void neigh_query(struct net *net, const u8 *mac, struct be32 ip)
{
	if (addr_is_v6(ip))
		nd_solicit(net, mac, ip);
	else
		arp_request(net, mac, ip);
}

static u16 type_of(const struct neigh *e)
{
	return addr_is_v6(e->ip) ? ETH_TYPE_IPV6 : ETH_TYPE_IPV4;
}

void neigh_arm(struct net *net, struct neigh *e, u32 ms, u64 now)
{
	timer_set(&net->wheel, &e->timer,
		  tick_of(now) + ticks_of_us((u64)ms * 1000));
}

/* Of a stale entry the host itself is asked first, in the end everyone
 * (RFC 1122, 2.3.2.1). */
void neigh_ask(struct net *net, struct neigh *e, u64 now)
{
	bool unicast =
		e->state == NEIGH_STALE && e->retries < net->conf.arp_retries;

	e->retries++;
	neigh_query(net, unicast ? e->mac : NULL, e->ip);
	neigh_arm(net, e, net->conf.arp_retry_ms, now);
}

/* The packets that waited, in their order. */
void neigh_send_pending(struct net *net, struct neigh *e)
{
	struct mbuf *m = e->pending;

	net->neighbours.npending -= e->npending;
	e->pending = NULL;
	e->npending = 0;
	while (m) {
		struct mbuf *next = m->tx.next;

		eth_out(net, m, e->mac, type_of(e));
		m = next;
	}
}

/* What waits for all neighbours together is bounded, too: else SYNs from
 * invented neighbours would pin every buffer. The first packet is each one's
 * own (RFC 1122 section 2.3.2.2); beyond, nobody has more than are left. */
static bool may_wait(const struct net *net, const struct neigh *e)
{
	u32 all = net->neighbours.npending, limit = net->pool->total / 16;

	if (!e->npending)
		return all < 2 * limit;
	return e->npending < NEIGH_PENDING && all + e->npending < limit;
}

/* What waits here may do so for seconds, and its memory be the application's
 * again: it is copied. TCP makes no large packet for whom it does not know; one
 * would take too many buffers. */
static bool make_own(struct net *net, struct mbuf *m)
{
	if (!(m->flags & MBUF_IN_PLACE))
		return true;
	if (m->flags & MBUF_LARGE || !mbuf_pack(net->pool, m))
		return false;
	m->flags &= (u8)~MBUF_IN_PLACE;
	return true;
}

/* Until the answer comes. Where no more may, the latest are kept (RFC 1122
 * section 2.3.2.2, RFC 4861 section 7.2.2). */
static void queue(struct net *net, struct neigh *e, struct mbuf *m)
{
	struct mbuf **at = &e->pending;

	if (!make_own(net, m)) {
		net_no_route(net, m);
		return;
	}
	if (!may_wait(net, e)) {
		if (!e->pending) {
			net_no_route(net, m);
			return;
		}
		neigh_drop_oldest(net, e);
	}
	while (*at)
		at = &(*at)->tx.next;
	*at = m;
	m->tx.next = NULL;
	e->npending++;
	net->neighbours.npending++;
}

/* To an address that has no valid entry, or whose entry is not known. */
static COLD int send_slow(struct net *net, struct mbuf *m, struct be32 ip,
			  u16 *hint, u64 now)
{
	static const u8 broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct neigh *e = neigh_find(net, ip);

	if (ip_is_broadcast(net, ip)) {
		eth_out(net, m, broadcast, ETH_TYPE_IPV4);
		return 0;
	}
	if (!e && !net_is_own(net, ip)) {
		e = neigh_create(net, ip, true, now);
		if (e) {
			e->state = NEIGH_ASKING;
			neigh_ask(net, e, now);
		}
	}
	if (!e) {
		net_no_route(net, m);
		return -EHOSTUNREACH;
	}
	if (hint)
		*hint = (u16)(e - net->neighbours.entries);
	if (e->state == NEIGH_ASKING) {
		queue(net, e, m);
		return 0;
	}
	e->used |= e->sure;
	/* With ports_only answers go to Linux: what is known must do. */
	if (e->state == NEIGH_STALE && !e->retries && !e->doubt &&
	    !net->conf.ports_only)
		neigh_ask(net, e, now);
	eth_out(net, m, e->mac, type_of(e));
	return 0;
}

int neigh_send(struct net *net, struct mbuf *m, struct be32 ip, u16 *hint,
	       u64 now)
{
	const struct neigh *e = hint ? neigh_hint(net, *hint, ip) : NULL;

	if (likely(e)) {
		eth_out(net, m, e->mac, type_of(e));
		return 0;
	}
	return send_slow(net, m, ip, hint, now);
}

int neigh_add_static(struct net *net, struct be32 ip, const u8 mac[6])
{
	struct neigh *e = neigh_find(net, ip);

	if (net_next_hop(net, ip).raw != ip.raw || net_is_own(net, ip) ||
	    ip_is_broadcast(net, ip) || eth_is_group(mac))
		return -EINVAL;
	if (!e)
		e = neigh_create(net, ip, true,
				 (u64)net->wheel.tick << TICK_SHIFT);
	if (!e)
		return -ENOSPC;
	timer_cancel(&net->wheel, &e->timer);
	memcpy(e->mac, mac, 6);
	e->state = NEIGH_STATIC;
	e->doubt = DOUBT_NONE;
	neigh_send_pending(net, e);
	return 0;
}

void neigh_forget_static(struct net *net, struct be32 ip)
{
	struct neigh *e = neigh_find(net, ip);

	if (e && e->state == NEIGH_STATIC)
		neigh_release(net, e);
}

/* What waited for a neighbour that does not answer is undeliverable. Nobody
 * knows that better than we: TCP need not try again. */
static void undeliverable(struct net *net, const struct neigh *e, u64 now)
{
	for (const struct mbuf *m = e->pending; m; m = m->tx.next) {
		if (addr_is_v6(e->ip))
			ip6_undeliverable(net, m, now);
		else
			ip_undeliverable(net, m, now);
	}
}

void neigh_timer(void *arg, struct timer *t, u64 now)
{
	struct net *net = arg;
	struct neigh *e = container_of(t, struct neigh, timer);

	if (e->doubt) {
		neigh_settle(net, e, now);
	} else if (e->state == NEIGH_VALID) {
		e->state = NEIGH_STALE;
		e->used = false;
		if (!net->conf.ports_only)
			neigh_arm(net, e, net->conf.arp_timeout_ms, now);
	} else if (e->retries && e->retries <= net->conf.arp_retries) {
		neigh_ask(net, e, now);
	} else {
		undeliverable(net, e, now);
		neigh_release(net, e);
	}
}
