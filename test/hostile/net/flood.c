/* SPDX-License-Identifier: MIT */
/* Handshakes: begun, not ended, of many and of one, and none that are. */
#include "attacker.h"

enum { STRANGERS = 0x0a510500 /* 10.81.5.0 to 10.81.8.255: nobody is there */ };

/* run.sh's tcp.max_conns; half of them may be half-open; and the clients. */
enum { CONNS = 2048, CONNS_MOST = CONNS / 2 + 16, NEWCOMERS = 20 };

/* As more(); but the first second only fills what can be filled. From then on
 * whoever is connected has to go on, and NEWCOMERS to get in: more than would
 * by luck. */
static bool more_when_full(struct attack *a)
{
	enum { FILL_MS = 1000, STEADY_MS = 1001 };

	if (a->least == STEADY_MS * 1000000ull)
		return more(a);
	if (now_ns() - a->began > FILL_MS * 1000000ull) {
		once_more(a, STEADY_MS);
		a->mark[C_CHURN] += NEWCOMERS;
	}
	return !a->gone && !a->honest->harmed;
}

static void stranger_sends(struct attack *a, uint32_t src, uint8_t flags,
			   uint16_t len)
{
	send_seg(a,
		 &(struct seg){ .src = src,
				.sport = (uint16_t)(1024 + random32(a) % 60000),
				.seq = random32(a),
				.ack = random32(a),
				.flags = flags,
				.win = 65535,
				.len = len });
}

/* SYNs of @src, or each of another one. They take every place that is free for
 * who is half-open, which are no more than half of the connections; who is
 * connected goes on, and newcomers get in meanwhile. */
static bool syns(struct attack *a, uint32_t (*src)(struct attack *a),
		 uint16_t len)
{
	int64_t conns;

	do {
		for (int i = 0; i < GROUP; i++)
			stranger_sends(a, src(a), TCP_SYN, len);
		hear(a, 0);
	} while (more_when_full(a));
	conns = counter(a, "tcp_conns");
	if (conns > CONNS_MOST)
		return success(a, "%lld connections, of %d", (long long)conns,
			       CONNS_MOST);
	return !*a->why;
}

/* Guessed cookies, while some are out. Nobody but the honest ones gets a
 * connection by one. */
static bool cookie_guesses(struct attack *a)
{
	int64_t taken = counter(a, "tcp_cookies_taken");
	uint64_t honest = a->honest->messages[C_CHURN];

	do {
		for (int i = 0; i < GROUP; i++)
			stranger_sends(a, puppet_ip(random32(a)),
				       i % 2 ? TCP_SYN : TCP_ACK, 0);
		hear(a, 0);
	} while (more_when_full(a));
	taken = counter(a, "tcp_cookies_taken") - taken;
	honest = a->honest->messages[C_CHURN] - honest;
	if (counter(a, "tcp_cookies_bad") < GROUP)
		success(a, "no cookie is out");
	else if (taken > (int64_t)honest + 2)
		success(a, "%lld connections for %llu clients",
			(long long)taken, (unsigned long long)honest);
	return !*a->why;
}

static uint32_t stranger(struct attack *a)
{
	return STRANGERS + random32(a) % 1024;
}

static bool syn_many(struct attack *a)
{
	return syns(a, stranger, 0);
}

static uint32_t the_same(struct attack *a)
{
	return puppet_ip(200);
}

static bool syn_one(struct attack *a)
{
	return syns(a, the_same, 0);
}

/* A host off the link, which has a router. */
static uint32_t far_one(struct attack *a)
{
	return 0x0b000000 + random32(a) % (1 << 24);
}

static bool syn_far(struct attack *a)
{
	return syns(a, far_one, 0);
}

static uint32_t any_puppet(struct attack *a)
{
	return puppet_ip(random32(a));
}

static bool syn_data(struct attack *a)
{
	return syns(a, any_puppet, 1400);
}

/* Everything but what opens. */
static bool flags_all(struct attack *a)
{
	do {
		for (uint32_t f = 0; f < 256; f++)
			for (uint16_t i = 0; i < 16; i++)
				stranger_sends(a, puppet_ip(random32(a)),
					       (uint8_t)f, i % 2 ? 100 : 0);
	} while (more(a));
	return !*a->why;
}

/* The server's answer is not acknowledged, or wrongly, or reset, or SYNs
 * follow (RFC 9293 section 3.5: simultaneous open). */
