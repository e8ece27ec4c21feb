/* SPDX-License-Identifier: MIT */
/* ... and is taken back: before the table was rewritten, or at the end. See
 * move.h. */
#include "base/errno.h"
#include "dp/move.h"

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
		dp_leave_finish(dp, -ECANCELED, now);
	l->unwanted |= l->state == LEAVE_ASK;
	if (l->state < LEAVE_READ || l->state > LEAVE_READY)
		return;
	dp_leave_set_groups(dp, GROUP_LEAVES, dp->net.tcp.nslots);
	release_kept(dp);
	dp_leave_begin_pass(dp);
	dp_leave_ask(dp, SEAT_CANCEL);
	l->state = LEAVE_CANCEL;
	dp->mover->active = true;
}

void dp_leave_cancelling(struct dp *dp, u64 now)
{
	const struct dp_leave *l = &dp->mover->leave;

	if (!l->left)
		dp_leave_ended(dp, -ECANCELED, now);
	else if (dp_leave_pass(dp, come_back, TCP_LINES_TELL) &&
		 !dp_leave_complete(dp))
		dp_leave_begin_pass(dp);
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
	l->nout = l->nasked = 0;
}
