/* SPDX-License-Identifier: MIT */
#include "wire_ip.h"

#include <string.h>

#include "../unit/rig.h"
#include "base/cksum.h"

u8 *wire_put(u8 *p, u64 value, u32 bytes)
{
	while (bytes--)
		*p++ = (u8)(value >> (8 * bytes));
	return p;
}

u32 wire_get(const u8 *p, u32 bytes)
{
	u32 v = 0;

	while (bytes--)
		v = v << 8 | *p++;
	return v;
}

/* Eight bytes, at @p. */
static u8 *put_ext(u8 *p, u8 proto, const struct ext *e)
{
	p = wire_put(p, proto, 1);
	p = wire_put(p, 0, 1);
	switch (e->type) {
	case IP6_FRAGMENT:
		return wire_put(wire_put(p, e->n, 2), 1, 4);
	case IP6_ROUTING:
		return wire_put(wire_put(p, e->n, 2), 0, 4);
	default: /* an option of four bytes: PadN, if nothing is said */
		return wire_put(wire_put(p, (e->n ? e->n : 1) << 8 | 4, 2), 0,
				4);
	}
}

u8 *wire_ip_put(u8 *frame, bool ip6, u8 proto, u8 ecn, const struct ext *ext,
		u32 next)
{
	struct eth_hdr *eth = (struct eth_hdr *)frame;
	struct ipv4_hdr *ip = (struct ipv4_hdr *)(eth + 1);
	struct ipv6_hdr *ip6_hdr = (struct ipv6_hdr *)(eth + 1);
	u8 *p = (u8 *)(ip6_hdr + 1);

	memcpy(eth->dst, "\2\0\0\0\0\1", 6);
	memcpy(eth->src, rig_peer_mac, 6);
	eth->type = be16(ip6 ? ETH_TYPE_IPV6 : ETH_TYPE_IPV4);
	if (!ip6) {
		*ip = (struct ipv4_hdr){
			.ver_ihl = 0x45,
			.tos = ecn,
			.ttl = IP_TTL,
			.proto = proto,
			.src = rig_peer_ip,
			.dst = rig_ip,
		};
		return (u8 *)(ip + 1);
	}
	*ip6_hdr = (struct ipv6_hdr){
		.ver_class_flow = be32(6u << 28 | (u32)ecn << 20),
		.next = next ? ext[0].type : proto,
		.hops = IP_TTL,
		.src = rig_peer_ip6,
		.dst = rig_ip6,
	};
	for (u32 i = 0; i < next; i++)
		p = put_ext(p, i + 1 < next ? ext[i + 1].type : proto, ext + i);
	return p;
}

static const char *ip4_parse(struct wire_ip *out, const struct ipv4_hdr *ip,
			     u32 len)
{
	*out = (struct wire_ip){
		.proto = ip->proto,
		.ecn = ip->tos & 3,
		.hops = ip->ttl,
		.l4 = (const u8 *)(ip + 1),
		.len = be16_host(ip->len) - IPV4_LEN,
	};
	if (ip->ver_ihl != 0x45 || be16_host(ip->len) > len)
		return "bad IP header";
	if (cksum_fold(cksum_add(0, ip, IPV4_LEN)) != 0xffff)
		return "bad IP checksum";
	if (!(be16_host(ip->frag) & IP_DF))
		return "DF not set";
	if (ip->src.raw != rig_ip.raw || ip->dst.raw != rig_peer_ip.raw)
		return "not between us";
	if (cksum_fold(cksum_add(
		    ip_pseudo_sum(ip->src, ip->dst, ip->proto, (u16)out->len),
		    out->l4, out->len)) != 0xffff)
		return "bad checksum";
	return NULL;
}

static const char *ip6_parse(struct wire_ip *out, const struct ipv6_hdr *ip,
			     u32 len)
{
	u32 first = be32_host(ip->ver_class_flow);

	*out = (struct wire_ip){
		.ip6 = true,
		.proto = ip->next,
		.ecn = first >> 20 & 3,
		.hops = ip->hops,
		.l4 = (const u8 *)(ip + 1),
		.len = be16_host(ip->len),
	};
	if (first >> 28 != 6 || out->len > len - IPV6_LEN)
		return "bad IP header";
	if (cksum_fold(cksum_add(
		    ip6_pseudo_sum(&ip->src, &ip->dst, ip->next, (u16)out->len),
		    out->l4, out->len)) != 0xffff)
		return "bad checksum";
	if (ip->next == IP_PROTO_TCP && (!be128_equal(ip->src, rig_ip6) ||
					 !be128_equal(ip->dst, rig_peer_ip6)))
		return "not between us";
	return NULL;
}

bool wire_ip_parse(struct wire_ip *out, const u8 *frame, u32 len)
{
	const struct eth_hdr *eth = (const struct eth_hdr *)frame;
	const char *wrong;

	if (len < ETH_LEN + IPV6_LEN)
		return false;
	if (be16_host(eth->type) == ETH_TYPE_IPV4)
		wrong = ip4_parse(out, (const void *)(eth + 1), len - ETH_LEN);
	else if (be16_host(eth->type) == ETH_TYPE_IPV6)
		wrong = ip6_parse(out, (const void *)(eth + 1), len - ETH_LEN);
	else
		return false;
	out->wrong = wrong;
	out->mac = memcmp(eth->dst, rig_peer_mac, 6) ? eth->dst[5] : 0;
	return out->proto == IP_PROTO_TCP || out->proto == IP_PROTO_ICMP6;
}
