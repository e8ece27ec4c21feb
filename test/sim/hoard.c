/* SPDX-License-Identifier: MIT */
/*
 *	hoard [-6]
 *
 * A server whose peers are not all honest, in virtual time:
 *
 *   HONEST: 32 clients ask, read, ask ------ wire --+
 *                                                    hub -- dp: SERVER
 *   GREEDY: 1,100 ask and never read ------- wire --+
 *
 * The server answers each request by a range of its own; it reads no further
 * on a connection whose answer is not taken. What the honest ones get done
 * beside the others must be 80 % of what they get done alone, of every
 * depth of their pipelines, and none of them may be reset.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "test/lab/lab.h"

enum {
	NHONEST = 32,
	NGREEDY = 1100,
	MSG = 64, /* bytes of a request, and of an answer */
	PORT = 80,
	ARENA = 1 << 20,
	MEASURE_MS = 16,
	SETTLE_MS = 250, /* some timeouts, and PATIENCE_MS */
	PATIENCE_MS = 20,
	LIMIT = 400000, /* steps until something must have happened */
};

#define STEP_NS 2000ull
#define STEP_MAX_NS 1000000ull

enum end { SERVER, HONEST, GREEDY, NR_ENDS };

struct conn {
	u64 handle;
	u32 unread; /* bytes told, not given back */
	u32 wanted; /* client: bytes of answers to come */
	bool open;
	bool waits; /* the last sendv took nothing: until something is sent */
};

struct host {
	struct lab_node node;
	struct conn conns[NHONEST + NGREEDY];
	u32 nconns;
	u16 who[IX_MAX_CALLS]; /* made down.calls[i] */
	u64 answers;
	u32 resets;
	u32 arena_at;
};

/* Two wires that end in one queue. */
struct hub {
	struct nicq q;
	struct nicq *port[NR_ENDS]; /* towards HONEST, GREEDY */
};

struct world {
	struct host host[NR_ENDS];
	struct wire_link near[NR_ENDS], far[NR_ENDS]; /* of the hub */
	struct hub hub;
	u64 now;
	bool ip6;
	u32 depth; /* requests on the way, of an honest client */
};

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "hoard: not so: %s\n", what);
	exit(1);
}

/* ---- hub */

static struct hub *hub_of(struct nicq *q)
{
	return container_of(q, struct hub, q);
}

static int hub_rx(struct nicq *q, struct mbuf **pkts, int n, u64 now)
{
	struct hub *h = hub_of(q);
	int got = 0;

	for (enum end e = HONEST; e < NR_ENDS; e++) {
		h->port[e]->pool = q->pool;
		got += h->port[e]->ops->rx(h->port[e], pkts + got,
					   (n - got) / (NR_ENDS - (int)e), now);
	}
	return got;
}

static int hub_tx(struct nicq *q, struct mbuf **pkts, int n, u64 now)
{
	struct hub *h = hub_of(q);

	for (int i = 0; i < n; i++) {
		struct nicq *port = h->port[pkts[i]->data[5]];

		if (port->ops->tx(port, &pkts[i], 1, now) != 1)
			return i;
	}
	return n;
}

static void hub_kick(struct nicq *q)
{
	for (enum end e = HONEST; e < NR_ENDS; e++)
		hub_of(q)->port[e]->ops->kick(hub_of(q)->port[e]);
}

static void hub_reclaim(struct nicq *q)
{
	for (enum end e = HONEST; e < NR_ENDS; e++)
		hub_of(q)->port[e]->ops->reclaim(hub_of(q)->port[e]);
}

static const struct nicq_ops hub_ops = {
	.rx = hub_rx,
	.tx = hub_tx,
	.kick = hub_kick,
	.reclaim = hub_reclaim,
};

/* ---- hosts */

