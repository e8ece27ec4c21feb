/* SPDX-License-Identifier: MIT */
/*
 * A second thread changes descriptors while D reads them, from good to bad
 * and back, at full speed. D reads each once: what it does is what one of the
 * two versions says, never a mixture of checked and unchecked.
 */
#include "hostile.h"

#include <pthread.h>
#include <sched.h>

enum { BATCH = 64, RACE_MS = 4000 };

static struct race {
	struct ix_down *down;
	uint64_t good_handle, good_addr;
	bool go, stop, done; /* crosser() only, but for stop */
	uint64_t changes, taken;
} race;

static void on_any_core(void)
{
	cpu_set_t all;

	CPU_ZERO(&all);
	for (int cpu = 0; cpu < 64; cpu++)
		CPU_SET(cpu, &all);
	sched_setaffinity(0, sizeof(all), &all);
}

static void *changer(void *arg)
{
	struct race *x = arg;
	volatile struct ix_down *d = x->down;
	uint32_t i = 0;

	on_any_core();
	while (!__atomic_load_n(&x->stop, __ATOMIC_RELAXED)) {
		i = (i + 1) % BATCH;
		d->calls[i].handle = ~x->good_handle;
		d->sgs[i].addr = x->good_addr - (1ull << 40);
		d->sgs[i].len = UINT32_MAX;
		d->calls[i].nsgs = UINT32_MAX;
		d->calls[i].sg = UINT32_MAX;
		d->calls[i].done = UINT32_MAX;
		d->calls[i].op = 40000;
		d->calls[i].handle = x->good_handle;
		d->sgs[i].addr = x->good_addr;
		d->sgs[i].len = 1;
		d->calls[i].nsgs = 1;
		d->calls[i].sg = i;
		d->calls[i].done = 0;
		d->calls[i].op = IX_SENDV;
		x->changes += 14;
	}
	return NULL;
}

/* @most bytes, back-pressure, or an errno: nothing else is possible. */
static bool plausible(struct rogue *r, int64_t most, uint64_t *n)
{
	for (uint32_t k = 0; k < r->t->port.up->nresults; k++) {
		int64_t res = ix_result(r->t, (int)k);

		(*n)++;
		race.taken += res > 0;
		if (res <= most && res > -4096)
			continue;
		printf("hostile: a racing call answers %lld\n", (long long)res);
		return false;
	}
	return true;
}

static bool descriptors(struct rogue *r)
{
	uint64_t until = now_ns() + RACE_MS * 1000000ull, n = 0;
	pthread_t id;
	bool ok = true;

	race = (struct race){ .down = r->t->port.down,
			      .good_handle = r->own,
			      .good_addr = (uintptr_t)r->mem };
	for (uint32_t i = 0; i < BATCH; i++) { /* leftovers are true calls */
		race.down->calls[i] = (struct ix_call){
			.op = IX_SENDV, .handle = r->own, .nsgs = 1, .sg = i
		};
		race.down->sgs[i] = (struct ix_sg){ race.good_addr, 1, 0 };
	}
	if (pthread_create(&id, NULL, changer, &race))
		return false;
	while (ok && now_ns() < until) {
		r->t->ncalls = BATCH;
		ok = !ix_flush(r->t) && plausible(r, 1, &n);
	}
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	pthread_join(id, NULL);
	printf("hostile: %llu descriptors read, %llu changes\n",
	       (unsigned long long)n, (unsigned long long)race.changes);
	return ok;
}

/* ---- lists of ranges that end at the arena's last byte, and do not */

/* At the end of the array, where the echo's sends are not. */
enum { LIST = 4, FIRST = IX_MAX_SGS - LIST, LISTS = 64, LISTS_MS = 2000 };

static void *list_changer(void *arg)
{
	struct race *x = arg;
	volatile struct ix_down *d = x->down;
	uint32_t i = 0;

	on_any_core();
	while (!__atomic_load_n(&x->stop, __ATOMIC_RELAXED)) {
		i = FIRST + (i + 1) % LIST;
		d->sgs[i].len = UINT32_MAX;
		d->sgs[i].len = 1;
		d->sgs[i].addr = x->good_addr + 1; /* behind the arena */
		d->sgs[i].addr = x->good_addr;
		x->changes += 4;
		for (volatile int k = 0; k < 20; k++)
			;
	}
	return NULL;
}

