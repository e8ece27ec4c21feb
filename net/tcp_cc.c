/* SPDX-License-Identifier: MIT */
/* What the algorithms of congestion control share: the pool of their states,
 * taking a reduction back, one reduction per window. */
#include "net/tcp_cc.h"

const struct tcp_cc *const tcp_cc_ops[TCP_NR_CC] = {
	[TCP_CC_NEWRENO] = &newreno_cc,
	[TCP_CC_CUBIC] = &cubic_cc,
	[TCP_CC_DCTCP] = &dctcp_cc,
};

/* ---- the pool */

enum { LOOKS = 4 }; /* at states for one whose owner is idle */

u32 tcp_cc_states(const struct tcp_conf *conf)
{
	return conf->max_conns / TCP_CC_SHARE;
}

size_t tcp_cc_bytes(const struct tcp_conf *conf)
{
	return sizeof(struct tcp_cc_state) * (size_t)tcp_cc_states(conf);
}

/* Nothing in flight, and not for a while: it will begin with an initial window,
 * whatever it knew. */
static bool is_idle(const struct tcp_conn *c, u64 now)
{
	return c->snd_una == c->snd_max && tcp_was_idle(c, now);
}

/* From an idle one to @c. */
static struct ref32 take_over(struct net *net, u64 now)
{
	struct tcp *t = &net->tcp;

	for (u32 i = 0; i < min((u32)LOOKS, t->ncc_used); i++) {
		struct ref32 owner;
		struct tcp_conn *c;

		if (++t->cc_hand >= t->ncc_used)
			t->cc_hand = 0;
		owner = t->cc_states[t->cc_hand].owner;
		if (!owner.raw) /* set aside */
			continue;
		c = &t->conns[ref32_index(owner)];
		if (is_idle(c, now)) {
			tcp_cc_put(net, c);
			return ref32(t->cc_hand);
		}
	}
	return (struct ref32){ 0 };
}

struct ref32 tcp_cc_take(struct net *net, u64 now)
{
	struct tcp *t = &net->tcp;
	struct ref32 r = t->cc_free;

	if (!r.raw && t->ncc_used < tcp_cc_states(&net->conf.tcp))
		return ref32(t->ncc_used++);
	if (!r.raw)
		r = take_over(net, now);
	if (r.raw)
		t->cc_free = tcp_cc_at(net, r)->next;
	return r;
}

struct tcp_cc_state *tcp_cc_need(struct net *net, struct tcp_conn *c, u64 now)
{
	struct tcp_cc_state *s = tcp_cc_state(net, c);
	struct ref32 r;

	if (likely(s))
		return s;
	r = tcp_cc_take(net, now);
	if (!r.raw) {
		net->stat->tcp_cc_short++;
		return NULL;
	}
	s = tcp_cc_at(net, r);
	*s = (struct tcp_cc_state){ .owner = ref32(tcp_index(&net->tcp, c)),
				    .acked = c->cc_acked };
	s->pace_at = tick_of(now);
	c->cc_state = r;
	c->flags |= TCP_F_CC_STATE;
	if (net->conf.tcp.pacing)
		c->flags |= TCP_F_PACED;
	return s;
}

void tcp_cc_give_back(struct net *net, struct ref32 r)
{
	struct tcp_cc_state *s = tcp_cc_at(net, r);

	s->owner = (struct ref32){ 0 };
	s->next = net->tcp.cc_free;
	net->tcp.cc_free = r;
}

void tcp_cc_put(struct net *net, struct tcp_conn *c)
{
	if (!tcp_cc_state(net, c))
		return;
	tcp_cc_give_back(net, c->cc_state);
	c->flags &= ~(u32)(TCP_F_CC_STATE | TCP_F_PACED);
	c->cc_acked = 0;
}

void tcp_set_cc(struct net *net, struct tcp_conn *c, u8 cc)
{
	if (c->cc == cc)
		return;
	tcp_cc_put(net, c);
	c->cc = cc;
}

/* ---- reductions */

void tcp_cc_remember(struct net *net, struct tcp_conn *c, u64 now)
{
	struct tcp_cc_state *s = tcp_cc_need(net, c, now);

	tcp_ecn_reduced(c);
	if (!s)
		return;
	s->undo = !(c->flags & TCP_F_RECOVERY);
	s->again = 0;
	s->prior_cwnd = c->cwnd;
	s->prior_ssthresh = c->ssthresh;
}

void tcp_cc_undo(struct net *net, struct tcp_conn *c)
{
	struct tcp_cc_state *s = tcp_cc_state(net, c);

	if (!s || !s->undo)
		return;
	s->undo = false;
	c->cwnd = max(c->cwnd, s->prior_cwnd);
	c->ssthresh = max(c->ssthresh, s->prior_ssthresh);
}

/* RFC 2861 section 3.1: halved for each RTO without data, but not below what
 * one may begin with. ssthresh remembers what it was: slow start leads back. */
void tcp_restart_idle(const struct net *net, struct tcp_conn *c, u64 now)
{
	u32 least = net->conf.tcp.init_cwnd * c->mss_snd;
	u32 idle = tick_of(now) - c->last_tx;
	struct tcp_cc_state *s = tcp_cc_state(net, c);

	/* What is reported now would bring a window back that is as old. */
	if (s)
		s->again = 0;
	if (c->cwnd <= least)
		return;
	c->ssthresh = max(c->ssthresh, c->cwnd - c->cwnd / 4);
	for (; idle > c->rto && c->cwnd > least; idle -= c->rto)
		c->cwnd = max(c->cwnd / 2, least);
}

bool tcp_cc_may_reduce(const struct tcp_conn *c)
{
	return !(c->flags &
		 (TCP_F_ECN_REDUCED | TCP_F_RECOVERY | TCP_F_RTO_RECOVERY));
}

void tcp_cc_for_good(const struct net *net, struct tcp_conn *c)
{
	struct tcp_cc_state *s = tcp_cc_state(net, c);

	if (s)
		s->undo = false;
}

void tcp_cc_reduced(const struct net *net, struct tcp_conn *c)
{
	tcp_cc_for_good(net, c);
	tcp_ecn_reduced(c);
	c->recover = c->snd_max;
	c->flags |= TCP_F_ECN_REDUCED;
}