/* As in conf.def, but for the time that is waited. */
static const struct tcp_conf server_conf = {
	.max_conns = 65536,
	.max_listeners = 4,
	.max_ranges = 4 * 65536,
	.conn_ranges = 256,
	.patience_ms = PATIENCE_MS,
	.snd_buf = 1 << 20,
	.rcv_buf = 256 << 10,
	.rcv_mbufs = 192,
	.rto_initial_us = 200000,
	.rto_min_us = 50000,
	.rto_max_us = 60000000,
	.delack_us = 1000,
	.time_wait_ms = 1000,
	.fin_timeout_ms = 10000,
	.retries = 15,
	.syn_retries = 6,
	.init_cwnd = 10,
	.timestamps = true,
	.wscale = true,
	.port_min = 32768,
	.port_max = 60999,
	.challenge_acks = 1000,
};

static void *zeroed(size_t bytes)
{
	void *p;

	if (posix_memalign(&p, MBUF_SIZE, bytes))
		panic("hoard: out of memory");
	return memset(p, 0, bytes);
}

static struct be32 ip4_of(enum end e)
{
	return be32(0x0a000001 + e);
}

static struct be128 ip6_of(enum end e)
{
	return (struct be128){ .b = { 0xfd, [15] = (u8)(e + 1) } };
}

static struct dp_conf conf_of(enum end e, bool ip6)
{
	struct dp_conf conf = {
		.batch = 64,
		.max_timers = 1,
		.mbufs = e == GREEDY ? 65536 : 16384,
		.net = {
			.ip = ip4_of(e),
			.netmask = be32(0xffffff00),
			.arp_timeout_ms = 60000,
			.arp_retry_ms = 1000,
			.arp_retries = 3,
			.tcp = server_conf,
			.udp = { .max_sockets = 1, .rcv_queue = 1 },
		},
	};

	if (ip6) {
		conf.net.ip6.own[0] = (struct ip6_prefix){ ip6_of(e), 64 };
		conf.net.ip6.nown = 1;
	}
	if (e == GREEDY)
		conf.net.tcp.rcv_buf = 4096;
	return conf;
}

static void introduce(struct world *w, struct net *net, enum end other)
{
	const u8 mac[6] = { [5] = (u8)other };
	struct be32 ip = ip4_of(other);

	if (w->ip6)
		ip = addr_get(net, ip6_of(other));
	check(!neigh_add_static(net, ip, mac), "a neighbour");
	addr_put(net, ip);
}

static void open_host(struct world *w, enum end e, struct nicq *q)
{
	struct host *h = &w->host[e];
	struct dp_conf dp = conf_of(e, w->ip6);
	const struct lab_node_conf conf = {
		.dp = &dp,
		.nic = q,
		.arena_len = ARENA,
		.secret = { e, 1 },
		.apart = true,
	};

	memset(q->mac, 0, sizeof(q->mac));
	q->mac[5] = (u8)e;
	check(!lab_node_open(&h->node, &conf, w->now), "a dataplane");
	for (enum end other = 0; other < NR_ENDS; other++) {
		if (other != e)
			introduce(w, &h->node.dp->net, other);
	}
}

static struct world *open_world(bool ip6)
{
	const struct wire_conf wire = { .nqueues = 1 };
	struct world *w = zeroed(sizeof(*w));

	w->now = 1000000000;
	w->ip6 = ip6;
	for (enum end e = HONEST; e < NR_ENDS; e++) {
		check(!wire_link_pair(&w->near[e], &wire, &w->far[e], &wire),
		      "a wire");
		w->hub.port[e] = &w->near[e].queues[0]->q;
		open_host(w, e, &w->far[e].queues[0]->q);
	}
	w->hub.q = (struct nicq){ .ops = &hub_ops, .mtu = 1500 };
	w->hub.q.caps = w->hub.port[HONEST]->caps;
	open_host(w, SERVER, &w->hub.q);
	return w;
}

/* ---- calls */

static struct ix_call *call(struct host *h, u32 conn, u16 op)
{
	struct ix_call *c = lab_call(&h->node, op);

	h->who[c - h->node.down->calls] = (u16)conn;
	c->handle = h->conns[conn].handle;
	return c;
}

