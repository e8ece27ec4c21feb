/* SPDX-License-Identifier: MIT */
/* Sending a segment, of each kind. */
#include "net/tcp_int.h"

bool tcp_send_data(struct net *net, struct tcp_conn *c, u32 seq,
		   struct ref32 range, u32 off, u32 len, u8 flags, u64 now)
{
	struct mbuf *m = mbuf_alloc(net->pool);
	u32 mss = tcp_mss_now(net, c);
	u8 tos;

	if (!m)
		return false;
	if (unlikely(len > mss)) {
		m->flags = MBUF_LARGE;
		m->seg = (u16)mss;
	}
	if (!tcp_fill(net, m, range, off, len)) {
		mbuf_free_chain(net->pool, m);
		return false;
	}
	c->last_tx = tick_of(now);
	tos = tcp_ecn_tos(c, seq);
	if (unlikely(c->flags & TCP_F_BLOCKS))
		tcp_emit_blocks(net, c, m, seq, flags, tos, now);
	else if (likely(len <= mss))
		tcp_emit(net, c, m, seq, flags, tos, now);
	else
		tcp_emit_large(net, c, m, seq, flags, tos, now);
	return true;
}

bool tcp_send_bare(struct net *net, struct tcp_conn *c, u32 seq, u8 flags,
		   u64 now)
{
	struct mbuf *m = mbuf_alloc(net->pool);

	if (!m)
		return false;
	if (unlikely(c->flags & TCP_F_BLOCKS) && !(flags & TCP_RST))
		tcp_emit_blocks(net, c, m, seq, flags, 0, now);
	else
		tcp_emit(net, c, m, seq, flags, 0, now);
	return true;
}

/* A segment without data must stay inside the peer's window, or it is not
 * looked at: a probe may have gone beyond, and after a timeout snd_nxt lags
 * behind what the peer has seen. Our SYN is behind us in any case. */
static u32 bare_seq(const struct tcp_conn *c)
{
	u32 edge = c->snd_una + c->snd_wnd + (c->state < TCP_ESTABLISHED);

	return seq_lt(edge, c->snd_max) ? edge : c->snd_max;
}

void tcp_send_ack(struct net *net, struct tcp_conn *c, u64 now)
{
	tcp_send_bare(net, c, bare_seq(c), TCP_ACK, now);
}

void tcp_send_keepalive(struct net *net, struct tcp_conn *c, u64 now)
{
	tcp_send_bare(net, c, c->snd_una - 1, TCP_ACK, now);
}

void tcp_send_syn(struct net *net, struct tcp_conn *c, u64 now)
{
	u8 flags = c->state == TCP_SYN_RCVD ? TCP_SYN | TCP_ACK : TCP_SYN;
	struct mbuf *m;

	/* Not anew when the peer repeats its SYN, or it would never end. */
	if (!c->rto_at)
		tcp_arm_rto(net, c, now);
	m = mbuf_alloc(net->pool);
	if (!m)
		return;
	tcp_emit_syn(net, c, m, flags, now);
	if (c->snd_nxt == c->iss) {
		c->rtt_seq = c->iss + 1;
		c->rtt_at = tcp_us(now);
		c->flags |= TCP_F_RTT_TIMED;
	}
	c->snd_nxt = c->snd_max = c->iss + 1;
	c->rcv_adv = c->rcv_nxt + min(net->conf.tcp.rcv_buf, 65535u);
}

void tcp_send_syn_ack(struct net *net, struct tcp_conn *c, u64 now)
{
	struct mbuf *m = mbuf_alloc(net->pool);

	if (m)
		tcp_emit_syn(net, c, m, TCP_SYN | TCP_ACK, now);
}

void tcp_send_rst(struct net *net, struct tcp_conn *c, u64 now)
{
	if (tcp_send_bare(net, c, bare_seq(c), TCP_RST | TCP_ACK, now))
		net->stat->tcp_rst_out++;
}
