/* SPDX-License-Identifier: MIT */
/*
 * Memory per idle connection: opens many over the wire, by IPv4 and by IPv6 in
 * turn, exchanges one message on each, lets them idle, and looks at what the
 * server's dataplane has made resident meanwhile, tables, buffers and
 * everything.
 */
#include "conf/conf.h"
#include "test/lab/lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PORTS = 16, /* that the server listens on: source ports are few */
	PORT = 7000,
	IN_FLIGHT = 256, /* connections being opened */
	MESSAGE = 64,
};

static struct lab lab;
static u64 opened, accepted, answered, failed;

static struct ix_call *call(int end, u16 op)
{
	return lab_call(&lab.end[end], op);
}

/* The same 64 bytes for everybody. */
static void send_message(int end, u64 handle)
{
	struct ix_down *down = lab.end[end].down;
	struct ix_call *c = call(end, IX_SENDV);
	u32 i = down->ncalls - 1;

	down->sgs[i] = (struct ix_sg){ .addr = (u64)lab.end[end].arena,
				       .len = MESSAGE };
	c->handle = handle;
	c->sg = i;
	c->nsgs = 1;
}

static void recv_done(int end, const struct ix_event *ev)
{
	struct ix_call *c = call(end, IX_RECV_DONE);

	c->handle = ev->handle;
	c->bytes = ev->len;
}

static void server_event(const struct ix_event *ev)
{
	if (ev->type == IX_EV_KNOCK) {
		call(LAB_SERVER, IX_ACCEPT)->handle = ev->handle;
		accepted++;
	} else if (ev->type == IX_EV_RECV) {
		send_message(LAB_SERVER, ev->handle);
		recv_done(LAB_SERVER, ev);
	}
}

static void client_event(const struct ix_event *ev)
{
	if (ev->type == IX_EV_CONNECTED && !ev->error) {
		opened++;
		send_message(LAB_CLIENT, ev->handle);
	} else if (ev->type == IX_EV_RECV) {
		answered++;
		recv_done(LAB_CLIENT, ev);
	} else if (ev->type == IX_EV_CONNECTED || ev->type == IX_EV_DEAD) {
		failed++;
	}
}

/* One iteration; at most 256 events make at most 512 calls. */
static void step(int end, void (*handle)(const struct ix_event *))
{
	struct lab_node *e = &lab.end[end];
	int n = lab_step(&lab, end, true);

	e->down->ncalls = 0;
	for (int i = 0; i < n; i++)
		handle(&e->up->events[i]);
}

static void listen_on_all(void)
{
	for (u16 i = 0; i < PORTS; i++) {
		struct ix_call *c = call(LAB_SERVER, IX_LISTEN);

		c->port = (u16)(PORT + i);
		c->backlog = 4096;
	}
}

static struct ix_addr server_ip6(void)
{
	struct be128 ip = LAB_IP6(LAB_SERVER);
	struct ix_addr a;

	memcpy(&a, &ip, sizeof(a));
	return a;
}

static void dial(u64 i)
{
	struct ix_call *c = call(LAB_CLIENT, IX_CONNECT);

	c->ip = i & 1 ? server_ip6() : addr_of_ipv4(be32(LAB_IP(LAB_SERVER)));
	c->port = (u16)(PORT + i / 2 % PORTS);
	c->cookie = i;
}

static size_t resident(const struct lab_node *e)
{
	return lab_resident(e->mem, e->mem_len) +
	       lab_resident(e->frames, e->frames_len);
}

/* Buffers are a thread's, however many connections it has, and so is what says
 * where each is. */
static size_t tables(const struct lab_node *e)
{
	return e->mem_len - e->conf.mbufs * (sizeof(struct mbuf) + sizeof(u32));
}

static void open_all(u64 n)
{
	u64 dialed = 0;

	for (u64 i = 0; answered + failed < n && i < n * 20 + 10000; i++) {
		struct ix_down *down = lab.end[LAB_CLIENT].down;

		while (dialed < n && dialed - answered < IN_FLIGHT &&
		       down->ncalls < IX_MAX_CALLS / 2)
			dial(dialed++);
		step(LAB_CLIENT, client_event);
		step(LAB_SERVER, server_event);
	}
	/* Late ACKs and whatever else is under way. */
	for (int i = 0; i < 2000; i++) {
		step(LAB_CLIENT, client_event);
		step(LAB_SERVER, server_event);
	}
}

int main(int argc, char **argv)
{
	u64 n = argc > 1 ? strtoull(argv[1], NULL, 10) : 250000;
	const struct lab_node *server = &lab.end[LAB_SERVER];
	struct conf conf;
	size_t before, after;

	conf_init(&conf);
	conf.dp.net.ip6.nown = 1;
	lab_conf_conns(&conf.dp, (u32)n + 1024);
	if (!n || lab_open(&lab, &conf.dp)) {
		fputs("mem_conns: cannot start\n", stderr);
		return 1;
	}
	listen_on_all();
	before = resident(server);
	open_all(n);
	after = resident(server);
	printf("{\"conns\":%lu,\"answered\":%lu,\"failed\":%lu,"
	       "\"before_bytes\":%zu,\"after_bytes\":%zu,"
	       "\"reserved_bytes\":%zu,\"bytes_per_conn\":%.1f,"
	       "\"reserved_per_conn\":%.1f}\n",
	       (unsigned long)server->stat.tcp_conns, (unsigned long)answered,
	       (unsigned long)failed, before, after, tables(server),
	       (double)(after - before) / (double)n,
	       (double)tables(server) / (double)n);
	lab_close(&lab);
	return answered == n ? 0 : 1;
}
