/* SPDX-License-Identifier: MIT */
/* Flow groups go to another elastic thread: the side that gives. See move.h. */
#include "base/carve.h"
#include "base/errno.h"
#include "base/mem.h"
#include "dp/move.h"
#include "net/tcp_tx.h"

enum {
	LOOKS = 1024,	   /* places of the table in one iteration */
	AHEAD = 8,	   /* ... of which memory is fetched before */
	DRAIN_NS = 100000, /* what was steered before may still be on its way */
	DRAIN_MOST_NS = 20000000, /* more than a NIC's queue holds */
	ROOM_NS = 1000000000,	  /* for room to be found, at most */
	READY_NS = 2000000000,	  /* for the table to be rewritten */
	DUE_NS = 200000, /* several times what a parcel takes: it is late */
};

/* ---- what all threads have in common */

static size_t seats_bytes(u32 nthreads)
{
	return sizeof(struct dp_seat) * (size_t)nthreads * nthreads;
}

size_t dp_shared_bytes(const struct dp_conf *conf, u32 nthreads)
{
	size_t n = nthreads;

	return align_line(sizeof(struct dp_shared)) +
	       align_line(n * tcp_slot_bytes(&conf->net.tcp)) +
	       align_line(n * conf->mbufs * sizeof(struct mbuf)) +
	       align_line(n * sizeof(struct dp_mover)) +
	       align_line(seats_bytes(nthreads)) + align_line(n * CACHE_LINE) +
	       align_line(dp_forward_bytes(nthreads));
}

void dp_shared_init(struct dp_shared *s, const struct dp_conf *conf,
		    u32 nthreads)
{
	u8 *mem = (u8 *)s;
	size_t n = nthreads;
	struct dp_seat *seats;
	u32 *bells;

	carve(&mem, sizeof(*s));
	s->conns = carve(&mem, n * tcp_slot_bytes(&conf->net.tcp));
	s->mbufs = carve(&mem, n * conf->mbufs * sizeof(struct mbuf));
	s->movers = carve(&mem, n * sizeof(struct dp_mover));
	seats = carve(&mem, seats_bytes(nthreads));
	bells = carve(&mem, n * CACHE_LINE);
	s->forward = carve(&mem, dp_forward_bytes(nthreads));
	for (u32 i = 0; i < nthreads; i++) {
		s->movers[i].seats = seats;
		s->movers[i].bells = bells;
	}
	dp_forward_init(s->forward, nthreads);
}

void dp_seat_pass(struct dp *dp, struct dp_seat *s, enum seat_turn turn,
		  enum seat_word word, u32 other)
{
	s->word = word;
	store_release(&s->turn, turn);
	store_release(&dp->mover->bells[other * BELL], 1);
	dp->passed++;
}

static struct dp_seat *seat_of(const struct dp *dp)
{
	return dp_seat(dp, dp->net.thread, dp->mover->leave.to);
}

/* Has it been answered? */
static bool our_turn(const struct dp *dp)
{
	return load_acquire(&seat_of(dp)->turn) == SEAT_GIVES;
}

/* Is there something to do without being rung for? */
static bool goes_on(const struct dp *dp)
{
	const struct dp_mover *mv = dp->mover;

	switch (mv->leave.state) {
	case LEAVE_NOT:
	case LEAVE_ASK:
	case LEAVE_END:
		return mv->arrive.all;
	case LEAVE_GIVE:
		return mv->arrive.all || our_turn(dp);
	default:
		return true;
	}
}

void dp_move_run(struct dp *dp, bool busy, u64 now)
{
	struct dp_mover *mv = dp->mover;
	u32 *bell = &mv->bells[dp->net.thread * BELL];

	/* An exchange: what was written before the bell was rung is seen. */
	if (__atomic_load_n(bell, __ATOMIC_RELAXED))
		__atomic_exchange_n(bell, 0, __ATOMIC_ACQ_REL);
	else if (likely(!mv->active))
		return;
	dp_leave_run(dp, busy, now);
	dp_arrive_run(dp, now);
	mv->active = goes_on(dp);
}

