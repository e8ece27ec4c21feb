/* SPDX-License-Identifier: MIT */
/* The fast path in: see tcp_fast.h. */
#include "net/tcp_fast.h"
#include "net/tcp_loss.h"
#include "net/tcp_tell.h"

struct frame {
	struct eth_hdr eth;
	struct ipv4_hdr ip;
	struct tcp_fast_seg seg;
} PACKED;

struct frame6 {
	struct eth_hdr eth;
	struct ipv6_hdr ip;
	struct tcp_fast_seg seg;
} PACKED;

/* These say something of sending only. */
enum { FLAGS_IN = TCP_FAST_FLAGS | TCP_F_SHORT | TCP_F_PACED };

enum { FETCHED = 64 /* connections at a time */ };

static inline bool is_fast_segment(const struct tcp_fast_seg *s)
{
	u32 off_flags = load32(&s->tcp.off) & (0xffff & ~(TCP_PSH << 8));

	return off_flags ==
		       (TCP_FAST_LEN << 2 | TCP_ACK << 8) && /* PSH or not */
	       s->ts_kind.raw == be32(TCP_TS_WORD).raw;
}

/* Neighbouring fields are looked at in one word; of tos only whether there is
 * a mark: the bit in which CE is not ECT(0). The addresses are the connection's
 * if there is one. */
static inline bool is_fast(const struct net *net, const struct mbuf *m,
			   const struct frame *f)
{
	u32 type_ihl = load32(&f->eth.type) & 0x01ffffff;
	u32 frag_proto = load32(&f->ip.frag) &
			 (be16(IP_MF | IP_OFFSET).raw | 0xffu << 24);

	return type_ihl == (be16(ETH_TYPE_IPV4).raw | 0x45 << 16) && /* bare */
	       m->len >= sizeof(*f) && !m->next && /* headers, in one piece */
	       !((load64(f->eth.dst) ^ net->src.word) << 16) && /* unicast */
	       frag_proto == (u32)IP_PROTO_TCP << 24 &&	   /* no fragment */
	       be16_host(f->ip.len) == m->len - ETH_LEN && /* no padding */
	       is_fast_segment(&f->seg);
}

/* The same; of the class, too, the mark alone. No extension headers; and nobody
 * else has claimed an address of ours, where we would be silent. */
static inline bool is_fast6(const struct net *net, const struct mbuf *m,
			    const struct frame6 *f)
{
	u32 type_mark = load32(&f->eth.type) & 0x10f0ffff;

	return m->len >= sizeof(*f) && !m->next &&
	       !((load64(f->eth.dst) ^ net->src.word) << 16) &&
	       type_mark == (be16(ETH_TYPE_IPV6).raw | 0x60 << 16) &&
	       f->ip.next == IP_PROTO_TCP && !net->ip6.claimed &&
	       be16_host(f->ip.len) == m->len - ETH_LEN - IPV6_LEN &&
	       is_fast_segment(&f->seg);
}

/* @sum: of the pseudo header. */
static inline bool sum_holds(const struct net *net, const struct mbuf *m,
			     const struct tcp_fast_seg *s, u32 len, u64 sum)
{
	if (m->flags & MBUF_CSUM_OK || (net->caps & NIC_RX_CSUM_PARTIAL &&
					s->tcp.cksum == cksum_fold(sum)))
		return true;
	sum = cksum_add_32(sum, s);
	return likely(cksum_holds(cksum_add(sum, s + 1, len - TCP_FAST_LEN)));
}

static inline bool sums_hold(const struct net *net, const struct mbuf *m,
			     const struct frame *f)
{
	u32 len = m->len - ETH_LEN - IPV4_LEN;
	u64 addrs = (u64)f->ip.src.raw + f->ip.dst.raw;
	u64 pseudo = addrs + be16(IP_PROTO_TCP).raw + be16((u16)len).raw;
	u64 ip =
		addrs + load32(&f->ip) + load32(&f->ip.id) + load32(&f->ip.ttl);

	return likely(cksum_holds(ip)) &&
	       sum_holds(net, m, &f->seg, len, pseudo);
}

