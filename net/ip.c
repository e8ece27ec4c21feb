/* SPDX-License-Identifier: MIT */
/* IPv4 (RFC 791, 1122): everything that a header may lie about is checked
 * here, once. Nothing that we send may be cut up. */
#include "base/cksum.h"
#include "base/errno.h"
#include "base/word.h"
#include "net/header.h"

enum {
	IP_VER_IHL = 0x45, /* version 4, no options */
	IP_OPT_END = 0,
	IP_OPT_NOP = 1,
	IP_OPT_LSRR = 131,
	IP_OPT_SSRR = 137,
};

static inline u64 sum20(const struct ipv4_hdr *ip)
{
	return (u64)load32(ip) + load32(&ip->id) + load32(&ip->ttl) +
	       ip->src.raw + ip->dst.raw;
}

/* Header length, 0 if it is a lie or an option has no business here: source
 * routes (RFC 7126), lengths beyond the header. @have: bytes from @ip on. */
static COLD u32 options_len(const struct ipv4_hdr *ip, u32 have)
{
	const u8 *o = (const u8 *)(ip + 1);
	u32 hlen = (ip->ver_ihl & 15) * 4, left = hlen - IPV4_LEN;

	if (ip->ver_ihl >> 4 != 4 || hlen < IPV4_LEN || hlen > have)
		return 0;
	while (left && *o != IP_OPT_END) {
		u32 n = *o == IP_OPT_NOP ? 1 : left < 2 ? 0 : o[1];

		if (!n || n > left || (*o != IP_OPT_NOP && n < 2) ||
		    *o == IP_OPT_LSRR || *o == IP_OPT_SSRR)
			return 0;
		o += n;
		left -= n;
	}
	return hlen;
}

COLD bool ip_fit(struct net *net, struct mbuf *m, u32 total)
{
	u32 have = 0;

	for (const struct mbuf *f = m; f; f = f->next)
		have += f->len;
	if (have < ETH_LEN + total)
		return false;
	if (have > ETH_LEN + total)
		mbuf_trim(net->pool, m, ETH_LEN + total);
	return true;
}

/* Sources that no packet can have: our own address, 0/8 ("this network"),
 * loopback, multicast, reserved, broadcast (RFC 1122, 3.2.1.3). */
static COLD bool martian(const struct net *net, struct be32 src)
{
	u8 top = (u8)(be32_host(src) >> 24);

	return top == 0 || top == 127 || top >= 224 || ip_is_own(net, src) ||
	       ip_is_broadcast(net, src);
}

/* False means: certainly not martian. */
static inline bool maybe_martian(const struct net *net, struct be32 src)
{
	u8 top = (u8)src.raw; /* first byte on the wire */

	return (u8)(top - 1) >= 223 || top == 127 ||
	       src.raw == net->conf.ip.raw ||
	       src.raw == (net->conf.ip.raw | ~net->conf.netmask.raw) ||
	       net->conf.nalso;
}

static inline bool is_ours(const struct net *net, const struct pkt *p)
{
	return ip_is_own(net, p->dst) && !memcmp(p->eth->dst, net->src.mac, 6);
}

static COLD bool to_us(struct net *net, struct mbuf *m, struct pkt *p, u64 now)
{
	switch (p->proto) {
	case IP_PROTO_TCP:
		if (unlikely(!tcp_header_ok(p)))
			return net_drop(net, m, &net->stat->drop_tcp_header);
		return tcp_in(net, m, p, now);
	case IP_PROTO_UDP:
		return udp_in(net, m, p, now);
	case IP_PROTO_ICMP:
		return icmp_in(net, m, p, now);
	}
	icmp_unreachable(net, p, ICMP_UNREACH_PROTO, now);
	return net_drop(net, m, &net->stat->drop_not_ours);
}

/* What is not addressed to us alone: datagrams to everyone are taken, nothing
 * else is, nor unicast inside a link-layer broadcast (RFC 1122, 3.3.6). */
static COLD bool to_others(struct net *net, struct mbuf *m, struct pkt *p,
			   u64 now)
{
	if (p->proto == IP_PROTO_UDP && eth_is_group(p->eth->dst) &&
	    ip_is_broadcast(net, p->dst))
		return udp_in(net, m, p, now);
	return net_drop(net, m, &net->stat->drop_not_ours);
}

