/* SPDX-License-Identifier: MIT */
/* Choosing and building segments. */
#include "net/header.h"
#include "net/tcp_int.h"

/* ---- windows and sizes */

/* Ours, both to offer and to send: what the link takes, or what is set. */
static u16 mss_ours(const struct net *net)
{
	u32 most = net->mtu - IPV4_LEN - TCP_LEN;
	u32 set = net->conf.tcp.mss;

	return (u16)(set && set < most ? set : most);
}

void tcp_set_mss(struct net *net, struct tcp_conn *c)
{
	u32 mss = min(c->mss_peer, mss_ours(net));

	if (c->flags & TCP_F_TS)
		mss -= 12;
	c->mss_snd = (u16)mss;
}

/* ---- building */

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

/* Below, the NIC wants the pseudo header's sum alone, not inverted. */
static inline u16 cksum_of(const struct net *net, struct covered cov,
			   struct be32 src, struct be32 dst)
{
	u64 pseudo = ip_pseudo_sum(src, dst, IP_PROTO_TCP, (u16)cov.len);

	if (unlikely(net->caps & NIC_TX_CSUM))
		return cksum_fold(pseudo);
	return (u16)~cksum_fold(cksum_add64(cov.sum, pseudo));
}

/* The header of a segment whose payload, if any, is in @m: room for @nopt bytes
 * of options is left behind it. */
static inline struct tcp_hdr *push_header(const struct tcp_conn *c,
					  struct mbuf *m, u32 seq, u8 flags,
					  struct be16 win, u32 nopt,
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
			       struct covered cov, u64 now)
{
	struct be32 src = c->flow.laddr, dst = c->flow.raddr;

	tcp_write_cksum(h, cksum_of(net, cov, src, dst));
	if (likely(h->flags & TCP_ACK))
		tcp_ack_sent(c);
	ip_out(net, m, src, dst, IP_PROTO_TCP, 0, &c->neigh, now);
}

static void emit(struct net *net, struct tcp_conn *c, struct mbuf *m, u32 seq,
		 u8 flags, u64 now)
{
	struct covered cov = cover_payload(net, m);
	struct be16 win = tcp_advertise(net, c);
	u32 nopt = likely(c->flags & TCP_F_TS) ? TCP_TS_LEN : 0;
	struct tcp_hdr *h = push_header(c, m, seq, flags, win, nopt, &cov);

	/* In the layout that fast paths look for. */
	if (likely(nopt)) {
		u64 sum = tcp_write_ts(h + 1, tcp_tsval(c, now), c->ts_recent);

		cov.sum = cksum_add64(cov.sum, sum);
	}
	emit_header(net, c, m, h, cov, now);
}

static void emit_syn(struct net *net, struct tcp_conn *c, struct mbuf *m,
		     u8 flags, u64 now)
{
	u8 opt[TCP_MAX_OPT];
	u32 n = tcp_opt_syn(opt, c, mss_ours(net), tcp_tsval(c, now));
	struct be16 win = be16((u16)min(net->conf.tcp.rcv_buf, 65535u));
	struct covered cov = { 0 };
	struct tcp_hdr *h = push_header(c, m, c->iss, flags, win, n, &cov);

	memcpy(h + 1, opt, n);
	cov.sum = cksum_add(cov.sum, opt, n);
	emit_header(net, c, m, h, cov, now);
}

/* Refers to @len bytes from (@i, @off) on in place; false if they are in too
 * many pieces. */
static bool gather(struct net *net, struct mbuf *m, u32 i, u32 off, u32 len)
{
	u8 n = 0;

	while (len) {
		struct tcp_range *r = tcp_range_at(net, i);
		u32 part = min(len, r->len - off);

		if (part) {
			if (n == MBUF_MAX_EXT)
				return false;
			m->ext[n++] =
				(struct mbuf_ext){ r->addr + off, part, 0 };
		}
		len -= part;
		off = 0;
		i = r->next;
	}
	m->nr_ext = n;
	return true;
}

/* Copies @len bytes from (@i, @off) on behind @m, in further fragments where
 * one frame is not enough. False when buffers run out. */
static bool copy(struct net *net, struct mbuf *m, u32 i, u32 off, u32 len)
{
	struct mbuf *last = m;

	while (len) {
		struct tcp_range *r = tcp_range_at(net, i);
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
			i = r->next;
			off = 0;
		}
	}
	return true;
}

