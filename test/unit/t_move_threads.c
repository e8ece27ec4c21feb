/* SPDX-License-Identifier: MIT */
/*
 * dp/move.h with a real thread for each elastic one, for the thread sanitizer:
 * two of a server, which another thread makes give flow groups to each other
 * while its clients send. What the application keeps of a connection is written
 * by whoever has the connection, without a lock, as doc/abi.md promises.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "dom/host/ask.h"
#include "dp/move.h"
#include "threads.h"

enum {
	THREADS = 2,
	CONNS = 32,
	TOTAL = 60000, /* bytes of each */
	PIECE = 200,
	PORT = 80,
	ARENA = 1 << 20,
	MOVES = 40,
	WAIT_S = 150,
};

struct end {
	u64 handle;
	u32 got, moves;
	bool eof;
};

struct server {
	struct lab_node lab;
	struct host_ask ask;
	pthread_t thread;
	u32 nr;
};

static struct threads net;
static struct server servers[THREADS];
static struct lab_node client;
static struct end ends[CONNS]; /* each its thread's */
static u32 nends, ended;
static bool stop, all_moved;
static u32 sent[CONNS]; /* the client's */
static u64 handles[CONNS];

static u8 pattern(u32 at)
{
	return (u8)(at % PIECE);
}

static void open_node(struct lab_node *n, u32 end, u32 queue)
{
	threads_open(&net, n, end, queue);
	for (u32 i = 0; i < PIECE; i++)
		n->arena[i] = pattern(i);
}

/* ---- the server's application */

static void on_knock(struct server *s, const struct ix_event *e)
{
	u32 i = __atomic_fetch_add(&nends, 1, __ATOMIC_RELAXED);
	struct ix_call *c = lab_call(&s->lab, IX_ACCEPT);

	invariant(i < CONNS);
	ends[i].handle = c->handle = e->handle;
	c->cookie = i;
}

static void on_recv(struct server *s, struct end *x, const struct ix_event *e)
{
	const u8 *data = (const u8 *)(uintptr_t)e->addr;
	struct ix_call *c;

	if (!e->len) {
		invariant(x->got == TOTAL);
		x->eof = true;
		lab_call(&s->lab, IX_CLOSE)->handle = e->handle;
		return;
	}
	for (u32 i = 0; i < e->len; i++)
		invariant(data[i] == pattern(x->got + i));
	x->got += e->len;
	c = lab_call(&s->lab, IX_RECV_DONE);
	c->handle = e->handle;
	c->bytes = e->len;
}

static void on_event(struct server *s, const struct ix_event *e)
{
	struct end *x = &ends[e->cookie];

	switch (e->type) {
	case IX_EV_KNOCK:
		on_knock(s, e);
		break;
	case IX_EV_RECV:
		on_recv(s, x, e);
		break;
	case IX_EV_ARRIVED:
		invariant(x->handle == e->handle);
		x->moves++;
		break;
	case IX_EV_DEAD:
		invariant(!e->error && x->eof);
		__atomic_fetch_add(&ended, 1, __ATOMIC_RELAXED);
		break;
	default:
		break;
	}
}

static void *serve(void *arg)
{
	struct server *s = arg;
	struct ix_call *c = lab_call(&s->lab, IX_LISTEN);

	c->port = PORT;
	c->backlog = CONNS;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		u64 now = host_clock_os();

		if (host_ask_waits(&s->ask))
			host_ask_answer(&s->ask, s->lab.dp, now);
		dp_step(s->lab.dp, true, now);
		s->lab.down->ncalls = 0;
		for (u32 i = 0; i < s->lab.up->nevents; i++)
			on_event(s, &s->lab.up->events[i]);
	}
	return NULL;
}

/* ---- the clients */

/* The last byte waits until the last move: who is slow moves something, too. */
static void send_more(u32 i)
{
	u32 most = TOTAL - !__atomic_load_n(&all_moved, __ATOMIC_RELAXED);
	u32 off = sent[i] % PIECE, len = min(most - sent[i], PIECE - off);
	struct ix_call *c;

	if (!len)
		return;
	c = lab_call(&client, IX_SENDV);
	c->handle = handles[i];
	c->cookie = i;
	c->sg = i;
	c->nsgs = 1;
	client.down->sgs[i] = (struct ix_sg){
		.addr = (u64)client.arena + off,
		.len = len,
	};
}

