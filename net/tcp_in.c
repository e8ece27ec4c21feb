/* SPDX-License-Identifier: MIT */
/* Segment arrival: RFC 9293 section 3.10.7, one function per step. What an
 * established connection mostly sees does not come here: see tcp_fast.c. */
#include "net/tcp_int.h"

/* What the next step should do. */
enum step { GO_ON, DROP };

/* RFC 5961 section 7: the limit that is mostly felt is the connection's own;
 * that of all together tells nothing (CVE-2016-5696). */
static bool may_challenge(struct net *net, const struct tcp_conn *c, u64 now)
{
	struct tcp *t = &net->tcp;
	u64 second = now >> 30;
	u32 interval =
		ticks_of_us(net->conf.tcp.challenge_interval_ms * 1000ull);

	if (tick_of(now) - c->challenged < interval)
		return false;
	if (t->challenge_second != second) {
		t->challenge_second = second;
		t->challenges_left =
			net_budget(net, net->conf.tcp.challenge_acks, second);
	}
	return t->challenges_left;
}

static void challenge_ack(struct net *net, struct tcp_conn *c, u64 now)
{
	if (!may_challenge(net, c, now))
		return;
	net->tcp.challenges_left--;
	c->challenged = tick_of(now);
	net->stat->tcp_challenge_acks++;
	tcp_ack_now(net, c);
}

/* ---- data */

static void take_fin(struct net *net, struct tcp_conn *c, u64 now)
{
	c->rcv_nxt++;
	if (seq_lt(c->rcv_adv, c->rcv_nxt))
		c->rcv_adv = c->rcv_nxt;
	c->flags |= TCP_F_FIN_RCVD;
	c->flags &= ~(u32)TCP_F_FIN_HELD;
	tcp_ooo_free(net, c); /* all of it has come in order by now */
	tcp_ack_now(net, c);
	tcp_mark_ready(net, c, TCP_EV_EOF);
	switch (c->state) {
	case TCP_ESTABLISHED:
		c->state = TCP_CLOSE_WAIT;
		break;
	case TCP_FIN_WAIT_1:
		c->state = TCP_CLOSING;
		break;
	case TCP_FIN_WAIT_2:
		tcp_enter_time_wait(net, c, now);
		break;
	}
}

/* A FIN ahead of data that is still to come: only its place is kept, which
 * needs no buffer. */
static void hold_fin(struct tcp_conn *c, u32 seq)
{
	c->fin_seq = seq;
	c->flags |= TCP_F_FIN_HELD;
}

/* The peer's FIN once more, or another one behind it: our ACK was lost. */
static void fin_again(struct net *net, struct tcp_conn *c, u64 now)
{
	tcp_ack_now(net, c);
	if (c->state == TCP_TIME_WAIT)
		tcp_enter_time_wait(net, c, now);
}

static bool fin_is_next(const struct tcp_conn *c)
{
	return c->flags & TCP_F_FIN_HELD && seq_le(c->fin_seq, c->rcv_nxt);
}

/* ---- the steps, in the order of section 3.10.7.4 */

static bool in_window(const struct tcp_conn *c, u32 seq)
{
	return seq - c->rcv_nxt < c->rcv_adv - c->rcv_nxt;
}

/* The closed window, too, has an edge: of a segment that reaches across it,
 * trim() leaves what the "special allowance" is for, its ACK, and a FIN, which
 * needs no buffer. */
static bool acceptable(const struct tcp_conn *c, const struct tcp_seg *s)
{
	u32 len = s->len + !!(s->flags & TCP_FIN);

	if (!len)
		return in_window(c, s->seq) || s->seq == c->rcv_nxt;
	if (c->rcv_adv == c->rcv_nxt)
		return c->rcv_nxt - s->seq < len;
	return in_window(c, s->seq) || in_window(c, s->seq + len - 1);
}

/* What was received before, up to RCV.NXT, with an ACK that is new: in CLOSING,
 * say, the peer's FIN again, which saw ours. By its numbers it is not
 * acceptable, but it is tailored to its ACK, as what lies across the edge is:
 * that peer may never send another. */
static bool repeats_with_ack(const struct tcp_conn *c, const struct tcp_seg *s)
{
	u32 len = s->len + !!(s->flags & TCP_FIN);

	return len && s->seq + len == c->rcv_nxt &&
	       (s->flags & (TCP_RST | TCP_ACK)) == TCP_ACK &&
	       seq_lt(c->snd_una, s->ack) && seq_le(s->ack, c->snd_max);
}

/* RFC 7323 section 5.3. A timestamp that has not been renewed for 24 days is
 * not compared with (section 5.5). */
