/* SPDX-License-Identifier: MIT */
/* Neighbour discovery messages (RFC 4861), duplicate address detection
 * (RFC 4862, optimistic as in RFC 4429: an address is used while it is looked
 * for, and given up when somebody has it; but neighbours are asked from it at
 * once), router advertisements. */
#include "net/nd.h"

#include "base/cksum.h"
#include "base/mem.h"
#include "net/header.h"
#include "net/neigh_int.h"

static const struct be128 all_nodes = { .b = { 0xff, 2, [15] = 1 } };
static const struct be128 all_routers = { .b = { 0xff, 2, [15] = 2 } };
static const struct be128 nowhere;

/* ---- out */

/* @m holds the ICMPv6 message of @len bytes. @mac NULL: @dst is a group. */
static void send(struct net *net, struct mbuf *m, struct be128 src,
		 struct be128 dst, const u8 *mac)
{
	struct icmp_hdr *icmp = (struct icmp_hdr *)m->data;
	u32 len = m->len;
	u8 group[6];
	u64 sum = ip6_pseudo_sum(&src, &dst, IP_PROTO_ICMP6, (u16)len);

	icmp->cksum = 0;
	icmp->cksum = (u16)~cksum_fold(cksum_add(sum, icmp, len));
	ip6_push(m, len, src, dst, IP_PROTO_ICMP6, 0, ND_HOPS);
	if (!mac) {
		ip6_group_mac(group, dst);
		mac = group;
	}
	eth_out(net, m, mac, ETH_TYPE_IPV6);
}

static struct mbuf *message(struct net *net, u8 type, u32 flags,
			    struct be128 target)
{
	struct mbuf *m = mbuf_alloc(net->pool);
	struct nd_hdr *nd;

	if (!m)
		return NULL; /* timers and peers ask again */
	nd = (struct nd_hdr *)m->data;
	*nd = (struct nd_hdr){ .type = type,
			       .flags = be32(flags),
			       .target = target };
	m->len = ND_LEN;
	return m;
}

static void add_mac(struct mbuf *m, const u8 mac[6], u8 option)
{
	u8 *o = m->data + m->len;

	o[0] = option;
	o[1] = 1; /* in 8 bytes */
	memcpy(o + 2, mac, 6);
	m->len += ND_OPT_LEN;
}

void nd_solicit(struct net *net, const u8 *mac, struct be32 id)
{
	struct be128 ip = *addr_ip6(&net->addrs, id);
	struct be32 from = ip6_source(net, ip);
	struct mbuf *m;

	if (!from.raw)
		return;
	m = message(net, ND_SOLICIT, 0, ip);
	if (!m)
		return;
	add_mac(m, net->src.mac, ND_OPT_SOURCE);
	send(net, m, *addr_ip6(&net->addrs, from),
	     mac ? ip : ip6_solicited_node(ip), mac);
}

void nd_detect(struct net *net, struct be128 ip)
{
	struct mbuf *m = message(net, ND_SOLICIT, 0, ip);

	if (m)
		send(net, m, nowhere, ip6_solicited_node(ip), NULL);
}

static void advertise(struct net *net, struct be128 ip, u32 flags,
		      struct be128 dst, const u8 *mac)
{
	struct mbuf *m = message(net, ND_ADVERT, flags, ip);

	if (!m)
		return;
	add_mac(m, net->src.mac, ND_OPT_TARGET);
	send(net, m, ip, dst, mac);
}

/* RFC 4861, 7.2.6; without "override", for we may not be the only one yet. */
void nd_announce(struct net *net)
{
	for (u32 i = 0; i < net->ip6.nown; i++)
		advertise(net, net->ip6.own[i].ip, 0, all_nodes, NULL);
}

