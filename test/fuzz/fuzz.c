/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <string.h>

u32 fuzz_bytes(struct fuzz_in *in, void *out, u32 max)
{
	u32 n = in->left < max ? (u32)in->left : max;

	if (n)
		memcpy(out, in->p, n);
	in->p += n;
	in->left -= n;
	return n;
}

struct rig *fuzz_rig(struct fuzz_in *in)
{
	struct rig *r = rig_new();
	u8 how = fuzz_8(in);

	r->nic.q.caps = how & (NIC_GATHER | NIC_RX_CSUM_PARTIAL | NIC_TX_CSUM);
	r->conf.net.tcp.cc = (how >> 6) % TCP_NR_CC;
	r->conf.net.tcp.ecn = TCP_ECN_ACCEPT;
	r->conf.net.tcp.pacing = how & 32;
	r->conf.mbufs = 128;
	r->conf.net.ip6 = (struct ip6_conf){
		.own = { { rig_ip6, 64 },
			 { .ip = { .b = { 0xfe, 0x80, [15] = 1 } },
			   .bits = 64 } },
		.nown = 2,
		.detect = true,
	};
	r->conf.net.tcp.max_conns = 8;
	r->conf.net.tcp.timestamps = true;
	r->conf.net.tcp.wscale = true;
	r->conf.net.tcp.sack = true;
	r->conf.net.tcp.rcv_mbufs = 8;
	r->conf.net.tcp.rcv_buf_max = 1 << 20;
	r->conf.net.tcp.quick_acks = 4;
	r->conf.net.tcp.syn_cookies = true;
	r->conf.net.tcp.keep_idle_ms = 5000;
	r->conf.net.tcp.keep_interval_ms = 500;
	r->conf.net.tcp.keep_probes = 3;
	r->conf.net.tcp.challenge_interval_ms = 100;
	rig_start(r);
	r->dp.net.tcp.crowd = 0; /* what few connections never do */
	rig_listen(r, 4);
	return r;
}

void fuzz_raw(struct rig *r, struct fuzz_in *in)
{
	u8 frame[256];
	u32 n = fuzz_bytes(in, frame, fuzz_8(in));

	fake_nic_inject(&r->nic, frame, n);
}

static u8 *ethernet(struct rig *r, u8 *frame, u16 type)
{
	struct eth_hdr *eth = (struct eth_hdr *)frame;

	memcpy(eth->dst, r->nic.q.mac, 6);
	memcpy(eth->src, rig_peer_mac, 6);
	eth->type = be16(type);
	return (u8 *)(eth + 1);
}

static void ip_of(struct rig *r, struct fuzz_in *in, u16 type)
{
	u8 frame[ETH_LEN + 256] = { 0 };
	u32 n = ETH_LEN;

	n += fuzz_bytes(in, ethernet(r, frame, type), fuzz_8(in));
	rig_fix(frame, n);
	fake_nic_inject(&r->nic, frame, max(n, (u32)ETH_MIN_FRAME));
}

void fuzz_ip(struct rig *r, struct fuzz_in *in)
{
	ip_of(r, in, ETH_TYPE_IPV4);
}

void fuzz_ip6(struct rig *r, struct fuzz_in *in)
{
	ip_of(r, in, ETH_TYPE_IPV6);
}

/* Distances from what is expected: mostly small, sometimes anything. */
static u32 delta(struct fuzz_in *in)
{
	s32 d = (signed char)fuzz_8(in);

	return d == -128 ? fuzz_32(in) : (u32)d;
}

/* Of a closed one, the address is nobody's any more. */
static bool is_v6(const struct tcp_conn *c)
{
	return c->state != TCP_CLOSED && addr_is_v6(c->flow.raddr);
}

/* Of the connection's family; returns where TCP's goes. */
static struct tcp_hdr *ip_header(const struct net *net,
				 const struct tcp_conn *c, u8 *at)
{
	const struct addr_table *t = &net->addrs;

	if (is_v6(c)) {
		*(struct ipv6_hdr *)at = (struct ipv6_hdr){
			.ver_class_flow = be32(6u << 28),
			.next = IP_PROTO_TCP,
			.hops = 64,
			.src = *addr_ip6(t, c->flow.raddr),
			.dst = *addr_ip6(t, c->flow.laddr),
		};
		return (struct tcp_hdr *)(at + IPV6_LEN);
	}
	*(struct ipv4_hdr *)at = (struct ipv4_hdr){
		.ver_ihl = 0x45,
		.ttl = 64,
		.proto = IP_PROTO_TCP,
		.src = addr_is_v6(c->flow.raddr) || !c->flow.raddr.raw
			       ? rig_peer_ip
			       : c->flow.raddr,
		.dst = rig_ip,
	};
	return (struct tcp_hdr *)(at + IPV4_LEN);
}

