/* SPDX-License-Identifier: MIT */
#include "net/icmp6.h"

#include "base/cksum.h"
#include "base/errno.h"
#include "base/mem.h"
#include "net/header.h"
#include "net/icmp_int.h"
#include "net/mld.h"
#include "net/nd.h"

static u64 pseudo_sum(const struct pkt *p)
{
	const struct ipv6_hdr *ip = p->ip;

	return ip6_pseudo_sum(&ip->src, &ip->dst, IP_PROTO_ICMP6,
			      (u16)p->l4_len);
}

/* The answer comes from the address that was asked; a group is not answered (a
 * whole link would be). Addresses only change places in the checksum. */
static bool echo(struct net *net, struct mbuf *m, const struct pkt *p, u64 now)
{
	const struct ipv6_hdr *ip = p->ip;

	if (!net->conf.icmp_echo || net->conf.ports_only || !p->src.raw ||
	    ip6_is_multicast(ip->dst) || p->l4_len + IPV6_LEN > net->ip6.mtu)
		return net_drop(net, m, &net->stat->drop_icmp);
	icmp_turn(m, p, ICMP6_ECHO_REPLY);
	ip_out(net, m, p->dst, p->src, IP_PROTO_ICMP6, p->tos & 0xfc, NULL,
	       now);
	return true;
}

/* As for IPv4: see icmp.c. */
static struct tcp_icmp read_error(const struct icmp_hdr *icmp)
{
	struct tcp_icmp msg = { .error = EHOSTUNREACH };

	if (icmp->type == ICMP6_TOO_BIG) {
		/* More than any link's is no news. */
		msg.mtu = (u16)min(be32_host(icmp->rest), 65535u);
		return msg;
	}
	if (icmp->type == ICMP6_PARAMETER) {
		msg.error = EPROTO;
		msg.hard = icmp->code == ICMP6_PARAM_NEXT;
		return msg;
	}
	if (icmp->type != ICMP6_UNREACHABLE)
		return msg;
	switch (icmp->code) {
	case ICMP6_UNREACH_ROUTE:
		msg.error = ENETUNREACH;
		break;
	case ICMP6_UNREACH_PORT:
		msg.error = ECONNREFUSED;
		msg.hard = true;
		break;
	case ICMP6_UNREACH_PROHIB:
	case ICMP6_UNREACH_POLICY: /* kinds of the one before (RFC 4443, 3.1) */
	case ICMP6_UNREACH_REJECT:
		msg.hard = true;
		break;
	}
	return msg;
}

/* Less than every link takes is a lie (RFC 8201 section 4), and what fits
 * cannot have been too large. */
static bool is_news(const struct ipv6_hdr *sent, u32 mtu)
{
	return mtu >= IPV6_MIN_MTU &&
	       be16_host(sent->len) + (u32)IPV6_LEN > mtu;
}

/* What we sent is quoted: only TCP without extension headers is ours. */
static bool undelivered(struct net *net, struct mbuf *m, const struct pkt *p,
			u64 now)
{
	const struct icmp_hdr *icmp = p->l4;
	const struct ipv6_hdr *q = (const void *)(icmp + 1);
	const struct tcp_hdr *t = (const void *)(q + 1);
	struct tcp_icmp msg = read_error(icmp);
	struct be32 raddr;
	int own;

	if (p->first_len < ICMP_LEN + IPV6_LEN + 8)
		return net_drop(net, m, &net->stat->drop_icmp);
	own = ip6_own(&net->ip6, q->src);
	raddr = addr_find(net, q->dst);
	if (own < 0 || be32_host(q->ver_class_flow) >> 28 != 6 ||
	    (icmp->type == ICMP6_TOO_BIG && !is_news(q, msg.mtu)))
		return net_drop(net, m, &net->stat->drop_icmp);
	if (q->next == IP_PROTO_TCP) {
		struct flow flow = flow_make(raddr, net->ip6.own[own].id,
					     t->dport, t->sport);
		u32 group = net_flow_group6(net, q->dst, q->src, flow.ports);

		if (net_leave_group(net, group))
			return false;
		msg.seq = be32_host(t->seq);
		if (raddr.raw)
			tcp_icmp(net, flow, &msg, now);
	}
	mbuf_free_chain(net->pool, m);
	return true;
}