static bool paws_refuses(const struct tcp_conn *c, const struct tcp_seg *s,
			 u64 now)
{
	enum { DAYS_24 = 1886 }; /* in units of 2^40 ns */

	return seq_lt(s->opt.tsval, c->ts_recent) &&
	       (u16)((now >> TCP_TS_AGE_SHIFT) - c->ts_recent_at) < DAYS_24;
}

/* RFC 5961 section 5.2. */
static bool ack_in_range(const struct tcp_conn *c, const struct tcp_seg *s)
{
	return seq_le(s->ack, c->snd_max) &&
	       seq_le(c->snd_una - c->max_wnd, s->ack);
}

/* The peer's FIN once more, in TIME-WAIT: our ACK was lost. Nothing else may
 * make TIME-WAIT last longer. */
static bool repeated_fin(const struct tcp_conn *c, const struct tcp_seg *s)
{
	return c->state == TCP_TIME_WAIT && s->flags & TCP_FIN &&
	       s->seq + s->len + 1 == c->rcv_nxt && s->flags & TCP_ACK &&
	       ack_in_range(c, s);
}

/* First: sequence number, and PAWS. */
static enum step check_sequence(struct net *net, struct tcp_conn *c,
				const struct tcp_seg *s, u64 now)
{
	if (c->flags & TCP_F_TS) {
		if (!s->opt.has_ts) {
			net->stat->drop_tcp_paws++;
			return DROP;
		}
		if (paws_refuses(c, s, now)) {
			net->stat->drop_tcp_paws++;
			tcp_ack_now(net, c);
			return DROP;
		}
	}
	if (!acceptable(c, s) && !repeats_with_ack(c, s)) {
		net->stat->drop_tcp_window++;
		tcp_ack_now(net, c);
		if (repeated_fin(c, s))
			tcp_enter_time_wait(net, c, now);
		return DROP;
	}
	return GO_ON;
}

/* Cuts off what was received before and what lies beyond the window. */
static void trim(struct net *net, struct tcp_conn *c, struct tcp_seg *s)
{
	u32 room;

	if (seq_lt(s->seq, c->rcv_nxt)) {
		u32 old = c->rcv_nxt - s->seq;

		old = min(old, s->len);
		s->m = tcp_trim_front(net, s->m, old);
		s->seq += old;
		s->len -= old;
		if (s->flags & TCP_FIN && !s->len && seq_lt(s->seq, c->rcv_nxt))
			s->flags &= (u8)~TCP_FIN;
		/* Our ACK was lost, or theirs is late: say it again. */
		tcp_ack_now(net, c);
	}
	room = c->rcv_adv - s->seq;
	if (s->len > room) {
		s->cut = true;
		if (room) {
			tcp_trim_tail(net, s->m, room);
		} else {
			mbuf_free_chain(net->pool, s->m);
			s->m = NULL;
			net->stat->drop_tcp_window++;
			tcp_ack_now(net, c);
		}
		s->len = room;
		s->flags &= (u8)~TCP_FIN;
	}
}

/* SYN brings a challenge ACK, wherever it lies (RFC 5961 section 4.2): before
 * the sequence check, and before PAWS, for a peer that has restarted may not
 * offer timestamps. In SYN-RECEIVED, too: to go back to LISTEN, as RFC 9293
 * says, would let whoever guesses a window end an opening. */
static enum step check_syn(struct net *net, struct tcp_conn *c,
			   const struct tcp_seg *s, u64 now)
{
	if (!(s->flags & TCP_SYN))
		return GO_ON;
	challenge_ack(net, c, now);
	return DROP;
}

/* Second: RST (RFC 5961 section 3). Its own sequence number must be the next
 * one; what it carries makes it no better. */
static enum step check_rst(struct net *net, struct tcp_conn *c,
			   const struct tcp_seg *s, u64 now)
{
	if (!(s->flags & TCP_RST))
		return GO_ON;
	if (s->seq != c->rcv_nxt) {
		if (in_window(c, s->seq))
			challenge_ack(net, c, now);
		else
			net->stat->drop_tcp_window++;
		return DROP;
	}
	net->stat->tcp_rst_in++;
	if (c->state == TCP_SYN_RCVD)
		tcp_die(net, c, ECONNREFUSED);
	else if (c->state >= TCP_CLOSING)
		tcp_die(net, c, 0);
	else
		tcp_die(net, c, ECONNRESET);
	return DROP;
}

/* RFC 5681 section 2. */
static bool is_duplicate_ack(const struct tcp_conn *c, const struct tcp_seg *s)
{
	return s->ack == c->snd_una && c->snd_max != c->snd_una && !s->len &&
	       !s->cut && !(s->flags & TCP_FIN) && s->wnd == c->snd_wnd;
}