static inline bool sum_holds6(const struct net *net, const struct mbuf *m,
			      const struct frame6 *f)
{
	u32 len = m->len - ETH_LEN - IPV6_LEN;

	return sum_holds(
		net, m, &f->seg, len,
		ip6_pseudo_sum(&f->ip.src, &f->ip.dst, IP_PROTO_TCP, (u16)len));
}

/* The next segment, with @len bytes of data, and nothing else to see to? */
static inline bool is_next(struct net *net, const struct tcp_conn *c, u32 any,
			   u32 seq, u32 acked, u32 tsval, u32 len)
{
	return tcp_is_fast(c, any) &&		   /* no hole to be filled */
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
static ALWAYS_INLINE u8 take_ack(struct net *net, struct tcp_conn *c, u32 ack,
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

/* Does nothing of @c wait to be told before what is new? */
static inline bool may_tell(const struct net *net, const struct tcp_conn *c)
{
	return !c->events && c->flags & TCP_F_KNOWN &&
	       likely(net->event < net->event_end);
}

/* @m of payload, with the @len bytes that are the next. @events: what else the
 * application should know. */
static ALWAYS_INLINE void take_data(struct net *net, struct tcp_conn *c,
				    struct mbuf *m, u32 len, u8 events)
{
	struct ix_event *e = net->event;

	if (likely(!c->rx_head && may_tell(net, c))) {
		net->event = e + 1;
		tcp_rx_append_told(c, m, len);
		event_recv(net, c, e, m->data, len);
	} else {
		tcp_rx_append_one(net, c, m, len);
		tcp_ready(net, c, events | TCP_EV_RECV);
	}
	tcp_data_taken(net, c);
}

static inline void tell_acked(struct net *net, struct tcp_conn *c)
{
	if (likely(may_tell(net, c)))
		event_sent(net, c, net->event++);
	else
		tcp_ready(net, c, TCP_EV_SENT);
}

/* A frame with sound headers, of @hlen bytes, and sums. False: not done. */
static ALWAYS_INLINE bool take_segment(struct net *net, struct tcp_conn *c,
				       u32 any, struct mbuf *m,
				       const struct tcp_fast_seg *s, u32 hlen,
				       u64 now)
{
	u32 len = m->len - hlen, seq = be32_host(s->tcp.seq);
	u32 ack = be32_host(s->tcp.ack), acked = ack - c->snd_una;
	u32 tsval = be32_host(s->tsval);
	u8 events = 0;

	if (unlikely(!is_next(net, c, any, seq, acked, tsval, len)))
		return false;
	tcp_take_ts(c, seq, tsval, now);
	c->last_rx = tick_of(now);
	if (likely(acked))
		events = take_ack(net, c, ack, be32_host(s->tsecr), now);
	tcp_take_window(net, c, seq,
			(u32)be16_host(s->tcp.win) << c->wscale_snd);
	if (likely(len)) {
		mbuf_pull(m, hlen);
		take_data(net, c, m, len, events);
		return true;
	}
	mbuf_free(net->pool, m);
	if (likely(events))
		tell_acked(net, c);
	return true;
}

static ALWAYS_INLINE bool take(struct net *net, struct mbuf *m, u64 now)
{
	const struct frame *f = (const struct frame *)m->data;
	struct tcp_conn *c;
	struct flow flow;

	if (unlikely(!is_fast(net, m, f) || !sums_hold(net, m, f)))
		return false;
	flow = flow_received(&f->ip, &f->seg);
	c = tcp_find_at(net, tcp_hash(net, flow.addrs, flow.ports), flow);
	return likely(c) &&
	       take_segment(net, c, FLAGS_IN, m, &f->seg, sizeof(*f), now);
}

static ALWAYS_INLINE bool take6(struct net *net, struct mbuf *m, u64 now)
{
	const struct frame6 *f = (const struct frame6 *)m->data;
	struct tcp_conn *c;

	if (unlikely(!is_fast6(net, m, f) || !sum_holds6(net, m, f)))
		return false;
	c = tcp_find6(net, &f->ip.src, &f->ip.dst, load32(&f->seg));
	return likely(c) && take_segment(net, c, FLAGS_IN | TCP_F_IP6, m,
					 &f->seg, sizeof(*f), now);
}

/* Up to one that it cannot take: of the other family, or not as it mostly is.
 * How many. */
static ALWAYS_INLINE u32 take_run(struct net *net, struct mbuf *const *pkts,
				  u32 n, bool ip6, u64 now)
{
	u32 i;

	for (i = 0; i < n; i++) {
		if (unlikely(ip6 ? !take6(net, pkts[i], now)
				 : !take(net, pkts[i], now)))
			break;
	}
	return i;
}

/* Each with registers of its own. */
static NOINLINE u32 take_run4(struct net *net, struct mbuf *const *pkts, u32 n,
			      u64 now)
{
	return take_run(net, pkts, n, false, now);
}

static NOINLINE u32 take_run6(struct net *net, struct mbuf *const *pkts, u32 n,
			      u64 now)
{
	return take_run(net, pkts, n, true, now);
}

u32 tcp_fast_in(struct net *net, struct mbuf *const *pkts, u32 n, u64 now)
{
	return eth_is_ip6(pkts[0]) ? take_run6(net, pkts, n, now)
				   : take_run4(net, pkts, n, now);
}

/* ---- ahead of it */

u32 tcp_hash_ahead(const struct net *net, const struct mbuf *m)
{
	const u32 ts = TCP_FAST_LEN - TCP_LEN; /* segments may have none */
	const struct frame *f = (const struct frame *)m->data;
	const struct frame6 *f6 = (const struct frame6 *)m->data;
	struct flow flow;

	if (m->len >= sizeof(*f6) - ts && eth_is_ip6(m))
		return f6->ip.next != IP_PROTO_TCP
			       ? 0
			       : tcp_hash6(net, &f6->ip.src, load32(&f6->seg));
	if (m->len < sizeof(*f) - ts || f->ip.proto != IP_PROTO_TCP)
		return 0;
	flow = flow_received(&f->ip, &f->seg);
	return tcp_hash(net, flow.addrs, flow.ports);
}

u32 tcp_group_ahead(const struct net *net, const struct mbuf *m)
{
	const struct frame *f = (const struct frame *)m->data;
	const struct frame6 *f6 = (const struct frame6 *)m->data;
	struct flow flow;

	if (!tcp_hash_ahead(net, m))
		return RSS_TABLE;
	if (eth_is_ip6(m))
		return net_flow_group6(net, f6->ip.src, f6->ip.dst,
				       load32(&f6->seg));
	flow = flow_received(&f->ip, &f->seg);
	/* What looks like an address that is none would be looked up. */
	return addr_is_v6(flow.raddr) ? RSS_TABLE : net_flow_group(net, flow);
}

/* Three rounds, as each needs what the one before has fetched. */
static void fetch(const struct net *net, struct mbuf *const *pkts, u32 n)
{
	const struct tcp *t = &net->tcp;
	const struct tcp_conn *conns[FETCHED], *c;
	u32 hash[FETCHED], found = 0;

	for (u32 i = 0; i < n; i++) {
		hash[i] = tcp_hash_ahead(net, pkts[i]);
		prefetch(&t->table[hash[i] >> t->table_shift]);
	}
	for (u32 i = 0; i < n; i++) {
		c = tcp_first_at(t, hash[i]);
		if (unlikely(!c))
			continue;
		tcp_fetch(c);
		conns[found++] = c;
	}
	for (u32 i = 0; i < found; i++)
		tcp_fetch_beside(conns[i]);
}

void tcp_fetch_all(const struct net *net, struct mbuf *const *pkts, u32 n)
{
	for (u32 i = 0; i < n; i += FETCHED)
		fetch(net, pkts + i, min(n - i, (u32)FETCHED));
}