bool icmp6_in(struct net *net, struct mbuf *m, struct pkt *p, u64 now)
{
	const struct icmp_hdr *icmp = p->l4;

	if (p->first_len < ICMP_LEN || !ip_cksum_ok(m, p, pseudo_sum(p)))
		return net_drop(net, m, &net->stat->drop_icmp);
	if (p->src.raw && net_is_own(net, p->src) && icmp->type != ND_ADVERT)
		return net_drop(net, m, &net->stat->drop_icmp);
	switch (icmp->type) {
	case ICMP6_UNREACHABLE:
	case ICMP6_TOO_BIG:
	case ICMP6_TIME_EXCEEDED:
	case ICMP6_PARAMETER:
		return undelivered(net, m, p, now);
	case ICMP6_ECHO:
		if (!icmp->code)
			return echo(net, m, p, now);
		break;
	case MLD_QUERY:
	case ND_ROUTER_SOLICIT:
	case ND_ROUTER_ADVERT:
	case ND_SOLICIT:
	case ND_ADVERT:
	case ND_REDIRECT:
		if (icmp->type == MLD_QUERY)
			mld_in(net, p, now);
		else
			nd_in(net, m, p, now);
		net->owner = NET_ALL;
		if (!(m->flags & MBUF_FORWARDED))
			return false;
		break;
	}
	mbuf_free_chain(net->pool, m);
	return true;
}

void ip6_undeliverable(struct net *net, const struct mbuf *m, u64 now)
{
	const struct ipv6_hdr *ip = (const struct ipv6_hdr *)m->data;
	const struct tcp_hdr *h = (const struct tcp_hdr *)(ip + 1);
	struct be32 raddr = addr_find(net, ip->dst);
	struct be32 laddr = addr_find(net, ip->src);

	if (ip->next == IP_PROTO_TCP && raddr.raw)
		icmp_no_way(net, flow_make(raddr, laddr, h->dport, h->sport), h,
			    now);
}

/* ---- errors of ours */

/* No error is longer than the least MTU (RFC 4443, 2.4). */
enum { MOST = IPV6_MIN_MTU - IPV6_LEN };

/* Who is told of an error, or of a redirect, would tell us, and so on. */
static bool tells(u8 type)
{
	return type < ICMP6_ERRORS_END || type == ND_REDIRECT;
}

/* Is that what @p is (RFC 4443, 2.4 (e))? Perhaps behind extension headers that
 * nobody has looked at, as the one at p->l4 is what ours is about. What cannot
 * be seen counts as such, but for a fragment of another protocol. */
static bool is_told(const struct pkt *p)
{
	const u8 *at = p->l4;
	u32 left = p->first_len, len;

	for (u8 next = p->proto;; next = *at, at += len, left -= len) {
		const struct ip6_frag *f = (const void *)at;

		if (next == IP_PROTO_ICMP6)
			return left < ICMP_LEN || tells(*at);
		if (!ip6_is_extension(next))
			return false;
		if (left < sizeof(*f))
			return true;
		if (next == IP6_FRAGMENT && be16_host(f->off_more) >> 3)
			return f->next == IP_PROTO_ICMP6 ||
			       ip6_is_extension(f->next);
		len = next == IP6_FRAGMENT ? sizeof(*f) : at[1] * 8u + 8;
		if (left < len)
			return true;
	}
}

static bool deserves_error(const struct net *net, const struct pkt *p)
{
	const struct ipv6_hdr *ip = p->ip;

	return !net->conf.ports_only && p->src.raw &&
	       !ip6_is_multicast(ip->dst) && !eth_is_group(p->eth->dst) &&
	       !is_told(p);
}

static void error(struct net *net, const struct pkt *p, u8 type, u8 code,
		  u32 rest, u64 now)
{
	const struct icmp_hdr head = { type, code, 0, be32(rest) };
	struct icmp_hdr *icmp;
	struct mbuf *m;
	u64 sum;

	if (!deserves_error(net, p))
		return;
	m = icmp_error(net, p, head, MOST, now);
	if (!m)
		return;
	icmp = (struct icmp_hdr *)m->data;
	sum = net_pseudo_sum(net, p->src, p->dst, IP_PROTO_ICMP6, (u16)m->len);
	icmp->cksum = (u16)~cksum_fold(cksum_add(sum, icmp, m->len));
	ip_out(net, m, p->dst, p->src, IP_PROTO_ICMP6, 0, NULL, now);
}

void icmp6_unreachable(struct net *net, const struct pkt *p, u8 code, u64 now)
{
	error(net, p, ICMP6_UNREACHABLE, code, 0, now);
}

void icmp6_parameter(struct net *net, const struct pkt *p, u8 code,
		     const u8 *field, u64 now)
{
	error(net, p, ICMP6_PARAMETER, code, (u32)(field - (const u8 *)p->ip),
	      now);
}

void icmp6_reassembly_timeout(struct net *net, const struct pkt *p, u64 now)
{
	error(net, p, ICMP6_TIME_EXCEEDED, ICMP_EXCEEDED_REASSEMBLY, 0, now);
}
