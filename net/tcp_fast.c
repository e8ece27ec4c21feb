/* SPDX-License-Identifier: MIT */
/*
 * The fast path: what an established connection mostly sees, all layers in one
 * go. tcp_fast_in() takes a frame that is the next segment in order, without
 * anything unusual; tcp_fast_out() sends what fits one segment. Both look at
 * everything first and change nothing unless they can do the whole: "false"
 * means the long way, ip_in() -> tcp_in() or tcp_output(), which knows all
 * cases and does not rely on anything done here.
 */
#include "base/cksum.h"
#include "net/header.h"
#include "net/tcp_int.h"
#include "nic/nic.h"

/* With timestamps, in the layout of RFC 7323 appendix A. */
struct frame {
	struct eth_hdr eth;
	struct ipv4_hdr ip;
	struct tcp_hdr tcp;
	struct be32 ts_kind, tsval, tsecr;
} PACKED;

enum {
	TS_WORD = 0x0101080a, /* NOP NOP kind length */
	TCP_TS_LEN = TCP_LEN + 12,
	/* Conditions that only the long way knows. */
	RARE = TCP_F_NO_RECV | TCP_F_RECOVERY | TCP_F_RTO_RECOVERY |
	       TCP_F_FIN_QUEUED | TCP_F_PROBE | TCP_F_REXMIT,
};

static inline u64 load64(const void *p)
{
	u64 x;

	memcpy(&x, p, sizeof(x));
	return x;
}

static inline u32 load32(const void *p)
{
	u32 x;

	memcpy(&x, p, sizeof(x));
	return x;
}

/* ---- in */

/* Unicast to us, IPv4 without options or fragments, TCP with nothing but
 * timestamps, and no padding. Neighbouring fields are looked at in one word. */
static inline bool plain_frame(const struct net *net, const struct mbuf *m,
			       const struct frame *f)
{
	u32 type_ihl = load32(&f->eth.type) & 0xffffff;
	u32 frag_proto = load32(&f->ip.frag) &
			 (be16(IP_MF | IP_OFFSET).raw | 0xffu << 24);
	u32 off_flags = load32(&f->tcp.off) & (0xffff & ~(TCP_PSH << 8));

	return !(m->len < sizeof(*f) || m->next ||
		 (load64(f->eth.dst) ^ load64(net->mac)) << 16 ||
		 type_ihl != (be16(ETH_TYPE_IPV4).raw | 0x45 << 16) ||
		 frag_proto != (u32)IP_PROTO_TCP << 24 ||
		 f->ip.dst.raw != net->conf.ip.raw ||
		 be16_host(f->ip.len) != m->len - ETH_LEN ||
		 off_flags != (TCP_TS_LEN << 2 | TCP_ACK << 8) ||
		 f->ts_kind.raw != be32(TS_WORD).raw);
}

static inline bool sums_hold(const struct net *net, const struct mbuf *m,
			     const struct frame *f)
{
	u32 len = m->len - ETH_LEN - IPV4_LEN;
	u64 addresses = load64(&f->ip.src);
	u64 pseudo = (addresses & 0xffffffff) + (addresses >> 32) +
		     be16(IP_PROTO_TCP).raw + be16((u16)len).raw;
	u64 ip = (addresses & 0xffffffff) + (addresses >> 32) + load32(&f->ip) +
		 load32(&f->ip.id) + load32(&f->ip.ttl);

	if (unlikely(!cksum_holds(ip)))
		return false;
	if (m->flags & MBUF_CSUM_OK || (net->caps & NIC_RX_CSUM_PARTIAL &&
					f->tcp.cksum == cksum_fold(pseudo)))
		return true;
	return likely(cksum_holds(cksum_add(pseudo, &f->tcp, len)));
}

/* Everything acknowledged that was in flight, all of it one range. */
static inline void all_acked(struct net *net, struct tcp_conn *c, u32 acked)
{
	tcp_range_put(net, c->sndq_head);
	c->sndq_head = c->sndq_tail = c->nxt_range = 0;
	c->head_off = c->nxt_off = 0;
	c->sndq_ranges = 0;
	c->sndq_bytes = 0;
	c->rto_at = 0;
	c->acked += acked;
}

