/* SPDX-License-Identifier: MIT */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#include "base/cksum.h"

#define RIG_IP 0x0a000001u	/* 10.0.0.1 */
#define RIG_PEER_IP 0x0a000002u /* 10.0.0.2 */

const struct be32 rig_ip = { __builtin_bswap32(RIG_IP) };
const struct be32 rig_peer_ip = { __builtin_bswap32(RIG_PEER_IP) };
const struct be128 rig_ip6 = { .b = { 0x20, 1, 0x0d, 0xb8, [15] = 1 } };
const struct be128 rig_peer_ip6 = { .b = { 0x20, 1, 0x0d, 0xb8, [15] = 2 } };
const u8 rig_peer_mac[6] = { 2, 0, 0, 0, 0, 2 };

static const struct tcp_conf tcp_conf = {
	.max_conns = RIG_CONNS,
	.max_listeners = 4,
	.max_ranges = 256,
	.conn_ranges = 64,
	.patience_ms = 1000,
	.snd_buf = 128 << 10,
	.rcv_buf = 64 << 10,
	.rcv_mbufs = 64,
	.rto_initial_us = 200000,
	.rto_min_us = 10000,
	.rto_max_us = 4000000,
	.delack_us = 1000,
	.time_wait_ms = 100,
	.fin_timeout_ms = 1000,
	.orphan_timeout_ms = 20000,
	.retries = 5,
	.syn_retries = 3,
	.init_cwnd = 10,
	.port_min = 32768,
	.port_max = 60999,
	.challenge_acks = 100,
};

static void *lines(size_t bytes)
{
	size_t n = (bytes + MBUF_SIZE - 1) / MBUF_SIZE * MBUF_SIZE;
	void *p = aligned_alloc(MBUF_SIZE, n);

	if (!p)
		panic("rig: out of memory");
	return p;
}

struct rig *rig_new(void)
{
	struct rig *r = lines(sizeof(*r));

	memset(r, 0, sizeof(*r));
	r->conf = (struct dp_conf){
		.batch = 64,
		.max_timers = RIG_TIMERS,
		.mbufs = RIG_MBUFS,
		.net = {
			.ip = rig_ip,
			.netmask = be32(0xffffff00),
			.icmp_echo = true,
			.arp_timeout_ms = 60000,
			.arp_retry_ms = 1000,
			.arp_retries = 3,
			.frag_timeout_ms = 30000,
			.tcp = tcp_conf,
			.udp = { .max_sockets = 4, .rcv_queue = 8 },
		},
	};
	r->now = 1000 * RIG_MS;
	r->next_sport = 1024;
	fake_nic_init(&r->nic);
	return r;
}

void rig_start(struct rig *r)
{
	struct dp_setup s = {
		.conf = &r->conf,
		.nic = &r->nic.q,
		.stat = &r->stat,
		.app_frames = RIG_APP_FRAMES,
		.down = &r->down,
		.up = &r->up,
		.nthreads = 1,
		.group_owner = r->group_owner,
		.rss_key = rss_symmetric_key,
		.secret = { 0x0123456789abcdef, 0xfedcba9876543210 },
	};

	s.mem = r->mem = lines(dp_bytes(&r->conf));
	memset(r->mem, 0, dp_bytes(&r->conf));
	s.frames = r->frames = lines((size_t)r->conf.mbufs * MBUF_SIZE);
	r->arena = lines(RIG_ARENA);
	s.arena = (struct dp_arena){ RIG_ARENA_APP, r->arena, RIG_ARENA };
	if (dp_init(&r->dp, &s, r->now) ||
	    neigh_add_static(&r->dp.net, rig_peer_ip, rig_peer_mac))
		panic("rig: dp_init");
}

