/* SPDX-License-Identifier: MIT */
/* One dataplane and the application's side of its wall. */
#include "sim.h"

#include <string.h>

#include "base/errno.h"
#include "net/mld.h"

static void open_thread(struct host *h, u32 i)
{
	const struct lab_node_conf conf = {
		.dp = &h->conf,
		.nic = &h->threads[i].nic.q,
		.arena_len = SIM_ARENA,
		.secret = { h->world->plan.seed, h->nr },
		.apart = true,
		.share = h->nthreads > 1 ? &h->share : NULL,
		.thread = i,
	};

	if (lab_node_open(&h->threads[i].node, &conf, host_clock(h)))
		sim_fail(h->world, "host %u: cannot start", h->nr);
}

/* Once, at start, the first thread speaks for all. */
static void announce(struct host *h)
{
	struct net *net = &h->threads[0].node.dp->net;

	arp_announce(net);
	mld_announce(net, host_clock(h));
	ip6_announce(net, host_clock(h));
}

void host_open(struct host *h)
{
	path_open(h);
	if (h->nthreads > 1 &&
	    lab_share_open(&h->share, &h->conf, h->nthreads, SIM_ARENA))
		sim_fail(h->world, "host %u: cannot start", h->nr);
	for (u32 i = 0; i < h->nthreads; i++)
		open_thread(h, i);
	announce(h);
	app_start(h);
	h->next = h->world->now;
}

void host_close(struct host *h)
{
	u32 lost = 0;

	if (HOST_SUM(h, tcp_conns))
		sim_fail(h->world, "host %u: %llu connections are left", h->nr,
			 (unsigned long long)HOST_SUM(h, tcp_conns));
	path_read_all(h);
	for (u32 i = 0; i < h->nthreads; i++)
		h->threads[i].nic.late = 0;
	for (u32 i = 0; i < h->nthreads; i++)
		lost += lab_node_close(&h->threads[i].node, host_clock(h));
	if (lost)
		sim_fail(h->world, "host %u: %u buffers are lost", h->nr, lost);
	lab_share_close(&h->share);
}

bool host_room(const struct host *h)
{
	return h->t->node.down->ncalls + 4 <= IX_MAX_CALLS &&
	       h->t->nsgs + IX_MAX_SG_PER_CALL <= IX_MAX_SGS;
}

struct ix_call *host_call(struct host *h, u32 conn, u16 op)
{
	struct thread *t = h->t;
	u32 i = t->node.down->ncalls;
	struct ix_call *c = lab_call(&t->node, op);

	t->calls[i].conn = (u16)conn;
	t->calls[i].op = op;
	if (conn < SIM_CONNS) {
		c->handle = h->app.conns[conn].handle;
		t->calls[i].gen = h->app.conns[conn].gen;
	}
	return c;
}

static void results(struct host *h)
{
	struct thread *t = h->t;
	u32 ncalls = t->node.down->ncalls;

	if (t->node.up->nresults != ncalls)
		sim_fail(h->world, "host %u: results are missing", h->nr);
	t->node.down->ncalls = 0;
	t->nsgs = 0;
	for (u32 i = 0; i < ncalls; i++)
		app_result(h, i, t->node.up->results[i]);
}

/* Where the application sees an event's bytes: here they are ours. */
static struct ix_event local(struct host *h, u32 i)
{
	const struct lab_node *n = &h->t->node;
	struct ix_event e = n->up->events[i];

	if (e.type == IX_EV_RECV && e.len) {
		if (e.addr < LAB_FRAMES ||
		    e.addr + e.len > LAB_FRAMES + n->frames_len)
			sim_fail(h->world, "host %u: recv outside the pool",
				 h->nr);
		e.addr = (u64)(uintptr_t)(n->frames + (e.addr - LAB_FRAMES));
	}
	return e;
}

/* One crossing. False: nothing happened. */
static bool cross(struct host *h)
{
	struct lab_node *n = &h->t->node;
	bool calls = n->down->ncalls || h->t->told;
	int got = dp_step(n->dp, calls, host_clock(h));

	if (calls)
		results(h);
	for (u32 i = 0; i < n->up->nevents; i++) {
		struct ix_event e = local(h, i);

		app_event(h, &e);
	}
	h->t->told = n->up->nevents;
	n->up->nevents = 0;
	return calls || got != -EAGAIN;
}

/* The application is not there: the dataplane goes on without it. */
static bool serve_alone(struct host *h)
{
	const struct dp *dp = h->t->node.dp;

	dp_overrun(h->t->node.dp, host_clock(h));
	return dp->net.ntx || dp->net.tcp.out_head || dp->nic->tx_pending;
}

static void drop_frames(struct host *h)
{
	while (transit_first(h->in, h->world->now))
		transit_remove_first(h->in);
}

