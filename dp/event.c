/* SPDX-License-Identifier: MIT */
/*
 * What TCP, UDP and the timers have to report becomes event conditions, as long
 * as the array has room. The rest stays with its connection or socket, which
 * goes back on the ready list: nothing is queued here, and an application that
 * is slow to take events slows its peers through their receive windows. What
 * mostly comes, reception has written itself by then: see net/tcp_tell.h.
 *
 * Of one connection the order is: connected or knock, recv in stream order,
 * the end of stream, sent, dead. A connection that has knocked reports nothing
 * more until it is accepted, since the application has no cookie for it yet.
 *
 * The array is only written, never read back: nothing that is decided here
 * depends on memory that others see.
 */
#include "base/errno.h"
#include "base/mem.h"
#include "dp/late.h"
#include "dp/move.h"
#include "net/tcp_tell.h"

static inline bool full(struct dp *dp)
{
	if (likely(dp->nevents < IX_MAX_EVENTS))
		return false;
	dp->full = true;
	return true;
}

/* The caller has checked that there is room. */
static inline struct ix_event *event_put(struct dp *dp, u16 type, u32 len,
					 u64 cookie, u64 handle)
{
	struct ix_event *e = &dp->up->events[dp->nevents++];

	event_write(e, type, len, cookie, handle);
	return e;
}

static inline struct ix_event *conn_event(struct dp *dp,
					  const struct tcp_conn *c, u16 type,
					  u32 len)
{
	return event_put(dp, type, len, c->cookie, c->handle);
}

/* A connection that ends before the application has answered its knock is
 * freed without a further event: accept or reject then return -EBADF. */
static bool tell_knock(struct dp *dp, struct tcp_conn *c)
{
	struct ix_event *e;

	if (!(c->events & TCP_EV_KNOCK))
		return true;
	if (full(dp))
		return false;
	if (dp->net.group_state[c->group] == GROUP_LEAVES)
		return true; /* it knocks at the other thread */
	e = event_put(dp, IX_EV_KNOCK, be16_host(c->flow.lport), 0, c->handle);
	e->port = be16_host(c->flow.rport);
	e->ip = addr_to_abi(&dp->net, c->flow.raddr);
	c->events &= ~TCP_EV_KNOCK;
	return true;
}

/* A failure ends the connection: no dead event follows. One that is closed
 * without an error although never open was closed by the application itself
 * meanwhile, which is ECANCELED. One that was open may have sent: its dead event
 * gives that back. */
static bool tell_connected(struct dp *dp, struct tcp_conn *c)
{
	bool failed = c->state == TCP_CLOSED && !(c->events & TCP_EV_DEAD);
	u32 outcome = c->error ? c->error : ECANCELED;

	if (full(dp))
		return false;
	conn_event(dp, c, IX_EV_CONNECTED, failed ? outcome : 0);
	c->events &= ~TCP_EV_CONNECTED;
	if (failed) {
		c->events = 0;
		tcp_dead_told(&dp->net, c);
	}
	return true;
}

static void recv_event(struct dp *dp, const struct tcp_conn *c, const u8 *data,
		       u32 len)
{
	struct ix_event *e = conn_event(dp, c, IX_EV_RECV, len);

	e->addr = mbuf_app_addr(&dp->pool, data);
	e->acked = 0;
}

/* One event per buffer: the buffers of a connection are not contiguous. */
static bool tell_recv(struct dp *dp, struct tcp_conn *c)
{
	const u8 *data;
	u32 len;

	do {
		if (unlikely(full(dp)))
			return false;
		if (!tcp_next_rx(c, &data, &len))
			break;
		if (likely(len)) /* 0 would mean the end of the stream */
			recv_event(dp, c, data, len);
	} while (c->rx_next);
	c->events &= ~TCP_EV_RECV;
	return true;
}

static bool tell_eof(struct dp *dp, struct tcp_conn *c)
{
	if (full(dp))
		return false;
	conn_event(dp, c, IX_EV_RECV, 0)->acked = 0;
	c->events &= ~TCP_EV_EOF;
	return true;
}

