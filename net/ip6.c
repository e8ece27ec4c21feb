/* SPDX-License-Identifier: MIT */
/* IPv6 (RFC 8200): everything that a header, and those between it and the
 * transport, may lie about is checked here, once. */
#include "base/errno.h"
#include "base/mem.h"
#include "net/header.h"
#include "net/icmp6.h"
#include "net/udp.h"

enum {
	MOST_EXTENSIONS = 8, /* more than anyone has a use for */
	OPT_PAD1 = 0,
	OPT_UNKNOWN = 0xc0, /* what to do with one (RFC 8200, 4.2): */
	OPT_SKIP = 0x00,
	OPT_DISCARD = 0x40,
	OPT_REPORT = 0x80, /* and ICMP, but for what went to a group */
};

/* Sources that no packet can have. None at all has who has no address yet. */
static bool martian(const struct net *net, struct be128 src)
{
	return ip6_is_multicast(src) ||
	       (ip6_is_special(src) && !ip6_is_zero(src));
}

/* For which of our addresses is it, or for a group that we are in: then the
 * first. -1: neither. */
static int destination(const struct net *net, struct be128 dst)
{
	static const struct be128 all_nodes = { .b = { 0xff, 2, [15] = 1 } };
	const struct ip6 *s = &net->ip6;
	int i;

	if (!ip6_is_multicast(dst)) {
		i = ip6_own(s, dst);
		return i >= 0 && s->own[i].taken ? -1 : i;
	}
	if (be128_equal(dst, all_nodes))
		return 0;
	for (i = 0; i < (int)s->nown; i++) {
		if (be128_equal(dst, ip6_solicited_node(s->own[i].ip)))
			return i;
	}
	return -1;
}

/* Are all options of the header at @o, of @len bytes, known or to be passed
 * over? Else *@report says whether the sender is told. */
static bool options_pass(const u8 *o, u32 len, bool *report, u32 *at)
{
	u32 i = 2;

	while (i < len) {
		if (o[i] == OPT_PAD1) {
			i++;
			continue;
		}
		if (len - i < 2 || o[i + 1] + 2u > len - i)
			return false;
		if ((o[i] & OPT_UNKNOWN) != OPT_SKIP) {
			*report = (o[i] & OPT_UNKNOWN) >= OPT_REPORT;
			*at = i;
			return false;
		}
		i += o[i + 1] + 2u;
	}
	return true;
}

/* Passes over the header of type @next at p->l4. False: the packet goes no
 * further, for a reason that has been counted or told. */
static bool pass_over(struct net *net, struct pkt *p, u8 next, bool first,
		      u64 now)
{
	const struct ip6_ext *ext = p->l4;
	u32 len = ext->len * 8u + 8, at = 0;
	bool report = false;

	if (p->first_len < len)
		goto bad;
	if (next == IP6_HOP_BY_HOP && !first) { /* RFC 8200 section 4 */
		icmp6_parameter(net, p, ICMP6_PARAM_NEXT, p->next, now);
		goto bad;
	}
	if (next == IP6_ROUTING) {
		if (ext->left) { /* to be sent on by us (RFC 5095) */
			icmp6_parameter(net, p, ICMP6_PARAM_HEADER, &ext->type,
					now);
			goto bad;
		}
	} else if (!options_pass(p->l4, len, &report, &at)) {
		if (report)
			icmp6_parameter(net, p, ICMP6_PARAM_OPTION,
					(const u8 *)p->l4 + at, now);
		goto bad;
	}
	p->proto = ext->next;
	p->next = &ext->next;
	p->l4 = (u8 *)p->l4 + len;
	p->l4_len -= len;
	p->first_len -= len;
	return true;
bad:
	net->stat->drop_ip_header++;
	return false;
}

/* A fragment that is the whole packet (RFC 6946) is none. */
static bool is_whole(const struct ip6_frag *f)
{
	return !(f->off_more.raw & be16(0xfff9).raw);
}

static void pass_over_whole(struct pkt *p)
{
	const struct ip6_frag *f = p->l4;

	p->atomic = true;
	p->proto = f->next;
	p->next = &f->next;
	p->l4 = (u8 *)p->l4 + sizeof(*f);
	p->l4_len -= sizeof(*f);
	p->first_len -= sizeof(*f);
}

/* Up to the transport's header, or a fragment's that is a part; all of them lie
 * in the first buffer. */
