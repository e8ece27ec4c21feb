/* SPDX-License-Identifier: MIT */
/* The fast path out: see tcp_fast.h. Inline, so that the loop over a batch
 * keeps what it has in registers; what is seldom is in tcp_answer.c. */
#ifndef NET_TCP_ANSWER_H
#define NET_TCP_ANSWER_H

#include "net/tcp_fast.h"
#include "net/tcp_loss.h"

/* IP's header of @ip6, with TCP's in front of @len bytes; returns the sum of
 * the pseudo header. */
static ALWAYS_INLINE u64 write_ip(const struct net *net,
				  const struct tcp_conn *c, void *ip, u32 len,
				  bool ip6)
{
	struct be32 src = c->flow.laddr, dst = c->flow.raddr;
	const struct addr_table *t = &net->addrs;

	if (ip6)
		return ip6_write(ip, len, addr_ip6(t, src), addr_ip6(t, dst),
				 IP_PROTO_TCP, tcp_ect(c), IP_TTL);
	return ip_write(ip, len, src, dst, IP_PROTO_TCP, tcp_ect(c));
}

/* All headers of @frame, whose payload has @len bytes and whose words add up to
 * @sum. It is a segment with our latest ACK. */
static ALWAYS_INLINE void write_headers(struct net *net, struct tcp_conn *c,
					bool ip6, u8 *frame, u32 len, u64 sum,
					const struct neigh *e, u64 now)
{
	u8 *ip = frame + ETH_LEN;
	struct tcp_fast_seg *s = (void *)(ip + (ip6 ? IPV6_LEN : IPV4_LEN));
	u64 headers;

	eth_write((struct eth_hdr *)frame, load64(e->mac),
		  ip6 ? eth_src_ip6(net) : net->src.word);
	headers = write_ip(net, c, ip, len + TCP_FAST_LEN, ip6);
	headers += tcp_write(&s->tcp, flow_ports_out(c->flow), be32(c->snd_nxt),
			     be32(c->rcv_nxt), TCP_FAST_LEN, TCP_ACK | TCP_PSH,
			     tcp_advertise(net, c));
	tcp_ack_sent(c);
	headers += tcp_write_ts(&s->ts_kind, tcp_tsval(c, now), c->ts_recent);
	sum = cksum_add64(sum, headers);
	tcp_write_cksum(&s->tcp, (u16)~cksum_fold(sum));
}

/* Where a frame of @hlen + @len bytes is to be written: in the NIC's ring, if
 * none waits before it, else in a buffer. NULL: neither. */
static ALWAYS_INLINE u8 *new_frame(struct net *net, u32 hlen, u32 len)
{
	struct ix_stat *stat = net->stat;
	u8 *frame = NULL;
	struct mbuf *m;

	if (likely(net->direct && !net->ntx))
		frame = ring_take(net->direct, hlen + len);
	if (likely(frame)) {
		net->ndirect++;
		stat->tx_bytes += hlen + len;
		stat->tx_copied_bytes += len;
		return frame;
	}
	if (unlikely(!net_tx_room(net, 2))) /* as tcp_output() asks for */
		return NULL;
	m = mbuf_alloc(net->pool);
	if (unlikely(!m))
		return NULL;
	m->len = hlen + len;
	net->txq[net->ntx++] = m;
	stat->tx_copied_bytes += len;
	return m->data;
}

/* Behind what is in flight? Not what goes on where the last range ends:
 * tcp_send() makes them one. */
COLD bool tcp_may_follow(const struct net *net, const struct tcp_conn *c,
			 const u8 *addr, u32 len, u64 now);

/* One segment, which may go at once? With nothing in flight cwnd lets it. */
static inline bool may_go(const struct net *net, const struct tcp_conn *c,
			  const u8 *addr, u32 len, u64 now)
{
	return len - 1 < net->tcp.copy_max && /* some, not worth gathering */
	       len <= c->mss_snd && len <= c->snd_wnd &&
	       (!c->sndq_bytes || tcp_may_follow(net, c, addr, len, now));
}

static inline struct be32 next_hop(const struct net *net, struct be32 dst,
				   bool ip6)
{
	return ip6 ? ip6_next_hop(net, dst) : ip_next_hop(net, dst);
}

/* False: not done. */
static ALWAYS_INLINE bool send_at_once(struct net *net, struct tcp_conn *c,
				       bool ip6, const u8 *addr, u32 len,
				       u64 now)
{
	const u32 hlen = ETH_LEN + (ip6 ? IPV6_LEN : IPV4_LEN) + TCP_FAST_LEN;
	const struct neigh *e;
	u8 *frame;
	u64 sum;

	if (unlikely(!may_go(net, c, addr, len, now)))
		return false;
	e = neigh_hint(net, c->neigh, next_hop(net, c->flow.raddr, ip6));
	frame = likely(e) ? new_frame(net, hlen, len) : NULL;
	if (unlikely(!frame))
		return false;
	sum = cksum_copy(0, frame + hlen, addr, len);
	write_headers(net, c, ip6, frame, len, sum, e, now);
	tcp_leave_idle(net, c, now);
	tcp_sndq_append(net, c, addr, len);
	c->snd_nxt += len;
	tcp_sent_new(c, now);
	c->last_tx = tick_of(now);
	if (likely(!c->rto_at)) {
		tcp_arm_rto(net, c, now);
		if (likely(!tcp_tail_of_one(c)))
			return true;
	}
	tcp_tail_arm(net, c, c->sndq_bytes, now);
	return true;
}

static ALWAYS_INLINE s64 tcp_answer_as(struct net *net, struct tcp_conn *c,
				       bool ip6, u32 done, const u8 *addr,
				       u32 len, u64 now)
{
	if (likely(done))
		tcp_give_back(net, c, done);
	if (likely(send_at_once(net, c, ip6, addr, len, now)))
		return len;
	tcp_window_update(net, c);
	return tcp_send(net, c, addr, len);
}

/* IPv6. */
s64 tcp_answer6(struct net *net, struct tcp_conn *c, u32 done, const u8 *addr,
		u32 len, u64 now);

/* May tcp_answer() have it? Also: the application knows it by its handle. */
static inline bool tcp_may_answer(const struct tcp_conn *c)
{
	return tcp_is_fast(c, TCP_FAST_FLAGS | TCP_F_IP6) &&
	       c->flags & (TCP_F_ACCEPTED | TCP_F_ACTIVE);
}

/* tcp_recv_done() of @done bytes and tcp_send() of a range, or an errno of
 * either and nothing is done. What fits one segment and may go, goes. */
static inline s64 tcp_answer(struct net *net, struct tcp_conn *c, u32 done,
			     const u8 *addr, u32 len, u64 now)
{
	if (unlikely(done > c->rx_told))
		return -EINVAL;
	if (likely(!(c->flags & TCP_F_IP6)))
		return tcp_answer_as(net, c, false, done, addr, len, now);
	return tcp_answer6(net, c, done, addr, len, now);
}

#endif
