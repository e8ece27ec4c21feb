/* SPDX-License-Identifier: MIT */
/* Building segments: payload, referred to or copied, and the header. */
#include "net/header.h"
#include "net/tcp_int.h"

/* ---- sizes */

/* Ours, both to offer and to send: what the link takes, or what is set. */
static u16 mss_ours(const struct net *net, const struct tcp_conn *c)
{
	u32 most = net_mtu_payload(net, c->flow.raddr) - TCP_LEN;
	u32 set = net->conf.tcp.mss;

	return (u16)(set && set < most ? set : most);
}

u32 tcp_mss_full(const struct net *net, const struct tcp_conn *c)
{
	return min(c->mss_peer, mss_ours(net, c));
}

void tcp_set_mss(struct net *net, struct tcp_conn *c)
{
	u32 mss = min(tcp_mss_full(net, c), tcp_path_mss(net, c->flow.raddr));

	if (c->flags & TCP_F_TS)
		mss -= TCP_TS_LEN;
	c->mss_snd = (u16)mss;
}

/* ---- payload */

/* Refers to @len bytes from (@from, @off) on in place; false if they are in too
 * many pieces. */
static bool gather(struct net *net, struct mbuf *m, struct ref32 from, u32 off,
		   u32 len)
{
	u8 n = 0;

	while (len) {
		struct tcp_range *r = tcp_range_at(net, from);
		u32 part = min(len, r->len - off);

		if (part) {
			if (n == MBUF_MAX_EXT)
				return false;
			m->ext[n++] =
				(struct mbuf_ext){ r->addr + off, part, 0 };
		}
		len -= part;
		off = 0;
		from = r->next;
	}
	m->nr_ext = n;
	return true;
}

/* Copies @len bytes from (@from, @off) on behind @m, in further fragments where
 * one frame is not enough. False when buffers run out. */
static bool copy(struct net *net, struct mbuf *m, struct ref32 from, u32 off,
		 u32 len)
{
	struct mbuf *last = m;

	while (len) {
		struct tcp_range *r = tcp_range_at(net, from);
		u32 room = MBUF_ROOM - last->len;
		u32 part = min(min(len, r->len - off), room);

		if (!room) {
			last->next = mbuf_alloc(net->pool);
			if (!last->next)
				return false;
			last = last->next;
			continue;
		}
		memcpy(last->data + last->len, r->addr + off, part);
		last->len += part;
		len -= part;
		off += part;
		if (off == r->len) {
			from = r->next;
			off = 0;
		}
	}
	return true;
}

bool tcp_fill(struct net *net, struct mbuf *m, struct ref32 from, u32 off,
	      u32 len)
{
	if ((net->caps & NIC_GATHER || m->flags & MBUF_LARGE) &&
	    len > TCP_COPY_MAX && !net->copies &&
	    gather(net, m, from, off, len)) {
		m->flags |= MBUF_IN_PLACE;
		net->stat->tx_gathered_bytes += len;
		return true;
	}
	if (!copy(net, m, from, off, len))
		return false;
	net->stat->tx_copied_bytes += len;
	return true;
}

/* ---- header */

/* What a segment's checksum covers, so far. */
struct covered {
	u64 sum;
	u32 len;
};

static inline struct covered cover_payload(const struct net *net,
					   const struct mbuf *m)
{
	struct covered cov = { 0, m->len };

	if (unlikely(net->caps & NIC_TX_CSUM))
		cov.len = mbuf_packet_len(m);
	else if (likely(!m->next && !m->nr_ext))
		cov.sum = cksum_add(0, m->data, m->len);
	else
		cov.sum = ip_payload_sum(m, &cov.len);
	return cov;
}

/* @below: the NIC does it, and wants the pseudo header's sum alone, not
 * inverted. */
static inline u16 cksum_of(const struct net *net, struct covered cov,
			   struct be32 src, struct be32 dst, bool below)
{
	u64 pseudo = net_pseudo_sum(net, src, dst, IP_PROTO_TCP, (u16)cov.len);

	if (unlikely(below))
		return cksum_fold(pseudo);
	return (u16)~cksum_fold(cksum_add64(cov.sum, pseudo));
}

/* The header of a segment whose payload, if any, is in @m: room for @nopt bytes
 * of options is left behind it. */
static inline struct tcp_hdr *push_header(const struct tcp_conn *c,
					  struct mbuf *m, u32 seq, u8 flags,
					  u32 win, u32 nopt,
					  struct covered *cov)
{
	u32 hlen = TCP_LEN + nopt;
	struct tcp_hdr *h = (struct tcp_hdr *)mbuf_push(m, hlen);
	u64 sum = tcp_write(h, flow_ports_out(c->flow), be32(seq),
			    be32(flags & TCP_ACK ? c->rcv_nxt : 0), hlen, flags,
			    win);

	cov->sum = cksum_add64(cov->sum, sum);
	cov->len += hlen;
	return h;
}

static inline void emit_header(struct net *net, struct tcp_conn *c,
			       struct mbuf *m, struct tcp_hdr *h,
			       struct covered cov, u8 tos, bool below, u64 now)
{
	struct be32 src = c->flow.laddr, dst = c->flow.raddr;

