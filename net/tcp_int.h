/* SPDX-License-Identifier: MIT */
/* What the tcp_*.c files share among themselves. */
#ifndef NET_TCP_INT_H
#define NET_TCP_INT_H

#include "base/errno.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/word.h"
#include "net/net.h"

enum {
	TCP_MSS_LEAST = 88, /* below, headers would outweigh data */
	TCP_DUPACKS = 3,    /* duplicate ACKs that mean a loss */
	TCP_OWN_RANGES = 4, /* that no other connection can take */
};

static inline bool seq_lt(u32 a, u32 b)
{
	return (s32)(a - b) < 0;
}

static inline bool seq_le(u32 a, u32 b)
{
	return (s32)(a - b) <= 0;
}

/* A received segment. */
struct tcp_opts {
	bool has_ts;
	u8 wscale; /* 0xff: not offered */
	u16 mss;   /* 0: not offered */
	u32 tsval, tsecr;
};

struct tcp_seg {
	struct mbuf *m;	   /* data points at the payload; NULL once taken */
	u32 seq, ack, len; /* len: payload */
	u32 wnd;	   /* scaled */
	u8 flags;
	bool cut; /* what the window refuses is gone */
	struct tcp_opts opt;
};

/* tcp_table.c */
/* Multiply-shift with secret odd factors: which flows collide cannot be known
 * from outside. Twice, as once leaves consecutive ports in a lattice, which
 * linear probing feels. The upper bits are the best. */
static inline u32 tcp_hash(const struct net *net, u64 addrs, u32 ports)
{
	u64 x = addrs * net->tcp.factor[0] + ports * net->tcp.factor[1];

	return (u32)(((x ^ x >> 32) * net->tcp.factor[1]) >> 32);
}

static inline struct tcp_conn *tcp_find(const struct net *net, struct flow flow)
{
	const struct tcp *t = &net->tcp;
	u32 hash = tcp_hash(net, flow.addrs, flow.ports);

	for (u32 i = hash >> t->table_shift; t->table[i].conn;
	     i = (i + 1) & t->table_mask) {
		struct tcp_conn *c = &t->conns[t->table[i].conn - 1];

		if (likely(t->table[i].hash == hash &&
			   c->flow.addrs == flow.addrs &&
			   c->flow.ports == flow.ports))
			return c;
	}
	return NULL;
}

void tcp_table_add(struct net *net, struct tcp_conn *c);
void tcp_table_del(struct net *net, struct tcp_conn *c);

/* tcp_call.c */
struct tcp_listener *tcp_find_listener(struct net *net, struct be32 ip,
				       u16 port);

/* tcp_conn.c */
/* Does the application hold a name of it that it must be told about? */
bool tcp_is_named(const struct tcp_conn *c);
/* A connection in the table, with sequence numbers and timestamps offset
 * chosen; NULL when none is free. */
struct tcp_conn *tcp_conn_new(struct net *net, struct flow flow, u8 group,
			      u64 now);
/* The end of a connection, with an errno or 0: DEAD (or CONNECTED with the
 * error) is raised if the application knows it, else it is freed. */
void tcp_die(struct net *net, struct tcp_conn *c, u8 error);
/* Back to the pool, unless a list still refers to it. */
void tcp_conn_put(struct net *net, struct tcp_conn *c);
/* Frees it without telling anyone. */
void tcp_release(struct net *net, struct tcp_conn *c);
/* A new one, apart from the table and the pool; with a handle of 0. */
void tcp_conn_init(const struct net *net, struct tcp_conn *c, struct flow flow,
		   u64 now);
void tcp_enter_time_wait(struct net *net, struct tcp_conn *c, u64 now);
void tcp_established(struct net *net, struct tcp_conn *c, u64 now);

/* tcp_admit.c */
/* May there be one more from @source to our @port? */
bool tcp_in_share(const struct net *net, struct be32 source, struct be16 port);
/* Confirmed: it takes a share from now on. And no longer. */
void tcp_count(struct net *net, struct tcp_conn *c);
void tcp_uncount(struct net *net, struct tcp_conn *c);
/* May @l have one more half-open? Another one may have to go for it. */
bool tcp_may_queue(struct net *net, const struct tcp_listener *l);
/* May @l have one more that is confirmed at once? */
bool tcp_may_accept(const struct tcp_listener *l);
void tcp_enter_listener(struct net *net, struct tcp_listener *l,
			struct tcp_conn *c);
