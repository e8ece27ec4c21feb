/* SPDX-License-Identifier: MIT */
/*
 * Connections, as `ss -ti` lists those of Linux. The elastic thread copies what
 * is asked for, a piece at a time and not for long; text is made of it here.
 * Between two pieces connections come and go: each that is there all the time
 * is told once.
 */
#include "dom/host/ctl.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

enum {
	MOST = 256,	  /* in an answer, */
	MOST_PIECES = 64, /* which is of no more of them */
	/* Of a piece, in units of what it costs to pass an empty place over:
	 * some 20 us. Most places are empty, and their neighbours come from
	 * memory by themselves. */
	PIECE = 12288,
	PASS = 64, /* a connection over, */
	COPY = 6 * PASS,
	AHEAD = 8, /* connections that are on their way from memory */
	PIECE_FLOWS = PIECE / (PASS + COPY),
};

static const char *const states[TCP_NR_STATES] = {
	[TCP_CLOSED] = "closed",	 [TCP_SYN_SENT] = "syn-sent",
	[TCP_SYN_RCVD] = "syn-received", [TCP_ESTABLISHED] = "established",
	[TCP_FIN_WAIT_1] = "fin-wait-1", [TCP_FIN_WAIT_2] = "fin-wait-2",
	[TCP_CLOSE_WAIT] = "close-wait", [TCP_CLOSING] = "closing",
	[TCP_LAST_ACK] = "last-ack",	 [TCP_TIME_WAIT] = "time-wait",
};

/* What is asked for, and what has been found so far. */
struct piece {
	u32 next, end; /* places in the thread's table still to be looked at */
	u32 states;    /* a bit each */
	u16 port;      /* either side's; 0: any */
	bool has_addr;
	struct be128 addr; /* either side's */
	u32 n, most;
	struct tcp_info flows[PIECE_FLOWS];
};

/* ---- on the elastic thread */

/* By its first line: the others are not fetched for nothing. */
static bool may_match(const struct piece *p, const struct tcp_conn *c)
{
	if (!(p->states >> c->state & 1))
		return false;
	return !p->port || be16_host(c->flow.rport) == p->port ||
	       be16_host(c->flow.lport) == p->port;
}

static bool matches(const struct piece *p, const struct tcp_info *f)
{
	return !p->has_addr || be128_equal(f->raddr, p->addr) ||
	       be128_equal(f->laddr, p->addr);
}

static void fetch_ahead(const struct tcp *t, u32 place)
{
	if (place <= t->table_mask && t->table[place].conn.raw)
		prefetch(&t->conns[ref32_index(t->table[place].conn)]);
}

/* To the next connection; false: there is none as far as this piece goes. */
static bool pass_empty(const struct tcp *t, struct piece *p, u32 *used)
{
	u32 i = p->next, end = min(p->end, i + PIECE - *used);

	while (i < end && !t->table[i].conn.raw)
		i++;
	*used += i - p->next;
	p->next = i;
	return i < end;
}

static void collect(struct dp *dp, void *arg, u64 now)
{
	const struct tcp *t = &dp->net.tcp;
	struct piece *p = arg;
	u32 used = 0;

	p->n = 0;
	p->end = t->table_mask + 1;
	if (!dp->stat->tcp_conns)
		p->next = p->end;
	while (p->n < p->most && used < PIECE && pass_empty(t, p, &used)) {
		struct tcp_info *f = &p->flows[p->n];
		u32 i = p->next++;

		used += PASS;
		fetch_ahead(t, i + AHEAD);
		if (!may_match(p, &t->conns[ref32_index(t->table[i].conn)]) ||
		    !tcp_info(&dp->net, i, f, now))
			continue;
		used += COPY;
		p->n += matches(p, f);
	}
}

/* ---- what is asked for */

static bool parse_state(struct ctl_request *r, struct piece *p)
{
	const char *name;

	if (!ctl_text(r, "state", &name))
		return false;
	p->states = name ? 0 : ~0u;
	for (u32 i = 0; name && i < TCP_NR_STATES; i++)
		if (!strcmp(name, states[i]))
			p->states = 1u << i;
	if (p->states)
		return true;
	ctl_refuse(r, -EINVAL, "state: such as established or time-wait");
	return false;
}

static bool parse_addr(struct ctl_request *r, struct piece *p)
{
	struct be128 ip = ip6_mapped(be32(0));
	const char *text;

	if (!ctl_text(r, "addr", &text))
		return false;
	p->has_addr = text;
	if (text && inet_pton(AF_INET, text, &ip.w[3]) != 1 &&
	    inet_pton(AF_INET6, text, &ip) != 1) {
		ctl_refuse(r, -EINVAL, "addr: an address");
		return false;
	}
	p->addr = ip;
	return true;
}

