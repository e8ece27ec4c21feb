/* SPDX-License-Identifier: MIT */
#include "wire_seg.h"

#include <string.h>

#include "base/cksum.h"

static const u8 peer_mac[6] = { 2, 0, 0, 0, 0, 2 };

static u8 *put(u8 *p, u64 value, u32 bytes)
{
	while (bytes--)
		*p++ = (u8)(value >> (8 * bytes));
	return p;
}

static u8 *put_opts(u8 *p, const struct opts *o)
{
	u8 *start = p;

	if (o->mss >= 0)
		p = put(put(p, TCP_OPT_MSS << 8 | 4, 2), (u64)o->mss, 2);
	if (o->sack_ok)
		p = put(p, TCP_OPT_SACK_OK << 8 | 2, 2);
	if (o->wscale >= 0)
		p = put(put(p, TCP_OPT_WSCALE << 8 | 3, 2), (u64)o->wscale, 1);
	if (o->ts_val != ABSENT) {
		if (p == start)
			p = put(p, 0x0101, 2);
		p = put(p, TCP_OPT_TS << 8 | 10, 2);
		p = put(put(p, (u64)o->ts_val, 4), (u64)o->ts_ecr, 4);
	}
	if (o->nsack)
		p = put(p,
			0x0101 << 16 | TCP_OPT_SACK << 8 | (2 + 8 * o->nsack),
			4);
	for (u32 i = 0; i < o->nsack; i++)
		p = put(put(p, o->sack[i][0], 4), o->sack[i][1], 4);
	while ((p - start) % 4)
		*p++ = TCP_OPT_NOP;
	return p;
}

static u8 *put_ip(u8 *frame, u8 proto, const struct flow_id *flow)
{
	struct eth_hdr *eth = (struct eth_hdr *)frame;
	struct ipv4_hdr *ip = (struct ipv4_hdr *)(eth + 1);

	memcpy(eth->dst, "\2\0\0\0\0\1", 6);
	memcpy(eth->src, peer_mac, 6);
	eth->type = be16(ETH_TYPE_IPV4);
	*ip = (struct ipv4_hdr){
		.ver_ihl = 0x45,
		.ttl = IP_TTL,
		.proto = proto,
		.src = flow->peer,
		.dst = flow->us,
	};
	return (u8 *)(ip + 1);
}

/* Lengths and checksums of the frame from its start to @end. */
static u32 finish(u8 *frame, const u8 *end, u16 *l4_sum, bool pseudo)
{
	struct ipv4_hdr *ip = (struct ipv4_hdr *)(frame + ETH_LEN);
	u16 len = (u16)(end - (u8 *)(ip + 1));
	u64 sum = pseudo ? ip_pseudo_sum(ip->src, ip->dst, ip->proto, len) : 0;

	ip->len = be16((u16)(IPV4_LEN + len));
	ip->cksum = (u16)~cksum_fold(cksum_add(0, ip, IPV4_LEN));
	*l4_sum = (u16)~cksum_fold(cksum_add(sum, ip + 1, len));
	return (u32)(end - frame);
}

u32 wire_seg_build(u8 *frame, const struct seg *s, const struct flow_id *flow,
		   const u8 *payload)
{
	struct tcp_hdr *h = (struct tcp_hdr *)put_ip(frame, IP_PROTO_TCP, flow);
	u8 *data = put_opts((u8 *)(h + 1), &s->opt);
	u32 n;

	((struct ipv4_hdr *)(frame + ETH_LEN))->tos = s->ecn;
	*h = (struct tcp_hdr){
		.sport = be16(flow->peer_port),
		.dport = be16(flow->our_port),
		.seq = be32(s->seq),
		.ack = be32(s->ack),
		.off = (u8)((data - (u8 *)h) << 2),
		.flags = s->flags,
		.win = be16((u16)s->win),
		.urg = be16((u16)s->urg),
	};
	if (s->len)
		memcpy(data, payload, s->len);
	n = finish(frame, data + s->len, &h->cksum, true);
	h->cksum ^= s->bad_sum ? 0x100 : 0;
	return n;
}

