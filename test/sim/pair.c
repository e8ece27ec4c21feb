/* SPDX-License-Identifier: MIT */
#include "pair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/panic.h"

enum {
	PORT = 80,
	ARENA = 1 << 20,
	PIECE = 64 << 10, /* of a range */
	STEP_NS = 1000,	  /* an iteration that did something */
};

struct pair;

struct end {
	struct pair *pair;
	struct lab_node node;
	struct nicq nic;
	struct transit *in; /* frames on their way to it */
	struct impair way;  /* ... from it */
	u64 handle;
	bool open, dead, full;
	u32 unread; /* bytes that it has not given back yet */
	u64 next;   /* when it must run */
	u64 frames;
};

struct pair {
	const struct pair_conf *conf;
	struct end end[2];
	u64 now;
	bool begun; /* the connection is open */
	u32 queued, received;
};

const struct tcp_conf pair_tcp = {
	.max_conns = 64,
	.max_listeners = 1,
	.max_ranges = 1024,
	.conn_ranges = 256,
	.patience_ms = 600000,
	.snd_buf = 1 << 20,
	.rcv_buf = 1 << 20,
	.rcv_mbufs = 192,
	.rto_initial_us = 200000,
	.rto_min_us = 50000,
	.rto_max_us = 60000000,
	.delack_us = 1000,
	.quick_acks = 16,
	.time_wait_ms = 1000,
	.fin_timeout_ms = 10000,
	.orphan_timeout_ms = 300000,
	.retries = 30,
	.syn_retries = 30,
	.init_cwnd = 10,
	.timestamps = true,
	.wscale = true,
	.sack = true,
	.port_min = 32768,
	.port_max = 60999,
	.challenge_acks = 1000,
};

/* ---- the path */

static struct pair_seg read_segment(const struct end *e, const u8 *frame)
{
	bool ip6 = e->pair->conf->ip6;
	const struct ipv4_hdr *ip = (const void *)(frame + ETH_LEN);
	const struct ipv6_hdr *ip6_hdr = (const void *)ip;
	const struct tcp_hdr *h =
		(const void *)(frame + ETH_LEN + (ip6 ? IPV6_LEN : IPV4_LEN));
	u32 len = ip6 ? be16_host(ip6_hdr->len)
		      : be16_host(ip->len) - (u32)IPV4_LEN;

	return (struct pair_seg){
		.from = e != &e->pair->end[0],
		.seq = be32_host(h->seq),
		.len = len - (h->off >> 4) * 4u,
		.ack = be32_host(h->ack),
		.now = e->pair->now,
	};
}

/* What opens the connection is not lost. */
static bool is_lost(struct end *e, const struct pair_seg *s)
{
	const struct pair_conf *conf = e->pair->conf;

	return e->pair->begun && conf->lose && conf->lose(conf->arg, s);
}

static bool is_marked(const struct pair *p, const u8 *frame)
{
	const struct ipv4_hdr *ip = (const void *)(frame + ETH_LEN);
	const struct ipv6_hdr *ip6 = (const void *)ip;
	u32 tos = p->conf->ip6 ? be32_host(ip6->ver_class_flow) >> 20 : ip->tos;

	return (tos & IP_ECN) == IP_CE;
}

static void carry(struct end *from, u8 *frame, u32 len)
{
	struct pair *p = from->pair;
	struct end *to = &p->end[from == &p->end[0]];
	struct pair_seg s = read_segment(from, frame);
	struct impair_fate fate;
	const char *what = "";

	from->frames++;
	if (is_lost(from, &s)) {
		what = "lost";
	} else if (!impair_decide(&from->way, frame, len, p->now, &fate)) {
		what = "lost on the way";
	} else {
		s.late = fate.due - p->now - from->way.conf.delay_ns;
		s.marked = is_marked(p, frame);
		transit_put(to->in, frame, len, fate.due, 0);
		to->next = min(to->next, fate.due);
	}
	if (p->conf->watch)
		p->conf->watch(p->conf->arg, &s, what);
}

static struct end *end_of(struct nicq *q)
{
	return container_of(q, struct end, nic);
}