/* Ids of IPv6 addresses are held by ourselves, neighbours and paths alone. */
static void check_addrs(const struct net *net)
{
	u64 holders = 0, known = net->ip6.nown + !!net->ip6.router.raw;

	for (u32 i = 0; i < net->addrs.nused; i++)
		holders += net->addrs.addrs[i].holders;
	for (u32 i = 0; i < NEIGH_ENTRIES; i++) {
		const struct neigh *e = &net->neighbours.entries[i];

		known += e->state != NEIGH_FREE && addr_is_v6(e->ip);
	}
	for (u32 i = 0; i < TCP_PATHS; i++)
		known += addr_is_v6(net->tcp.paths[i].ip);
	if (holders != known)
		panic("rig: an IPv6 address is held");
}

void rig_end(struct rig *r)
{
	r->nic.hold = false;
	dp_shutdown(&r->dp, r->now);
	fake_nic_release(&r->nic);
	dp_events_drop(&r->dp);
	if (r->dp.pool.nfree != r->dp.pool.total)
		panic("rig: a packet buffer is lost");
	if (r->stat.tcp_conns || r->stat.tcp_time_wait)
		panic("rig: a connection is left");
	check_addrs(&r->dp.net);
	fake_nic_free(&r->nic);
	free(r->mem);
	free(r->frames);
	free(r->arena);
	free(r);
}

/* ---- the application */

struct ix_call *rig_call(struct rig *r, u16 op)
{
	struct ix_call *c = &r->down.calls[r->down.ncalls++];

	*c = (struct ix_call){ .op = op };
	return c;
}

struct ix_call *rig_send(struct rig *r, u64 handle, u32 off, u32 len)
{
	struct ix_call *c = rig_call(r, IX_SENDV);
	u32 i = r->down.ncalls - 1;

	c->handle = handle;
	c->nsgs = 1;
	c->sg = i;
	r->down.sgs[i] =
		(struct ix_sg){ .addr = RIG_ARENA_APP + off, .len = len };
	return c;
}

int rig_run(struct rig *r)
{
	int n = dp_step(&r->dp, true, r->now);

	r->down.ncalls = 0;
	return n;
}

int rig_poll(struct rig *r)
{
	return dp_step(&r->dp, false, r->now);
}

void rig_sleep(struct rig *r, u64 ns)
{
	r->now += ns;
}

s64 rig_one(struct rig *r)
{
	rig_run(r);
	return r->up.results[0];
}

const struct ix_event *rig_event(const struct rig *r, u16 type, u32 nth)
{
	for (u32 i = 0; i < r->up.nevents; i++) {
		if (r->up.events[i].type == type && !nth--)
			return &r->up.events[i];
	}
	return NULL;
}

/* ---- the peer */

/* Checksum over what a pseudo header sums up to and @len bytes, for the field
 * at @field. */
static void fix_l4(u64 sum, u8 proto, u8 *l4, u32 len, u32 field)
{
	u16 folded = 0;

	if (len < field + 2)
		return;
	memcpy(l4 + field, &folded, 2);
	folded = (u16)~cksum_fold(cksum_add(sum, l4, len));
	if (proto == IP_PROTO_UDP && !folded)
		folded = 0xffff;
	memcpy(l4 + field, &folded, 2);
}

/* Behind extension headers, if they lie in the frame. */
static void fix_ip6(struct ipv6_hdr *ip, u32 len)
{
	u8 *l4 = (u8 *)(ip + 1), proto = ip->next;
	u64 sum = cksum_fold(cksum_add(0, &ip->src, 2 * sizeof(ip->src)));

	if (len < IPV6_LEN)
		return;
	len -= IPV6_LEN;
	ip->len = be16((u16)len);
	while (len >= 8 &&
	       (proto == IP6_HOP_BY_HOP || proto == IP6_ROUTING ||
		proto == IP6_DEST_OPTIONS || proto == IP6_FRAGMENT)) {
		u32 hlen = proto == IP6_FRAGMENT ? 8 : l4[1] * 8u + 8;

		if (hlen > len)
			return;
		proto = l4[0];
		l4 += hlen;
		len -= hlen;
	}
	sum += (u64)be32(len).raw + be16(proto).raw;
	if (proto == IP_PROTO_TCP)
		fix_l4(sum, proto, l4, len, 16);
	if (proto == IP_PROTO_UDP)
		fix_l4(sum, proto, l4, len, 6);
	if (proto == IP_PROTO_ICMP6)
		fix_l4(sum, proto, l4, len, 2);
}

