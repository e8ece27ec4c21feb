/* SPDX-License-Identifier: MIT */
/* One seed from its beginning to its end. */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_STEPS = 40000000, DOWN_S = 700, WATCH_EVERY = 256 };

/* The world that runs, for addr_flow_hash() below. */
static const struct world *wrapping;

void sim_say(const struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->plan.verbose)
		return;
	printf("%.6f ", (double)w->now * 1e-9);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void sim_fail(const struct world *w, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr,
		"sim: seed %llu, at %.6f: ", (unsigned long long)w->plan.seed,
		(double)w->now * 1e-9);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

/* ---- sequence numbers about to wrap */

u64 __real_addr_flow_hash(const struct net *net, struct flow flow);
u64 __wrap_addr_flow_hash(const struct net *net, struct flow flow);

static u64 first_clock(const struct net *net)
{
	for (u32 i = 0; i < wrapping->nhosts; i++) {
		const struct host *h = wrapping->hosts[i];

		for (u32 k = 0; k < h->nthreads; k++) {
			if (net == &h->threads[k].node.dp->net)
				return h->skew_first;
		}
	}
	return 0;
}

/* Initial sequence numbers and timestamps (tcp_conn.c), to which the clock is
 * added. Still a function of the flow, whatever the clock does, so that RFC
 * 6528 holds and cookies are known again, but just below 0 in the first
 * seconds. */
u64 __wrap_addr_flow_hash(const struct net *net, struct flow flow)
{
	u64 hash = __real_addr_flow_hash(net, flow);
	u64 clock;

	if (!wrapping)
		return hash;
	clock = first_clock(net);
	return (u64)(u32)(0 - (clock >> 20) - hash % 10000) << 32 |
	       (u32)(0 - (clock >> 12) - (hash >> 32) % 1000000);
}

/* ---- running */

static void open_world(struct world *w)
{
	plan_world(w);
	wrapping = sim_in_play(w, FAULT_WRAP) ? w : NULL;
	path_impair(w, w->plan.first == 0);
	for (u32 i = 0; i < w->nhosts; i++)
		host_open(w->hosts[i]);
}

static void close_world(struct world *w)
{
	for (u32 i = 0; i < w->nhosts; i++)
		host_close(w->hosts[i]);
	for (u32 i = 0; i < w->nhosts; i++) {
		path_close(w->hosts[i]);
		free(w->hosts[i]);
	}
	wrapping = NULL;
}

static void heal(struct world *w)
{
	w->healed = true;
	path_impair(w, false);
	sim_say(w, "all paths are good from now on");
}

/* The clock jumps to what comes next. False: nothing ever will. */
static bool advance(struct world *w)
{
	u64 next = trouble_next(w);

	for (u32 i = 0; i < w->nhosts; i++)
		next = min(next, w->hosts[i]->next);
	if (next == UINT64_MAX)
		return false;
	w->now = max(w->now, next);
	return true;
}

static void step(struct world *w)
{
	trouble_run(w);
	/* Troubles may end later than the faults of paths. */
	if (!w->healed && w->now >= w->heal_at && trouble_next(w) == UINT64_MAX)
		heal(w);
	for (u32 i = 0; i < w->nhosts; i++) {
		if (w->hosts[i]->next <= w->now)
			host_run(w->hosts[i]);
	}
	if (++w->steps > MAX_STEPS)
		sim_fail(w, "too many steps");
	if (w->steps % WATCH_EVERY == 0 || w->now > w->watched_at + SIM_S) {
		w->watched_at = w->now;
		links_watch(w);
	}
}

static bool all_idle(const struct world *w)
{
	for (u32 i = 0; i < w->nhosts; i++) {
		if (!app_idle(w->hosts[i]))
			return false;
	}
	return true;
}

static bool all_empty(const struct world *w)
{
	for (u32 i = 0; i < w->nhosts; i++) {
		if (HOST_SUM(w->hosts[i], tcp_conns) || moves_any(w->hosts[i]))
			return false;
	}
	return true;
}

static void run(struct world *w)
{
	while (!all_idle(w)) {
		if (!advance(w))
			sim_fail(w, "nothing will ever happen again");
		step(w);
	}
}

/* Until TIME-WAIT is over, and what nobody waits for any more. */
static void run_down(struct world *w)
{
	u64 limit = w->now + DOWN_S * SIM_S;

	while (!all_empty(w)) {
		if (!advance(w) || w->now > limit)
			break;
		step(w);
	}
	for (u32 i = 0; i < w->nhosts; i++)
		check_empty(w->hosts[i]);
}

void sim_run(const struct plan *plan, struct sim_result *result)
{
	struct world *w = calloc(1, sizeof(*w));
	u64 began;

	if (!w)
		panic("sim: out of memory");
	w->plan = *plan;
	open_world(w);
	began = w->now;
	run(w);
	run_down(w);
	links_check(w);
	*result = (struct sim_result){
		.moved = w->moved,
		.bytes = w->bytes,
		.frames = w->frames,
		.steps = w->steps,
		.virtual_ns = w->now - began,
		.links = w->nlinks,
		.hosts = w->nhosts,
		.faults = w->faults,
		.ntroubles = w->ntroubles,
	};
	close_world(w);
	free(w);
}