static bool half_open(struct attack *a)
{
	const struct manner how = { .win = 65535, .ts = true };

	a->half_open = true;
	do {
		puppets_ask(a, 256, &how);
		for (uint32_t i = 0; i < a->npuppets; i++) {
			struct puppet *p = &a->puppets[i];
			static const uint8_t then[] = {
				TCP_SYN | TCP_ACK, TCP_ACK,
				TCP_SYN | TCP_FIN, TCP_FIN | TCP_ACK,
				TCP_SYN | TCP_RST, TCP_SYN | TCP_PSH,
				TCP_ACK | TCP_URG, 0,
			};

			p->rcv_nxt = random32(a);
			puppet_send(a, p, -1, "half", 4,
				    then[i % ARRAY_SIZE(then)]);
		}
	} while (more(a));
	puppets_end(a);
	return !*a->why;
}

/* All connections that the server can hold; whom it sends away comes again
 * soon. Newcomers get in meanwhile. Each has said a byte after @speak rounds,
 * and again; 0: never a word. */
static bool all_taken(struct attack *a, uint32_t speak)
{
	enum { ROUND_MS = 100 };
	const struct manner how = { .win = 65535, .ts = true, .acks = true };
	uint32_t round = 0;
	uint64_t next = 0;

	do {
		if (now_ns() >= next) {
			puppets_fill(a, CONNS, &how);
			for (uint32_t i = round++ % max(speak, 1u);
			     speak && i < a->npuppets; i += speak)
				puppet_says(a, i, "g");
			next = now_ns() +
			       (ROUND_MS + random32(a) % ROUND_MS) * 1000000ull;
		}
		hear(a, 5);
	} while (more_when_full(a));
	puppets_all_open(a);
	return !*a->why;
}

static bool silent(struct attack *a)
{
	return all_taken(a, 0);
}

/* With one address more it would take all, whoever comes: doc/isolation.md, "a
 * few bytes now and then". */
static bool slow_loris(struct attack *a)
{
	a->naddrs = CONNS / 512;
	return all_taken(a, 5);
}

/* Opens and is gone by a reset, or a FIN and no more. */
static bool open_close(struct attack *a)
{
	const struct manner how = { .win = 65535, .ts = true };

	do {
		uint32_t n = puppets_open(a, 256, &how);

		if (!n)
			return success(a, "no connection is taken");
		for (uint32_t i = 0; i < n; i++)
			puppet_send(a, &a->puppets[i], 0, NULL, 0,
				    i % 2 ? TCP_FIN | TCP_ACK : TCP_RST);
		sync_up(a);
		puppets_end(a);
	} while (more(a));
	return !*a->why;
}

/* From the server's own address and port (LAND), from everyone, from nobody.
 * What it answers to these must not keep it busy. */
static bool land(struct attack *a)
{
	const uint32_t from[] = { a->ix,      0xffffffff, 0,
				  0x7f000001, 0xe0000001, 0x0a51ffff };

	do {
		for (uint32_t i = 0; i < 3000; i++)
			send_seg(a, &(struct seg){ .src = from[i % 6],
						   .sport = i % 2 ? a->port : 9,
						   .seq = i,
						   .flags = TCP_SYN,
						   .win = 100 });
	} while (more(a));
	return !*a->why;
}

const struct attack_kind attacks_flood[] = {
	{ "syn_many", syn_many, ON_ECHO | ON_ECHO6 | FLOOD },
	{ "syn_one", syn_one, ON_ECHO | ON_ECHO6 | FLOOD },
	{ "syn_far", syn_far, ON_ECHO | ON_ECHO6 | FLOOD },
	{ "syn_data", syn_data, ON_ECHO | ON_ECHO6 | FLOOD },
	{ "cookie_guesses", cookie_guesses, ON_ECHO | ON_ECHO6 | FLOOD },
	{ "flags_all", flags_all, ON_ECHO | ON_ECHO6 },
	{ "half_open", half_open, ON_ECHO | ON_ECHO6 | FLOOD },
	{ "silent", silent, ON_BOTH | ON_ECHO6 | FLOOD },
	{ "slow_loris", slow_loris, ON_BOTH | ON_ECHO6 },
	{ "open_close", open_close, ON_BOTH | ON_ECHO6 },
	{ "land", land, ON_ECHO },
	{ 0 },
};