void rig_fix(u8 *frame, u32 len)
{
	const struct eth_hdr *eth = (const struct eth_hdr *)frame;
	struct ipv4_hdr *ip = (struct ipv4_hdr *)(frame + ETH_LEN);
	u32 hlen;
	u64 sum;

	if (len < ETH_LEN + IPV4_LEN)
		return;
	len -= ETH_LEN;
	if (be16_host(eth->type) == ETH_TYPE_IPV6) {
		fix_ip6((struct ipv6_hdr *)ip, len);
		return;
	}
	hlen = (ip->ver_ihl & 15) * 4u;
	if (hlen < IPV4_LEN || hlen > len)
		return;
	ip->len = be16((u16)len);
	ip->cksum = 0;
	ip->cksum = (u16)~cksum_fold(cksum_add(0, ip, hlen));
	len -= hlen;
	sum = ip_pseudo_sum(ip->src, ip->dst, ip->proto, (u16)len);
	if (ip->proto == IP_PROTO_TCP)
		fix_l4(sum, ip->proto, (u8 *)ip + hlen, len, 16);
	if (ip->proto == IP_PROTO_UDP)
		fix_l4(sum, ip->proto, (u8 *)ip + hlen, len, 6);
	if (ip->proto == IP_PROTO_ICMP)
		fix_l4(0, ip->proto, (u8 *)ip + hlen, len, 2);
}

/* Ethernet and IPv4 headers for @len bytes of @proto; returns where the
 * latter go. */
static u8 *ip_frame(struct rig *r, u8 *frame, u8 proto)
{
	struct eth_hdr *eth = (struct eth_hdr *)frame;
	struct ipv4_hdr *ip = (struct ipv4_hdr *)(eth + 1);

	memcpy(eth->dst, r->nic.q.mac, 6);
	memcpy(eth->src, rig_peer_mac, 6);
	eth->type = be16(ETH_TYPE_IPV4);
	*ip = (struct ipv4_hdr){
		.ver_ihl = 0x45,
		.ttl = 64,
		.proto = proto,
		.src = rig_peer_ip,
		.dst = rig_ip,
	};
	return (u8 *)(ip + 1);
}

/* The same of IPv6. */
static u8 *ip6_frame(struct rig *r, u8 *frame, u8 proto)
{
	struct eth_hdr *eth = (struct eth_hdr *)frame;
	struct ipv6_hdr *ip = (struct ipv6_hdr *)(eth + 1);

	memcpy(eth->dst, r->nic.q.mac, 6);
	memcpy(eth->src, rig_peer_mac, 6);
	eth->type = be16(ETH_TYPE_IPV6);
	*ip = (struct ipv6_hdr){
		.ver_class_flow = be32(6u << 28),
		.next = proto,
		.hops = 64,
		.src = rig_peer_ip6,
		.dst = rig_ip6,
	};
	return (u8 *)(ip + 1);
}

static void inject(struct rig *r, u8 *frame, u32 len)
{
	rig_fix(frame, len);
	if (!fake_nic_inject(&r->nic, frame, len))
		panic("rig: NIC full");
}

/* In the layout of RFC 7323 appendix A. */
static u32 put_ts(const struct rig *r, const struct rig_peer *p, u8 *at)
{
	const struct be32 words[3] = {
		be32(TCP_OPT_NOP << 24 | TCP_OPT_NOP << 16 | TCP_OPT_TS << 8 |
		     10),
		be32((u32)(r->now / RIG_MS)),
		be32(p->tsecr),
	};

	memcpy(at, words, sizeof(words));
	return sizeof(words);
}

static u32 put_syn(const struct rig_peer *p, u8 *at)
{
	const struct be32 words[2] = {
		be32(TCP_OPT_MSS << 24 | 4 << 16 | p->mss),
		be32(TCP_OPT_NOP << 24 | TCP_OPT_WSCALE << 16 | 3 << 8 |
		     RIG_WSCALE),
	};

	memcpy(at, words, sizeof(words));
	return sizeof(words);
}

