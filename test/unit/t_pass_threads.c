/* SPDX-License-Identifier: MIT */
/*
 * test/e2e/pass.c for the thread sanitizer: the threads of an echo server pass
 * its two ports round, as doc/abi.md allows it ("Threads"), while clients in
 * this thread compare every byte. The ports' domain is this file.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "ix/ix.h"
#include "threads.h"

enum {
	PORTS = 2,
	CONNS = 24,
	ROUNDS = 60,
	LEN = 700, /* bytes asked, and answered */
	PORT = 7,
	ARENA = 4 << 20,
	WAIT_S = 150,
};

int pass_main(int argc, char **argv); /* pass.c's */

static struct threads net;
static struct lab_node servers[PORTS], client;
static bool stop;
static u32 listening; /* ports */

/* ---- the domain */

static int attach(struct ix_domain *d, int thread, struct ix_port *port)
{
	*port = (struct ix_port){ .down = servers[thread].down,
				  .up = servers[thread].up,
				  .domain = d,
				  .thread = thread,
				  .priv = &servers[thread] };
	return 0;
}

/* Never waits. */
static int run_io(struct ix_port *port)
{
	struct lab_node *n = port->priv;
	bool listens =
		port->down->ncalls && port->down->calls[0].op == IX_LISTEN;

	if (__atomic_load_n(&stop, __ATOMIC_RELAXED))
		return -ESHUTDOWN;
	if (port->down->flags & IX_RUN_FLUSH)
		dp_flush(n->dp, host_clock_os());
	else if (dp_step(n->dp, true, host_clock_os()) < 0)
		n->up->nevents = 0;
	if (listens)
		__atomic_add_fetch(&listening, 1, __ATOMIC_RELEASE);
	return 0;
}

static int detach(struct ix_port *port)
{
	return 0;
}

static struct ix_domain domain = {
	.name = "lab",
	.abi_version = IX_ABI_VERSION,
	.nthreads = PORTS,
	.page_size = 4096,
	.attach = attach,
	.run_io = run_io,
	.detach = detach,
};

static void *serve(void *arg)
{
	static char name[] = "pass", threads[] = "4", crossings[] = "3";
	char *argv[] = { name, threads, crossings, NULL };

	*(int *)arg = pass_main(3, argv);
	return NULL;
}

/* ---- the clients */

static struct peer {
	u64 handle;
	u32 got, rounds;
} peers[CONNS];
static u32 done;

static u8 byte_of(u32 i, u32 round, u32 at)
{
	return (u8)(i * 7 + round * 31 + at);
}

/* What is sent may not change until it is acknowledged: the answer to it has
 * come, which acknowledges it, when the next one is written. */
static void ask(u32 i)
{
	struct peer *p = &peers[i];
	u8 *data = client.arena + i * LEN;
	struct ix_call *c = lab_call(&client, IX_SENDV);

	for (u32 at = 0; at < LEN; at++)
		data[at] = byte_of(i, p->rounds, at);
	c->handle = p->handle;
	c->sg = i;
	c->nsgs = 1;
	client.down->sgs[i] = (struct ix_sg){ (u64)data, LEN, 0 };
	p->got = 0;
}

static void on_answer(u32 i, const struct ix_event *e)
{
	const u8 *data = (const u8 *)(uintptr_t)e->addr;
	struct ix_call *c = lab_call(&client, IX_RECV_DONE);
	struct peer *p = &peers[i];

	c->handle = e->handle;
	c->bytes = e->len;
	invariant(e->len && p->got + e->len <= LEN);
	for (u32 at = 0; at < e->len; at++)
		invariant(data[at] == byte_of(i, p->rounds, p->got + at));
	p->got += e->len;
	if (p->got < LEN)
		return;
	if (++p->rounds < ROUNDS)
		ask(i);
	else
		done++;
}

static void client_step(void)
{
	dp_step(client.dp, true, host_clock_os());
	client.down->ncalls = 0;
	for (u32 k = 0; k < client.up->nevents; k++) {
		const struct ix_event *e = &client.up->events[k];

		invariant(e->type != IX_EV_DEAD);
		if (e->type == IX_EV_CONNECTED) {
			invariant(!e->error);
			peers[e->cookie].handle = e->handle;
			ask((u32)e->cookie);
		} else if (e->type == IX_EV_RECV) {
			on_answer((u32)e->cookie, e);
		}
	}
}

static void connect_all(void)
{
	for (u32 i = 0; i < CONNS; i++) {
		struct ix_call *c = lab_call(&client, IX_CONNECT);

		c->cookie = i;
		c->ip = addr_of_ipv4(be32(LAB_IP(1)));
		c->port = PORT;
	}
}

int main(void)
{
	u64 until = host_clock_os() + WAIT_S * 1000000000ull;
	pthread_t server;
	int ret = -1;

	threads_begin(&net, PORTS, 65536, ARENA);
	threads_open(&net, &client, 0, 0);
	for (u32 i = 0; i < PORTS; i++)
		threads_open(&net, &servers[i], 1, i);
	domain.arena = net.share.arena;
	domain.arena_len = net.share.arena_len;
	invariant(!ix_init_domain(&domain));
	pthread_create(&server, NULL, serve, &ret);
	while (__atomic_load_n(&listening, __ATOMIC_ACQUIRE) < PORTS)
		invariant(host_clock_os() < until);
	connect_all();
	while (done < CONNS) {
		invariant(host_clock_os() < until);
		client_step();
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(server, NULL);
	return ret;
}
