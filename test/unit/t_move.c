/* SPDX-License-Identifier: MIT */
/*
 * Flow groups move between the threads of a server while all of its
 * connections move streams; dp/move.h. One thread runs all of them, with a
 * clock of its own:
 *
 *   client, one thread === wire, steered by the server's table === server,
 *                                                              THREADS threads
 *
 * Whoever drives a move is the test: drive().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dp/move.h"
#include "net/tcp_cc.h"
#include "net/tcp_loss.h"
#include "test/lab/lab.h"
#include "test.h"

enum {
	THREADS = 3,
	CONNS = 200,
	PORT = 80,
	ARENA = 1 << 20,
	PERIOD = 4096, /* of the streams' bytes */
	STEP_NS = 2000,
	NOBODY = 0xffff,
};

/* One end of a connection. */
struct end {
	bool used, open, dead, eof, closed;
	u64 handle;
	u32 thread; /* whose it is; NOBODY: it is on its way */
	u32 queued, total, got, held;
	u32 acked;
	bool pending; /* a SENDV is in the batch */
	u32 error, moves;
};

struct node {
	struct lab_node lab;
	struct end *ends;
	u32 thread;
	struct {
		u16 op;
		u32 end;
	} calls[IX_MAX_CALLS];
	bool silent; /* the application does not cross */
	bool lazy;   /* does not give back what it reads */
	u32 knocks;
	bool deaf;	  /* does not answer knocks */
	u64 knocked_last; /* handle */
	u32 nsgs;
};

struct world {
	struct lab_share share;
	struct wire_link link[2];
	struct node client, server[THREADS];
	struct end clients[CONNS], servers[CONNS];
	u32 nservers, threads;
	u64 now;
	struct dp_conf conf;
};

static u8 pattern(u32 at)
{
	return (u8)(at * 31 + (at >> 8));
}

static const struct tcp_conf tcp_conf = {
	.max_conns = 512,
	.max_listeners = 2,
	.max_ranges = 2048,
	.conn_ranges = 32,
	.patience_ms = 60000,
	.snd_buf = 200, /* so much of all fits the wire */
	.rcv_buf = 65536,
	.rcv_mbufs = 64,
	.rto_initial_us = 200000,
	.rto_min_us = 200000,
	.rto_max_us = 1000000,
	.delack_us = 10000,
	.time_wait_ms = 10,
	.fin_timeout_ms = 1000,
	.orphan_timeout_ms = 2000,
	.retries = 8,
	.syn_retries = 8,
	.init_cwnd = 10,
	.timestamps = true,
	.wscale = true,
	.sack = true,
	.syn_cookies = true,
	.port_min = 32768,
	.port_max = 60999,
	.challenge_acks = 1000,
	.per_source = 1 << 20,
};

static void open_node(struct world *w, struct node *n, struct wire_link *l,
		      u32 thread, struct lab_share *share)
{
	struct dp_conf conf = w->conf;
	const struct lab_node_conf lab = {
		.dp = &conf,
		.nic = &l->queues[thread]->q,
		.arena_len = ARENA,
		.secret = { 1, 2 },
		.share = share,
		.thread = thread,
	};

	conf.net.ip = be32(LAB_IP(!!share));
	n->thread = thread;
	assert_int_equal(lab_node_open(&n->lab, &lab, w->now), 0);
	for (u32 i = 0; i < 2 * PERIOD; i++)
		n->lab.arena[i] = pattern(i % PERIOD);
}

static struct ix_call *call(struct node *n, u16 op, u32 end)
{
	u32 i = n->lab.down->ncalls;

	n->calls[i].op = op;
	n->calls[i].end = end;
	return lab_call(&n->lab, op);
}

static void know_each_other(struct world *w)
{
	assert_int_equal(neigh_add_static(&w->client.lab.dp->net,
					  be32(LAB_IP(1)),
					  w->link[1].queues[0]->q.mac),
			 0);
	for (u32 i = 0; i < w->threads; i++)
		assert_int_equal(neigh_add_static(&w->server[i].lab.dp->net,
						  be32(LAB_IP(0)),
						  w->link[0].queues[0]->q.mac),
				 0);
}

static u32 batch = 64;

static struct world *world_new(u32 threads, const struct tcp_conf *tcp)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct wire_conf one = { .nqueues = 1 };
	const struct wire_conf many = { .nqueues = threads };

	w->now = 1000000000;
	w->threads = threads;
	w->conf = (struct dp_conf){
		.batch = batch,
		.max_timers = 4,
		.mbufs = 4096,
		.net = { .netmask = be32(0xffffff00),
			 .arp_timeout_ms = 60000,
			 .arp_retry_ms = 1000,
			 .arp_retries = 3,
			 .tcp = *tcp,
			 .udp = { .max_sockets = 4, .rcv_queue = 8 } },
	};
	assert_int_equal(wire_link_pair(&w->link[0], &one, &w->link[1], &many),
			 0);
	w->client.ends = w->clients;
	open_node(w, &w->client, &w->link[0], 0, NULL);
	assert_int_equal(lab_share_open(&w->share, &w->conf, threads, ARENA),
			 0);
	for (u32 i = 0; i < threads; i++) {
		struct ix_call *c;

		w->server[i].ends = w->servers;
		open_node(w, &w->server[i], &w->link[1], i, &w->share);
		c = call(&w->server[i], IX_LISTEN, NOBODY);
		c->port = PORT;
		c->backlog = CONNS;
	}
	know_each_other(w);
	return w;
}