/* Half-open until now. */
void tcp_confirmed(struct net *net, struct tcp_conn *c);
/* Accepted or gone: no longer counted in the backlog. */
void tcp_leave_listener(struct net *net, struct tcp_conn *c);
/* When connections run short, and when there is none left. */
void tcp_relieve(struct net *net, u64 now);
void tcp_make_room(struct net *net);

/* tcp_syn.c */
/* No connection has this segment's flow: 3.10.7.1 (CLOSED), .2 (LISTEN). One
 * that a cookie opens is returned, to take the segment. */
struct tcp_conn *tcp_no_connection(struct net *net, const struct pkt *p,
				   const struct tcp_seg *s, u8 group, u64 now);
/* What the SYN @s says of the peer. */
void tcp_take_syn(struct net *net, struct tcp_conn *c, const struct tcp_seg *s,
		  u64 now);
/* A connection in SYN-RECEIVED for the SYN @s, whose flow is that of @p; NULL
 * when none is free, counted. */
struct tcp_conn *tcp_open_passive(struct net *net, struct tcp_listener *l,
				  const struct pkt *p, const struct tcp_seg *s,
				  u8 group, u64 now);
/* 3.10.7.3: SYN-SENT. */
void tcp_syn_sent(struct net *net, struct tcp_conn *c, const struct pkt *p,
		  const struct tcp_seg *s, u64 now);

/* tcp_cookie.c */
/* Answers a SYN that @l has no place for. */
void tcp_cookie_send(struct net *net, struct tcp_listener *l,
		     const struct pkt *p, const struct tcp_seg *s, u64 now);
/* Has @l sent any that may still come back? */
bool tcp_cookies_out(const struct tcp_listener *l, u64 now);
/* The connection that the ACK @s opens, or NULL: no cookie, or no room. */
struct tcp_conn *tcp_cookie_take(struct net *net, struct tcp_listener *l,
				 const struct pkt *p, const struct tcp_seg *s,
				 u8 group, u64 now);

/* tcp_ack.c */
/* @ack is new: takes what it acknowledges off the send queue. Returns true if
 * our FIN is among it. */
bool tcp_ack_advance(struct net *net, struct tcp_conn *c, u32 ack, u64 now);
/* RFC 5681 section 3.2. */
void tcp_duplicate_ack(struct net *net, struct tcp_conn *c, u64 now);
/* RFC 9293 3.10.7.4, "send window shall be updated". */
void tcp_update_window(struct net *net, struct tcp_conn *c,
		       const struct tcp_seg *s);
/* The peer's window changed to @wnd bytes. */
void tcp_new_window(struct net *net, struct tcp_conn *c, u32 wnd);

/* The window of a segment that began at @seq is the latest. */
static inline void tcp_take_window(struct net *net, struct tcp_conn *c, u32 seq,
				   u32 wnd)
{
	c->snd_wl1 = seq;
	if (unlikely(wnd != c->snd_wnd))
		tcp_new_window(net, c, wnd);
}
/* Our FIN was acknowledged. False when that ends the connection. */
bool tcp_fin_acked(struct net *net, struct tcp_conn *c, u64 now);

/* tcp_opt.c */
/* False when an option's length is a lie. */
bool tcp_opt_parse(const u8 *opt, u32 len, struct tcp_opts *out);
/* Writes the options of a SYN at @p; bytes, a multiple of 4. */
u32 tcp_opt_syn(u8 *p, const struct tcp_conn *c, u16 mss, u32 tsval);

enum { TCP_TS_AGE_SHIFT = 40 };

/* TS.Recent, and when it was taken (RFC 7323 section 4.3). */
static inline void tcp_renew_ts(struct tcp_conn *c, u32 tsval, u64 now)
{
	c->ts_recent = tsval;
	c->ts_recent_at = (u16)(now >> TCP_TS_AGE_SHIFT);
}

/* ... of the segment that began at @seq: section 4.3, step 2. */
static inline void tcp_take_ts(struct tcp_conn *c, u32 seq, u32 tsval, u64 now)
{
	if (seq_le(seq, c->last_ack_sent))
		tcp_renew_ts(c, tsval, now);
}