bool dp_move_waits(const struct dp *dp)
{
	const struct dp_mover *mv = dp->mover;

	return mv &&
	       (mv->active || __atomic_load_n(&mv->bells[dp->net.thread * BELL],
					      __ATOMIC_RELAXED));
}

bool dp_parcel_due(const struct dp *dp, u64 now)
{
	const struct dp_mover *mv = dp->mover;

	if (!mv)
		return false;
	return (mv->leave.state == LEAVE_GIVE &&
		now - mv->leave.since < DUE_NS) ||
	       (mv->arrive.active && now - mv->arrive.took_at < DUE_NS);
}

bool dp_moving(const struct dp *dp)
{
	return dp_move_waits(dp) ||
	       (dp->mover && (dp->mover->leave.state != LEAVE_NOT ||
			      dp->mover->arrive.active));
}

/* ---- a pass over the table */

static void begin_pass(struct dp *dp)
{
	struct dp_leave *l = &dp->mover->leave;

	l->at = 0;
	l->again = l->full = false;
	l->shifts = dp->net.tcp.nshifts;
}

/* @see() all connections of the groups, some at a time. True: that was all. */
static bool pass(struct dp *dp, void (*see)(struct dp *dp, struct tcp_conn *c))
{
	struct dp_leave *l = &dp->mover->leave;
	const struct tcp *t = &dp->net.tcp;

	for (u32 n = 0; n < LOOKS && l->at <= t->table_mask && !l->full; n++) {
		u32 i = t->table[l->at].conn;
		u32 next = t->table[(l->at + AHEAD) & t->table_mask].conn;

		if (next)
			prefetch(&t->conns[next - 1]);
		if (i && dp_group_in(&l->groups, t->conns[i - 1].group))
			see(dp, &t->conns[i - 1]);
		/* One that is gone may have left its place to another. */
		if (t->table[l->at].conn == i)
			l->at++;
	}
	return l->at > t->table_mask;
}

/* ... and none may have changed places with one that was not seen? */
static bool complete(const struct dp *dp)
{
	const struct dp_leave *l = &dp->mover->leave;

	return !l->again && l->shifts == dp->net.tcp.nshifts;
}

/* ---- before the table is rewritten */

static void count(struct dp *dp, struct tcp_conn *c)
{
	tcp_need_add(&dp->mover->leave.need, c);
}

/* May it go? Not before the application has been told, and not what it may
 * still read though it was told that it is dead. */
static bool may_go(struct dp *dp, struct tcp_conn *c)
{
	if (c->flags & TCP_F_ON_DEAD)
		return false;
	if (!tcp_is_named(c) || c->events & TCP_EV_AWAY)
		return true;
	if (!(c->events & TCP_EV_LEAVES))
		tcp_mark_ready(&dp->net, c, TCP_EV_LEAVES);
	return false;
}

static void tell(struct dp *dp, struct tcp_conn *c)
{
	dp->mover->leave.again |= !may_go(dp, c);
}

/* Has the application, if there is one, crossed since it was told last? Who was
 * told nothing may have nothing to cross for. */
static bool crossed(const struct dp *dp)
{
	const struct dp_leave *l = &dp->mover->leave;

	return dp->shut || !dp->up || !l->told ||
	       dp->stat->crossings - dp->flushes != l->crossings;
}

void dp_leave_told(struct dp *dp)
{
	struct dp_leave *l = &dp->mover->leave;

	l->told = true;
	l->crossings = dp->stat->crossings - dp->flushes;
}

static void set_groups(struct dp *dp, enum group_state state, u32 slots)
{
	const struct dp_groups *g = &dp->mover->leave.groups;

	for (u32 i = 0; i < RSS_TABLE; i++) {
		if (!dp_group_in(g, i))
			continue;
		dp->net.group_state[i] = (u8)state;
		dp->slots_of[i] = slots;
	}
}