static void world_end(struct world *w)
{
	for (u32 i = 0; i < w->threads; i++)
		assert_int_equal(lab_node_close(&w->server[i].lab, w->now), 0);
	lab_node_close(&w->client.lab, w->now);
	lab_share_close(&w->share);
	wire_link_close(&w->link[1]);
	wire_link_close(&w->link[0]);
	free(w);
}

/* ---- the applications */

static void send_more(struct node *n, u32 i)
{
	struct end *e = &n->ends[i];
	u32 len = min(e->total - e->queued, (u32)PERIOD);
	struct ix_call *c;

	if (!e->open || e->dead || e->pending || !len || e->closed)
		return;
	c = call(n, IX_SENDV, i);
	c->handle = e->handle;
	c->sg = n->nsgs;
	c->nsgs = 1;
	n->lab.down->sgs[n->nsgs++] = (struct ix_sg){
		.addr = (u64)n->lab.arena + e->queued % PERIOD,
		.len = len,
	};
	e->pending = true;
}

static void give_back(struct node *n, u32 i)
{
	struct end *e = &n->ends[i];
	struct ix_call *c;

	if (!e->held || n->lazy || e->dead || e->closed)
		return;
	c = call(n, IX_RECV_DONE, i);
	c->handle = e->handle;
	c->bytes = e->held;
	e->held = 0;
}

static void finish(struct node *n, u32 i)
{
	struct end *e = &n->ends[i];
	struct ix_call *c;

	if (!e->eof || e->queued != e->total || e->closed || e->dead)
		return;
	c = call(n, IX_CLOSE, i);
	c->handle = e->handle;
	e->closed = true;
}

static void on_recv(struct node *n, struct end *e, const struct ix_event *ev)
{
	const u8 *data = (const u8 *)(uintptr_t)ev->addr;

	if (!ev->len) {
		e->eof = true;
		return;
	}
	for (u32 i = 0; i < ev->len; i++)
		if (data[i] != pattern((e->got + i) % PERIOD))
			fail_msg("byte %u", e->got + i);
	e->got += ev->len;
	e->held += ev->len;
}

static void on_knock(struct world *w, struct node *n, const struct ix_event *ev)
{
	struct ix_call *c;
	u32 i = w->nservers;

	n->knocks++;
	n->knocked_last = ev->handle;
	if (n->deaf)
		return;
	assert_in_range(i, 0, CONNS - 1);
	w->nservers++;
	w->servers[i] = (struct end){ .used = true,
				      .open = true,
				      .handle = ev->handle,
				      .thread = n->thread,
				      .total = 20000 };
	c = call(n, IX_ACCEPT, i);
	c->handle = ev->handle;
	c->cookie = i;
}

static void on_event(struct world *w, struct node *n, const struct ix_event *ev)
{
	struct end *e = &n->ends[ev->cookie];

	if (ev->type == IX_EV_KNOCK) {
		on_knock(w, n, ev);
		return;
	}
	assert_true(e->used);
	if (ev->type == IX_EV_ARRIVED) {
		assert_int_equal(e->thread, NOBODY);
		assert_int_equal(e->handle, ev->handle);
		e->thread = n->thread;
		e->moves++;
	}
	assert_int_equal(e->thread, n->thread);
	switch (ev->type) {
	case IX_EV_CONNECTED:
		e->handle = ev->handle;
		e->open = !ev->error;
		e->error = ev->error;
		e->dead = ev->error;
		break;
	case IX_EV_RECV:
		e->acked += ev->acked;
		on_recv(n, e, ev);
		break;
	case IX_EV_SENT:
		e->acked += ev->acked;
		break;
	case IX_EV_DEAD:
		e->dead = true;
		e->error = ev->error;
		break;
	case IX_EV_MOVED:
		e->thread = NOBODY;
		return; /* and nothing more is done for it here */
	}
}

static void on_result(struct node *n, u32 i, s64 result)
{
	struct end *e;

	if (n->calls[i].end == NOBODY) {
		assert_true(result >= 0);
		return;
	}
	e = &n->ends[n->calls[i].end];
	switch (n->calls[i].op) {
	case IX_SENDV:
		e->pending = false;
		if (result > 0)
			e->queued += (u32)result;
		else if (result < 0)
			assert_int_equal(result, -EBADF);
		break;
	case IX_CONNECT:
		assert_true(result > 0);
		e->handle = (u64)result;
		break;
	case IX_ACCEPT:
		if (result)
			e->used = false;
		break;
	}
}

/* One crossing. */
static void run(struct world *w, struct node *n)
{
	u32 ncalls = n->lab.down->ncalls;

	if (n->silent) {
		dp_overrun(n->lab.dp, w->now);
		return;
	}
	dp_step(n->lab.dp, true, w->now);
	n->lab.down->ncalls = n->nsgs = 0;
	for (u32 i = 0; i < ncalls; i++)
		on_result(n, i, n->lab.up->results[i]);
	for (u32 i = 0; i < n->lab.up->nevents; i++)
		on_event(w, n, &n->lab.up->events[i]);
	for (u32 i = 0; i < CONNS && n->lab.down->ncalls < 400; i++) {
		if (!n->ends[i].used || n->ends[i].thread != n->thread)
			continue;
		send_more(n, i);
		give_back(n, i);
		finish(n, i);
	}
}

static void step(struct world *w)
{
	w->now += STEP_NS;
	run(w, &w->client);
	for (u32 i = 0; i < w->threads; i++)
		run(w, &w->server[i]);
}

