/* SPDX-License-Identifier: MIT */
/* Packets and events as they come, each given to its connection and made
 * relative to it; their bytes are checked at once. */
#include "run.h"

#include <stdio.h>
#include <string.h>

static bool is_pattern(const u8 *p, u32 off, u32 len)
{
	for (u32 i = 0; i < len; i++) {
		if (p[i] != run_pattern(off + i))
			return false;
	}
	return true;
}

/* ---- what the dataplane sends */

static u32 flow_of(struct run *r, const struct flow_id *id)
{
	for (u32 i = 1; i < MAX_FLOW; i++) {
		struct script_flow *f = &r->flows[i];

		if (f->id.peer_port != id->peer_port)
			continue;
		if (!f->id.our_port)
			f->id.our_port = id->our_port;
		if (f->id.our_port == id->our_port)
			return i;
	}
	return 0;
}

static void learn(struct script_flow *f, const struct seg *s)
{
	if (s->flags & TCP_SYN && (!f->iss_known || s->seq != f->iss)) {
		f->iss = s->seq;
		f->iss_known = true;
	}
	if (s->opt.ts_val != ABSENT) {
		if (!f->ts_known)
			f->ts_base = (u32)s->opt.ts_val;
		f->ts_known = true;
		f->ts_last = (u32)s->opt.ts_val;
	}
}

static void relate(const struct script_flow *f, struct seg *s)
{
	s->seq -= f->iss;
	if (s->flags & TCP_ACK)
		s->ack -= PEER_ISN;
	if (s->opt.ts_val != ABSENT)
		s->opt.ts_val = (u32)s->opt.ts_val - f->ts_base;
	for (u32 i = 0; i < s->opt.nsack; i++) {
		s->opt.sack[i][0] -= PEER_ISN;
		s->opt.sack[i][1] -= PEER_ISN;
	}
}

static void capture_icmp(const struct run *r, struct packet *p,
			 const struct wire_ip *ip, const u8 *frame)
{
	p->wrong = ip->wrong;
	wire_icmp_print(ip, frame, p->icmp, sizeof(p->icmp));
	if (r->verbose)
		printf("%.6f > icmp %s\n", run_seconds(r, p->at), p->icmp);
}

static void capture_packet(struct run *r, const struct fake_frame *frame)
{
	struct packet *p = &r->packets[r->np++];
	struct wire_seg w = { 0 };
	struct wire_ip ip;
	char text[200];

	if (r->np == MAX_QUEUE)
		run_fail(r, "too many packets");
	*p = (struct packet){ .at = r->rig->now };
	if (!wire_ip_parse(&ip, frame->data, frame->len)) {
		p->wrong = "not TCP";
		return;
	}
	if (ip.proto != IP_PROTO_TCP) {
		capture_icmp(r, p, &ip, frame->data);
		return;
	}
	wire_seg_parse(&w, &ip);
	p->flow = flow_of(r, &w.flow);
	p->wrong = w.wrong;
	p->seg = w.seg;
	learn(&r->flows[p->flow], &w.seg);
	relate(&r->flows[p->flow], &p->seg);
	if (!is_pattern(w.payload, p->seg.seq - 1, w.seg.len))
		p->wrong = "wrong payload";
	if (r->verbose)
		printf("%.6f > %s @%u\n", run_seconds(r, p->at),
		       script_print(&p->seg, text, sizeof(text)), p->flow);
}

/* ---- what the application is told */

static void take_recv(struct run *r, struct event *e,
		      const struct ix_event *from)
{
	struct script_flow *f = &r->flows[e->flow];
	const u8 *data = r->rig->frames + (from->addr - RIG_APP_FRAMES);

	snprintf(e->word, sizeof(e->word), from->len ? "recv" : "eof");
	if (from->len && !is_pattern(data, f->received, from->len))
		run_fail(r, "received bytes are wrong, from %u on",
			 f->received);
	f->received += from->len;
}

static u32 flow_of_knock(struct run *r, const struct ix_event *from)
{
	struct flow_id id = { .peer_port = from->port,
			      .our_port = (u16)from->local_port };
	u32 flow = flow_of(r, &id);

	r->flows[flow].handle = from->handle;
	return flow;
}

static void capture_event(struct run *r, const struct ix_event *from)
{
	static const char *const words[IX_NR_EVENTS] = {
		[IX_EV_CONNECTED] = "connected",
		[IX_EV_KNOCK] = "knock",
		[IX_EV_SENT] = "sent",
		[IX_EV_DEAD] = "dead",
	};
	struct event *e = &r->events[r->ne++];
	struct ix_event sent = *from;

	if (r->ne == MAX_QUEUE)
		run_fail(r, "too many events");
	*e = (struct event){ .at = r->rig->now, .n = from->len };
	if (from->type == IX_EV_SENT)
		e->n = from->acked;
	if (from->type == IX_EV_KNOCK) {
		e->flow = flow_of_knock(r, from);
		e->n = 0;
	} else {
		e->flow = (u32)from->cookie;
	}
	if (from->type == IX_EV_CONNECTED &&
	    r->flows[e->flow].handle != from->handle)
		run_fail(r, "not the handle that connect answered");
	if (from->type == IX_EV_RECV)
		take_recv(r, e, from);
	else
		snprintf(e->word, sizeof(e->word), "%s",
			 words[from->type] ? words[from->type] : "?");
	if (r->verbose)
		printf("%.6f ! %s %lld @%u\n", run_seconds(r, e->at), e->word,
		       (long long)e->n, e->flow);
	if (from->type == IX_EV_RECV && from->acked) { /* two in one */
		sent.type = IX_EV_SENT;
		capture_event(r, &sent);
	}
}

void capture(struct run *r)
{
	const struct fake_frame *f;

	while ((f = fake_nic_collect(&r->rig->nic)))
		capture_packet(r, f);
	for (u32 i = 0; i < r->rig->up.nevents; i++)
		capture_event(r, &r->rig->up.events[i]);
	r->rig->up.nevents = 0;
}
