/* SPDX-License-Identifier: MIT */
/*
 * What a load thread does once per iteration, beside answering events: follow
 * the phases, open connections, let arrivals come due, look for answers that
 * are overdue.
 *
 *	OPEN -> PRELOAD -> RUN -> DRAIN -> end
 *	  main says so when all threads are ready; from RUN on by the clock
 */
#include "bench/ixload/load.h"
#include "bench/clock.h"
#include "bench/ixload/rng.h"

#include <errno.h>
#include <stdlib.h>

enum {
	TICK_NS = 5000000,     /* slow work, and the longest wait */
	DRAIN_NS = 1000000000, /* for answers after the last request */
	SCAN_MIN = 64,	       /* connections looked at per tick */
};

static uint32_t power_of_two(uint32_t n)
{
	uint32_t p = 1;

	while (p < n)
		p <<= 1;
	return p;
}

/* Shares @total out evenly. */
static uint32_t share(uint32_t total, uint32_t parts, uint32_t index)
{
	return total / parts + (index < total % parts);
}

static int alloc_conns(struct load_thread *t)
{
	uint32_t slots = power_of_two(t->opts->pipeline);

	t->slot_mask = slots - 1;
	t->conns = calloc(t->nconns, t->backend->conn_bytes);
	t->reqs = calloc((size_t)t->nconns * slots, sizeof(*t->reqs));
	if (!t->conns || !t->reqs)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->nconns; i++) {
		struct load_conn *c = load_conn_at(t, i);

		c->t = t;
		c->port = (uint16_t)(t->opts->port + i % t->opts->ports);
		c->reqs = &t->reqs[(size_t)i * slots];
		fifo_push(&t->dial, c);
	}
	return 0;
}

int load_thread_init(struct load_thread *t, struct load_ctl *ctl,
		     const struct load_opts *o, uint32_t index)
{
	uint32_t before = 0;
	int err;

	t->ctl = ctl;
	t->opts = o;
	t->backend = o->backend;
	t->proto = o->proto;
	t->index = index;
	t->pipeline = o->pipeline;
	t->churn = o->msgs_per_conn ? UINT32_MAX : 0;
	t->open_loop = o->rate > 0;
	t->nconns = share(o->conns, o->threads, index);
	t->active = share(o->active, o->threads, index);
	for (uint32_t i = 0; i < index; i++)
		before += share(o->records, o->threads, i);
	t->preload_next = before;
	t->preload_end = before + share(o->records, o->threads, index);
	t->rng = rng_mix(o->seed + index + 1);
	hist_init(&t->hist);
	if (o->each) {
		t->part = hist_alloc(load_parts(o));
		if (!t->part)
			return -ENOMEM;
	}
	err = alloc_conns(t);
	return err ? err : load_arrivals_init(t);
}

void load_thread_free(struct load_thread *t)
{
	if (t->proto->thread_exit && t->conns)
		t->proto->thread_exit(t);
	free(t->conns);
	free(t->reqs);
	free(t->arrivals);
	free(t->part);
}

static void set_done(struct load_thread *t, enum load_phase phase)
{
	__atomic_store_n(&t->done, phase + 1, __ATOMIC_RELEASE);
}

static void begin_measure(struct load_thread *t)
{
	t->began = t->from; /* the thread may have been away since then */
	t->answered_began = t->count.answered;
	t->opened_began = t->count.opened;
	t->bytes_began = t->count.bytes;
}

static void end_measure(struct load_thread *t)
{
	t->ended = t->now;
	t->answered_ended = t->count.answered;
	t->opened_ended = t->count.opened;
	t->bytes_ended = t->count.bytes;
	t->phase = LOAD_DRAIN;
	t->sending = false;
}

static void kick_all(struct load_thread *t)
{
	for (uint32_t i = 0; i < t->nconns; i++)
		load_fill(load_conn_at(t, i));
}

