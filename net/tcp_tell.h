/* SPDX-License-Identifier: MIT */
/*
 * Writing the event conditions of data and acknowledgements. Reception does it
 * itself where nothing else of the connection waits to be told (tcp_fast.c);
 * else the connection goes on the ready list, and dp/event.c reports what there
 * is, in order.
 */
#ifndef NET_TCP_TELL_H
#define NET_TCP_TELL_H

#include "net/net.h"

/* The application has answered the knock, or has itself connected. */
enum { TCP_F_KNOWN = TCP_F_ACCEPTED | TCP_F_ACTIVE };

_Static_assert(offsetof(struct ix_event, type) == 0 &&
		       offsetof(struct ix_event, port) == 2 &&
		       offsetof(struct ix_event, len) == 4,
	       "event_write() writes them as one word");
_Static_assert(offsetof(struct ix_event, acked) + 4 ==
		       offsetof(struct ix_event, room),
	       "event_acked() writes them as one word");

/* Type, port 0 and length are one store. Fields that the type does not use keep
 * what an earlier event left there, which the application has seen before. */
static inline void event_write(struct ix_event *e, u16 type, u32 len,
			       u64 cookie, u64 handle)
{
	u64 head = type | (u64)len << 32;

	memcpy(e, &head, sizeof(head));
	e->cookie = cookie;
	e->handle = handle;
}

/* Bytes acknowledged since the last report, and the room to send that there is
 * now: neighbours, one store. Also in recv events, which saves a request and
 * answer protocol a sent event for each message. */
static inline void event_acked(const struct net *net, struct tcp_conn *c,
			       struct ix_event *e)
{
	u64 both = c->acked | (u64)tcp_send_space(net, c) << 32;

	memcpy(&e->acked, &both, sizeof(both));
	c->acked = 0;
}

/* @len > 0 bytes at @data, which are the next to be told. */
static inline void event_recv(const struct net *net, struct tcp_conn *c,
			      struct ix_event *e, const u8 *data, u32 len)
{
	event_write(e, IX_EV_RECV, len, c->cookie, c->handle);
	e->addr = mbuf_app_addr(net->pool, data);
	event_acked(net, c, e);
}

static inline void event_sent(const struct net *net, struct tcp_conn *c,
			      struct ix_event *e)
{
	event_write(e, IX_EV_SENT, 0, c->cookie, c->handle);
	event_acked(net, c, e);
}

#endif
