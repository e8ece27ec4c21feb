/* SPDX-License-Identifier: MIT */
/* Flow groups go to another elastic thread: the side that gives, from the
 * question whether there is room until the table may be rewritten. See move.h.
 */
#include "base/errno.h"
#include "dp/late.h"
#include "dp/move.h"

enum {
	LOOKS = 1024,	       /* places of the table in one iteration, */
	LOOKS_NS = 50000,      /* ... or in each so much time that it takes, */
	LOOKS_MOST = 32,       /* ... so many times at most; */
	PLACES = 128,	       /* at a time: their memory fits L1 */
	LITTLE = 128,	       /* buffers, or ranges: see all_hold() */
	READ_NS = 250000000,   /* for the NIC: its link may be down */
	READY_NS = 2000000000, /* for the table to be rewritten */
};

/* ---- a pass over the table */

static struct tcp_conn *conn_of(const struct tcp *t, struct ref32 ref)
{
	return &t->conns[ref32_index(ref)];
}

/* What is in the places from @end on. No branch for each: whether one is taken
 * cannot be foretold. */
static u32 gather(const struct tcp *t, u32 end, u32 left,
		  struct ref32 refs[PLACES])
{
	const struct tcp_slot *table = t->table;
	const struct tcp_conn *conns = t->conns;
	u32 n = 0;

	while (left > end) {
		struct ref32 ref = table[--left].conn;

		refs[n] = ref;
		n += ref.raw != 0;
	}
	for (u32 i = 0; i < n; i++)
		prefetch(&conns[ref32_index(refs[i])]);
	return n;
}

/* ... of that, what is of the groups. */
static u32 choose(const struct tcp *t, const struct dp_groups *groups, u32 n,
		  struct ref32 refs[PLACES])
{
	const struct tcp_conn *conns = t->conns;
	u32 chosen = 0;

	for (u32 i = 0; i < n; i++) {
		struct ref32 ref = refs[i];

		refs[chosen] = ref;
		chosen += dp_group_in(groups, conns[ref32_index(ref)].group);
	}
	return chosen;
}

/* Places whose connections do not all find room are seen again. */
static void see_some(struct dp *dp,
		     void (*see)(struct dp *dp, struct tcp_conn *c), u32 lines)
{
	struct dp_leave *l = &dp->mover->leave;
	const struct tcp *t = &dp->net.tcp;
	u32 end = l->left - min(l->left, (u32)PLACES), i = 0, n;
	struct ref32 refs[PLACES];

	n = gather(t, end, l->left, refs);
	n = choose(t, &l->groups, n, refs);
	for (u32 k = 0; k < n; k++)
		tcp_conn_fetch(conn_of(t, refs[k]), lines);
	while (i < n && !l->full)
		see(dp, conn_of(t, refs[i++]));
	if (i == n)
		l->left = end;
}

bool dp_leave_pass(struct dp *dp,
		   void (*see)(struct dp *dp, struct tcp_conn *c), u32 lines)
{
	struct dp_leave *l = &dp->mover->leave;
	u32 end = l->left - min(l->left, l->looks);

	while (l->left > end && !l->full)
		see_some(dp, see, lines);
	return !l->left;
}

/* An application that thinks before it answers makes few iterations. Were each
 * of them good for as few places as a short one, a core would come when what it
 * was needed for has waited for long. */
static void set_looks(struct dp_leave *l, u64 now)
{
	u64 times = (now - l->ran_at) / LOOKS_NS;

	l->looks = LOOKS * (u32)max(min(times, (u64)LOOKS_MOST), 1ull);
	l->ran_at = now;
}

/* ---- before the table is rewritten */

/* What all of the thread's connections hold, at most. Where that is little, it
 * is asked for at first: to see which of them do would bring two more lines of
 * each. */
static struct tcp_need all_hold(const struct dp *dp)
{
	const struct mbuf_pool *p = &dp->pool;
	u32 mbufs = p->total - p->nfree;

	return (struct tcp_need){
		.mbufs = mbufs - min(mbufs, dp->nic->nr_posted),
		.shared = dp->net.conf.tcp.max_ranges - dp->net.tcp.ranges_left,
	};
}

