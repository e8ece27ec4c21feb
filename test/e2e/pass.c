/* SPDX-License-Identifier: MIT */
/*
 * pass THREADS CROSSINGS: an echo server whose ports are nobody's for long:
 * THREADS threads go round all of them, and each drives one for CROSSINGS
 * crossings, under the port's lock. Before that, what a thread gets that takes
 * what it may not. Exit 0: told to end, and all was as it must be.
 *
 * Its clients wait for each answer (ixload): so no SENDV is taken in part.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ix/sendq.h"

enum { MAX_THREADS = 16, PORT = 7, PER_EVENT = 4 };

struct port {
	pthread_mutex_t lock; /* all below */
	struct ix_thread *t;
	int next; /* whose turn it is: a scheduler need not be fair */
	unsigned long crossings[MAX_THREADS], messages;
};

static struct port ports[IX_MAX_THREADS];
static int nports, nthreads, turns;
static bool failed, ends;

static void check(bool ok, const char *what, long got)
{
	printf("%s: %s: %ld\n", ok ? "ok" : "FAILED", what, got);
	fflush(stdout);
	if (!ok)
		__atomic_store_n(&failed, true, __ATOMIC_RELAXED);
}

/* ---- echo */

static void on_knock(struct ix_thread *t, uint64_t handle)
{
	struct ix_sendq *q = calloc(1, sizeof(*q));

	if (q)
		ix_accept(t, handle, (uintptr_t)q);
	else
		ix_reject(t, handle);
}

static void on_recv(struct port *p, struct ix_sendq *q,
		    const struct ix_event *e)
{
	if (!e->len) {
		ix_close(p->t, e->handle, IX_CLOSE_ALL);
		return;
	}
	if (ix_sendq_put(q, ix_ptr(e->addr), e->len) < e->len)
		check(false, "no memory for a message", e->len);
	ix_sendq_send(p->t, q, e->handle, e->cookie, e->len);
	p->messages++;
}

static void on_event(struct port *p, const struct ix_event *e)
{
	struct ix_sendq *q = ix_ptr(e->cookie);

	if (e->type == IX_EV_KNOCK)
		on_knock(p->t, e->handle);
	if (e->type == IX_EV_SENT || e->type == IX_EV_RECV)
		ix_sendq_acked(q, e->acked);
	if (e->type == IX_EV_RECV)
		on_recv(p, q, e);
	if (e->type == IX_EV_DEAD) {
		ix_sendq_free(q);
		free(q);
	}
}

/* What the last crossing has brought, which may have been another thread's. */
static int answer(struct port *p)
{
	int ret = 0;

	for (uint32_t i = 0; i < ix_nevents(p->t) && !ret; i++) {
		if (p->t->ncalls > IX_MAX_CALLS - PER_EVENT)
			ret = ix_flush(p->t);
		on_event(p, ix_event(p->t, i));
	}
	return ret;
}

/* ---- threads */

static void drive(struct port *p, int who)
{
	int ret = 0;

	for (int i = 0; i < turns && !ret; i++) {
		ret = ix_run_io(p->t);
		p->crossings[who]++;
		/* The answers to the last events are left to the next one. */
		if (!ret)
			ret = answer(p);
	}
	if (ret == -ESHUTDOWN)
		__atomic_store_n(&ends, true, __ATOMIC_RELAXED);
	else if (ret)
		check(false, "crossing", ret);
	ret = ix_release(p->t);
	if (ret)
		check(false, "release", ret);
}

static void *go_round(void *arg)
{
	int who = (int)(intptr_t)arg;
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all)); /* not where main() is */
	sched_setaffinity(0, sizeof(all), &all);
	for (unsigned i = 0; !__atomic_load_n(&ends, __ATOMIC_RELAXED) &&
			     !__atomic_load_n(&failed, __ATOMIC_RELAXED);
	     i++) {
		struct port *p = &ports[i % (unsigned)nports];

		if (pthread_mutex_trylock(&p->lock)) {
			sched_yield();
			continue;
		}
		if (p->next == who) {
			drive(p, who);
			p->next = (who + 1) % nthreads;
		}
		pthread_mutex_unlock(&p->lock);
		sched_yield();
	}
	return NULL;
}

/* ---- what is not allowed */

static bool tells(void)
{
	return !strcmp(ix_domain()->name, "vm");
}

/* Port 0 is main()'s. */
static void *steal(void *arg)
{
	struct ix_thread *own = arg;
	int wrong = tells() ? -EBUSY : 0, ret;

	ret = ix_poll_io(ports[0].t);
	check(ret == wrong, "a crossing of what another thread drives", ret);
	if (tells()) {
		ret = ix_release(ports[0].t);
		check(ret == -EBUSY, "... release", ret);
		ret = ix_detach(ports[0].t);
		check(ret == -EBUSY, "... detach", ret);
	}
	if (own) {
		ret = ix_poll_io(own);
		check(!ret, "its own", ret);
		ret = ix_poll_io(ports[0].t);
		check(ret == wrong, "... and from there", ret);
		ret = ix_release(own);
		check(!ret, "release", ret);
	}
	return NULL;
}

static void thieves(void)
{
	struct ix_thread *own = nports > 1 ? ports[1].t : NULL;
	pthread_t thief;
	int ret;

	if (own) {
		ret = ix_release(own);
		check(!ret, "release", ret);
		ret = ix_release(own);
		check(ret == -EBUSY, "... twice", ret);
	}
	ret = ix_poll_io(ports[0].t);
	check(!ret, "port 0 is main()'s", ret);
	pthread_create(&thief, NULL, steal, own);
	pthread_join(thief, NULL);
	ret = ix_poll_io(ports[0].t);
	check(!ret, "... and still is", ret);
	if (own) { /* a thread may have two, and cross them by turns */
		for (int i = 0; i < 6 && !ret; i++)
			ret = ix_poll_io(ports[i % 2].t);
		check(!ret, "two ports of one thread", ret);
	}
}

/* ---- start and end */

static void come(void)
{
	nports = ix_nthreads();
	for (int i = 0; i < nports; i++) {
		pthread_mutex_init(&ports[i].lock, NULL);
		ports[i].t = ix_attach(i);
		if (!ports[i].t)
			exit(2);
	}
	thieves(); /* who look at no events: nobody may come yet */
	for (int i = 0; i < nports; i++) {
		if (ix_listen(ports[i].t, NULL, PORT, 64) < 0 ||
		    ix_flush(ports[i].t) || ix_result(ports[i].t, 0))
			exit(2);
		check(!ix_release(ports[i].t), "released", i);
	}
}

static void leave(void)
{
	for (int i = 0; i < nports; i++) {
		struct port *p = &ports[i];

		for (int k = 0; k < nthreads; k++)
			check(p->crossings[k] > 0, "crossings of a thread",
			      (long)p->crossings[k]);
		check(p->messages > 0, "messages of a port", (long)p->messages);
		check(!ix_detach(p->t), "detached", i);
	}
}

int main(int argc, char **argv)
{
	pthread_t threads[MAX_THREADS];

	nthreads = argc == 3 ? atoi(argv[1]) : 0;
	turns = argc == 3 ? atoi(argv[2]) : 0;
	if (nthreads < 1 || nthreads > MAX_THREADS || turns < 1 || ix_init())
		return 2;
	come();
	for (int i = 0; i < nthreads; i++)
		pthread_create(&threads[i], NULL, go_round,
			       (void *)(intptr_t)i);
	for (int i = 0; i < nthreads; i++)
		pthread_join(threads[i], NULL);
	leave();
	ix_exit();
	return failed;
}