static void steps(struct world *w, u32 n)
{
	while (n--)
		step(w);
}

static void open_conns(struct world *w, u32 n, u32 total)
{
	for (u32 i = 0; i < n; i++) {
		struct ix_call *c = call(&w->client, IX_CONNECT, i);

		w->clients[i] = (struct end){ .used = true, .total = total };
		c->ip = addr_of_ipv4(be32(LAB_IP(1)));
		c->port = PORT;
		c->cookie = i;
		if (i % 100 == 99)
			steps(w, 20);
	}
	steps(w, 200);
	assert_int_equal(w->nservers, n);
}

/* ---- moves */

static struct dp_groups groups_of(const struct world *w, u32 thread, u32 most)
{
	struct dp_groups g = { 0 };

	for (u32 i = 0; i < RSS_TABLE && most; i++) {
		if (w->share.group_owner[i] != thread)
			continue;
		dp_group_add(&g, i);
		most--;
	}
	return g;
}

static struct dp *dp_of(struct world *w, u32 thread)
{
	return w->server[thread].lab.dp;
}

/* What the control plane does when a thread is ready. */
static void drive(struct world *w)
{
	for (u32 t = 0; t < w->threads; t++) {
		const struct dp_leave *l = &dp_of(w, t)->mover->leave;

		if (!dp_leave_ready(dp_of(w, t)))
			continue;
		for (u32 g = 0; g < RSS_TABLE; g++)
			if (dp_group_in(&l->groups, g))
				w->share.group_owner[g] = (u8)l->to;
		wire_set_rss(w->link[1].shared, WIRE_B, w->share.group_owner);
		assert_int_equal(dp_leave_go(dp_of(w, t), w->now), 0);
	}
}

static int begin(struct world *w, u32 from, u32 to, u32 most)
{
	struct dp_groups g = groups_of(w, from, most);

	return dp_leave_begin(dp_of(w, from), to, &g, w->now);
}

static bool moving(struct world *w)
{
	bool any = false;

	for (u32 t = 0; t < w->threads; t++)
		any |= dp_moving(dp_of(w, t));
	return any;
}

static void await_moves(struct world *w)
{
	for (u32 i = 0; i < 20000 && moving(w); i++) {
		step(w);
		drive(w);
	}
	assert_false(moving(w));
}

static void move(struct world *w, u32 from, u32 to, u32 most)
{
	const struct ix_stat *s = &w->server[from].lab.stat;
	struct ix_stat before = *s;
	u64 began = w->now;

	assert_int_equal(begin(w, from, to, most), 0);
	await_moves(w);
	assert_int_equal(dp_leave_result(dp_of(w, from)), 0);
	assert_int_equal(s->moves, before.moves + 1);
	assert_in_range(s->move_ns - before.move_ns, 1, w->now - began);
	assert_in_range(s->move_gap_ns - before.move_gap_ns, 1,
			s->move_ns - before.move_ns - 1);
}

static bool all_done(const struct world *w, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (!w->clients[i].dead)
			return false;
	return true;
}

/* Every byte came, once and in order: on_recv(). And no peer saw anything
 * else. */
static void check_ends(struct world *w, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		assert_true(w->servers[i].dead);
		assert_int_equal(w->servers[i].error, 0);
		assert_int_equal(w->clients[i].error, 0);
		assert_int_equal(w->clients[i].got, w->servers[i].total);
	}
}

static void check_undisturbed(const struct world *w)
{
	const struct ix_stat *s = &w->client.lab.stat;

	assert_int_equal(s->tcp_out_of_order, 0);
	assert_int_equal(s->tcp_retransmits, 0);
	assert_int_equal(s->tcp_dup_acks, 0);
	for (u32 t = 0; t < w->threads; t++) {
		s = &w->server[t].lab.stat;
		assert_int_equal(s->tcp_out_of_order, 0);
		assert_int_equal(s->tcp_retransmits, 0);
		assert_int_equal(s->drop_early, 0);
		assert_int_equal(s->move_lost, 0);
		assert_int_equal(s->drop_forward, 0);
		assert_int_equal(s->tcp_rst_out, 0);
	}
}

static u32 free_cc_states(const struct tcp *t, const struct tcp_conf *conf)
{
	u32 n = tcp_cc_states(conf) - t->ncc_used;

	for (struct ref32 r = t->cc_free; r.raw;
	     r = t->cc_states[ref32_index(r)].next)
		n++;
	return n;
}

/* All have what they had. */
static void check_balance(struct world *w)
{
	for (u32 t = 0; t < w->threads; t++) {
		struct dp *dp = dp_of(w, t);
		const struct tcp *tcp = &dp->net.tcp;
		const struct tcp_conf *conf = &w->conf.net.tcp;

		assert_int_equal(tcp_slots_free(tcp, conf), conf->max_conns);
		assert_int_equal(tcp->ranges_left, conf->max_ranges);
		assert_int_equal(tcp->ncounted, 0);
		assert_int_equal(tcp->nhalf, 0);
		assert_int_equal(tcp->set_aside, 0);
		assert_int_equal(tcp->losses_left, tcp_losses(conf));
		assert_int_equal(free_cc_states(tcp, conf),
				 tcp_cc_states(conf));
		assert_int_equal(dp->pool.nfree, dp->pool.total);
		assert_int_equal(dp->net.wheel.count, 0);
	}
}