/* A segment of @len payload bytes from (@i, @off). False when no buffer is
 * free: try again later. */
static bool send_data(struct net *net, struct tcp_conn *c, u32 seq, u32 i,
		      u32 off, u32 len, u8 flags, u64 now)
{
	struct mbuf *m = mbuf_alloc(net->pool);

	if (!m)
		return false;
	if (net->caps & NIC_GATHER && len > TCP_COPY_MAX &&
	    gather(net, m, i, off, len)) {
		net->stat->tx_gathered_bytes += len;
	} else if (copy(net, m, i, off, len)) {
		net->stat->tx_copied_bytes += len;
	} else {
		mbuf_free_chain(net->pool, m);
		return false;
	}
	c->last_tx = tick_of(now);
	emit(net, c, m, seq, flags, now);
	return true;
}

static bool send_bare(struct net *net, struct tcp_conn *c, u32 seq, u8 flags,
		      u64 now)
{
	struct mbuf *m = mbuf_alloc(net->pool);

	if (!m)
		return false;
	emit(net, c, m, seq, flags, now);
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
	send_bare(net, c, bare_seq(c), TCP_ACK, now);
}

void tcp_send_keepalive(struct net *net, struct tcp_conn *c, u64 now)
{
	send_bare(net, c, c->snd_una - 1, TCP_ACK, now);
}

void tcp_send_syn_ack(struct net *net, struct tcp_conn *c, u64 now)
{
	struct mbuf *m = mbuf_alloc(net->pool);

	if (m)
		emit_syn(net, c, m, TCP_SYN | TCP_ACK, now);
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
	emit_syn(net, c, m, flags, now);
	if (c->snd_nxt == c->iss) {
		c->rtt_seq = c->iss + 1;
		c->rtt_at = tcp_us(now);
		c->flags |= TCP_F_RTT_TIMED;
	}
	c->snd_nxt = c->snd_max = c->iss + 1;
	c->rcv_adv = c->rcv_nxt + min(net->conf.tcp.rcv_buf, 65535u);
}

/* ---- resets */

void tcp_send_rst(struct net *net, struct tcp_conn *c, u64 now)
{
	if (send_bare(net, c, bare_seq(c), TCP_RST | TCP_ACK, now))
		net->stat->tcp_rst_out++;
}

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
	cov.sum = tcp_write(h, flow_ports_out(flow_received(p->ip, in)), seq,
			    ack, TCP_LEN, flags, (struct be16){ 0 });
	tcp_write_cksum(h, cksum_of(net, cov, p->ip->dst, p->ip->src));
	ip_out(net, m, p->ip->dst, p->ip->src, IP_PROTO_TCP, 0, NULL, now);
	net->stat->tcp_rst_out++;
}

/* ---- output */

/* The first FIN: the state of RFC 9293 section 3.10.4 follows. */
static void fin_sent(struct tcp_conn *c)
{
	if (c->state == TCP_ESTABLISHED)
		c->state = TCP_FIN_WAIT_1;
	else if (c->state == TCP_CLOSE_WAIT)
		c->state = TCP_LAST_ACK;
	c->flags |= TCP_F_FIN_SENT;
}

/* After sending @len sequence numbers from snd_nxt on. */
static void advance(struct net *net, struct tcp_conn *c, u32 len, u64 now)
{
	c->snd_nxt += len;
	if (seq_lt(c->snd_max, c->snd_nxt)) {
		tcp_sent_new(c, now);
	} else {
		c->flags &= ~(u32)TCP_F_RTT_TIMED; /* Karn */
		net->stat->tcp_retransmits++;
	}
	if (!c->rto_at)
		tcp_arm_rto(net, c, now);
	c->persist_at = 0;
	c->flags &= ~(u32)TCP_F_PROBE;
}

/* The sender's side of silly window avoidance (RFC 9293 section 3.8.6.2.1,
 * Nagle off: what is queued is pushed): neither all that waits, nor a full
 * segment, nor half of the largest window? Until arm_persist() overrides. */
static bool is_silly(const struct tcp_conn *c, u32 len, u32 unsent)
{
	return len < unsent && len < c->mss_snd && len < c->max_wnd / 2 &&
	       !(c->flags & TCP_F_PROBE);
}

/* Of @len bytes that are too few for new ones: those that the timeout took
 * back. They are "retransmitted normally" into a window that has shrunk
 * (section 3.8.6). */