/* @each: those that move, by themselves. */
static void begin_count(struct dp *dp, bool each)
{
	struct dp_leave *l = &dp->mover->leave;

	l->need = all_hold(dp);
	l->each = each || l->need.mbufs > LITTLE || l->need.shared > LITTLE;
	if (l->each)
		l->need = (struct tcp_need){ 0 };
	l->state = LEAVE_COUNT;
	dp_leave_begin_pass(dp);
}

static void count(struct dp *dp, struct tcp_conn *c)
{
	struct dp_leave *l = &dp->mover->leave;

	if (l->each)
		tcp_need_add(&l->need, c);
	else
		l->need.conns++;
}

/* A gap that closes meanwhile makes the pass see some twice: no move is to be
 * refused for slots that it does not need. */
static void counted(struct dp *dp)
{
	struct tcp_need *n = &dp->mover->leave.need;

	n->conns = min(n->conns, (u32)dp->stat->tcp_conns);
}

bool dp_leave_may_go(struct dp *dp, struct tcp_conn *c)
{
	if (c->flags & TCP_F_ON_DEAD)
		return false;
	if (!tcp_is_named(c) || c->events & TCP_EV_AWAY)
		return true;
	if (!(c->events & TCP_EV_LEAVES))
		tcp_mark_ready(&dp->net, c, TCP_EV_LEAVES);
	return false;
}

/* An answer to its knock may still come, and it is to be told then. */
static void tell(struct dp *dp, struct tcp_conn *c)
{
	dp->mover->leave.knocked |= tcp_has_knocked(c);
	dp_leave_may_go(dp, c);
}

