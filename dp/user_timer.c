/* SPDX-License-Identifier: MIT */
/*
 * The application's timers, each used once:
 *
 *	free -> set (on the wheel) -> due (on timers_due) -> told -> free
 *	          \-------------------- cancelled ----------------/
 */
#include "base/errno.h"
#include "dp/dp.h"

/* Within the wheel's reach of 9.7 hours. */
#define DELAY_MAX_NS (9ull * 3600 * 1000000000)

void dp_user_timers_init(struct dp *dp)
{
	list_init(&dp->timers_due);
	for (u32 i = dp->conf.max_timers; i > 0; i--) {
		struct user_timer *u = &dp->timers[i - 1];

		timer_init(&u->timer, TIMER_USER);
		u->next = dp->timer_free;
		dp->timer_free = ref32(i - 1);
	}
}

static u64 handle_of(const struct dp *dp, const struct user_timer *u)
{
	return handle_make(HANDLE_TIMER, u->gen, (u32)(u - dp->timers));
}

static struct user_timer *find(struct dp *dp, u64 handle)
{
	u32 index = (u32)handle;
	struct user_timer *u;

	if (index >= dp->conf.max_timers)
		return NULL;
	u = &dp->timers[index];
	return handle == handle_of(dp, u) && u->state != USER_TIMER_FREE ? u
									 : NULL;
}

static void put(struct dp *dp, struct user_timer *u)
{
	u->gen++;
	u->state = USER_TIMER_FREE;
	u->next = dp->timer_free;
	dp->timer_free = ref32((u32)(u - dp->timers));
}

/* Rounded up to a tick: never early. */
s64 dp_user_timer_set(struct dp *dp, u64 cookie, u64 delay, u64 now)
{
	const u64 round_up = (1ull << TICK_SHIFT) - 1;
	struct user_timer *u;

	if (delay > DELAY_MAX_NS)
		return -EINVAL;
	if (!dp->timer_free.raw)
		return -ENOBUFS;
	u = &dp->timers[ref32_index(dp->timer_free)];
	dp->timer_free = u->next;
	u->cookie = cookie;
	u->state = USER_TIMER_SET;
	timer_set(&dp->net.wheel, &u->timer, tick_of(now + delay + round_up));
	return (s64)handle_of(dp, u);
}

static void cancel(struct dp *dp, struct user_timer *u)
{
	if (u->state == USER_TIMER_SET)
		timer_cancel(&dp->net.wheel, &u->timer);
	else
		list_del(&u->timer.node);
	put(dp, u);
}

int dp_user_timer_cancel(struct dp *dp, u64 handle)
{
	struct user_timer *u = find(dp, handle);

	if (!u)
		return -EBADF;
	cancel(dp, u);
	return 0;
}

void dp_user_timers_cancel(struct dp *dp)
{
	for (u32 i = 0; i < dp->conf.max_timers; i++) {
		if (dp->timers[i].state != USER_TIMER_FREE)
			cancel(dp, &dp->timers[i]);
	}
}

void dp_user_timer_fire(void *net, struct timer *t, u64 now)
{
	struct dp *dp = container_of((struct net *)net, struct dp, net);
	struct user_timer *u = container_of(t, struct user_timer, timer);

	u->state = USER_TIMER_DUE;
	list_add_tail(&dp->timers_due, &t->node);
}

bool dp_user_timer_due(struct dp *dp, u64 *cookie, u64 *handle)
{
	struct list *n = list_pop(&dp->timers_due);
	struct user_timer *u;

	if (likely(!n))
		return false;
	u = container_of(n, struct user_timer, timer.node);
	*cookie = u->cookie;
	*handle = handle_of(dp, u);
	put(dp, u);
	return true;
}
