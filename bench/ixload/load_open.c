/* SPDX-License-Identifier: MIT */
/*
 * Open loop: requests arrive by a Poisson process that does not care how the
 * server is doing. A request's latency counts from the time it should have
 * been sent, so that a stall shows in every request it delayed and not only
 * in the one that it caught ("coordinated omission").
 *
 *	Poisson clock -> arrivals[] -> first connection with room -> server
 */
#include "bench/ixload/load.h"
#include "bench/ixload/rng.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int load_arrivals_init(struct load_thread *t)
{
	if (!t->open_loop)
		return 0;
	t->gap = 1e9 * t->opts->threads / t->opts->rate;
	t->arrivals = malloc(sizeof(*t->arrivals) * LOAD_ARRIVALS);
	return t->arrivals ? 0 : -ENOMEM;
}

/* Until the arrival after @at. */
static double exponential(struct load_thread *t, double at)
{
	double gap = t->gap;

	if (t->opts->step > 0 && at - (double)t->from >= (double)t->span / 2)
		gap /= t->opts->step;
	return -log(rng_unit(&t->rng)) * gap;
}

void load_arrivals_start(struct load_thread *t)
{
	t->next_arrival = (double)t->now + exponential(t, (double)t->now);
}

/* Queues what has come due. */
static void arrive(struct load_thread *t)
{
	double now = (double)t->now;

	while (t->next_arrival <= now) {
		uint64_t when = (uint64_t)t->next_arrival;

		t->next_arrival += exponential(t, t->next_arrival);
		if (t->arr_tail - t->arr_head == LOAD_ARRIVALS) {
			t->count.overflow++;
			continue;
		}
		t->arrivals[t->arr_tail++ % LOAD_ARRIVALS] = when;
	}
}

static void list_idle(struct load_conn *c)
{
	if (c->listed)
		return;
	c->listed = true;
	fifo_push(&c->t->idle, c);
}

bool load_arrivals_take(struct load_conn *c)
{
	struct load_thread *t = c->t;
	bool made = false;

	while (c->out < t->pipeline && c->left) {
		if (t->arr_head == t->arr_tail) {
			list_idle(c);
			break;
		}
		load_make(c, t->arrivals[t->arr_head++ % LOAD_ARRIVALS]);
		made = true;
	}
	return made;
}

/* One request to the connection that has been idle longest; a closed one
 * comes back to the list when it is open again. */
static void give(struct load_thread *t)
{
	struct load_conn *c = fifo_pop(&t->idle);

	c->listed = false;
	if (c->state != CONN_OPEN || c->out >= t->pipeline || !c->left)
		return;
	load_make(c, t->arrivals[t->arr_head++ % LOAD_ARRIVALS]);
	if (c->out < t->pipeline && c->left)
		list_idle(c);
	t->proto->flush(c);
}

uint64_t load_arrivals(struct load_thread *t)
{
	arrive(t);
	while (t->arr_head != t->arr_tail && t->idle.head)
		give(t);
	return (uint64_t)(t->next_arrival - (double)t->now);
}

void load_arrivals_left(struct load_thread *t)
{
	for (; t->arr_head != t->arr_tail; t->arr_head++) {
		uint64_t when = t->arrivals[t->arr_head % LOAD_ARRIVALS];

		if (load_waited(t, when))
			t->count.unanswered++;
	}
}
