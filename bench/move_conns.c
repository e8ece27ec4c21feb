/* SPDX-License-Identifier: MIT */
/*
 * What it costs to move connections between two threads: a server of two, whose
 * connections idle, moves half of its flow groups back and forth. All runs in
 * one thread, the server's threads in turn, so that what is measured is the
 * work of both, whatever else the machine does.
 *
 *	valgrind --tool=callgrind --toggle-collect=move move_conns CONNS MOVES
 *
 * Of two runs the difference in instructions is what the moves cost that one
 * has more than the other: MOVES are counted, and two to warm up are not.
 */
#include "bench/clock.h"
#include "conf/conf.h"
#include "test/lab/lab.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	THREADS = 2,
	GROUPS = RSS_TABLE / THREADS, /* that move */
	PORTS = 16,		      /* that the server listens on */
	PORT = 7000,
	IN_FLIGHT = 256, /* connections being opened */
	STEP_NS = 1000,	 /* of the server's clock */
	MOST_STEPS = 1000000,
	ARENA = 1 << 20,
	WARM = 2,
};

static struct lab_share share;
static struct lab_node client, server[THREADS];
static struct wire_link link[2];
static u64 now = 1000000000, opened, failed, arrived;

static void client_event(const struct ix_event *ev)
{
	opened += ev->type == IX_EV_CONNECTED && !ev->error;
	failed += ev->type == IX_EV_DEAD ||
		  (ev->type == IX_EV_CONNECTED && ev->error);
}

static void server_event(struct lab_node *n, const struct ix_event *ev)
{
	if (ev->type == IX_EV_KNOCK)
		lab_call(n, IX_ACCEPT)->handle = ev->handle;
	arrived += ev->type == IX_EV_ARRIVED;
	failed += ev->type == IX_EV_DEAD;
}

/* One crossing. */
static u32 run(struct lab_node *n)
{
	int got = dp_step(n->dp, true, now);

	n->down->ncalls = 0;
	return (u32)max(got, 0);
}

static void run_server(u32 i)
{
	u32 n = run(&server[i]);

	for (u32 k = 0; k < n; k++)
		server_event(&server[i], &server[i].up->events[k]);
}

static void run_client(void)
{
	u32 n = run(&client);

	for (u32 k = 0; k < n; k++)
		client_event(&client.up->events[k]);
}

static void step(void)
{
	now += STEP_NS;
	for (u32 i = 0; i < THREADS; i++)
		run_server(i);
}

/* ---- the world */

static int open_node(struct lab_node *n, const struct dp_conf *common,
		     struct wire_link *l, u32 thread, struct lab_share *s)
{
	struct dp_conf dp = *common;
	const struct lab_node_conf conf = { .dp = &dp,
					    .nic = &l->queues[thread]->q,
					    .arena_len = ARENA,
					    .secret = { 1, 2 },
					    .share = s,
					    .thread = thread };

	dp.net.ip = be32(LAB_IP(s ? LAB_SERVER : LAB_CLIENT));
	dp.net.netmask = be32(0xffffff00);
	return lab_node_open(n, &conf, now);
}

static int open_all(const struct dp_conf *dp)
{
	const struct wire_conf one = { .nqueues = 1 };
	const struct wire_conf two = { .nqueues = THREADS };
	int err = wire_link_pair(&link[0], &one, &link[1], &two);

	if (!err)
		err = open_node(&client, dp, &link[0], 0, NULL);
	if (!err)
		err = lab_share_open(&share, dp, THREADS, ARENA);
	for (u32 i = 0; i < THREADS && !err; i++) {
		err = open_node(&server[i], dp, &link[1], i, &share);
		if (!err)
			err = neigh_add_static(&server[i].dp->net,
					       be32(LAB_IP(LAB_CLIENT)),
					       link[0].queues[0]->q.mac);
	}
	return err ? err
		   : neigh_add_static(&client.dp->net, be32(LAB_IP(LAB_SERVER)),
				      link[1].queues[0]->q.mac);
}

static void listen_on_all(void)
{
	for (u32 i = 0; i < THREADS; i++) {
		for (u16 k = 0; k < PORTS; k++) {
			struct ix_call *c = lab_call(&server[i], IX_LISTEN);

			c->port = (u16)(PORT + k);
			c->backlog = 4096;
		}
	}
}

static void dial(u64 i)
{
	struct ix_call *c = lab_call(&client, IX_CONNECT);

	c->ip = addr_of_ipv4(be32(LAB_IP(LAB_SERVER)));
	c->port = (u16)(PORT + i % PORTS);
}

static void connect_all(u64 n)
{
	u64 dialed = 0;

	for (u64 i = 0; opened + failed < n && i < n * 20 + 10000; i++) {
		while (dialed < n && dialed - opened < IN_FLIGHT &&
		       client.down->ncalls < IX_MAX_CALLS / 2)
			dial(dialed++);
		run_client();
		step();
	}
	for (int i = 0; i < 2000; i++) { /* the last ACKs */
		run_client();
		step();
	}
}

/* ---- moves */

static void rewrite(const struct dp_groups *g, u32 to)
{
	for (u32 i = 0; i < RSS_TABLE; i++)
		if (dp_group_in(g, i))
			share.group_owner[i] = (u8)to;
	wire_set_rss(link[1].shared, WIRE_B, share.group_owner);
}

/* As dom/host/move.c does it. True: done. */
static __attribute__((noinline)) bool move(u32 from, const struct dp_groups *g)
{
	u32 to = !from, n = 0;

	if (dp_leave_begin(server[from].dp, to, g, now))
		return false;
	for (; !dp_leave_ready(server[from].dp) && n < MOST_STEPS; n++)
		step();
	rewrite(g, to);
	if (dp_leave_go(server[from].dp, now))
		return false;
	for (; dp_moving(server[from].dp) && n < MOST_STEPS; n++)
		step();
	return !dp_leave_result(server[from].dp);
}

/* ns of the fastest; 0: one has failed. */
static u64 move_all(u32 n, const struct dp_groups *g)
{
	u64 best = UINT64_MAX;

	for (u32 i = 0; i < n; i++) {
		u64 began = clock_ns();

		if (!move(i % THREADS, g))
			return 0;
		best = min(best, clock_ns() - began);
	}
	return best;
}

static struct dp_groups first_of_thread_0(void)
{
	struct dp_groups g = { 0 };

	for (u32 i = 0, n = 0; i < RSS_TABLE && n < GROUPS; i++) {
		if (share.group_owner[i])
			continue;
		dp_group_add(&g, i);
		n++;
	}
	return g;
}

int main(int argc, char **argv)
{
	u64 n = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000;
	u32 moves = argc > 2 ? (u32)strtoul(argv[2], NULL, 10) : 20;
	struct conf conf;
	struct dp_groups g;
	u64 best;

	conf_init(&conf);
	lab_conf_conns(&conf.dp, (u32)n + 1024);
	if (!n || !moves || open_all(&conf.dp)) {
		fputs("move_conns: cannot start\n", stderr);
		return 1;
	}
	listen_on_all();
	connect_all(n);
	g = first_of_thread_0();
	move_all(WARM, &g);
	arrived = 0;
	best = move_all(moves, &g);
	printf("{\"conns\":%lu,\"moves\":%u,\"moved\":%lu,\"failed\":%lu,"
	       "\"fastest_ns\":%lu}\n",
	       (unsigned long)opened, moves, (unsigned long)arrived,
	       (unsigned long)failed, (unsigned long)best);
	return best && opened == n && !failed ? 0 : 1;
}
