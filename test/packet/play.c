/* SPDX-License-Identifier: MIT */
/* What a script does. */
#include "run.h"

#include <stdio.h>
#include <string.h>

#include "base/errno.h"

/* ---- what the peer sends */

static void fill_opts(struct run *r, struct script_flow *f, struct seg *s)
{
	struct opts *o = &s->opt;

	if (s->flags & TCP_SYN && !f->peer_ts)
		f->peer_ts = o->ts_val != ABSENT;
	if (!o->given && f->peer_ts && f->ts_known) {
		o->ts_val = f->peer_ts_recent +
			    (s64)((r->rig->now - r->start) / 1000000);
		o->ts_ecr = LAST;
	} else if (s->flags & TCP_SYN && o->ts_val != ABSENT) {
		f->peer_ts_recent = (u32)o->ts_val;
	}
	if (o->ts_ecr == LAST)
		o->ts_ecr = f->ts_last;
	else if (o->ts_ecr != ABSENT && !(s->flags & TCP_SYN))
		o->ts_ecr = (u32)o->ts_ecr + f->ts_base;
}

static void show_input(const struct run *r, const struct seg *s)
{
	char text[200];

	if (r->verbose)
		printf("%.6f < %s @%u\n", run_seconds(r, r->rig->now),
		       script_print(s, text, sizeof(text)), r->stmt->flow);
}

void play_segment(struct run *r)
{
	struct script_flow *f = &r->flows[r->stmt->flow];
	struct seg s = r->stmt->seg;
	u8 frame[FAKE_FRAME_MAX], data[FAKE_FRAME_MAX];
	u32 n;

	if (s.len > MBUF_ROOM - 100)
		run_fail(r, "too long for a frame");
	show_input(r, &s);
	for (u32 i = 0; i < s.len; i++)
		data[i] = run_pattern(s.seq - 1 + i);
	fill_opts(r, f, &s);
	s.seq += PEER_ISN;
	s.ack += f->iss_known ? f->iss : 0;
	for (u32 i = 0; i < s.opt.nsack; i++) {
		s.opt.sack[i][0] += f->iss;
		s.opt.sack[i][1] += f->iss;
	}
	if (!(s.flags & TCP_ACK))
		s.ack = 0;
	if (s.win == ANY)
		s.win = 65535;
	n = wire_seg_build(frame, &s, &f->id, data);
	fake_nic_inject(&r->rig->nic, frame, n);
}

void play_icmp(struct run *r)
{
	struct script_flow *f = &r->flows[r->stmt->flow];
	u8 frame[FAKE_FRAME_MAX];
	u32 n = wire_icmp_build(frame, &f->id, r->stmt->word,
				(u32)r->stmt->arg[0],
				f->iss + (u32)r->stmt->arg[1]);

	if (!n)
		run_fail(r, "no such ICMP: %s", r->stmt->word);
	fake_nic_inject(&r->rig->nic, frame, n);
}

void play_nd(struct run *r)
{
	u8 frame[FAKE_FRAME_MAX];

	fake_nic_inject(&r->rig->nic, frame,
			wire_nd_build(frame, r->stmt->text));
}

/* ---- calls */

static struct ix_addr peer_address(const struct run *r)
{
	struct ix_addr a = addr_of_ipv4(rig_peer_ip);

	if (r->ip6)
		memcpy(&a, &rig_peer_ip6, sizeof(a));
	return a;
}