/* Those that are to be told are on the list of those that are ready. */
static bool all_told(const struct dp *dp)
{
	const struct tcp_conn *c = dp->net.tcp.ready_head;

	for (; c; c = c->next_ready) {
		if ((c->events & TCP_EV_ARRIVED) == TCP_EV_LEAVES)
			return false;
	}
	return true;
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

void dp_leave_set_groups(struct dp *dp, enum group_state state, u32 slots)
{
	const struct dp_groups *g = &dp->mover->leave.groups;

	for (u32 i = 0; i < RSS_TABLE; i++) {
		if (!dp_group_in(g, i))
			continue;
		dp->net.group_state[i] = (u8)state;
		dp->slots_of[i] = slots;
	}
}

void dp_leave_ask(struct dp *dp, enum seat_word word)
{
	struct dp_leave *l = &dp->mover->leave;
	struct dp_seat *s = dp_leave_seat(dp);

	s->need = l->need;
	s->groups = l->groups;
	dp_seat_pass(dp, s, SEAT_TAKES, word, l->to);
}

void dp_leave_finish(struct dp *dp, int result, u64 now)
{
	struct dp_leave *l = &dp->mover->leave;

	dp->net.copies = false;
	l->state = LEAVE_NOT;
	l->result = result;
	dp->passed++;
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
	*l = (struct dp_leave){ .to = to,
				.groups = *groups,
				.result = -EINPROGRESS,
				.looks = LOOKS,
				.began = now,
				.ran_at = now };
	begin_count(dp, false);
	dp->mover->active = true;
	return 0;
}

static void begin_telling(struct dp *dp)
{
	dp_leave_set_groups(dp, GROUP_LEAVES, dp->net.tcp.nslots);
	dp_leave_begin_pass(dp);
	dp->mover->leave.knocked = false;
	dp->mover->leave.state = LEAVE_TELL;
}

static void read_by_nic(struct dp *dp, u64 now)
{
	if (!dp_late_look(dp)) {
		dp_late_end(dp);
		begin_telling(dp);
	} else if (now - dp->mover->leave.since > READ_NS) {
		dp_leave_cancel(dp, now);
	}
}

/* What the NIC has not read the other thread would not know of. From here to
 * the end nothing is sent in place, and no connection takes such packets along:
 * what is to be told waits for nothing any more. The application works on
 * meanwhile, as it does not know yet. */
static void await_nic(struct dp *dp, u64 now)
{
	struct dp_leave *l = &dp->mover->leave;

	dp->net.copies = true;
	l->state = LEAVE_READ;
	l->since = now;
	read_by_nic(dp, now);
}

static void answered(struct dp *dp, u64 now)
{
	const struct dp_leave *l = &dp->mover->leave;

	if (!dp_leave_our_turn(dp))
		return;
	if (dp_leave_seat(dp)->word == SEAT_YES) {
		await_nic(dp, now);
		if (l->unwanted)
			dp_leave_cancel(dp, now);
	} else if (l->each || l->unwanted) {
		dp_leave_finish(dp, -ENOBUFS, now);
	} else {
		begin_count(dp, true);
	}
}

static void telling(struct dp *dp)
{
	struct dp_leave *l = &dp->mover->leave;

	if (!dp_leave_pass(dp, tell, TCP_LINES_TELL))
		return;
	if (dp_leave_complete(dp))
		l->state = LEAVE_CROSS;
	else
		dp_leave_begin_pass(dp);
}

static void be_ready(struct dp *dp, u64 now)
{
	dp->mover->leave.state = LEAVE_READY;
	dp->mover->leave.since = now;
	dp->passed++;
}

static void see_again(struct dp *dp, struct tcp_conn *c)
{
	dp->mover->leave.again |= !dp_leave_may_go(dp, c);
}

/* A knock that was answered since then is told, too. */
static void check(struct dp *dp, u64 now)
{
	struct dp_leave *l = &dp->mover->leave;

	if (!dp_leave_pass(dp, see_again, TCP_LINE_FOUND))
		return;
	if (l->again)
		begin_telling(dp);
	else if (dp_leave_complete(dp))
		be_ready(dp, now);
	else
		dp_leave_begin_pass(dp);
}

/* Whoever drives it has given up, and could not say so in time: the groups are
 * not to be out of the application's reach for good. */
static void ready(struct dp *dp, u64 now)
{
	if (now - dp->mover->leave.since > READY_NS)
		dp_leave_cancel(dp, now);
}

/* From here on the application's calls do not reach these groups: no further
 * knock is answered. */
static void all_crossed(struct dp *dp, u64 now)
{
	dp_leave_set_groups(dp, GROUP_LEAVES, 0);
	if (!dp->mover->leave.knocked) {
		be_ready(dp, now);
		return;
	}
	dp_leave_begin_pass(dp);
	dp->mover->leave.state = LEAVE_CHECK;
}

/* ---- the end */

void dp_leave_ended(struct dp *dp, int result, u64 now)
{
	if (!dp_leave_our_turn(dp))
		return;
	dp_leave_set_groups(dp, GROUP_STAYS, result ? dp->net.tcp.nslots : 0);
	dp_leave_finish(dp, result, now);
}

bool dp_leave_ready(const struct dp *dp)
{
	return dp->mover && dp->mover->leave.state == LEAVE_READY;
}

bool dp_leave_reads(const struct dp *dp)
{
	return dp->mover && dp->mover->leave.state == LEAVE_READ;
}

bool dp_leave_waits(const struct dp *dp)
{
	return dp_leave_ready(dp) || dp_leave_result(dp) != -EINPROGRESS;
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

	set_looks(l, now);
	switch (l->state) {
	case LEAVE_NOT:
		break;
	case LEAVE_COUNT:
		if (dp_leave_pass(dp, count,
				  l->each ? TCP_LINES_NEED : TCP_LINE_FOUND)) {
			counted(dp);
			dp_leave_ask(dp, SEAT_ASK);
			l->state = LEAVE_ASK;
		}
		break;
	case LEAVE_ASK:
		answered(dp, now);
		break;
	case LEAVE_READ:
		read_by_nic(dp, now);
		break;
	case LEAVE_TELL:
		telling(dp);
		break;
	case LEAVE_CROSS:
		if (all_told(dp) && crossed(dp))
			all_crossed(dp, now);
		break;
	case LEAVE_CHECK:
		check(dp, now);
		break;
	case LEAVE_READY:
		ready(dp, now);
		break;
	case LEAVE_DRAIN:
		dp_give_drain(dp, busy, now);
		break;
	case LEAVE_GIVE:
		dp_give(dp, now);
		break;
	case LEAVE_END:
		dp_leave_ended(dp, 0, now);
		break;
	case LEAVE_CANCEL:
		dp_leave_cancelling(dp, now);
		break;
	}
}