struct tcp_hdr *fuzz_headers(struct rig *r, const struct tcp_conn *c, u8 *frame)
{
	u16 type = is_v6(c) ? ETH_TYPE_IPV6 : ETH_TYPE_IPV4;

	return ip_header(&r->dp.net, c, ethernet(r, frame, type));
}

static void header(const struct tcp_conn *c, struct fuzz_in *in,
		   struct tcp_hdr *h)
{
	*h = (struct tcp_hdr){
		.sport = c->flow.rport.raw ? c->flow.rport : be16(777),
		.dport = c->flow.lport.raw ? c->flow.lport : be16(RIG_PORT),
		.flags = fuzz_8(in),
	};
	h->seq = be32(c->rcv_nxt + delta(in));
	h->ack = be32(c->snd_nxt + delta(in));
	h->win = be16(fuzz_16(in));
}

/* @n blocks, mostly of what is in flight or just outside of it. */
static u32 blocks(const struct tcp_conn *c, struct fuzz_in *in, u8 *at, u32 n)
{
	struct be32 word = be32(0x01010502 + 8 * n);
	u32 flight = c->snd_max - c->snd_una;

	memcpy(at, &word, 4);
	for (u32 i = 0; i < n; i++) {
		u32 start = c->snd_una + fuzz_16(in) % (flight + 9) - 4;

		word = be32(start);
		memcpy(at + 4 + 8 * i, &word, 4);
		word = be32(start + delta(in));
		memcpy(at + 8 + 8 * i, &word, 4);
	}
	return 4 + 8 * n;
}

static u32 timestamps(const struct tcp_conn *c, u8 *at)
{
	const struct be32 ts[3] = { be32(0x0101080a), be32(c->ts_recent),
				    be32(0) };

	if (!(c->flags & TCP_F_TS))
		return 0;
	memcpy(at, ts, sizeof(ts));
	return sizeof(ts);
}

/* No options means the timestamps that the connection needs. 0xf0 and more: one
 * to three blocks besides. */
static u32 options(const struct tcp_conn *c, struct fuzz_in *in, u8 *at)
{
	u8 x = fuzz_8(in);
	u32 n = x % (TCP_MAX_OPT + 1) & ~3u;

	if (!n || x >= 0xf0)
		n = timestamps(c, at);
	if (x >= 0xf0)
		return n + blocks(c, in, at + n, x % 3 + 1);
	if (x % (TCP_MAX_OPT + 1) < 4)
		return n;
	memset(at, 0, n);
	fuzz_bytes(in, at, n);
	return n;
}

void fuzz_segment(struct rig *r, struct fuzz_in *in)
{
	u32 i = fuzz_8(in) % r->conf.net.tcp.max_conns, nopt, len;
	const struct tcp_conn *c = &r->dp.net.tcp.conns[i];
	u8 frame[FAKE_FRAME_MAX];
	struct tcp_hdr *h = fuzz_headers(r, c, frame);

	header(c, in, h);
	nopt = options(c, in, (u8 *)(h + 1));
	h->off = (u8)((TCP_LEN + nopt) << 2);
	len = fuzz_16(in) % 4000;
	memset((u8 *)(h + 1) + nopt, 'x', len);
	len += (u32)((u8 *)(h + 1) - frame) + nopt;
	rig_fix(frame, len);
	fake_nic_inject(&r->nic, frame, len);
}

void fuzz_time(struct rig *r, struct fuzz_in *in)
{
	u8 x = fuzz_8(in);

	rig_sleep(r, (u64)(x & 15) << (14 + (x >> 4)));
}

static void check(bool ok, const char *what)
{
	if (!ok)
		panic(what);
}

void fuzz_check_events(const struct rig *r)
{
	u64 pool = (u64)r->conf.mbufs * MBUF_SIZE;

	check(r->up.nevents <= IX_MAX_EVENTS, "fuzz: event count");
	for (u32 i = 0; i < r->up.nevents; i++) {
		const struct ix_event *e = &r->up.events[i];
		u64 off = e->addr - RIG_APP_FRAMES;
		bool buffer = (e->type == IX_EV_RECV && e->len) ||
			      e->type == IX_EV_UDP_RECV ||
			      e->type == IX_EV_UDP_PART;

		check(e->type < IX_EV_MOVED, "fuzz: event type");
		check(!buffer || (off < pool && e->len <= MBUF_SIZE &&
				  off % MBUF_SIZE + e->len <= MBUF_SIZE),
		      "fuzz: event outside the pool");
		check(e->type == IX_EV_TIMER || e->handle >> 32 ||
			      e->handle < 8,
		      "fuzz: event without a name");
	}
}