static bool room(const struct host *h)
{
	return h->node.down->ncalls + 4 <= IX_MAX_CALLS;
}

/* Never where the last one ended: a range of its own. */
static void call_send(struct host *h, u32 conn, u32 len)
{
	struct ix_call *c = call(h, conn, IX_SENDV);
	u32 i = h->node.down->ncalls - 1;

	h->arena_at += len + 1;
	if (h->arena_at + len > ARENA)
		h->arena_at = 0;
	h->node.down->sgs[i] =
		(struct ix_sg){ .addr = LAB_ARENA + h->arena_at, .len = len };
	c->sg = i;
	c->nsgs = 1;
}

static void give_back(struct host *h, u32 conn, u32 len)
{
	call(h, conn, IX_RECV_DONE)->bytes = len;
	h->conns[conn].unread -= len;
}

/* What each kind does when it may. */
static void work(struct world *w, enum end e, struct host *h, u32 conn)
{
	struct conn *c = &h->conns[conn];

	if (e == SERVER && c->unread >= MSG && !c->waits) {
		call_send(h, conn, MSG);
	} else if (e == GREEDY && !c->waits) {
		call_send(h, conn, 200 * MSG);
	} else if (e == HONEST) {
		if (c->unread)
			give_back(h, conn, c->unread);
		if (c->wanted < w->depth * MSG)
			call_send(h, conn, w->depth * MSG - c->wanted);
	}
}

static void on_sendv(enum end e, struct host *h, u32 conn, s64 taken)
{
	struct conn *c = &h->conns[conn];

	if (taken <= 0)
		c->waits = true;
	else if (e == SERVER)
		give_back(h, conn, (u32)taken);
	else
		c->wanted += (u32)taken;
}

/* Results first: what is given back goes with the next batch. */
static void on_results(enum end e, struct host *h)
{
	u32 n = h->node.down->ncalls;
	struct {
		u16 op, conn;
		s64 result;
	} made[IX_MAX_CALLS];

	for (u32 i = 0; i < n; i++) {
		made[i].op = h->node.down->calls[i].op;
		made[i].conn = h->who[i];
		made[i].result = h->node.up->results[i];
	}
	h->node.down->ncalls = 0;
	for (u32 i = 0; i < n; i++) {
		if (made[i].op == IX_SENDV && h->conns[made[i].conn].open)
			on_sendv(e, h, made[i].conn, made[i].result);
	}
}

static void on_knock(struct host *h, const struct ix_event *ev)
{
	u32 conn = h->nconns++;

	check(conn < NHONEST + NGREEDY, "no more than there are");
	h->conns[conn] = (struct conn){ .handle = ev->handle, .open = true };
	call(h, conn, IX_ACCEPT)->cookie = conn;
}

static void on_event(enum end e, struct host *h, const struct ix_event *ev)
{
	struct conn *c = &h->conns[ev->cookie];

	switch (ev->type) {
	case IX_EV_KNOCK:
		on_knock(h, ev);
		return;
	case IX_EV_CONNECTED:
		check(!ev->error, "who connects is let in");
		c->handle = ev->handle;
		c->open = true;
		return;
	case IX_EV_DEAD:
		c->open = false;
		h->resets++;
		return;
	case IX_EV_RECV:
		c->unread += ev->len;
		c->wanted -= min(c->wanted, ev->len);
		h->answers += ev->len / MSG;
	}
	c->waits = c->waits && !ev->acked;
}

/* False: nothing happened. */
static bool step_host(struct world *w, enum end e)
{
	struct host *h = &w->host[e];
	bool calls;
	int n;

	for (u32 i = 0; i < h->nconns && room(h); i++) {
		if (h->conns[i].open)
			work(w, e, h, i);
	}
	calls = h->node.down->ncalls;
	n = dp_step(h->node.dp, true, w->now);
	on_results(e, h);
	for (int i = 0; i < n; i++)
		on_event(e, h, &h->node.up->events[i]);
	return calls || n >= 0 || h->node.down->ncalls;
}