static u32 lost_before(const struct tcp_conn *c, u32 len)
{
	if (!(c->flags & TCP_F_RTO_RECOVERY) || seq_le(c->recover, c->snd_nxt))
		return 0;
	return min(len, c->recover - c->snd_nxt);
}

/* How many bytes may go from snd_nxt on: both windows, one segment, and
 * enough of them. */
static u32 sendable(const struct tcp_conn *c, u32 unsent)
{
	u32 flight = c->snd_nxt - c->snd_una, wnd = c->cwnd, len;

	/* Limited transmit (RFC 3042): the first two duplicates each let one
	 * new segment out. */
	if (unlikely(c->dupacks) && !(c->flags & TCP_F_RECOVERY))
		wnd += min((u32)c->dupacks, 2u) * c->mss_snd;
	wnd = min(wnd, c->snd_wnd);
	if (flight >= wnd)
		return 0;
	len = min(min(wnd - flight, unsent), (u32)c->mss_snd);
	return is_silly(c, len, unsent) ? lost_before(c, len) : len;
}

/* Resends what is at snd_una without moving snd_nxt (fast retransmit). */
static bool resend_head(struct net *net, struct tcp_conn *c, u64 now)
{
	u32 off, i = tcp_sndq_find(net, c, 0, &off);
	u32 len = min((u32)c->mss_snd, c->sndq_bytes);
	u8 flags = TCP_ACK;
	bool ok;

	if (c->snd_una == c->snd_max) { /* overtaken by its ACK */
		c->flags &= ~(u32)TCP_F_REXMIT;
		return true;
	}
	len = min(len, c->snd_max - c->snd_una);
	if (tcp_fin_queued(c) && c->flags & TCP_F_FIN_SENT &&
	    len == c->sndq_bytes)
		flags |= TCP_FIN;
	if (len)
		ok = send_data(net, c, c->snd_una, i, off, len, flags | TCP_PSH,
			       now);
	else
		ok = send_bare(net, c, c->snd_una, flags, now);
	if (!ok)
		return false;
	c->flags &= ~(u32)(TCP_F_RTT_TIMED | TCP_F_REXMIT);
	net->stat->tcp_retransmits++;
	tcp_arm_rto(net, c, now);
	return true;
}

/* One byte into a closed window; snd_nxt stays, but the peer may take it. */
static void probe(struct net *net, struct tcp_conn *c, u64 now)
{
	u32 off, i = tcp_sndq_find(net, c, 0, &off);

	c->flags &= ~(u32)TCP_F_PROBE;
	net->stat->tcp_zero_window_probes++;
	if (!i || !send_data(net, c, c->snd_una, i, off, 1, TCP_ACK, now))
		return;
	if (seq_lt(c->snd_max, c->snd_una + 1))
		c->snd_max = c->snd_una + 1;
}

void tcp_restart_idle(const struct net *net, struct tcp_conn *c)
{
	c->cwnd = min(c->cwnd, net->conf.tcp.init_cwnd * c->mss_snd);
}

/* Sends one segment of new (or rolled back) data and FIN, if allowed.
 * Returns false when nothing more can go now. */
static bool send_next(struct net *net, struct tcp_conn *c, u64 now)
{
	u32 ahead = c->snd_nxt - c->snd_una;
	u32 unsent = ahead < c->sndq_bytes ? c->sndq_bytes - ahead : 0;
	u32 len = unsent ? sendable(c, unsent) : 0;
	bool fin = unlikely(tcp_fin_queued(c)) && len == unsent &&
		   seq_le(c->snd_nxt, tcp_fin_seq(c)) &&
		   (len || ahead < max(c->snd_wnd, 1u));
	u8 flags = TCP_ACK;

	if (!len && !fin)
		return false;
	tcp_leave_idle(net, c, now);
	if (len == unsent)
		flags |= TCP_PSH;
	if (fin)
		flags |= TCP_FIN;
	if (len) {
		if (!send_data(net, c, c->snd_nxt, c->nxt_range, c->nxt_off,
			       len, flags, now))
			return false;
		tcp_sndq_skip(net, c, len);
	} else if (!send_bare(net, c, c->snd_nxt, flags & ~TCP_PSH, now)) {
		return false;
	}
	if (fin)
		fin_sent(c);
	advance(net, c, len + fin, now);
	return true;
}

/* Data waits and nothing is in flight. With the window closed, only a probe can
 * find out that it opened (RFC 9293 section 3.8.6.1); with too little of it
 * open, what fits goes after some time: 0.1 to 1 s (section 3.8.6.2.1). */
