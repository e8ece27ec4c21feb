/* SPDX-License-Identifier: MIT */
/*
 * SYN cookies (RFC 4987 section 3.6). A listener that has no place for another
 * half-open connection keeps nothing of a SYN: what is to be known of it is in
 * the SYN-ACK, and comes back with the ACK, which opens the connection at once.
 *
 *   sequence number    31       30..28   27..0
 *                      period   MSS      keyed hash
 *
 *   timestamp          31..6              5      4     3..0
 *                      clock, not later   SACK   ECN   window scale; 15: none
 *
 * The hash covers the flow, the peer's sequence number, the period and all that
 * the cookie says; its key is secret and never the same in two periods, since
 * the period is part of what is hashed. A cookie is good for its period and the
 * next one: 69 to 137 s. So an ACK costs one hash, and none unless cookies are
 * out; and one guess in 2^28 is right. Without timestamps only the MSS is kept.
 */
#include "net/tcp_int.h"

enum {
	PERIOD_SHIFT = 36, /* 2^36 ns: 69 s */
	PERIOD_BIT = 31,
	MSS_BIT = 28,
	HASH_MASK = (1 << MSS_BIT) - 1,
	NO_WSCALE = 15,
	SAID_ECN = 1 << 4,
	SAID_SACK = 1 << 5,
	TS_MASK = (1 << 6) - 1,
};

/* What is common: RFC 9293's default, IPv6's least MTU and Ethernet's, tunnels,
 * jumbo frames. The largest that is not above the peer's counts. */
static const u16 mss_of[8] = { TCP_MSS_LEAST, 536,  1220, 1360,
			       1400,	      1440, 1460, 8960 };

/* What a cookie tells of the SYN. */
struct said {
	u32 mss;  /* index */
	u32 opts; /* as in the timestamp; without one: all bits set */
};

static u32 mss_index(u16 mss)
{
	u32 i = ARRAY_SIZE(mss_of) - 1;

	while (i && mss_of[i] > mss)
		i--;
	return i;
}

static u32 hash_of(const struct net *net, u64 flow, u32 irs, u64 period,
		   struct said said)
{
	const struct {
		u64 period;
		u64 flow;
		u32 irs, zero; /* no padding */
		struct said said;
	} what = { period, flow, irs, 0, said };

	return hash_sip(net->secret, &what, sizeof(what)) & HASH_MASK;
}

/* @flow: addr_flow_hash(). */
static u32 cookie_of(const struct net *net, u64 flow, u32 irs, u64 period,
		     struct said said)
{
	return (u32)(period & 1) << PERIOD_BIT | said.mss << MSS_BIT |
	       hash_of(net, flow, irs, period, said);
}

/* ---- the SYN */

/* What was agreed on with @c's peer into the timestamp: by its offset, so that
 * none of a later segment is before this one. */
static u32 mark_timestamp(struct tcp_conn *c, u64 now)
{
	u32 opts = c->flags & TCP_F_WSCALE ? c->wscale_snd : NO_WSCALE;

	if (!(c->flags & TCP_F_TS))
		return UINT32_MAX;
	if (c->flags & TCP_F_ECN)
		opts |= SAID_ECN;
	if (c->sack)
		opts |= SAID_SACK;
	c->ts_offset -= (tcp_tsval(c, now) - opts) & TS_MASK;
	return opts;
}

void tcp_cookie_send(struct net *net, struct tcp_listener *l,
		     const struct pkt *p, const struct tcp_seg *s, u64 now)
{
	u64 period = now >> PERIOD_SHIFT;
	u64 flow = addr_flow_hash(net, pkt_flow(p));
	struct tcp_conn c; /* for the time of this call */
	struct said said;

	tcp_conn_init(net, &c, pkt_flow(p), flow, now);
	c.state = TCP_SYN_RCVD;
	tcp_take_syn(net, &c, s, now);
	if (!(c.flags & TCP_F_TS)) {
		c.flags &= ~(u32)(TCP_F_WSCALE | TCP_F_ECN);
		c.wscale_rcv = 0;
		c.sack = false;
	}
	said.mss = mss_index(c.mss_peer);
	said.opts = mark_timestamp(&c, now);
	c.iss = cookie_of(net, flow, s->seq, period, said);
	neigh_learn(net, p->src, p->eth->src, now);
	tcp_send_syn_ack(net, &c, now);
	l->cookie_period = (u32)period + 1;
	net->stat->tcp_cookies_sent++;
}

