/* SPDX-License-Identifier: MIT */
/* Neighbours and routers of IPv6 that lie, and ICMPv6. The server has a static
 * router. */
#include "attacker.h"

#include "base/cksum.h"

static const uint8_t wrong_mac[6] = { 2, 0x66, 0, 0, 0, 0x66 };
static const struct be128 all_nodes = { .b = { 0xff, 2, [15] = 1 } };
static const struct be128 nowhere;
static const struct be128 false_router = {
	.b = { 0xfe, 0x80, [8] = 0x66, [15] = 1 }
};

/* ---- neighbours */

/* About honest hosts, with all flags, to the server alone and to all: each of
 * them gets the server's packets for a while if it is believed. A lie every
 * millisecond. */
static bool nd_advert(struct attack *a)
{
	const uint32_t whose[] = { a->client, a->gateway };
	uint32_t n = 0;

	do {
		for (uint32_t i = 0; i < ARRAY_SIZE(whose); i++, n++)
			send_nd(a, &(struct nd_lie){ .type = ND_ADVERT,
						     .flags = n / 2 % 8 << 29,
						     .src = addr6(whose[i]),
						     .dst = n % 3 ? addr6(a->ix)
								  : all_nodes,
						     .target = addr6(whose[i]),
						     .option = ND_OPT_TARGET,
						     .mac = wrong_mac });
		sync_up(a);
		hear(a, 1);
	} while (more(a));
	return !*a->why;
}

/* A question to the server, from an honest host's address. */
static bool nd_question(struct attack *a)
{
	const uint32_t whose[] = { a->client, a->gateway };
	const struct be128 ix = addr6(a->ix);

	do {
		for (uint32_t i = 0; i < ARRAY_SIZE(whose); i++)
			send_nd(a, &(struct nd_lie){
					   .type = ND_SOLICIT,
					   .src = addr6(whose[i]),
					   .dst = i ? ix : solicited_node(ix),
					   .target = ix,
					   .option = ND_OPT_SOURCE,
					   .mac = wrong_mac });
		sync_up(a);
		hear(a, 1);
	} while (more(a));
	return !*a->why;
}

/* The server's own address is somebody else's, or is to be so. */
static bool nd_ours(struct attack *a)
{
	const struct be128 ix = addr6(a->ix);
	uint32_t n = 0;

	do {
		send_nd(a, &(struct nd_lie){ .type = ND_ADVERT,
					     .flags = n++ % 8 << 29,
					     .src = ix,
					     .dst = all_nodes,
					     .target = ix,
					     .option = ND_OPT_TARGET,
					     .mac = wrong_mac });
		send_nd(a, &(struct nd_lie){ .type = ND_SOLICIT,
					     .src = nowhere,
					     .dst = solicited_node(ix),
					     .target = ix });
		sync_up(a);
		hear(a, 1);
	} while (more(a));
	return !*a->why;
}

/* More neighbours than can be kept: said by themselves, and asked for. */
static bool nd_flood(struct attack *a)
{
	const struct be128 ix = addr6(a->ix);

	do {
		for (uint32_t i = 0; i < 3000; i++) {
			uint32_t who = 0x0a510400 + random32(a) % 0xf000;

			send_nd(a, &(struct nd_lie){ .type = ND_SOLICIT,
						     .src = addr6(who),
						     .dst = ix,
						     .target = ix,
						     .option = ND_OPT_SOURCE,
						     .mac = wrong_mac });
			send_nd(a, &(struct nd_lie){ .type = ND_ADVERT,
						     .src = addr6(who),
						     .dst = ix,
						     .target = addr6(who + 1),
						     .option = ND_OPT_TARGET,
						     .mac = wrong_mac });
		}
	} while (more(a));
	return !*a->why;
}

static bool nd_never_answered(struct attack *a)
{
	return never_answered(a, ICMP6_ECHO);
}

/* Options that are empty, do not end, name a group; from beyond a router. */
static bool nd_junk(struct attack *a)
{
	const struct be128 ix = addr6(a->ix);
	uint8_t f[256];

	do {
		for (uint32_t i = 0; i < 3000; i++) {
			uint16_t len = (uint16_t)(i % 90);
			struct be128 from = addr6(puppet_ip(i));
			uint8_t *l4 =
				build_ip6(a, f, from, ix, IP_PROTO_ICMP6, len);
			struct ipv6_hdr *ip = (void *)(f + ETH_LEN);
			struct icmp_hdr *h = (void *)l4;

			for (uint32_t k = 0; k < len; k++)
				l4[k] = (uint8_t)random32(a);
			if (len >= ND_LEN)
				memcpy(l4 + 8, i % 3 ? &ix : &from, 16);
			ip->hops = i % 5 ? ND_HOPS : IP_TTL;
			if (len >= ICMP_LEN) {
				h->type = (uint8_t)(ND_ROUTER_SOLICIT + i % 5);
				h->code = i % 7 == 6;
				h->cksum = 0;
				h->cksum =
					l4_cksum6(ip, IP_PROTO_ICMP6, h, len);
			}
			put(a, f, ETH_LEN + IPV6_LEN + (uint32_t)len);
		}
	} while (more(a));
	return !*a->why;
}