/* Fifth: may it come from the peer, by its ACK? */
static enum step check_ack(struct net *net, struct tcp_conn *c,
			   const struct pkt *p, const struct tcp_seg *s,
			   u64 now)
{
	if (!(s->flags & TCP_ACK)) {
		net->stat->drop_tcp_state++;
		return DROP;
	}
	if (c->state == TCP_SYN_RCVD) {
		if (seq_lt(c->snd_una, s->ack) && seq_le(s->ack, c->snd_max))
			return GO_ON;
		net->stat->drop_tcp_state++;
		tcp_reset_reply(net, p, now);
		return DROP;
	}
	if (ack_in_range(c, s))
		return GO_ON;
	challenge_ack(net, c, now);
	return DROP;
}

/* It has passed all checks. What is kept of every segment, whatever becomes of
 * its data: TS.Recent (RFC 7323 section 4.3, by the sequence number that it
 * came with) and when it came. */
static void hear(struct net *net, struct tcp_conn *c, const struct tcp_seg *s,
		 u64 now)
{
	if (s->len || s->flags & TCP_FIN || seq_lt(c->snd_una, s->ack))
		c->last_rx = tick_of(now);
	else
		tcp_is_there(net, c, now);
	if (c->flags & TCP_F_TS)
		tcp_take_ts(c, s->seq, s->opt.tsval, now);
}

/* Fifth, what the ACK does. DROP when the connection is gone. */
static enum step take_ack(struct net *net, struct tcp_conn *c,
			  const struct tcp_seg *s, u64 now)
{
	if (c->state == TCP_SYN_RCVD) {
		if (c->listener &&
		    !tcp_in_share(net, c->flow.raddr, c->flow.lport)) {
			net->stat->drop_tcp_share++;
			tcp_abort(net, c, now);
			return DROP;
		}
		tcp_new_window(net, c, s->wnd);
		c->snd_wl1 = s->seq;
		tcp_established(net, c, now);
	}
	if (seq_lt(c->snd_una, s->ack)) {
		if (tcp_ack_advance(net, c, s->ack, now) &&
		    !tcp_fin_acked(net, c, now))
			return DROP;
	} else if (c->persist_at && s->ack == c->snd_una) {
		c->probes = 0; /* the probe was answered */
	} else if (is_duplicate_ack(c, s)) {
		tcp_duplicate_ack(net, c, now);
	}
	tcp_update_window(net, c, s);
	return GO_ON;
}

static bool receiving(const struct tcp_conn *c)
{
	return c->state == TCP_ESTABLISHED || c->state == TCP_FIN_WAIT_1 ||
	       c->state == TCP_FIN_WAIT_2;
}

/* Seventh: text; and FIN where it comes in order. DROP when gone. */
static enum step take_text(struct net *net, struct tcp_conn *c,
			   struct tcp_seg *s, u64 now)
{
	bool fin = s->flags & TCP_FIN, in_order = s->seq == c->rcv_nxt;
	struct mbuf *m = s->m;

	if (!receiving(c)) {
		if (fin)
			fin_again(net, c, now);
		return GO_ON;
	}
	if (!s->len && !fin)
		return GO_ON;
	if (s->len && c->flags & TCP_F_NO_RECV) {
		/* Nobody will read it (RFC 9293 section 3.10.7.1: CLOSED). */
		tcp_send_rst(net, c, now);
		tcp_die(net, c, ECONNRESET);
		return DROP;
	}
	/* Better the next byte than those behind it: they can come again. */
	if (s->len && in_order && c->ooo && !tcp_rx_room(net, c, s->len, true))
		tcp_ooo_free(net, c);
	if (s->len && !tcp_rx_room(net, c, s->len, in_order)) {
		net->stat->drop_tcp_memory++;
		return DROP;
	}
	if (!in_order) {
		net->stat->tcp_out_of_order++;
		if (fin)
			hold_fin(c, s->seq + s->len);
		if (s->len) {
			tcp_ooo_insert(net, c, m, s->seq);
			s->m = NULL;
		}
		/* One duplicate ACK per segment: the peer counts them. */
		tcp_send_ack(net, c, now);
		return GO_ON;
	}
	if (s->len) {
		s->m = NULL;
		tcp_rx_append(net, c, m);
		tcp_data_taken(net, c);
		tcp_ready(net, c, TCP_EV_RECV);
	}
	if (unlikely(c->ooo)) {
		/* A hole was filled (RFC 5681 section 4.2). */
		tcp_ack_now(net, c);
		if (!fin)
			tcp_ooo_drain(net, c);
	}
	if (fin || fin_is_next(c))
		take_fin(net, c, now);
	return GO_ON;
}

/* TIME-WAIT takes a new SYN for the same flow if it cannot be an old one, or
 * if old segments, which have no timestamps, will not be taken afterwards
 * (RFC 6191 section 2, RFC 9293 section 3.6.1). */