/* When nothing moves, the clock jumps to the next timer. */
static void step(struct world *w)
{
	bool busy = false;
	u64 wait = UINT64_MAX;

	for (enum end e = 0; e < NR_ENDS; e++)
		busy |= step_host(w, e);
	for (enum end e = 0; e < NR_ENDS && !busy; e++)
		wait = min(wait, dp_next_deadline(w->host[e].node.dp, w->now));
	w->now += busy ? STEP_NS : min(max(wait, STEP_NS), STEP_MAX_NS);
}

/* ---- what happens */

static void listen_all(struct world *w)
{
	struct ix_call *c = call(&w->host[SERVER], 0, IX_LISTEN);

	c->port = PORT;
	c->backlog = NHONEST + NGREEDY;
	step(w);
}

/* So that none is refused for want of time. */
static void connect_some(struct world *w, enum end e, u32 n)
{
	struct host *h = &w->host[e];
	struct ix_addr server = addr_of_ipv4(ip4_of(SERVER));
	struct be128 ip6 = ip6_of(SERVER);

	if (w->ip6)
		memcpy(&server, &ip6, sizeof(server));
	for (u32 i = 0; i < n; i++) {
		struct ix_call *c = call(h, h->nconns, IX_CONNECT);

		c->cookie = h->nconns++;
		c->ip = server;
		c->port = PORT;
		step(w);
	}
}

static void run(struct world *w, u64 ns)
{
	u64 end = w->now + ns;

	while (w->now < end)
		step(w);
}

/* Answers, after @settle_ms. */
static u64 measure(struct world *w, u32 settle_ms)
{
	u64 before;

	run(w, settle_ms * 1000000ull);
	before = w->host[HONEST].answers;
	run(w, MEASURE_MS * 1000000ull);
	return w->host[HONEST].answers - before;
}

/* Until the server takes nothing more from the greedy ones. */
static void fill(struct world *w)
{
	const struct host *h = &w->host[SERVER];
	u32 quiet = 0;

	for (u32 i = 0; quiet < 2000; i++) {
		u64 before = h->node.stat.calls;

		step(w);
		quiet = h->node.stat.calls - before > NHONEST ? 0 : quiet + 1;
		check(i < LIMIT, "the greedy ones get enough");
	}
}

int main(int argc, char **argv)
{
	static const u32 depths[] = { 1, 8, 200 };
	struct world *w = open_world(argc > 1 && !strcmp(argv[1], "-6"));
	const struct host *server = &w->host[SERVER];
	u64 alone[ARRAY_SIZE(depths)];

	listen_all(w);
	connect_some(w, HONEST, NHONEST);
	for (u32 i = 0; i < ARRAY_SIZE(depths); i++) {
		w->depth = depths[i];
		alone[i] = measure(w, MEASURE_MS);
	}
	w->depth = 0;
	connect_some(w, GREEDY, NGREEDY);
	fill(w);
	printf("filled: %u ranges of %u left, %u buffers of %u\n",
	       server->node.dp->net.tcp.ranges_left, server_conf.max_ranges,
	       server->node.dp->pool.nfree, server->node.dp->pool.total);
	for (u32 i = 0; i < ARRAY_SIZE(depths); i++) {
		u64 beside;

		w->depth = depths[i];
		beside = measure(w, SETTLE_MS);
		printf("%u deep: %llu answers, %llu alone: %.0f %%; %llu cut\n",
		       depths[i], (unsigned long long)beside,
		       (unsigned long long)alone[i],
		       100.0 * (double)beside / (double)alone[i],
		       (unsigned long long)(server->node.stat.tcp_cut_send +
					    server->node.stat.tcp_cut_recv));
		check(beside * 10 >= alone[i] * 8,
		      "who is honest gets 80 % done");
	}
	check(!w->host[HONEST].resets, "none of the honest is reset");
	return 0;
}