/* ---- routers */

struct advert {
	struct ra_hdr ra;
	struct {
		uint8_t type, len;
		uint16_t pad;
		struct be32 mtu;
	} mtu;
	struct {
		uint8_t type, len, mac[6];
	} source;
} PACKED;

/* Its own router's, from the true one and a false one: it serves no more, it is
 * somewhere else, frames are to be tiny, or larger than any. */
static bool router_adverts(struct attack *a)
{
	static const uint32_t mtus[] = { 0, 68, 1279, 1280, 65535, 1u << 31 };
	uint8_t f[256];
	uint32_t n = 0;

	do {
		for (uint32_t i = 0; i < 200; i++, n++) {
			struct be128 from =
				n % 2 ? false_router : addr6(a->gateway);
			struct advert *h = (void *)build_ip6(
				a, f, from,
				n % 4 < 2 ? all_nodes : addr6(a->ix),
				IP_PROTO_ICMP6, sizeof(*h));
			struct ipv6_hdr *ip = (void *)(f + ETH_LEN);

			*h = (struct advert){
				.ra = { .type = ND_ROUTER_ADVERT,
					.hops = 1,
					.lifetime = be16(n % 3 ? 9000 : 0) },
				.mtu = { ND_OPT_MTU, 1, 0,
					 be32(mtus[n % ARRAY_SIZE(mtus)]) },
				.source = { ND_OPT_SOURCE, 1, { 2, 0x66 } },
			};
			ip->hops = ND_HOPS;
			h->ra.cksum =
				l4_cksum6(ip, IP_PROTO_ICMP6, h, sizeof(*h));
			put(a, f, ETH_LEN + IPV6_LEN + sizeof(*h));
		}
	} while (more(a));
	return !*a->why;
}

/* Honest hosts are to be reached by way of nobody, says their router. */
static bool redirects(struct attack *a)
{
	const uint32_t whose[] = { a->client, a->gateway, 0x0a630002 };
	uint8_t f[256];

	do {
		for (uint32_t i = 0; i < 300; i++) {
			enum { LEN = ND_LEN + 16 + ND_OPT_LEN };
			struct be128 dst = addr6(whose[i % 3]);
			struct nd_hdr *nd = (void *)build_ip6(
				a, f, i % 2 ? addr6(a->gateway) : false_router,
				addr6(a->ix), IP_PROTO_ICMP6, LEN);
			struct ipv6_hdr *ip = (void *)(f + ETH_LEN);
			uint8_t *rest = (uint8_t *)(nd + 1);

			*nd = (struct nd_hdr){
				.type = ND_REDIRECT,
				.target = i % 4 < 2 ? dst : false_router
			};
			memcpy(rest, &dst, 16);
			memcpy(rest + 16, (uint8_t[]){ ND_OPT_TARGET, 1 }, 2);
			memcpy(rest + 18, wrong_mac, 6);
			ip->hops = ND_HOPS;
			nd->cksum = l4_cksum6(ip, IP_PROTO_ICMP6, nd, LEN);
			put(a, f, ETH_LEN + IPV6_LEN + LEN);
		}
	} while (more(a));
	return !*a->why;
}

/* ---- ICMPv6 */

static bool too_big(struct attack *a)
{
	static const uint32_t mtus[] = { 0,    1,     68,    576,
					 1279, 1280,  1281,  1499,
					 1500, 65535, 65536, 1u << 31 };

	do {
		for (uint32_t i = 0; i < ARRAY_SIZE(mtus); i++)
			quote_all(a, ICMP6_TOO_BIG, 0, mtus[i]);
	} while (more(a));
	return !*a->why;
}

static bool unreachable(struct attack *a)
{
	do {
		for (uint8_t code = 0; code < 9; code++)
			quote_all(a, ICMP6_UNREACHABLE, code, 0);
	} while (more(a));
	return !*a->why;
}

/* Time exceeded, parameter problems, all types. */
static bool others(struct attack *a)
{
	do {
		for (uint32_t type = 0; type < 256; type++)
			if (type != ICMP6_UNREACHABLE && type != ICMP6_TOO_BIG)
				quote_all(a, (uint8_t)type, (uint8_t)(type % 5),
					  type * 77);
	} while (more(a));
	return !*a->why;
}

const struct attack_kind attacks_lies6[] = {
	{ "nd_advert", nd_advert, ON_ECHO6 },
	{ "nd_question", nd_question, ON_ECHO6 },
	{ "nd_ours", nd_ours, ON_ECHO6 },
	{ "nd_flood", nd_flood, ON_ECHO6 },
	{ "nd_never_answered", nd_never_answered, ON_ECHO6 },
	{ "nd_junk", nd_junk, ON_ECHO6 },
	{ "router_adverts", router_adverts, ON_ECHO6 },
	{ "redirects", redirects, ON_ECHO6 },
	{ "icmp6_too_big", too_big, ON_ECHO6 },
	{ "icmp6_unreachable", unreachable, ON_ECHO6 },
	{ "icmp6_others", others, ON_ECHO6 },
	{ 0 },
};
