/* SPDX-License-Identifier: MIT */
/* Segments that open: SYN to a listener (RFC 9293 section 3.10.7.2), and
 * everything in SYN-SENT (section 3.10.7.3). */
#include "net/tcp_int.h"

enum { MSS_DEFAULT = 536 }; /* RFC 9293 section 3.7.1 */

void tcp_take_syn(struct net *net, struct tcp_conn *c, const struct tcp_seg *s,
		  u64 now)
{
	c->irs = s->seq;
	c->rcv_nxt = s->seq + 1;
	c->last_ack_sent = c->rcv_nxt;
	c->rcv_adv = c->rcv_nxt + min(net->conf.tcp.rcv_buf, 65535u);
	if (s->opt.has_ts)
		tcp_renew_ts(c, s->opt.tsval, now);
	else
		c->flags &= ~(u32)TCP_F_TS;
	if (!s->opt.sack_ok)
		c->sack = false;
	if (s->opt.wscale == 0xff)
		c->flags &= ~(u32)TCP_F_WSCALE;
	else
		c->wscale_snd = s->opt.wscale;
	if (!(c->flags & TCP_F_WSCALE))
		c->wscale_snd = c->wscale_rcv = 0;
	c->mss_peer = max(s->opt.mss ? s->opt.mss : (u16)MSS_DEFAULT,
			  (u16)TCP_MSS_LEAST);
	tcp_ecn_take_syn(net, c, s->flags);
	tcp_set_mss(net, c);
	tcp_cc_of(c)->init(c, net->conf.tcp.init_cwnd);
	c->snd_wnd = s->wnd; /* never scaled in a SYN */
	c->max_wnd = s->wnd;
	c->snd_wl1 = s->seq;
}

struct tcp_conn *tcp_open_passive(struct net *net, struct tcp_listener *l,
				  const struct pkt *p, const struct tcp_seg *s,
				  u8 group, u64 now)
{
	struct tcp_conn *c = tcp_conn_new(net, pkt_flow(p), group, now);

	if (!c) {
		net->stat->drop_tcp_conns++;
		return NULL;
	}
	net->stat->tcp_passive_opens++;
	c->cc = l->cc;
	c->state = TCP_SYN_RCVD;
	tcp_enter_listener(net, l, c);
	tcp_take_syn(net, c, s, now);
	neigh_learn(net, p->src, p->eth->src, now);
	return c;
}

/* Nothing of it is kept where the listener's queue is full, or nearly all
 * connections are taken: the last ones are for who has confirmed. */
static bool may_keep(struct net *net, const struct tcp_listener *l)
{
	if (net->conf.tcp.syn_cookies && tcp_places(net) <= tcp_conns_kept(net))
		return false;
	return tcp_may_queue(net, l);
}

/* A cookie also for a peer for which a place is being made: it is there when
 * its ACK comes. */
static void syn_to_listener(struct net *net, struct tcp_listener *l,
			    const struct pkt *p, const struct tcp_seg *s,
			    u8 group, u64 now)
{
	const struct tcp_hdr *h = p->l4;
	bool place = tcp_relieve(net, now) || tcp_places(net);
	struct tcp_conn *c;

	if (!tcp_in_share(net, p->src, h->dport)) {
		net->stat->drop_tcp_share++;
	} else if (may_keep(net, l)) {
		c = tcp_open_passive(net, l, p, s, group, now);
		if (c)
			tcp_mark_out(net, c);
	} else if (!place) {
		net->stat->drop_tcp_conns++;
	} else if (net->conf.tcp.syn_cookies && tcp_may_accept(l)) {
		tcp_cookie_send(net, l, p, s, now);
	} else {
		net->stat->drop_tcp_backlog++;
	}
}

/* Nothing new begins: silence, so that the peer asks again, and whoever comes
 * after us can answer. That holds for ports without a listener, too: the
 * program may have stopped to listen already. What a cookie has promised is
 * kept. A flow that was ours is no more. */
static bool leave_syn(struct net *net, const struct tcp_listener *l,
		      const struct pkt *p, u8 which, u64 now)
{
	if (which != TCP_SYN ||
	    (!net->tcp.drains && (l || now >= net->tcp.hush_until)))
		return false;
	if (net->flows && net->tcp.drains)
		tcp_leave_flow(net, pkt_flow(p));
	net->stat->drop_tcp_drain++;
	return true;
}

struct tcp_conn *tcp_no_connection(struct net *net, const struct pkt *p,
				   const struct tcp_seg *s, u8 group, u64 now)
{
	const u8 which = s->flags & (TCP_SYN | TCP_ACK);
	const struct tcp_hdr *h = p->l4;
	struct tcp_listener *l =
		tcp_find_listener(net, p->dst, be16_host(h->dport));

	if (s->flags & TCP_RST || leave_syn(net, l, p, which, now))
		return NULL;
	if (l && which == TCP_SYN) {
		syn_to_listener(net, l, p, s, group, now);
		return NULL;
	}
	if (l && which == TCP_ACK && tcp_cookies_out(l, now))
		return tcp_cookie_take(net, l, p, s, group, now);
	net->stat->drop_tcp_no_conn++;
	/* It may answer the other one's SYN, which that repeats. */
	if (net->flows && net->flows->late && which == (TCP_SYN | TCP_ACK))
		return NULL;
	if (!l || s->flags & TCP_ACK)
		tcp_reset_reply(net, p, now);
	return NULL;
}

void tcp_syn_sent(struct net *net, struct tcp_conn *c, const struct pkt *p,
		  const struct tcp_seg *s, u64 now)
{
	bool ack = s->flags & TCP_ACK;

	if (ack && (seq_le(s->ack, c->iss) || seq_lt(c->snd_max, s->ack))) {
		tcp_reset_reply(net, p, now);
		return;
	}
	if (s->flags & TCP_RST) {
		if (ack) {
			net->stat->tcp_rst_in++;
			tcp_die(net, c, ECONNREFUSED);
		}
		return;
	}
	if (!(s->flags & TCP_SYN))
		return;
	tcp_take_syn(net, c, s, now);
	if (ack) {
		if (c->flags & TCP_F_RTT_TIMED)
			tcp_rtt_stop(net, c, now);
		c->snd_una = s->ack;
		tcp_established(net, c, now);
		tcp_ack_now(net, c);
	} else {
		/* Simultaneous open (section 3.5, figure 7). */
		c->state = TCP_SYN_RCVD;
		c->flags |= TCP_F_REXMIT;
		tcp_mark_out(net, c);
	}
}
