/* SPDX-License-Identifier: MIT */
/*
 * The fast path: what an established connection mostly sees, all layers in one
 * go. tcp_fast_in() takes frames that are the next segment in order, without
 * anything unusual; tcp_answer() sends at once what fits one segment. Both
 * look at everything first and change nothing unless they can do the whole;
 * else it goes the long way, ip_in() -> tcp_in() or tcp_send() ->
 * tcp_output(), which knows all cases and does not rely on anything done here.
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
	       TCP_F_FIN_QUEUED | TCP_F_PROBE | TCP_F_REXMIT | TCP_F_FIN_HELD,
};

/* Established, with timestamps, and nothing of @rare going on? */
static inline bool plain(const struct tcp_conn *c, u32 rare)
{
	return c->state_word == TCP_ESTABLISHED &&
	       (c->flags & (rare | TCP_F_TS)) == TCP_F_TS;
}

/* Native words of headers, neighbours put together as they lie in memory. */
static inline u64 pair(u32 first, u32 second)
{
	return first | (u64)second << 32;
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
		 (load64(f->eth.dst) ^ net->src.word) << 16 ||
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
	u64 addrs = (u64)f->ip.src.raw + f->ip.dst.raw;
	u64 pseudo = addrs + be16(IP_PROTO_TCP).raw + be16((u16)len).raw;
	u64 ip =
		addrs + load32(&f->ip) + load32(&f->ip.id) + load32(&f->ip.ttl);

	if (unlikely(!cksum_holds(ip)))
		return false;
	if (m->flags & MBUF_CSUM_OK || (net->caps & NIC_RX_CSUM_PARTIAL &&
					f->tcp.cksum == cksum_fold(pseudo)))
		return true;
	return likely(cksum_holds(cksum_add(pseudo, &f->tcp, len)));
}

/* Returns what the application should know of it. */
static inline u8 take_ack(struct net *net, struct tcp_conn *c, u32 ack, u64 now)
{
	u32 acked = ack - c->snd_una;

	if (unlikely(ack != c->snd_max || ack != c->snd_nxt ||
		     acked != c->sndq_bytes || acked >= c->cwnd / 2)) {
		tcp_ack_advance(net, c, ack, now);
		return 0;
	}
	tcp_take_acked(net, c, ack, acked, now);
	c->rto_at = 0;
	return TCP_EV_SENT;
}

/* A frame with sound headers and sums. False: not done. */
static inline bool take_segment(struct net *net, struct tcp_conn *c,
				struct mbuf *m, const struct frame *f, u64 now)
{
	u32 len = m->len - sizeof(*f);
	u32 seq = be32_host(f->tcp.seq), ack = be32_host(f->tcp.ack);
	u32 tsval = be32_host(f->tsval), acked = ack - c->snd_una;
	u8 news = 0;

	if (unlikely(!plain(c, RARE) || c->ooo || seq != c->rcv_nxt ||
		     len > c->rcv_adv - seq ||
		     acked > c->snd_max - c->snd_una || !(acked | len) ||
		     seq_lt(tsval, c->ts_recent) || seq_lt(seq, c->snd_wl1) ||
		     (len && !tcp_rx_room(net, c, len, true))))
		return false;
	tcp_take_ts(c, seq, tsval, now);
	c->last_rx = tick_of(now);
	if (acked)
		news = take_ack(net, c, ack, now);
	tcp_take_window(net, c, seq,
			(u32)be16_host(f->tcp.win) << c->wscale_snd);
	if (len) {
		mbuf_pull(m, sizeof(*f));
		tcp_rx_append_one(net, c, m, len);
		tcp_data_taken(net, c);
		news |= TCP_EV_RECV;
	} else {
		mbuf_free(net->pool, m);
	}
	if (likely(news))
		tcp_ready(net, c, news);
	return true;
}

u32 tcp_fast_in(struct net *net, struct mbuf *const *pkts, u32 n, u64 now)
{
	u32 i;

	for (i = 0; i < n; i++) {
		struct mbuf *m = pkts[i];
		const struct frame *f = (const struct frame *)m->data;
		struct tcp_conn *c;

		if (unlikely(!plain_frame(net, m, f) || !sums_hold(net, m, f)))
			break;
		c = tcp_find(net, flow_received(&f->ip, &f->tcp));
		if (unlikely(!c || !take_segment(net, c, m, f, now)))
			break;
	}
	return i;
}

/* ---- out */

/* All headers in front of @m's payload, which has @len bytes and whose words
 * add up to @sum. */
