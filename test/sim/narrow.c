/* SPDX-License-Identifier: MIT */
/* A path that takes less than what comes, and the router before it, which tells
 * the sender (RFC 1191, RFC 8201). */
#include "sim.h"

#include <string.h>

#include "base/cksum.h"

enum { QUOTED_6 = IPV6_MIN_MTU - IPV6_LEN - ICMP_LEN }; /* what fits */

static u32 type_of(const u8 *frame)
{
	return be16_host(((const struct eth_hdr *)frame)->type);
}

/* No path of IPv6 takes less than that (RFC 8200 section 5). */
static u32 mtu_of(u16 mtu, const u8 *frame)
{
	bool ip6 = type_of(frame) == ETH_TYPE_IPV6;

	return ip6 ? max(mtu, (u16)IPV6_MIN_MTU) : mtu;
}

bool narrow(const struct path *p, const u8 *frame, u32 len)
{
	u32 type = type_of(frame);

	return p->mtu && (type == ETH_TYPE_IPV4 || type == ETH_TYPE_IPV6) &&
	       len - ETH_LEN > mtu_of(p->mtu, frame);
}

static u16 sum_of(u64 sum, const void *data, size_t len)
{
	return (u16)~cksum_fold(cksum_add(sum, data, len));
}

/* Bytes written. */
static u32 answer_4(u8 *out, const u8 *sent, u32 mtu)
{
	const struct ipv4_hdr *was = (const void *)sent;
	u32 quoted = (was->ver_ihl & 15u) * 4 + 8;
	struct ipv4_hdr *ip = (void *)out;
	struct icmp_hdr *icmp = (void *)(ip + 1);

	*ip = (struct ipv4_hdr){
		.ver_ihl = 0x45,
		.len = be16((u16)(IPV4_LEN + ICMP_LEN + quoted)),
		.ttl = IP_TTL,
		.proto = IP_PROTO_ICMP,
		.src = sim_ip4(SIM_ROUTER),
		.dst = was->src,
	};
	ip->cksum = sum_of(0, ip, IPV4_LEN);
	*icmp = (struct icmp_hdr){ ICMP_UNREACHABLE, ICMP_UNREACH_NEEDFRAG, 0,
				   be32(mtu) };
	memcpy(icmp + 1, was, quoted);
	icmp->cksum = sum_of(0, icmp, ICMP_LEN + quoted);
	return IPV4_LEN + ICMP_LEN + quoted;
}

static u32 answer_6(u8 *out, const u8 *sent, u32 len, u32 mtu)
{
	const struct ipv6_hdr *was = (const void *)sent;
	u16 bytes = (u16)(ICMP_LEN + min(len, (u32)QUOTED_6));
	struct ipv6_hdr *ip = (void *)out;
	struct icmp_hdr *icmp = (void *)(ip + 1);
	u64 pseudo;

	*ip = (struct ipv6_hdr){
		.ver_class_flow = be32(6u << 28),
		.len = be16(bytes),
		.next = IP_PROTO_ICMP6,
		.hops = IP_TTL,
		.src = sim_ip6(SIM_ROUTER),
		.dst = was->src,
	};
	pseudo = ip6_pseudo_sum(&ip->src, &ip->dst, IP_PROTO_ICMP6, bytes);
	*icmp = (struct icmp_hdr){ ICMP6_TOO_BIG, 0, 0, be32(mtu) };
	memcpy(icmp + 1, was, bytes - (u32)ICMP_LEN);
	icmp->cksum = sum_of(pseudo, icmp, bytes);
	return IPV6_LEN + bytes;
}

void narrow_tell(struct host *to, const u8 *frame, u32 len, u16 mtu)
{
	u8 answer[ETH_LEN + IPV6_MIN_MTU] = { 0 };
	const u8 *sent = frame + ETH_LEN;
	u32 least = mtu_of(mtu, frame), n;

	memcpy(answer, frame + 6, 6);
	memcpy(answer + 6, "\x02sim\0\xfe", 6);
	memcpy(answer + 12, frame + 12, 2);
	if (type_of(frame) == ETH_TYPE_IPV6)
		n = answer_6(answer + ETH_LEN, sent, len - ETH_LEN, least);
	else
		n = answer_4(answer + ETH_LEN, sent, least);
	path_deliver(to, answer, ETH_LEN + n, to->world->now + SIM_MS / 10);
}