static bool tell_sent(struct dp *dp, struct tcp_conn *c)
{
	if (unlikely(full(dp)))
		return false;
	if (!dp->late.now)
		event_sent(&dp->net, c, &dp->up->events[dp->nevents++]);
	else if (dp_late_hold(dp, c, c->acked, false))
		c->acked = 0;
	else
		return false;
	c->events &= ~TCP_EV_SENT;
	return true;
}

static void dead_event(struct dp *dp, struct tcp_conn *c)
{
	conn_event(dp, c, IX_EV_DEAD, c->error);
	c->events = 0;
	tcp_dead_told(&dp->net, c);
}

/* The handle is void, but not yet reused: a batch that the application has
 * already filled may still name it (tcp_reap()). */
static bool tell_dead(struct dp *dp, struct tcp_conn *c)
{
	if (full(dp))
		return false;
	if (dp->late.now) {
		if (!dp_late_hold(dp, c, 0, true))
			return false;
		c->events = 0;
		return true;
	}
	dead_event(dp, c);
	return true;
}

/* ---- of a connection that moves, see move.h */

/* The last that is heard of it here. */
static bool tell_moved(struct dp *dp, struct tcp_conn *c)
{
	if (full(dp))
		return false;
	conn_event(dp, c, IX_EV_MOVED, 0)->port = (u16)dp->mover->leave.to;
	dp_leave_told(dp);
	c->events ^= TCP_EV_LEAVES | TCP_EV_AWAY;
	return true;
}

/* The first that is heard of it here, or nothing: it is still to go, or not to
 * be told yet. */
static bool tell_arrived(struct dp *dp, struct tcp_conn *c, bool *left)
{
	if ((c->events & TCP_EV_ARRIVED) != TCP_EV_ARRIVED) {
		if (dp_leave_goes_on(dp)) {
			dp_leave_keep(dp, c);
			return false;
		}
		c->events |= TCP_EV_ARRIVED; /* it was taken back meanwhile */
	}
	*left = full(dp);
	if (*left)
		return false;
	conn_event(dp, c, IX_EV_ARRIVED, 0);
	c->events &= (u8)~TCP_EV_ARRIVED;
	return c->events;
}

/* What precedes data: knock and connected, each once. False: nothing further
 * may be reported now, either because that is not wanted (the knock is not
 * answered, the connection has failed, it was closed for reading) or because
 * the array is full (*@left). */
static bool begin(struct dp *dp, struct tcp_conn *c, bool *left)
{
	if (!(c->flags & TCP_F_KNOWN)) {
		*left = !tell_knock(dp, c);
		return false;
	}
	if (c->events & TCP_EV_CONNECTED && !tell_connected(dp, c)) {
		*left = true;
		return false;
	}
	if (c->flags & TCP_F_NO_RECV)
		c->events &= ~(TCP_EV_RECV | TCP_EV_EOF);
	return c->events;
}

/* Reports everything pending, in order. False: the array is full, and something
 * is left. */
static COLD bool tell_slow(struct dp *dp, struct tcp_conn *c)
{
	bool left = false;

	if (c->events & TCP_EV_AWAY && !tell_arrived(dp, c, &left))
		return !left;
	if ((c->events & TCP_EV_CONNECTED || !(c->flags & TCP_F_KNOWN) ||
	     c->flags & TCP_F_NO_RECV) &&
	    !begin(dp, c, &left))
		return !left;
	if (c->events & TCP_EV_RECV && !tell_recv(dp, c))
		return false;
	if (c->events & TCP_EV_EOF && !tell_eof(dp, c))
		return false;
	if (c->events & TCP_EV_SENT && !tell_sent(dp, c))
		return false;
	if (c->events & TCP_EV_DEAD)
		return tell_dead(dp, c);
	return !(c->events & TCP_EV_LEAVES) || tell_moved(dp, c);
}

static void tell_or_wait(struct dp *dp, struct tcp_conn *c)
{
	if (!tell_slow(dp, c))
		tcp_mark_ready(&dp->net, c, 0);
}

