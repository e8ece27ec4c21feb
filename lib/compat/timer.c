/* SPDX-License-Identifier: MIT */
/* Timers: made by a crossing of their own, as in the original. */
#include <stdlib.h>

#include "lib/compat/priv.h"

int ix_compat_timer_init(void *addr)
{
	struct compat *t = compat_self();
	struct timer *more;

	if (!t || t->ntimers == INT_MAX)
		return -RET_INVAL;
	more = realloc(t->timers, (t->ntimers + 1) * sizeof(*more));
	if (!more)
		return -RET_NOMEM;
	t->timers = more;
	more[t->ntimers] = (struct timer){ .cookie = (uintptr_t)addr };
	return (int)t->ntimers++;
}

int ix_compat_timer_ctl(int timer_id, uint64_t delay_us)
{
	struct compat *t = compat_self();
	struct timer *timer;
	uint64_t cookie;
	int i;

	if (!t || timer_id < 0 || (uint32_t)timer_id >= t->ntimers ||
	    delay_us > UINT64_MAX / 1000)
		return -RET_INVAL;
	timer = &t->timers[timer_id];
	if (timer->set) {
		compat_room(t, 0);
		i = ix_timer_cancel(t->ix, timer->handle);
		compat_pend(t, i, IX_TIMER_CANCEL, NULL, NULL);
	}
	timer->gen++; /* an expiry that is under way is void */
	cookie = (uint64_t)timer->gen << 32 | (uint32_t)timer_id;
	compat_room(t, 0);
	i = ix_timer_set(t->ix, cookie, delay_us * 1000);
	compat_pend(t, i, IX_TIMER_SET, NULL, NULL)->timer = timer;
	if (compat_flush(t))
		return -RET_FAULT;
	return timer->set ? 0 : -RET_NOMEM;
}

void timer_result(struct timer *timer, int64_t result)
{
	timer->set = result >= 0;
	timer->handle = (uint64_t)result;
}

void timer_expired(struct compat *t, uint64_t cookie)
{
	uint32_t id = (uint32_t)cookie;
	struct timer *timer = id < t->ntimers ? &t->timers[id] : NULL;

	if (!timer || timer->gen != cookie >> 32)
		return;
	timer->set = false;
	compat_tell(t, USYS_TIMER, timer->cookie, 0, 0, 0);
}
