/* SPDX-License-Identifier: MIT */
/*
 * The fast path: what an established connection mostly sees, all layers in one
 * go. tcp_fast_in() takes frames that are the next segment in order, without
 * anything unusual; tcp_answer() sends at once what fits one segment. Both
 * ask everything first, one condition a line, and change nothing unless they
 * can do the whole; then they do what the long way does, by the same verbs.
 * Else it goes there: ip_in() -> tcp_in() or tcp_send() -> tcp_output(), which
 * knows all cases and does not rely on anything done here.
 */
#include "net/header.h"
#include "net/tcp_int.h"
#include "net/tcp_loss.h"

/* With timestamps, in the layout of RFC 7323 appendix A. */
struct frame {
	struct eth_hdr eth;
	struct ipv4_hdr ip;
	struct tcp_hdr tcp;
	struct be32 ts_kind, tsval, tsecr;
} PACKED;

enum {
	HLEN = TCP_LEN + TCP_TS_LEN,
	/* What may be set or not. Any other flag, a new one, too, closes the
	 * fast path: it is added here by who has seen that it may be. */
	FLAGS_ANY = TCP_F_ACK_NOW | TCP_F_ACK_LATER | TCP_F_WSCALE |
		    TCP_F_ACCEPTED | TCP_F_KNOCKED | TCP_F_RTT_TIMED |
		    TCP_F_EARLY | TCP_F_ON_READY | TCP_F_ON_OUT | TCP_F_ACTIVE |
		    TCP_F_COUNTED | TCP_F_CC_STATE | TCP_F_ECN,
	/* These say something of sending only. */
	FLAGS_IN = FLAGS_ANY | TCP_F_SHORT | TCP_F_PACED,
};

/* Established, with timestamps, no loss and no timeout, and nothing but @any
 * going on? */
static inline bool is_usual(const struct tcp_conn *c, u32 any)
{
	return c->state_word == TCP_ESTABLISHED &&
	       (c->flags & ~any) == TCP_F_TS;
}

/* ---- in */

/* Neighbouring fields are looked at in one word; of tos only whether there is
 * a mark: the bit in which CE is not ECT(0). */