/* Every check on its own, so that what fails is counted. */
static COLD bool ip_in_slow(struct net *net, struct mbuf *m, struct pkt *p,
			    u64 now)
{
	const struct ipv4_hdr *ip = (const void *)(m->data + ETH_LEN);
	u32 hlen = IPV4_LEN, total;

	if (m->len < ETH_LEN + IPV4_LEN)
		return net_drop(net, m, &net->stat->drop_short);
	if (ip->ver_ihl != IP_VER_IHL)
		hlen = options_len(ip, m->len - ETH_LEN);
	if (!hlen)
		return net_drop(net, m, &net->stat->drop_ip_header);
	if (!cksum_holds(cksum_add(0, ip, hlen)))
		return net_drop(net, m, &net->stat->drop_checksum);
	total = be16_host(ip->len);
	if (total < hlen)
		return net_drop(net, m, &net->stat->drop_ip_header);
	if (!ip_fit(net, m, total))
		return net_drop(net, m, &net->stat->drop_short);
	if (maybe_martian(net, ip->src) && martian(net, ip->src))
		return net_drop(net, m, &net->stat->drop_not_ours);
	ip_addressed(p, ip);
	p->l4 = m->data + ETH_LEN + hlen;
	p->l4_len = total - hlen;
	p->first_len = m->len - ETH_LEN - hlen;
	if (ip->frag.raw & be16(IP_MF | IP_OFFSET).raw)
		return is_ours(net, p)
			       ? ip_frag_in(net, m, p, now)
			       : net_drop(net, m, &net->stat->drop_not_ours);
	return is_ours(net, p) ? to_us(net, m, p, now)
			       : to_others(net, m, p, now);
}

/* A segment for us in one piece, without options and padding, with a plausible
 * source: one condition. Everything else takes ip_in_slow(). */
bool ip_in(struct net *net, struct mbuf *m, struct pkt *p, u64 now)
{
	const struct ipv4_hdr *ip = (const void *)(m->data + ETH_LEN);
	u32 len = m->len - ETH_LEN;

	if (unlikely(m->len < ETH_LEN + IPV4_LEN + TCP_LEN ||
		     ip->ver_ihl != IP_VER_IHL || !cksum_holds(sum20(ip)) ||
		     ip->len.raw != be16((u16)len).raw || m->next ||
		     ip->frag.raw & be16(IP_MF | IP_OFFSET).raw ||
		     maybe_martian(net, ip->src)))
		return ip_in_slow(net, m, p, now);
	ip_addressed(p, ip);
	p->l4 = m->data + ETH_LEN + IPV4_LEN;
	p->l4_len = p->first_len = len - IPV4_LEN;
	if (unlikely(!is_ours(net, p)))
		return to_others(net, m, p, now);
	if (likely(ip->proto == IP_PROTO_TCP && tcp_header_ok(p)))
		return tcp_in(net, m, p, now);
	return to_us(net, m, p, now);
}

/* Destinations off the link and not behind a gateway. */
static COLD int out_group(struct net *net, struct mbuf *m, struct be32 dst)
{
	u8 mac[6] = { 0x01, 0x00, 0x5e };

	if (ip_is_multicast(dst)) { /* RFC 1112, 6.4 */
		memcpy(mac + 3, (u8 *)&dst + 1, 3);
		mac[3] &= 0x7f;
	} else {
		memset(mac, 0xff, sizeof(mac));
	}
	eth_out(net, m, mac, ETH_TYPE_IPV4);
	return 0;
}

static COLD u32 chain_len(const struct mbuf *m)
{
	return mbuf_packet_len(m);
}

int ip_out(struct net *net, struct mbuf *m, struct be32 src, struct be32 dst,
	   u8 proto, u8 tos, u16 *neigh, u64 now)
{
	u32 len = likely(!m->next && !m->nr_ext) ? m->len : chain_len(m);

	if (unlikely(addr_is_v6(dst)))
		return ip6_out(net, m, src, dst, proto, tos, neigh, now);
	ip_push(m, len, src, dst, proto, tos);
	if (likely(ip_on_link(net, dst)))
		return neigh_send(net, m, dst, neigh, now);
	if (ip_is_multicast(dst) || dst.raw == 0xffffffff)
		return out_group(net, m, dst);
	if (likely(net->conf.gateway.raw))
		return neigh_send(net, m, net->conf.gateway, neigh, now);
	net_no_route(net, m);
	return -EHOSTUNREACH;
}
