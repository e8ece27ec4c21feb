/* SPDX-License-Identifier: MIT */
/* What the application asks for: listen, connect, accept, close, abort. */
#include "net/tcp_int.h"

enum {
	PORT_TRIES = 8192, /* bounds the time that a connect takes, */
	PORT_BUDGET = 2 * PORT_TRIES, /* and all those of a crossing */
};

struct tcp_listener *tcp_find_listener(struct net *net, struct be32 ip,
				       u16 port)
{
	/* 0 is what a free one has. */
	for (u32 i = 0; port && i < net->conf.tcp.max_listeners; i++) {
		struct tcp_listener *l = &net->tcp.listeners[i];

		if (l->port == port && (!l->ip.raw || l->ip.raw == ip.raw))
			return l;
	}
	return NULL;
}

int tcp_listen(struct net *net, struct be32 ip, u16 port, u32 backlog)
{
	struct tcp_listener *free = NULL;

	if (!port || !backlog)
		return -EINVAL;
	if (!net_is_own(net, ip))
		return -EADDRNOTAVAIL;
	for (u32 i = 0; i < net->conf.tcp.max_listeners; i++) {
		struct tcp_listener *l = &net->tcp.listeners[i];

		if (l->port == port &&
		    (!l->ip.raw || !ip.raw || l->ip.raw == ip.raw))
			return -EADDRINUSE;
		if (!l->port && !free)
			free = l;
	}
	if (!free)
		return -ENOBUFS;
	free->ip = ip;
	free->port = port;
	free->backlog = backlog;
	free->cc = net->conf.tcp.cc;
	return 0;
}

void tcp_listen_cc(struct net *net, struct be32 ip, u16 port, u8 cc)
{
	tcp_find_listener(net, ip, port)->cc = cc;
}

int tcp_unlisten(struct net *net, struct be32 ip, u16 port, u64 now)
{
	struct tcp_listener *l = NULL;

	for (u32 i = 0; port && i < net->conf.tcp.max_listeners; i++) {
		if (net->tcp.listeners[i].port == port &&
		    net->tcp.listeners[i].ip.raw == ip.raw)
			l = &net->tcp.listeners[i];
	}
	if (!l)
		return -EINVAL;
	l->port = 0;
	list_splice(&l->conns, &l->half);
	while (!list_empty(&l->conns))
		tcp_abort(net,
			  container_of(l->conns.next, struct tcp_conn, link),
			  now);
	return 0;
}

/* May the flow be used for a new connection? One in TIME-WAIT may, once its
 * timestamps have moved on (RFC 6191): they tick every 1.05 ms. */
static bool flow_free(struct net *net, struct flow flow, u64 now)
{
	const u32 two_ticks = ticks_of_us(2100);
	struct tcp_conn *old = tcp_find(net, flow);
	u32 since;

	if (!old)
		return true;
	if (old->state != TCP_TIME_WAIT || !(old->flags & TCP_F_TS))
		return false;
	since = old->rto_at - net->tcp.time_wait_ticks;
	if (tick_of(now) - since < two_ticks || tcp_is_named(old))
		return false;
	tcp_release(net, old);
	return true;
}

/* Our port of @flow. RFC 6056 section 3.3.3: a secret hash of the destination
 * says where to begin, a counter where to go on. Only ports whose answers come
 * to this thread's flow groups will do. */
static int choose_port(struct net *net, struct flow *flow, u8 *group, u64 now)
{
	u32 low = net->conf.tcp.port_min;
	u32 range = (u32)net->conf.tcp.port_max - low + 1;
	u64 start = addr_flow_hash(net, *flow);

	for (u32 i = 0; i < min(range, (u32)PORT_TRIES); i++) {
		u64 at = (start & 0xffffffff) + net->tcp.port_hint++;
		u16 port = (u16)(low + at % range);
		u32 g;

		flow->lport = be16(port);
		g = net_flow_group(net, *flow);
		if (net->tcp.port_tries++ >= PORT_BUDGET)
			return -EAGAIN;
		if (!net_may_open(net, g) || !flow_free(net, *flow, now) ||
		    tcp_find_listener(net, flow->laddr, port))
			continue;
		*group = (u8)g;
		return 0;
	}
	return -EADDRNOTAVAIL;
}

int tcp_connect(struct net *net, struct be32 dst, u16 port, u64 cookie,
		struct tcp_conn **out, u64 now)
{
	struct flow flow = flow_make(dst, net_source(net, dst), be16(port),
				     (struct be16){ 0 });
	struct tcp_conn *c;
	u8 group;
	int err;