static void enter(struct load_thread *t, uint32_t phase)
{
	t->phase = (uint8_t)phase;
	if (phase == LOAD_RUN) {
		t->from = t->ctl->from;
		t->span = t->ctl->to - t->ctl->from;
		if (t->open_loop)
			load_arrivals_start(t);
	}
	t->sending = phase == LOAD_PRELOAD || phase == LOAD_RUN;
	if (t->sending)
		kick_all(t);
}

void load_dial(struct load_thread *t)
{
	if (t->phase == LOAD_DRAIN || t->now < t->retry_at)
		return;
	while (t->dial.head && t->dialing < t->opts->ramp) {
		struct load_conn *c = fifo_pop(&t->dial);
		int err;

		c->state = CONN_DIALING;
		c->since = t->now;
		t->dialing++;
		err = t->backend->dial(c);
		if (err) {
			load_open_failed(c, -err);
			return;
		}
	}
}

static void check_overdue(struct load_conn *c)
{
	struct load_thread *t = c->t;
	uint64_t limit = t->opts->timeout;

	if (c->state == CONN_DIALING && t->now - c->since > limit) {
		load_overdue(c);
		t->count.open_failed++;
	} else if (c->state == CONN_OPEN && c->out &&
		   t->now - c->since > limit) {
		load_overdue(c);
	}
}

/* Looks at a part of the connections, at all of them once a second. */
static void scan(struct load_thread *t)
{
	uint32_t n = t->nconns / (NS_PER_SEC / TICK_NS) + SCAN_MIN;

	if (n > t->nconns)
		n = t->nconns;
	while (n--) {
		check_overdue(load_conn_at(t, t->scan));
		if (++t->scan == t->nconns)
			t->scan = 0;
	}
}

static uint32_t outstanding(struct load_thread *t)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->nconns; i++)
		n += load_conn_at(t, i)->out;
	return n;
}

/* Answers that never came count with the age they have reached. */
static void count_unanswered(struct load_thread *t)
{
	for (uint32_t i = 0; i < t->nconns; i++)
		load_abandon(load_conn_at(t, i));
	load_arrivals_left(t);
}

static bool drained(struct load_thread *t)
{
	if (t->now - t->ended < DRAIN_NS && outstanding(t))
		return false;
	count_unanswered(t);
	return true;
}

/* Returns false at the end of the run. */
static bool tick(struct load_thread *t)
{
	scan(t);
	if (t->phase == LOAD_OPEN && t->open == t->nconns)
		set_done(t, LOAD_OPEN);
	if (t->phase == LOAD_PRELOAD && t->preload_next == t->preload_end &&
	    !outstanding(t))
		set_done(t, LOAD_PRELOAD);
	return t->phase != LOAD_DRAIN || !drained(t);
}

static uint64_t run_clock(struct load_thread *t)
{
	if (!t->began && t->now >= t->from)
		begin_measure(t);
	if (t->now >= t->from + t->span)
		end_measure(t);
	if (t->active && t->sending)
		load_spread(t);
	return t->open_loop && t->sending ? load_arrivals(t) : TICK_NS;
}

uint64_t load_step(struct load_thread *t, uint64_t now)
{
	uint32_t phase = __atomic_load_n(&t->ctl->phase, __ATOMIC_ACQUIRE);
	uint64_t wait = TICK_NS;

	t->now = now;
	if (phase != t->phase && t->phase != LOAD_DRAIN) {
		if (phase == LOAD_STOP) {
			t->phase = LOAD_DRAIN;
			return LOAD_END;
		}
		enter(t, phase);
	}
	if (t->dial.head && t->dialing < t->opts->ramp)
		load_dial(t);
	if (t->phase == LOAD_RUN)
		wait = run_clock(t);
	if (now >= t->tick_at) {
		t->tick_at = now + TICK_NS;
		if (!tick(t))
			return LOAD_END;
	}
	return wait < t->tick_at - now ? wait : t->tick_at - now;
}
