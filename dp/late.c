/* SPDX-License-Identifier: MIT */
#include "dp/late.h"

enum { PARTS_MOST = 32 }; /* descriptors of a packet, and more */

/* While the NIC has, or is to have, what it has not read, reception leaves all
 * events to dp_events(). */
void dp_late_begin(struct dp *dp)
{
	dp->late_left = dp->net.ntx;
	dp->late_now =
		dp->late_left || (s32)(dp->nic->nr_put - dp->nic->nr_done) > 0;
	if (dp->late_now)
		dp->net.event_end = NULL;
}

static bool is_read(const struct dp *dp, const struct dp_late *l)
{
	return !dp->late_now || (s32)(dp->nic->nr_done - l->mark) >= 0;
}

/* What the NIC has not taken yet counts, too. */
static void wait_from_now(struct dp *dp, struct dp_late *l,
			  const struct tcp_conn *c)
{
	*l = (struct dp_late){
		.handle = c->handle,
		.una = c->snd_una,
		.mark = dp->nic->nr_put + dp->late_left * PARTS_MOST,
		.dead = c->events & TCP_EV_DEAD,
	};
}

static struct dp_held hold_all(const struct tcp_conn *c)
{
	return (struct dp_held){ c->acked,
				 c->events & (TCP_EV_SENT | TCP_EV_DEAD) };
}

/* Of the acknowledged bytes those that have waited long enough are told. */
static struct dp_held hold_new(struct dp *dp, struct dp_late *l,
			       const struct tcp_conn *c)
{
	u32 since = c->snd_una - l->una;
	bool waits = l->handle == c->handle && since <= c->acked;

	if (waits && !is_read(dp, l))
		return hold_all(c);
	if (!waits)
		since = c->acked;
	if (since)
		wait_from_now(dp, l, c);
	if (since && is_read(dp, l))
		since = 0;
	return (struct dp_held){ since, since ? TCP_EV_SENT : 0 };
}

static struct dp_held hold_dead(struct dp *dp, struct dp_late *l,
				const struct tcp_conn *c)
{
	if (l->handle != c->handle || !l->dead)
		wait_from_now(dp, l, c);
	if (is_read(dp, l))
		return (struct dp_held){ 0 };
	return hold_all(c);
}

struct dp_held dp_late_hold(struct dp *dp, struct tcp_conn *c)
{
	u32 index = handle_index(c->handle) % dp->conf.net.tcp.max_conns;
	struct dp_late *l = &dp->late[index];
	struct dp_held h = { 0 };

	if (c->events & TCP_EV_DEAD)
		h = hold_dead(dp, l, c);
	else if (c->acked)
		h = hold_new(dp, l, c);
	c->acked -= h.acked;
	c->events &= (u8) ~(h.events & TCP_EV_DEAD);
	if (!c->acked)
		c->events &= (u8)~TCP_EV_SENT;
	return h;
}