	if (!port || net_is_own(net, dst) || net_is_group(net, dst))
		return -EINVAL;
	if (!flow.laddr.raw || !net_next_hop(net, dst).raw)
		return -EHOSTUNREACH;
	err = choose_port(net, &flow, &group, now);
	if (err)
		return err;
	tcp_relieve(net, now);
	c = tcp_conn_new(net, flow, group, now);
	if (!c)
		return -ENOBUFS;
	c->cookie = cookie;
	c->flags |= TCP_F_ACTIVE;
	c->state = TCP_SYN_SENT;
	net->stat->tcp_active_opens++;
	tcp_mark_out(net, c);
	*out = c;
	return 0;
}

int tcp_accept(struct net *net, struct tcp_conn *c, u64 cookie)
{
	if (!tcp_has_knocked(c))
		return -EINVAL;
	c->cookie = cookie;
	c->flags |= TCP_F_ACCEPTED;
	tcp_leave_listener(net, c);
	if (c->state == TCP_ESTABLISHED && !c->rx_bytes && !c->ooo)
		tcp_silence(&net->tcp, c);
	/* What came before the answer. */
	if (c->events || c->rx_next)
		tcp_mark_ready(net, c, 0);
	return 0;
}

/* The application has closed for good: from now on there is an end to it that
 * neither the peer nor a second close can put off. */
static void orphan(struct net *net, struct tcp_conn *c, u64 now)
{
	if (c->flags & TCP_F_NO_RECV)
		return;
	c->flags |= TCP_F_NO_RECV;
	if (c->state >= TCP_ESTABLISHED && c->state != TCP_TIME_WAIT)
		tcp_arm_keep(net, c, now);
	if (c->state == TCP_FIN_WAIT_2)
		tcp_fin_acked(net, c, now);
}

int tcp_close(struct net *net, struct tcp_conn *c, bool all, u64 now)
{
	if (c->state == TCP_CLOSED)
		return -EBADF;
	if (!all && c->state < TCP_ESTABLISHED)
		return -ENOTCONN;
	if (c->state == TCP_SYN_SENT) { /* RFC 9293 section 3.10.4 */
		tcp_die(net, c, ECANCELED);
		return 0;
	}
	if (all) {
		/* Unread data: the peer must learn that it was lost (RFC 1122
		 * section 4.2.2.13). */
		if (c->rx_next || c->ooo) {
			c->flags |= TCP_F_NO_RECV;
			tcp_send_rst(net, c, now);
			tcp_die(net, c, 0);
			return 0;
		}
		orphan(net, c, now);
	}
	if (tcp_fin_queued(c))
		return all ? 0 : -EPIPE;
	tcp_spoken(&net->tcp, c);
	c->flags |= TCP_F_FIN_QUEUED;
	tcp_mark_out(net, c);
	return 0;
}

/* Its SYN may not have been answered yet: it is left to be asked again, as
 * others are now, and a reset would refuse it. */
static bool asks_again(const struct net *net, const struct tcp_conn *c, u64 now)
{
	return c->state == TCP_SYN_RCVD && now < net->tcp.hush_until;
}

/* RST in CLOSING and LAST-ACK, too, where RFC 9293 section 3.10.5 has none:
 * what is not acknowledged yet is lost, and the peer should not wait for it. */
void tcp_abort(struct net *net, struct tcp_conn *c, u64 now)
{
	if (c->state >= TCP_SYN_RCVD && c->state != TCP_TIME_WAIT &&
	    !asks_again(net, c, now))
		tcp_send_rst(net, c, now);
	tcp_release(net, c);
}

void tcp_reset(struct net *net, struct tcp_conn *c, u64 now)
{
	if (c->state == TCP_TIME_WAIT)
		return;
	tcp_send_rst(net, c, now);
	tcp_die(net, c, ECONNABORTED);
}

u32 tcp_close_all(struct net *net, u64 now)
{
	struct tcp_walk walk = { 0 };
	struct tcp_conn *c;
	u32 open = 0;

	while ((c = tcp_walk(&net->tcp, &walk))) {
		if (c->state == TCP_TIME_WAIT)
			continue;
		if (c->state >= TCP_ESTABLISHED &&
		    c->flags & (TCP_F_ACCEPTED | TCP_F_ACTIVE))
			tcp_close(net, c, true, now);
		else
			tcp_abort(net, c, now);
		open += c->state != TCP_CLOSED;
	}
	return open;
}

void tcp_abort_all(struct net *net, u64 now)
{
	struct tcp_walk walk = { 0 };
	struct tcp_conn *c;

	while ((c = tcp_walk(&net->tcp, &walk)))
		tcp_abort(net, c, now);
	while ((c = tcp_next_ready(net))) /* dead, and not told */
		tcp_release(net, c);
	tcp_reap(net);
	timer_cancel(&net->wheel, &net->tcp.watch);
}