static void run_down(struct world *w, u32 n)
{
	for (u32 i = 0; i < 40000 && !all_done(w, n); i++) {
		step(w);
		drive(w);
	}
	assert_true(all_done(w, n));
	await_moves(w);
	steps(w, 20000);
	check_ends(w, n);
	check_balance(w);
}

/* ---- tests */

static void start(struct world *w, u32 n, u32 total)
{
	open_conns(w, n, total);
	for (u32 i = 0; i < n; i++)
		w->servers[i].total = total;
}

/* The clients end first. */
static void half_close(struct world *w, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		struct end *e = &w->clients[i];
		struct ix_call *c = call(&w->client, IX_CLOSE, i);

		c->handle = e->handle;
		c->how = IX_CLOSE_WRITE;
		if (i % 100 == 99)
			steps(w, 5);
	}
}

static void wait_queued(struct world *w, u32 n)
{
	for (u32 i = 0; i < n; i++)
		for (u32 k = 0;
		     k < 20000 && w->clients[i].queued != w->clients[i].total;
		     k++) {
			step(w);
			drive(w);
		}
}

/* Every byte comes, whatever has moved, and no peer has noticed. */
static void end_all(struct world *w, u32 n)
{
	wait_queued(w, n);
	half_close(w, n);
	run_down(w, n);
	check_undisturbed(w);
	world_end(w);
}

static void under_load(void **state)
{
	struct world *w = world_new(THREADS, &tcp_conf);
	u32 n = CONNS, moved = 0;

	start(w, n, 30000);
	for (u32 i = 0; i < 6; i++)
		move(w, i % THREADS, (i + 1) % THREADS, 20);
	wait_queued(w, n);
	for (u32 i = 0; i < n; i++)
		moved += w->servers[i].moves;
	assert_in_range(moved, n / 4, 6 * n);
	check_undisturbed(w);
	half_close(w, n);
	run_down(w, n);
	check_undisturbed(w);
	world_end(w);
}

/* Where the old thread's queue is never empty for long, what is in it comes
 * before what the new thread gets. */
static void behind(void **state)
{
	struct tcp_conf tcp = tcp_conf;
	struct world *w;
	u32 n = 8;

	tcp.snd_buf = 12000; /* several segments of each are on their way */
	batch = 1;
	w = world_new(2, &tcp);
	batch = 64;
	start(w, n, 1000000);
	for (u32 i = 0; i < 12; i++)
		move(w, i % 2, (i + 1) % 2, 40);
	wait_queued(w, n);
	check_undisturbed(w);
	half_close(w, n);
	run_down(w, n);
	world_end(w);
}

/* A core goes, and comes back: its thread has no flow group meanwhile. */
static void all_groups(void **state)
{
	struct world *w = world_new(2, &tcp_conf);
	u32 n = CONNS;

	start(w, n, 20000);
	move(w, 1, 0, RSS_TABLE);
	for (u32 i = 0; i < n; i++)
		assert_int_equal(w->servers[i].thread, 0);
	assert_int_equal(dp_of(w, 1)->stat->tcp_conns, 0);
	steps(w, 100);
	move(w, 0, 1, 64);
	end_all(w, n);
}

static void two_at_once(void **state)
{
	struct world *w = world_new(THREADS, &tcp_conf);
	u32 n = CONNS;

	start(w, n, 30000);
	assert_int_equal(begin(w, 0, 1, 20), 0);
	assert_int_equal(begin(w, 1, 0, 20), 0);
	assert_int_equal(begin(w, 2, 1, 20), 0); /* waits for a turn */
	assert_int_equal(begin(w, 2, 0, 1), -EBUSY);
	await_moves(w);
	for (u32 t = 0; t < THREADS; t++)
		assert_int_equal(dp_leave_result(dp_of(w, t)), 0);
	end_all(w, n);
}

/* What is held by the application stays where it is, and is given back at the
 * other thread. */
static void held_buffers(void **state)
{
	struct world *w = world_new(2, &tcp_conf);
	u32 n = 50;

	w->server[0].lazy = w->server[1].lazy = true;
	start(w, n, 10000);
	steps(w, 200);
	move(w, 0, 1, RSS_TABLE);
	w->server[0].lazy = w->server[1].lazy = false;
	end_all(w, n);
}

/* What is held is asked for, be it little or much. */
static void asks_for_held(void **state)
{
	for (u32 n = 4; n <= 100; n += 96) {
		struct world *w = world_new(2, &tcp_conf);
		const struct dp_leave *l = &dp_of(w, 0)->mover->leave;
		const struct mbuf_pool *p = &dp_of(w, 0)->pool;
		u32 held;

		w->server[0].lazy = w->server[1].lazy = true;
		start(w, n, 2000);
		steps(w, 400);
		move(w, 1, 0, RSS_TABLE);
		held = p->total - p->nfree;
		assert_in_range(held, 1, p->total);
		assert_int_equal(held <= 128, n == 4);
		assert_int_equal(begin(w, 0, 1, RSS_TABLE), 0);
		assert_int_equal(l->each, n != 4);
		while (l->state != LEAVE_ASK)
			dp_move_run(dp_of(w, 0), false, w->now);
		assert_in_range(l->need.mbufs, held * 9 / 10, held);
		assert_int_equal(l->need.conns, n);
		await_moves(w);
		w->server[0].lazy = w->server[1].lazy = false;
		end_all(w, n);
	}
}