u32 wire_icmp_build(u8 *frame, const struct flow_id *flow, u8 type, u8 code,
		    u16 mtu, u32 seq)
{
	struct icmp_hdr *h =
		(struct icmp_hdr *)put_ip(frame, IP_PROTO_ICMP, flow);
	struct ipv4_hdr *quoted = (struct ipv4_hdr *)(h + 1);
	u8 *p = (u8 *)(quoted + 1);

	*h = (struct icmp_hdr){
		.type = type,
		.code = code,
		.rest = be32(mtu),
	};
	*quoted = (struct ipv4_hdr){
		.ver_ihl = 0x45,
		.len = be16(1500),
		.frag = be16(IP_DF),
		.ttl = IP_TTL,
		.proto = IP_PROTO_TCP,
		.src = flow->us,
		.dst = flow->peer,
	};
	p = put(put(p, flow->our_port, 2), flow->peer_port, 2);
	p = put(p, seq, 4);
	return finish(frame, p, &h->cksum, false);
}

static u32 get(const u8 *p, u32 bytes)
{
	u32 v = 0;

	while (bytes--)
		v = v << 8 | *p++;
	return v;
}

static const char *get_opts(struct opts *o, const u8 *p, u32 len)
{
	*o = (struct opts){ .mss = ABSENT,
			    .wscale = ABSENT,
			    .ts_val = ABSENT,
			    .ts_ecr = ABSENT };
	while (len && p[0] != TCP_OPT_END) {
		if (p[0] == TCP_OPT_NOP) {
			p++, len--;
			continue;
		}
		if (len < 2 || p[1] < 2 || p[1] > len)
			return "malformed options";
		if (p[0] == TCP_OPT_MSS && p[1] == 4) {
			o->mss = get(p + 2, 2);
		} else if (p[0] == TCP_OPT_WSCALE && p[1] == 3) {
			o->wscale = p[2];
		} else if (p[0] == TCP_OPT_SACK_OK && p[1] == 2) {
			o->sack_ok = true;
		} else if (p[0] == TCP_OPT_TS && p[1] == 10) {
			o->ts_val = get(p + 2, 4);
			o->ts_ecr = get(p + 6, 4);
		} else if (p[0] == TCP_OPT_SACK && p[1] % 8 == 2 &&
			   p[1] <= 34) {
			for (; o->nsack < p[1] / 8u; o->nsack++) {
				const u8 *b = p + 2 + 8 * o->nsack;

				o->sack[o->nsack][0] = get(b, 4);
				o->sack[o->nsack][1] = get(b + 4, 4);
			}
		} else {
			return "unknown option";
		}
		len -= p[1], p += p[1];
	}
	return NULL;
}

static const char *ip_wrong(const struct ipv4_hdr *ip, u32 len)
{
	u32 l4 = be16_host(ip->len) - IPV4_LEN;

	if (ip->ver_ihl != 0x45 || be16_host(ip->len) > len - ETH_LEN)
		return "bad IP header";
	if (cksum_fold(cksum_add(0, ip, IPV4_LEN)) != 0xffff)
		return "bad IP checksum";
	if (!(be16_host(ip->frag) & IP_DF))
		return "DF not set";
	if (cksum_fold(cksum_add(
		    ip_pseudo_sum(ip->src, ip->dst, ip->proto, (u16)l4), ip + 1,
		    l4)) != 0xffff)
		return "bad TCP checksum";
	return NULL;
}

bool wire_seg_parse(struct wire_seg *out, const u8 *frame, u32 len)
{
	const struct eth_hdr *eth = (const struct eth_hdr *)frame;
	const struct ipv4_hdr *ip = (const struct ipv4_hdr *)(eth + 1);
	const struct tcp_hdr *h = (const struct tcp_hdr *)(ip + 1);
	const char *wrong;
	u32 hlen;

	if (len < ETH_LEN + IPV4_LEN + TCP_LEN ||
	    be16_host(eth->type) != ETH_TYPE_IPV4 || ip->proto != IP_PROTO_TCP)
		return false;
	*out = (struct wire_seg){ .wrong = ip_wrong(ip, len) };
	hlen = (h->off >> 4) * 4u;
	wrong = get_opts(&out->seg.opt, (const u8 *)(h + 1), hlen - TCP_LEN);
	if (!out->wrong)
		out->wrong = wrong;
	out->flow = (struct flow_id){
		.peer = ip->dst,
		.us = ip->src,
		.peer_port = be16_host(h->dport),
		.our_port = be16_host(h->sport),
	};
	out->seg.flags = h->flags;
	out->seg.ecn = ip->tos & 3;
	out->seg.seq = be32_host(h->seq);
	out->seg.ack = be32_host(h->ack);
	out->seg.len = be16_host(ip->len) - IPV4_LEN - hlen;
	out->seg.win = be16_host(h->win);
	out->seg.urg = be16_host(h->urg);
	out->payload = (const u8 *)h + hlen;
	return true;
}