	tcp_write_cksum(h, cksum_of(net, cov, src, dst, below));
	if (likely(h->flags & TCP_ACK))
		tcp_ack_sent(c);
	ip_out(net, m, src, dst, IP_PROTO_TCP, tos, &c->neigh, now);
}

static ALWAYS_INLINE void emit(struct net *net, struct tcp_conn *c,
			       struct mbuf *m, struct covered cov, u32 seq,
			       u8 flags, u8 tos, bool below, u64 now)
{
	u32 win = tcp_advertise(net, c);
	u32 nopt = likely(c->flags & TCP_F_TS) ? TCP_TS_LEN : 0;
	struct tcp_hdr *h;

	flags |= tcp_ecn_flags(net, c, flags, tos);
	h = push_header(c, m, seq, flags, win, nopt, &cov);
	/* In the layout that fast paths look for. */
	if (likely(nopt)) {
		u64 sum = tcp_write_ts(h + 1, tcp_tsval(c, now), c->ts_recent);

		cov.sum = cksum_add64(cov.sum, sum);
	}
	emit_header(net, c, m, h, cov, tos, below, now);
}

void tcp_emit(struct net *net, struct tcp_conn *c, struct mbuf *m, u32 seq,
	      u8 flags, u8 tos, u64 now)
{
	emit(net, c, m, cover_payload(net, m), seq, flags, tos,
	     net->caps & NIC_TX_CSUM, now);
}

void tcp_emit_large(struct net *net, struct tcp_conn *c, struct mbuf *m,
		    u32 seq, u8 flags, u8 tos, u64 now)
{
	struct covered cov = { 0, mbuf_packet_len(m) };

	emit(net, c, m, cov, seq, flags, tos, true, now);
}

void tcp_emit_blocks(struct net *net, struct tcp_conn *c, struct mbuf *m,
		     u32 seq, u8 flags, u8 tos, u64 now)
{
	bool large = m->flags & MBUF_LARGE;
	struct covered cov = large ? (struct covered){ 0, mbuf_packet_len(m) }
				   : cover_payload(net, m);
	u32 nopt = c->flags & TCP_F_TS ? TCP_TS_LEN : 0, opt[TCP_MAX_OPT / 4];
	u32 n = tcp_blocks_put(net, c, opt), win = tcp_advertise(net, c);
	struct tcp_hdr *h;

	flags |= tcp_ecn_flags(net, c, flags, tos);
	h = push_header(c, m, seq, flags, win, nopt + n, &cov);
	if (nopt) {
		u64 sum = tcp_write_ts(h + 1, tcp_tsval(c, now), c->ts_recent);

		cov.sum = cksum_add64(cov.sum, sum);
	}
	memcpy((u8 *)(h + 1) + nopt, opt, n);
	cov.sum = cksum_add_rest(cov.sum, opt, n);
	emit_header(net, c, m, h, cov, tos, large || net->caps & NIC_TX_CSUM,
		    now);
}

void tcp_emit_syn(struct net *net, struct tcp_conn *c, struct mbuf *m, u8 flags,
		  u64 now)
{
	u8 opt[TCP_MAX_OPT];
	u32 n = tcp_opt_syn(opt, c, mss_ours(net, c), tcp_tsval(c, now));
	u32 win = min(net->conf.tcp.rcv_buf, 65535u);
	struct covered cov = { 0 };
	struct tcp_hdr *h;

	flags |= tcp_ecn_syn_flags(net, c);
	h = push_header(c, m, c->iss, flags, win, n, &cov);
	memcpy(h + 1, opt, n);
	cov.sum = cksum_add_rest(cov.sum, opt, n);
	emit_header(net, c, m, h, cov, 0, net->caps & NIC_TX_CSUM, now);
}

/* ---- of no connection */

void tcp_reset_reply(struct net *net, const struct pkt *p, u64 now)
{
	const struct tcp_hdr *in = p->l4;
	u32 hlen = (u32)(in->off >> 4) * 4;
	u32 len = p->l4_len - hlen + !!(in->flags & TCP_SYN) +
		  !!(in->flags & TCP_FIN);
	struct be32 seq = { 0 }, ack = { 0 };
	struct covered cov = { 0, TCP_LEN };
	u8 flags = TCP_RST;
	struct mbuf *m;
	struct tcp_hdr *h;

	if (in->flags & TCP_RST)
		return;
	m = mbuf_alloc(net->pool);
	if (!m)
		return;
	if (in->flags & TCP_ACK) {
		seq = in->ack;
	} else {
		ack = be32(be32_host(in->seq) + len);
		flags |= TCP_ACK;
	}
	h = (struct tcp_hdr *)mbuf_push(m, TCP_LEN);
	cov.sum = tcp_write(h, flow_ports_out(pkt_flow(p)), seq, ack, TCP_LEN,
			    flags, 0);
	tcp_write_cksum(
		h, cksum_of(net, cov, p->dst, p->src, net->caps & NIC_TX_CSUM));
	ip_out(net, m, p->dst, p->src, IP_PROTO_TCP, 0, NULL, now);
	net->stat->tcp_rst_out++;
}