/* Iterations of @ns until what moves has been counted. */
static u32 count_in_steps_of(struct world *w, u32 from, u64 ns)
{
	u32 n = 0;

	assert_int_equal(begin(w, from, !from, RSS_TABLE), 0);
	for (; dp_of(w, from)->mover->leave.state == LEAVE_COUNT; n++) {
		w->now += ns;
		dp_move_run(dp_of(w, from), false, w->now);
	}
	await_moves(w);
	return n;
}

/* Who thinks for long makes few of them, each of which sees more places: in
 * proportion, but not all at once. */
static void long_iterations(void **state)
{
	struct tcp_conf tcp = tcp_conf;
	struct world *w;
	u32 n = 4, places;

	tcp.max_conns = 40000;
	w = world_new(2, &tcp);
	start(w, n, 2000);
	steps(w, 400);
	move(w, 1, 0, RSS_TABLE);
	places = dp_of(w, 0)->net.tcp.table_mask + 1;
	assert_true(places >= 65536);
	assert_int_equal(count_in_steps_of(w, 0, STEP_NS), places / 1024);
	assert_int_equal(count_in_steps_of(w, 1, 200000), places / 4096);
	assert_int_equal(count_in_steps_of(w, 0, 10000000), places / 32768);
	end_all(w, n);
}

/* An application that does not cross keeps its connections. */
static void taken_back(void **state)
{
	struct world *w = world_new(2, &tcp_conf);
	u32 n = 50;

	start(w, n, 30000);
	assert_int_equal(begin(w, 0, 1, 64), 0);
	for (u32 i = 0; i < 1000 && !dp_of(w, 0)->mover->leave.told; i++)
		step(w);
	w->server[0].silent = true;
	steps(w, 200);
	assert_false(dp_leave_ready(dp_of(w, 0)));
	dp_leave_cancel(dp_of(w, 0), w->now);
	steps(w, 50);
	w->server[0].silent = false;
	await_moves(w);
	assert_int_equal(dp_leave_result(dp_of(w, 0)), -ECANCELED);
	steps(w, 10);
	for (u32 i = 0; i < n; i++)
		assert_int_not_equal(w->servers[i].thread, NOBODY);
	assert_int_equal(dp_of(w, 0)->stat->moved_out, 0);
	end_all(w, n);
}

/* As if a packet in place had gone to the NIC, which does not read it. */
static void put_unread(struct dp *dp)
{
	dp->nic->in_place[0].put++;
	dp->late.active = true;
}

/* Nobody hears of a move while the NIC has what was sent in place; what waits
 * to be told until then is told, all of it. */
static void nic_reads_late(void **state)
{
	struct world *w = world_new(2, &tcp_conf);
	struct dp *dp = dp_of(w, 0);
	struct dp_leave *l = &dp->mover->leave;
	u32 n = 50;

	start(w, n, 30000);
	put_unread(dp);
	assert_int_equal(begin(w, 0, 1, 64), 0);
	for (u32 i = 0; i < 1000 && l->state != LEAVE_READ; i++)
		step(w);
	steps(w, 200);
	assert_int_equal(l->state, LEAVE_READ);
	assert_false(l->told);
	assert_true(dp->net.copies);
	assert_in_range(dp->late.n, n / 4, dp->late.size);
	dp->nic->in_place[0].done++;
	w->server[0].silent = true;
	steps(w, 2);
	assert_in_range(l->state, LEAVE_TELL, LEAVE_CROSS);
	assert_int_equal(dp->late.n, 0);
	w->server[0].silent = false;
	await_moves(w);
	assert_int_equal(dp_leave_result(dp), 0);
	assert_false(dp->net.copies);
	wait_queued(w, n);
	half_close(w, n);
	run_down(w, n);
	for (u32 i = 0; i < n; i++)
		assert_int_equal(w->servers[i].acked, 30000);
	check_undisturbed(w);
	world_end(w);
}

/* ... which it may never read: they stay. The core may sleep until then. */
static void nic_reads_nothing(void **state)
{
	struct world *w = world_new(2, &tcp_conf);
	struct dp *dp = dp_of(w, 0);
	u32 n = 10;

	start(w, n, 1000);
	wait_queued(w, n);
	put_unread(dp);
	assert_int_equal(begin(w, 0, 1, 64), 0);
	for (u32 i = 0; i < 1000 && dp->mover->leave.state != LEAVE_READ; i++)
		step(w);
	assert_false(dp_move_waits(dp));
	assert_in_range(dp_next_deadline(dp, w->now), 0, 1000000);
	w->now += 240000000;
	steps(w, 10);
	assert_int_equal(dp->mover->leave.state, LEAVE_READ);
	w->now += 20000000;
	steps(w, 100);
	assert_false(moving(w));
	assert_false(dp->mover->leave.told);
	assert_int_equal(dp_leave_result(dp), -ECANCELED);
	assert_false(dp->net.copies);
	dp->nic->in_place[0].done++;
	half_close(w, n);
	run_down(w, n);
	for (u32 i = 0; i < n; i++)
		assert_int_equal(w->servers[i].acked, 1000);
	world_end(w);
}

