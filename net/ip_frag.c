/* SPDX-License-Identifier: MIT */
/* Fragments of IPv4 (RFC 791, RFC 1122 section 3.3.2). They wait with those of
 * IPv6, see frag.c. */
#include "base/cksum.h"
#include "net/net.h"

static struct frag_key key_of(const struct ipv4_hdr *ip)
{
	return (struct frag_key){ .src = addr_of_ipv4(ip->src),
				  .dst = addr_of_ipv4(ip->dst),
				  .id = ip->id.raw,
				  .proto = ip->proto };
}

/* A whole datagram that says so itself; @m's data is behind its @hlen bytes. */
static void whole(struct net *net, struct mbuf *m, u32 hlen)
{
	u32 len = mbuf_packet_len(m) + hlen;
	struct ipv4_hdr *ip = (struct ipv4_hdr *)mbuf_push(m, hlen);

	ip->len = be16((u16)len);
	ip->frag = be16(0);
	ip->cksum = 0;
	ip->cksum = (u16)~cksum_fold(cksum_add(0, ip, hlen));
	mbuf_push(m, ETH_LEN);
	frag_ready(net, m);
}

bool ip_frag_in(struct net *net, struct mbuf *m, const struct pkt *p, u64 now)
{
	u32 hlen = (u32)((const u8 *)p->l4 - (const u8 *)p->ip);
	const struct ipv4_hdr *ip = p->ip;
	u32 frag = be16_host(ip->frag), off = (frag & IP_OFFSET) * 8;
	struct frag_key key = key_of(ip);
	bool more = frag & IP_MF;

	if (frag_leave(net, m, p))
		return false;
	if (!net->conf.frag_timeout_ms || !p->l4_len ||
	    hlen + off + p->l4_len > IP_MAX ||
	    (more && (p->l4_len % 8 || p->l4_len < FRAG_LEAST)))
		return net_drop(net, m, &net->stat->drop_ip_fragment);
	mbuf_pull(m, ETH_LEN + hlen);
	m->frag.hlen = hlen;
	m = frag_add(net, &key, m, off, more, now);
	if (m)
		whole(net, m, m->frag.hlen);
	return true;
}

void ip_frag_timeout(struct net *net, const struct mbuf *m, u64 now)
{
	const struct ipv4_hdr *ip = (const void *)(m->data - m->frag.hlen);
	struct pkt p;

	ip_addressed(&p, ip);
	p.l4 = m->data;
	p.eth = (const void *)((const u8 *)p.ip - ETH_LEN);
	p.l4_len = p.first_len = m->len;
	icmp_reassembly_timeout(net, &p, now);
}
