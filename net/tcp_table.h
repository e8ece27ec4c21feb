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

/* The same of the peer's address itself and not of its id, which would have to
 * be found first. The few addresses of ours collide. */
static inline u32 tcp_hash6(const struct net *net, const struct be128 *raddr,
			    u32 ports)
{
	const u64 *factor = net->tcp.factor;
	u64 x = raddr->q[0] * factor[0] + raddr->q[1] * factor[1] +
		ports * factor[2];

	return (u32)(((x ^ x >> 32) * factor[1]) >> 32);
}

static inline u32 tcp_flow_hash(const struct net *net, struct flow flow)
{
	if (likely(!addr_is_v6(flow.raddr)))
		return tcp_hash(net, flow.addrs, flow.ports);
	return tcp_hash6(net, addr_ip6(&net->addrs, flow.raddr), flow.ports);
}

/* @hash: tcp_flow_hash(). */
static inline struct tcp_conn *tcp_find_at(const struct net *net, u32 hash,
					   struct flow flow)
{
	const struct tcp *t = &net->tcp;

	for (u32 i = hash >> t->table_shift; t->table[i].conn.raw;
	     i = (i + 1) & t->table_mask) {
		struct tcp_conn *c = &t->conns[ref32_index(t->table[i].conn)];

		if (likely(t->table[i].hash == hash &&
			   c->flow.addrs == flow.addrs &&
			   c->flow.ports == flow.ports))
			return c;
	}
	return NULL;
}

/* The first one with @hash, likely the one meant; NULL: there is none. */
static inline const struct tcp_conn *tcp_first_at(const struct tcp *t, u32 hash)
{
	u32 i = hash >> t->table_shift;

	while (t->table[i].conn.raw && t->table[i].hash != hash)
		i = (i + 1) & t->table_mask;
	return t->table[i].conn.raw ? &t->conns[ref32_index(t->table[i].conn)]
				    : NULL;
}

static inline struct tcp_conn *tcp_find(const struct net *net, struct flow flow)
{
	return tcp_find_at(net, tcp_flow_hash(net, flow), flow);
}

/* By the addresses of a packet: of one that came for @laddr from @raddr. */
static inline struct tcp_conn *tcp_find6(const struct net *net,
					 const struct be128 *raddr,
					 const struct be128 *laddr, u32 ports)
{
	const struct tcp *t = &net->tcp;
	const struct addr_table *a = &net->addrs;
	u32 hash = tcp_hash6(net, raddr, ports);

	for (u32 i = hash >> t->table_shift; t->table[i].conn.raw;
	     i = (i + 1) & t->table_mask) {
		struct tcp_conn *c = &t->conns[ref32_index(t->table[i].conn)];

		if (likely(t->table[i].hash == hash && c->flow.ports == ports &&
			   c->flags & TCP_F_IP6 &&
			   be128_equal(*addr_ip6(a, c->flow.raddr), *raddr) &&
			   be128_equal(*addr_ip6(a, c->flow.laddr), *laddr)))
			return c;
	}
	return NULL;
}

/* ---- all of a thread's connections: what is in its table. Their slots may
 * lie anywhere among those of all threads. */

struct tcp_walk {
	u32 at; /* zeroed: the beginning */
	struct ref32 last;
};

/* The next one, or NULL. The one before may have ended meanwhile, no other. */
static inline struct tcp_conn *tcp_walk(const struct tcp *t, struct tcp_walk *w)
{
	if (w->last.raw && t->table[w->at].conn.raw == w->last.raw)
		w->at++;
	for (; w->at <= t->table_mask; w->at++) {
		w->last = t->table[w->at].conn;
		if (w->last.raw)
			return &t->conns[ref32_index(w->last)];
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
		if (t->table[*at].conn.raw)
			return &t->conns[ref32_index(t->table[*at].conn)];
	}
	return NULL;
}

/* ---- fetching: where there are more connections than a cache holds, each is
 * far away. A whole batch of them comes in the time of one. */

static inline bool tcp_is_crowded(const struct tcp *t)
{
	return t->ncounted >= t->crowd;
}

/* What receiving and answering look at: all of it. */
static inline void tcp_fetch(const struct tcp_conn *c)
{
	for (size_t i = 0; i < sizeof(*c); i += CACHE_LINE)
		prefetch((const u8 *)c + i);
}

/* Once @c is there: its timer's neighbours in the wheel, which change when it
 * is set anew. */
static inline void tcp_fetch_beside(const struct tcp_conn *c)
{
	prefetch(c->timer.node.next);
	prefetch(c->timer.node.prev);
}

void tcp_table_add(struct net *net, struct tcp_conn *c);
void tcp_table_del(struct net *net, struct tcp_conn *c);

#endif
