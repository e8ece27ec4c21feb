/* SPDX-License-Identifier: MIT */
/*
 * Runs packet scripts (script.h) on a dataplane with a fake NIC and a virtual
 * clock.
 *
 *	run [-v] SCRIPT.pkt...        -v: print everything that happens
 *
 * Each script runs by both families, with a NIC that gathers and with one that
 * does not, and all again with timestamps if it includes established.inc. The
 * MTU is such that segments hold as much in each case: of scripts for IPv6
 * alone, 1440 bytes.
 */
#include "run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/errno.h"

enum {
	MAX_STEPS = 100000,
	TS_LEN = 12,	    /* of the timestamps option, padded */
	FIRST_PORT = 40000, /* of the peer, in passive connections */
};

double run_seconds(const struct run *r, u64 at)
{
	return (double)(at - r->start) * 1e-9;
}

void run_fail(const struct run *r, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "%s:%d: IPv%d, at %.6f: ", r->stmt->file, r->stmt->line,
		r->ip6 ? 6 : 4, run_seconds(r, r->rig->now));
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

u8 run_pattern(u32 off)
{
	return (u8)(off * 7 + (off >> 8) * 13 + 1);
}

/* ---- time */

void run_pump(struct run *r)
{
	u32 steps = 0;

	while (rig_poll(r->rig) != -EAGAIN) {
		capture(r);
		if (++steps == MAX_STEPS)
			run_fail(r, "the dataplane does not come to rest");
	}
	capture(r);
}

void run_until(struct run *r, u64 until, const u32 *queue)
{
	for (;;) {
		u64 wait;

		run_pump(r);
		if (queue && *queue)
			return;
		wait = dp_next_deadline(&r->rig->dp, r->rig->now);
		if (r->rig->now >= until)
			return;
		if (wait >= until - r->rig->now)
			r->rig->now = until;
		else
			r->rig->now += max(wait, (u64)1);
	}
}

/* ---- the script */

/* Is it for @family of peers to be found out where they are? */
static void meet(struct run *r)
{
	struct net *net = &r->rig->dp.net;
	struct be32 id;

	if (!r->ip6)
		return;
	if (r->nd) {
		ip6_announce(net, r->rig->now);
		return;
	}
	id = addr_get(net, rig_peer_ip6);
	if (neigh_add_static(net, id, rig_peer_mac))
		run_fail(r, "no IPv6");
	addr_put(net, id);
}

static void start(struct run *r)
{
	if (r->started)
		return;
	r->started = true;
	rig_start(r->rig);
	meet(r);
	for (u32 i = 0; i < RIG_ARENA; i++)
		r->rig->arena[i] = run_pattern(i);
	for (u32 i = 1; i < MAX_FLOW; i++)
		r->flows[i].id = (struct flow_id){
			.ip6 = r->ip6,
			.peer_port = (u16)(FIRST_PORT + i),
			.our_port = RIG_PORT,
		};
}

/* An input or a call, and those of the same batch; how many. */
static u32 batch(struct run *r, const struct script *s, u32 first)
{
	u32 n = 0, calls = 0;

	run_until(r, r->line, NULL);
	expect_nothing(r);
	do {
		r->stmt = &s->stmts[first + n];
		if (r->stmt->kind == STMT_IN)
			play_segment(r);
		else if (r->stmt->kind == STMT_ICMP)
			play_icmp(r);
		else if (r->stmt->kind == STMT_ND)
			play_nd(r);
		else
			play_call(r), calls++;
	} while (first + ++n < s->n && s->stmts[first + n].when == TIME_SAME);
	if (calls) {
		rig_run(r->rig);
		capture(r);
	}
	for (u32 i = 0, call = 0; i < n; i++) {
		if (s->stmts[first + i].kind == STMT_CALL)
			play_result(r, &s->stmts[first + i],
				    r->rig->up.results[call++]);
	}
	run_pump(r);
	return n;
}

static void run(struct run *r, const struct script *s)
{
	for (u32 i = 0; i < s->n;) {
		const struct stmt *st = &s->stmts[i];

		r->stmt = st;
		if (st->when == TIME_AT)
			r->line = r->start + st->ns;
		else
			r->line += st->ns;
		if (st->kind != STMT_CONF)
			start(r);
		switch (st->kind) {
		case STMT_CONF:
			play_conf(r);
			break;
		case STMT_OUT:
			expect_packet(r);
			break;
		case STMT_ICMP_OUT:
			expect_icmp(r);
			break;
		case STMT_EVENT:
			expect_event(r);
			break;
		case STMT_COUNTER:
			run_until(r, r->line, NULL);
			expect_counter(r);
			break;
		default:
			i += batch(r, s, i);
			continue;
		}
		i++;
	}
	run_until(r, r->line, NULL);
	expect_nothing(r);
}

/* RFC 6298 and RFC 1122 times, where a data centre would choose others. */
static void defaults(struct tcp_conf *c)
{
	c->rto_initial_us = 1000000;
	c->rto_min_us = 200000;
	c->rto_max_us = 60000000;
	c->delack_us = 40000;
	c->time_wait_ms = 60000;
	c->fin_timeout_ms = 60000;
	c->orphan_timeout_ms = 300000;
	c->timestamps = true;
	c->wscale = true;
	c->sack = true;
}

/* How a script runs. */
struct variant {
	u32 caps;  /* of the NIC */
	bool fast; /* with timestamps, where the script leaves the opening to us
		    */
	bool ip6;
};

static void speak_ip6(struct run *r)
{
	r->rig->conf.net.ip6 = (struct ip6_conf){
		.own = { { .ip = rig_ip6, .bits = 64 } },
		.nown = 1,
		.gateway = rig_peer_ip6,
		.detect = r->nd,
	};
}

static void run_script(const char *path, struct variant v, bool verbose)
{
	struct run *r = calloc(1, sizeof(*r));
	struct script s = { 0 };

	if (!r)
		panic("memory");
	if (v.fast) {
		s.from = "established.inc";
		s.to = "established_fast.inc";
	}
	script_read(&s, path);
	r->rig = rig_new();
	r->rig->nic.q.caps |= v.caps;
	r->rig->nic.q.mtu = 1500 + (v.fast ? TS_LEN : 0);
	if (v.ip6 && s.only != FAMILY_IP6)
		r->rig->nic.q.mtu += IPV6_LEN - IPV4_LEN;
	memcpy(r->rig->nic.q.mac, "\2\0\0\0\0\1", 6);
	defaults(&r->rig->conf.net.tcp);
	r->start = r->line = r->rig->now;
	r->verbose = verbose;
	r->ip6 = v.ip6;
	r->nd = s.nd;
	if (v.ip6)
		speak_ip6(r);
	if ((!v.fast || s.replaced) &&
	    s.only != (v.ip6 ? FAMILY_IP4 : FAMILY_IP6))
		run(r, &s);
	start(r);
	rig_end(r->rig);
	free(s.stmts);
	free(r);
}

int main(int argc, char **argv)
{
	bool verbose = argc > 1 && !strcmp(argv[1], "-v");

	for (int i = 1 + verbose; i < argc; i++) {
		for (u32 v = 0; v < 8; v++)
			run_script(argv[i],
				   (struct variant){ .caps = v & 1 ? NIC_GATHER
								   : 0,
						     .fast = v & 2,
						     .ip6 = v & 4 },
				   verbose);
	}
	return 0;
}
