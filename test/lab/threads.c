/* SPDX-License-Identifier: MIT */
/*
 * A server of several elastic threads and its client, for a tool that watches
 * who writes where: lines.py. One thread of Linux's runs all of them in turn,
 * and before a turn it stores to turn[], at a place that is that elastic
 * thread's, so that the tool knows whose the next stores are.
 *
 *   client, one thread ==== wire, RSS ==== server, THREADS threads: echo
 *
 *   threads ROUNDS [share]   share: a mistake is made, all write a line
 */
#include "conf/conf.h"
#include "test/lab/lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	THREADS = 2,
	CONNS = 64, /* at a time */
	PORT = 7,
	MESSAGE = 64,
	ECHOES = 4, /* on each connection */
	ARENA = 1 << 16,
	STEP_NS = 2000,
	MOST_STEPS = 1000000,
	STACK = 1 << 16, /* of it each thread of Linux's has its own */
};

static struct lab_share share;
static struct wire_link link[2];
static struct lab_node client, server[THREADS];
static u64 now = 1000000000, answered[CONNS], opened, echoed, ended, wrong;
static volatile u8 turn[1 + THREADS]; /* the client's is the first */
static volatile u64 common;

static const char text[MESSAGE] = "64 bytes that come back as they are.";

static void send_text(struct lab_node *n, u64 handle, u32 done)
{
	u32 i = n->down->ncalls;
	struct ix_call *c = lab_call(n, IX_SENDV);

	n->down->sgs[i] =
		(struct ix_sg){ .addr = (u64)n->arena, .len = MESSAGE };
	c->handle = handle;
	c->sg = i;
	c->nsgs = 1;
	c->done = done;
}

static void close_conn(struct lab_node *n, u64 handle)
{
	lab_call(n, IX_CLOSE)->handle = handle;
}

static void server_event(struct lab_node *n, const struct ix_event *e)
{
	if (e->type == IX_EV_KNOCK)
		lab_call(n, IX_ACCEPT)->handle = e->handle;
	else if (e->type == IX_EV_RECV && e->len)
		send_text(n, e->handle, e->len);
	else if (e->type == IX_EV_RECV)
		close_conn(n, e->handle);
}

static void client_event(struct lab_node *n, const struct ix_event *e)
{
	if (e->type == IX_EV_CONNECTED && !e->error) {
		send_text(n, e->handle, 0);
	} else if (e->type == IX_EV_RECV && e->len) {
		wrong += e->len != MESSAGE ||
			 memcmp((const void *)e->addr, text, MESSAGE);
		echoed++;
		if (++answered[e->cookie] % ECHOES) {
			send_text(n, e->handle, e->len);
			return;
		}
		lab_call(n, IX_RECV_DONE)->handle = e->handle;
		n->down->calls[n->down->ncalls - 1].bytes = e->len;
		close_conn(n, e->handle);
	} else if (e->type == IX_EV_CONNECTED || e->type == IX_EV_DEAD) {
		wrong += e->error != 0;
		ended++;
	}
}

static void step(struct lab_node *n, u32 who,
		 void (*handle)(struct lab_node *, const struct ix_event *))
{
	int nevents;

	now += STEP_NS;
	turn[who] = 1;
	nevents = dp_step(n->dp, true, now);
	n->down->ncalls = 0;
	for (int i = 0; i < nevents; i++)
		handle(n, &n->up->events[i]);
}

static void connect_all(void)
{
	opened += CONNS;
	for (u64 i = 0; i < CONNS; i++) {
		struct ix_call *c = lab_call(&client, IX_CONNECT);

		c->ip = addr_of_ipv4(be32(LAB_IP(LAB_SERVER)));
		c->port = PORT;
		c->cookie = i;
	}
}

static void run(u64 rounds, bool mistake)
{
	for (u64 i = 0; ended < rounds * CONNS && i < MOST_STEPS; i++) {
		if (ended == opened)
			connect_all();
		step(&client, 0, client_event);
		for (u32 t = 0; t < THREADS; t++) {
			step(&server[t], 1 + t, server_event);
			if (mistake)
				common++;
		}
		turn[0] = 1;
	}
}

static int open_node(struct lab_node *n, const struct dp_conf *common_conf,
		     u32 thread, struct lab_share *with)
{
	struct dp_conf conf = *common_conf;
	const struct lab_node_conf lab = {
		.dp = &conf,
		.nic = &link[!!with].queues[thread]->q,
		.arena_len = ARENA,
		.secret = { 1, 2 },
		.share = with,
		.thread = thread,
	};

	conf.net.ip = be32(LAB_IP(!!with));
	if (lab_node_open(n, &lab, now) ||
	    neigh_add_static(&n->dp->net, be32(LAB_IP(!with)),
			     link[!with].queues[0]->q.mac))
		return -1;
	if (with) {
		lab_call(n, IX_LISTEN)->port = PORT;
		n->down->calls[0].backlog = CONNS;
	}
	memcpy(n->arena, text, MESSAGE);
	return 0;
}

static int open_all(void)
{
	const struct wire_conf one = { .nqueues = 1 },
			       many = { .nqueues = THREADS };
	struct conf conf;
	int err;

	conf_init(&conf);
	conf.dp.mbufs = 4096;
	conf.dp.net.netmask = be32(0xffffff00);
	conf.dp.net.tcp.max_conns = 1024;
	conf.dp.net.tcp.per_source = 1024;
	conf.dp.net.tcp.max_ranges = 4096;
	conf.dp.net.tcp.time_wait_ms = 1;
	err = wire_link_pair(&link[0], &one, &link[1], &many) ||
	      lab_share_open(&share, &conf.dp, THREADS, ARENA) ||
	      open_node(&client, &conf.dp, 0, NULL);
	for (u32 t = 0; !err && t < THREADS; t++)
		err = open_node(&server[t], &conf.dp, t, &share);
	if (!err)
		wire_set_rss(link[1].shared, link[1].end, share.group_owner);
	return err;
}

int main(int argc, char **argv)
{
	u64 rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;

	if (open_all()) {
		fputs("threads: cannot start\n", stderr);
		return 1;
	}
	printf("{\"turn\":%lu,\"threads\":%d,\"stack\":[%lu,%lu],"
	       "\"common\":%lu,",
	       (unsigned long)turn, THREADS, (unsigned long)(&rounds) - STACK,
	       (unsigned long)(&rounds) + STACK, (unsigned long)&common);
	run(rounds, argc > 2);
	printf("\"echoed\":%lu,\"ended\":%lu,\"wrong\":%lu,\"stat\":[",
	       (unsigned long)echoed, (unsigned long)ended,
	       (unsigned long)wrong);
	for (u32 t = 0; t < THREADS; t++)
		printf("%s{\"rx_packets\":%lu,\"forwarded\":%lu}", t ? "," : "",
		       (unsigned long)server[t].stat.rx_packets,
		       (unsigned long)server[t].stat.forwarded);
	puts("]}");
	return wrong != 0;
}
