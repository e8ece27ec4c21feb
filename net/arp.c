/* SPDX-License-Identifier: MIT */
/* ARP messages (RFC 826). What is known of neighbours, and what is believed, is
 * in neigh*.c, for both families. */
#include "net/arp.h"

#include "base/mem.h"
#include "net/neigh_int.h"

static const u8 broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static void out(struct net *net, u16 op, const u8 dst[6], struct be32 spa,
		const u8 tha[6], struct be32 tpa)
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
	a->spa = spa;
	memcpy(a->tha, tha, 6);
	a->tpa = tpa;
	eth_out(net, m, dst, ETH_TYPE_ARP);
}

static const u8 unknown[6];

void arp_request(struct net *net, const u8 *mac, struct be32 ip)
{
	out(net, ARP_REQUEST, mac ? mac : broadcast, net_source(net, ip),
	    unknown, ip);
}

static void announce(struct net *net, struct be32 own)
{
	if (own.raw)
		out(net, ARP_REQUEST, broadcast, own, unknown, own);
}

void arp_announce(struct net *net)
{
	if (net->conf.ports_only)
		return;
	announce(net, net->conf.ip);
	for (u32 i = 0; i < net->conf.nalso; i++)
		announce(net, net->conf.also[i].ip);
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
	       !eth_is_group(a->sha) && !addr_is_v6(a->spa) &&
	       !ip_is_multicast(a->spa) && !ip_is_broadcast(net, a->spa) &&
	       !ip_is_own(net, a->spa);
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
	to_us = ip_is_own(net, a->tpa);
	request = to_us && be16_host(a->op) == ARP_REQUEST;
	/* A probe for a free address has no sender address (RFC 5227). */
	if (a->spa.raw && ip_on_link(net, a->spa)) {
		e = neigh_find(net, a->spa);
		if (!e && request)
			e = neigh_create(net, a->spa, false, now);
		if (e)
			neigh_heard(net, e, a->sha, to_us && !request, now);
	}
	if (request && !net->conf.ports_only && !(m->flags & MBUF_FORWARDED))
		out(net, ARP_REPLY, a->sha, a->tpa, a->sha, a->spa);
}
