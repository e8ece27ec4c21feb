/* SPDX-License-Identifier: MIT */
/* What the tcp_*.c files share among themselves. */
#ifndef NET_TCP_INT_H
#define NET_TCP_INT_H

#include "base/errno.h"
#include "base/mem.h"
#include "base/panic.h"
#include "net/net.h"
#include "net/tcp_ack.h"
#include "net/tcp_admit.h"
#include "net/tcp_ecn.h"
#include "net/tcp_pace.h"
#include "net/tcp_rcv.h"
#include "net/tcp_seg.h"
#include "net/tcp_sndq.h"
#include "net/tcp_table.h"
#include "net/tcp_time.h"
#include "net/tcp_tx.h"

enum {
	TCP_MSS_LEAST = 88, /* below, headers would outweigh data */
	TCP_DUPACKS = 3,    /* duplicate ACKs that mean a loss */
};

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
/* A free slot, one that is set aside, too; UINT32_MAX: none. */
u32 tcp_slot_take(struct tcp *t, const struct tcp_conf *conf);
static inline u32 tcp_slots_free(const struct tcp *t,
				 const struct tcp_conf *conf)
{
	return t->nconn_free + conf->max_conns - t->nconns_used;
}
/* Frees it without telling anyone. */
void tcp_release(struct net *net, struct tcp_conn *c);
/* A new one, apart from the table and the pool; with a handle of 0. @hash:
 * addr_flow_hash(). */
void tcp_conn_init(const struct net *net, struct tcp_conn *c, struct flow flow,
		   u64 hash, u64 now);
void tcp_enter_time_wait(struct net *net, struct tcp_conn *c, u64 now);
void tcp_established(struct net *net, struct tcp_conn *c, u64 now);

/* tcp_heir.c, with net->flows: @flow is ours; is no more. */
void tcp_keep_flow(const struct net *net, struct flow flow);
void tcp_leave_flow(const struct net *net, struct flow flow);

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

/* tcp_call.c */
struct tcp_listener *tcp_find_listener(struct net *net, struct be32 ip,
				       u16 port);

/* tcp_check.c */
/* 3.10.7.4: all that is judged before anything is kept. False: it is dropped,
 * and answered if it must be. */
bool tcp_check(struct net *net, struct tcp_conn *c, const struct pkt *p,
	       struct tcp_seg *s, u64 now);

/* tcp_data.c */
/* Cuts off what was received before and what lies beyond the window. */
void tcp_trim(struct net *net, struct tcp_conn *c, struct tcp_seg *s);
/* Seventh: text; and FIN where it comes in order. @c may be gone then. */
void tcp_take_text(struct net *net, struct tcp_conn *c, struct tcp_seg *s,
		   u64 now);

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
/* A SYN was answered by a cookie, and the same SYN again, as there was a place
 * then, by @c with a number of its own. The peer believes the first answer: is
 * that what @s acknowledges? */
bool tcp_cookie_earlier(const struct net *net, const struct tcp_conn *c,
			const struct pkt *p, const struct tcp_seg *s, u64 now);
/* ... or has @s overtaken the segment that does? */
bool tcp_cookie_overtaken(const struct net *net, const struct tcp_conn *c,
			  const struct tcp_seg *s, u64 now);
/* The connection that the ACK @s opens, or NULL: no cookie, or no room. */
struct tcp_conn *tcp_cookie_take(struct net *net, struct tcp_listener *l,
				 const struct pkt *p, const struct tcp_seg *s,
				 u8 group, u64 now);

/* tcp_path.c */
/* What the way to @ip takes, options included. */
u32 tcp_path_mss(struct net *net, struct be32 ip);
/* It takes no more than @mss. False: our segments are no larger. */
bool tcp_path_learn(struct net *net, struct tcp_conn *c, u16 mss, u64 now);
/* What another thread knows of the way to @ip, unless we know it, or of another
 * one in its place. */
void tcp_path_adopt(struct net *net, struct be32 ip,
		    const struct tcp_path *from);
/* A retransmission timeout: were the segments too large? */
void tcp_path_timeout(struct net *net, struct tcp_conn *c, u64 now);
/* @len bytes were sent, and it is time to see whether the way takes more: about
 * once per round trip. */
void tcp_path_sent(struct net *net, struct tcp_conn *c, u32 len, u64 now);

/* tcp_cc.c */
/* How many states, and the memory for them. */
u32 tcp_cc_states(const struct tcp_conf *conf);
size_t tcp_cc_bytes(const struct tcp_conf *conf);
/* @c's, if it has one, is free again. */
void tcp_cc_put(struct net *net, struct tcp_conn *c);

static inline const struct tcp_cc *tcp_cc_of(const struct tcp_conn *c)
{
	return tcp_cc_ops[c->cc];
}

#endif
