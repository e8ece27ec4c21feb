/* SPDX-License-Identifier: MIT */
#include "wire_seg.h"

#include <string.h>

#include "../unit/rig.h"

static u8 *put_opts(u8 *p, const struct opts *o)
{
	u8 *start = p;

	if (o->mss >= 0)
		p = wire_put(wire_put(p, TCP_OPT_MSS << 8 | 4, 2), (u64)o->mss,
			     2);
	if (o->sack_ok)
		p = wire_put(p, TCP_OPT_SACK_OK << 8 | 2, 2);
	if (o->wscale >= 0)
		p = wire_put(wire_put(p, TCP_OPT_WSCALE << 8 | 3, 2),
			     (u64)o->wscale, 1);
	if (o->ts_val != ABSENT) {
		if (p == start)
			p = wire_put(p, 0x0101, 2);
		p = wire_put(p, TCP_OPT_TS << 8 | 10, 2);
		p = wire_put(wire_put(p, (u64)o->ts_val, 4), (u64)o->ts_ecr, 4);
	}
	if (o->nsack)
		p = wire_put(p,
			     0x0101 << 16 | TCP_OPT_SACK << 8 |
				     (2 + 8 * o->nsack),
			     4);
	for (u32 i = 0; i < o->nsack; i++)
		p = wire_put(wire_put(p, o->sack[i][0], 4), o->sack[i][1], 4);
	while ((p - start) % 4)
		*p++ = TCP_OPT_NOP;
	return p;
}

u32 wire_seg_build(u8 *frame, const struct seg *s, const struct flow_id *flow,
		   const u8 *payload)
{
	struct tcp_hdr *h = (struct tcp_hdr *)wire_ip_put(
		frame, flow->ip6, IP_PROTO_TCP, s->ecn, s->ext, s->next);
	u8 *data = put_opts((u8 *)(h + 1), &s->opt);
	u32 n;

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
	n = (u32)(data + s->len - frame);
	rig_fix(frame, n);
	h->cksum ^= s->bad_sum ? 0x100 : 0;
	return n;
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
			o->mss = wire_get(p + 2, 2);
		} else if (p[0] == TCP_OPT_WSCALE && p[1] == 3) {
			o->wscale = p[2];
		} else if (p[0] == TCP_OPT_SACK_OK && p[1] == 2) {
			o->sack_ok = true;
		} else if (p[0] == TCP_OPT_TS && p[1] == 10) {
			o->ts_val = wire_get(p + 2, 4);
			o->ts_ecr = wire_get(p + 6, 4);
		} else if (p[0] == TCP_OPT_SACK && p[1] % 8 == 2 &&
			   p[1] <= 34) {
			for (; o->nsack < p[1] / 8u; o->nsack++) {
				const u8 *b = p + 2 + 8 * o->nsack;

				o->sack[o->nsack][0] = wire_get(b, 4);
				o->sack[o->nsack][1] = wire_get(b + 4, 4);
			}
		} else {
			return "unknown option";
		}
		len -= p[1], p += p[1];
	}
	return NULL;
}

void wire_seg_parse(struct wire_seg *out, const struct wire_ip *ip)
{
	const struct tcp_hdr *h = (const struct tcp_hdr *)ip->l4;
	u32 hlen = (h->off >> 4) * 4u;
	const char *wrong;

	*out = (struct wire_seg){ .wrong = ip->wrong };
	wrong = get_opts(&out->seg.opt, (const u8 *)(h + 1), hlen - TCP_LEN);
	if (!out->wrong)
		out->wrong = wrong;
	out->flow = (struct flow_id){
		.ip6 = ip->ip6,
		.peer_port = be16_host(h->dport),
		.our_port = be16_host(h->sport),
	};
	out->seg.flags = h->flags;
	out->seg.ecn = ip->ecn;
	out->seg.mac = ip->mac;
	out->seg.seq = be32_host(h->seq);
	out->seg.ack = be32_host(h->ack);
	out->seg.len = ip->len - hlen;
	out->seg.win = be16_host(h->win);
	out->seg.urg = be16_host(h->urg);
	out->payload = (const u8 *)h + hlen;
}
