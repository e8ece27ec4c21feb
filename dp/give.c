/* SPDX-License-Identifier: MIT */
/* ... when the table has been rewritten: connections are given, a parcel at a
 * time. See move.h. */
#include "base/errno.h"
#include "base/mem.h"
#include "dp/move.h"
#include "net/tcp_tx.h"

enum {
	DRAIN_NS = 100000, /* what was steered before may still be on its way */
	DRAIN_MOST_NS = 20000000, /* more than a NIC's queue holds */
	ROOM_NS = 1000000000,	  /* for room to be found, at most */
};

int dp_leave_go(struct dp *dp, u64 now)
{
	struct dp_leave *l = &dp->mover->leave;

	if (l->state != LEAVE_READY)
		return -EINVAL;
	l->state = LEAVE_DRAIN;
	l->since = l->went = now;
	dp->mover->active = true;
	dp_ring(dp, l->to); /* to be woken takes as long as this does */
	return 0;
}

/* Into the next parcel, off all but the lists that tcp_sweep() knows. */
static void pick(struct dp *dp, struct tcp_conn *c)
{
	struct dp_leave *l = &dp->mover->leave;

	tcp_leave(&dp->net, c);
	l->out[l->nout++] = c;
	l->full = l->nout == l->nasked + TCP_PARCEL;
}

static void go(struct dp *dp, struct tcp_conn *c)
{
	if (dp_leave_may_go(dp, c))
		pick(dp, c);
	else
		dp->mover->leave.again = true;
}

/* Of a list through next_ready: those that died after MOVED was told. They are
 * in no table. */
static void pick_dead(struct dp *dp, struct tcp_conn *c)
{
	const struct dp_leave *l = &dp->mover->leave;

	for (; c && !l->full; c = c->next_ready) {
		if (c->state == TCP_CLOSED && c->events & TCP_EV_AWAY &&
		    !(c->flags & TCP_F_RELEASED) && !tcp_has_left(c) &&
		    dp_group_in(&l->groups, c->group))
			pick(dp, c);
	}
}

/* Whose events wait for the other thread; what has been freed meanwhile goes.
 */
static void sweep_kept(struct dp *dp)
{
	struct tcp_conn *c = dp->mover->leave.kept, **at, *next;

	for (at = &dp->mover->leave.kept; c; c = next) {
		next = c->next_ready;
		if (c->flags & TCP_F_RELEASED) {
			c->flags &= ~(u32)TCP_F_ON_READY;
			tcp_conn_put(&dp->net, c);
		} else if (!tcp_has_left(c)) {
			*at = c;
			at = &c->next_ready;
		}
	}
	*at = NULL;
}

/* Room for the first @n of those that have left. */
static void measure(struct dp_leave *l, u32 n)
{
	l->nasked = n;
	l->need = (struct tcp_need){ 0 };
	for (u32 i = 0; i < n; i++)
		tcp_need_add(&l->need, l->out[i]);
}

static void next_parcel(struct dp *dp)
{
	struct dp_leave *l = &dp->mover->leave;
	u32 first = l->nout;

	l->full = false;
	if (!l->left && !dp_leave_complete(dp))
		dp_leave_begin_pass(dp);
	if (dp_leave_pass(dp, go, TCP_LINES)) {
		pick_dead(dp, l->kept);
		pick_dead(dp, dp->net.tcp.ready_head);
	}
	tcp_sweep(&dp->net);
	sweep_kept(dp);
	for (u32 i = first; i < l->nout; i++)
		l->out[i]->flags &= ~(u32)TCP_F_ON_READY;
}

/* Those that were asked for are gone. */
static void forget_parcel(struct dp_leave *l)
{
	l->nout -= l->nasked;
	memmove(l->out, l->out + l->nasked, l->nout * sizeof(l->out[0]));
	l->nasked = 0;
}

/* Those that there is room for now. */
static void give(struct dp *dp, struct dp_seat *s)
{
	struct dp_leave *l = &dp->mover->leave;

	if (!l->told_lore)
		tcp_lore_tell(&dp->net, &s->lore);
	s->lore_new = !l->told_lore;
	l->told_lore = true;
	for (u32 i = 0; i < l->nasked; i++) {
		tcp_pack(&dp->net, l->out[i], &s->room);
		s->conns[i] = l->out[i];
	}
	s->nconns = l->nasked;
	dp->stat->moved_out += l->nasked;
	forget_parcel(l);
	tcp_room_take(&dp->net, &s->room);
}

/* The application, if it knows it, is told ARRIVED and DEAD. */
static void lose(struct net *net, struct tcp_conn *c, u64 now)
{
	tcp_rejoin(net, c, now);
	tcp_appear(net, c);
	if (c->state == TCP_CLOSED)
		return;
	if (c->state >= TCP_SYN_RCVD && c->state != TCP_TIME_WAIT)
		tcp_send_rst(net, c, now);
	tcp_die(net, c, ENOBUFS);
}

/* The other thread has run out of something. What came out of order the peers
 * still have; in the end they are told that they are lost. */
static void no_room(struct dp *dp, u64 now)
{
	struct dp_leave *l = &dp->mover->leave;
	struct net *net = &dp->net;

	for (u32 i = 0; i < l->nasked; i++)
		tcp_ooo_free(net, l->out[i]);
	if (now - l->since > ROOM_NS) {
		for (u32 i = 0; i < l->nasked; i++)
			lose(net, l->out[i], now);
		dp->stat->move_lost += l->nasked;
		forget_parcel(l);
	}
	measure(l, l->nasked);
	dp_leave_ask(dp, SEAT_GIVE);
}

static bool none_left(const struct dp *dp)
{
	const struct dp_leave *l = &dp->mover->leave;

	return !l->nout && !l->kept && !l->left && dp_leave_complete(dp);
}

/* ... and asks for the next ones; while the other one takes these, the ones
 * after them leave. */
static void give_and_ask(struct dp *dp, struct dp_seat *s)
{
	struct dp_leave *l = &dp->mover->leave;

	if (l->nasked)
		give(dp, s);
	if (!l->nout)
		next_parcel(dp);
	measure(l, l->nout);
	if (none_left(dp)) {
		dp_leave_ask(dp, SEAT_LAST);
		l->state = LEAVE_END;
	} else if (l->nout || s->nconns) {
		dp_leave_ask(dp, SEAT_GIVE);
		next_parcel(dp);
	}
}

void dp_give(struct dp *dp, u64 now)
{
	struct dp_leave *l = &dp->mover->leave;
	struct dp_seat *s = dp_leave_seat(dp);

	if (!dp_leave_our_turn(dp))
		return;
	s->nconns = 0;
	if (l->nasked && s->word != SEAT_YES) {
		no_room(dp, now);
		return;
	}
	l->since = now;
	give_and_ask(dp, s);
}

/* What was on its way when the table was rewritten has come. */
void dp_give_drain(struct dp *dp, bool busy, u64 now)
{
	struct dp_leave *l = &dp->mover->leave;

	if (now - l->since < (busy ? DRAIN_MOST_NS : DRAIN_NS))
		return;
	dp_leave_begin_pass(dp);
	l->state = LEAVE_GIVE;
	dp_give(dp, now);
}
