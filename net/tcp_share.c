/* SPDX-License-Identifier: MIT */
/*
 * What connections share, and who is cut when it is short.
 *
 * A few items of a pool are each connection's own. Beyond them it may hold as
 * many as are left, no more: so those that want much hold the same, one that
 * comes late finds as many left, and no search is needed (Choudhury and Hahne,
 * "Dynamic queue length thresholds"). Half of the pool is not for connections
 * whose peer takes no more: those whose peer does find it there.
 *
 * Still, a connection whose peer takes nothing keeps what it holds. Therefore,
 * from the moment that one goes short until none has for a while, a hand goes
 * round the connections, a bounded number at a time. It leaves a mark on each:
 * how far it should have got when the hand comes again. One that has not got
 * there in conf.patience_ms and holds more than its own share, and no less than
 * the one that went short, is a hoarder: of those that the hand passes at a
 * time the worst is reset.
 */
#include "net/tcp_int.h"

enum {
	WATCH_CONNS = 64,   /* looked at, at a time, */
	WATCH_LOOKS = 256,  /* ... in so many places of the table */
	WATCH_SHIFT = 12,   /* so many times in conf.patience_ms */
	STRIDE_MAX = 65535, /* bytes */
};

static void watch_again(struct net *net)
{
	u32 ticks = net->tcp.patience >> WATCH_SHIFT;

	timer_set(&net->wheel, &net->tcp.watch, net->wheel.tick + ticks + 1);
}

/* A connection that waits for a retransmission comes again late: its want is
 * remembered for longer than it takes to find out which do not move. */
void tcp_short(struct net *net, enum tcp_pool pool, u32 held)
{
	struct tcp *t = &net->tcp;
	u32 until = net->wheel.tick + 2 * t->patience;

	t->want[pool] = (struct tcp_want){ true, until, held };
	if (!timer_is_set(&t->watch))
		watch_again(net);
}

bool tcp_range_due(const struct net *net, const struct tcp_conn *c)
{
	u32 n = c->sndq_ranges, left = net->tcp.ranges_left;
	u32 kept = tcp_blocked(c) ? net->conf.tcp.max_ranges / 2 : 0;

	return n < net->conf.tcp.conn_ranges &&
	       (n < TCP_OWN_RANGES || n - TCP_OWN_RANGES + kept < left);
}

/* Only a connection that could send more goes short, not one that waits for its
 * own peer. */
void tcp_range_refused(struct net *net, const struct tcp_conn *c)
{
	if (c->sndq_ranges >= net->conf.tcp.conn_ranges)
		return;
	net->stat->tcp_range_short++;
	if (!tcp_blocked(c))
		tcp_short(net, TCP_POOL_RANGES, c->sndq_ranges);
}

void tcp_share_begin(struct tcp_conn *c)
{
	c->send_mark = (struct tcp_mark){ .goal = c->snd_una };
	c->recv_mark = (struct tcp_mark){ .goal = c->rcv_nxt };
}

/* A connection that has got to @m->goal is given the next one, @stride from
 * where it is. */
static bool stuck(struct tcp_mark *m, u32 pos, u32 stride, u32 tick,
		  u32 patience)
{
	if (m->goal - pos - 1 >= (u32)STRIDE_MAX) {
		*m = (struct tcp_mark){ pos + stride, tick };
		return false;
	}
	return tick - m->at >= patience;
}

/* Has the peer acknowledged neither all nor a segment? */
static bool send_stuck(const struct tcp *t, struct tcp_conn *c, u32 tick)
{
	return stuck(&c->send_mark, c->snd_una,
		     min(c->sndq_bytes, (u32)c->mss_snd), tick, t->patience);
}

/* Has the application not given back any of what it got? It may not have had
 * a chance to. */
static bool recv_stuck(const struct tcp *t, struct tcp_conn *c, u32 tick)
{
	return stuck(&c->recv_mark, c->rcv_nxt - c->rx_bytes,
		     min(c->rx_bytes, 1u), tick, t->patience) &&
	       tick - t->app_away >= t->patience;
}

/* The worst of those that the hand passes at a time, by pool. */
struct worst {
	struct tcp_conn *conn[TCP_NR_POOLS];
	u32 holds[TCP_NR_POOLS];
};

/* @c holds @holds, of which @own are nobody else's. */
static void blame(const struct tcp *t, struct worst *w, enum tcp_pool pool,
		  struct tcp_conn *c, u32 holds, u32 own)
{
	if (holds <= max(w->holds[pool], own) || holds < t->want[pool].held)
		return;
	w->conn[pool] = c;
	w->holds[pool] = holds;
}

/* An application may take its time to read: that alone is no reason to cut
 * a connection, unless another one does not get the few buffers of its own. It
 * is, if the application does not read because the peer takes no answers. */
