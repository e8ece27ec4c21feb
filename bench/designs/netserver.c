/* SPDX-License-Identifier: MIT */
/*
 * The network server: IX's own TCP/IP, the whole dataplane, between two
 * mailboxes. Its NIC is the driver's mailbox; whose calls it dispatches and
 * whose events it reads are the application's, who speaks by messages.
 *
 *   mailbox -> FRAME -> rx() -> dp -> event -> pieces -> answer to APP_RECV
 *              APP_SEND -> SENDV -> dp -> tx() -> FRAME to the driver
 *
 * What arrives lies in a packet buffer, a frame as well as data to be sent:
 * TCP sends these from where they are, and they are freed when acknowledged.
 * So no byte is copied in this process.
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "bench/clock.h"
#include "bench/designs/netserver.h"
#include "conf/conf.h"

enum {
	PORT = 7,
	BACKLOG = 1024,
	TICK_US = 10000, /* between two looks at the timers */
	MTU = 1500,	 /* a message is a buffer */
};

/* ---- the NIC: the driver */

static int rx(struct nicq *q, struct mbuf **pkts, int n, u64 now)
{
	struct netserver *s = container_of(q, struct netserver, nic);

	if (!s->arrived)
		return 0;
	pkts[0] = s->arrived;
	s->arrived = NULL;
	return 1;
}

static int tx(struct nicq *q, struct mbuf **pkts, int n, u64 now)
{
	struct netserver *s = container_of(q, struct netserver, nic);
	const struct message msg = { .type = FRAME };

	for (int i = 0; i < n; i++) {
		mailbox_put(s->box->driver, &msg, pkts[i], true);
		nicq_tx_done(q, pkts[i]);
	}
	return n;
}

static void nothing(struct nicq *q)
{
}

static void never(struct nicq *q, u64 ns)
{
}

static const struct nicq_ops driver_ops = {
	.rx = rx,
	.tx = tx,
	.kick = nothing,
	.reclaim = nothing,
	.wait = never,
};

/* ---- one message at a time */

static void step(struct netserver *s, u64 now)
{
	struct lab_node *n = &s->node;
	int nevents = dp_step(n->dp, true, now);

	if (s->sendv != NONE)
		sent(s, n->up->results[s->sendv]);
	n->down->ncalls = 0;
	for (int i = 0; i < nevents; i++)
		take_event(s, &n->up->events[i]);
}

static void step_until_done(struct netserver *s)
{
	u64 now;

	do {
		now = clock_ns();
		step(s, now);
		if (s->called)
			go_on(s);
	} while (s->arrived || s->node.down->ncalls ||
		 !dp_next_deadline(s->node.dp, now));
}

/* Of the message, whose bytes are @m's. */
static void take_message(struct netserver *s, const struct message *msg,
			 struct mbuf *m)
{
	if (msg->type == FRAME) {
		m->flags = (u16)msg->flags;
		s->arrived = m;
		return;
	}
	s->call = *msg;
	s->called = true;
	begin_call(s, m);
}

/* A buffer is free: see MAX_SENT. */
static void serve_one(struct netserver *s)
{
	struct mbuf *m = mbuf_alloc(s->nic.pool);
	struct message msg;
	s64 len;

	if (!m)
		raw_die("the network server is out of buffers");
	len = mailbox_take(s->box->server, &msg, m->data, MBUF_ROOM, true);
	m->len = len < 0 ? 0 : (u32)len;
	if (len < 0)
		mbuf_free(s->nic.pool, m);
	else
		take_message(s, &msg, m);
	step_until_done(s);
}

/* ---- start */

static void wait_for_nic(struct netserver *s)
{
	struct message msg = { .type = APP_RECV };
	struct nic_is is;

	do {
		if (mailbox_take(s->box->server, &msg, &is, sizeof(is), true) <
		    0)
			continue;
		if (msg.type == APP_RECV) { /* it was there first */
			s->call = msg;
			s->called = true;
		}
	} while (msg.type != NIC_IS);
	s->nic = (struct nicq){
		.ops = &driver_ops,
		/* A message is a copy, and gathers. */
		.caps = is.caps | NIC_GATHER | NIC_RX_COPIES,
		.mtu = min(is.mtu, (u16)MTU),
	};
	memcpy(s->nic.mac, is.mac, sizeof(is.mac));
}

static void open_stack(struct netserver *s, const struct raw *r)
{
	struct conf conf;
	const struct lab_node_conf lab = { .dp = &conf.dp,
					   .nic = &s->nic,
					   .arena_len = MBUF_SIZE,
					   .secret = { clock_ns(), 2 } };
	struct lab_node *n = &s->node;

	conf_init(&conf);
	conf.dp.mbufs = MBUFS;
	conf.dp.net.tcp.max_conns = CONNS;
	conf.dp.net.tcp.per_source = CONNS;
	conf.dp.net.tcp.max_ranges = 4 * CONNS;
	conf.dp.net.ip = r->ip;
	conf.dp.net.netmask = be32(0xffffff00);
	if (lab_node_open(n, &lab, clock_ns()))
		raw_die("the network server cannot start");
	/* Data to be sent are in packet buffers as well. */
	n->dp->arena = (struct dp_arena){ (u64)(uintptr_t)n->frames, n->frames,
					  n->frames_len };
	lab_call(n, IX_LISTEN)->port = PORT;
	n->down->calls[0].backlog = BACKLOG;
}

void serve_network(const struct raw *r, const struct mailboxes *box)
{
	static struct netserver s = { .sendv = NONE };
	const struct timeval tick = { .tv_usec = TICK_US };

	s.box = box;
	wait_for_nic(&s);
	open_stack(&s, r);
	setsockopt(box->server[MAILBOX_OUT], SOL_SOCKET, SO_RCVTIMEO, &tick,
		   sizeof(tick));
	step_until_done(&s);
	for (;;)
		serve_one(&s);
}
