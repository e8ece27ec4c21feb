/* SPDX-License-Identifier: MIT */
/*
 * Echo by datagrams: | sequence number (8) | pattern |. An answer may be lost
 * (the request times out), late or out of order; wrong bytes in it are wrong.
 * Requests in flight are reqs[head .. head + out); the number of a request is
 * the value that head has when it is the oldest.
 */
#include "bench/ixload/load.h"
#include "bench/ixload/rng.h"

#include <errno.h>
#include <string.h>

enum { UDP_MAX = 65507 };

struct datagram {
	uint64_t seq;
	uint8_t body[UDP_MAX - sizeof(uint64_t)];
} __attribute__((packed));

static struct datagram model;

static int udp_init(struct load_opts *o)
{
	uint64_t rng = 2;

	if (o->size < sizeof(uint64_t) || o->size > UDP_MAX)
		return -EMSGSIZE;
	for (uint32_t i = 0; i < sizeof(model.body); i++)
		model.body[i] = (uint8_t)rng_next(&rng);
	return 0;
}

/* head goes on over a reset, so that answers to old requests are known. */
static void udp_reset(struct load_conn *c)
{
	c->tx_left = 0;
}

static bool udp_make(struct load_conn *c, uint32_t slot)
{
	c->tx_left++;
	return true;
}

static void udp_flush(struct load_conn *c)
{
	uint32_t size = c->t->opts->size;
	struct datagram d;

	memcpy(d.body, model.body, size - sizeof(d.seq));
	for (; c->tx_left; c->tx_left--) {
		d.seq = (uint32_t)(c->head + c->out - c->tx_left);
		if (c->t->backend->send(c, &d, size, false) != size)
			break;
	}
}

static bool udp_input(struct load_conn *c, const uint8_t *data, uint32_t len)
{
	struct load_thread *t = c->t;
	struct load_req *r;
	uint64_t seq;

	if (len != t->opts->size ||
	    memcmp(data + sizeof(seq), model.body, len - sizeof(seq)))
		return false;
	memcpy(&seq, data, sizeof(seq));
	r = &c->reqs[seq & t->slot_mask];
	if ((uint32_t)seq - c->head >= c->out || r->done) {
		t->count.late++;
		return true;
	}
	r->done = 1;
	load_answered(t, r->t);
	while (c->out && c->reqs[c->head & t->slot_mask].done) {
		c->head++;
		c->out--;
	}
	return true;
}

const struct load_proto proto_udp = {
	.name = "udp",
	.help = "echo by datagrams (same as --udp)",
	.init = udp_init,
	.reset = udp_reset,
	.make = udp_make,
	.flush = udp_flush,
	.input = udp_input,
};