void nd_router_solicit(struct net *net)
{
	struct be32 from = ip6_source(net, all_routers);
	struct mbuf *m = from.raw ? mbuf_alloc(net->pool) : NULL;

	if (!m)
		return;
	m->len = ICMP_LEN;
	*(struct icmp_hdr *)m->data =
		(struct icmp_hdr){ .type = ND_ROUTER_SOLICIT };
	add_mac(m, net->src.mac, ND_OPT_SOURCE);
	send(net, m, *addr_ip6(&net->addrs, from), all_routers, NULL);
}

/* ---- in */

/* Do the options behind @p's first @at bytes end where the message ends, and
 * none is empty? */
static bool options_sound(const struct pkt *p, u32 at)
{
	const u8 *o = p->l4;

	while (at < p->first_len) {
		if (p->first_len - at < 2 || !o[at + 1])
			return false;
		at += o[at + 1] * 8u;
	}
	return at == p->first_len;
}

/* The option of @type, or NULL. */
static const u8 *option(const struct pkt *p, u32 at, u8 type)
{
	const u8 *o = p->l4;

	for (; at < p->first_len; at += o[at + 1] * 8u) {
		if (o[at] == type)
			return o + at;
	}
	return NULL;
}

/* The link-layer address in an option; NULL: none, or one that nobody can
 * have. */
static const u8 *mac_option(const struct pkt *p, u32 at, u8 type)
{
	const u8 *o = option(p, at, type);

	return o && !eth_is_group(o + 2) ? o + 2 : NULL;
}

/* @id, where somebody spoke from, has link-layer address @mac. */
static void learn(struct net *net, struct be32 id, const u8 mac[6], u64 now)
{
	struct neigh *e;

	if (!id.raw || ip6_next_hop(net, id).raw != id.raw)
		return;
	e = neigh_find(net, id);
	if (!e)
		e = neigh_create(net, id, false, now);
	if (e)
		neigh_heard(net, e, mac, false, now);
}

/* Another host has our address @own, or thinks so. One that is sure of it
 * defends it against us; an announcement that is to override nothing is a
 * newcomer's (RFC 4429 section 3.3): the address stays ours, and it is told. */
static void claimed(struct net *net, struct ip6_own *own, bool sure,
		    bool answers, u64 now)
{
	if (own->taken)
		return;
	if (!sure) {
		if (answers)
			advertise(net, own->ip, ND_F_OVERRIDE, all_nodes, NULL);
	} else if (net->conf.ip6.detect && now < net->ip6.detect_until) {
		own->taken = net->ip6.claimed = true;
		net->stat->nd_taken++;
	}
}

/* RFC 4861, 7.2.3; of a host that has no address yet, RFC 4862, 5.4.3: it is
 * told that the address is ours. */
static void solicitation(struct net *net, const struct pkt *p, bool answers,
			 u64 now)
{
	const struct nd_hdr *nd = p->l4;
	const struct ipv6_hdr *ip = p->ip;
	const u8 *mac = mac_option(p, ND_LEN, ND_OPT_SOURCE);
	int i = ip6_own(&net->ip6, nd->target);

	if (i < 0 || net->ip6.own[i].taken)
		return;
	if (!p->src.raw) {
		if (answers)
			advertise(net, nd->target, ND_F_OVERRIDE, all_nodes,
				  NULL);
		return;
	}
	if (mac)
		learn(net, p->src, mac, now);
	/* Somebody else may be known to have it (RFC 4429 section 2.2). */
	if (answers)
		advertise(net, nd->target,
			  ip6_is_optimistic(net, now)
				  ? ND_F_SOLICITED
				  : ND_F_SOLICITED | ND_F_OVERRIDE,
			  ip->src, mac ? mac : p->eth->src);
}

