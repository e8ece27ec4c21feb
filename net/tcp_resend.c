/* SPDX-License-Identifier: MIT */
/* Sending again: fast retransmit, what is lost by SACK, tail loss probes. What
 * a timeout takes back without SACK goes the way of new data: tcp_out.c. */
#include "net/tcp_int.h"
#include "net/tcp_loss.h"

/* Sends what is at @seq once more, up to @len bytes of it, and FIN where it
 * ends; snd_nxt stays. */
static bool resend(struct net *net, struct tcp_conn *c, u32 seq, u32 len,
		   u64 now)
{
	u32 ahead = seq - c->snd_una, off;
	struct ref32 range = tcp_sndq_find(net, c, ahead, &off);
	u32 data = ahead < c->sndq_bytes ? c->sndq_bytes - ahead : 0;
	u8 flags = TCP_ACK;
	bool ok;

	len = min(min(len, data), c->snd_max - seq);
	if (tcp_fin_queued(c) && c->flags & TCP_F_FIN_SENT && len == data)
		flags |= TCP_FIN;
	if (len)
		ok = tcp_send_data(net, c, seq, range, off, len,
				   flags | TCP_PSH, now);
	else
		ok = tcp_send_bare(net, c, seq, flags, now);
	if (!ok)
		return false;
	c->flags &= ~(u32)TCP_F_RTT_TIMED;
	net->stat->tcp_retransmits++;
	return true;
}

void tcp_resend_head(struct net *net, struct tcp_conn *c, u64 now)
{
	/* Not when overtaken by its ACK. */
	if (c->snd_una != c->snd_max) {
		if (!resend(net, c, c->snd_una, tcp_mss_now(net, c), now)) {
			tcp_mark_out(net, c);
			return;
		}
		tcp_rearm_rto(net, c, now);
	}
	c->flags &= ~(u32)TCP_F_REXMIT;
}

/* RFC 8985 section 7.3: a new segment if there is one, else the last, all of
 * it: its FIN, too. */
static void send_probe(struct net *net, struct tcp_conn *c, u64 now)
{
	u32 most = tcp_resend_most(c, tcp_mss_now(net, c));
	u32 len = min(most, c->snd_max - c->snd_una);

	if (tcp_send_next(net, c, now))
		tcp_tail_sent(net, c, TAIL_NEW);
	else if (!len)
		tcp_tail_end(c);
	else if (resend(net, c, c->snd_max - len, len, now))
		tcp_tail_sent(net, c, TAIL_AGAIN);
	else
		tcp_mark_out(net, c);
}

void tcp_resend_lost(struct net *net, struct tcp_conn *c, u64 now)
{
	u32 seq, len;

	if (c->tail == TAIL_DUE && net_tx_room(net, 2))
		send_probe(net, c, now);
	while (net_tx_room(net, 2) && (len = tcp_loss_next(net, c, &seq)) &&
	       tcp_pace_open(net, c, now)) {
		if (!resend(net, c, seq, len, now)) {
			tcp_mark_out(net, c);
			return;
		}
		tcp_pace_sent(net, c, len);
		if (!tcp_loss_resend(net, c, seq, len, now))
			return;
		if (seq == c->snd_una || !c->rto_at)
			tcp_loss_rearm(net, c, now);
	}
	if (!net_tx_room(net, 2))
		tcp_mark_out(net, c);
}