/* Returns what the application should know of it. */
static inline u8 take_ack(struct net *net, struct tcp_conn *c, u32 ack, u64 now)
{
	u32 acked = ack - c->snd_una;

	if (unlikely(ack != c->snd_max || acked != c->sndq_bytes ||
		     c->sndq_ranges != 1 || c->backoff ||
		     c->snd_nxt != c->snd_max || acked >= c->cwnd / 2)) {
		tcp_ack_advance(net, c, ack, now);
		return 0;
	}
	if (unlikely(c->flags & TCP_F_RTT_TIMED)) {
		c->flags &= ~(u32)TCP_F_RTT_TIMED;
		tcp_rtt_update(net, c, tcp_us(now) - c->rtt_at);
	}
	all_acked(net, c, acked);
	c->snd_una = ack;
	c->probes = 0;
	c->dupacks = 0;
	return TCP_EV_SENT;
}

static inline u8 take_data(struct net *net, struct tcp_conn *c, struct mbuf *m,
			   u32 len)
{
	if (unlikely(c->rx_head)) {
		tcp_rx_append(net, c, m, len);
	} else {
		c->rcv_nxt += len;
		c->rx_bytes += len;
		c->rx_mbufs++;
		c->rx_head = c->rx_tail = c->rx_next = m;
	}
	tcp_data_taken(net, c);
	return TCP_EV_RECV;
}

bool tcp_fast_in(struct net *net, struct mbuf *m, u64 now)
{
	const struct frame *f = (const struct frame *)m->data;
	u32 seq, ack, acked, tsval, wnd, len;
	struct tcp_conn *c;
	u8 news = 0;

	if (unlikely(!plain_frame(net, m, f) || !sums_hold(net, m, f)))
		return false;
	c = tcp_find(net, f->ip.src, f->ip.dst, f->tcp.sport, f->tcp.dport);
	if (unlikely(!c))
		return false;
	len = m->len - sizeof(*f);
	seq = be32_host(f->tcp.seq);
	ack = be32_host(f->tcp.ack);
	tsval = be32_host(f->tsval);
	acked = ack - c->snd_una;
	if (unlikely(c->state != TCP_ESTABLISHED ||
		     (c->flags & (RARE | TCP_F_TS)) != TCP_F_TS || c->ooo ||
		     seq != c->rcv_nxt || len > c->rcv_adv - seq ||
		     acked > c->snd_max - c->snd_una ||
		     seq_lt(tsval, c->ts_recent) || seq_lt(seq, c->snd_wl1) ||
		     (!acked && (!len || c->dupacks)) ||
		     (len && !tcp_rx_room(net, c, true))))
		return false;

	if (seq_le(seq, c->last_ack_sent))
		tcp_renew_ts(c, tsval, now);
	c->last_rx = tick_of(now);
	c->probes = 0;
	if (acked)
		news = take_ack(net, c, ack, now);
	wnd = (u32)be16_host(f->tcp.win) << c->wscale_snd;
	if (unlikely(wnd != c->snd_wnd))
		tcp_new_window(net, c, wnd);
	c->snd_wl1 = seq;
	c->snd_wl2 = ack;
	if (len) {
		mbuf_pull(m, sizeof(*f));
		news |= take_data(net, c, m, len);
	} else {
		mbuf_free(net->pool, m);
	}
	if (likely(news))
		tcp_ready(net, c, news);
	return true;
}

/* ---- out */

/* All headers in front of @m's payload, which has @len bytes and whose words
 * add up to @sum. */
