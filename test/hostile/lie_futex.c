/* SPDX-License-Identifier: MIT */
/*
 * futex(2) on the words that both sides sleep on, by children and threads of
 * ours, while we keep our turn and do not cross: they wake D, move it to other
 * words, lock what it sleeps on. It must go on looking after the network;
 * watch.py sees to that.
 *
 * In domain vm our thread is in ring 3 meanwhile, and its persona sleeps on the
 * words; what is written there would be answers to Linux's calls. So we make
 * none until nobody plays any more and the turns are what they were.
 */
#include "hostile.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum {
	CHILDREN = 3,
	THREADS = 2,
	KEEP_MS = 1000, /* much more than watch.py lets pass */
	EVERY_US = 300,
	WAIT_NS = 200000,
	NO_OP = 99, /* turns that come of it are no crossings */
	/* Thread 0's words, from its batch: dom/process/shm.h. */
	D_TURN = -8192 - 64,
	D_ASLEEP = D_TURN + 4,
	A_TURN = -8192,
	A_ASLEEP = A_TURN + 4,
	OP = -64,
};

/* In the arena, for children, too. */
struct gate {
	uint32_t open, busy[CHILDREN + THREADS];
};

struct toy {
	struct ix_down *down;
	struct gate *gate;
	uint32_t *arena; /* 16384 words */
	uint32_t seed;
	bool stop;
};

typedef void trick(struct toy *t);

static uint32_t *word(struct ix_down *d, int at)
{
	return (uint32_t *)(void *)((char *)d + at);
}

static uint32_t draw(struct toy *t, uint32_t n)
{
	t->seed ^= t->seed << 13;
	t->seed ^= t->seed >> 17;
	t->seed ^= t->seed << 5;
	return t->seed % n;
}

/* One of those that D or we sleep on, or any other. */
static uint32_t *some(struct toy *t)
{
	static const int at[] = { A_TURN, A_TURN, D_TURN, D_ASLEEP, A_ASLEEP };
	uint32_t i = draw(t, 8);

	if (i < 5)
		return word(t->down, at[i]);
	if (i < 6)
		return word(t->down, (int)draw(t, 4096) * 4);
	return t->arena + draw(t, 16384);
}

static void futex(uint32_t *w, int op, uint32_t value, uint64_t value2,
		  uint32_t *w2, uint32_t value3)
{
	syscall(SYS_futex, w, op, value, value2, w2, value3);
}

static void wakes(struct toy *t)
{
	uint32_t *turn = word(t->down, A_TURN);

	futex(turn, FUTEX_WAKE, INT_MAX, 0, NULL, 0);
	futex(some(t), FUTEX_WAKE, INT_MAX, 0, NULL, 0);
	futex(some(t), FUTEX_WAKE_BITSET, 1, 0, NULL, 1u << draw(t, 32));
	futex(some(t), FUTEX_WAKE_OP, INT_MAX, INT_MAX, turn,
	      FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_GE, 0));
}

static void requeues(struct toy *t)
{
	uint32_t *turn = word(t->down, A_TURN), *from = some(t);

	futex(turn, FUTEX_REQUEUE, draw(t, 2), INT_MAX, some(t), 0);
	futex(turn, FUTEX_CMP_REQUEUE, 1, INT_MAX, some(t), *turn);
	futex(from, FUTEX_CMP_REQUEUE, 1, INT_MAX, some(t), *from);
}

/* With waits that end, or this would be a child that sleeps. */
static void inherits(struct toy *t)
{
	struct timespec soon, none = { 0 };
	uint32_t *w = some(t);

	clock_gettime(CLOCK_MONOTONIC, &soon);
	soon.tv_nsec += WAIT_NS;
	futex(w, FUTEX_TRYLOCK_PI, 0, 0, NULL, 0);
	futex(w, FUTEX_LOCK_PI, 0, (uint64_t)(uintptr_t)&none, NULL, 0);
	futex(w, FUTEX_LOCK_PI2, 0, (uint64_t)(uintptr_t)&soon, NULL, 0);
	futex(w, FUTEX_UNLOCK_PI, 0, 0, NULL, 0);
	futex(w, FUTEX_WAIT_REQUEUE_PI, *w, (uint64_t)(uintptr_t)&soon, some(t),
	      0);
	w = word(t->down, A_TURN);
	futex(w, FUTEX_CMP_REQUEUE_PI, 1, INT_MAX, some(t), *w);
}