enum { TCP_COPY_MAX = 255 }; /* longer payloads are worth gathering */

/* Where the advertised window may end now. */
static inline u32 tcp_rcv_edge(const struct net *net, const struct tcp_conn *c)
{
	u32 buf = net->conf.tcp.rcv_buf;
	u32 edge = c->rcv_nxt + (c->rx_bytes < buf ? buf - c->rx_bytes : 0);

	return seq_lt(edge, c->rcv_adv) ? c->rcv_adv : edge;
}

/* The window field to send. Its right edge never moves back, and forward only
 * in steps worth having (RFC 9293 section 3.8.6.2.2), or when that makes it
 * full again: then a sender mostly sees it unchanged. */
static inline struct be16 tcp_advertise(const struct net *net,
					struct tcp_conn *c)
{
	u32 edge = tcp_rcv_edge(net, c);
	u32 step = min(net->conf.tcp.rcv_buf / 2, (u32)c->mss_snd);

	if (likely(!c->rx_bytes) || edge - c->rcv_adv >= step)
		c->rcv_adv = edge;
	return be16(
		(u16)min((c->rcv_adv - c->rcv_nxt) >> c->wscale_rcv, 65535u));
}

/* tcp_reass.c */
/* tcp_rx_append_one() behind others, for the list only. */
void tcp_rx_append_slow(struct net *net, struct tcp_conn *c, struct mbuf *m);
/* The buffer @m of payload, whose @len bytes are the next: to the receive list.
 * Its next is NULL. */
static inline void tcp_rx_append_one(struct net *net, struct tcp_conn *c,
				     struct mbuf *m, u32 len)
{
	c->rcv_nxt += len;
	c->rx_bytes += len;
	m->tcp.off_done = m->tcp.off_told = 0;
	if (unlikely(c->rx_head)) {
		tcp_rx_append_slow(net, c, m);
	} else {
		c->rx_mbufs++;
		c->rx_head = c->rx_tail = c->rx_next = m;
	}
}

/* A chain of such buffers. */
void tcp_rx_append(struct net *net, struct tcp_conn *c, struct mbuf *m);
/* Payload out of order: keeps what is new. Takes @m. */
void tcp_ooo_insert(struct net *net, struct tcp_conn *c, struct mbuf *m,
		    u32 seq);
/* Moves what has become in order to the receive list. */
void tcp_ooo_drain(struct net *net, struct tcp_conn *c);
void tcp_ooo_free(struct net *net, struct tcp_conn *c);
/* Cuts @n bytes off the front of a chain, freeing emptied buffers. */
struct mbuf *tcp_trim_front(struct net *net, struct mbuf *m, u32 n);
/* Cuts a chain down to @len bytes (at least 1). */
void tcp_trim_tail(struct net *net, struct mbuf *m, u32 len);
/* The same when buffers run short. */
bool tcp_rx_room_short(struct net *net, const struct tcp_conn *c, u32 len,
		       bool in_order);

/* The general case of tcp_give_back(), for the buffers only. */
void tcp_give_back_part(struct net *net, struct tcp_conn *c, u32 bytes);

/* The oldest @bytes of what the application has: at most rx_told. */
static inline void tcp_give_back(struct net *net, struct tcp_conn *c, u32 bytes)
{
	c->rx_told -= bytes;
	c->rx_bytes -= bytes;
	if (likely(!c->rx_bytes && c->rx_mbufs == 1 && c->rx_head)) {
		mbuf_free(net->pool, c->rx_head);
		c->rx_head = c->rx_tail = NULL;
		c->rx_mbufs = 0;
	} else {
		tcp_give_back_part(net, c, bytes);
	}
}

/* May a segment's @len bytes be kept, given the buffers that are left? */
static inline bool tcp_rx_room(struct net *net, const struct tcp_conn *c,
			       u32 len, bool in_order)
{
	if (likely(in_order && mbuf_plenty(net->pool, c->rx_mbufs)))
		return true;
	return tcp_rx_room_short(net, c, len, in_order);
}

/* tcp_share.c */
/* Has it queued all that the peer and the network let it send, or more? */
static inline bool tcp_blocked(const struct tcp_conn *c)
{
	return c->sndq_bytes && c->sndq_bytes >= min(c->cwnd, c->snd_wnd);
}