static void look_at(struct net *net, struct tcp_conn *c, struct worst *w,
		    u32 tick)
{
	const struct tcp *t = &net->tcp;
	bool sends, gets;

	if (c->state < TCP_ESTABLISHED || c->state == TCP_TIME_WAIT)
		return;
	sends = !send_stuck(t, c, tick);
	gets = !recv_stuck(t, c, tick);
	if (!sends)
		blame(t, w, TCP_POOL_RANGES, c, c->sndq_ranges, TCP_OWN_RANGES);
	if (!sends && !gets)
		blame(t, w, TCP_POOL_MBUFS, c, c->rx_mbufs, MBUF_OWN);
	if (!gets || c->ooo)
		blame(t, w, TCP_POOL_OWN_MBUFS, c, c->rx_mbufs, 0);
}

static void pass_hand(struct net *net, struct worst *w, u32 tick)
{
	struct tcp *t = &net->tcp;
	u32 looks = min((u32)WATCH_LOOKS, t->table_mask + 1);
	struct tcp_conn *c;

	for (u32 n = 0; n < WATCH_CONNS; n++) {
		c = tcp_go_round(t, &t->watch_hand, &looks);
		if (!c)
			break;
		look_at(net, c, w, tick);
	}
}

static void cut(struct net *net, struct tcp_conn *c, u64 *counter, u64 now)
{
	++*counter;
	tcp_send_rst(net, c, now);
	tcp_die(net, c, ENOBUFS);
}

/* What came out of order the peer still has. */
static void relieve(struct net *net, enum tcp_pool pool, struct tcp_conn *c,
		    u64 now)
{
	struct ix_stat *stat = net->stat;

	if (pool == TCP_POOL_RANGES) {
		cut(net, c, &stat->tcp_cut_send, now);
	} else if (c->ooo) {
		stat->tcp_cut_ooo++;
		tcp_ooo_free(net, c);
	} else {
		cut(net, c, &stat->tcp_cut_recv, now);
	}
}

/* Forgets a want that is over: the watch ends with the last one, and a tick
 * comes round again. */
static bool wanted(struct tcp *t, enum tcp_pool pool, u32 tick)
{
	struct tcp_want *w = &t->want[pool];

	w->counts = w->counts && tick_before(tick, w->until);
	return w->counts;
}

/* Most of a pool is there again. What is everybody's own need only be there
 * for the one who missed it: who misses it then says so again. */
static bool relieved(const struct net *net, enum tcp_pool pool)
{
	switch (pool) {
	case TCP_POOL_RANGES:
		return net->tcp.ranges_left > net->conf.tcp.max_ranges / 4 * 3;
	case TCP_POOL_MBUFS:
		return mbuf_plenty(net->pool, net->pool->half / 2);
	default:
		return true;
	}
}

void tcp_watch(void *arg, struct timer *timer, u64 now)
{
	struct net *net = arg;
	struct tcp *t = &net->tcp;
	struct worst w = { 0 };
	u32 tick = tick_of(now);
	bool again = false;

	pass_hand(net, &w, tick);
	for (enum tcp_pool p = 0; p < TCP_NR_POOLS; p++) {
		struct tcp_conn *c = w.conn[p];

		if (c && c->state != TCP_CLOSED && wanted(t, p, tick)) {
			relieve(net, p, c, now);
			if (relieved(net, p))
				t->want[p].counts = false;
		}
		again |= wanted(t, p, tick);
	}
	if (again)
		watch_again(net);
}

/* ---- windows
 *
 * A connection may have conf.rcv_buf unread. Whose application reads what comes
 * is offered more, up to conf.rcv_buf_max, so that the window does not limit
 * who is far away: a third of what is left above half of the buffers. The more
 * is held, the less everybody is offered, and none of them more than rcv_buf
 * from there on; what has been offered is not taken back.
 */
void tcp_tune_window(struct net *net)
{
	enum { THIRD = MBUF_SIZE / 4 }; /* of a full segment's bytes, about */
	const struct tcp_conf *conf = &net->conf.tcp;
	const struct mbuf_pool *pool = net->pool;
	u32 left = pool->nfree - min(pool->nfree, pool->half);
	u64 bytes = (u64)left * THIRD;

	bytes = min(bytes, (u64)conf->rcv_buf_max);
	net->tcp.rcv_wnd = (u32)max(bytes, (u64)conf->rcv_buf);
	net->tcp.rcv_unread = conf->rcv_buf / 2;
}

u32 tcp_rcv_edge_slow(const struct net *net, const struct tcp_conn *c)
{
	u32 buf = net->conf.tcp.rcv_buf;

	if (c->rx_bytes < net->tcp.rcv_unread)
		buf = net->tcp.rcv_wnd;
	if (!c->wscale_rcv)
		buf = min(buf, 65535u);
	return c->rcv_nxt + (c->rx_bytes < buf ? buf - c->rx_bytes : 0);
}
