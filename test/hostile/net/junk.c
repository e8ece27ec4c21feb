/* SPDX-License-Identifier: MIT */
/* Malformed packets. What is random begins with the same seed each time. */
#include "attacker.h"

enum { TALKERS = 16 };

static bool talkers(struct attack *a)
{
	const struct manner how = { .win = 65535, .ts = true, .acks = true };

	return puppets_open(a, TALKERS, &how) ||
	       success(a, "no connection is taken");
}

/* A good segment of a puppet's, the next one on its connection. */
static uint32_t good(struct attack *a, uint32_t i, uint16_t len, uint8_t *frame)
{
	const struct puppet *p = &a->puppets[i % a->npuppets];
	const struct seg s = { .src = p->ip,
			       .sport = p->port,
			       .seq = p->snd_una,
			       .ack = p->rcv_nxt,
			       .flags = TCP_ACK | TCP_PSH,
			       .win = 65535,
			       .len = len,
			       .ts = true,
			       .tsval = (uint32_t)(now_ns() >> 20),
			       .tsecr = p->tsecr };

	return build_tcp(a, &s, frame);
}

static struct ipv4_hdr *ip_of(uint8_t *frame)
{
	return (void *)(frame + ETH_LEN);
}

static struct tcp_hdr *tcp_of(uint8_t *frame)
{
	return (void *)(frame + ETH_LEN + IPV4_LEN);
}

/* Every length that a header may claim, each in frames of every length. */
static bool lengths(struct attack *a)
{
	uint8_t f[FRAME_MAX];
	uint32_t len;

	if (!talkers(a))
		return false;
	do {
		for (uint32_t i = 0; i < 256; i++) {
			len = good(a, i, 100, f);
			ip_of(f)->ver_ihl = (uint8_t)i;
			fix_ip_cksum(f);
			put(a, f, len);
			len = good(a, i, 100, f);
			tcp_of(f)->off = (uint8_t)i;
			fix_tcp_cksum(f, len - ETH_LEN - IPV4_LEN);
			put(a, f, len);
			len = good(a, i, 100, f);
			ip_of(f)->len = be16((uint16_t)(i * 257));
			fix_ip_cksum(f);
			put(a, f, len);
			len = good(a, i, 200, f);
			put(a, f, min(ETH_LEN + i, len));
		}
	} while (more(a));
	return !*a->why;
}

/* Options of every kind and length, some beyond the header. */
static bool options(struct attack *a)
{
	uint8_t f[FRAME_MAX], opt[40];
	uint32_t len;

	if (!talkers(a))
		return false;
	do {
		for (uint32_t i = 0; i < 256 * 42; i++) {
			struct seg s = { .src = puppet_ip(i),
					 .sport = (uint16_t)(i + 1024),
					 .flags = i % 3 ? TCP_SYN : TCP_ACK,
					 .win = 1000,
					 .opt = opt,
					 .nopt = (uint8_t)(i % 11 * 4) };

			for (uint32_t k = 0; k < sizeof(opt); k++)
				opt[k] = (uint8_t)random32(a);
			opt[0] = (uint8_t)i;
			opt[1] = (uint8_t)(i / 256);
			len = build_tcp(a, &s, f);
			put(a, f, len);
		}
	} while (more(a));
	return !*a->why;
}

/* IP options, source routes among them. */
static bool ip_options(struct attack *a)
{
	uint8_t f[FRAME_MAX], good_one[FRAME_MAX];

	if (!talkers(a))
		return false;
	do {
		for (uint32_t i = 0; i < 4000; i++) {
			uint32_t len = good(a, i, 10, good_one);
			uint32_t n = 4 + random32(a) % 10 * 4;
			const uint32_t at = ETH_LEN + IPV4_LEN;

			memcpy(f, good_one, at);
			for (uint32_t k = 0; k < n; k++)
				f[at + k] = (uint8_t)(k ? random32(a) % 48 : i);
			memcpy(f + at + n, good_one + at, len - at);
			ip_of(f)->ver_ihl = (uint8_t)(0x45 + n / 4);
			ip_of(f)->len = be16((uint16_t)(len - ETH_LEN + n));
			fix_ip_cksum(f);
			put(a, f, len + n);
		}
	} while (more(a));
	return !*a->why;
}

/* Pieces that overlap, begin at the end, never end. */
static bool fragments(struct attack *a)
{
	uint8_t f[FRAME_MAX];

	if (!talkers(a))
		return false;
	do {
		for (uint32_t i = 0; i < 8000; i++) {
			uint32_t len = good(a, i, (uint16_t)(i % 1400), f);
			uint16_t frag = (uint16_t)(i * 8191 % 0x4000);

			ip_of(f)->id = be16((uint16_t)(i / 8));
			ip_of(f)->frag = be16(frag ? frag : IP_MF);
			fix_ip_cksum(f);
			put(a, f, len);
		}
	} while (more(a));
	return !*a->why;
}

