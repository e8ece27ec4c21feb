/* SPDX-License-Identifier: MIT */
/*
 * What is believed of neighbours. Whoever is on the link can say anything, so
 * that a word counts where nothing is known, and else is asked back:
 *
 *   another address for a neighbour that is known
 *     -> both are asked; meanwhile nothing changes
 *          the old one answers      it stays
 *          silence for a retry, and
 *            the new one answered   it moves
 *            neither did            everyone is asked: who answers first
 *
 * A claim that is refuted costs two packets, and at most one claim a retry is
 * looked at (after RFC 5227, 2.4). An address that has moved, such as a
 * router's that fails over (RFC 5798), is followed after one retry.
 */
#include "net/neigh_int.h"

#include "base/mem.h"

/* @sure: resolved, by us or by Linux. */
static void confirm(struct net *net, struct neigh *e, const u8 mac[6],
		    bool sure, u64 now)
{
	memcpy(e->mac, mac, 6);
	e->state = NEIGH_VALID;
	e->retries = 0;
	e->doubt = DOUBT_NONE;
	e->sure = sure;
	e->used |= sure && e->pending;
	e->confirmed = tick_of(now);
	if (net->conf.arp_timeout_ms)
		neigh_arm(net, e, net->conf.arp_timeout_ms, now);
	else
		timer_cancel(&net->wheel, &e->timer);
	neigh_send_pending(net, e);
}

/* @mac, which another one than @e is known to have, says that it is @e. */
static void doubt(struct net *net, struct neigh *e, const u8 mac[6],
		  bool answer, u64 now)
{
	if (e->doubt && answer && !memcmp(e->claim, mac, 6))
		e->doubt = DOUBT_ANSWERED;
	if (e->doubt || tick_of(now) - e->doubted < neigh_retry_ticks(net))
		return;
	memcpy(e->claim, mac, 6);
	e->doubt = DOUBT_ASKED;
	e->doubted = tick_of(now);
	neigh_query(net, e->mac, e->ip);
	neigh_query(net, e->claim, e->ip);
	neigh_arm(net, e, net->conf.arp_retry_ms, now);
}

void neigh_settle(struct net *net, struct neigh *e, u64 now)
{
	if (e->doubt == DOUBT_ANSWERED) {
		confirm(net, e, e->claim, true, now);
		return;
	}
	e->doubt = DOUBT_NONE;
	e->state = NEIGH_STALE;
	e->retries = (u8)net->conf.arp_retries; /* the last one */
	neigh_ask(net, e, now);
}

void neigh_heard(struct net *net, struct neigh *e, const u8 mac[6], bool answer,
		 u64 now)
{
	bool asked_all =
		e->state == NEIGH_STALE && e->retries > net->conf.arp_retries;

	if (e->state == NEIGH_STATIC)
		return;
	if (e->state < NEIGH_STALE || !memcmp(e->mac, mac, 6) ||
	    (answer && asked_all))
		confirm(net, e, mac, true, now);
	else
		doubt(net, e, mac, answer, now);
}

void neigh_follow(struct net *net, struct be32 ip, const u8 mac[6], u64 now)
{
	struct neigh *e = neigh_find(net, ip);

	if (net_next_hop(net, ip).raw != ip.raw || net_is_own(net, ip) ||
	    eth_is_group(mac))
		return;
	if (!e)
		e = neigh_create(net, ip, false, now);
	if (e && e->state != NEIGH_STATIC)
		confirm(net, e, mac, true, now);
}

void neigh_learn(struct net *net, struct be32 ip, const u8 mac[6], u64 now)
{
	struct neigh *e;

	if (!net->conf.ports_only || eth_is_group(mac))
		return;
	ip = net_next_hop(net, ip);
	if (net_is_own(net, ip))
		return;
	e = neigh_find(net, ip);
	if (!e)
		e = neigh_create(net, ip, false, now);
	if (e && e->state < NEIGH_VALID)
		confirm(net, e, mac, false, now);
}