static inline void push_headers(struct net *net, struct tcp_conn *c,
				struct mbuf *m, u32 len, u64 sum,
				const u8 mac[6], u64 now)
{
	struct frame *f = (struct frame *)(m->data - sizeof(*f));
	u32 *tcp = (u32 *)&f->tcp, *ip = (u32 *)&f->ip;
	u64 addresses = (u64)c->laddr.raw + c->raddr.raw;
	u32 ports = c->lport.raw | (u32)c->rport.raw << 16;
	u32 seq = be32(c->snd_nxt).raw, ack = be32(c->rcv_nxt).raw;
	u32 rest = TCP_TS_LEN << 2 | (TCP_ACK | TCP_PSH) << 8 |
		   (u32)tcp_advertise(net, c).raw << 16;
	u32 tsval = be32(tcp_tsval(c, now)).raw, tsecr = be32(c->ts_recent).raw;
	u32 first = 0x45 | (u32)be16((u16)(len + IPV4_LEN + TCP_TS_LEN)).raw
				   << 16;

	m->data = (u8 *)f;
	m->len = len + sizeof(*f);
	sum += addresses + ports + seq + ack + rest + tsval + tsecr +
	       be32(TS_WORD).raw + be16(IP_PROTO_TCP).raw +
	       be16((u16)(len + TCP_TS_LEN)).raw;
	tcp[0] = ports;
	tcp[1] = seq;
	tcp[2] = ack;
	tcp[3] = rest;
	tcp[4] = (u16)~cksum_fold(sum);
	tcp[5] = be32(TS_WORD).raw;
	tcp[6] = tsval;
	tcp[7] = tsecr;
	addresses += (u64)first + (be16(IP_DF).raw << 16) +
		     (IP_TTL | IP_PROTO_TCP << 8);
	ip[0] = first;
	ip[1] = (u32)be16(IP_DF).raw << 16;
	ip[2] = IP_TTL | IP_PROTO_TCP << 8 |
		(u32)(u16)~cksum_fold(addresses) << 16;
	ip[3] = c->laddr.raw;
	ip[4] = c->raddr.raw;
	memcpy(f->eth.dst, mac, 6);
	memcpy(f->eth.src, net->mac, 6);
	f->eth.type = be16(ETH_TYPE_IPV4);
}

/* The bookkeeping of @len new bytes sent, and of the ACK they carry. */
static inline void sent(struct net *net, struct tcp_conn *c, u32 len, u64 now)
{
	c->nxt_range = 0;
	c->nxt_off = 0;
	c->snd_nxt += len;
	c->snd_max = c->snd_nxt;
	if (unlikely(tcp_rtt_wanted(c, now)))
		tcp_rtt_start(c, now);
	c->flags &= ~(u32)(TCP_F_ACK_NOW | TCP_F_ACK_LATER);
	c->last_ack_sent = c->rcv_nxt;
	c->delack_at = 0;
	c->persist_at = 0;
	if (!c->rto_at)
		tcp_arm_rto(net, c, now);
}

bool tcp_fast_out(struct net *net, struct tcp_conn *c, u64 now)
{
	u32 flight = c->snd_nxt - c->snd_una;
	u32 len = c->sndq_bytes - flight;
	const struct neigh *e;
	const struct tcp_range *r;
	struct mbuf *m;

	if (unlikely(c->state != TCP_ESTABLISHED || !len || !c->nxt_range ||
		     (c->flags & (RARE | TCP_F_TS)) != TCP_F_TS ||
		     c->snd_nxt != c->snd_max || c->dupacks ||
		     len > TCP_COPY_MAX || len > c->mss_snd ||
		     flight + len > min(c->cwnd, c->snd_wnd) ||
		     (!flight && tick_of(now) - c->last_rx > c->rto) ||
		     net->caps & NIC_TX_CSUM))
		return false;
	r = tcp_range_at(net, c->nxt_range);
	e = arp_hint(net, c->neigh, ip_next_hop(net, c->raddr));
	if (unlikely(r->len - c->nxt_off != len || !e))
		return false;
	m = mbuf_alloc(net->pool);
	if (unlikely(!m))
		return false;
	push_headers(net, c, m, len,
		     cksum_copy(0, m->data, r->addr + c->nxt_off, len), e->mac,
		     now);
	net->txq[net->ntx++] = m;
	net->stat->tx_copied_bytes += len;
	sent(net, c, len, now);
	return true;
}
