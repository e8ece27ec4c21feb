/* SPDX-License-Identifier: MIT */
/* Finding a connection: tcp_table.c. */
#ifndef NET_TCP_TABLE_H
#define NET_TCP_TABLE_H

#include "net/net.h"

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

/* ---- all of a thread's connections: what is in its table. Their slots may
 * lie anywhere among those of all threads. */

struct tcp_walk {
	u32 at, last; /* zeroed: the beginning */
};

/* The next one, or NULL. The one before may have ended meanwhile, no other. */
static inline struct tcp_conn *tcp_walk(const struct tcp *t, struct tcp_walk *w)
{
	if (w->last && t->table[w->at].conn == w->last)
		w->at++;
	for (; w->at <= t->table_mask; w->at++) {
		w->last = t->table[w->at].conn;
		if (w->last)
			return &t->conns[w->last - 1];
	}
	return NULL;
}

/* The next one behind *@at, round and round; NULL when *@looks more places were
 * looked at. */
static inline struct tcp_conn *tcp_go_round(const struct tcp *t, u32 *at,
					    u32 *looks)
{
	while (*looks) {
		--*looks;
		*at = (*at + 1) & t->table_mask;
		if (t->table[*at].conn)
			return &t->conns[t->table[*at].conn - 1];
	}
	return NULL;
}

void tcp_table_add(struct net *net, struct tcp_conn *c);
void tcp_table_del(struct net *net, struct tcp_conn *c);

#endif