static inline bool is_plain(const struct net *net, const struct mbuf *m,
			    const struct frame *f)
{
	u32 type_ihl = load32(&f->eth.type) & 0x01ffffff;
	u32 frag_proto = load32(&f->ip.frag) &
			 (be16(IP_MF | IP_OFFSET).raw | 0xffu << 24);
	u32 off_flags = load32(&f->tcp.off) & (0xffff & ~(TCP_PSH << 8));

	return m->len >= sizeof(*f) && !m->next && /* headers, in one piece */
	       !((load64(f->eth.dst) ^ net->src.word) << 16) && /* unicast */
	       type_ihl == (be16(ETH_TYPE_IPV4).raw | 0x45 << 16) && /* bare */
	       frag_proto == (u32)IP_PROTO_TCP << 24 && /* no fragment */
	       f->ip.dst.raw == net->conf.ip.raw &&
	       be16_host(f->ip.len) == m->len - ETH_LEN && /* no padding */
	       off_flags == (HLEN << 2 | TCP_ACK << 8) &&  /* PSH or not */
	       f->ts_kind.raw == be32(TCP_TS_WORD).raw;
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

/* The next segment, with @len bytes of data, and nothing else to see to? */
static inline bool is_next(struct net *net, const struct tcp_conn *c, u32 seq,
			   u32 acked, u32 tsval, u32 len)
{
	return is_usual(c, FLAGS_IN) && !c->ooo && /* no hole to be filled */
	       seq == c->rcv_nxt &&		   /* in order */
	       len <= c->rcv_adv - seq &&	   /* nothing to be cut off */
	       acked <= c->snd_max - c->snd_una && /* sent, and not old */
	       (acked | len) && /* no duplicate, window update, keepalive */
	       !seq_lt(tsval, c->ts_recent) && /* PAWS */
	       !seq_lt(seq, c->snd_wl1) &&     /* no window is later */
	       (!len || tcp_rx_room(net, c, len, true));
}

/* Does @ack leave nothing to be sent, resent or waited for? */
static inline bool acks_all(const struct tcp_conn *c, u32 ack)
{
	u32 acked = ack - c->snd_una;

	return ack == c->snd_max &&	 /* nothing is in flight: no RTO */
	       ack == c->snd_nxt &&	 /* nothing was taken back */
	       acked == c->sndq_bytes && /* nothing waits */
	       acked < c->cwnd / 2;	 /* cwnd was no limit: it stays */
}

/* Returns what the application should know of it. */
static inline u8 take_ack(struct net *net, struct tcp_conn *c, u32 ack,
			  u32 tsecr, u64 now)
{
	if (unlikely(!acks_all(c, ack))) {
		tcp_ack_advance(net, c, ack, tsecr, now);
		return 0;
	}
	tcp_take_acked(net, c, ack, ack - c->snd_una, now);
	c->rto_at = 0;
	return TCP_EV_SENT;
}

/* A frame with sound headers and sums. False: not done. */
static inline bool take_segment(struct net *net, struct tcp_conn *c,
				struct mbuf *m, const struct frame *f, u64 now)
{
	u32 len = m->len - sizeof(*f), seq = be32_host(f->tcp.seq);
	u32 ack = be32_host(f->tcp.ack), acked = ack - c->snd_una;
	u32 tsval = be32_host(f->tsval);
	u8 events = 0;

	if (unlikely(!is_next(net, c, seq, acked, tsval, len)))
		return false;
	tcp_take_ts(c, seq, tsval, now);
	c->last_rx = tick_of(now);
	if (acked)
		events = take_ack(net, c, ack, be32_host(f->tsecr), now);
	tcp_take_window(net, c, seq,
			(u32)be16_host(f->tcp.win) << c->wscale_snd);
	if (len) {
		mbuf_pull(m, sizeof(*f));
		tcp_rx_append_one(net, c, m, len);
		tcp_data_taken(net, c);
		events |= TCP_EV_RECV;
	} else {
		mbuf_free(net->pool, m);
	}
	if (likely(events))
		tcp_ready(net, c, events);
	return true;
}

u32 tcp_fast_in(struct net *net, struct mbuf *const *pkts, u32 n, u64 now)
{
	u32 i;

	for (i = 0; i < n; i++) {
		struct mbuf *m = pkts[i];
		const struct frame *f = (const struct frame *)m->data;
		struct tcp_conn *c;

		if (unlikely(!is_plain(net, m, f) || !sums_hold(net, m, f)))
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
	struct be32 src = c->flow.laddr, dst = c->flow.raddr;
	u64 headers;

	m->data = (u8 *)f;
	m->len = len + sizeof(*f);
	eth_write(&f->eth, load64(e->mac), net->src.word);
	headers = ip_write(&f->ip, len + HLEN, src, dst, IP_PROTO_TCP,
			   tcp_ect(c));
	headers += tcp_write(&f->tcp, flow_ports_out(c->flow), be32(c->snd_nxt),
			     be32(c->rcv_nxt), HLEN, TCP_ACK | TCP_PSH,
			     tcp_advertise(net, c));
	headers += tcp_write_ts(&f->ts_kind, tcp_tsval(c, now), c->ts_recent);
	sum = cksum_add64(sum, headers);
	tcp_write_cksum(&f->tcp, (u16)~cksum_fold(sum));
}

/* Behind what is in flight? Not what goes on where the last range ends:
 * tcp_send() makes them one. */
static COLD bool may_follow(const struct net *net, const struct tcp_conn *c,
			    const u8 *addr, u32 len, u64 now)
{
	const struct tcp_range *tail = tcp_range_at(net, c->sndq_tail);
	u32 after = c->sndq_bytes + len;

	return tick_before(tick_of(now), c->rto_at) && /* none is overdue */
	       tail->addr + tail->len != addr &&
	       c->snd_nxt == c->snd_max && /* none was taken back */
	       c->snd_nxt - c->snd_una == c->sndq_bytes && /* none waits */
	       after <= min(c->cwnd, c->snd_wnd) &&
	       after <= net->conf.tcp.snd_buf && tcp_range_due(net, c);
}

/* One segment, which may go at once? With nothing in flight cwnd lets it. */
static inline bool may_go(const struct net *net, const struct tcp_conn *c,
			  const u8 *addr, u32 len, u64 now)
{
	return len - 1 < TCP_COPY_MAX && /* some, not worth gathering */
	       len <= c->mss_snd && len <= c->snd_wnd &&
	       (!c->sndq_bytes || may_follow(net, c, addr, len, now)) &&
	       !(net->caps & NIC_TX_CSUM) && /* summed here, while copied */
	       net_tx_room(net, 2);	     /* as tcp_output() asks for */
}

/* False: not done. */
static inline bool send_at_once(struct net *net, struct tcp_conn *c,
				const u8 *addr, u32 len, u64 now)
{
	const struct neigh *e;
	struct mbuf *m;
	u64 sum;

	if (unlikely(!may_go(net, c, addr, len, now)))
		return false;
	e = neigh_hint(net, c->neigh, ip_next_hop(net, c->flow.raddr));
	m = likely(e) ? mbuf_alloc(net->pool) : NULL;
	if (unlikely(!m))
		return false;
	sum = cksum_copy(0, m->data, addr, len);
	net->stat->tx_copied_bytes += len;
	push_headers(net, c, m, len, sum, e, now);
	net->txq[net->ntx++] = m;
	tcp_ack_sent(c);
	tcp_leave_idle(net, c, now);
	tcp_sndq_append(net, c, addr, len);
	c->snd_nxt += len;
	tcp_sent_new(c, now);
	c->last_tx = tick_of(now);
	if (likely(!c->rto_at))
		tcp_arm_rto(net, c, now);
	else
		tcp_tail_arm(net, c, c->sndq_bytes, now);
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
	if (unlikely(!is_usual(c, FLAGS_ANY)))
		return tcp_answer_later(net, c, done, addr, len);
	if (likely(done))
		tcp_give_back(net, c, done);
	if (likely(send_at_once(net, c, addr, len, now)))
		return len;
	tcp_window_update(net, c);
	return tcp_send(net, c, addr, len);
}