static void arm_persist(struct net *net, struct tcp_conn *c, u64 now)
{
	const u32 least = ticks_of_us(100000), most = ticks_of_us(1000000);

	if (c->snd_nxt != c->snd_una || c->persist_at || !c->sndq_bytes)
		return;
	c->rto_at = 0;
	c->persist_at = tcp_deadline(
		now, c->snd_wnd ? min(max(c->rto, least), most) : c->rto);
	tcp_arm(net, c, c->persist_at);
}

static void acknowledge(struct net *net, struct tcp_conn *c, u64 now)
{
	if (c->flags & TCP_F_ACK_NOW) {
		tcp_send_ack(net, c, now);
		if (c->flags & TCP_F_ACK_NOW) /* no buffer: later */
			tcp_mark_out(net, c);
	} else if (c->flags & TCP_F_ACK_LATER && !c->delack_at) {
		c->delack_at =
			tcp_deadline(now, ticks_of_us(net->conf.tcp.delack_us));
		tcp_arm(net, c, c->delack_at);
	}
}

/* Anything left of the send queue or our FIN? */
static bool may_send(const struct tcp_conn *c)
{
	return c->sndq_bytes ||
	       (unlikely(tcp_fin_queued(c)) && c->state != TCP_FIN_WAIT_2 &&
		c->state != TCP_TIME_WAIT);
}

/* Not yet established: SYN or SYN-ACK, at first and when it is due again, else
 * an ACK. */
static void output_opening(struct net *net, struct tcp_conn *c, u64 now)
{
	if (c->snd_nxt == c->iss || c->flags & TCP_F_REXMIT) {
		c->flags &= ~(u32)TCP_F_REXMIT;
		tcp_send_syn(net, c, now);
	} else {
		acknowledge(net, c, now);
	}
}

void tcp_output(struct net *net, struct tcp_conn *c, u64 now)
{
	if (unlikely(c->state < TCP_ESTABLISHED)) {
		if (c->state != TCP_CLOSED)
			output_opening(net, c, now);
		return;
	}
	if (unlikely(c->flags & (TCP_F_REXMIT | TCP_F_PROBE))) {
		if (c->flags & TCP_F_PROBE && !c->snd_wnd)
			probe(net, c, now);
		if (c->flags & TCP_F_REXMIT && !resend_head(net, c, now))
			tcp_mark_out(net, c);
	}
	if (may_send(c)) {
		while (net_tx_room(net, 2) && send_next(net, c, now))
			;
		if (!net_tx_room(net, 2))
			tcp_mark_out(net, c);
		arm_persist(net, c, now);
	}
	if (c->flags & (TCP_F_ACK_NOW | TCP_F_ACK_LATER))
		acknowledge(net, c, now);
}

/* Has an answer that went at once left nothing to do? */
static inline bool nothing_due(const struct tcp_conn *c)
{
	const u32 due = TCP_F_ACK_NOW | TCP_F_ACK_LATER | TCP_F_REXMIT |
			TCP_F_PROBE | TCP_F_FIN_QUEUED;

	return likely(c->state == TCP_ESTABLISHED && !(c->flags & due) &&
		      c->snd_nxt - c->snd_una == c->sndq_bytes);
}

/* There is no room left: @c and those behind it, up to *@last, come before
 * those that have had some, and want more. */
static COLD void put_off(struct tcp *t, struct tcp_conn *c,
			 struct tcp_conn **last)
{
	*last = t->out_head;
	if (!t->out_head)
		t->out_tail = last;
	t->out_head = c;
	c->flags |= TCP_F_ON_OUT;
}

void tcp_output_all(struct net *net, u64 now)
{
	struct tcp *t = &net->tcp;
	/* Whoever marks himself again meanwhile waits for the next call. */
	struct tcp_conn *c = t->out_head, **last = t->out_tail;

	t->out_head = NULL;
	t->out_tail = &t->out_head;
	t->port_tries = 0;
	while (c) {
		struct tcp_conn *next = c->next_out;

		c->flags &= ~(u32)TCP_F_ON_OUT;
		if (unlikely(c->flags & TCP_F_RELEASED)) {
			tcp_conn_put(net, c);
		} else if (unlikely(!net_tx_room(net, 2))) {
			put_off(t, c, last);
			return;
		} else if (!nothing_due(c)) {
			tcp_output(net, c, now);
		}
		c = next;
	}
}
