/* SPDX-License-Identifier: MIT */
/* Segment arrival: RFC 9293 section 3.10.7. The checks are in tcp_check.c, what
 * a segment brings is taken by tcp_ack.c and tcp_data.c. What an established
 * connection mostly sees does not come here: see tcp_fast.c. */
#include "net/tcp_int.h"
#include "net/tcp_loss.h"

/* It has passed all checks. What is kept of every segment, whatever becomes of
 * its data: TS.Recent (RFC 7323 section 4.3, by the sequence number that it
 * came with) and when it came. */
static void hear(struct net *net, struct tcp_conn *c, const struct tcp_seg *s,
		 u64 now)
{
	if (s->len || s->flags & TCP_FIN)
		tcp_spoken(&net->tcp, c);
	if (s->len || s->flags & TCP_FIN || seq_lt(c->snd_una, s->ack))
		c->last_rx = tick_of(now);
	else
		tcp_is_there(net, c, now);
	if (c->flags & TCP_F_TS)
		tcp_take_ts(c, s->seq, s->opt.tsval, now);
	tcp_ecn_in(net, c, s, now);
}

/* RFC 5681 section 2. */
static bool is_duplicate_ack(const struct tcp_conn *c, const struct tcp_seg *s)
{
	return s->ack == c->snd_una && c->snd_max != c->snd_una && !s->len &&
	       !s->cut && !(s->flags & TCP_FIN) && s->wnd == c->snd_wnd;
}

/* Fifth, what the ACK does. False when the connection is gone. */
static bool take_ack(struct net *net, struct tcp_conn *c,
		     const struct tcp_seg *s, u64 now)
{
	bool advanced, may_repeat = true;

	if (c->state == TCP_SYN_RCVD) {
		if (c->listener.raw &&
		    !tcp_in_share(net, c->flow.raddr, c->flow.lport)) {
			net->stat->drop_tcp_share++;
			tcp_send_rst(net, c, now); /* its SYN was answered */
			tcp_release(net, c);
			return false;
		}
		tcp_new_window(net, c, s->wnd);
		c->snd_wl1 = s->seq;
		tcp_established(net, c, now);
	}
	advanced = seq_lt(c->snd_una, s->ack);
	if (advanced) {
		if (tcp_ack_advance(net, c, s->ack, s->opt.tsecr, now) &&
		    !tcp_fin_acked(net, c, now))
			return false;
	} else if (c->persist_at && s->ack == c->snd_una) {
		c->probes = 0; /* the probe was answered */
		may_repeat = false;
	}
	if (tcp_does_sack(c) && (s->opt.nsack || c->flags & TCP_F_LOSS) &&
	    tcp_loss_ack(net, c, s, advanced, now))
		may_repeat = false;
	if (!advanced && may_repeat && is_duplicate_ack(c, s))
		tcp_duplicate_ack(net, c, now);
	tcp_update_window(net, c, s);
	return true;
}

/* 3.10.7.4: a segment is judged as it arrived, and taken as what is left of it
 * inside the window. */
static void other_states(struct net *net, struct tcp_conn *c,
			 const struct pkt *p, struct tcp_seg *s, u64 now)
{
	if (!tcp_check(net, c, p, s, now))
		return;
	hear(net, c, s, now);
	tcp_trim(net, c, s);
	if (take_ack(net, c, s, now))
		tcp_take_text(net, c, s, now);
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
	    tcp_find_listener(net, p->dst, be16_host(h->dport))) {
		tcp_die(net, c, 0);
		c = NULL;
	}
	if (c && tcp_cookie_earlier(net, c, p, s, now)) {
		tcp_release(net, c);
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
	s->flags = h->flags & (u8)~TCP_URG;
	s->ce = (p->tos & IP_ECN) == IP_CE;
	s->len = p->l4_len - (u32)(h->off >> 4) * 4;
	s->m = m;
	s->cut = false;
	return true;
}

bool tcp_in(struct net *net, struct mbuf *m, const struct pkt *p, u64 now)
{
	const struct tcp_hdr *h = p->l4;
	struct flow flow = pkt_flow(p);
	struct tcp_conn *c;
	struct tcp_seg s;
	u32 group = 0, hlen;

	if (!parse(net, m, p, &s))
		goto drop;
	c = tcp_find(net, flow);
	if (!c) {
		group = net_flow_group(net, flow);
		if (net_leave_group(net, group))
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