static inline void push_headers(struct net *net, struct tcp_conn *c,
				struct mbuf *m, u32 len, u64 sum,
				const struct neigh *e, u64 now)
{
	struct frame *f = (struct frame *)(m->data - sizeof(*f));
	u64 addrs = c->flow.addrs;
	u32 ports = c->flow.ports;
	u32 lens = be16((u16)(len + IPV4_LEN + TCP_TS_LEN)).raw;
	u32 rest = TCP_TS_LEN << 2 | (TCP_ACK | TCP_PSH) << 8 |
		   (u32)tcp_advertise(net, c).raw << 16;
	u64 ip0 = pair(0x45 | lens << 16, (u32)be16(IP_DF).raw << 16);
	u64 tcp0 = pair(ports << 16 | ports >> 16, be32(c->snd_nxt).raw);
	u64 tcp1 = pair(be32(c->rcv_nxt).raw, rest);
	u64 ts = pair(be32(tcp_tsval(c, now)).raw, be32(c->ts_recent).raw);
	u64 ip_sum;

	addrs = addrs << 32 | addrs >> 32;
	ip_sum = (addrs & 0xffffffff) + (addrs >> 32);
	sum = cksum_add64(sum, tcp0);
	sum = cksum_add64(sum, tcp1);
	sum = cksum_add64(sum, ts);
	/* IP's length is that of TCP and its header's 20 bytes. */
	sum = cksum_add64(sum, ip_sum + be32(TS_WORD).raw + lens +
				       be16(IP_PROTO_TCP).raw +
				       (u16)~be16(IPV4_LEN).raw);
	ip_sum += 0x45 + (lens << 16) + ((u32)be16(IP_DF).raw << 16) +
		  (IP_TTL | IP_PROTO_TCP << 8);
	m->data = (u8 *)f;
	m->len = len + sizeof(*f);
	/* Words of eight bytes; that of the address runs on into the next. */
	store64(f->eth.dst, load64(e->mac));
	store64(f->eth.src, net->src.word);
	store64(&f->ip, ip0);
	store32(&f->ip.ttl, IP_TTL | IP_PROTO_TCP << 8 |
				    (u32)(u16)~cksum_fold(ip_sum) << 16);
	store64(&f->ip.src, addrs);
	store64(&f->tcp, tcp0);
	store64(&f->tcp.ack, tcp1);
	store64(&f->tcp.cksum, pair((u16)~cksum_fold(sum), be32(TS_WORD).raw));
	store64(&f->tsval, ts);
}

/* All that is queued is in flight, not overdue, and both windows let @len bytes
 * at @addr follow? Not those that go on where the last range ends: tcp_send()
 * makes them one. */
static COLD bool may_follow(const struct net *net, const struct tcp_conn *c,
			    const u8 *addr, u32 len, u64 now)
{
	const struct tcp_range *tail = tcp_range_at(net, c->sndq_tail);
	u32 after = c->sndq_bytes + len;

	return tick_before(tick_of(now), c->rto_at) &&
	       tail->addr + tail->len != addr && c->snd_nxt == c->snd_max &&
	       c->snd_nxt - c->snd_una == c->sndq_bytes &&
	       after <= min(c->cwnd, c->snd_wnd) &&
	       after <= net->conf.tcp.snd_buf && tcp_range_due(net, c);
}

/* One small segment that may go. False: not done. */
static inline bool send_at_once(struct net *net, struct tcp_conn *c,
				const u8 *addr, u32 len, u64 now)
{
	const struct neigh *e;
	struct mbuf *m;

	if (unlikely(len - 1 >= TCP_COPY_MAX || len > c->mss_snd ||
		     len > c->snd_wnd ||
		     (c->sndq_bytes && !may_follow(net, c, addr, len, now)) ||
		     net->caps & NIC_TX_CSUM || !net_tx_room(net, 2)))
		return false;
	e = arp_hint(net, c->neigh, ip_next_hop(net, c->flow.raddr));
	m = likely(e) ? mbuf_alloc(net->pool) : NULL;
	if (unlikely(!m))
		return false;
	push_headers(net, c, m, len, cksum_copy(0, m->data, addr, len), e, now);
	net->txq[net->ntx++] = m;
	net->stat->tx_copied_bytes += len;
	tcp_ack_sent(c);
	tcp_leave_idle(net, c, now);
	tcp_sndq_append(net, c, addr, len);
	c->snd_nxt += len;
	tcp_sent_new(c, now);
	c->last_tx = tick_of(now);
	if (likely(!c->rto_at))
		tcp_arm_rto(net, c, now);
	return true;
}

void tcp_answer_short(const struct net *net, struct tcp_conn *c)
{
	c->flags |= TCP_F_SHORT;
	c->short_at = (u16)net->stat->crossings;
}

/* In this crossing? */
static bool was_short(const struct net *net, struct tcp_conn *c)
{
	if (c->short_at != (u16)net->stat->crossings)
		c->flags &= ~(u32)TCP_F_SHORT;
	return c->flags & TCP_F_SHORT;
}

s64 tcp_answer_later(struct net *net, struct tcp_conn *c, u32 done,
		     const u8 *addr, u32 len)
{
	int err = tcp_may_send(c);

	if (done > c->rx_told)
		return -EINVAL;
	if (err)
		return err;
	tcp_recv_done(net, c, done);
	return was_short(net, c) ? 0 : tcp_send(net, c, addr, len);
}

s64 tcp_answer(struct net *net, struct tcp_conn *c, u32 done, const u8 *addr,
	       u32 len, u64 now)
{
	if (unlikely(done > c->rx_told))
		return -EINVAL;
	if (unlikely(!plain(c, RARE | TCP_F_SHORT)))
		return tcp_answer_later(net, c, done, addr, len);
	if (likely(done))
		tcp_give_back(net, c, done);
	if (likely(send_at_once(net, c, addr, len, now)))
		return len;
	tcp_window_update(net, c);
	return tcp_send(net, c, addr, len);
}