static u32 put_sack_ok(u8 *at)
{
	const struct be32 word = be32(TCP_OPT_NOP << 24 | TCP_OPT_NOP << 16 |
				      TCP_OPT_SACK_OK << 8 | 2);

	memcpy(at, &word, sizeof(word));
	return sizeof(word);
}

void rig_inject_tcp(struct rig *r, struct rig_peer *p, u8 flags,
		    const void *data, u32 len)
{
	u8 frame[FAKE_FRAME_MAX];
	struct tcp_hdr *h =
		(struct tcp_hdr *)(p->ip6 ? ip6_frame(r, frame, IP_PROTO_TCP)
					  : ip_frame(r, frame, IP_PROTO_TCP));
	u32 nopt = p->ts ? put_ts(r, p, (u8 *)(h + 1)) : 0;

	if (p->mss && flags & TCP_SYN)
		nopt += put_syn(p, (u8 *)(h + 1) + nopt);
	if (flags & TCP_SYN && r->conf.net.tcp.sack)
		nopt += put_sack_ok((u8 *)(h + 1) + nopt);

	*h = (struct tcp_hdr){
		.sport = be16(p->sport),
		.dport = be16(p->dport),
		.seq = be32(p->seq),
		.ack = be32(flags & TCP_ACK ? p->ack : 0),
		.off = (u8)((TCP_LEN + nopt) << 2),
		.flags = flags,
		.win = be16(RIG_PEER_WND),
	};
	if (len)
		memcpy((u8 *)(h + 1) + nopt, data, len);
	inject(r, frame, (u32)((u8 *)(h + 1) - frame) + nopt + len);
	p->seq += len + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
}

void rig_inject_udp(struct rig *r, u16 sport, u16 dport, const void *data,
		    u32 len)
{
	u8 frame[FAKE_FRAME_MAX];
	struct udp_hdr *h = (struct udp_hdr *)ip_frame(r, frame, IP_PROTO_UDP);

	*h = (struct udp_hdr){
		.sport = be16(sport),
		.dport = be16(dport),
		.len = be16((u16)(UDP_LEN + len)),
	};
	if (len)
		memcpy(h + 1, data, len);
	inject(r, frame, ETH_LEN + IPV4_LEN + UDP_LEN + len);
}

/* The value of a timestamps option, where we and RFC 7323 expect it. */
static u32 tsval_of(const struct tcp_hdr *h)
{
	const u8 *end = (const u8 *)h + (h->off >> 4) * 4u;

	for (const u8 *o = (const u8 *)(h + 1); o + 12 <= end; o += 4) {
		if (o[0] == TCP_OPT_NOP && o[2] == TCP_OPT_TS)
			return be32_host(*(const struct be32 *)(o + 4));
	}
	return 0;
}

/* TCP's header in @f and how long it is with what follows; NULL: no TCP. */
static const struct tcp_hdr *find_tcp(const struct fake_frame *f, u32 *len)
{
	const struct eth_hdr *eth = (const struct eth_hdr *)f->data;
	const struct ipv4_hdr *ip = (const struct ipv4_hdr *)(eth + 1);
	const struct ipv6_hdr *ip6 = (const struct ipv6_hdr *)(eth + 1);

	switch (be16_host(eth->type)) {
	case ETH_TYPE_IPV4:
		*len = be16_host(ip->len) - IPV4_LEN;
		return ip->proto == IP_PROTO_TCP ? (const void *)(ip + 1)
						 : NULL;
	case ETH_TYPE_IPV6:
		*len = be16_host(ip6->len);
		return ip6->next == IP_PROTO_TCP ? (const void *)(ip6 + 1)
						 : NULL;
	}
	return NULL;
}

