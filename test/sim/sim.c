/* SPDX-License-Identifier: MIT */
/*
 *	sim SEED              one seed, telling what happens
 *	sim FIRST COUNT [S]   so many seeds, or as many as S seconds allow
 */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_STEPS = 20000000, STUCK_S = 4000 };

u32 sim_random(struct sim *s, u32 below)
{
	s->rng ^= s->rng >> 12;
	s->rng ^= s->rng << 25;
	s->rng ^= s->rng >> 27;
	return (u32)((s->rng * 0x2545f4914f6cdd1dull >> 32) * below >> 32);
}

bool sim_chance(struct sim *s, u32 percent)
{
	return sim_random(s, 100) < percent;
}

void sim_say(const struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (!s->verbose)
		return;
	printf("%.6f ", (double)s->now * 1e-9);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void sim_fail(const struct sim *s, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr,
		"sim: seed %llu, at %.6f: ", (unsigned long long)s->seed,
		(double)s->now * 1e-9);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nreplay: sim %llu\n", (unsigned long long)s->seed);
	exit(1);
}

/* ---- settings by seed */

static u32 part(struct sim *s, u32 percent)
{
	return sim_chance(s, 50) ? sim_random(s, percent * 42949673u) : 0;
}

static struct wire_conf wire_conf(struct sim *s)
{
	struct wire_conf c = { .nqueues = 1 };

	c.impair = (struct impair_conf){
		.seed = s->seed,
		.loss = part(s, 10),
		.dup = part(s, 5),
		.corrupt = part(s, 5),
		.reorder = part(s, 10),
		.delay_ns = sim_random(s, 20) * SIM_MS,
		.jitter_ns = sim_random(s, 3) * SIM_MS,
		.rate_bps = sim_chance(s, 30)
				    ? 1000000ull * (1 + sim_random(s, 100))
				    : 0,
	};
	return c;
}

static void tcp_conf(struct sim *s, struct tcp_conf *c)
{
	*c = (struct tcp_conf){
		.max_conns = 64 + sim_random(s, 64),
		.max_listeners = 4,
		.max_ranges = 64 + sim_random(s, 1000),
		.conn_ranges = 4 + sim_random(s, 60),
		.patience_ms = 600000, /* the wire may be worse */
		.snd_buf = 2048 + sim_random(s, 100000),
		.rcv_buf = 2048 + sim_random(s, 200000),
		.rcv_mbufs = 4 + sim_random(s, 60),
		.rto_initial_us = 200000,
		.rto_min_us = 10000 + sim_random(s, 200000),
		.rto_max_us = 4000000,
		.delack_us = sim_random(s, 3) * 20000,
		.time_wait_ms = sim_random(s, 2000),
		.fin_timeout_ms = 10000,
		.orphan_timeout_ms = 300000,
		/* Else who half-closed waits for ever for a peer that aborted
		 * and whose RST was lost. */
		.keep_idle_ms = 500 + sim_random(s, 5000),
		.keep_interval_ms = 1000,
		.keep_probes = 20,
		.retries = 25,
		.syn_retries = 25,
		.init_cwnd = 1 + sim_random(s, 10),
		.timestamps = sim_chance(s, 60),
		.wscale = sim_chance(s, 60),
		.port_min = 32768,
		.port_max = (u16)(32768 + 50 + sim_random(s, 10000)),
		.challenge_acks = 1000,
		.challenge_interval_ms = sim_random(s, 600),
	};
}

static void node_conf(struct sim *s, struct node *n)
{
	n->conf = (struct dp_conf){
		.batch = 1 + sim_random(s, 64),
		.max_timers = 4,
		.mbufs = 400 + sim_random(s, 1000),
		.net = {
			.ip = be32(0x0a000001 + n->nr),
			.netmask = be32(0xffffff00),
			.mtu = (u16)(576 + sim_random(s, 925)),
			.icmp_echo = true,
			.arp_timeout_ms = 100 + sim_random(s, 60000),
			.arp_retry_ms = 100 + sim_random(s, 900),
			.arp_retries = 5,
			.udp = { .max_sockets = 1, .rcv_queue = 1 },
		},
	};
	tcp_conf(s, &n->conf.net.tcp);
	n->backlog = 1 + sim_random(s, 16);
	n->to_open = sim_random(s, SIM_LINKS / 2);
}

