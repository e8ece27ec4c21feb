/* SPDX-License-Identifier: MIT */
/* Frames, built by hand; what goes out as it is. */
#include "attacker.h"

#include "base/cksum.h"

static bool is_ip6(const uint8_t *frame)
{
	return frame[12] == 0x86 && frame[13] == 0xdd;
}

void fix_ip_cksum(uint8_t *frame)
{
	struct ipv4_hdr *ip = (void *)(frame + ETH_LEN);
	u32 len = min((ip->ver_ihl & 15u) * 4, 60u);

	if (is_ip6(frame))
		return;
	ip->cksum = 0;
	ip->cksum = (u16)~cksum_fold(cksum_add(0, ip, len));
}

static u16 l4_cksum(const struct ipv4_hdr *ip, const void *l4, u32 len)
{
	u64 sum = (u64)ip->src.raw + ip->dst.raw + be16(ip->proto).raw +
		  be16((u16)len).raw;

	return (u16)~cksum_fold(cksum_add(sum, l4, len));
}

void fix_tcp_cksum(uint8_t *frame, uint32_t l4_len)
{
	struct ipv4_hdr *ip = (void *)(frame + ETH_LEN);
	struct tcp_hdr *t = (void *)(ip + 1);

	if (is_ip6(frame)) {
		t = (void *)(frame + ETH_LEN + IPV6_LEN);
		t->cksum = 0;
		t->cksum = l4_cksum6((void *)ip, IP_PROTO_TCP, t, l4_len);
		return;
	}
	t->cksum = 0;
	t->cksum = l4_cksum(ip, t, l4_len);
}

static void build_eth(const struct attack *a, uint8_t *frame, const u8 dst[6],
		      u16 type)
{
	struct eth_hdr *eth = (void *)frame;

	memcpy(eth->dst, dst, 6);
	memcpy(eth->src, a->mac, 6);
	eth->type = be16(type);
}

uint8_t *build_ip(const struct attack *a, uint8_t *frame, uint32_t src,
		  uint32_t dst, uint8_t proto, uint16_t len)
{
	struct ipv4_hdr *ip = (void *)(frame + ETH_LEN);

	if (a->v6)
		return build_ip6(a, frame, addr6(src), addr6(dst), proto, len);
	build_eth(a, frame, a->ix_mac, ETH_TYPE_IPV4);
	*ip = (struct ipv4_hdr){
		.ver_ihl = 0x45,
		.len = be16((u16)(IPV4_LEN + len)),
		.ttl = IP_TTL,
		.proto = proto,
		.src = be32(src),
		.dst = be32(dst),
	};
	fix_ip_cksum(frame);
	return (void *)(ip + 1);
}

static u8 *put32(u8 *p, u32 x)
{
	struct be32 raw = be32(x);

	memcpy(p, &raw, 4);
	return p + 4;
}

uint32_t build_tcp(const struct attack *a, const struct seg *s, uint8_t *frame)
{
	u32 nopt = (s->ts ? 12u : 0) + s->nopt, len = TCP_LEN + nopt + s->len;
	struct tcp_hdr *t =
		(void *)build_ip(a, frame, s->src ? s->src : a->client, a->ix,
				 IP_PROTO_TCP, (u16)len);
	u8 *p = (u8 *)(t + 1);

	*t = (struct tcp_hdr){
		.sport = be16(s->sport),
		.dport = be16(s->dport ? s->dport : a->port),
		.seq = be32(s->seq),
		.ack = be32(s->ack),
		.off = (u8)((TCP_LEN + nopt) << 2),
		.flags = s->flags,
		.win = be16(s->win),
	};
	if (s->ts) {
		p = put32(p, 0x0101080a);
		p = put32(p, s->tsval);
		p = put32(p, s->tsecr);
	}
	if (s->nopt)
		memcpy(p, s->opt, s->nopt);
	p += s->nopt;
	if (s->data)
		memcpy(p, s->data, s->len);
	else
		memset(p, 0x5a, s->len);
	fix_tcp_cksum(frame, len);
	return head_len(a) + len;
}

void send_seg(struct attack *a, const struct seg *s)
{
	u8 frame[FRAME_MAX];

	put(a, frame, build_tcp(a, s, frame));
}

uint32_t build_arp(const struct attack *a, uint8_t *frame, const u8 dst[6],
		   u16 op, const u8 sha[6], u32 spa, u32 tpa)
{
	struct arp_hdr *arp = (void *)(frame + ETH_LEN);

	build_eth(a, frame, dst, ETH_TYPE_ARP);
	memcpy(frame + 6, sha, 6);
	*arp = (struct arp_hdr){
		.htype = be16(1),
		.ptype = be16(ETH_TYPE_IPV4),
		.hlen = 6,
		.plen = 4,
		.op = be16(op),
		.spa = be32(spa),
		.tpa = be32(tpa),
	};
	memcpy(arp->sha, sha, 6);
	memcpy(arp->tha, dst, 6);
	return ETH_LEN + ARP_LEN;
}

void send_arp(struct attack *a, uint16_t op, const uint8_t sha[6], uint32_t spa,
	      uint32_t tpa)
{
	u8 frame[64];

	put(a, frame, build_arp(a, frame, a->ix_mac, op, sha, spa, tpa));
}

void send_icmp(struct attack *a, uint32_t src, uint8_t type, uint8_t code,
	       uint32_t rest, const void *quote, uint32_t len)
{
	u8 frame[FRAME_MAX];
	u8 proto = a->v6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP;
	struct icmp_hdr *h = (void *)build_ip(a, frame, src, a->ix, proto,
					      (u16)(ICMP_LEN + len));

	*h = (struct icmp_hdr){ .type = type,
				.code = code,
				.rest = be32(rest) };
	memcpy(h + 1, quote, len);
	if (a->v6)
		h->cksum = l4_cksum6((void *)(frame + ETH_LEN), proto, h,
				     ICMP_LEN + len);
	else
		h->cksum = (u16)~cksum_fold(cksum_add(0, h, ICMP_LEN + len));
	put(a, frame, head_len(a) + ICMP_LEN + len);
}