static bool reuse_time_wait(const struct net *net, const struct tcp_conn *c,
			    const struct tcp_seg *s)
{
	bool ts = s->opt.has_ts && net->conf.tcp.timestamps;

	if ((s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN)
		return false;
	if (ts && !(c->flags & TCP_F_TS))
		return true;
	if (ts && s->opt.tsval != c->ts_recent)
		return seq_lt(c->ts_recent, s->opt.tsval);
	return seq_lt(c->rcv_nxt, s->seq);
}

/* In SYN-RECEIVED, the peer's SYN once more: ours was lost, or this is its
 * SYN-ACK of a simultaneous open. */
static enum step repeated_syn(struct net *net, struct tcp_conn *c,
			      struct tcp_seg *s)
{
	if (c->state != TCP_SYN_RCVD || !(s->flags & TCP_SYN) ||
	    s->seq != c->irs)
		return GO_ON;
	if (!(s->flags & TCP_ACK)) {
		c->flags |= TCP_F_REXMIT;
		tcp_mark_out(net, c);
		return DROP;
	}
	s->flags &= (u8)~TCP_SYN;
	s->seq++;
	return GO_ON;
}

/* 3.10.7.4: all that is judged before anything is kept. A segment is judged as
 * it arrived, and taken as what is left of it inside the window. */
static void other_states(struct net *net, struct tcp_conn *c,
			 const struct pkt *p, struct tcp_seg *s, u64 now)
{
	if (check_rst(net, c, s, now) == DROP ||
	    repeated_syn(net, c, s) == DROP ||
	    check_syn(net, c, s, now) == DROP ||
	    check_sequence(net, c, s, now) == DROP ||
	    check_ack(net, c, p, s, now) == DROP)
		return;
	hear(net, c, s, now);
	trim(net, c, s);
	if (take_ack(net, c, s, now) == DROP)
		return;
	take_text(net, c, s, now);
}

static void arrive(struct net *net, struct tcp_conn *c, const struct pkt *p,
		   struct tcp_seg *s, u8 group, u64 now)
{
	const struct tcp_hdr *h = p->l4;

	if (!tcp_opt_parse((const u8 *)(h + 1),
			   (u32)(h->off >> 4) * 4 - TCP_LEN, &s->opt)) {
		net->stat->drop_tcp_header++;
		return;
	}
	if (c && c->state == TCP_TIME_WAIT && reuse_time_wait(net, c, s) &&
	    tcp_find_listener(net, p->ip->dst, be16_host(h->dport))) {
		tcp_die(net, c, 0);
		c = NULL;
	}
	if (!c)
		c = tcp_no_connection(net, p, s, group, now);
	if (!c)
		return;
	if (c->state == TCP_SYN_SENT) {
		tcp_syn_sent(net, c, p, s, now);
		return;
	}
	if (c->flags & TCP_F_WSCALE && !(s->flags & TCP_SYN))
		s->wnd <<= c->wscale_snd;
	other_states(net, c, p, s, now);
}

/* Verifies the checksum, fills @s. The header's bounds hold: see ip_in(). */
static bool parse(struct net *net, struct mbuf *m, const struct pkt *p,
		  struct tcp_seg *s)
{
	const struct tcp_hdr *h = p->l4;

	if (!ip_l4_cksum_ok(net, m, p, h->cksum)) {
		net->stat->drop_checksum++;
		return false;
	}
	s->seq = be32_host(h->seq);
	s->ack = be32_host(h->ack);
	s->wnd = be16_host(h->win);
	s->flags = h->flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_PSH | TCP_ACK);
	s->len = p->l4_len - (u32)(h->off >> 4) * 4;
	s->m = m;
	s->cut = false;
	return true;
}

bool tcp_in(struct net *net, struct mbuf *m, const struct pkt *p, u64 now)
{
	const struct tcp_hdr *h = p->l4;
	struct flow flow = flow_received(p->ip, h);
	struct tcp_conn *c;
	struct tcp_seg s;
	u32 group = 0, hlen;

	if (!parse(net, m, p, &s))
		goto drop;
	c = tcp_find(net, flow);
	if (!c) {
		group = net_flow_group(net, flow);
		if (net_leave(net, m, net->group_owner[group]))
			return false;
	} else {
		group = c->group;
	}
	hlen = (u32)(h->off >> 4) * 4;
	m->data = (u8 *)p->l4 + hlen;
	m->len = p->first_len - hlen;
	arrive(net, c, p, &s, (u8)group, now);
	if (s.m)
		mbuf_free_chain(net->pool, s.m);
	return true;
drop:
	mbuf_free_chain(net->pool, m);
	return true;
}