static void ask(struct dp *dp, enum seat_word word)
{
	struct dp_leave *l = &dp->mover->leave;
	struct dp_seat *s = seat_of(dp);

	s->need = l->need;
	s->groups = l->groups;
	dp_seat_pass(dp, s, SEAT_TAKES, word, l->to);
}

static void finish(struct dp *dp, int result, u64 now)
{
	struct dp_leave *l = &dp->mover->leave;

	l->state = LEAVE_NOT;
	l->result = result;
	if (result)
		return;
	dp->stat->moves++;
	dp->stat->move_ns += now - l->began;
	dp->stat->move_gap_ns += now - l->went;
}

static bool owns_all(const struct dp *dp, const struct dp_groups *g)
{
	bool any = false;

	for (u32 i = 0; i < RSS_TABLE; i++) {
		if (!dp_group_in(g, i))
			continue;
		any = true;
		if (!net_may_open(&dp->net, i))
			return false;
	}
	return any;
}

/* Is there an application that would not understand where its connections have
 * gone? It says so at each crossing; what it says concerns itself alone. */
static bool would_lose_them(const struct dp *dp)
{
	return dp->up && !dp->shut &&
	       !(READ_ONCE(dp->down->flags) & IX_RUN_MOVES);
}

int dp_leave_begin(struct dp *dp, u32 to, const struct dp_groups *groups,
		   u64 now)
{
	struct dp_leave *l;

	if (!dp->mover || would_lose_them(dp))
		return -EOPNOTSUPP;
	l = &dp->mover->leave;
	if (to >= dp->nthreads || to == dp->net.thread || !owns_all(dp, groups))
		return -EINVAL;
	if (l->state != LEAVE_NOT)
		return -EBUSY;
	*l = (struct dp_leave){ .state = LEAVE_COUNT,
				.to = to,
				.groups = *groups,
				.result = -EINPROGRESS,
				.began = now };
	begin_pass(dp);
	dp->mover->active = true;
	return 0;
}

static void begin_telling(struct dp *dp)
{
	set_groups(dp, GROUP_LEAVES, dp->net.tcp.nslots);
	begin_pass(dp);
	dp->mover->leave.state = LEAVE_TELL;
}

static void answered(struct dp *dp, u64 now)
{
	if (!our_turn(dp))
		return;
	if (seat_of(dp)->word == SEAT_YES) {
		begin_telling(dp);
		if (dp->mover->leave.unwanted)
			dp_leave_cancel(dp, now);
	} else {
		finish(dp, -ENOBUFS, now);
	}
}

/* Those that are to be told are told in the iterations between two passes; in
 * the last one none is left. */
static void telling(struct dp *dp)
{
	struct dp_leave *l = &dp->mover->leave;

	if (l->at > dp->net.tcp.table_mask)
		begin_pass(dp);
	if (pass(dp, tell) && complete(dp))
		l->state = LEAVE_CROSS;
}

static void be_ready(struct dp *dp, u64 now)
{
	dp->mover->leave.state = LEAVE_READY;
	dp->mover->leave.since = now;
}

/* A knock that was answered since then is told, too. No further one can be:
 * from here on the application's calls do not reach these groups. */
static void check(struct dp *dp, u64 now)
{
	struct dp_leave *l = &dp->mover->leave;

	if (!pass(dp, tell))
		return;
	if (l->again)
		begin_telling(dp);
	else if (complete(dp))
		be_ready(dp, now);
	else
		begin_pass(dp);
}

/* Whoever drives it has given up, and could not say so in time: the groups are
 * not to be out of the application's reach for good. */
static void ready(struct dp *dp, u64 now)
{
	if (now - dp->mover->leave.since > READY_NS)
		dp_leave_cancel(dp, now);
}

