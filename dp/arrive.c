/* SPDX-License-Identifier: MIT */
/* Flow groups come from another elastic thread: the side that takes. See
 * move.h. */
#include "base/mem.h"
#include "dp/move.h"

enum {
	MARGIN_SHIFT = 3, /* set aside is an 8th more than asked for, */
	MARGIN = 16,	  /* and this: they go on growing */
	AHEAD = 8,	  /* connections whose memory is on its way to us */
};

/* Is there no application that could be told? */
static bool nobody(const struct dp *dp)
{
	return dp->shut || !dp->up;
}

/* ---- setting aside */

static void put_spare(struct dp *dp, u32 n)
{
	struct dp_arrive *a = &dp->mover->arrive;

	while (n--) {
		struct mbuf *m = mbuf_alloc(&dp->pool);

		m->next = a->spare;
		a->spare = m;
	}
}

static bool set_aside(struct dp *dp, const struct tcp_need *n)
{
	struct tcp *t = &dp->net.tcp;
	u32 free = tcp_slots_free(t, &dp->conf.net.tcp);
	u32 conns = n->conns + (n->conns >> MARGIN_SHIFT) + MARGIN;
	u32 mbufs = n->mbufs + (n->mbufs >> MARGIN_SHIFT);

	if (nobody(dp) || n->conns > free ||
	    n->shared > t->ranges_left ||
	    dp->pool.nfree < dp->pool.kept + mbufs)
		return false;
	t->set_aside = min(conns, free);
	t->ranges_left -= n->shared;
	dp->mover->arrive.ranges = n->shared;
	put_spare(dp, mbufs);
	return true;
}

/* What was not needed. */
static void set_free(struct dp *dp)
{
	struct dp_arrive *a = &dp->mover->arrive;

	dp->net.tcp.set_aside = 0;
	dp->net.tcp.ranges_left += a->ranges;
	a->ranges = 0;
	mbuf_free_chain(&dp->pool, a->spare);
	a->spare = NULL;
}

/* ---- packets that are early */

static u32 most_early(const struct dp *dp)
{
	return dp->pool.total / 4;
}

void dp_arrive_hold(struct dp *dp, u32 group, struct mbuf *m)
{
	struct dp_arrive *a = &dp->mover->arrive;

	if (a->nearly >= most_early(dp) ||
	    dp->pool.nfree <= nic_reserve(&dp->pool)) {
		dp->stat->drop_early++;
		mbuf_free_chain(&dp->pool, m);
		return;
	}
	m->tx.next = NULL;
	*a->early_tail[group] = m;
	a->early_tail[group] = &m->tx.next;
	a->nearly++;
	dp->stat->move_early++;
}

static struct mbuf *next_early(struct dp *dp, u32 group)
{
	struct dp_arrive *a = &dp->mover->arrive;
	struct mbuf *m = a->early[group];

	if (!m)
		return NULL;
	a->early[group] = m->tx.next;
	if (!a->early[group])
		a->early_tail[group] = &a->early[group];
	a->nearly--;
	return m;
}

static void drop_early(struct dp *dp)
{
	struct mbuf *m;

	for (u32 g = 0; g < RSS_TABLE; g++)
		while ((m = next_early(dp, g)))
			mbuf_free_chain(&dp->pool, m);
}

/* ---- connections */

static void begin(struct dp *dp, const struct dp_seat *s, u32 from)
{
	struct dp_arrive *a = &dp->mover->arrive;

	a->active = true;
	a->all = false;
	a->from = from;
	a->groups = s->groups;
	a->group = 0;
	for (u32 g = 0; g < RSS_TABLE; g++) {
		a->conns[g] = NULL;
		a->tail[g] = &a->conns[g];
		a->early[g] = NULL;
		a->early_tail[g] = &a->early[g];
		if (dp_group_in(&a->groups, g))
			dp->net.group_state[g] = GROUP_ARRIVES;
	}
}

/* Nobody finds it yet. Who shuts down meanwhile keeps none. */
static void arrive(struct dp *dp, struct tcp_conn *c, u64 now)
{
	struct dp_arrive *a = &dp->mover->arrive;

	tcp_join(&dp->net, c, now);
	if (nobody(dp)) {
		tcp_abort(&dp->net, c, now);
		return;
	}
	c->flags |= TCP_F_ON_READY;
	c->next_ready = NULL;
	*a->tail[c->group] = c;
	a->tail[c->group] = &c->next_ready;
}

/* Another core has written it last. */
static void fetch(const struct dp_seat *s, u32 i)
{
	if (i < s->nconns)
		tcp_conn_fetch(s->conns[i], TCP_LINES);
}

static void take_parcel(struct dp *dp, struct dp_seat *s, u64 now)
{
	if (s->lore_new)
		tcp_lore_learn(&dp->net, &s->lore);
	s->lore_new = false;
	for (u32 i = 0; i < AHEAD; i++)
		fetch(s, i);
	for (u32 i = 0; i < s->nconns; i++) {
		fetch(s, i + AHEAD);
		arrive(dp, s->conns[i], now);
	}
	dp->stat->moved_in += s->nconns;
	s->nconns = 0;
	tcp_room_put(&dp->net, &s->room);
}

