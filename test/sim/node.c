/* SPDX-License-Identifier: MIT */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#include "base/errno.h"

#define APP_FRAMES 0x700000000000ull
#define APP_ARENA 0x10000000ull

static void *lines(size_t bytes)
{
	size_t n = (bytes + MBUF_SIZE - 1) / MBUF_SIZE * MBUF_SIZE;
	void *p = aligned_alloc(MBUF_SIZE, n);

	if (!p)
		panic("sim: out of memory");
	memset(p, 0, n);
	return p;
}

void node_open(struct node *n, struct nicq *nic)
{
	struct dp_setup s = {
		.conf = &n->conf,
		.nic = nic,
		.stat = &n->stat,
		.app_frames = APP_FRAMES,
		.down = &n->down,
		.up = &n->up,
		.nthreads = 1,
		.group_owner = n->sim->group_owner,
		.rss_key = rss_symmetric_key,
		.secret = { n->sim->seed, n->nr },
	};

	n->nic = nic;
	n->dp = lines(sizeof(*n->dp));
	s.mem = n->mem = lines(dp_bytes(&n->conf));
	s.frames = n->frames = lines((size_t)n->conf.mbufs * MBUF_SIZE);
	n->arena = lines(SIM_ARENA);
	s.arena = (struct dp_arena){ APP_ARENA, n->arena, SIM_ARENA };
	if (dp_init(n->dp, &s, n->sim->now))
		sim_fail(n->sim, "dp_init");
	app_start(n);
}

void node_close(struct node *n)
{
	if (n->stat.tcp_conns)
		sim_fail(n->sim, "node %u: %llu connections are left", n->nr,
			 (unsigned long long)n->stat.tcp_conns);
	dp_shutdown(n->dp, n->sim->now);
	if (n->dp->pool.nfree != n->dp->pool.total)
		sim_fail(n->sim, "node %u: %u buffers are lost", n->nr,
			 n->dp->pool.total - n->dp->pool.nfree);
	free(n->dp);
	free(n->mem);
	free(n->frames);
	free(n->arena);
}

bool node_room(const struct node *n)
{
	return n->down.ncalls + 4 <= IX_MAX_CALLS &&
	       n->nsgs + IX_MAX_SG_PER_CALL <= IX_MAX_SGS;
}

struct ix_call *node_call(struct node *n, u32 conn, u16 op)
{
	u32 i = n->down.ncalls++;
	struct ix_call *c = &n->down.calls[i];

	n->calls[i].conn = (u16)conn;
	n->calls[i].op = op;
	*c = (struct ix_call){ .op = op };
	if (conn < SIM_CONNS)
		c->handle = n->conns[conn].handle;
	return c;
}

static void results(struct node *n)
{
	u32 ncalls = n->down.ncalls;

	if (n->up.nresults != ncalls)
		sim_fail(n->sim, "node %u: results are missing", n->nr);
	n->down.ncalls = 0;
	n->nsgs = 0;
	for (u32 i = 0; i < ncalls; i++)
		app_result(n, n->calls[i].conn, n->calls[i].op,
			   n->up.results[i]);
}

/* Where the application sees an event's bytes: here they are ours. */
static struct ix_event local(struct node *n, u32 i)
{
	struct ix_event e = n->up.events[i];

	if (e.type == IX_EV_RECV && e.len) {
		if (e.addr < APP_FRAMES ||
		    e.addr + e.len >
			    APP_FRAMES + (u64)n->conf.mbufs * MBUF_SIZE)
			sim_fail(n->sim, "node %u: recv outside the pool",
				 n->nr);
		e.addr = (u64)(uintptr_t)(n->frames + (e.addr - APP_FRAMES));
	}
	return e;
}

bool node_step(struct node *n)
{
	bool calls;
	int got;

	app_run(n);
	calls = n->down.ncalls;
	got = dp_step(n->dp, calls, n->sim->now);
	if (calls)
		results(n);
	for (u32 i = 0; i < n->up.nevents; i++) {
		struct ix_event e = local(n, i);

		app_event(n, &e);
	}
	n->up.nevents = 0;
	return calls || got != -EAGAIN;
}

u64 node_next(struct node *n)
{
	struct wire_queue *w = container_of(n->nic, struct wire_queue, q);
	u64 wait = dp_next_deadline(n->dp, n->sim->now);
	u64 dp = wait == UINT64_MAX ? wait : n->sim->now + wait;

	return min(min(dp, wire_next_due(w)), app_next(n));
}