static void waits(struct toy *t)
{
	struct futex_waitv v[8];
	struct timespec soon;

	clock_gettime(CLOCK_MONOTONIC, &soon);
	soon.tv_nsec += WAIT_NS;
	for (int i = 0; i < 8; i++) {
		uint32_t *w = some(t);

		v[i] = (struct futex_waitv){ .val = *w,
					     .uaddr = (uintptr_t)w,
					     .flags = FUTEX_32 };
	}
	syscall(SYS_futex_waitv, v, 8, 0, &soon, CLOCK_MONOTONIC);
	futex(word(t->down, A_TURN), FUTEX_WAKE, INT_MAX, 0, NULL, 0);
}

/* Turns that are none, sleepers that are awake. */
static void scribbles(struct toy *t)
{
	static const int at[] = { A_TURN, D_TURN, D_ASLEEP, A_ASLEEP };

	*word(t->down, at[draw(t, 4)]) = draw(t, 4);
	futex(word(t->down, A_TURN), FUTEX_WAKE, INT_MAX, 0, NULL, 0);
}

/* ---- many at once */

static struct toy toy;
static trick *plays;

static void *play(void *arg)
{
	struct toy mine = toy;
	uint32_t *busy = &mine.gate->busy[(uintptr_t)arg];

	mine.seed = 100 + (uint32_t)(uintptr_t)arg;
	while (!__atomic_load_n(&toy.stop, __ATOMIC_RELAXED)) {
		__atomic_store_n(busy, 1, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&mine.gate->open, __ATOMIC_SEQ_CST))
			plays(&mine);
		__atomic_store_n(busy, 0, __ATOMIC_SEQ_CST);
		usleep(EVERY_US);
	}
	return NULL;
}

static void msleep(int ms)
{
	uint64_t until = now_ns() + (uint64_t)ms * 1000000;

	while (now_ns() < until)
		usleep(1000);
}

static bool is_vm(void)
{
	return !strcmp(ix_domain()->name, "vm");
}

static void spin(int ms)
{
	uint64_t until = now_ns() + (uint64_t)ms * 1000000;

	while (now_ns() < until)
		;
}

static void let_play(struct toy *t)
{
	uint32_t ours = *word(t->down, A_TURN), d = *word(t->down, D_TURN);

	__atomic_store_n(&t->gate->open, 1, __ATOMIC_SEQ_CST);
	(is_vm() ? spin : msleep)(KEEP_MS);
	__atomic_store_n(&t->gate->open, 0, __ATOMIC_SEQ_CST);
	for (int i = 0; i < CHILDREN + THREADS; i++)
		while (__atomic_load_n(&t->gate->busy[i], __ATOMIC_SEQ_CST))
			;
	if (!is_vm())
		return;
	*word(t->down, A_TURN) = ours;
	*word(t->down, D_TURN) = d;
}

/* While we sleep, in our turn. */
static bool keep(struct rogue *r, trick *t)
{
	pthread_t id[THREADS];
	pid_t pid[CHILDREN];
	bool ok = true;

	static struct gate *gate;

	gate = gate ? gate : ix_alloc_pages(4096);
	if (!gate)
		return false;
	*gate = (struct gate){ 0 };
	toy = (struct toy){ .down = r->t->port.down,
			    .arena = (void *)r->mem,
			    .gate = gate };
	plays = t;
	*word(toy.down, OP) = NO_OP;
	for (uintptr_t i = 0; i < CHILDREN; i++) {
		pid[i] = fork();
		if (!pid[i])
			play((void *)i);
	}
	for (uintptr_t i = 0; i < THREADS; i++)
		ok &= !pthread_create(&id[i], NULL, play,
				      (void *)(CHILDREN + i));
	let_play(&toy);
	toy.stop = true;
	for (int i = 0; i < CHILDREN; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(id[i], NULL);
	/* D may sleep where our turn does not wake it: not for long. */
	return ok && !ix_flush(r->t) && !ix_flush(r->t);
}

#define LIE(name)                               \
	static bool name##_lie(struct rogue *r) \
	{                                       \
		return keep(r, name);           \
	}

LIE(wakes)
LIE(requeues)
LIE(inherits)
LIE(waits)
LIE(scribbles)

const struct lie lies_futex[] = {
	{ "futexes: wake-ups", wakes_lie },
	{ "futexes: requeues", requeues_lie },
	{ "futexes: priority inheritance", inherits_lie },
	{ "futexes: waiting for many", waits_lie },
	{ "futexes: words that change", scribbles_lie },
	{ 0 },
};
