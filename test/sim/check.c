/* SPDX-License-Identifier: MIT */
/* What must hold of a dataplane between any two iterations. */
#include "sim.h"

#include "net/tcp_cc.h"
#include "net/tcp_loss.h"

enum { ALL_EVERY = 64 }; /* steps between two looks at everything */

struct sums {
	u64 mbufs, ranges, shared_ranges, losses, timers, conns, cc_states;
};

#define CHECK(h, c, cond)                                                 \
	do {                                                              \
		if (unlikely(!(cond)))                                    \
			sim_fail((h)->world,                              \
				 "host %u: %s:%d: connection %u, state "  \
				 "%u: not so: %s",                        \
				 (h)->nr, __FILE__, __LINE__,             \
				 tcp_index(&(h)->t->node.dp->net.tcp, c), \
				 (c)->state, #cond);                      \
	} while (0)

/* ---- a connection */

static void check_sequence(struct host *h, const struct tcp_conn *c)
{
	const struct net *net = &h->t->node.dp->net;
	u32 fin = !!(c->flags & TCP_F_FIN_SENT),
	    flight = c->snd_max - c->snd_una;

	CHECK(h, c, seq_le(c->snd_una, c->snd_nxt));
	CHECK(h, c, seq_le(c->snd_nxt, c->snd_max));
	/* The FIN may be acknowledged already. */
	CHECK(h, c, flight <= c->sndq_bytes + fin);
	CHECK(h, c, c->snd_wnd <= c->max_wnd);
	CHECK(h, c, c->mss_snd && c->cwnd >= c->mss_snd);
	CHECK(h, c, c->ssthresh >= c->mss_snd);
	CHECK(h, c,
	      !(c->flags & TCP_F_CC_STATE) ||
		      net->tcp.cc_states[c->cc_state - 1].owner ==
			      tcp_index(&net->tcp, c) + 1);
}

static void check_window(struct host *h, const struct tcp_conn *c)
{
	const struct tcp_conf *conf = &h->conf.net.tcp;

	CHECK(h, c, seq_le(c->rcv_nxt, c->rcv_adv));
	CHECK(h, c,
	      c->rcv_adv - c->rcv_nxt <= max(conf->rcv_buf, conf->rcv_buf_max));
	CHECK(h, c, seq_le(c->last_ack_sent, c->rcv_nxt));
}

static void check_send_queue(struct host *h, const struct tcp_conn *c)
{
	const struct net *net = &h->t->node.dp->net;
	u32 bytes = 0, n = 0, last = 0, off;

	for (u32 i = c->sndq_head; i; i = tcp_range_at(net, i)->next) {
		CHECK(h, c, tcp_range_at(net, i)->len && n <= c->sndq_ranges);
		bytes += tcp_range_at(net, i)->len;
		last = i;
		n++;
	}
	CHECK(h, c, n == c->sndq_ranges && last == c->sndq_tail);
	CHECK(h, c, bytes == c->sndq_bytes + c->head_off);
	CHECK(h, c, !n || c->head_off < tcp_range_at(net, c->sndq_head)->len);
	CHECK(h, c,
	      tcp_sndq_find(net, c, c->snd_nxt - c->snd_una, &off) ==
			      c->nxt_range &&
		      (!c->nxt_range || off == c->nxt_off));
}

static u32 check_ooo(struct host *h, const struct tcp_conn *c)
{
	u32 runs = 0, n = 0;
	const struct mbuf *last = NULL;

	for (const struct mbuf *m = c->ooo; m; m = m->next) {
		CHECK(h, c, m->len && n < h->conf.mbufs);
		if (!n)
			CHECK(h, c, seq_lt(c->rcv_nxt, m->tcp.seq));
		if (last == m->next && last)
			CHECK(h, c, false);
		n++;
	}
	for (const struct mbuf *m = c->ooo; m; m = m->tcp.last->next) {
		const struct mbuf *end = m->tcp.last;

		if (last)
			CHECK(h, c,
			      seq_lt(last->tcp.seq + last->len, m->tcp.seq));
		CHECK(h, c, seq_le(end->tcp.seq + end->len, c->rcv_adv));
		last = end;
		runs++;
	}
	CHECK(h, c, runs == c->ooo_runs);
	return n;
}

static void check_receive(struct host *h, const struct tcp_conn *c)
{
	u32 bytes = 0, told = 0, n = 0;
	const struct mbuf *last = NULL;

	for (const struct mbuf *m = c->rx_head; m; m = m->next) {
		CHECK(h, c,
		      n < h->conf.mbufs && m->tcp.off_done <= m->tcp.off_told);
		CHECK(h, c, m->tcp.off_told <= m->len);
		bytes += m->len - m->tcp.off_done;
		told += m->tcp.off_told - m->tcp.off_done;
		last = m;
		n++;
	}
	CHECK(h, c, last == c->rx_tail);
	CHECK(h, c, n + check_ooo(h, c) == c->rx_mbufs);
	CHECK(h, c, bytes == c->rx_bytes && told == c->rx_told);
}

/* The scoreboard: spans side by side, of what is in flight. */
static void check_board(struct host *h, const struct tcp_conn *c)
{
	const struct tcp_loss *l = tcp_loss_of(&h->t->node.dp->net, c);
	u32 at = c->snd_una;

	CHECK(h, c, !(c->flags & TCP_F_LOSS) == (!l && !c->tail));
	CHECK(h, c, !(c->flags & TCP_F_EARLY) || c->rto_at);
	if (!l)
		return;
	CHECK(h, c, l->board.una == c->snd_una && l->board.n <= TCP_SPANS);
	for (u32 i = 0; i < l->board.n; i++) {
		CHECK(h, c, seq_lt(at, l->board.span[i].end));
		at = l->board.span[i].end;
	}
	CHECK(h, c, seq_le(at, c->snd_max) && c->snd_nxt == c->snd_max);
	CHECK(h, c, !(c->flags & TCP_F_EARLY) || l->rto_at);
}

/* What came from another thread may be overdue here. */
static bool armed(const struct host *h, const struct tcp_conn *c, u32 at)
{
	u32 tick = h->t->node.dp->net.wheel.tick;

	return !at || (timer_is_set(&c->timer) &&
		       (!tick_before(at, c->timer.expires) ||
			c->timer.expires == tick));
}

/* Whatever is under way or could go has a timer that sees to it. */
static void check_timers(struct host *h, const struct tcp_conn *c)
{
	bool flight = c->snd_una != c->snd_max;
	bool waits = c->sndq_bytes > c->snd_max - c->snd_una;

	CHECK(h, c, armed(h, c, c->rto_at));
	CHECK(h, c, armed(h, c, c->delack_at));
	CHECK(h, c, armed(h, c, c->persist_at));
	CHECK(h, c, armed(h, c, c->keep_at));
	if (c->flags & TCP_F_ON_OUT)
		return;
	if (flight || c->state < TCP_ESTABLISHED)
		CHECK(h, c, c->rto_at || c->persist_at);
	else if (waits)
		CHECK(h, c, c->persist_at);
	CHECK(h, c, !(c->flags & TCP_F_ACK_NOW));
	CHECK(h, c, !(c->flags & TCP_F_ACK_LATER) || c->delack_at);
}

static void check_conn(struct host *h, const struct tcp_conn *c)
{
	if (c->state >= TCP_ESTABLISHED && c->state != TCP_TIME_WAIT) {
		check_sequence(h, c);
		check_window(h, c);
		check_send_queue(h, c);
		check_board(h, c);
	}
	check_receive(h, c);
	if (c->state != TCP_CLOSED && c->state != TCP_TIME_WAIT)
		check_timers(h, c);
	if (c->state == TCP_TIME_WAIT)
		CHECK(h, c, c->rto_at && armed(h, c, c->rto_at));
	if (c->flags & TCP_F_SILENT)
		CHECK(h, c,
		      c->state == TCP_ESTABLISHED && !c->rx_mbufs &&
			      !c->sndq_bytes && !list_empty(&c->link));
}

/* ---- pools */

static void count_conn(const struct tcp_conn *c, struct sums *s)
{
	s->mbufs += c->rx_mbufs;
	s->ranges += c->sndq_ranges;
	if (c->sndq_ranges > TCP_OWN_RANGES)
		s->shared_ranges += c->sndq_ranges - TCP_OWN_RANGES;
	s->timers += c->state != TCP_CLOSED && timer_is_set(&c->timer);
	s->cc_states += !!(c->flags & TCP_F_CC_STATE);
	s->losses += c->state >= TCP_ESTABLISHED && c->state != TCP_TIME_WAIT &&
		     c->flags & TCP_F_LOSS && c->loss;
	s->conns += c->state != TCP_CLOSED;
}

static void count_rest(const struct net *net, struct sums *s)
{
	for (u32 i = 0; i < net->ntx; i++) {
		for (const struct mbuf *m = net->txq[i]; m; m = m->next)
			s->mbufs++;
	}
	for (u32 i = 0; i < NEIGH_ENTRIES; i++) {
		const struct neigh *e = &net->neighbours.entries[i];

		if (e->state == NEIGH_FREE)
			continue;
		s->timers += timer_is_set(&e->timer);
		for (const struct mbuf *p = e->pending; p; p = p->tx.next) {
			for (const struct mbuf *m = p; m; m = m->next)
				s->mbufs++;
		}
	}
	s->timers += timer_is_set(&net->tcp.watch);
	for (u32 i = net->tcp.range_free; i; i = tcp_range_at(net, i)->next)
		s->ranges++;
	for (u32 i = net->tcp.cc_free; i; i = net->tcp.cc_states[i - 1].next)
		s->cc_states++;
	for (u32 i = net->tcp.loss_free; i; i = net->tcp.losses[i - 1].next)
		s->losses++;
}

static void check_losses(const struct host *h, const struct tcp *t)
{
	u32 all = tcp_losses(&h->conf.net.tcp), held = 0;

	for (u32 i = 0; i < ARRAY_SIZE(t->losses_held); i++)
		held += t->losses_held[i];
	if (t->losses_left != all - held)
		sim_fail(h->world,
			 "host %u: loss recoveries: %u of %u left, "
			 "%u held",
			 h->nr, t->losses_left, all, held);
}

/* What threads hold together, and should: while flow groups are on their way,
 * not each of them has all of its own. */
static void check_pools(struct host *h, const struct sums *s)
{
	u64 nfree = 0, total = 0, ranges = 0, shared = 0, ccs = 0, losses = 0,
	    timers = 0, conns = HOST_SUM(h, tcp_conns);

	for (u32 i = 0; i < h->nthreads; i++) {
		const struct dp *dp = h->threads[i].node.dp;
		const struct tcp *t = &dp->net.tcp;

		nfree += dp->pool.nfree;
		total += dp->pool.total;
		ranges += t->nranges_used;
		shared += h->conf.net.tcp.max_ranges - t->ranges_left;
		ccs += t->ncc_used;
		losses += t->nlosses_used;
		check_losses(h, t);
		timers += dp->net.wheel.count;
	}
	if (s->mbufs + nfree != total)
		sim_fail(h->world,
			 "host %u: %llu buffers held, %llu of %llu "
			 "free",
			 h->nr, (unsigned long long)s->mbufs,
			 (unsigned long long)nfree, (unsigned long long)total);
	if (s->ranges != ranges || s->shared_ranges != shared)
		sim_fail(h->world,
			 "host %u: ranges: %llu of %llu, %llu of %llu", h->nr,
			 (unsigned long long)s->ranges,
			 (unsigned long long)ranges,
			 (unsigned long long)s->shared_ranges,
			 (unsigned long long)shared);
	if (s->cc_states != ccs)
		sim_fail(h->world, "host %u: %llu of %llu states are there",
			 h->nr, (unsigned long long)s->cc_states,
			 (unsigned long long)ccs);
	if (s->losses != losses)
		sim_fail(h->world, "host %u: loss recoveries: %llu of %llu",
			 h->nr, (unsigned long long)s->losses,
			 (unsigned long long)losses);
	if (s->timers != timers)
		sim_fail(h->world,
			 "host %u: %llu timers set, %llu on the wheel", h->nr,
			 (unsigned long long)s->timers,
			 (unsigned long long)timers);
	if (s->conns != conns)
		sim_fail(h->world, "host %u: %llu connections, %llu counted",
			 h->nr, (unsigned long long)s->conns,
			 (unsigned long long)conns);
}

/* Every thread has what it had at first, of what moves with connections. */
static void check_shares(struct host *h)
{
	const struct tcp_conf *conf = &h->conf.net.tcp;

	for (u32 i = 0; i < h->nthreads; i++) {
		const struct dp *dp = h->threads[i].node.dp;
		const struct tcp *t = &dp->net.tcp;
		u64 held = 0;

		for (u32 k = 0; k < dp->pool.all; k++)
			held += dp->pool.mbufs[k].thread == i;
		if (held != dp->pool.total)
			sim_fail(h->world,
				 "host %u: thread %u has %llu buffers", h->nr,
				 i, (unsigned long long)held);
		if (t->nconn_free > conf->max_conns || t->set_aside)
			sim_fail(h->world, "host %u: thread %u: %u slots free",
				 h->nr, i, t->nconn_free);
	}
}

/* Those that are closed, and to be told so, hold what the application reads. */
static void count_closed(const struct tcp *t, struct sums *s)
{
	for (u32 i = 0; i < t->nslots; i++) {
		if (t->conns[i].state == TCP_CLOSED)
			s->mbufs += t->conns[i].rx_mbufs;
	}
}

void check_all(struct host *h)
{
	struct sums s = { 0 };

	for (u32 i = 0; i < h->nthreads; i++) {
		const struct net *net = &h->threads[i].node.dp->net;
		struct tcp_walk walk = { 0 };
		const struct tcp_conn *c;

		h->t = &h->threads[i];
		while ((c = tcp_walk(&net->tcp, &walk))) {
			check_conn(h, c);
			count_conn(c, &s);
		}
		count_rest(net, &s);
	}
	count_closed(&h->t->node.dp->net.tcp, &s);
	if (moves_any(h))
		return;
	check_pools(h, &s);
	if (h->nthreads > 1)
		check_shares(h);
}

void check_host(struct host *h)
{
	const struct tcp *t;
	u32 at;

	if (h->steps % ALL_EVERY == 0) {
		check_all(h);
		return;
	}
	h->t = &h->threads[h->steps % h->nthreads];
	t = &h->t->node.dp->net.tcp;
	at = t->table[h->steps & t->table_mask].conn;
	if (at)
		check_conn(h, &t->conns[at - 1]);
}

void check_empty(struct host *h)
{
	check_all(h);
	for (u32 i = 0; i < h->nthreads; i++) {
		const struct tcp *t = &h->threads[i].node.dp->net.tcp;

		if (h->threads[i].node.stat.tcp_conns || t->ncounted ||
		    t->nhalf || t->nsilent)
			sim_fail(h->world,
				 "host %u: left are %llu connections, %u "
				 "counted, %u half open, %u silent",
				 h->nr,
				 (unsigned long long)HOST_SUM(h, tcp_conns),
				 t->ncounted, t->nhalf, t->nsilent);
		if (t->ranges_left != h->conf.net.tcp.max_ranges)
			sim_fail(h->world, "host %u: ranges are lost", h->nr);
		if (h->nthreads > 1 && !t->dead && !t->ready_head &&
		    !t->out_head &&
		    tcp_slots_free(t, &h->conf.net.tcp) !=
			    h->conf.net.tcp.max_conns)
			sim_fail(h->world, "host %u: thread %u: slots are lost",
				 h->nr, i);
	}
}