static bool pass_extensions(struct net *net, struct pkt *p, u64 now)
{
	for (u32 i = 0; i < MOST_EXTENSIONS; i++) {
		switch (p->proto) {
		case IP6_HOP_BY_HOP:
		case IP6_ROUTING:
		case IP6_DEST_OPTIONS:
			if (p->first_len < sizeof(struct ip6_ext)) {
				net->stat->drop_ip_header++;
				return false;
			}
			if (!pass_over(net, p, p->proto, !i, now))
				return false;
			break;
		case IP6_FRAGMENT:
			if (p->first_len < sizeof(struct ip6_frag)) {
				net->stat->drop_ip_header++;
				return false;
			}
			if (!is_whole(p->l4))
				return true;
			pass_over_whole(p);
			break;
		default:
			return true;
		}
	}
	net->stat->drop_ip_header++;
	return false;
}

static bool to_us(struct net *net, struct mbuf *m, struct pkt *p, u64 now)
{
	const struct ipv6_hdr *ip = p->ip;
	bool group = ip6_is_multicast(ip->dst);

	/* From an address of ours it can only be that somebody else has it. */
	if (p->proto == IP_PROTO_ICMP6)
		return icmp6_in(net, m, p, now);
	if (group || eth_is_group(p->eth->dst) || net_is_own(net, p->src))
		return net_drop(net, m, &net->stat->drop_not_ours);
	switch (p->proto) {
	case IP_PROTO_TCP:
		if (!tcp_header_ok(p))
			return net_drop(net, m, &net->stat->drop_tcp_header);
		return tcp_in(net, m, p, now);
	case IP_PROTO_UDP:
		return udp_in(net, m, p, now);
	case IP6_FRAGMENT:
		return ip6_frag_in(net, m, p, now);
	}
	if (p->proto != IP6_NO_NEXT)
		icmp6_parameter(net, p, ICMP6_PARAM_NEXT, p->next, now);
	return net_drop(net, m, &net->stat->drop_not_ours);
}

/* With the source's id held meanwhile: who wants it for longer holds it. */
static bool from(struct net *net, struct mbuf *m, struct pkt *p, u64 now)
{
	const struct ipv6_hdr *ip = p->ip;
	bool done = true;

	if (!ip6_is_zero(ip->src)) {
		p->src = addr_get(net, ip->src);
		if (!p->src.raw)
			return net_drop(net, m, &net->stat->drop_ip_addrs);
	}
	if (pass_extensions(net, p, now))
		done = to_us(net, m, p, now);
	else
		mbuf_free_chain(net->pool, m);
	addr_put(net, p->src);
	return done;
}

bool ip6_in(struct net *net, struct mbuf *m, struct pkt *p, u64 now)
{
	const struct ipv6_hdr *ip = (const void *)(m->data + ETH_LEN);
	u32 len;
	int own;

	if (m->len < ETH_LEN + IPV6_LEN)
		return net_drop(net, m, &net->stat->drop_short);
	if (be32_host(ip->ver_class_flow) >> 28 != 6)
		return net_drop(net, m, &net->stat->drop_ip_header);
	own = destination(net, ip->dst);
	if (own < 0 || martian(net, ip->src) ||
	    (!eth_is_group(p->eth->dst) &&
	     memcmp(p->eth->dst, net->src.mac, 6)))
		return net_drop(net, m, &net->stat->drop_not_ours);
	len = be16_host(ip->len); /* 0: a jumbogram, too */
	if (!ip_fit(net, m, IPV6_LEN + len))
		return net_drop(net, m, &net->stat->drop_short);
	p->ip = ip;
	p->l4 = m->data + ETH_LEN + IPV6_LEN;
	p->l4_len = len;
	p->first_len = m->len - ETH_LEN - IPV6_LEN;
	p->src = be32(0);
	p->dst = net->ip6.own[own].id;
	p->proto = ip->next;
	p->next = &ip->next;
	p->tos = (u8)(be32_host(ip->ver_class_flow) >> 20);
	p->atomic = false;
	return from(net, m, p, now);
}

/* Nobody is asked for a group's address. */
static int out_group(struct net *net, struct mbuf *m, struct be128 group)
{
	u8 mac[6];

	ip6_group_mac(mac, group);
	eth_out(net, m, mac, ETH_TYPE_IPV6);
	return 0;
}

int ip6_out(struct net *net, struct mbuf *m, struct be32 src, struct be32 dst,
	    u8 proto, u8 tos, u16 *neigh, u64 now)
{
	const struct addr_table *t = &net->addrs;
	u32 len = mbuf_packet_len(m);
	struct be32 next;

	ip6_push(m, len, *addr_ip6(t, src), *addr_ip6(t, dst), proto, tos,
		 IP_TTL);
	if (unlikely(ip6_is_multicast(*addr_ip6(t, dst))))
		return out_group(net, m, *addr_ip6(t, dst));
	next = ip6_next_hop(net, dst);
	if (likely(next.raw))
		return neigh_send(net, m, next, neigh, now);
	net_no_route(net, m);
	return -EHOSTUNREACH;
}
