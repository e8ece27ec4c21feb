/* SPDX-License-Identifier: MIT */
/*
 * Neighbours. The life of an entry:
 *
 *                     no answer
 *   FREE  <---------------------------- ASKING <---- packet to send
 *    ^                                    | answer: pending packets go out
 *    | unused, or no answer               v
 *    +------ STALE <--- timeout ------- VALID <---- SYN received (arp_learn)
 *              |                          ^
 *              +--- used: asked again ----+ answer
 *
 * Entries are found in a window of ARP_PROBES slots that begins at the lower
 * bits of the address: the hosts of one subnet seldom collide. When a window
 * is full the entry confirmed longest ago makes room.
 */
#include "net/arp.h"

#include "base/errno.h"
#include "base/mem.h"
#include "net/header.h"
#include "net/net.h"

static const u8 broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

void arp_init(struct net *net)
{
	for (u32 i = 0; i < ARP_ENTRIES; i++) {
		struct neigh *e = &net->arp.entries[i];

		memset(e, 0, sizeof(*e));
		timer_init(&e->timer, TIMER_ARP);
	}
	net->arp.npending = 0;
	net->arp.count = 0;
}

static struct neigh *slot(struct net *net, struct be32 ip, u32 i)
{
	return &net->arp.entries[(be32_host(ip) + i) % ARP_ENTRIES];
}

static struct neigh *find(struct net *net, struct be32 ip)
{
	for (u32 i = 0; i < ARP_PROBES; i++) {
		struct neigh *e = slot(net, ip, i);

		if (e->ip.raw == ip.raw && e->state != ARP_FREE)
			return e;
	}
	return NULL;
}

static void drop_pending(struct net *net, struct neigh *e)
{
	net->arp.npending -= e->npending;
	while (e->pending) {
		struct mbuf *m = e->pending;

		e->pending = m->nextpkt;
		net->stat->drop_no_route++;
		net_tx_drop(net, m);
	}
	e->npending = 0;
}

static void release(struct net *net, struct neigh *e)
{
	timer_cancel(&net->wheel, &e->timer);
	drop_pending(net, e);
	e->state = ARP_FREE;
	net->arp.count--;
}

/* An entry for @ip, which has none; NULL if only static ones could go. */
static struct neigh *create(struct net *net, struct be32 ip, u64 now)
{
	struct neigh *best = NULL;

	for (u32 i = 0; i < ARP_PROBES; i++) {
		struct neigh *e = slot(net, ip, i);

		if (e->state == ARP_FREE) {
			best = e;
			break;
		}
		if (e->state != ARP_STATIC &&
		    (!best || tick_before(e->confirmed, best->confirmed)))
			best = e;
	}
	if (!best)
		return NULL;
	if (best->state != ARP_FREE)
		release(net, best);
	best->ip = ip;
	best->retries = 0;
	best->confirmed = tick_of(now);
	net->arp.count++;
	return best;
}

static void arm(struct net *net, struct neigh *e, u32 ms, u64 now)
{
	timer_set(&net->wheel, &e->timer,
		  tick_of(now) + ticks_of_us((u64)ms * 1000));
}

static void out(struct net *net, u16 op, const u8 dst[6], const u8 tha[6],
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
	memcpy(a->sha, net->mac, 6);
	a->spa = net->conf.ip;
	memcpy(a->tha, tha, 6);
	a->tpa = tpa;
	eth_out(net, m, dst, ETH_TYPE_ARP);
}

/* Of a stale entry the host itself is asked first, in the end everyone
 * (RFC 1122, 2.3.2.1). */
static void ask(struct net *net, struct neigh *e, u64 now)
{
	static const u8 unknown[6];
	bool unicast =
		e->state == ARP_STALE && e->retries < net->conf.arp_retries;

	e->retries++;
	out(net, ARP_REQUEST, unicast ? e->mac : broadcast, unknown, e->ip);
	arm(net, e, net->conf.arp_retry_ms, now);
}

/* The packets that waited, in their order. */
static void send_pending(struct net *net, struct neigh *e)
{
	struct mbuf *m = e->pending;

	net->arp.npending -= e->npending;
	e->pending = NULL;
	e->npending = 0;
	while (m) {
		struct mbuf *next = m->nextpkt;

		eth_out(net, m, e->mac, ETH_TYPE_IPV4);
		m = next;
	}
}

static void confirm(struct net *net, struct neigh *e, const u8 mac[6], u64 now)
{
	if (e->state == ARP_STATIC)
		return;
	memcpy(e->mac, mac, 6);
	e->state = ARP_VALID;
	e->retries = 0;
	e->confirmed = tick_of(now);
	if (net->conf.arp_timeout_ms)
		arm(net, e, net->conf.arp_timeout_ms, now);
	else
		timer_cancel(&net->wheel, &e->timer);
	send_pending(net, e);
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
	bool request;

	if (!valid(net, m)) {
		net->stat->drop_arp++;
		return;
	}
	request = be16_host(a->op) == ARP_REQUEST &&
		  a->tpa.raw == net->conf.ip.raw;
	/* A probe for a free address has no sender address (RFC 5227). */
	if (a->spa.raw && ip_on_link(net, a->spa)) {
		e = find(net, a->spa);
		if (!e && request)
			e = create(net, a->spa, now);
		if (e)
			confirm(net, e, a->sha, now);
	}
	if (request && !net->conf.ports_only && !(m->flags & MBUF_FORWARDED))
		out(net, ARP_REPLY, a->sha, a->sha, a->spa);
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
		at = &(*at)->nextpkt;
	*at = m;
	m->nextpkt = NULL;
	e->npending++;
	net->arp.npending++;
}

