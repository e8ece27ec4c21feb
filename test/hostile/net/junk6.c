/* SPDX-License-Identifier: MIT */
/* Extension headers of IPv6 that lie, and fragments. What is random begins with
 * the same seed each time. */
#include "attacker.h"

enum { EXT_MOST = 400 };

static const uint8_t kinds[] = { IP6_HOP_BY_HOP, IP6_DEST_OPTIONS, IP6_ROUTING,
				 IP6_FRAGMENT };

/* Up to @most headers at @at, the last of which is in front of @next; returns
 * how long they are, and at *@first what the first one is. Mostly sound; those
 * that say so wrongly lead somewhere else. */
static uint32_t chain(struct attack *a, uint8_t *at, uint32_t most,
		      uint8_t next, uint8_t *first, bool lies)
{
	uint32_t n = 1 + random32(a) % most, len = 0;
	uint8_t *link = first;

	for (uint32_t i = 0; i < n && len < EXT_MOST - 40; i++) {
		uint32_t more = random32(a) % 3 * 8;
		uint8_t *h = at + len;

		*link = kinds[random32(a) % ARRAY_SIZE(kinds)];
		for (uint32_t k = 0; k < 8 + more; k++)
			h[k] = (uint8_t)random32(a);
		if (*link == IP6_FRAGMENT) {
			more = 0;
			if (random32(a) % 2)
				memset(h + 2, 0, 2); /* all of it */
		} else {
			if (!lies || random32(a) % 16)
				h[1] = (uint8_t)(more / 8);
			if (random32(a) % 4)
				memset(h + 2, 0, 6 + more);
		}
		link = h;
		len += 8 + more;
	}
	*link = next;
	return len;
}

static bool talkers(struct attack *a)
{
	const struct manner how = { .win = 65535, .ts = true, .acks = true };

	return puppets_open(a, 16, &how) ||
	       success(a, "no connection is taken");
}

/* A packet of a puppet's, with headers, in front of @len bytes at @l4 whose
 * checksum is right without them. */
static void put_behind(struct attack *a, uint32_t i, uint8_t proto,
		       const void *l4, uint32_t len)
{
	struct be128 from = addr6(puppet_ip(i));
	uint8_t f[FRAME_MAX], ext[EXT_MOST], first, *to;
	uint32_t n = chain(a, ext, i % 16 ? 3 : 12, proto, &first,
			   proto == IP_PROTO_TCP);

	to = build_ip6(a, f, from, addr6(a->ix), first, (uint16_t)(n + len));
	memcpy(to, ext, n);
	memcpy(to + n, l4, len);
	if (random32(a) % 8 == 0)
		len = random32(a) % len;
	put(a, f, ETH_LEN + IPV6_LEN + n + len);
}

/* Good segments of connections behind headers of all kinds. */
static bool extensions(struct attack *a)
{
	uint8_t f[FRAME_MAX];

	if (!talkers(a))
		return false;
	do {
		for (uint32_t i = 0; i < 8000 && !a->gone; i++) {
			const struct puppet *p = &a->puppets[i % a->npuppets];
			const struct seg s = {
				.src = p->ip,
				.sport = p->port,
				.seq = p->snd_una,
				.ack = p->rcv_nxt,
				.flags = TCP_ACK | TCP_PSH,
				.win = 65535,
				.len = (uint16_t)(random32(a) % 300),
				.ts = true,
				.tsval = (uint32_t)(now_ns() >> 20),
				.tsecr = p->tsecr,
			};
			uint32_t len = build_tcp(a, &s, f) - head_len(a);

			put_behind(a, i % a->npuppets, IP_PROTO_TCP,
				   f + head_len(a), len);
		}
	} while (more(a));
	return !*a->why;
}

/* RFC 4443 section 2.4 (e): errors behind headers that deserve one, and
 * redirects; two who answer such would go on for ever. */
static bool errors_of_errors(struct attack *a)
{
	do {
		for (uint32_t i = 0; i < 3000 && !a->gone; i++) {
			uint8_t icmp[64] = { i % 9 ? (uint8_t)(i % 128)
						   : ND_REDIRECT };

			put_behind(a, i, IP_PROTO_ICMP6, icmp, sizeof(icmp));
		}
		sync_up(a);
	} while (more(a));
	if (a->errors)
		success(a, "%u errors are answered by an error", a->errors);
	return !*a->why;
}

/* Pieces that overlap, begin at the end, never end; some of them of datagrams
 * that become whole. */
static bool fragments(struct attack *a)
{
	uint8_t f[FRAME_MAX];

	do {
		for (uint32_t i = 0; i < 8000 && !a->gone; i++) {
			struct be128 from = addr6(puppet_ip(i / 8));
			uint16_t len = (uint16_t)(8 + random32(a) % 170 * 8 +
						  (i % 16 ? 0 : i % 7));
			struct ip6_frag *h = (void *)build_ip6(
				a, f, from, addr6(a->ix), IP6_FRAGMENT,
				(uint16_t)(sizeof(*h) + len));

			*h = (struct ip6_frag){
				.next = i / 8 % 2 ? IP_PROTO_UDP : IP_PROTO_TCP,
				.off_more =
					be16((uint16_t)(i % 3 ? i % 8 * 640
							      : random32(a))),
				.id = be32(i / 8),
			};
			memset(h + 1, 0x5a, len);
			if (i % 2)
				h->off_more.raw |= be16(1).raw;
			put(a, f,
			    ETH_LEN + IPV6_LEN + (uint32_t)sizeof(*h) + len);
		}
	} while (more(a));
	return !*a->why;
}

/* Headers of IPv6 changed at random, and what is behind them. */
static bool mutations(struct attack *a)
{
	uint8_t f[FRAME_MAX];
	uint32_t len;

	do {
		for (uint32_t i = 0; i < 10000 && !a->gone; i++) {
			const struct seg s = { .src = puppet_ip(i),
					       .sport = (uint16_t)(1024 + i),
					       .flags = (uint8_t)i,
					       .win = 1000,
					       .len = (uint16_t)(i % 99) };

			len = build_tcp(a, &s, f);
			for (uint32_t n = 1 + random32(a) % 4; n; n--)
				f[random32(a) % 80] ^=
					(uint8_t)(1 << random32(a) % 8);
			if (i % 8 == 0)
				len = 1 + random32(a) % len;
			put(a, f, len);
		}
	} while (more(a));
	return !*a->why;
}

const struct attack_kind attacks_junk6[] = {
	{ "junk6_extensions", extensions, ON_ECHO6 },
	{ "junk6_errors", errors_of_errors, ON_ECHO6 },
	{ "junk6_fragments", fragments, ON_ECHO6 },
	{ "junk6_mutations", mutations, ON_ECHO6 },
	{ 0 },
};