/* Whoever drives it has gone: its groups come back by themselves. */
static void not_driven(void **state)
{
	struct world *w = world_new(2, &tcp_conf);
	u32 n = 10;

	start(w, n, 1000);
	wait_queued(w, n);
	assert_int_equal(begin(w, 0, 1, 64), 0);
	for (u32 i = 0; i < 1000 && !dp_leave_ready(dp_of(w, 0)); i++)
		step(w);
	w->now += 1900000000;
	steps(w, 10);
	assert_true(dp_leave_ready(dp_of(w, 0)));
	w->now += 200000000;
	steps(w, 100);
	assert_false(moving(w));
	assert_int_equal(dp_leave_result(dp_of(w, 0)), -ECANCELED);
	assert_int_equal(dp_leave_go(dp_of(w, 0), w->now), -EINVAL);
	for (u32 i = 0; i < n; i++)
		assert_int_not_equal(w->servers[i].thread, NOBODY);
	move(w, 0, 1, 64);
	half_close(w, n);
	run_down(w, n);
	world_end(w);
}

/* Whoever does not know MOVED and ARRIVED would take another connection for the
 * one that has gone. */
static void not_followed(void **state)
{
	struct world *w = world_new(2, &tcp_conf);
	u32 n = 10;

	start(w, n, 1000);
	w->server[0].lab.down->flags = 0;
	assert_int_equal(begin(w, 0, 1, 64), -EOPNOTSUPP);
	assert_false(moving(w));
	w->server[0].lab.down->flags = IX_RUN_POLL | IX_RUN_MOVES;
	move(w, 0, 1, 64);
	wait_queued(w, n);
	half_close(w, n);
	run_down(w, n);
	world_end(w);
}

/* ... also before the other thread has answered. */
static void taken_back_early(void **state)
{
	struct world *w = world_new(2, &tcp_conf);
	const struct dp_leave *l;
	u32 n = 50;

	start(w, n, 30000);
	l = &dp_of(w, 0)->mover->leave;
	assert_int_equal(begin(w, 0, 1, 64), 0);
	assert_int_equal(l->state, LEAVE_COUNT);
	dp_leave_cancel(dp_of(w, 0), w->now);
	assert_int_equal(dp_leave_result(dp_of(w, 0)), -ECANCELED);
	assert_int_equal(begin(w, 0, 1, 64), 0);
	for (u32 i = 0; i < 1000 && l->state != LEAVE_ASK; i++)
		dp_move_run(dp_of(w, 0), false, w->now);
	assert_int_equal(l->state, LEAVE_ASK);
	dp_leave_cancel(dp_of(w, 0), w->now);
	await_moves(w);
	assert_int_equal(dp_leave_result(dp_of(w, 0)), -ECANCELED);
	assert_int_equal(dp_of(w, 0)->stat->moved_out, 0);
	move(w, 0, 1, 64);
	end_all(w, n);
}

/* One was seen that will be seen once more, as a gap in the table has closed:
 * room is asked for as many as there are. */
static void counted_twice(void **state)
{
	struct world *w = world_new(2, &tcp_conf);
	struct dp_leave *l;
	u32 n = 50;

	start(w, n, 30000);
	l = &dp_of(w, 0)->mover->leave;
	assert_int_equal(begin(w, 0, 1, RSS_TABLE), 0);
	l->need.conns = 1;
	for (u32 i = 0; i < 1000 && l->state != LEAVE_ASK; i++)
		dp_move_run(dp_of(w, 0), false, w->now);
	assert_int_equal(l->need.conns, dp_of(w, 0)->stat->tcp_conns);
	await_moves(w);
	end_all(w, n);
}

/* A queue that never runs empty does not hold a move up. */
static void busy_queue(void **state)
{
	struct world *w = world_new(2, &tcp_conf);
	u64 began;

	start(w, 20, 1000);
	wait_queued(w, 20);
	assert_int_equal(begin(w, 0, 1, 64), 0);
	for (u32 i = 0; i < 1000 && !dp_leave_ready(dp_of(w, 0)); i++)
		step(w);
	drive(w);
	began = w->now;
	while (dp_of(w, 0)->mover->leave.state == LEAVE_DRAIN) {
		w->now += 10000;
		dp_move_run(dp_of(w, 0), true, w->now);
		assert_true(w->now - began < 100000000);
	}
	await_moves(w);
	half_close(w, 20);
	run_down(w, 20);
	world_end(w);
}

static void knock_at(struct world *w, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		struct ix_call *c = call(&w->client, IX_CONNECT, i);

		w->clients[i] = (struct end){ .used = true, .total = 1000 };
		c->ip = addr_of_ipv4(be32(LAB_IP(1)));
		c->port = PORT;
		c->cookie = i;
	}
	steps(w, 200);
}

static void no_room(void **state)
{
	struct tcp_conf tcp = tcp_conf;
	struct world *w;
	u32 n = 100;

	tcp.max_conns = 80; /* per thread */
	w = world_new(2, &tcp);
	w->conf.net.tcp.max_conns = 80;
	knock_at(w, n / 2); /* the client has as few */
	/* Thread 1 is full but for a few. */
	dp_of(w, 1)->net.tcp.set_aside = 0;
	while (tcp_slots_free(&dp_of(w, 1)->net.tcp, &w->conf.net.tcp) > 5)
		tcp_slot_take(&dp_of(w, 1)->net.tcp, &w->conf.net.tcp);
	assert_int_equal(begin(w, 0, 1, 64), 0);
	await_moves(w);
	assert_int_equal(dp_leave_result(dp_of(w, 0)), -ENOBUFS);
	assert_int_equal(dp_of(w, 0)->stat->moved_out, 0);
	assert_int_equal(dp_of(w, 0)->stat->moves, 0);
	for (u32 i = 0; i < w->nservers; i++)
		assert_int_equal(w->servers[i].moves, 0);
	world_end(w);
}

static void hold(struct mbuf_pool *p, struct mbuf **chain)
{
	struct mbuf *m = mbuf_alloc(p);

	m->next = *chain;
	*chain = m;
}