/* May @c have one more send range? */
bool tcp_range_due(const struct net *net, const struct tcp_conn *c);

/* @c takes one more. One that has none need not say so. */
static inline void tcp_range_count(struct net *net, const struct tcp_conn *c)
{
	net->tcp.ranges_left -= c->sndq_ranges >= TCP_OWN_RANGES;
}

/* All ranges of a thread. */
static inline u32 tcp_ranges(const struct tcp_conf *conf)
{
	return conf->max_ranges + TCP_OWN_RANGES * conf->max_conns;
}

/* @c is established: there is nothing yet that it has not done. */
void tcp_share_begin(struct tcp_conn *c);
/* @c was refused a range. */
void tcp_range_refused(struct net *net, const struct tcp_conn *c);

/* tcp_cc.c */
/* How many states, and the memory for them. */
u32 tcp_cc_states(const struct tcp_conf *conf);
size_t tcp_cc_bytes(const struct tcp_conf *conf);
/* @c's, if it has one, is free again. */
void tcp_cc_put(struct net *net, struct tcp_conn *c);

/* tcp_sndq.c */
/* @i: index + 1. */
static inline struct tcp_range *tcp_range_at(const struct net *net, u32 i)
{
	return &net->tcp.ranges[i - 1];
}

/* Index + 1. */
static inline u32 tcp_range_take(struct net *net)
{
	struct tcp *t = &net->tcp;
	u32 i = t->range_free;

	if (likely(i)) {
		t->range_free = tcp_range_at(net, i)->next;
		return i;
	}
	return ++t->nranges_used;
}

/* @len bytes at @addr: to the end of the send queue, by a range of their own.
 * Returns it; the cursor is the caller's to put there if they do not go at
 * once. For who may have it: tcp_range_due(). */
static inline u32 tcp_sndq_append(struct net *net, struct tcp_conn *c,
				  const u8 *addr, u32 len)
{
	u32 range = tcp_range_take(net);

	*tcp_range_at(net, range) = (struct tcp_range){ addr, len, 0 };
	if (likely(!c->sndq_bytes)) {
		c->sndq_head = range;
	} else {
		tcp_range_at(net, c->sndq_tail)->next = range;
		tcp_range_count(net, c);
	}
	c->sndq_tail = range;
	c->sndq_ranges++;
	c->sndq_bytes += len;
	return range;
}

/* One of its own. */
static inline void tcp_range_put(struct net *net, u32 i)
{
	tcp_range_at(net, i)->next = net->tcp.range_free;
	net->tcp.range_free = i;
}

/* May the application send? 0 or an errno. */
static inline int tcp_may_send(const struct tcp_conn *c)
{
	if (unlikely(c->state < TCP_ESTABLISHED))
		return -ENOTCONN;
	return unlikely(c->flags & TCP_F_FIN_QUEUED) ? -EPIPE : 0;
}

void tcp_sndq_ack_slow(struct net *net, struct tcp_conn *c, u32 bytes);

/* Forgets @bytes at the head of the send queue: mostly all, in one range. */
static inline void tcp_sndq_ack(struct net *net, struct tcp_conn *c, u32 bytes)
{
	if (unlikely(bytes != c->sndq_bytes || c->sndq_ranges != 1)) {
		tcp_sndq_ack_slow(net, c, bytes);
		return;
	}
	tcp_range_put(net, c->sndq_head);
	c->sndq_head = c->sndq_tail = c->nxt_range = 0;
	c->head_off = c->nxt_off = 0;
	c->sndq_ranges = 0;
	c->sndq_bytes = 0;
}

void tcp_sndq_free(struct net *net, struct tcp_conn *c);
/* Puts the cursor where snd_nxt stands. */
void tcp_sndq_seek(struct net *net, struct tcp_conn *c);
/* Moves the cursor over @len bytes just sent. */
void tcp_sndq_skip(struct net *net, struct tcp_conn *c, u32 len);
/* Range and offset of the byte @ahead of snd_una; range 0 behind the end. */
u32 tcp_sndq_find(const struct net *net, const struct tcp_conn *c, u32 ahead,
		  u32 *off);