static void begin_check(struct dp *dp)
{
	set_groups(dp, GROUP_LEAVES, 0);
	begin_pass(dp);
	dp->mover->leave.state = LEAVE_CHECK;
}

/* ---- after that */

int dp_leave_go(struct dp *dp, u64 now)
{
	struct dp_leave *l = &dp->mover->leave;

	if (l->state != LEAVE_READY)
		return -EINVAL;
	l->state = LEAVE_DRAIN;
	l->since = l->went = now;
	dp->mover->active = true;
	return 0;
}

/* Into the next parcel, off all but the lists that tcp_sweep() knows. */
static void pick(struct dp *dp, struct tcp_conn *c)
{
	struct dp_leave *l = &dp->mover->leave;

	tcp_leave(&dp->net, c);
	l->out[l->nout++] = c;
	l->full = l->nout == TCP_PARCEL;
}

static void go(struct dp *dp, struct tcp_conn *c)
{
	if (may_go(dp, c))
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

static void measure(struct dp_leave *l)
{
	l->need = (struct tcp_need){ 0 };
	for (u32 i = 0; i < l->nout; i++)
		tcp_need_add(&l->need, l->out[i]);
}

static void next_parcel(struct dp *dp)
{
	struct dp_leave *l = &dp->mover->leave;

	l->full = false;
	if (pass(dp, go)) {
		pick_dead(dp, l->kept);
		pick_dead(dp, dp->net.tcp.ready_head);
	}
	tcp_sweep(&dp->net);
	sweep_kept(dp);
	for (u32 i = 0; i < l->nout; i++)
		l->out[i]->flags &= ~(u32)TCP_F_ON_READY;
	measure(l);
}

/* Those that there is room for now. */
static void give(struct dp *dp, struct dp_seat *s)
{
	struct dp_leave *l = &dp->mover->leave;

	if (!l->told_lore)
		tcp_lore_tell(&dp->net, &s->lore);
	s->lore_new = !l->told_lore;
	l->told_lore = true;
	for (u32 i = 0; i < l->nout; i++) {
		tcp_pack(&dp->net, l->out[i], &s->room);
		s->conns[i] = l->out[i];
	}
	s->nconns = l->nout;
	dp->stat->moved_out += l->nout;
	l->nout = 0;
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

	for (u32 i = 0; i < l->nout; i++)
		tcp_ooo_free(net, l->out[i]);
	if (now - l->since > ROOM_NS) {
		for (u32 i = 0; i < l->nout; i++)
			lose(net, l->out[i], now);
		dp->stat->move_lost += l->nout;
		l->nout = 0;
	}
	measure(l);
	ask(dp, SEAT_GIVE);
}

static bool none_left(const struct dp *dp)
{
	const struct dp_leave *l = &dp->mover->leave;

	return !l->nout && !l->kept && l->at > dp->net.tcp.table_mask &&
	       complete(dp);
}

static void giving(struct dp *dp, u64 now)
{
	struct dp_leave *l = &dp->mover->leave;
	struct dp_seat *s = seat_of(dp);

	if (!our_turn(dp))
		return;
	s->nconns = 0;
	if (l->nout && s->word != SEAT_YES) {
		no_room(dp, now);
		return;
	}
	if (l->nout)
		give(dp, s);
	l->since = now;
	if (l->at > dp->net.tcp.table_mask && !complete(dp))
		begin_pass(dp);
	next_parcel(dp);
	if (none_left(dp)) {
		ask(dp, SEAT_LAST);
		l->state = LEAVE_END;
	} else if (l->nout || s->nconns) {
		ask(dp, SEAT_GIVE);
	}
}

/* What was on its way when the table was rewritten has come. */
static void drain(struct dp *dp, bool busy, u64 now)
{
	struct dp_leave *l = &dp->mover->leave;

	if (now - l->since < (busy ? DRAIN_MOST_NS : DRAIN_NS))
		return;
	begin_pass(dp);
	l->state = LEAVE_GIVE;
	giving(dp, now);
}

static void ended(struct dp *dp, int result, u64 now)
{
	if (!our_turn(dp))
		return;
	set_groups(dp, GROUP_STAYS, result ? dp->net.tcp.nslots : 0);
	finish(dp, result, now);
}

/* ---- taking it back */

static void come_back(struct dp *dp, struct tcp_conn *c)
{
	tcp_is_here(c);
	if (c->events)
		tcp_mark_ready(&dp->net, c, 0);
}

static void release_kept(struct dp *dp)
{
	struct dp_leave *l = &dp->mover->leave;
	struct tcp_conn *c;

	while ((c = l->kept)) {
		l->kept = c->next_ready;
		if (tcp_off_ready(&dp->net, c))
			come_back(dp, c);
	}
}

void dp_leave_cancel(struct dp *dp, u64 now)
{
	struct dp_leave *l = &dp->mover->leave;

	if (l->state == LEAVE_COUNT)
		finish(dp, -ECANCELED, now);
	l->unwanted |= l->state == LEAVE_ASK;
	if (l->state < LEAVE_TELL || l->state > LEAVE_READY)
		return;
	set_groups(dp, GROUP_LEAVES, dp->net.tcp.nslots);
	release_kept(dp);
	begin_pass(dp);
	ask(dp, SEAT_CANCEL);
	l->state = LEAVE_CANCEL;
	dp->mover->active = true;
}

static void cancelling(struct dp *dp, u64 now)
{
	const struct dp_leave *l = &dp->mover->leave;

	if (l->at > dp->net.tcp.table_mask)
		ended(dp, -ECANCELED, now);
	else if (pass(dp, come_back) && !complete(dp))
		begin_pass(dp);
}

void dp_leave_shut(struct dp *dp, u64 now)
{
	struct dp_leave *l = &dp->mover->leave;
	struct net *net = &dp->net;

	release_kept(dp);
	for (u32 i = 0; i < l->nout; i++) {
		tcp_rejoin(net, l->out[i], now);
		tcp_appear(net, l->out[i]);
	}
	l->nout = 0;
}

bool dp_leave_ready(const struct dp *dp)
{
	return dp->mover && dp->mover->leave.state == LEAVE_READY;
}

bool dp_leave_goes_on(const struct dp *dp)
{
	enum leave_state state = dp->mover->leave.state;

	return state != LEAVE_NOT && state != LEAVE_CANCEL;
}

int dp_leave_result(const struct dp *dp)
{
	return dp->mover ? dp->mover->leave.result : -EOPNOTSUPP;
}

void dp_leave_keep(struct dp *dp, struct tcp_conn *c)
{
	struct dp_leave *l = &dp->mover->leave;

	c->flags |= TCP_F_ON_READY;
	c->next_ready = l->kept;
	l->kept = c;
}

void dp_leave_run(struct dp *dp, bool busy, u64 now)
{
	struct dp_leave *l = &dp->mover->leave;

	switch (l->state) {
	case LEAVE_NOT:
		break;
	case LEAVE_COUNT:
		if (pass(dp, count)) {
			ask(dp, SEAT_ASK);
			l->state = LEAVE_ASK;
		}
		break;
	case LEAVE_ASK:
		answered(dp, now);
		break;
	case LEAVE_TELL:
		telling(dp);
		break;
	case LEAVE_CROSS:
		if (crossed(dp))
			begin_check(dp);
		break;
	case LEAVE_CHECK:
		check(dp, now);
		break;
	case LEAVE_READY:
		ready(dp, now);
		break;
	case LEAVE_DRAIN:
		drain(dp, busy, now);
		break;
	case LEAVE_GIVE:
		giving(dp, now);
		break;
	case LEAVE_END:
		ended(dp, 0, now);
		break;
	case LEAVE_CANCEL:
		cancelling(dp, now);
		break;
	}
}
