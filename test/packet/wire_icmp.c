/* SPDX-License-Identifier: MIT */
#include "wire_icmp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/rig.h"

static const struct {
	const char *kind;
	u8 type4, type6;
} errors[] = {
	{ "unreach", ICMP_UNREACHABLE, ICMP6_UNREACHABLE },
	{ "needfrag", ICMP_UNREACHABLE, 0 },
	{ "toobig", 0, ICMP6_TOO_BIG },
	{ "exceeded", ICMP_TIME_EXCEEDED, ICMP6_TIME_EXCEEDED },
	{ "param", ICMP_PARAMETER, ICMP6_PARAMETER },
};

static const struct be128 all_nodes = { .b = { 0xff, 2, [15] = 1 } };

/* ---- errors to us */

/* The headers of our segment, as large as one may be. */
static u8 *put_quoted(u8 *p, bool ip6)
{
	if (ip6) {
		*(struct ipv6_hdr *)p = (struct ipv6_hdr){
			.ver_class_flow = be32(6u << 28),
			.len = be16(1500 - IPV6_LEN),
			.next = IP_PROTO_TCP,
			.hops = IP_TTL,
			.src = rig_ip6,
			.dst = rig_peer_ip6,
		};
		return p + IPV6_LEN;
	}
	*(struct ipv4_hdr *)p = (struct ipv4_hdr){
		.ver_ihl = 0x45,
		.len = be16(1500),
		.frag = be16(IP_DF),
		.ttl = IP_TTL,
		.proto = IP_PROTO_TCP,
		.src = rig_ip,
		.dst = rig_peer_ip,
	};
	return p + IPV4_LEN;
}

u32 wire_icmp_build(u8 *frame, const struct flow_id *flow, const char *kind,
		    u32 n, u32 seq)
{
	bool ip6 = flow->ip6;
	u8 *l4 = wire_ip_put(frame, ip6, ip6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP,
			     0, NULL, 0);
	struct icmp_hdr *h = (struct icmp_hdr *)l4;
	u8 *p, type = 0;

	for (u32 i = 0; i < ARRAY_SIZE(errors); i++) {
		if (!strcmp(errors[i].kind, kind))
			type = ip6 ? errors[i].type6 : errors[i].type4;
	}
	if (!type)
		return 0;
	*h = (struct icmp_hdr){ .type = type, .code = (u8)n };
	if (!strcmp(kind, "needfrag"))
		h->code = ICMP_UNREACH_NEEDFRAG, h->rest = be32(n);
	if (!strcmp(kind, "toobig"))
		h->code = 0, h->rest = be32(n);
	p = put_quoted((u8 *)(h + 1), ip6);
	p = wire_put(p, flow->our_port, 2);
	p = wire_put(p, flow->peer_port, 2);
	p = wire_put(p, seq, 4);
	rig_fix(frame, (u32)(p - frame));
	return (u32)(p - frame);
}

/* ---- neighbour discovery to us */

u32 wire_nd_build(u8 *frame, const char *text)
{
	static const struct ext whole = { .type = IP6_FRAGMENT };
	bool advert = !strncmp(text, "advert", 6);
	struct nd_hdr *nd =
		(struct nd_hdr *)wire_ip_put(frame, true, IP_PROTO_ICMP6, 0,
					     &whole, !!strstr(text, " frag"));
	struct eth_hdr *eth = (struct eth_hdr *)frame;
	struct ipv6_hdr *ip = (struct ipv6_hdr *)(eth + 1);
	const char *mac = strstr(text, " mac ");
	u8 *p = (u8 *)(nd + 1);

	if (mac)
		eth->src[5] = (u8)atoi(mac + 5);
	*nd = (struct nd_hdr){
		.type = advert ? ND_ADVERT : ND_SOLICIT,
		.flags =
			be32((strstr(text, " solicited") ? ND_F_SOLICITED : 0) |
			     (strstr(text, " override") ? ND_F_OVERRIDE : 0)),
		.target = strstr(text, " us") ? rig_ip6 : rig_peer_ip6,
	};
	ip->hops = ND_HOPS;
	if (strstr(text, " nowhere"))
		ip->src = (struct be128){ 0 };
	if (strstr(text, " all")) {
		ip->dst = advert ? all_nodes : ip6_solicited_node(nd->target);
		ip6_group_mac(eth->dst, ip->dst);
	}
	if (!strstr(text, " nowhere")) {
		*p++ = advert ? ND_OPT_TARGET : ND_OPT_SOURCE;
		*p++ = 1;
		memcpy(p, eth->src, 6);
		p += 6;
	}
	rig_fix(frame, (u32)(p - frame));
	return (u32)(p - frame);
}

/* ---- from us */

#define ADD(...) n += snprintf(buf + n, len - (size_t)n, __VA_ARGS__)

static void print_nd(const struct wire_ip *ip, const u8 *frame, char *buf,
		     size_t len)
{
	const struct eth_hdr *eth = (const struct eth_hdr *)frame;
	const struct ipv6_hdr *h = (const struct ipv6_hdr *)(eth + 1);
	const struct nd_hdr *nd = (const struct nd_hdr *)ip->l4;
	u32 flags = be32_host(nd->flags);
	int n = 0;

	ADD("%s", nd->type == ND_ADVERT ? "advert" : "solicit");
	ADD(" %s", be128_equal(nd->target, rig_ip6)	   ? "us"
		   : be128_equal(nd->target, rig_peer_ip6) ? "peer"
							   : "?");
	if (ip6_is_zero(h->src))
		ADD(" nowhere");
	if (ip6_is_multicast(h->dst))
		ADD(" all");
	else if (ip->mac)
		ADD(" mac %u", ip->mac);
	if (flags & ND_F_SOLICITED)
		ADD(" solicited");
	if (flags & ND_F_OVERRIDE)
		ADD(" override");
	if (ip->hops != ND_HOPS)
		ADD(" hops %u", ip->hops);
}

void wire_icmp_print(const struct wire_ip *ip, const u8 *frame, char *buf,
		     size_t len)
{
	const struct icmp_hdr *h = (const struct icmp_hdr *)ip->l4;
	const struct ipv6_hdr *quoted = (const struct ipv6_hdr *)(h + 1);
	int n = 0;

	if (h->type == ND_SOLICIT || h->type == ND_ADVERT) {
		print_nd(ip, frame, buf, len);
		return;
	}
	for (u32 i = 0; i < ARRAY_SIZE(errors); i++) {
		if (h->type == errors[i].type6)
			ADD("%s %u", errors[i].kind, h->code);
	}
	if (!n)
		ADD("type %u", h->type);
	else if (ip->len < ICMP_LEN + IPV6_LEN ||
		 !be128_equal(quoted->src, rig_peer_ip6))
		ADD(" without what it is about");
	if (h->type == ICMP6_PARAMETER)
		ADD(" %u", be32_host(h->rest));
}
#undef ADD
