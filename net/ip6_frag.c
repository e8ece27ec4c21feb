/* SPDX-License-Identifier: MIT */
/* Fragments of IPv6 (RFC 8200 section 4.5). They wait with those of IPv4, see
 * frag.c. */
#include "base/mem.h"
#include "net/icmp6.h"
#include "net/net.h"

enum { FRAG_LEN = sizeof(struct ip6_frag) };

static struct frag_key key_of(const struct ipv6_hdr *ip, struct be32 id)
{
	struct frag_key key = { .id = id.raw };

	memcpy(&key.src, &ip->src, sizeof(key.src));
	memcpy(&key.dst, &ip->dst, sizeof(key.dst));
	return key;
}

/* The field that says that a fragment header is at @frag. It is the last of
 * those behind @ip, which have been passed over once. */
static u8 *before(struct ipv6_hdr *ip, const u8 *frag)
{
	u8 *next = &ip->next, *at = (u8 *)(ip + 1);

	while (at < frag) {
		u32 len = *next == IP6_FRAGMENT ? FRAG_LEN : at[1] * 8u + 8;

		next = at;
		at += len;
	}
	return next;
}

/* A whole datagram that says so itself: without the fragment header, in front
 * of which all moves up. @m's data is behind its @hlen bytes of headers. */
static void whole(struct net *net, struct mbuf *m, u32 hlen)
{
	u8 *frag = m->data - FRAG_LEN;
	struct ipv6_hdr *ip = (struct ipv6_hdr *)(m->data - hlen);
	u32 len = mbuf_packet_len(m) + hlen - FRAG_LEN - IPV6_LEN;
	u8 *to;

	*before(ip, frag) = *frag;
	ip->len = be16((u16)len);
	to = mbuf_push(m, ETH_LEN + hlen - FRAG_LEN);
	memmove(to, to - FRAG_LEN, ETH_LEN + hlen - FRAG_LEN);
	frag_ready(net, m);
}

static bool sound(struct net *net, const struct pkt *p, u32 hlen, u32 off,
		  u32 len, bool more, u64 now)
{
	const struct ipv6_hdr *ip = p->ip;
	const struct ip6_frag *f = p->l4;

	if (!net->conf.frag_timeout_ms || !len)
		return false;
	if (more && len % 8) {
		icmp6_parameter(net, p, ICMP6_PARAM_HEADER,
				(const u8 *)&ip->len, now);
		return false;
	}
	if (hlen - FRAG_LEN - IPV6_LEN + off + len > IP_MAX) {
		icmp6_parameter(net, p, ICMP6_PARAM_HEADER,
				(const u8 *)&f->off_more, now);
		return false;
	}
	return !more || len >= FRAG_LEAST;
}

bool ip6_frag_in(struct net *net, struct mbuf *m, const struct pkt *p, u64 now)
{
	const struct ip6_frag *f = p->l4;
	u32 hlen = (u32)((const u8 *)(f + 1) - (const u8 *)p->ip);
	u32 off_more = be16_host(f->off_more), off = off_more & 0xfff8;
	struct frag_key key = key_of(p->ip, f->id);
	bool more = off_more & 1;

	if (frag_leave(net, m, p))
		return false;
	if (!sound(net, p, hlen, off, p->l4_len - FRAG_LEN, more, now))
		return net_drop(net, m, &net->stat->drop_ip_fragment);
	mbuf_pull(m, ETH_LEN + hlen);
	m->frag.hlen = hlen;
	m = frag_add(net, &key, m, off, more, now);
	if (m)
		whole(net, m, m->frag.hlen);
	return true;
}

void ip6_frag_timeout(struct net *net, const struct mbuf *m, u64 now)
{
	const struct ipv6_hdr *ip = (const void *)(m->data - m->frag.hlen);
	const struct ip6_frag *f = (const void *)(m->data - FRAG_LEN);
	int own = ip6_own(&net->ip6, ip->dst);
	struct pkt p = { .eth = (const void *)((const u8 *)ip - ETH_LEN),
			 .ip = ip,
			 .src = addr_get(net, ip->src),
			 .proto = f->next,
			 .l4 = m->data,
			 .l4_len = m->len,
			 .first_len = m->len };

	if (own >= 0) {
		p.dst = net->ip6.own[own].id;
		icmp6_reassembly_timeout(net, &p, now);
	}
	addr_put(net, p.src);
}