void play_call(struct run *r)
{
	static const struct {
		const char *word;
		u16 op;
	} names[] = {
		{ "listen", IX_LISTEN },   { "unlisten", IX_UNLISTEN },
		{ "accept", IX_ACCEPT },   { "reject", IX_REJECT },
		{ "connect", IX_CONNECT }, { "send", IX_SENDV },
		{ "close", IX_CLOSE },	   { "recv_done", IX_RECV_DONE },
		{ "shutdown", IX_CLOSE },  { "abort", IX_ABORT },
	};
	const struct stmt *st = r->stmt;
	struct script_flow *f = &r->flows[st->flow];
	struct ix_call *c;
	u16 op = IX_NR_CALLS;

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(names[i].word, st->word))
			op = names[i].op;
	}
	if (op == IX_NR_CALLS)
		run_fail(r, "no such call: %s", st->word);
	if (op == IX_SENDV)
		c = rig_send(r->rig, f->handle, f->sent, (u32)st->arg[0]);
	else
		c = rig_call(r->rig, op);
	c->cookie = st->flow;
	if (op == IX_LISTEN || op == IX_UNLISTEN || op == IX_CONNECT)
		c->port = (u16)st->arg[0];
	else
		c->handle = f->handle;
	if (st->cc)
		c->cc = st->cc;
	if (op == IX_LISTEN)
		c->backlog = (u32)st->arg[1];
	else if (op == IX_RECV_DONE)
		c->bytes = (u32)st->arg[0];
	else if (op == IX_CLOSE)
		c->how = *st->word == 's' ? IX_CLOSE_WRITE : IX_CLOSE_ALL;
	if (op == IX_CONNECT) {
		c->ip = peer_address(r);
		f->id = (struct flow_id){ .ip6 = r->ip6, .peer_port = c->port };
	}
}

void play_result(struct run *r, const struct stmt *st, s64 got)
{
	struct script_flow *f = &r->flows[st->flow];
	bool send = !strcmp(st->word, "send");
	s64 want = st->has_result ? st->result : send ? st->arg[0] : 0;

	r->stmt = st;
	if (!strcmp(st->word, "connect") && got > 0) { /* a handle */
		f->handle = (u64)got;
		got = 0;
	}
	if (got != want)
		run_fail(r, "%s answers %s%s, not %lld", st->word,
			 got < 0 ? "-" : "", script_errno(got < 0 ? -got : got),
			 (long long)want);
	if (send && got > 0)
		f->sent += (u32)got;
}

/* ---- settings */

void play_conf(struct run *r)
{
	static const struct {
		const char *name;
		size_t at, size;
		u32 ns; /* in its unit, of times */
	} settings[] = {
#define SETTING(name, unit)                       \
	{ #name, offsetof(struct tcp_conf, name), \
	  sizeof(((struct tcp_conf *)0)->name), unit }
		SETTING(rto_initial_us, 1000),
		SETTING(rto_min_us, 1000),
		SETTING(rto_max_us, 1000),
		SETTING(delack_us, 1000),
		SETTING(quick_acks, 1),
		SETTING(time_wait_ms, 1000000),
		SETTING(fin_timeout_ms, 1000000),
		SETTING(orphan_timeout_ms, 1000000),
		SETTING(keep_idle_ms, 1000000),
		SETTING(keep_interval_ms, 1000000),
		SETTING(keep_probes, 1),
		SETTING(retries, 1),
		SETTING(syn_retries, 1),
		SETTING(init_cwnd, 1),
		SETTING(snd_buf, 1),
		SETTING(rcv_buf, 1),
		SETTING(rcv_buf_max, 1),
		SETTING(rcv_mbufs, 1),
		SETTING(max_conns, 1),
		SETTING(per_source, 1),
		SETTING(per_port, 1),
		SETTING(recycle_idle_ms, 1000000),
		SETTING(recycle_silent_ms, 1000000),
		SETTING(conn_ranges, 1),
		SETTING(mss, 1),
		SETTING(timestamps, 1),
		SETTING(sack, 1),
		SETTING(user_timeout_ms, 1000000),
		SETTING(wscale, 1),
		SETTING(syn_cookies, 1),
		SETTING(challenge_acks, 1),
		SETTING(ecn, 1),
		SETTING(cc, 1),
		SETTING(pacing, 1),
		SETTING(challenge_interval_ms, 1000000),
#undef SETTING
	};
	const struct stmt *st = r->stmt;

	for (u32 i = 0; i < ARRAY_SIZE(settings); i++) {
		u64 value = (u64)st->arg[0] / settings[i].ns;

		/* rto_min, or rto_min_us. */
		if (strncmp(settings[i].name, st->word, strlen(st->word)))
			continue;
		memcpy((u8 *)&r->rig->conf.net.tcp + settings[i].at, &value,
		       settings[i].size);
		return;
	}
	run_fail(r, "no such setting: %s", st->word);
}