/* Ranges were set aside, at least those of the beginning. */
static bool make_room(struct dp *dp, struct dp_seat *s, u64 now)
{
	struct dp_arrive *a = &dp->mover->arrive;
	struct tcp *t = &dp->net.tcp;
	u32 ranges = min(a->ranges, s->need.shared);

	t->ranges_left += ranges;
	a->ranges -= ranges;
	if (tcp_room_make(&dp->net, &s->need, &s->room, &a->spare, now))
		return true;
	t->ranges_left -= ranges;
	a->ranges += ranges;
	return false;
}

/* The group is here: whole, before what waited for it. */
static u32 open_group(struct dp *dp, u32 g, u64 now)
{
	struct dp_arrive *a = &dp->mover->arrive;
	struct tcp_conn *c, *next;
	struct mbuf *m;
	u32 n = 0;

	dp->net.group_state[g] = GROUP_STAYS;
	dp->slots_of[g] = dp->net.tcp.nslots;
	for (c = a->conns[g]; c; c = next, n++) {
		next = c->next_ready;
		if (next)
			tcp_conn_fetch(next, TCP_LINES_TELL);
		if (tcp_off_ready(&dp->net, c))
			tcp_appear(&dp->net, c);
	}
	a->conns[g] = NULL;
	a->tail[g] = &a->conns[g];
	for (; (m = next_early(dp, g)); n++)
		dp_rx_one(dp, m, now);
	return n;
}

/* Some groups at a time. */
static void open_groups(struct dp *dp, u64 now)
{
	struct dp_arrive *a = &dp->mover->arrive;

	for (u32 n = 0; a->group < RSS_TABLE && n < TCP_PARCEL; a->group++) {
		if (dp_group_in(&a->groups, a->group))
			n += open_group(dp, a->group, now);
	}
}

static void end(struct dp *dp, struct dp_seat *s)
{
	struct dp_arrive *a = &dp->mover->arrive;

	set_free(dp);
	a->active = a->all = false;
	dp_seat_pass(dp, s, SEAT_GIVES, SEAT_DONE, a->from);
}

/* What came early belongs to the other thread still. */
static void cancel(struct dp *dp, struct dp_seat *s)
{
	struct dp_arrive *a = &dp->mover->arrive;
	struct mbuf *m;

	for (u32 g = 0; g < RSS_TABLE; g++) {
		if (!dp_group_in(&a->groups, g))
			continue;
		dp->net.group_state[g] = GROUP_STAYS;
		while ((m = next_early(dp, g))) {
			dp_forward_push(dp, a->from, m);
			mbuf_free_chain(&dp->pool, m);
		}
	}
	end(dp, s);
}

static void answer(struct dp *dp, struct dp_seat *s, bool yes)
{
	dp_seat_pass(dp, s, SEAT_GIVES, yes ? SEAT_YES : SEAT_NO,
		     dp->mover->arrive.from);
}

static void go_on(struct dp *dp, struct dp_seat *s, u64 now)
{
	struct dp_arrive *a = &dp->mover->arrive;

	a->heard_at = now;
	if (a->all) {
		open_groups(dp, now);
		if (a->group == RSS_TABLE)
			end(dp, s);
		return;
	}
	if (load_acquire(&s->turn) != SEAT_TAKES)
		return;
	if (s->word == SEAT_CANCEL) {
		cancel(dp, s);
		return;
	}
	take_parcel(dp, s, now);
	if (s->word == SEAT_LAST)
		a->all = true;
	else
		answer(dp, s, make_room(dp, s, now));
}

/* Whoever asks; one at a time, the others wait. */
static void look_for_one(struct dp *dp)
{
	struct dp_arrive *a = &dp->mover->arrive;
	u32 me = dp->net.thread;

	for (u32 from = 0; from < dp->nthreads && !a->active; from++) {
		struct dp_seat *s = dp_seat(dp, from, me);
		bool yes;

		if (from == me || load_acquire(&s->turn) != SEAT_TAKES)
			continue;
		a->from = from;
		yes = set_aside(dp, &s->need);
		if (yes)
			begin(dp, s, from);
		answer(dp, s, yes);
	}
}

void dp_arrive_run(struct dp *dp, u64 now)
{
	struct dp_arrive *a = &dp->mover->arrive;

	if (a->active)
		go_on(dp, dp_seat(dp, a->from, dp->net.thread), now);
	if (!a->active)
		look_for_one(dp);
}

void dp_arrive_shut(struct dp *dp, u64 now)
{
	struct dp_arrive *a = &dp->mover->arrive;

	if (!a->active)
		return;
	for (u32 g = 0; g < RSS_TABLE; g++) {
		struct tcp_conn *c, *next;

		for (c = a->conns[g]; c; c = next) {
			next = c->next_ready;
			if (tcp_off_ready(&dp->net, c))
				tcp_abort(&dp->net, c, now);
		}
		a->conns[g] = NULL;
		a->tail[g] = &a->conns[g];
	}
	drop_early(dp);
	set_free(dp);
}
