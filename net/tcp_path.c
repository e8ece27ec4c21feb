/* SPDX-License-Identifier: MIT */
/*
 * How large segments may be on the way to a host, if that is less than what
 * both ends take: by ICMP (RFC 1191), or because the way swallows larger ones
 * without a word (RFC 4821 section 7, RFC 8899 section 4.3).
 *
 *                three timeouts in a row of a segment: a step below it
 *      full size ------------------------------------------------> p->mss
 *          ^                                                         |
 *          |   p->raise_at: one connection tries the full size       |
 *          +---------------------------------------------------------+
 *           a timeout: it was too much, and the next trial is later;
 *           none for half the time that it waited: the limit is forgotten
 *
 * What is known of a host serves all connections with it. Few are known: who
 * takes another's place only makes that one find out again.
 */
#include "net/header.h"
#include "net/tcp_int.h"

enum {
	SECOND_SHIFT = 30, /* 2^30 ns */
	RAISE_FIRST = 10,  /* seconds before the first trial; then doubled, */
	RAISE_DOUBLED = 6, /* so often: 640 (RFC 8899 section 5.1.1: 600) */
	MSS_LOSSY = 3,	   /* timeouts that mean that the size is to blame */
	MSS_FLOOR = 536,
	MSS_FLOOR6 = IPV6_MIN_MTU - IPV6_LEN - TCP_LEN,
};

/* What tunnels leave of Ethernet's 1500, and IPv6's least MTU, fit the second;
 * the first is where jumbo frames end. */
static const u16 steps[] = { 1460, 1220, MSS_FLOOR };

static u32 second_of(u64 now)
{
	return (u32)(now >> SECOND_SHIFT);
}

static struct tcp_path *slot(struct net *net, struct be32 ip)
{
	return &net->tcp.paths[tcp_hash(net, ip.raw, 0) % TCP_PATHS];
}

static struct tcp_path *find(struct net *net, struct be32 ip)
{
	struct tcp_path *p = slot(net, ip);

	return p->mss && p->ip.raw == ip.raw ? p : NULL;
}

u32 tcp_path_mss(struct net *net, struct be32 ip)
{
	const struct tcp_path *p = find(net, ip);

	return p ? p->mss : UINT16_MAX;
}

/* Of a segment with @len bytes, options included, as struct tcp_path has it. */
static u32 size_with(const struct tcp_conn *c, u32 len)
{
	return len + (c->flags & TCP_F_TS ? TCP_TS_LEN : 0);
}

static u32 size_of_segments(const struct tcp_conn *c)
{
	return size_with(c, c->mss_snd);
}

/* Every host takes that: RFC 9293 section 3.7.1, RFC 8200 section 5. */
static u32 floor_of(struct be32 host)
{
	return addr_is_v6(host) ? MSS_FLOOR6 : MSS_FLOOR;
}

static u16 step_below(u32 mss, u32 least)
{
	u32 i = 0;

	while (i + 1 < ARRAY_SIZE(steps) && steps[i] >= mss)
		i++;
	return max(steps[i], (u16)least);
}

static void try_later(struct tcp_path *p, u64 now)
{
	p->wait = RAISE_FIRST << min(p->raises, (u16)RAISE_DOUBLED);
	p->raise_at = second_of(now) + p->wait;
}

/* The slot of @ip, which may have been another's. */
static struct tcp_path *claim(struct net *net, struct be32 ip)
{
	struct tcp_path *p = slot(net, ip);

	if (p->ip.raw != ip.raw) {
		addr_put(net, p->ip);
		*p = (struct tcp_path){ .ip = ip };
		addr_hold(net, p->ip);
	}
	return p;
}

void tcp_path_adopt(struct net *net, struct be32 ip,
		    const struct tcp_path *from)
{
	struct tcp_path *p;

	if (slot(net, ip)->mss)
		return;
	p = claim(net, ip);
	*p = *from;
	p->ip = ip;
}

/* A limit of @mss, from now on. */
static void set_limit(struct net *net, struct tcp_conn *c, u16 mss, u16 raises,
		      u64 now)
{
	struct tcp_path *p = claim(net, c->flow.raddr);

	p->mss = mss;
	p->raises = max(p->raises, raises);
	try_later(p, now);
}

/* The window is at least a segment, ssthresh two (RFC 5681 section 3.1), of
 * whatever size they have become: recovery counts on that. */
static void fit_windows(struct tcp_conn *c)
{
	c->cwnd = max(c->cwnd, (u32)c->mss_snd);
	c->ssthresh = max(c->ssthresh, 2u * c->mss_snd);
}

static void adopt(struct net *net, struct tcp_conn *c)
{
	tcp_set_mss(net, c);
	fit_windows(c);
}

bool tcp_path_learn(struct net *net, struct tcp_conn *c, u16 mss, u64 now)
{
	if (mss >= size_of_segments(c))
		return false;
	/* RFC 1191 section 6.3: not before ten minutes. */
	set_limit(net, c, mss, RAISE_DOUBLED, now);
	adopt(net, c);
	return true;
}

void tcp_path_timeout(struct net *net, struct tcp_conn *c, u64 now)
{
	u32 flight = c->snd_max - c->snd_una;
	bool whole = flight >= tcp_mss_now(net, c);
	u32 mss = size_with(c, whole ? c->mss_snd : flight);
	struct tcp_path *p = find(net, c->flow.raddr);

	if (p && p->mss < mss) {
		p->raises += p->raises < RAISE_DOUBLED;
		try_later(p, now);
	} else if (c->backoff + 1 >= MSS_LOSSY &&
		   mss > floor_of(c->flow.raddr)) {
		set_limit(net, c, step_below(mss, floor_of(c->flow.raddr)), 0,
			  now);
		net->stat->tcp_black_holes++;
	} else {
		return;
	}
	adopt(net, c);
}

void tcp_path_sent(struct net *net, struct tcp_conn *c, u32 len, u64 now)
{
	struct tcp_path *p = find(net, c->flow.raddr);
	u32 second = second_of(now), full = tcp_mss_full(net, c);

	if (p && size_of_segments(c) > p->mss) {
		if (len >= tcp_mss_now(net, c) && !c->backoff &&
		    (s32)(second + p->wait / 2 - p->raise_at) >= 0)
			p->mss = 0; /* forgotten */
		return;
	}
	if (size_of_segments(c) >= full ||
	    (p && (s32)(second - p->raise_at) < 0))
		return;
	if (p)
		try_later(p, now);
	c->mss_snd = (u16)(full - (size_of_segments(c) - c->mss_snd));
	fit_windows(c);
}
