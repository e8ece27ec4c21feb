/* SPDX-License-Identifier: MIT */
/* Pacing: tcp_pace.c. */
#ifndef NET_TCP_PACE_H
#define NET_TCP_PACE_H

#include "net/net.h"

/* May @c, which is paced, send data now? If not, it will be marked. */
bool tcp_pace_open_slow(struct net *net, struct tcp_conn *c, u64 now);
void tcp_pace_sent_slow(struct net *net, struct tcp_conn *c, u32 bytes);
/* The connection's timer has fired, for whatever reason. */
void tcp_pace_timer(struct net *net, struct tcp_conn *c, u64 now);

static inline bool tcp_pace_open(struct net *net, struct tcp_conn *c, u64 now)
{
	return likely(!(c->flags & TCP_F_PACED)) ||
	       tcp_pace_open_slow(net, c, now);
}

static inline void tcp_pace_sent(struct net *net, struct tcp_conn *c, u32 bytes)
{
	if (unlikely(c->flags & TCP_F_PACED))
		tcp_pace_sent_slow(net, c, bytes);
}

#endif