/* What other groups' connections hold is no reason to refuse a move. */
static void room_enough(void **state)
{
	struct world *w = world_new(2, &tcp_conf);
	struct mbuf_pool *from = &dp_of(w, 0)->pool, *to = &dp_of(w, 1)->pool;
	struct mbuf *held = NULL, *taken = NULL;

	start(w, 20, 1000);
	for (u32 i = 0; i < 20; i++)
		hold(from, &held);
	while (to->nfree > to->kept + 10)
		hold(to, &taken);
	assert_int_equal(begin(w, 0, 1, 64), 0);
	await_moves(w);
	assert_int_equal(dp_leave_result(dp_of(w, 0)), 0);
	assert_in_range(dp_of(w, 0)->stat->moved_out, 1, 20);
	mbuf_free_chain(from, held);
	mbuf_free_chain(to, taken);
	end_all(w, 20);
}

/* Between two parcels each thread knows that the next one is due, for a while:
 * it is worth waiting for. Who has none to make does not keep its core busy. */
static void parcel_due(void **state)
{
	struct world *w = world_new(2, &tcp_conf);
	const struct dp_leave *l = &dp_of(w, 0)->mover->leave;
	const struct dp_seat *seat = dp_seat(dp_of(w, 0), 0, 1);
	bool rung = false; /* and has had time to hear it */

	start(w, CONNS, 30000);
	move(w, 1, 0, RSS_TABLE); /* now thread 0 has two parcels */
	assert_in_range(w->nservers, TCP_PARCEL + 1, 2 * TCP_PARCEL);
	assert_int_equal(begin(w, 0, 1, RSS_TABLE), 0);
	while (l->state != LEAVE_GIVE) {
		assert_false(dp_parcel_due(dp_of(w, 0), w->now));
		assert_int_equal(dp_parcel_due(dp_of(w, 1), w->now),
				 rung && l->state == LEAVE_DRAIN);
		rung = l->state == LEAVE_DRAIN;
		step(w);
		drive(w);
	}
	dp_move_run(dp_of(w, 1), false, w->now); /* has taken, and made room */
	assert_int_equal(load_acquire(&seat->turn), SEAT_GIVES);
	assert_true(dp_parcel_due(dp_of(w, 1), w->now + 100000));
	assert_false(dp_move_waits(dp_of(w, 1)));
	dp_move_run(dp_of(w, 0), false, w->now); /* has given */
	assert_int_equal(load_acquire(&seat->turn), SEAT_TAKES);
	assert_true(dp_parcel_due(dp_of(w, 0), w->now + 100000));
	assert_false(dp_move_waits(dp_of(w, 0)));
	for (u32 t = 0; t < 2; t++)
		assert_false(dp_parcel_due(dp_of(w, t), w->now + 1000000));
	await_moves(w);
	for (u32 t = 0; t < 2; t++)
		assert_false(dp_parcel_due(dp_of(w, t), w->now));
	end_all(w, CONNS);
}

/* The application ends while a parcel is on its way to room that the other
 * thread has made: the room is that thread's again. */
static void shut_while_giving(void **state)
{
	struct world *w = world_new(2, &tcp_conf);
	struct dp_leave *l = &dp_of(w, 0)->mover->leave;
	u32 n = CONNS;

	start(w, n, 30000);
	assert_int_equal(begin(w, 0, 1, 64), 0);
	while (l->state != LEAVE_GIVE || !l->nout ||
	       load_acquire(&dp_seat(dp_of(w, 0), 0, 1)->turn) != SEAT_GIVES) {
		if (l->state == LEAVE_GIVE && l->nout)
			dp_move_run(dp_of(w, 1), false, w->now);
		else
			step(w);
		drive(w);
	}
	assert_int_not_equal(dp_seat(dp_of(w, 0), 0, 1)->room.nslots, 0);
	for (u32 t = 0; t < 2; t++)
		dp_shutdown(dp_of(w, t), w->now);
	for (u32 i = 0; i < 1000 && moving(w); i++)
		for (u32 t = 0; t < 2; t++)
			dp_overrun(dp_of(w, t), w->now += STEP_NS);
	assert_false(moving(w));
	check_balance(w);
	world_end(w);
}

/* Whoever is not told yet is waited for. */
static void tells_all(void **state)
{
	struct world *w = world_new(2, &tcp_conf);
	const struct dp_leave *l = &dp_of(w, 0)->mover->leave;

	start(w, CONNS, 30000);
	assert_int_equal(begin(w, 0, 1, RSS_TABLE), 0);
	while (l->state == LEAVE_COUNT || l->state == LEAVE_ASK)
		step(w);
	for (u32 i = 0; i < 100; i++) /* no events meanwhile */
		dp_move_run(dp_of(w, 0), false, w->now);
	assert_int_equal(l->state, LEAVE_CROSS);
	step(w);
	assert_int_equal(l->state, LEAVE_CROSS);
	step(w); /* the application has crossed; nobody had knocked */
	assert_true(dp_leave_ready(dp_of(w, 0)));
	for (u32 i = 0; i < CONNS; i++)
		assert_int_not_equal(w->servers[i].thread, 0);
	await_moves(w);
	end_all(w, CONNS);
}

/* A knock is answered when all others have been told: it is told as well,
 * before its group goes. */