static void sim_open(struct sim *s, u64 seed)
{
	struct wire_conf a, b;

	s->seed = seed;
	s->rng = seed * 0x9e3779b97f4a7c15ull + 0xdeadbeefcafef00dull;
	s->now = 1000 * SIM_S + sim_random(s, ~0u);
	a = wire_conf(s);
	b = wire_conf(s);
	if (wire_link_pair(&s->ends[0], &a, &s->ends[1], &b))
		sim_fail(s, "no memory");
	for (u32 i = 0; i < 2; i++) {
		struct nicq *q = &s->ends[i].queues[0]->q;

		s->nodes[i].sim = s;
		s->nodes[i].nr = i;
		if (sim_chance(s, 50))
			q->caps &= ~(u32)NIC_GATHER;
		node_conf(s, &s->nodes[i]);
		node_open(&s->nodes[i], q);
	}
}

/* ---- running */

/* A quiet world's clock jumps to what comes next. */
static void tick(struct sim *s, bool busy)
{
	u64 next = min(node_next(&s->nodes[0]), node_next(&s->nodes[1]));

	if (busy || next <= s->now)
		s->now += 200 + sim_random(s, 2000);
	else if (next != UINT64_MAX)
		s->now = next;
	else
		sim_fail(s, "nothing will ever happen again");
}

static void run_until_idle(struct sim *s)
{
	u64 limit = s->now + STUCK_S * SIM_S;

	while (!app_idle(&s->nodes[0]) || !app_idle(&s->nodes[1])) {
		bool busy = node_step(&s->nodes[0]);

		busy |= node_step(&s->nodes[1]);
		tick(s, busy);
		if (++s->steps > MAX_STEPS || s->now > limit)
			sim_fail(s, "it does not end");
	}
}

/* Until nothing moves and TIME-WAIT is over. */
static void run_down(struct sim *s)
{
	u64 limit = s->now + 600 * SIM_S;

	while (s->now < limit) {
		bool busy = node_step(&s->nodes[0]);
		u64 next;

		busy |= node_step(&s->nodes[1]);
		next = min(node_next(&s->nodes[0]), node_next(&s->nodes[1]));
		if (!busy && next == UINT64_MAX)
			return;
		tick(s, busy);
	}
}

static void check_links(const struct sim *s)
{
	for (u32 i = 0; i < s->nlinks; i++) {
		const struct link *l = &s->links[i];

		if (!l->opener_ended)
			sim_fail(s, "link %u has not ended", i);
		if (l->opener != GRACEFUL || !l->accepter_known ||
		    l->accepter != GRACEFUL)
			continue;
		if (!l->opener_done || !l->accepter_done)
			sim_fail(s, "link %u: %s has not got all", i,
				 l->opener_done ? "accepter" : "opener");
	}
}

static u64 run_seed(u64 seed, bool verbose)
{
	struct sim *s = calloc(1, sizeof(*s));
	u64 bytes;

	if (!s)
		panic("sim: out of memory");
	s->verbose = verbose;
	sim_open(s, seed);
	run_until_idle(s);
	run_down(s);
	check_links(s);
	node_close(&s->nodes[0]);
	node_close(&s->nodes[1]);
	wire_link_close(&s->ends[1]);
	wire_link_close(&s->ends[0]);
	bytes = s->bytes;
	free(s);
	return bytes;
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

int main(int argc, char **argv)
{
	u64 first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	u64 count = argc > 2 ? strtoull(argv[2], NULL, 0) : 1, done = 0;
	double stop = seconds() + (argc > 3 ? atof(argv[3]) : 1e9);
	u64 bytes = 0;

	while (done < count && seconds() < stop)
		bytes += run_seed(first + done++, argc == 2);
	printf("%llu seeds, %.1f MB\n", (unsigned long long)done,
	       (double)bytes * 1e-6);
	return 0;
}
