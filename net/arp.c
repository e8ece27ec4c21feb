/* SPDX-License-Identifier: MIT */
/*
 * Neighbours: asking, sending, ageing. The life of an entry:
 *
 *                     no answer
 *   FREE  <---------------------------- ASKING <---- packet to send
 *    ^                                    | answer: pending packets go out
 *    | unused, or no answer               v
 *    +------ STALE <--- timeout ------- VALID <---- asks us (arp_in.c)
 *              |                          ^
 *              +--- used: asked again ----+ answer
 */
#include "net/arp_int.h"

#include "base/errno.h"
#include "base/mem.h"
#include "net/header.h"

static const u8 broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

void arp_arm(struct net *net, struct neigh *e, u32 ms, u64 now)
{
	timer_set(&net->wheel, &e->timer,
		  tick_of(now) + ticks_of_us((u64)ms * 1000));
}

void arp_out(struct net *net, u16 op, const u8 dst[6], const u8 tha[6],
	     struct be32 tpa)
{
	struct mbuf *m = mbuf_alloc(net->pool);
	struct arp_hdr *a;

	if (!m)
		return; /* timers and peers ask again */
	a = (struct arp_hdr *)m->data;
	m->len = ARP_LEN;
	a->htype = be16(1);
	a->ptype = be16(ETH_TYPE_IPV4);
	a->hlen = 6;
	a->plen = 4;
	a->op = be16(op);
	memcpy(a->sha, net->src.mac, 6);
	a->spa = net->conf.ip;
	memcpy(a->tha, tha, 6);
	a->tpa = tpa;
	eth_out(net, m, dst, ETH_TYPE_ARP);
}

void arp_request(struct net *net, const u8 dst[6], struct be32 ip)
{
	static const u8 unknown[6];

	arp_out(net, ARP_REQUEST, dst, unknown, ip);
}

/* Of a stale entry the host itself is asked first, in the end everyone
 * (RFC 1122, 2.3.2.1). */
void arp_ask(struct net *net, struct neigh *e, u64 now)
{
	bool unicast =
		e->state == ARP_STALE && e->retries < net->conf.arp_retries;

	e->retries++;
	arp_request(net, unicast ? e->mac : broadcast, e->ip);
	arp_arm(net, e, net->conf.arp_retry_ms, now);
}

/* The packets that waited, in their order. */
void arp_send_pending(struct net *net, struct neigh *e)
{
	struct mbuf *m = e->pending;

	net->arp.npending -= e->npending;
	e->pending = NULL;
	e->npending = 0;
	while (m) {
		struct mbuf *next = m->tx.next;

		eth_out(net, m, e->mac, ETH_TYPE_IPV4);
		m = next;
	}
}

/* What waits for all neighbours together is bounded, too: else SYNs from
 * invented neighbours would pin every buffer. The first packet is each one's
 * own (RFC 1122 section 2.3.2.2); beyond, nobody has more than are left. */
static bool may_wait(const struct net *net, const struct neigh *e)
{
	u32 all = net->arp.npending, limit = net->pool->total / 16;

	if (!e->npending)
		return all < 2 * limit;
	return e->npending < ARP_PENDING && all + e->npending < limit;
}

/* Until the answer comes. */
static void queue(struct net *net, struct neigh *e, struct mbuf *m)
{
	struct mbuf **at = &e->pending;

	if (!may_wait(net, e)) {
		net->stat->drop_no_route++;
		net_tx_drop(net, m);
		return;
	}
	while (*at)
		at = &(*at)->tx.next;
	*at = m;
	m->tx.next = NULL;
	e->npending++;
	net->arp.npending++;
}

/* To an address that has no valid entry, or whose entry is not known. */
static COLD int arp_send_slow(struct net *net, struct mbuf *m, struct be32 ip,
			      u16 *hint, u64 now)
{
	struct neigh *e = arp_find(net, ip);

	if (ip_is_broadcast(net, ip)) {
		eth_out(net, m, broadcast, ETH_TYPE_IPV4);
		return 0;
	}
	if (!e && ip.raw != net->conf.ip.raw) {
		e = arp_create(net, ip, true, now);
		if (e) {
			e->state = ARP_ASKING;
			arp_ask(net, e, now);
		}
	}
	if (!e) {
		net->stat->drop_no_route++;
		net_tx_drop(net, m);
		return -EHOSTUNREACH;
	}
	if (hint)
		*hint = (u16)(e - net->arp.entries + 1);
	if (e->state == ARP_ASKING) {
		queue(net, e, m);
		return 0;
	}
	e->used |= e->sure;
	/* With ports_only answers go to Linux: what is known must do. */
	if (e->state == ARP_STALE && !e->retries && !e->doubt &&
	    !net->conf.ports_only)
		arp_ask(net, e, now);
	eth_out(net, m, e->mac, ETH_TYPE_IPV4);
	return 0;
}

int arp_send(struct net *net, struct mbuf *m, struct be32 ip, u16 *hint,
	     u64 now)
{
	const struct neigh *e = hint ? arp_hint(net, *hint, ip) : NULL;

	if (likely(e)) {
		eth_out(net, m, e->mac, ETH_TYPE_IPV4);
		return 0;
	}
	return arp_send_slow(net, m, ip, hint, now);
}

int arp_add_static(struct net *net, struct be32 ip, const u8 mac[6])
{
	struct neigh *e = arp_find(net, ip);

	if (!ip_on_link(net, ip) || ip.raw == net->conf.ip.raw ||
	    ip_is_broadcast(net, ip) || eth_is_group(mac))
		return -EINVAL;
	if (!e)
		e = arp_create(net, ip, true,
			       (u64)net->wheel.tick << TICK_SHIFT);
	if (!e)
		return -ENOSPC;
	timer_cancel(&net->wheel, &e->timer);
	memcpy(e->mac, mac, 6);
	e->state = ARP_STATIC;
	e->doubt = DOUBT_NONE;
	arp_send_pending(net, e);
	return 0;
}

void arp_announce(struct net *net)
{
	if (!net->conf.ports_only)
		arp_request(net, broadcast, net->conf.ip);
}

/* What waited for a neighbour that does not answer is undeliverable. Nobody
 * knows that better than we: TCP need not try again. */
static void undeliverable(struct net *net, const struct neigh *e, u64 now)
{
	for (const struct mbuf *m = e->pending; m; m = m->tx.next) {
		const struct ipv4_hdr *ip = (const struct ipv4_hdr *)m->data;
		const struct tcp_hdr *h = (const struct tcp_hdr *)(ip + 1);
		const struct tcp_icmp msg = { .seq = be32_host(h->seq),
					      .error = EHOSTUNREACH,
					      .hard = true };

		if (ip->proto == IP_PROTO_TCP)
			tcp_icmp(net, flow_sent(ip, h), &msg, now);
	}
}

void arp_timer(void *arg, struct timer *t, u64 now)
{
	struct net *net = arg;
	struct neigh *e = container_of(t, struct neigh, timer);

	if (e->doubt) {
		arp_settle(net, e, now);
	} else if (e->state == ARP_VALID) {
		e->state = ARP_STALE;
		e->used = false;
		if (!net->conf.ports_only)
			arp_arm(net, e, net->conf.arp_timeout_ms, now);
	} else if (e->retries && e->retries <= net->conf.arp_retries) {
		arp_ask(net, e, now);
	} else {
		undeliverable(net, e, now);
		arp_release(net, e);
	}
}