/* Nothing but data and acknowledgements, of a connection that the application
 * knows? */
static inline bool data_only(const struct tcp_conn *c)
{
	return !(c->events & ~(TCP_EV_RECV | TCP_EV_SENT)) &&
	       c->flags & TCP_F_KNOWN && !(c->flags & TCP_F_NO_RECV);
}

/* Writes at most one event, to @e, and returns the place of the next. What it
 * did not report is left in c->events, for tell_slow(). A recv carries the
 * acknowledgement, so that IX_EV_SENT is cleared with it. */
static inline struct ix_event *tell(struct dp *dp, struct tcp_conn *c,
				    struct ix_event *e)
{
	const u8 *data;
	u32 len;

	if (likely(c->events & TCP_EV_RECV && tcp_next_rx(c, &data, &len) &&
		   len)) {
		event_recv(&dp->net, c, e++, data, len);
		c->events = likely(!c->rx_next) ? 0 : TCP_EV_RECV;
	} else if (c->events == TCP_EV_SENT) {
		event_sent(&dp->net, c, e++);
		c->events = 0;
	}
	return e;
}

/* The array's end stays in a register (@e) while connections take the short
 * way; tell_slow() counts in dp->nevents. */
static void tcp_events(struct dp *dp)
{
	struct ix_event *events = dp->up->events, *e = events + dp->nevents;
	struct tcp_conn *c;

	while (!dp->full && (c = tcp_next_ready(&dp->net))) {
		if (likely(e < events + IX_MAX_EVENTS && data_only(c))) {
			e = tell(dp, c, e);
			if (likely(!c->events))
				continue;
		}
		dp->nevents = (u32)(e - events);
		tell_or_wait(dp, c);
		e = events + dp->nevents;
	}
	dp->nevents = (u32)(e - events);
}

/* What has waited for the NIC, of a connection that may have got on since.
 * False: the array is full. */
static bool tell_held(struct dp *dp, const struct dp_held *h)
{
	struct tcp_conn *c = dp_late_conn(dp, h);
	u32 newer;

	if (!c)
		return true;
	if (full(dp))
		return false;
	if (h->dead) {
		dead_event(dp, c);
		return true;
	}
	newer = c->acked;
	c->acked = h->acked;
	event_sent(&dp->net, c, &dp->up->events[dp->nevents++]);
	c->acked = newer;
	return true;
}

/* ... and the rest, one by one: some of it has to wait in its turn. Once that
 * finds no room, until the first such connection comes round. */
static COLD void tcp_events_late(struct dp *dp)
{
	const struct tcp_conn *refused = NULL;
	struct dp_late *l = &dp->late;
	const struct dp_held *h;
	struct tcp_conn *c;

	while ((h = dp_late_first(dp)) && tell_held(dp, h))
		dp_late_pop(dp);
	while (!dp->full && dp->net.tcp.ready_head != refused &&
	       (c = tcp_next_ready(&dp->net))) {
		l->refused = false;
		tell_or_wait(dp, c);
		if (l->refused && !refused)
			refused = c;
	}
	l->full = refused && !dp->full;
}

static u64 udp_handle(const struct dp *dp, const struct udp_sock *s)
{
	return handle_make(HANDLE_UDP, s->gen, udp_index(&dp->net.udp, s));
}

static void udp_recv_event(struct dp *dp, const struct udp_sock *s,
			   const struct mbuf *m)
{
	struct ix_event *e = event_put(dp, IX_EV_UDP_RECV, m->len, s->cookie,
				       udp_handle(dp, s));

	e->addr = mbuf_app_addr(&dp->pool, m->data);
	e->port = m->udp.sport;
	e->ip = addr_to_abi(&dp->net, m->udp.saddr);
}

/* Is there room for the oldest datagram and all its parts? They are reported
 * together or not at all, so that one recv_done gives them all back. */