static int nic_rx(struct nicq *q, struct mbuf **pkts, int n, u64 now)
{
	struct end *e = end_of(q);
	const struct transit_frame *f;
	int got = 0;

	while (got < n && (f = transit_first(e->in, now))) {
		struct mbuf *m = mbuf_alloc(q->pool);

		if (!m)
			panic("pair: no buffers");
		m->len = f->len;
		memcpy(m->data, e->in->bytes[f->slot], f->len);
		transit_remove_first(e->in);
		pkts[got++] = m;
	}
	return got;
}

static int nic_tx(struct nicq *q, struct mbuf **pkts, int n, u64 now)
{
	u8 frame[RING_MAX_FRAME];

	for (int i = 0; i < n; i++) {
		u32 len = mbuf_packet_len(pkts[i]);

		mbuf_copy(frame, pkts[i]);
		nicq_tx_done(q, pkts[i]);
		carry(end_of(q), frame, len);
	}
	return n;
}

static void nic_nothing(struct nicq *q)
{
}

static const struct nicq_ops nic_ops = {
	.rx = nic_rx,
	.tx = nic_tx,
	.kick = nic_nothing,
	.reclaim = nic_nothing,
};

/* ---- ends */

/* The other end is known: nobody asks for it. */
static void introduce(struct end *e, u32 other)
{
	const u8 mac[6] = { 2, [5] = (u8)other };
	struct net *net = &e->node.dp->net;
	struct be32 ip = be32(LAB_IP(other));

	if (e->pair->conf->ip6)
		ip = addr_get(net, LAB_IP6(other));
	if (neigh_add_static(net, ip, mac))
		panic("pair: no neighbour");
	addr_put(net, ip);
}

static void open_end(struct pair *p, u32 i)
{
	struct end *e = &p->end[i];
	struct dp_conf dp = {
		.batch = 64,
		.max_timers = 1,
		.mbufs = 8192,
		.net = {
			.ip = be32(LAB_IP(i)),
			.netmask = be32(0xffffff00),
			.arp_timeout_ms = 60000,
			.arp_retry_ms = 1000,
			.arp_retries = 3,
			.tcp = p->conf->tcp,
			.udp = { .max_sockets = 1, .rcv_queue = 1 },
		},
	};
	const struct lab_node_conf conf = {
		.dp = &dp,
		.nic = &e->nic,
		.arena_len = ARENA,
		.secret = { i, 1 },
		.apart = true,
	};

	if (p->conf->ip6) {
		dp.net.ip6.own[0] = (struct ip6_prefix){ LAB_IP6(i), 64 };
		dp.net.ip6.nown = 1;
	}
	e->pair = p;
	e->nic = (struct nicq){ .ops = &nic_ops, .mtu = 1500 };
	e->nic.mac[0] = 2;
	e->nic.mac[5] = (u8)i;
	e->next = p->now;
	e->in = calloc(1, sizeof(*e->in));
	if (!e->in || lab_node_open(&e->node, &conf, p->now))
		panic("pair: cannot start");
	transit_init(e->in);
	e->way.conf = p->conf->way[i];
	impair_init(&e->way);
	introduce(e, !i);
}

/* Each may have something to say to the other at its end. */
static void close_ends(struct pair *p)
{
	for (int i = 0; i < 2; i++)
		lab_node_close(&p->end[i].node, p->now);
	for (int i = 0; i < 2; i++)
		free(p->end[i].in);
}

/* ---- applications */

static struct ix_call *call(struct end *e, u16 op)
{
	struct ix_call *c = lab_call(&e->node, op);

	c->handle = e->handle;
	return c;
}

static void send_some(struct end *e)
{
	u32 left = e->pair->conf->bytes - e->pair->queued;
	struct ix_call *c;

	if (!e->pair->begun || e->full || !left)
		return;
	c = call(e, IX_SENDV);
	e->node.down->sgs[0] =
		(struct ix_sg){ .addr = LAB_ARENA + e->pair->queued % PIECE,
				.len = min(left, (u32)PIECE) };
	c->nsgs = 1;
}

/* One call, however many buffers a filled hole has brought: there may be more
 * of them than calls in a batch. */
static void give_back(struct end *e)
{
	if (!e->unread)
		return;
	call(e, IX_RECV_DONE)->bytes = e->unread;
	e->unread = 0;
}

/* Who is dead may not have been told so yet. */
static void on_results(struct end *e)
{
	struct ix_down *down = e->node.down;

	for (u32 i = 0; i < down->ncalls; i++) {
		s64 n = e->node.up->results[i];

		invariant(n >= 0 || n == -EBADF);
		if (n < 0 || down->calls[i].op != IX_SENDV)
			continue;
		e->pair->queued += (u32)n;
		e->full = n < down->sgs[0].len;
	}
	down->ncalls = 0;
}

