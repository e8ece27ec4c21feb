/* SPDX-License-Identifier: MIT */
/* What must hold of a dataplane between any two iterations: everything of a
 * pool is somewhere. */
#include "sim.h"

#include "net/tcp_cc.h"
#include "net/tcp_loss.h"

enum { ALL_EVERY = 64 }; /* steps between two looks at everything */

struct sums {
	u64 mbufs, ranges, shared_ranges, losses, timers, conns, cc_states;
};

static void count_conn(const struct tcp_conn *c, struct sums *s)
{
	s->mbufs += c->rx_mbufs;
	s->ranges += c->sndq_ranges + (!c->sndq_head.raw && c->sndq_tail.raw);
	if (c->sndq_ranges > TCP_OWN_RANGES)
		s->shared_ranges += c->sndq_ranges - TCP_OWN_RANGES;
	s->timers += c->state != TCP_CLOSED && timer_is_set(&c->timer);
	s->cc_states += !!(c->flags & TCP_F_CC_STATE);
	s->losses += c->state >= TCP_ESTABLISHED && c->state != TCP_TIME_WAIT &&
		     c->flags & TCP_F_LOSS && c->loss.raw;
	s->conns += c->state != TCP_CLOSED;
}

static void count_sent(struct mbuf *const *pkts, u32 n, struct sums *s)
{
	for (u32 i = 0; i < n; i++) {
		for (const struct mbuf *m = pkts[i]; m; m = m->next)
			s->mbufs++;
	}
}

static void count_rest(const struct net *net, struct sums *s)
{
	count_sent(net->txq, net->ntx, s);
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
	s->timers += timer_is_set(&net->ip6.timer);
	s->timers += timer_is_set(&net->ip6.mld_timer);
	for (struct ref32 r = net->tcp.range_free; r.raw;
	     r = tcp_range_at(net, r)->next)
		s->ranges++;
	for (struct ref32 r = net->tcp.cc_free; r.raw;
	     r = tcp_cc_at(net, r)->next)
		s->cc_states++;
	for (struct ref16 r = net->tcp.loss_free; r.raw;
	     r = tcp_loss_at(net, r)->next)
		s->losses++;
}

static void check_losses(const struct host *h, const struct tcp *t)
{
	u32 all = tcp_losses(&h->conf.net.tcp), held = 0;

	for (u32 i = 0; i < ARRAY_SIZE(t->losses_held); i++)
		held += t->losses_held[i];
	/* What moved in took no place of its source's share. */
	for (u32 i = 0; h->nthreads == 1 && i < ARRAY_SIZE(t->losses_held); i++)
		if (t->losses_held[i] > (all + 1) / 2)
			sim_fail(h->world, "host %u: a source holds %u of %u",
				 h->nr, t->losses_held[i], all);
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

/* Everybody who holds the id of an IPv6 address gives it back. */
static void check_ids(const struct host *h, const struct net *net)
{
	u64 holders = net->ip6.nown + addr_is_v6(net->ip6.router), held = 0;
	struct tcp_walk walk = { 0 };
	const struct tcp_conn *c;

	while ((c = tcp_walk(&net->tcp, &walk)))
		holders += addr_is_v6(c->flow.raddr);
	for (u32 i = 0; i < NEIGH_ENTRIES; i++)
		holders += net->neighbours.entries[i].state != NEIGH_FREE &&
			   addr_is_v6(net->neighbours.entries[i].ip);
	for (u32 i = 0; i < TCP_PATHS; i++)
		holders += addr_is_v6(net->tcp.paths[i].ip);
	for (u32 i = 0; i < net->addrs.nused; i++)
		held += net->addrs.addrs[i].holders;
	if (held != holders)
		sim_fail(h->world, "host %u: %llu ids held, by %llu", h->nr,
			 (unsigned long long)held, (unsigned long long)holders);
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
		count_sent(h->t->nic.unread, h->t->nic.nunread, &s);
	}
	count_closed(&h->t->node.dp->net.tcp, &s);
	if (moves_any(h))
		return;
	check_pools(h, &s);
	for (u32 i = 0; i < h->nthreads; i++)
		check_ids(h, &h->threads[i].node.dp->net);
	if (h->nthreads > 1)
		check_shares(h);
}

static void check_conns(struct host *h)
{
	struct tcp_walk walk = { 0 };
	const struct tcp_conn *c;

	while ((c = tcp_walk(&h->t->node.dp->net.tcp, &walk)))
		check_conn(h, c);
}

void check_host(struct host *h)
{
	if (h->steps % ALL_EVERY == 0) {
		check_all(h);
		return;
	}
	for (u32 i = 0; !h->waits && i < h->nthreads; i++) {
		h->t = &h->threads[i];
		check_conns(h);
	}
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
		if (h->threads[i].node.stat.nd_taken)
			sim_fail(h->world, "host %u: an address is taken",
				 h->nr);
		if (t->ranges_left != h->conf.net.tcp.max_ranges)
			sim_fail(h->world, "host %u: ranges are lost", h->nr);
		if (h->nthreads > 1 && !t->dead.raw && !t->ready_head &&
		    !t->out_head &&
		    tcp_slots_free(t, &h->conf.net.tcp) !=
			    h->conf.net.tcp.max_conns)
			sim_fail(h->world, "host %u: thread %u: slots are lost",
				 h->nr, i);
	}
}