/* tcp_out.c */
void tcp_output(struct net *net, struct tcp_conn *c, u64 now);
/* Pure ACK, at once. */
void tcp_send_ack(struct net *net, struct tcp_conn *c, u64 now);
/* A segment that the peer must answer (RFC 9293 section 3.8.4). */
void tcp_send_keepalive(struct net *net, struct tcp_conn *c, u64 now);
void tcp_send_syn(struct net *net, struct tcp_conn *c, u64 now);
/* A SYN-ACK that is not repeated. */
void tcp_send_syn_ack(struct net *net, struct tcp_conn *c, u64 now);
/* Answers a segment that has no connection (RFC 9293 3.10.7.1). */
void tcp_reset_reply(struct net *net, const struct pkt *p, u64 now);
void tcp_send_rst(struct net *net, struct tcp_conn *c, u64 now);
/* Segment size after options, from peer's MSS and our MTU. */
void tcp_set_mss(struct net *net, struct tcp_conn *c);

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

/* A small window that opened a lot is worth a segment of its own; a large one
 * travels with the next ACK (RFC 9293 section 3.8.6.2.2). */
static inline void tcp_window_update(struct net *net, struct tcp_conn *c)
{
	u32 half = net->conf.tcp.rcv_buf / 2;

	if (c->rcv_adv - c->rcv_nxt < half &&
	    tcp_rcv_edge(net, c) - c->rcv_adv >= min(half, 2u * c->mss_snd)) {
		c->flags |= TCP_F_ACK_NOW;
		tcp_mark_out(net, c);
	}
}

/* tcp_mark_ready() of a connection that the application may know. */
static inline void tcp_ready(struct net *net, struct tcp_conn *c, u8 events)
{
	struct tcp *t = &net->tcp;

	c->events |= events;
	if (c->flags & (TCP_F_ON_READY | TCP_F_DEAD_TOLD))
		return;
	c->flags |= TCP_F_ON_READY;
	c->next_ready = NULL;
	*t->ready_tail = c;
	t->ready_tail = &c->next_ready;
}

/* Data came in order. Acknowledge at once every second full segment (RFC 5681
 * section 4.2), else with the application's answer, or soon. */
static inline void tcp_data_taken(struct net *net, struct tcp_conn *c)
{
	c->flags |= TCP_F_ACK_LATER;
	if (unlikely(c->rcv_nxt - c->last_ack_sent >= 2u * c->mss_snd ||
		     !net->conf.tcp.delack_us))
		c->flags |= TCP_F_ACK_NOW;
	tcp_mark_out(net, c);
}

static inline void tcp_ack_now(struct net *net, struct tcp_conn *c)
{
	c->flags |= TCP_F_ACK_NOW;
	tcp_mark_out(net, c);
}

/* tcp_timer.c */
/* RST, and the end: ETIMEDOUT. */
void tcp_give_up(struct net *net, struct tcp_conn *c, u64 now);
/* Makes sure that tcp_timer() runs at tick @at or earlier. */
static inline void tcp_arm(struct net *net, struct tcp_conn *c, u32 at)
{
	if (!timer_is_set(&c->timer) || tick_before(at, c->timer.expires))
		timer_set(&net->wheel, &c->timer, at);
}

/* Deadline @ticks from now; 0 means "not set", so skip it. */
static inline u32 tcp_deadline(u64 now, u32 ticks)
{
	u32 at = tick_of(now) + ticks;

	return at | !at;
}

/* Keepalive, or the end of a connection that is closed for good: keep_at. */
void tcp_arm_keep(struct net *net, struct tcp_conn *c, u64 now);
/* A segment that tells nothing new has come: the peer is there. */
void tcp_is_there(struct net *net, struct tcp_conn *c, u64 now);

static inline void tcp_arm_rto(struct net *net, struct tcp_conn *c, u64 now)
{
	c->rto_at = tcp_deadline(now, c->rto);
	tcp_arm(net, c, c->rto_at);
}

/* No data sent for an RTO? With nothing in flight, that is a restart. Not
 * measured from the last reception: a server has always just heard a request
 * (RFC 5681 section 4.1). */
static inline bool tcp_was_idle(const struct tcp_conn *c, u64 now)
{
	return tick_of(now) - c->last_tx > c->rto;
}

/* What cwnd says is old: no more than an initial window at once. */
COLD void tcp_restart_idle(const struct net *net, struct tcp_conn *c);