static bool udp_fits(struct dp *dp, const struct udp_sock *s)
{
	const struct mbuf *part = s->head->udp.parts;
	u32 room = IX_MAX_EVENTS - dp->nevents;

	for (; part; part = part->next)
		room -= !!room;
	dp->full |= !room;
	return room;
}

static void tell_datagram(struct dp *dp, struct udp_sock *s)
{
	struct mbuf *m = udp_deliver(&dp->net, s);
	const struct mbuf *part = m->udp.parts;

	for (; part; part = part->next)
		event_put(dp, IX_EV_UDP_PART, part->len, s->cookie,
			  udp_handle(dp, s))
			->addr = mbuf_app_addr(&dp->pool, part->data);
	udp_recv_event(dp, s, m);
}

static void udp_events(struct dp *dp)
{
	struct udp_sock *s;

	while (!full(dp) && (s = udp_next_ready(&dp->net))) {
		while (s->head && udp_fits(dp, s))
			tell_datagram(dp, s);
		if (s->nqueued)
			udp_mark_ready(&dp->net, s);
	}
}

/* @m is newest first: reversed, so that sends are reported in their order. */
static void append_sent(struct dp *dp, struct mbuf *m)
{
	struct mbuf *next, *oldest = NULL, **tail = &m->tx.next;

	for (; m; m = next) {
		next = m->tx.next;
		m->tx.next = oldest;
		oldest = m;
	}
	*dp->udp_sent_tail = oldest;
	dp->udp_sent_tail = tail;
}

/* Sends that the NIC has finished, and those that failed before it. */
static void collect_sent(struct dp *dp)
{
	if (unlikely(dp->nic->sent)) {
		append_sent(dp, dp->nic->sent);
		dp->nic->sent = NULL;
	}
	if (unlikely(dp->net.udp.sent))
		append_sent(dp, udp_take_sent(&dp->net));
}

/* Nothing is reported for a socket unbound meanwhile: its handle is void. */
static void udp_sent_events(struct dp *dp)
{
	struct mbuf *m;

	while ((m = dp->udp_sent) && !full(dp)) {
		const struct udp_sock *s = udp_sender(&dp->net, m);

		if (s)
			event_put(dp, IX_EV_UDP_SENT, 0, m->tx.cookie,
				  udp_handle(dp, s));
		dp->udp_sent = m->tx.next;
		if (!dp->udp_sent)
			dp->udp_sent_tail = &dp->udp_sent;
		mbuf_free_chain(&dp->pool, m);
	}
}

static void timer_events(struct dp *dp)
{
	u64 cookie, handle;

	while (!full(dp) && dp_user_timer_due(dp, &cookie, &handle))
		event_put(dp, IX_EV_TIMER, 0, cookie, handle);
}

/* What reception has written itself. */
static void take_written(struct dp *dp)
{
	dp->nevents = (u32)(dp->net.event - dp->up->events);
	dp->net.event = dp->net.event_end = NULL;
}

void dp_events(struct dp *dp, u64 now)
{
	if (unlikely(!dp->up))
		return;
	take_written(dp);
	collect_sent(dp);
	timer_events(dp);
	udp_sent_events(dp);
	if (likely(!dp->late.active))
		tcp_events(dp);
	else
		tcp_events_late(dp);
	udp_events(dp);

	dp->up->now = now;
	dp->up->nevents = dp->nevents;
	dp->stat->events += dp->nevents;
	dp->stat->events_deferred += dp->full;
}

bool dp_events_waiting(const struct dp *dp)
{
	return dp->up &&
	       ((dp->net.tcp.ready_head && !dp->late.full) ||
		dp->net.udp.ready_head || dp->nic->sent || dp->net.udp.sent ||
		dp->udp_sent || !list_empty(&dp->timers_due));
}

void dp_events_drop(struct dp *dp)
{
	struct mbuf *m;

	collect_sent(dp);
	while ((m = dp->udp_sent)) {
		dp->udp_sent = m->tx.next;
		mbuf_free_chain(&dp->pool, m);
	}
	dp->udp_sent_tail = &dp->udp_sent;
}