/* ---- the ACK */

bool tcp_cookies_out(const struct tcp_listener *l, u64 now)
{
	u32 age = (u32)(now >> PERIOD_SHIFT) + 1 - l->cookie_period;

	return l->cookie_period && age <= 1;
}

/* The SYN of which @s returns the cookie. False: it is none of ours, or too
 * old. */
static bool read_cookie(const struct net *net, const struct pkt *p,
			const struct tcp_seg *s, struct tcp_seg *syn, u64 now)
{
	bool ts = s->opt.has_ts && net->conf.tcp.timestamps;
	u64 period = now >> PERIOD_SHIFT;
	u64 flow = addr_flow_hash(net, pkt_flow(p));
	u32 cookie = s->ack - 1, irs = s->seq - 1;
	struct said said = {
		.mss = cookie >> MSS_BIT & 7,
		.opts = ts ? s->opt.tsecr & TS_MASK : UINT32_MAX,
	};

	period -= (period ^ cookie >> PERIOD_BIT) & 1;
	if (cookie != cookie_of(net, flow, irs, period, said))
		return false;
	*syn = (struct tcp_seg){ .seq = irs, .flags = TCP_SYN };
	syn->opt = s->opt;
	syn->opt.mss = mss_of[said.mss];
	if (ts && (said.opts & NO_WSCALE) != NO_WSCALE)
		syn->opt.wscale = said.opts & NO_WSCALE;
	else
		syn->opt.wscale = 0xff;
	if (ts && said.opts & SAID_ECN)
		syn->flags |= TCP_ECE | TCP_CWR;
	syn->opt.sack_ok = ts && said.opts & SAID_SACK;
	return true;
}

/* May @c, half-open, have been sent a cookie before its place? */
static bool had_cookie(const struct net *net, const struct tcp_conn *c, u64 now)
{
	return c->state == TCP_SYN_RCVD && c->listener.raw &&
	       tcp_cookies_out(&net->tcp.listeners[ref16_index(c->listener)],
			       now);
}

bool tcp_cookie_earlier(const struct net *net, const struct tcp_conn *c,
			const struct pkt *p, const struct tcp_seg *s, u64 now)
{
	struct tcp_seg syn;

	return had_cookie(net, c, now) && s->ack != c->snd_max &&
	       (s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_ACK &&
	       read_cookie(net, p, s, &syn, now);
}

bool tcp_cookie_overtaken(const struct net *net, const struct tcp_conn *c,
			  const struct tcp_seg *s, u64 now)
{
	return had_cookie(net, c, now) && s->seq != c->irs + 1;
}

/* Silence where it is no cookie, or there is no room. A segment may be that of
 * an honest peer whose first data, and before that its ACK, was lost or is
 * late: what it goes on with has another sequence number, even a bare ACK. A
 * reset would end what its next segment opens. */
struct tcp_conn *tcp_cookie_take(struct net *net, struct tcp_listener *l,
				 const struct pkt *p, const struct tcp_seg *s,
				 u8 group, u64 now)
{
	const struct tcp_hdr *h = p->l4;
	struct tcp_seg syn;
	struct tcp_conn *c;

	if (!read_cookie(net, p, s, &syn, now)) {
		net->stat->tcp_cookies_bad++;
		net->stat->drop_tcp_no_conn++;
		return NULL;
	}
	tcp_relieve(net, now);
	if (!tcp_in_share(net, p->src, h->dport)) {
		net->stat->drop_tcp_share++;
		return NULL;
	}
	if (!tcp_may_accept(l)) {
		net->stat->drop_tcp_backlog++;
		return NULL;
	}
	c = tcp_open_passive(net, l, p, &syn, group, now);
	if (!c)
		return NULL;
	net->stat->tcp_cookies_taken++;
	/* As after the SYN-ACK. */
	c->iss = c->snd_una = s->ack - 1;
	c->snd_nxt = c->snd_max = s->ack;
	tcp_arm_rto(net, c, now);
	return c;
}
