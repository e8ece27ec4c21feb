/* SPDX-License-Identifier: MIT */
/* Output: who has something to send, and what follows from having sent it:
 * tcp_out.c, tcp_send.c, tcp_build.c. */
#ifndef NET_TCP_TX_H
#define NET_TCP_TX_H

#include "net/tcp_time.h"

enum {
	TCP_COPY_MAX = 511, /* longer payloads are worth gathering, as
			     * bench/README.md has measured */
	TCP_OUT_ROOM = 2,   /* packets that one step of output may need */
};

static inline void tcp_mark_out(struct net *net, struct tcp_conn *c)
{
	struct tcp *t = &net->tcp;

	if (c->flags & TCP_F_ON_OUT)
		return;
	c->flags |= TCP_F_ON_OUT;
	c->next_out = NULL;
	*t->out_tail = c;
	t->out_tail = &c->next_out;
}

static inline void tcp_ack_now(struct net *net, struct tcp_conn *c)
{
	c->flags |= TCP_F_ACK_NOW;
	tcp_mark_out(net, c);
}

/* tcp_out.c */
/* A turn of it. */
void tcp_output(struct net *net, struct tcp_conn *c, u64 now);
/* One segment of new (or rolled back) data and FIN, if allowed; false when
 * nothing more can go now. */
bool tcp_send_next(struct net *net, struct tcp_conn *c, u64 now);

/* tcp_turn.c */
void tcp_want_more(struct tcp *t, struct tcp_conn *c);

/* tcp_resend.c */
/* Without SACK: what is at snd_una. */
void tcp_resend_head(struct net *net, struct tcp_conn *c, u64 now);
/* What is lost, as far as the network may take more of it; or a probe. */
void tcp_resend_lost(struct net *net, struct tcp_conn *c, u64 now);

/* ---- tcp_send.c: false when no buffer is free: try again later */

/* A segment of @len payload bytes from (@range, @off) on. */
bool tcp_send_data(struct net *net, struct tcp_conn *c, u32 seq,
		   struct ref32 range, u32 off, u32 len, u8 flags, u64 now);
bool tcp_send_bare(struct net *net, struct tcp_conn *c, u32 seq, u8 flags,
		   u64 now);
/* Pure ACK, at once. */
void tcp_send_ack(struct net *net, struct tcp_conn *c, u64 now);
/* A segment that the peer must answer (RFC 9293 section 3.8.4). */
void tcp_send_keepalive(struct net *net, struct tcp_conn *c, u64 now);
void tcp_send_syn(struct net *net, struct tcp_conn *c, u64 now);
/* A SYN-ACK that is not repeated. */
void tcp_send_syn_ack(struct net *net, struct tcp_conn *c, u64 now);
void tcp_send_rst(struct net *net, struct tcp_conn *c, u64 now);

/* ---- tcp_build.c */

/* Segment size after options, from peer's MSS and our MTU. */
void tcp_set_mss(struct net *net, struct tcp_conn *c);
/* What both ends take, options included. */
u32 tcp_mss_full(const struct net *net, const struct tcp_conn *c);
/* @len bytes from (@range, @off) on: into @m or, where the NIC gathers and it
 * pays, referred to. False when buffers run out. */
bool tcp_fill(struct net *net, struct mbuf *m, struct ref32 range, u32 off,
	      u32 len);
/* tcp_large.c */
/* Of @len bytes, more than a segment of @mss, from snd_nxt on: a segment, or
 * what a NIC that cuts packets takes as one. @unsent: all that there is. */
u32 tcp_at_once(const struct net *net, const struct tcp_conn *c, u32 len,
		u32 unsent, u32 mss);

/* Takes @m, which holds the payload: with its headers on its way. @tos: of IP,
 * 0 unless it is new data. */
void tcp_emit(struct net *net, struct tcp_conn *c, struct mbuf *m, u32 seq,
	      u8 flags, u8 tos, u64 now);
/* The same of MBUF_LARGE. */
void tcp_emit_large(struct net *net, struct tcp_conn *c, struct mbuf *m,
		    u32 seq, u8 flags, u8 tos, u64 now);
/* Either, with TCP_F_BLOCKS. */
void tcp_emit_blocks(struct net *net, struct tcp_conn *c, struct mbuf *m,
		     u32 seq, u8 flags, u8 tos, u64 now);
void tcp_emit_syn(struct net *net, struct tcp_conn *c, struct mbuf *m, u8 flags,
		  u64 now);
/* Answers a segment that has no connection (RFC 9293 3.10.7.1). */
void tcp_reset_reply(struct net *net, const struct pkt *p, u64 now);

/* ---- around a segment with data */

/* No data sent for an RTO? With nothing in flight, that is a restart. Not
 * measured from the last reception: a server has always just heard a request
 * (RFC 5681 section 4.1). */
static inline bool tcp_was_idle(const struct tcp_conn *c, u64 now)
{
	return tick_of(now) - c->last_tx > c->rto;
}

/* What cwnd says is old. */
COLD void tcp_restart_idle(const struct net *net, struct tcp_conn *c, u64 now);

/* New data is about to be sent. */
static inline void tcp_leave_idle(const struct net *net, struct tcp_conn *c,
				  u64 now)
{
	if (unlikely(tcp_was_idle(c, now)) && c->snd_nxt == c->snd_una)
		tcp_restart_idle(net, c, now);
}

/* Sequence numbers that are new, up to snd_nxt, have been sent. */
static inline void tcp_sent_new(struct tcp_conn *c, u64 now)
{
	c->snd_max = c->snd_nxt;
	if (unlikely(tcp_rtt_wanted(c, now)))
		tcp_rtt_start(c, now);
}

/* A segment with our latest ACK has been sent. */
static inline void tcp_ack_sent(struct tcp_conn *c)
{
	c->last_ack_sent = c->rcv_nxt;
	c->flags &= ~(u32)(TCP_F_ACK_NOW | TCP_F_ACK_LATER);
	c->delack_at = 0;
}

#endif