static bool parse(struct ctl_request *r, struct piece *p, u64 *thread,
		  u64 *most)
{
	u64 port, from;

	if (!ctl_number(r, "thread", 0, r->host->nthreads - 1, 0, thread) ||
	    !ctl_number(r, "from", 0, UINT32_MAX, 0, &from) ||
	    !ctl_number(r, "most", 1, MOST, MOST, most) ||
	    !ctl_number(r, "port", 1, 65535, 0, &port))
		return false;
	*p = (struct piece){ .next = (u32)from, .port = (u16)port };
	return parse_state(r, p) && parse_addr(r, p);
}

/* ---- the answer */

static void add_end(cJSON *o, const char *name, struct be128 ip, u16 port)
{
	bool v4 = ip6_is_mapped(ip);
	char text[INET6_ADDRSTRLEN];
	cJSON *end = cJSON_AddObjectToObject(o, name);

	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? (void *)&ip.w[3] : &ip, text,
		  sizeof(text));
	cJSON_AddStringToObject(end, "addr", text);
	cJSON_AddNumberToObject(end, "port", port);
}

static void add_options(cJSON *o, const struct tcp_info *f)
{
	cJSON *list = cJSON_AddArrayToObject(o, "options");
	const struct {
		bool has;
		const char *name;
	} options[] = {
		{ f->timestamps, "timestamps" }, { f->sack, "sack" },
		{ f->window_scaling, "wscale" }, { f->ecn, "ecn" },
		{ f->pacing, "pacing" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].has)
			cJSON_AddItemToArray(
				list, cJSON_CreateString(options[i].name));
}

static void add_flow(cJSON *list, u64 thread, const struct tcp_info *f)
{
	cJSON *o = cJSON_CreateObject();
	const struct {
		const char *name;
		u32 value;
	} numbers[] = {
		{ "id", f->index },
		{ "group", f->group },
		{ "cwnd", f->cwnd },
		{ "mss", f->mss },
		{ "wscale_snd", f->wscale_snd },
		{ "wscale_rcv", f->wscale_rcv },
		{ "snd_wnd", f->snd_wnd },
		{ "rcv_wnd", f->rcv_wnd },
		{ "snd_queued", f->snd_queued },
		{ "rcv_queued", f->rcv_queued },
		{ "rcv_buffers", f->rcv_mbufs },
		{ "holes", f->holes },
		{ "in_flight", f->in_flight },
		{ "lost", f->lost },
		{ "resent", f->resent },
		{ "timeouts", f->timeouts },
		{ "srtt_us", f->srtt_us },
		{ "rttvar_us", f->rttvar_us },
		{ "rto_us", f->rto_us },
		{ "last_rx_ms", f->last_rx_ms },
		{ "last_tx_ms", f->last_tx_ms },
	};

	cJSON_AddNumberToObject(o, "thread", (double)thread);
	cJSON_AddStringToObject(o, "state", states[f->state]);
	add_end(o, "local", f->laddr, f->lport);
	add_end(o, "remote", f->raddr, f->rport);
	cJSON_AddStringToObject(o, "cc", f->cc);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		cJSON_AddNumberToObject(o, numbers[i].name, numbers[i].value);
	if (f->ssthresh != UINT32_MAX) /* else it is not known yet */
		cJSON_AddNumberToObject(o, "ssthresh", f->ssthresh);
	cJSON_AddBoolToObject(o, "recovery", f->recovery);
	cJSON_AddBoolToObject(o, "accepted", f->accepted);
	add_options(o, f);
	cJSON_AddItemToArray(list, o);
}

/* "next": the thread and where in it to go on; absent: that was all. */
static void add_next(struct ctl_request *r, u64 thread, const struct piece *p)
{
	bool more = p->next < p->end;

	if (!more && thread + 1 == r->host->nthreads)
		return;
	cJSON_AddNumberToObject(r->out, "thread", (double)(thread + !more));
	cJSON_AddNumberToObject(r->out, "from", more ? p->next : 0);
}

int ctl_flows(struct ctl_request *r)
{
	struct piece p;
	u64 thread, left;
	u32 pieces = 0;
	cJSON *list;

	if (!parse(r, &p, &thread, &left))
		return -EINVAL;
	list = cJSON_AddArrayToObject(r->out, "flows");
	do {
		p.most = (u32)min(left, (u64)PIECE_FLOWS);
		if (ctl_call(r, (u32)thread, collect, &p))
			return ctl_refuse(r, -ETIMEDOUT,
					  "thread %u does not answer: its "
					  "application keeps the core, or has "
					  "not attached",
					  (u32)thread);
		for (u32 i = 0; i < p.n; i++)
			add_flow(list, thread, &p.flows[i]);
		left -= p.n;
	} while (left && p.next < p.end && ++pieces < MOST_PIECES);
	add_next(r, thread, &p);
	return 0;
}