/* Sends of some bytes each, all by the same list, which is of @last only. */
static void put_lists(struct rogue *r, uint64_t last)
{
	for (uint32_t i = 0; i < LISTS; i++)
		r->t->port.down->calls[i] = (struct ix_call){ .op = IX_SENDV,
							      .handle = r->own,
							      .nsgs = LIST,
							      .sg = FIRST };
	for (uint32_t i = FIRST; i < IX_MAX_SGS; i++)
		r->t->port.down->sgs[i] = (struct ix_sg){ last, 1, 0 };
}

static bool lists(struct rogue *r)
{
	const struct ix_domain *d = r->t->port.domain;
	uint64_t until = now_ns() + LISTS_MS * 1000000ull, n = 0;
	pthread_t id;
	bool ok = true;

	race = (struct race){ .down = r->t->port.down,
			      .good_addr =
				      (uintptr_t)d->arena + d->arena_len - 1 };
	put_lists(r, race.good_addr);
	if (pthread_create(&id, NULL, list_changer, &race))
		return false;
	while (ok && now_ns() < until) {
		r->t->ncalls = LISTS;
		ok = !ix_flush(r->t) && plausible(r, LIST, &n);
		if (ok && !(n % (64 * LISTS)))
			ok = serve(r, 1); /* acknowledgements make room */
		put_lists(r, race.good_addr);
	}
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	pthread_join(id, NULL);
	printf("hostile: %llu lists read, %llu taken, %llu changes\n",
	       (unsigned long long)n, (unsigned long long)race.taken,
	       (unsigned long long)race.changes);
	return ok;
}

/* ---- crossings */

/* The words before thread 0's batch: dom/process/shm.h. */
enum { TURN = -8192, OP = -64, ATTACH = 1, NO_OP = 99, CROSS_MS = 700 };

static volatile uint32_t *word(struct ix_down *d, int at)
{
	return (volatile uint32_t *)(void *)((char *)d + at);
}

/* Turns that are none, crossings that do not exist. In domain vm each of
 * Linux's calls of the other thread is a crossing, and would have a wrong
 * answer: it makes none meanwhile. */
static void *crosser(void *arg)
{
	struct race *x = arg;
	volatile uint32_t *turn = word(x->down, TURN);
	volatile uint32_t *op = word(x->down, OP);

	on_any_core();
	while (!__atomic_load_n(&x->go, __ATOMIC_ACQUIRE))
		usleep(100);
	while (!__atomic_load_n(&x->stop, __ATOMIC_RELAXED)) {
		uint32_t was = *turn, none = was ^ 1u << 30;

		/* Back only if no true turn has come meanwhile. */
		__sync_bool_compare_and_swap(turn, was, none);
		*op = NO_OP;
		*op = ATTACH;
		__sync_bool_compare_and_swap(turn, none, was);
		x->changes += 4;
		for (volatile int i = 0; i < 500; i++)
			;
	}
	__atomic_store_n(&x->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Each crossing may fail; the dataplane may not. */
static bool crossings(struct rogue *r)
{
	uint64_t until = now_ns() + CROSS_MS * 1000000ull, failed = 0, n = 0;
	pthread_t id;

	race = (struct race){ .down = r->t->port.down };
	if (pthread_create(&id, NULL, crosser, &race))
		return false;
	__atomic_store_n(&race.go, true, __ATOMIC_RELEASE);
	for (; now_ns() < until; n++) {
		ix_call_append(r->t, IX_RECV_DONE, 0, 0, 0);
		failed += ix_flush(r->t) != 0;
	}
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	while (!__atomic_load_n(&race.done, __ATOMIC_ACQUIRE))
		;
	pthread_join(id, NULL);
	printf("hostile: %llu crossings, %llu refused, %llu changes\n",
	       (unsigned long long)n, (unsigned long long)failed,
	       (unsigned long long)race.changes);
	return ix_flush(r->t) == 0;
}

const struct lie lies_race[] = {
	{ "descriptors that change", descriptors },
	{ "lists at the arena's end that change", lists },
	{ "crossings that change", crossings },
	{ 0 },
};