static void client_results(u32 n)
{
	for (u32 i = 0; i < n; i++) {
		const struct ix_call *c = &client.down->calls[i];

		if (c->op != IX_SENDV || client.up->results[i] <= 0)
			continue;
		sent[c->cookie] += (u32)client.up->results[i];
		if (sent[c->cookie] == TOTAL)
			handles[c->cookie] |= 1ull << 63; /* to be closed */
	}
}

static void client_step(void)
{
	u32 n = client.down->ncalls;

	dp_step(client.dp, true, host_clock_os());
	client_results(n);
	client.down->ncalls = 0;
	for (u32 i = 0; i < client.up->nevents; i++) {
		const struct ix_event *e = &client.up->events[i];

		if (e->type == IX_EV_CONNECTED)
			handles[e->cookie] = e->handle;
	}
	for (u32 i = 0; i < CONNS; i++) {
		if (handles[i] >> 63 && sent[i] == TOTAL) {
			lab_call(&client, IX_CLOSE)->handle =
				handles[i] & ~(1ull << 63);
			handles[i] = 0;
		} else if (handles[i] && sent[i] < TOTAL) {
			send_more(i);
		}
	}
}

/* ---- who moves */

struct step {
	struct dp_groups groups;
	u32 to;
	int result;
	bool ready;
};

static void begin(struct dp *dp, void *arg, u64 now)
{
	struct step *s = arg;

	s->result = dp_leave_begin(dp, s->to, &s->groups, now);
}

static void look(struct dp *dp, void *arg, u64 now)
{
	struct step *s = arg;

	s->ready = dp_leave_ready(dp);
	s->result = dp_leave_result(dp);
}

static void go(struct dp *dp, void *arg, u64 now)
{
	invariant(!dp_leave_go(dp, now));
}

static void no_kick(void *arg)
{
}

static void ask(u32 thread, host_call_fn *fn, struct step *s)
{
	if (host_ask_call(&servers[thread].ask, fn, s, no_kick, NULL,
			  host_clock_os() + WAIT_S * 1000000000ull))
		panic("no answer");
}

static void move(u32 from, u32 n)
{
	struct step s = { .to = !from };

	for (u32 g = 0; g < RSS_TABLE && n; g++) {
		if (net.share.group_owner[g] != from)
			continue;
		dp_group_add(&s.groups, g);
		n--;
	}
	ask(from, begin, &s);
	while (!s.ready)
		ask(from, look, &s);
	for (u32 g = 0; g < RSS_TABLE; g++)
		if (dp_group_in(&s.groups, g))
			__atomic_store_n(&net.share.group_owner[g], (u8)s.to,
					 __ATOMIC_RELAXED);
	wire_set_rss(net.link[1].shared, WIRE_B, net.share.group_owner);
	ask(from, go, &s);
	do
		ask(from, look, &s);
	while (s.result);
}

static void *mover(void *arg)
{
	for (u32 i = 0; i < MOVES; i++)
		move(i % 2, i % 4 == 3 ? 20 : 40);
	__atomic_store_n(&all_moved, true, __ATOMIC_RELAXED);
	return NULL;
}

int main(void)
{
	u64 until = host_clock_os() + WAIT_S * 1000000000ull;
	pthread_t other;
	u32 moved = 0;

	threads_begin(&net, THREADS, PIECE, ARENA);
	open_node(&client, 0, 0);
	for (u32 i = 0; i < THREADS; i++) {
		servers[i].nr = i;
		pthread_mutex_init(&servers[i].ask.lock, NULL);
		open_node(&servers[i].lab, 1, i);
	}
	for (u32 i = 0; i < CONNS; i++) {
		struct ix_call *c = lab_call(&client, IX_CONNECT);

		c->cookie = i;
		c->ip = addr_of_ipv4(be32(LAB_IP(1)));
		c->port = PORT;
	}
	for (u32 i = 0; i < THREADS; i++)
		pthread_create(&servers[i].thread, NULL, serve, &servers[i]);
	pthread_create(&other, NULL, mover, NULL);
	while (__atomic_load_n(&ended, __ATOMIC_RELAXED) < CONNS) {
		invariant(host_clock_os() < until);
		client_step();
	}
	pthread_join(other, NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (u32 i = 0; i < THREADS; i++)
		pthread_join(servers[i].thread, NULL);
	for (u32 i = 0; i < CONNS; i++) {
		invariant(ends[i].got == TOTAL);
		moved += ends[i].moves;
	}
	invariant(moved);
	return 0;
}