/* To an address that has no valid entry, or whose entry is not known. */
static COLD int send_slow(struct net *net, struct mbuf *m, struct be32 ip,
			  u16 *hint, u64 now)
{
	struct neigh *e = find(net, ip);

	if (ip_is_broadcast(net, ip)) {
		eth_out(net, m, broadcast, ETH_TYPE_IPV4);
		return 0;
	}
	if (!e && ip.raw != net->conf.ip.raw) {
		e = create(net, ip, now);
		if (e) {
			e->state = ARP_ASKING;
			ask(net, e, now);
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
	/* With ports_only answers go to Linux: what SYNs taught must do. */
	if (e->state == ARP_STALE && !e->retries && !net->conf.ports_only)
		ask(net, e, now);
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
	return send_slow(net, m, ip, hint, now);
}

int arp_add_static(struct net *net, struct be32 ip, const u8 mac[6])
{
	struct neigh *e = find(net, ip);

	if (!ip_on_link(net, ip) || ip.raw == net->conf.ip.raw ||
	    ip_is_broadcast(net, ip) || eth_is_group(mac))
		return -EINVAL;
	if (!e)
		e = create(net, ip, (u64)net->wheel.tick << TICK_SHIFT);
	if (!e)
		return -ENOSPC;
	timer_cancel(&net->wheel, &e->timer);
	memcpy(e->mac, mac, 6);
	e->state = ARP_STATIC;
	send_pending(net, e);
	return 0;
}

void arp_follow(struct net *net, struct be32 ip, const u8 mac[6], bool sure,
		u64 now)
{
	struct neigh *e = find(net, ip);

	if (!ip_on_link(net, ip) || ip.raw == net->conf.ip.raw ||
	    eth_is_group(mac) || (e && e->state == ARP_VALID && !sure))
		return;
	if (!e)
		e = create(net, ip, now);
	if (e)
		confirm(net, e, mac, now);
}

void arp_learn(struct net *net, struct be32 ip, const u8 mac[6], u64 now)
{
	struct neigh *e;

	if (!ip_on_link(net, ip)) {
		/* It came by way of the gateway. Rather ask, if we can. */
		if (!net->conf.ports_only || !net->conf.gateway.raw)
			return;
		ip = net->conf.gateway;
	}
	if (eth_is_group(mac))
		return;
	e = find(net, ip);
	if (!e)
		e = create(net, ip, now);
	else if (e->state >= ARP_STALE && !net->conf.ports_only)
		return;
	if (e)
		confirm(net, e, mac, now);
}

void arp_announce(struct net *net)
{
	static const u8 unknown[6];

	if (!net->conf.ports_only)
		out(net, ARP_REQUEST, broadcast, unknown, net->conf.ip);
}

void arp_flush(struct net *net)
{
	for (u32 i = 0; i < ARP_ENTRIES; i++) {
		struct neigh *e = &net->arp.entries[i];

		while (e->pending) {
			struct mbuf *m = e->pending;

			e->pending = m->nextpkt;
			mbuf_free_chain(net->pool, m);
		}
		e->npending = 0;
	}
	net->arp.npending = 0;
}

/* What waited for a neighbour that does not answer is undeliverable. Nobody
 * knows that better than we: TCP need not try again. */
static void undeliverable(struct net *net, const struct neigh *e)
{
	for (const struct mbuf *m = e->pending; m; m = m->nextpkt) {
		const struct ipv4_hdr *ip = (const struct ipv4_hdr *)m->data;
		const struct tcp_hdr *h = (const struct tcp_hdr *)(ip + 1);
		const struct tcp_icmp msg = { .seq = be32_host(h->seq),
					      .error = EHOSTUNREACH,
					      .hard = true };

		if (ip->proto == IP_PROTO_TCP)
			tcp_icmp(net, ip->dst, ip->src, h->dport, h->sport,
				 &msg);
	}
}

void arp_timer(void *arg, struct timer *t, u64 now)
{
	struct net *net = arg;
	struct neigh *e = container_of(t, struct neigh, timer);

	if (e->state == ARP_VALID) {
		e->state = ARP_STALE;
		if (!net->conf.ports_only)
			arm(net, e, net->conf.arp_timeout_ms, now);
	} else if (e->retries && e->retries <= net->conf.arp_retries) {
		ask(net, e, now);
	} else {
		undeliverable(net, e);
		release(net, e);
	}
}