/* RFC 4861, 7.2.5. Who is not known is not made known by this. */
static void advertisement(struct net *net, const struct pkt *p, bool answers,
			  u64 now)
{
	const struct nd_hdr *nd = p->l4;
	const u8 *mac = mac_option(p, ND_LEN, ND_OPT_TARGET);
	bool answer = be32_host(nd->flags) & ND_F_SOLICITED;
	struct be32 id = addr_find(net, nd->target);
	int i = ip6_own(&net->ip6, nd->target);
	struct neigh *e;

	if (i >= 0) {
		if (mac && memcmp(mac, net->src.mac, 6))
			claimed(net, &net->ip6.own[i],
				be32_host(nd->flags) & ND_F_OVERRIDE, answers,
				now);
		return;
	}
	e = id.raw ? neigh_find(net, id) : NULL;
	if (!e)
		return;
	if (!mac && answer && e->state >= NEIGH_STALE)
		mac = e->mac; /* to a question that went there alone */
	if (mac)
		neigh_heard(net, e, mac, answer, now);
}

/* RFC 4861, 6.3.4: the first router serves until its time is over. */
static void router(struct net *net, const struct pkt *p, u64 now)
{
	const struct ra_hdr *ra = p->l4;
	const u8 *mac = mac_option(p, ND_RA_LEN, ND_OPT_SOURCE);
	const u8 *o = option(p, ND_RA_LEN, ND_OPT_MTU);
	struct ip6 *s = &net->ip6;
	u32 seconds = be16_host(ra->lifetime), mtu = 0;

	if (s->router_set)
		return;
	if (mac)
		learn(net, p->src, mac, now);
	if (o) {
		mtu = be32_host(*(const struct be32 *)(o + 4));
		if (mtu >= IPV6_MIN_MTU && mtu <= net->mtu)
			s->mtu = (u16)mtu;
	}
	if (s->router.raw && s->router.raw != p->src.raw)
		return;
	if (seconds && !s->router.raw) {
		s->router = p->src;
		addr_hold(net, s->router);
	}
	if (s->router.raw) /* 0: at once */
		timer_set(&net->wheel, &s->timer,
			  tick_of(now) + ticks_of_us(seconds * 1000000ull));
}

/* RFC 4861, 7.1 and 6.1.2: what nobody on this link would send is dropped; and
 * in fragments, which become a chain of buffers, or in a single one nobody has
 * a reason to (RFC 6980 section 5). */
static bool valid(const struct pkt *p, const struct icmp_hdr *icmp, u32 hlen)
{
	const struct ipv6_hdr *ip = p->ip;
	const struct nd_hdr *nd = p->l4;

	if (ip->hops != ND_HOPS || p->atomic || icmp->code ||
	    p->first_len < hlen || p->first_len != p->l4_len ||
	    !options_sound(p, hlen))
		return false;
	if (icmp->type == ND_ROUTER_ADVERT)
		return ip6_is_link_local(ip->src);
	if (ip6_is_multicast(nd->target))
		return false;
	if (icmp->type == ND_ADVERT)
		return !(ip6_is_multicast(ip->dst) &&
			 be32_host(nd->flags) & ND_F_SOLICITED);
	/* From nowhere: to all who may have the address, and no link-layer
	 * address. */
	return p->src.raw ||
	       (be128_equal(ip->dst, ip6_solicited_node(nd->target)) &&
		!option(p, ND_LEN, ND_OPT_SOURCE));
}

void nd_in(struct net *net, const struct mbuf *m, const struct pkt *p, u64 now)
{
	const struct icmp_hdr *icmp = p->l4;
	u32 hlen = icmp->type == ND_ROUTER_ADVERT ? ND_RA_LEN : ND_LEN;
	bool answers = !(m->flags & MBUF_FORWARDED); /* one thread does */

	if (icmp->type == ND_ROUTER_SOLICIT || icmp->type == ND_REDIRECT)
		return; /* we are no router, and know where to send */
	if (net->conf.ports_only || !valid(p, icmp, hlen)) {
		net->stat->drop_nd++;
		return;
	}
	if (icmp->type == ND_SOLICIT)
		solicitation(net, p, answers, now);
	else if (icmp->type == ND_ADVERT)
		advertisement(net, p, answers, now);
	else
		router(net, p, now);
}
