/* SPDX-License-Identifier: MIT */
/*
 * User timers. Each running timer has a slot; the dataplane's timer carries
 * slot and generation as its cookie, so that an expiry that crosses with a
 * cancellation is recognised. Setting and cancelling only mark the slot: what
 * remains of both before the crossing becomes calls there.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/ixev/priv.h"

enum { MIN_SLOTS = 64, MAX_SLOTS = 1 << 24 };

/* The dataplane's timers reach 9 hours: longer ones go in steps. */
#define STEP_NS (8ull * 3600 * 1000000000)

static bool grow(struct ixev_thread *t)
{
	uint32_t n = t->ntslots ? t->ntslots * 2 : MIN_SLOTS;
	uint32_t first = t->ntslots ? t->ntslots : 1, i;
	struct ixev_tslot *s;

	if (n > MAX_SLOTS)
		return false;
	s = realloc(t->tslots, n * sizeof(*s));
	if (!s)
		return false;
	t->tslots = s;
	memset(s + t->ntslots, 0, (n - t->ntslots) * sizeof(*s));
	for (i = n; i-- > first;) {
		s[i].next = t->tslot_free;
		t->tslot_free = i;
	}
	t->ntslots = n;
	return true;
}

static struct ixev_tslot *slot_of(struct ixev_thread *t, uint64_t cookie)
{
	uint32_t i = (uint32_t)cookie;

	if (!i || i >= t->ntslots ||
	    t->tslots[i].gen != (uint32_t)(cookie >> 32))
		return NULL;
	return &t->tslots[i];
}

static void slot_work(struct ixev_thread *t, struct ixev_tslot *s)
{
	if (s->work)
		return;
	s->work = true;
	s->next = t->tslot_work;
	t->tslot_work = (uint32_t)(s - t->tslots);
}

static void slot_free(struct ixev_thread *t, struct ixev_tslot *s)
{
	s->gen++;
	s->timer = NULL;
	s->next = t->tslot_free;
	t->tslot_free = (uint32_t)(s - t->tslots);
}

int ixev_timer_init(struct ixev_timer *t, ixev_timer_handler_t h, void *arg)
{
	t->handler = h;
	t->arg = arg;
	t->timer_id = 0;
	return 1;
}

int ixev_timer_add_ns(struct ixev_timer *timer, uint64_t ns)
{
	struct ixev_thread *t = ixev_self();
	struct ixev_tslot *s;

	if (!t)
		return -EINVAL;
	if (!timer->timer_id) {
		if (!t->tslot_free && !grow(t))
			return -ENOMEM;
		s = &t->tslots[t->tslot_free];
		timer->timer_id = (int)t->tslot_free;
		t->tslot_free = s->next;
		s->timer = timer;
	} else {
		s = &t->tslots[timer->timer_id];
	}
	s->delay = ns;
	s->want = true;
	slot_work(t, s);
	return 0;
}

int ixev_timer_add(struct ixev_timer *timer, struct timeval tv)
{
	return ixev_timer_add_ns(timer, (uint64_t)tv.tv_sec * 1000000000 +
						(uint64_t)tv.tv_usec * 1000);
}

void ixev_timer_cancel(struct ixev_timer *timer)
{
	struct ixev_thread *t = ixev_self();
	struct ixev_tslot *s;

	if (!t || !timer->timer_id)
		return;
	s = &t->tslots[timer->timer_id];
	timer->timer_id = 0;
	s->timer = NULL;
	s->want = false;
	slot_work(t, s);
}

static uint64_t cookie_of(const struct ixev_thread *t,
			  const struct ixev_tslot *s)
{
	return (uint64_t)s->gen << 32 | (uint64_t)(s - t->tslots);
}

static void slot_push(struct ixev_thread *t, struct ixev_tslot *s)
{
	struct ix_call *c;

	if (s->set) {
		s->set = false;
		s->gen++; /* an expiry that is under way is void */
		c = ixev_call(t, IX_TIMER_CANCEL, 0);
		c->handle = s->handle;
	}
	if (!s->timer) {
		slot_free(t, s);
	} else if (s->want) {
		s->want = false;
		c = ixev_call(t, IX_TIMER_SET, 0);
		c->cookie = cookie_of(t, s);
		s->step = s->delay < STEP_NS ? s->delay : STEP_NS;
		s->delay -= s->step;
		c->delay = s->step;
	}
}

void ixev_timer_push(struct ixev_thread *t)
{
	struct ixev_tslot *s;

	/* what results put on the list again waits for the next time */
	uint32_t list = t->tslot_work;

	t->tslot_work = 0;
	while (list) {
		s = &t->tslots[list];
		list = s->next;
		s->work = false;
		slot_push(t, s);
	}
}

void ixev_timer_result(struct ixev_thread *t, uint64_t cookie, int64_t result)
{
	struct ixev_tslot *s = slot_of(t, cookie);

	if (!s)
		return;
	if (result >= 0) {
		s->set = true;
		s->handle = (uint64_t)result;
	} else { /* none free: try again after other timers have run */
		s->delay += s->step;
		s->want = true;
		slot_work(t, s);
	}
}

void ixev_on_timer(struct ixev_thread *t, uint64_t cookie)
{
	struct ixev_tslot *s = slot_of(t, cookie);
	struct ixev_timer *timer = s ? s->timer : NULL;

	if (!s)
		return;
	s->set = false;
	if (s->work) /* cancelled or set anew by a handler before this one */
		return;
	if (unlikely(s->delay)) {
		s->want = true;
		slot_work(t, s);
		return;
	}
	slot_free(t, s);
	if (!timer)
		return;
	timer->timer_id = 0;
	timer->handler(timer->arg);
}
