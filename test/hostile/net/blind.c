/* SPDX-License-Identifier: MIT */
/*
 * Forged segments of honest connections, from somebody who knows addresses and
 * ports but not where the sequence numbers stand, and so tries many. To save
 * time the trials are around the true place: a real attacker needs 2^32 / step
 * of them. None lies at the place itself (they are at odd distances from it),
 * and none has an acknowledgement that is acceptable: who guesses both need not
 * be resisted.
 */
#include "attacker.h"

enum { REACH = 2 << 20, DATA = 1400, STEP = 1398, IN_WINDOW = 9998 };

struct sweep {
	uint8_t flags;
	uint16_t win, len; /* len: payload */
	uint32_t step;
	int32_t ahead; /* of TSval */
	bool no_ts;
};

static const enum client victims[] = { C_IDLE, C_SMALL, C_BULK };

static struct seg forged(const struct attack *a, enum client i,
			 const struct sweep *s, int32_t at, uint32_t nth)
{
	const struct attack_flow *f = &a->flows[a->honest->port[i]];
	/* Never sent; and sent long ago. */
	const uint32_t ack = nth % 2 ? 1u << 30 : 0u - (1u << 30);

	return (struct seg){ .src = f->ip,
			     .sport = a->honest->port[i],
			     .seq = f->to_ix + (uint32_t)at,
			     .ack = f->to_client + ack,
			     .flags = s->flags,
			     .win = s->win,
			     .len = s->len,
			     .ts = !s->no_ts,
			     .tsval = f->tsval + (uint32_t)s->ahead,
			     .tsecr = f->tsecr };
}

static bool sweep(struct attack *a, const struct sweep *s)
{
	uint32_t nth = 0;

	for (uint32_t v = 0; v < ARRAY_SIZE(victims); v++) {
		for (int32_t at = -REACH - 1; at < REACH; at += (int)s->step) {
			struct seg seg = forged(a, victims[v], s, at, nth++);

			send_seg(a, &seg);
			if (a->gone)
				return false;
		}
	}
	sync_up(a);
	return true;
}

static bool sweeps(struct attack *a, const struct sweep *s, uint32_t n)
{
	do {
		for (uint32_t i = 0; i < n; i++)
			if (!sweep(a, &s[i]))
				return false;
	} while (more(a));
	return !*a->why;
}

#define SWEEPS(...)                                              \
	({                                                       \
		static const struct sweep s[] = { __VA_ARGS__ }; \
		sweeps(a, s, ARRAY_SIZE(s));                     \
	})

static bool rst(struct attack *a)
{
	return SWEEPS({ .flags = TCP_RST, .step = 998 },
		      { .flags = TCP_RST | TCP_ACK, .step = 1994 },
		      { .flags = TCP_RST, .step = 1998, .no_ts = true });
}

/* The part before the window is cut off, and then it lies where it should. */
static bool rst_with_data(struct attack *a)
{
	return SWEEPS({ .flags = TCP_RST, .len = DATA, .step = STEP },
		      { .flags = TCP_RST | TCP_FIN | TCP_ACK,
			.len = DATA,
			.step = STEP });
}

static bool syn(struct attack *a)
{
	return SWEEPS({ .flags = TCP_SYN, .step = 1998 },
		      { .flags = TCP_SYN | TCP_ACK, .step = 1998 },
		      { .flags = TCP_SYN, .step = 1998, .no_ts = true });
}

static bool syn_with_data(struct attack *a)
{
	return SWEEPS(
		{ .flags = TCP_SYN, .len = DATA, .step = STEP },
		{ .flags = TCP_SYN | TCP_RST, .len = DATA, .step = STEP },
		{ .flags = TCP_SYN | TCP_FIN, .len = DATA, .step = STEP });
}

static bool data(struct attack *a)
{
	return SWEEPS(
		{ .flags = TCP_ACK, .len = DATA, .step = STEP },
		{ .flags = TCP_ACK | TCP_PSH, .len = 2, .step = 4998 },
		{ .len = DATA, .step = STEP }, /* no ACK at all */
		{ .flags = TCP_ACK | TCP_URG, .len = DATA, .step = STEP });
}

static bool fin(struct attack *a)
{
	return SWEEPS({ .flags = TCP_FIN | TCP_ACK, .step = 998 },
		      { .flags = TCP_FIN | TCP_ACK, .len = DATA, .step = STEP },
		      { .flags = TCP_FIN, .len = DATA, .step = STEP });
}

static bool ack(struct attack *a)
{
	return SWEEPS({ .flags = TCP_ACK, .win = 65535, .step = 498 },
		      { .flags = TCP_ACK,
			.win = 65535,
			.step = 1998,
			.no_ts = true });
}

/* What follows is old, if the server believes the timestamp. */
static bool paws_poison(struct attack *a)
{
	return SWEEPS(
		{ .flags = TCP_ACK,
		  .len = DATA,
		  .step = STEP,
		  .ahead = 1 << 30 },
		{ .flags = TCP_ACK,
		  .len = DATA,
		  .step = STEP,
		  .ahead = INT32_MAX - 100000 },
		{ .flags = 0, .len = DATA, .step = STEP, .ahead = 1 << 30 },
		{ .flags = TCP_RST, .step = IN_WINDOW, .ahead = 1 << 30 },
		{ .flags = TCP_ACK, .step = 998, .ahead = 1 << 30 });
}

static bool window_zero(struct attack *a)
{
	return SWEEPS({ .flags = TCP_ACK, .step = 998 },
		      { .flags = TCP_ACK, .len = DATA, .step = STEP });
}

/* Is an honest connection still told about a forged SYN when another one has
 * used up what there is of challenge ACKs? If not, the attacker sees from his
 * own connection whether he has hit somebody else's (CVE-2016-5696). Once: the
 * honest connection may have a limit of its own. */
static bool one_budget(struct attack *a)
{
	static const struct sweep s = { .flags = TCP_SYN };
	const struct manner good = { .win = 65535, .ts = true, .acks = true };
	const struct attack_flow *idle = &a->flows[a->honest->port[C_IDLE]];
	struct seg one = forged(a, C_IDLE, &s, 1001, 0);
	uint32_t before;

	if (!puppets_open(a, 1, &good))
		return success(a, "no connection is taken");
	for (int i = 0; i < 3000; i++)
		puppet_send(a, &a->puppets[0], 1001, NULL, 0, TCP_SYN);
	sync_up(a);
	before = idle->answers;
	send_seg(a, &one);
	sync_up(a);
	for (int i = 0; i < 50 && idle->answers == before; i++)
		hear(a, 1);
	if (idle->answers == before)
		return success(a, "the challenge ACKs of another connection "
				  "are used up");
	wait_more(a);
	return !*a->why;
}

const struct attack_kind attacks_blind[] = {
	{ "blind_rst", rst, ON_ECHO | ON_ECHO6 },
	{ "blind_rst_data", rst_with_data, ON_BOTH | ON_ECHO6 },
	{ "blind_syn", syn, ON_ECHO | ON_ECHO6 },
	{ "blind_syn_data", syn_with_data, ON_ECHO | ON_ECHO6 },
	{ "blind_data", data, ON_BOTH | ON_ECHO6 },
	{ "blind_fin", fin, ON_ECHO | ON_ECHO6 },
	{ "blind_ack", ack, ON_ECHO | ON_ECHO6 },
	{ "blind_window_zero", window_zero, ON_ECHO | ON_ECHO6 },
	{ "paws_poison", paws_poison, ON_BOTH | ON_ECHO6 },
	{ "challenge_budget", one_budget, ON_ECHO | ON_ECHO6 },
	{ 0 },
};
