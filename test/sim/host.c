/* SPDX-License-Identifier: MIT */
/* One dataplane and the application's side of its wall. */
#include "sim.h"

#include <string.h>

#include "base/errno.h"

static void open_node(struct host *h)
{
	const struct lab_node_conf conf = {
		.dp = &h->conf,
		.nic = &h->nic.q,
		.arena_len = SIM_ARENA,
		.secret = { h->world->plan.seed, h->nr },
		.apart = true,
	};

	if (lab_node_open(&h->node, &conf, host_clock(h)))
		sim_fail(h->world, "host %u: cannot start", h->nr);
	app_start(h);
}

void host_open(struct host *h)
{
	path_open(h);
	open_node(h);
	h->next = h->world->now;
}

void host_close(struct host *h)
{
	u32 lost;

	if (h->node.stat.tcp_conns)
		sim_fail(h->world, "host %u: %llu connections are left", h->nr,
			 (unsigned long long)h->node.stat.tcp_conns);
	lost = lab_node_close(&h->node, host_clock(h));
	if (lost)
		sim_fail(h->world, "host %u: %u buffers are lost", h->nr, lost);
}

bool host_room(const struct host *h)
{
	return h->node.down->ncalls + 4 <= IX_MAX_CALLS &&
	       h->app.nsgs + IX_MAX_SG_PER_CALL <= IX_MAX_SGS;
}

struct ix_call *host_call(struct host *h, u32 conn, u16 op)
{
	u32 i = h->node.down->ncalls;
	struct ix_call *c = lab_call(&h->node, op);

	h->app.calls[i].conn = (u16)conn;
	h->app.calls[i].op = op;
	if (conn < SIM_CONNS) {
		c->handle = h->app.conns[conn].handle;
		h->app.calls[i].gen = h->app.conns[conn].gen;
	}
	return c;
}

static void results(struct host *h)
{
	u32 ncalls = h->node.down->ncalls;

	if (h->node.up->nresults != ncalls)
		sim_fail(h->world, "host %u: results are missing", h->nr);
	h->node.down->ncalls = 0;
	h->app.nsgs = 0;
	for (u32 i = 0; i < ncalls; i++)
		app_result(h, i, h->node.up->results[i]);
}

/* Where the application sees an event's bytes: here they are ours. */
static struct ix_event local(struct host *h, u32 i)
{
	struct ix_event e = h->node.up->events[i];

	if (e.type == IX_EV_RECV && e.len) {
		if (e.addr < LAB_FRAMES ||
		    e.addr + e.len > LAB_FRAMES + h->node.frames_len)
			sim_fail(h->world, "host %u: recv outside the pool",
				 h->nr);
		e.addr = (u64)(uintptr_t)(h->node.frames +
					  (e.addr - LAB_FRAMES));
	}
	return e;
}

/* One crossing. False: nothing happened. */
static bool cross(struct host *h)
{
	bool calls;
	int got;

	app_run(h);
	calls = h->node.down->ncalls;
	got = dp_step(h->node.dp, calls, host_clock(h));
	if (calls)
		results(h);
	for (u32 i = 0; i < h->node.up->nevents; i++) {
		struct ix_event e = local(h, i);

		app_event(h, &e);
	}
	h->node.up->nevents = 0;
	return calls || got != -EAGAIN;
}

/* The application is not there: the dataplane goes on without it. */
static bool serve_alone(struct host *h)
{
	const struct dp *dp = h->node.dp;

	dp_overrun(h->node.dp, host_clock(h));
	return dp->net.ntx || dp->net.tcp.out_head;
}

static void drop_frames(struct host *h)
{
	while (transit_first(h->in, h->world->now))
		transit_remove_first(h->in);
}

/* The application, or the whole host, comes back. */
static void come_back(struct host *h)
{
	struct lab_node *n = &h->node;

	h->down_until = 0;
	if (!h->rebooting) {
		dp_renew(n->dp);
		n->dp->down = n->down;
		n->dp->up = n->up;
	} else {
		memset(n->mem, 0, n->mem_len);
		memset(&n->stat, 0, sizeof(n->stat));
		n->setup.secret[1] += 100;
		if (dp_init(n->dp, &n->setup, host_clock(h)))
			sim_fail(h->world, "host %u: cannot start", h->nr);
	}
	h->rebooting = false;
	app_start(h);
}

void host_crash(struct host *h, bool reboot, u64 until)
{
	if (h->down_until)
		return;
	app_die(h);
	if (!reboot) {
		dp_shutdown(h->node.dp, host_clock(h));
		if (h->node.dp->pool.nfree != h->node.dp->pool.total)
			sim_fail(h->world, "host %u: shutdown loses %u buffers",
				 h->nr,
				 h->node.dp->pool.total -
					 h->node.dp->pool.nfree);
	}
	h->rebooting = reboot;
	h->down_until = until;
	host_wake(h, h->world->now);
}

static u64 next_of_dp(const struct host *h, bool alone)
{
	u64 clock = host_clock(h);
	const struct dp *dp = h->node.dp;
	u64 wait = alone ? wheel_next(&dp->net.wheel, clock)
			 : dp_next_deadline(dp, clock);

	return wait == UINT64_MAX ? wait : h->world->now + wait;
}

/* How long an iteration takes. */
static u64 soon(struct host *h)
{
	return h->world->now + 200 + sim_random(&h->rng, 2000);
}

static bool run_alone(struct host *h, u64 until)
{
	bool busy = !h->rebooting && serve_alone(h);

	if (h->rebooting)
		drop_frames(h);
	else
		check_host(h);
	h->next = busy		 ? soon(h)
		  : h->rebooting ? until
				 : min(until, next_of_dp(h, true));
	return busy;
}

void host_run(struct host *h)
{
	struct world *w = h->world;
	bool busy;

	if (h->down_until && h->down_until <= w->now)
		come_back(h);
	h->steps++;
	if (h->down_until || h->stalled_until > w->now) {
		busy = run_alone(h, max(h->down_until, h->stalled_until));
	} else {
		busy = cross(h);
		check_host(h);
		h->next =
			busy ? soon(h) : min(next_of_dp(h, false), app_next(h));
	}
	h->idle = !busy;
	h->next = max(min(h->next, transit_next_due(h->in)), w->now + 100);
}