/* Each checksum, wrong by each bit. */
static bool checksums(struct attack *a)
{
	uint8_t f[FRAME_MAX];

	if (!talkers(a))
		return false;
	do {
		for (uint32_t i = 0; i < 4096; i++) {
			uint32_t len = good(a, i, (uint16_t)(i % 99), f);

			if (i % 2)
				ip_of(f)->cksum ^= (uint16_t)(1 << i / 2 % 16);
			else
				tcp_of(f)->cksum ^= (uint16_t)(1 << i / 2 % 16);
			put(a, f, len);
		}
	} while (more(a));
	return !*a->why;
}

/* What is not IPv4, or another protocol, or too short to be anything. */
static bool strange(struct attack *a)
{
	uint8_t f[FRAME_MAX];

	do {
		for (uint32_t i = 0; i < 4096; i++) {
			uint32_t n = ETH_LEN + random32(a) % 1400;

			for (uint32_t k = 0; k < n; k += 4)
				((struct be32 *)(f + k))->raw = random32(a);
			build_ip(a, f, puppet_ip(i), a->ix, (uint8_t)i,
				 (uint16_t)(i % 3 ? n - ETH_LEN : i));
			if (i % 4 == 1)
				f[13] = (uint8_t)i; /* EtherType */
			if (i % 4 == 2)
				f[12] = (uint8_t)i;
			if (i % 64 == 3)
				f[0] = 255;
			put(a, f, n);
		}
	} while (more(a));
	return !*a->why;
}

/* UDP and ICMP with lengths that lie; echoes as long as can be. */
static bool datagrams(struct attack *a)
{
	uint8_t f[FRAME_MAX];

	do {
		for (uint32_t i = 0; i < 4096; i++) {
			uint16_t len = (uint16_t)(i % 1460);
			struct udp_hdr *u = (void *)build_ip(
				a, f, puppet_ip(i), a->ix, IP_PROTO_UDP, len);

			*u = (struct udp_hdr){ .sport = be16((uint16_t)i),
					       .dport = be16(i % 2 ? a->port
								   : 9),
					       .len = be16((uint16_t)(i * 37)),
					       .cksum = i % 3 ? 0 : 77 };
			put(a, f, ETH_LEN + IPV4_LEN + (uint32_t)len);
			send_icmp(a, i % 2 ? puppet_ip(i) : a->client,
				  ICMP_ECHO, (uint8_t)(i % 7), i, f, i % 1400);
		}
	} while (more(a));
	return !*a->why;
}

static void mutate(struct attack *a, uint8_t *f, uint32_t *len)
{
	uint32_t times = 1 + random32(a) % 4;

	while (times--) {
		uint32_t at = random32(a) % min(*len, 90u);

		if (random32(a) % 2)
			f[at] ^= (uint8_t)(1 << random32(a) % 8);
		else
			f[at] = (uint8_t)random32(a);
	}
	if (random32(a) % 8 == 0)
		*len = 1 + random32(a) % *len;
	else if (random32(a) % 8 == 0)
		*len = min(*len + random32(a) % 200, (uint32_t)FRAME_MAX);
	if (random32(a) % 4 && *len > ETH_LEN + 60)
		fix_ip_cksum(f);
	if (random32(a) % 4 && *len > ETH_LEN + IPV4_LEN + TCP_LEN)
		fix_tcp_cksum(f, *len - ETH_LEN - IPV4_LEN);
}

/* Good packets of all kinds, changed at random; checksums mostly right. */
static bool mutations(struct attack *a)
{
	uint8_t f[FRAME_MAX];
	uint32_t len;

	if (!talkers(a))
		return false;
	do {
		for (uint32_t i = 0; i < 20000 && !a->gone; i++) {
			len = good(a, i, (uint16_t)(random32(a) % 300), f);
			if (i % 8 == 0) {
				tcp_of(f)->flags = (uint8_t)random32(a);
				fix_tcp_cksum(f, len - ETH_LEN - IPV4_LEN);
			}
			mutate(a, f, &len);
			put(a, f, len);
		}
		puppets_end(a);
		if (!talkers(a))
			return false;
	} while (more(a));
	return !*a->why;
}

const struct attack_kind attacks_junk[] = {
	{ "junk_lengths", lengths, ON_ECHO },
	{ "junk_options", options, ON_ECHO | ON_ECHO6 },
	{ "junk_ip_options", ip_options, ON_ECHO },
	{ "junk_fragments", fragments, ON_ECHO },
	{ "junk_checksums", checksums, ON_ECHO },
	{ "junk_strange", strange, ON_ECHO },
	{ "junk_datagrams", datagrams, ON_ECHO },
	{ "junk_mutations", mutations, ON_BOTH },
	{ 0 },
};
