/* SPDX-License-Identifier: MIT */
/*
 * Echo: every byte that comes back is compared. What is sent is a piece of
 * one periodic pattern; each connection starts at a place of its own in it,
 * and the period is a prime, so that bytes lost, repeated, swapped or from
 * another connection do not go unnoticed. The pattern never changes: it is
 * sent from where it lies.
 */
#include "bench/ixload/load.h"
#include "bench/ixload/rng.h"

#include <errno.h>
#include <string.h>

enum {
	PERIOD = 4093,
	CHUNK = 65536, /* compared or sent at a time */
};

static uint8_t *pattern; /* PERIOD + CHUNK bytes */

static int echo_init(struct load_opts *o)
{
	uint64_t rng = 1;

	if (!pattern)
		pattern = o->backend->alloc(PERIOD + CHUNK);
	if (!pattern)
		return -ENOMEM;
	for (uint32_t i = 0; i < PERIOD; i++)
		pattern[i] = (uint8_t)rng_next(&rng);
	for (uint32_t i = PERIOD; i < PERIOD + CHUNK; i++)
		pattern[i] = pattern[i - PERIOD];
	return 0;
}

/* Places in the pattern: the one behind @pos + @n. */
static uint32_t advance(uint32_t pos, uint32_t n)
{
	pos += n;
	if (pos < PERIOD)
		return pos;
	return pos < 2 * PERIOD ? pos - PERIOD : pos % PERIOD;
}

static void echo_reset(struct load_conn *c)
{
	c->tx_pos = rng_below(&c->t->rng, PERIOD);
	c->rx_pos = c->tx_pos;
	c->tx_left = 0;
	c->rx_left = c->t->opts->size;
}

static bool echo_make(struct load_conn *c, uint32_t slot)
{
	c->tx_left += c->t->opts->size;
	return true;
}

static void echo_flush(struct load_conn *c)
{
	while (c->tx_left) {
		uint32_t n = c->tx_left < CHUNK ? c->tx_left : CHUNK;
		int64_t sent =
			c->t->backend->send(c, pattern + c->tx_pos, n, true);

		if (sent <= 0)
			return;
		c->tx_pos = advance(c->tx_pos, (uint32_t)sent);
		c->tx_left -= (uint32_t)sent;
		if (sent < n)
			return;
	}
}

static bool echo_part(struct load_conn *c, const uint8_t *data, uint32_t len)
{
	if (memcmp(pattern + c->rx_pos, data, len))
		return false;
	c->rx_pos = advance(c->rx_pos, len);
	while (len >= c->rx_left) {
		if (!c->out)
			return false; /* more than was sent */
		len -= c->rx_left;
		c->rx_left = c->t->opts->size;
		load_answer(c);
	}
	c->rx_left -= len;
	return true;
}

static bool echo_input(struct load_conn *c, const uint8_t *data, uint32_t len)
{
	for (; len > CHUNK; data += CHUNK, len -= CHUNK)
		if (!echo_part(c, data, CHUNK))
			return false;
	return echo_part(c, data, len);
}

const struct load_proto proto_echo = {
	.name = "echo",
	.help = "messages of --size bytes that the server sends back",
	.init = echo_init,
	.reset = echo_reset,
	.make = echo_make,
	.flush = echo_flush,
	.input = echo_input,
};
