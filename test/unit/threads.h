/* SPDX-License-Identifier: MIT */
/* For the thread sanitizer: a client of one thread, and a server of several, of
 * real ones that share a dataplane, over the wire. */
#ifndef TEST_THREADS_H
#define TEST_THREADS_H

#include "base/panic.h"
#include "dom/host/clock.h"
#include "test/lab/lab.h"

struct threads {
	struct wire_link link[2]; /* client's, server's */
	struct lab_share share;	  /* the server's */
	struct dp_conf conf;
	size_t arena;
};

static inline struct dp_conf threads_conf(u32 snd_buf)
{
	return (struct dp_conf){
		.batch = 64,
		.max_timers = 4,
		.mbufs = 4096,
		.net = { .netmask = { 0x00ffffff },
			 .arp_timeout_ms = 60000,
			 .arp_retry_ms = 1000,
			 .arp_retries = 3,
			 .tcp = { .max_conns = 128,
				  .max_listeners = 2,
				  .max_ranges = 1024,
				  .conn_ranges = 32,
				  .patience_ms = 60000,
				  .snd_buf = snd_buf,
				  .rcv_buf = 65536,
				  .rcv_mbufs = 64,
				  .rto_initial_us = 1000000,
				  .rto_min_us = 1000000,
				  .rto_max_us = 4000000,
				  .delack_us = 10000,
				  .time_wait_ms = 1,
				  .fin_timeout_ms = 1000,
				  .orphan_timeout_ms = 30000,
				  .retries = 15,
				  .syn_retries = 8,
				  .init_cwnd = 10,
				  .timestamps = true,
				  .wscale = true,
				  .sack = true,
				  .port_min = 32768,
				  .port_max = 60999,
				  .challenge_acks = 1000,
				  .per_source = 1000 },
			 .udp = { .max_sockets = 1, .rcv_queue = 1 } },
	};
}

/* @snd_buf of a connection and @arena of a thread: bytes. */
static inline void threads_begin(struct threads *t, u32 nthreads, u32 snd_buf,
				 size_t arena)
{
	const struct wire_conf one = { .nqueues = 1 };
	const struct wire_conf many = { .nqueues = nthreads };

	t->conf = threads_conf(snd_buf);
	t->arena = arena;
	if (wire_link_pair(&t->link[0], &one, &t->link[1], &many) ||
	    lab_share_open(&t->share, &t->conf, nthreads, arena))
		panic("no memory");
}

/* @end 0: the client, 1: thread @queue of the server. */
static inline void threads_open(struct threads *t, struct lab_node *n, u32 end,
				u32 queue)
{
	struct dp_conf c = t->conf;
	const struct lab_node_conf lab = {
		.dp = &c,
		.nic = &t->link[end].queues[queue]->q,
		.arena_len = t->arena,
		.secret = { 1, 2 },
		.share = end ? &t->share : NULL,
		.thread = queue,
	};

	c.net.ip = be32(LAB_IP(end));
	if (lab_node_open(n, &lab, host_clock_os()) ||
	    neigh_add_static(&n->dp->net, be32(LAB_IP(!end)),
			     t->link[!end].queues[0]->q.mac))
		panic("cannot open");
}

#endif