static bool parse(const struct fake_frame *f, struct rig_seg *out)
{
	u32 len;
	const struct tcp_hdr *h = find_tcp(f, &len);

	if (!h)
		return false;
	*out = (struct rig_seg){
		.sport = be16_host(h->sport),
		.dport = be16_host(h->dport),
		.seq = be32_host(h->seq),
		.ack = be32_host(h->ack),
		.len = len - (h->off >> 4) * 4u,
		.win = be16_host(h->win),
		.flags = h->flags,
		.tsval = tsval_of(h),
		.payload = (const u8 *)h + (h->off >> 4) * 4u,
	};
	return true;
}

bool rig_segment(struct rig *r, struct rig_seg *out)
{
	const struct fake_frame *f;

	while ((f = fake_nic_collect(&r->nic))) {
		if (parse(f, out))
			return true;
	}
	return false;
}

void rig_drain(struct rig *r)
{
	while (fake_nic_collect(&r->nic))
		;
}

/* ---- both */

s64 rig_listen(struct rig *r, u32 backlog)
{
	struct ix_call *c = rig_call(r, IX_LISTEN);

	c->port = RIG_PORT;
	c->backlog = backlog;
	return rig_one(r);
}

static u64 accept_peer(struct rig *r, struct rig_peer *p, u64 cookie)
{
	const u8 syn = p->ecn ? TCP_SYN | TCP_ECE | TCP_CWR : TCP_SYN;
	const u8 want =
		p->ecn ? TCP_SYN | TCP_ACK | TCP_ECE : TCP_SYN | TCP_ACK;
	const struct ix_event *knock;
	struct rig_seg seg;
	struct ix_call *c;
	u64 handle;

	p->seq = 0x1000u * p->sport;
	rig_drain(r);
	rig_inject_tcp(r, p, syn, NULL, 0);
	rig_poll(r);
	rig_poll(r);
	if (!rig_segment(r, &seg) || seg.flags != want)
		panic("rig: no SYN-ACK");
	p->ack = seg.seq + 1;
	p->tsecr = seg.tsval;
	rig_inject_tcp(r, p, TCP_ACK, NULL, 0);
	rig_poll(r);
	knock = rig_event(r, IX_EV_KNOCK, 0);
	if (!knock || knock->port != p->sport)
		panic("rig: no knock");
	handle = knock->handle;
	c = rig_call(r, IX_ACCEPT);
	c->handle = handle;
	c->cookie = cookie;
	if (rig_one(r))
		panic("rig: accept");
	return handle;
}

u64 rig_accept(struct rig *r, struct rig_peer *p, u64 cookie)
{
	*p = (struct rig_peer){ .sport = r->next_sport++, .dport = RIG_PORT };
	return accept_peer(r, p, cookie);
}

u64 rig_accept_mss(struct rig *r, struct rig_peer *p, u64 cookie, u16 mss)
{
	*p = (struct rig_peer){ .sport = r->next_sport++,
				.dport = RIG_PORT,
				.ts = true,
				.mss = mss };
	return accept_peer(r, p, cookie);
}

u64 rig_accept_ecn(struct rig *r, struct rig_peer *p, u64 cookie, u16 mss)
{
	*p = (struct rig_peer){ .sport = r->next_sport++,
				.dport = RIG_PORT,
				.ts = true,
				.mss = mss,
				.ecn = true };
	return accept_peer(r, p, cookie);
}

u64 rig_accept_ts(struct rig *r, struct rig_peer *p, u64 cookie)
{
	*p = (struct rig_peer){ .sport = r->next_sport++,
				.dport = RIG_PORT,
				.ts = true };
	return accept_peer(r, p, cookie);
}

static void know_peer_ip6(struct net *net)
{
	struct be32 id = addr_get(net, rig_peer_ip6);

	if (neigh_add_static(net, id, rig_peer_mac))
		panic("rig: no IPv6");
	addr_put(net, id);
}

u64 rig_accept_ip6(struct rig *r, struct rig_peer *p, u64 cookie)
{
	know_peer_ip6(&r->dp.net);
	*p = (struct rig_peer){ .sport = r->next_sport++,
				.dport = RIG_PORT,
				.ts = true,
				.ip6 = true };
	return accept_peer(r, p, cookie);
}