static void answered_late(void **state)
{
	struct world *w = world_new(2, &tcp_conf);
	const struct dp_leave *l = &dp_of(w, 0)->mover->leave;
	u32 n = 20, late;
	struct ix_call *c;

	w->server[0].deaf = true;
	knock_at(w, n);
	late = w->nservers++;
	assert_in_range(late, 1, n - 1);
	assert_int_equal(begin(w, 0, 1, RSS_TABLE), 0);
	while (l->state != LEAVE_CROSS)
		step(w);
	c = call(&w->server[0], IX_ACCEPT, late);
	c->handle = w->server[0].knocked_last;
	c->cookie = late;
	w->servers[late] = (struct end){
		.used = true, .open = true, .handle = c->handle, .thread = 0
	};
	for (u32 i = 0; i < 1000 && !dp_leave_ready(dp_of(w, 0)); i++)
		step(w);
	assert_int_equal(w->servers[late].thread, NOBODY);
	await_moves(w);
	assert_int_equal(w->servers[late].thread, 1);
	steps(w, 10);
	for (u32 i = 0; i < n; i++)
		w->servers[i].total = 1000;
	wait_queued(w, n);
	half_close(w, n);
	run_down(w, n);
	world_end(w);
}

/* Names mean nothing at another thread: before, and afterwards at the old one.
 */
static void handles(void **state)
{
	struct world *w = world_new(2, &tcp_conf);
	u32 n = 20, mine = 0;
	u64 handle;

	start(w, n, 1000);
	while (w->servers[mine].thread != 0)
		mine++;
	handle = w->servers[mine].handle;
	w->server[1].lab.down->ncalls = 0;
	call(&w->server[1], IX_ABORT, NOBODY)->handle = handle;
	dp_step(dp_of(w, 1), true, w->now);
	assert_int_equal(w->server[1].lab.up->results[0], -EBADF);
	w->server[1].lab.down->ncalls = 0;
	assert_int_equal(begin(w, 0, 1, 64), 0);
	for (u32 i = 0; i < 1000 && !dp_leave_ready(dp_of(w, 0)); i++)
		step(w);
	w->server[0].lab.down->ncalls = 0;
	call(&w->server[0], IX_ABORT, NOBODY)->handle = handle;
	dp_step(dp_of(w, 0), true, w->now);
	assert_int_equal(w->server[0].lab.up->results[0], -EBADF);
	w->server[0].lab.down->ncalls = 0;
	await_moves(w);
	assert_int_equal(w->servers[mine].thread, 1);
	w->server[0].lab.down->ncalls = 0;
	call(&w->server[0], IX_ABORT, NOBODY)->handle = handle;
	dp_step(dp_of(w, 0), true, w->now);
	assert_int_equal(w->server[0].lab.up->results[0], -EBADF);
	w->server[0].lab.down->ncalls = 0;
	wait_queued(w, n);
	half_close(w, n);
	run_down(w, n);
	/* Free slots belong to no group: threads need not ask each other. */
	for (u32 i = 0; i < dp_of(w, 0)->net.tcp.nslots; i++) {
		handle = dp_of(w, 0)->net.tcp.conns[i].handle;
		assert_true(!handle ||
			    (u8)(handle >> HANDLE_KIND_SHIFT) == HANDLE_NONE);
	}
	world_end(w);
}

/* A connection that has knocked at one thread, and was not answered, knocks at
 * the other one. */
static void knocks_again(void **state)
{
	struct world *w = world_new(2, &tcp_conf);
	u32 n = 20, before;

	w->server[0].deaf = true;
	knock_at(w, n);
	before = w->server[1].knocks;
	assert_in_range(before, 1, n - 1);
	assert_int_equal(before + w->server[0].knocks, n);
	move(w, 0, 1, RSS_TABLE);
	steps(w, 10);
	assert_int_equal(w->server[1].knocks, n);
	for (u32 i = 0; i < n; i++)
		w->servers[i].total = 1000;
	wait_queued(w, n);
	half_close(w, n);
	run_down(w, n);
	world_end(w);
}

/* Hundreds of moves; whoever gives gets back. */
static void hundreds(void **state)
{
	struct world *w = world_new(THREADS, &tcp_conf);
	u32 n = 100;

	start(w, n, 200000);
	for (u32 i = 0; i < 300; i++) {
		u32 from = i % THREADS, to = (i + 1 + i / 7 % 2) % THREADS;

		if (groups_of(w, from, 1).bits[0] |
		    groups_of(w, from, 1).bits[1])
			move(w, from, to, 1 + i % 30);
	}
	end_all(w, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(behind),
		cmocka_unit_test(under_load),
		cmocka_unit_test(all_groups),
		cmocka_unit_test(two_at_once),
		cmocka_unit_test(held_buffers),
		cmocka_unit_test(asks_for_held),
		cmocka_unit_test(long_iterations),
		cmocka_unit_test(taken_back),
		cmocka_unit_test(taken_back_early),
		cmocka_unit_test(counted_twice),
		cmocka_unit_test(nic_reads_late),
		cmocka_unit_test(nic_reads_nothing),
		cmocka_unit_test(not_driven),
		cmocka_unit_test(not_followed),
		cmocka_unit_test(busy_queue),
		cmocka_unit_test(no_room),
		cmocka_unit_test(room_enough),
		cmocka_unit_test(parcel_due),
		cmocka_unit_test(shut_while_giving),
		cmocka_unit_test(handles),
		cmocka_unit_test(knocks_again),
		cmocka_unit_test(tells_all),
		cmocka_unit_test(answered_late),
		cmocka_unit_test(hundreds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
