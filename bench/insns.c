/* SPDX-License-Identifier: MIT */
/*
 * Instructions per echo on the server: to be run under
 *
 *	valgrind --tool=callgrind --toggle-collect=counted_wait
 *
 * by bench/run. Two dataplanes on one wire in one thread; the server's
 * application is an ordinary ixev program, for whom this file is the domain.
 * Only the server is counted: its dataplane, libix, ixev and the handler. The
 * client asks 64 connections at a time, so that batches are full.
 */
#include "conf/conf.h"
#include "ix/ix.h"
#include "ix/ixev.h"
#include "test/lab/lab.h"

#include <stdio.h>
#include <stdlib.h>

enum { CONNS = 64, PORT = 7, SIZE = 64, WARM = 100 };

static struct lab lab;
static u64 rounds, answered, waiting;
static u64 handles[CONNS];
static u32 nhandles;

/* ---- the client: bare calls and events, not counted */

static struct ix_call *call(u16 op)
{
	return lab_call(&lab.end[LAB_CLIENT], op);
}

static void ask(u64 handle)
{
	struct lab_node *e = &lab.end[LAB_CLIENT];
	struct ix_call *c = call(IX_SENDV);
	u32 i = e->down->ncalls - 1;

	e->down->sgs[i] = (struct ix_sg){ .addr = (u64)e->arena, .len = SIZE };
	c->handle = handle;
	c->sg = i;
	c->nsgs = 1;
	waiting += SIZE;
}

static void client_event(const struct ix_event *ev)
{
	struct ix_call *c;

	if (ev->type == IX_EV_CONNECTED && !ev->error)
		handles[nhandles++] = ev->handle;
	if (ev->type != IX_EV_RECV)
		return;
	c = call(IX_RECV_DONE);
	c->handle = ev->handle;
	c->bytes = ev->len;
	waiting -= ev->len;
	answered++;
}

/* All answers are there: the next question on every connection. */
static void next_round(void)
{
	if (nhandles < CONNS || waiting)
		return;
	rounds++;
	for (u32 i = 0; i < CONNS; i++)
		ask(handles[i]);
}

static void client_step(void)
{
	struct lab_node *e = &lab.end[LAB_CLIENT];
	int n = lab_step(&lab, LAB_CLIENT, true);

	e->down->ncalls = 0;
	for (int i = 0; i < n; i++)
		client_event(&e->up->events[i]);
	next_round();
}

static void connect_all(void)
{
	for (int i = 0; i < CONNS; i++) {
		struct ix_call *c = call(IX_CONNECT);

		c->ip = addr_of_ipv4(be32(LAB_IP(LAB_SERVER)));
		c->port = PORT;
	}
}

/* ---- the domain that the server runs in */

static int attach(struct ix_domain *d, int thread, struct ix_port *port)
{
	*port = (struct ix_port){ .down = lab.end[LAB_SERVER].down,
				  .up = lab.end[LAB_SERVER].up,
				  .domain = d };
	return 0;
}

/* Never waits: without events the caller lets the client go on. */
static int run_io(struct ix_port *port)
{
	struct lab_node *e = &lab.end[LAB_SERVER];

	if (port->down->flags & IX_RUN_FLUSH)
		dp_flush(e->dp, lab.now);
	else if (lab_step(&lab, LAB_SERVER, true) < 0)
		e->up->nevents = 0;
	return 0;
}

static void nothing(struct ix_port *port)
{
}

static void close_domain(struct ix_domain *d)
{
}

/* ---- the server */

static void echo(struct ixev_ctx *ctx, unsigned int reason)
{
	const void *data;
	size_t len;

	while ((data = ixev_recv_peek(ctx, &len))) {
		ssize_t n = ixev_send(ctx, data, len);

		if (n <= 0)
			break;
		ixev_recv_zc(ctx, (size_t)n);
	}
}

static struct ixev_ctx *accept_conn(struct ip_tuple *id)
{
	struct ixev_ctx *ctx = malloc(sizeof(*ctx));

	if (ctx) {
		ixev_ctx_init(ctx);
		ixev_set_handler(ctx, IXEVIN | IXEVHUP, echo);
	}
	return ctx;
}

static void release(struct ixev_ctx *ctx)
{
	free(ctx);
}

static void dialed(struct ixev_ctx *ctx, long ret)
{
}

static int start_server(void)
{
	static const uint16_t ports[] = { PORT, 0 };
	static struct ix_domain domain = {
		.name = "lab",
		.abi_version = IX_ABI_VERSION,
		.nthreads = 1,
		.page_size = 4096,
		.ports = ports,
		.attach = attach,
		.run_io = run_io,
		.detach = nothing,
		.close = close_domain,
	};
	static struct ixev_conn_ops ops = { .accept = accept_conn,
					    .release = release,
					    .dialed = dialed };
	int err;

	domain.arena = lab.end[LAB_SERVER].arena;
	domain.arena_len = lab.end[LAB_SERVER].arena_len;
	err = ix_init_domain(&domain);
	if (!err)
		err = ixev_init(&ops);
	return err ? err : ixev_init_thread();
}

/* What callgrind counts. */
static __attribute__((noinline)) void counted_wait(void)
{
	ixev_wait();
	__asm__ volatile(""); /* not a tail call */
}

/* Until the client has asked @n times more. */
static u64 serve(u64 n, void (*wait)(void))
{
	u64 before = answered, until = rounds + n;

	while (rounds < until) {
		wait();
		client_step();
	}
	return answered - before;
}

int main(int argc, char **argv)
{
	u64 n = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000, echoes;
	struct conf conf;

	conf_init(&conf);
	conf.dp.net.tcp.max_ranges = 4 * conf.dp.net.tcp.max_conns;
	if (lab_open(&lab, &conf.dp) || start_server()) {
		fputs("echo_insns: cannot start\n", stderr);
		return 1;
	}
	connect_all();
	serve(WARM, ixev_wait);
	echoes = serve(n, counted_wait);
	printf("{\"echoes\":%lu,\"rounds\":%lu,\"rx_packets\":%lu,"
	       "\"tx_packets\":%lu}\n",
	       (unsigned long)echoes, (unsigned long)n,
	       (unsigned long)lab.end[LAB_SERVER].stat.rx_packets,
	       (unsigned long)lab.end[LAB_SERVER].stat.tx_packets);
	return 0;
}