static void boot(struct host *h)
{
	for (u32 i = 0; i < h->nthreads; i++)
		memset(h->threads[i].node.mem, 0, h->threads[i].node.mem_len);
	if (h->nthreads > 1) {
		memset(h->share.shared, 0,
		       dp_shared_bytes(&h->conf, h->nthreads));
		dp_shared_init(h->share.shared, &h->conf, h->nthreads);
	}
	for (u32 i = 0; i < h->nthreads; i++) {
		struct lab_node *n = &h->threads[i].node;

		memset(&n->stat, 0, sizeof(n->stat));
		n->setup.secret[1] += 100;
		if (dp_init(n->dp, &n->setup, host_clock(h)))
			sim_fail(h->world, "host %u: cannot start", h->nr);
	}
	announce(h);
}

/* The application, or the whole host, comes back. */
static void come_back(struct host *h)
{
	h->down_until = 0;
	for (u32 i = 0; !h->rebooting && i < h->nthreads; i++) {
		struct lab_node *n = &h->threads[i].node;

		dp_renew(n->dp);
		n->dp->down = n->down;
		n->dp->up = n->up;
	}
	if (h->rebooting)
		boot(h);
	h->rebooting = false;
	app_start(h);
}

static void shut_down(struct host *h)
{
	for (u32 i = 0; i < h->nthreads; i++)
		dp_shutdown(h->threads[i].node.dp, host_clock(h));
	moves_end(h);
	for (u32 i = 0; i < h->nthreads; i++)
		dp_shutdown(h->threads[i].node.dp, host_clock(h));
	path_read_all(h);
	for (u32 i = 0; i < h->nthreads; i++) {
		const struct mbuf_pool *p = &h->threads[i].node.dp->pool;

		if (p->nfree != p->total)
			sim_fail(h->world, "host %u: shutdown loses %u buffers",
				 h->nr, p->total - p->nfree);
	}
}

void host_crash(struct host *h, bool reboot, u64 until)
{
	if (h->down_until)
		return;
	app_die(h);
	if (reboot)
		path_forget(h);
	else
		shut_down(h);
	h->rebooting = reboot;
	h->down_until = until;
	host_wake(h, h->world->now);
}

/* How long an iteration takes; longer, the longer there is only waiting for a
 * move, as nothing is to be seen in millions of those. */
static u64 soon(struct host *h)
{
	u64 ns = 200 + sim_random(&h->rng, 2000);

	return h->world->now + (ns << min(h->waits / 8, 6u));
}

static u64 next_of_dp(struct host *h, bool alone)
{
	u64 clock = host_clock(h);
	const struct dp *dp = h->t->node.dp;
	u64 wait = alone ? wheel_next(&dp->net.wheel, clock)
			 : dp_next_deadline(dp, clock);

	if (dp_move_waits(dp))
		return soon(h);
	return wait == UINT64_MAX ? wait : h->world->now + wait;
}

static bool run_alone(struct host *h, u64 until)
{
	bool busy = !h->rebooting && serve_alone(h);

	if (h->rebooting)
		drop_frames(h);
	h->next =
		min(h->next, busy	    ? soon(h)
			     : h->rebooting ? until
					    : min(until, next_of_dp(h, true)));
	return busy;
}

static bool run_thread(struct host *h)
{
	bool busy;

	if (h->down_until || h->stalled_until > h->world->now)
		return run_alone(h, max(h->down_until, h->stalled_until));
	busy = cross(h);
	h->next = min(h->next, busy ? soon(h) : next_of_dp(h, false));
	return busy;
}

/* Has a thread rung for one that had its turn before? host_wake_others(). */
static bool rung(const struct host *h)
{
	bool any = false;

	for (u32 i = 0; !h->rebooting && i < h->nthreads; i++)
		any |= dp_move_waits(h->threads[i].node.dp);
	return any;
}

void host_run(struct host *h)
{
	struct world *w = h->world;

	if (h->down_until && h->down_until <= w->now)
		come_back(h);
	h->steps++;
	h->next = UINT64_MAX;
	h->idle = true;
	if (!h->rebooting && h->nthreads > 1) {
		moves_run(h);
		moves_steer(h);
	}
	if (!h->down_until && h->stalled_until <= w->now)
		app_run(h);
	for (u32 i = 0; i < h->nthreads; i++) {
		h->t = &h->threads[i];
		h->idle &= !run_thread(h);
		h->next = min(h->next, transit_next_due(h->t->nic.in));
	}
	h->waits = h->idle && rung(h) ? h->waits + 1 : 0;
	if (rung(h))
		h->next = min(h->next, soon(h));
	if (!h->rebooting)
		check_host(h);
	if (!h->down_until && h->stalled_until <= w->now)
		h->next = min(h->next, app_next(h));
	h->next = min(min(h->next, transit_next_due(h->in)), moves_next(h));
	h->next = max(h->next, w->now + 100);
}