static void on_event(struct end *e, const struct ix_event *ev)
{
	switch (ev->type) {
	case IX_EV_KNOCK:
		e->handle = ev->handle;
		call(e, IX_ACCEPT);
		break;
	case IX_EV_CONNECTED:
		e->handle = ev->handle;
		e->open = !ev->error;
		break;
	case IX_EV_RECV:
		e->pair->received += ev->len;
		e->unread += ev->len;
		break;
	case IX_EV_SENT:
		e->full = false;
		break;
	case IX_EV_DEAD:
		e->dead = true;
	}
}

static void run_end(struct end *e)
{
	struct pair *p = e->pair;
	u64 wait;
	bool busy;

	if (e == &p->end[0])
		send_some(e);
	give_back(e);
	busy = e->node.down->ncalls;
	busy |= dp_step(e->node.dp, busy, p->now) != -EAGAIN;
	on_results(e);
	for (u32 i = 0; i < e->node.up->nevents; i++)
		on_event(e, &e->node.up->events[i]);
	e->node.up->nevents = 0;
	busy |= e->node.down->ncalls || e->unread;
	wait = busy ? STEP_NS : dp_next_deadline(e->node.dp, p->now);
	e->next = wait == UINT64_MAX ? wait : p->now + max(wait, 1ull);
	e->next = min(e->next, max(transit_next_due(e->in), p->now + 1));
}

/* ---- the whole */

static void look(const struct pair *p)
{
	const struct end *e = &p->end[0];
	const struct net *net = &e->node.dp->net;

	if (p->begun && p->conf->look && !e->dead)
		p->conf->look(p->conf->arg, net,
			      &net->tcp.conns[handle_index(e->handle)], p->now);
}

static void step(struct pair *p)
{
	p->now = min(p->end[0].next, p->end[1].next);
	for (int i = 0; i < 2; i++) {
		if (p->end[i].next <= p->now)
			run_end(&p->end[i]);
	}
	look(p);
}

static struct ix_addr address(const struct pair *p, u32 end)
{
	struct be128 ip = LAB_IP6(end);
	struct ix_addr out = addr_of_ipv4(be32(LAB_IP(end)));

	if (p->conf->ip6)
		memcpy(&out, &ip, sizeof(out));
	return out;
}

static void connect_them(struct pair *p)
{
	struct ix_call *listen = call(&p->end[1], IX_LISTEN);
	struct ix_call *connect = call(&p->end[0], IX_CONNECT);

	listen->port = connect->port = PORT;
	listen->backlog = 1;
	connect->ip = address(p, 1);
	while (!p->end[0].open || !p->end[1].handle)
		step(p);
}

bool pair_run(const struct pair_conf *conf, u64 limit_ns,
	      struct pair_result *result)
{
	struct pair *p = calloc(1, sizeof(*p));
	u64 began;
	bool ok;

	if (!p)
		panic("pair: out of memory");
	p->conf = conf;
	p->now = 1000000000;
	for (u32 i = 0; i < 2; i++)
		open_end(p, i);
	connect_them(p);
	p->begun = true;
	p->end[0].next = began = p->now;
	while (p->received < conf->bytes && p->now < began + limit_ns &&
	       !p->end[0].dead && !p->end[1].dead)
		step(p);
	ok = p->received >= conf->bytes;
	*result = (struct pair_result){
		.ns = p->now - began,
		.received = p->received,
		.dead = p->end[0].dead || p->end[1].dead,
		.frames = { p->end[0].frames, p->end[1].frames },
		.sender = p->end[0].node.stat,
	};
	close_ends(p);
	free(p);
	return ok;
}

bool pair_seeds(struct pair_seeds *s, int argc, char **argv)
{
	int opt;

	*s = (struct pair_seeds){ .count = 1 };
	while ((opt = getopt(argc, argv, "vn:")) != -1) {
		if (opt == 'v')
			s->verbose = true;
		else if (opt == 'n')
			s->count = strtoull(optarg, NULL, 0);
		else
			return false;
	}
	if (optind + 1 != argc)
		return false;
	s->first = strtoull(argv[optind], NULL, 0);
	return true;
}
