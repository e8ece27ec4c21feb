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
#include "net/arp_int.h"

#include "base/mem.h"

/* @sure: resolved, by us or by Linux. */
static void confirm(struct net *net, struct neigh *e, const u8 mac[6],
		    bool sure, u64 now)
{
	memcpy(e->mac, mac, 6);
	e->state = ARP_VALID;
	e->retries = 0;
	e->doubt = DOUBT_NONE;
	e->sure = sure;
	e->used |= sure && e->pending;
	e->confirmed = tick_of(now);
	if (net->conf.arp_timeout_ms)
		arp_arm(net, e, net->conf.arp_timeout_ms, now);
	else
		timer_cancel(&net->wheel, &e->timer);
	arp_send_pending(net, e);
}

/* @mac, which another one than @e is known to have, says that it is @e. */
static void doubt(struct net *net, struct neigh *e, const u8 mac[6],
		  bool answer, u64 now)
{
	if (e->doubt && answer && !memcmp(e->claim, mac, 6))
		e->doubt = DOUBT_ANSWERED;
	if (e->doubt || tick_of(now) - e->doubted < arp_retry_ticks(net))
		return;
	memcpy(e->claim, mac, 6);
	e->doubt = DOUBT_ASKED;
	e->doubted = tick_of(now);
	arp_request(net, e->mac, e->ip);
	arp_request(net, e->claim, e->ip);
	arp_arm(net, e, net->conf.arp_retry_ms, now);
}

void arp_settle(struct net *net, struct neigh *e, u64 now)
{
	if (e->doubt == DOUBT_ANSWERED) {
		confirm(net, e, e->claim, true, now);
		return;
	}
	e->doubt = DOUBT_NONE;
	e->state = ARP_STALE;
	e->retries = (u8)net->conf.arp_retries; /* the last one */
	arp_ask(net, e, now);
}

/* @answer: to a request of ours, for all that we know. */
static void heard(struct net *net, struct neigh *e, const u8 mac[6],
		  bool answer, u64 now)
{
	bool asked_all =
		e->state == ARP_STALE && e->retries > net->conf.arp_retries;

	if (e->state == ARP_STATIC)
		return;
	if (e->state < ARP_STALE || !memcmp(e->mac, mac, 6) ||
	    (answer && asked_all))
		confirm(net, e, mac, true, now);
	else
		doubt(net, e, mac, answer, now);
}

static bool valid(const struct net *net, const struct mbuf *m)
{
	const struct eth_hdr *eth = (const struct eth_hdr *)m->data;
	const struct arp_hdr *a = (const struct arp_hdr *)(eth + 1);
	u16 op;

	if (m->len < ETH_LEN + ARP_LEN || be16_host(a->htype) != 1 ||
	    be16_host(a->ptype) != ETH_TYPE_IPV4 || a->hlen != 6 ||
	    a->plen != 4)
		return false;
	op = be16_host(a->op);
	return (op == ARP_REQUEST || op == ARP_REPLY) &&
	       !eth_is_group(a->sha) && !ip_is_multicast(a->spa) &&
	       !ip_is_broadcast(net, a->spa) && a->spa.raw != net->conf.ip.raw;
}

/* RFC 826's reception, but who did not ask us gets no new entry: replies
 * that nobody waited for teach nothing. */
void arp_in(struct net *net, const struct mbuf *m, u64 now)
{
	const struct arp_hdr *a = (const void *)(m->data + ETH_LEN);
	struct neigh *e;
	bool request, to_us;

	if (!valid(net, m)) {
		net->stat->drop_arp++;
		return;
	}
	to_us = a->tpa.raw == net->conf.ip.raw;
	request = to_us && be16_host(a->op) == ARP_REQUEST;
	/* A probe for a free address has no sender address (RFC 5227). */
	if (a->spa.raw && ip_on_link(net, a->spa)) {
		e = arp_find(net, a->spa);
		if (!e && request)
			e = arp_create(net, a->spa, false, now);
		if (e)
			heard(net, e, a->sha, to_us && !request, now);
	}
	if (request && !net->conf.ports_only && !(m->flags & MBUF_FORWARDED))
		arp_out(net, ARP_REPLY, a->sha, a->sha, a->spa);
}

void arp_follow(struct net *net, struct be32 ip, const u8 mac[6], u64 now)
{
	struct neigh *e = arp_find(net, ip);

	if (!ip_on_link(net, ip) || ip.raw == net->conf.ip.raw ||
	    eth_is_group(mac))
		return;
	if (!e)
		e = arp_create(net, ip, false, now);
	if (e && e->state != ARP_STATIC)
		confirm(net, e, mac, true, now);
}

void arp_learn(struct net *net, struct be32 ip, const u8 mac[6], u64 now)
{
	struct neigh *e;

	if (!net->conf.ports_only || eth_is_group(mac))
		return;
	if (!ip_on_link(net, ip))
		ip = net->conf.gateway; /* by way of it */
	if (!ip.raw || ip.raw == net->conf.ip.raw)
		return;
	e = arp_find(net, ip);
	if (!e)
		e = arp_create(net, ip, false, now);
	if (e && e->state < ARP_VALID)
		confirm(net, e, mac, false, now);
}