/* New data is about to be sent. */
static inline void tcp_leave_idle(const struct net *net, struct tcp_conn *c,
				  u64 now)
{
	if (unlikely(tcp_was_idle(c, now)) && c->snd_nxt == c->snd_una)
		tcp_restart_idle(net, c);
}

/* Microseconds (of 1024 ns) for timing round trips. */
static inline u32 tcp_us(u64 now)
{
	return (u32)(now >> 10);
}

/* RTO from the estimate, without backoff. srtt and rttvar are in units of
 * 1024 ns; a tick is 16 of them. */
static inline void tcp_rto_restore(struct net *net, struct tcp_conn *c)
{
	const struct tcp *t = &net->tcp;
	u32 var = max(c->rttvar >> 4, t->rto_slack);
	u32 ticks = likely(c->srtt) ? (c->srtt >> 7) + 1 + var : t->rto_initial;

	c->rto = min(max(ticks, t->rto_min), t->rto_max);
}

/* Time the segment that ends at snd_nxt? One at a time (Karn). RFC 6298 section
 * 3 asks for a sample per round trip; when round trips are shorter than a
 * millisecond, one per millisecond: the RTO's lower bound is far above. */
static inline bool tcp_rtt_wanted(const struct tcp_conn *c, u64 now)
{
	return !(c->flags & TCP_F_RTT_TIMED) &&
	       (tcp_us(now) - c->rtt_at > 1000 || !c->srtt);
}

static inline void tcp_rtt_start(struct tcp_conn *c, u64 now)
{
	c->flags |= TCP_F_RTT_TIMED;
	c->rtt_seq = c->snd_nxt;
	c->rtt_at = tcp_us(now);
}

/* RFC 6298 section 2, in the fixed point of Jacobson's paper: srtt scaled by
 * 8, rttvar by 4. @us: a round trip, in units of 1024 ns. */
static inline void tcp_rtt_update(struct net *net, struct tcp_conn *c, u32 us)
{
	s32 delta;

	us = min(us + !us, 1u << 27);
	if (unlikely(!c->srtt)) {
		c->srtt = us << 3;
		c->rttvar = us << 1;
	} else {
		delta = (s32)(us - (c->srtt >> 3));
		c->srtt += (u32)delta;
		c->rttvar +=
			(u32)(delta < 0 ? -delta : delta) - (c->rttvar >> 2);
	}
	tcp_rto_restore(net, c);
}

/* The timed segment is acknowledged. Returns the round trip: not 0. */
static inline u32 tcp_rtt_stop(struct net *net, struct tcp_conn *c, u64 now)
{
	u32 rtt = max(tcp_us(now) - c->rtt_at, 1u);

	c->flags &= ~(u32)TCP_F_RTT_TIMED;
	tcp_rtt_update(net, c, rtt);
	return rtt;
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

/* @ack is new: @bytes of the send queue are acknowledged. Returns the round
 * trip that this measured, 0: none. */
static inline u32 tcp_take_acked(struct net *net, struct tcp_conn *c, u32 ack,
				 u32 bytes, u64 now)
{
	u32 rtt = 0;

	if (unlikely(c->flags & TCP_F_RTT_TIMED) && seq_le(c->rtt_seq, ack))
		rtt = tcp_rtt_stop(net, c, now);
	tcp_sndq_ack(net, c, bytes);
	c->snd_una = ack;
	c->acked += bytes;
	return rtt;
}

/* Our timestamp clock: 1.05 ms per tick (RFC 7323 section 5.4: 1 ms to 1 s),
 * with an offset per connection against prediction. */
static inline u32 tcp_tsval(const struct tcp_conn *c, u64 now)
{
	return (u32)(now >> 20) + c->ts_offset;
}

static inline bool tcp_fin_queued(const struct tcp_conn *c)
{
	return c->flags & TCP_F_FIN_QUEUED;
}

/* The sequence number of our FIN, once it is queued. */
static inline u32 tcp_fin_seq(const struct tcp_conn *c)
{
	return c->snd_una + c->sndq_bytes;
}

static inline const struct tcp_cc *tcp_cc_of(const struct tcp_conn *c)
{
	return tcp_cc_ops[c->cc];
}

#endif
