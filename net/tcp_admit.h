/* SPDX-License-Identifier: MIT */
/* Who may have a connection, tcp_admit.c, and who gives one up. */
#ifndef NET_TCP_ADMIT_H
#define NET_TCP_ADMIT_H

#include "net/net.h"

/* Where @source, or the subnet that it has, counts: upper bits. */
u32 tcp_source_hash(const struct net *net, struct be32 source);
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

/* ---- accepted, and neither side has said anything yet. Such a connection does
 * not take the fast path: whoever speaks first ends it. */

static inline void tcp_silence(struct tcp *t, struct tcp_conn *c)
{
	c->flags |= TCP_F_SILENT;
	t->nsilent++;
	list_add_tail(&t->silent, &c->link);
}

static inline void tcp_spoken(struct tcp *t, struct tcp_conn *c)
{
	if (c->flags & TCP_F_SILENT) {
		c->flags &= ~(u32)TCP_F_SILENT;
		t->nsilent--;
		list_del(&c->link);
	}
}

/* ---- tcp_relieve.c */

/* "Nearly all" are taken when no more than this are left: for who confirms. */
static inline u32 tcp_conns_kept(const struct net *net)
{
	return net->conf.tcp.max_conns / 64 + 1;
}

/* ... and some give way when no more than this are: newcomers may confirm in
 * two batches before the application has crossed, which sets the places free.
 */
static inline u32 tcp_conns_short(const struct net *net)
{
	return max(tcp_conns_kept(net),
		   min(128u, net->conf.tcp.max_conns / 16));
}

/* Places that newcomers may have: free, or in TIME-WAIT. */
u32 tcp_places(const struct net *net);

/* Ends one that has not answered @l in time. */
bool tcp_relieve_listener(struct net *net, const struct tcp_listener *l);
/* When connections run short: true if one has ended, whose place is free when
 * the application has heard of it. */
bool tcp_relieve(struct net *net, u64 now);
/* ... and when there is none left. */
void tcp_make_room(struct net *net);

#endif
