/* SPDX-License-Identifier: MIT */
/*
 * One connection's life, whatever the back end and the protocol:
 *
 *	CLOSED -> DIALING -> OPEN -> CLOSING -> CLOSED (dialed again)
 *
 * Closed loop: every answer makes room for the next request at once, with
 * --active on any connection. Open loop: requests are made when their time has
 * come, see load_open.c. A
 * connection that has served its --msgs-per-conn is closed and reopened.
 */
#include "bench/ixload/load.h"
#include "bench/ixload/rng.h"

#include <errno.h>

enum {
	CACHE_LINE = 64,
	PICKED = 64, /* at a time */
	MANY = 1024, /* connections */
};

static bool has_room(const struct load_conn *c)
{
	return c->out < c->t->pipeline && c->left;
}

static void fill_closed(struct load_conn *c)
{
	uint64_t now = c->t->now;
	bool made = false;

	while (has_room(c) && load_make(c, now))
		made = true;
	if (made)
		c->t->proto->flush(c);
}

/* Where there are many, their memory is in no cache: all of it comes in the
 * time of one. */
static void fetch(const struct load_thread *t, struct load_conn *const *conns,
		  uint32_t n)
{
	for (uint32_t k = 0; k < n; k++)
		for (size_t i = 0; i < t->backend->conn_bytes; i += CACHE_LINE)
			__builtin_prefetch((const char *)conns[k] + i);
	for (uint32_t k = 0; k < n; k++)
		__builtin_prefetch(conns[k]->reqs);
}

static void ask(struct load_conn *c)
{
	struct load_thread *t = c->t;

	if (c->state == CONN_OPEN && has_room(c) && load_make(c, t->now))
		t->proto->flush(c);
}

/* Not all may be open, or have room: what is left is tried in the next turn. */
void load_spread(struct load_thread *t)
{
	struct load_conn *picked[PICKED];
	uint32_t n;

	for (uint32_t i = 2 * t->active; i && t->out < t->active; i -= n) {
		n = t->active - t->out;
		n = n < i ? n : i;
		n = n < PICKED ? n : PICKED;
		for (uint32_t k = 0; k < n; k++)
			picked[k] =
				load_conn_at(t, rng_below(&t->rng, t->nconns));
		if (t->nconns >= MANY)
			fetch(t, picked, n);
		for (uint32_t k = 0; k < n; k++)
			ask(picked[k]);
	}
}

void load_fill(struct load_conn *c)
{
	struct load_thread *t = c->t;

	if (!t->sending || c->state != CONN_OPEN)
		return;
	if (t->phase == LOAD_PRELOAD || (!t->open_loop && !t->active))
		fill_closed(c);
	else if (t->active)
		return; /* load_spread() */
	else if (load_arrivals_take(c))
		t->proto->flush(c);
}

void load_opened(struct load_conn *c)
{
	struct load_thread *t = c->t;

	t->dialing--;
	t->open++;
	t->count.opened++;
	c->state = CONN_OPEN;
	c->since = t->now;
	c->out = 0;
	c->left = t->opts->msgs_per_conn ? t->opts->msgs_per_conn : UINT32_MAX;
	c->dead = false;
	t->proto->reset(c);
	load_fill(c);
}

void load_open_failed(struct load_conn *c, int err)
{
	struct load_thread *t = c->t;

	t->dialing--;
	t->count.open_failed++;
	if (!t->first_errno)
		t->first_errno = err;
	c->state = CONN_CLOSED;
	t->retry_at = t->now + 50000000; /* do not hammer */
	fifo_push(&t->dial, c);
}

void load_released(struct load_conn *c)
{
	c->state = CONN_CLOSED;
	fifo_push(&c->t->dial, c);
	load_dial(c->t); /* at once: the back end may be about to wait */
}

void load_abandon(struct load_conn *c)
{
	struct load_thread *t = c->t;

	for (; c->out; c->out--, c->head++) {
		const struct load_req *r = &c->reqs[c->head & t->slot_mask];

		t->out--;
		if (!r->done && load_waited(t, r->t))
			t->count.unanswered++;
	}
}

void load_end(struct load_conn *c, bool reset)
{
	struct load_thread *t = c->t;

	if (c->state == CONN_OPEN)
		t->open--;
	else
		t->dialing--;
	t->count.closed++;
	c->state = CONN_CLOSING;
	load_abandon(c);
	t->backend->close(c, reset);
}

void load_closed(struct load_conn *c, int err)
{
	struct load_thread *t = c->t;

	if (c->state != CONN_OPEN)
		return;
	t->count.peer_closed++;
	if (err && !t->first_errno)
		t->first_errno = err;
	load_end(c, true);
}

void load_overdue(struct load_conn *c)
{
	struct load_thread *t = c->t;

	t->count.timeouts++;
	if (t->opts->udp) {
		load_abandon(c);
		load_fill(c);
		return;
	}
	if (!t->first_errno)
		t->first_errno = ETIMEDOUT;
	load_end(c, true);
}

void load_input(struct load_conn *c, const uint8_t *data, uint32_t len)
{
	struct load_thread *t = c->t;

	if (c->state != CONN_OPEN)
		return;
	t->count.bytes += len;
	if (!t->proto->input(c, data, len)) {
		t->count.wrong++;
		load_end(c, true);
		return;
	}
	c->since = t->now;
	if (!c->left && !c->out)
		load_end(c, t->opts->rst);
	else
		load_fill(c);
}

void load_writable(struct load_conn *c)
{
	if (c->state == CONN_OPEN)
		c->t->proto->flush(c);
}
