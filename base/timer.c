/* SPDX-License-Identifier: MIT */
/*
 * Where a timer hangs: at the level of the highest byte in which its tick and
 * the wheel's differ, in the slot that this byte says.
 *
 *   wheel at  12 34 56 78
 *   timer at  12 34 56 9a   level 0, slot 9a
 *   timer at  12 40 00 00   level 2, slot 40
 *
 * Hence every timer of a level comes before those of the level above, and
 * occupied slots lie behind the wheel's own byte: one look at the bitmaps
 * finds the next. When the wheel enters a slot of an upper level, its timers
 * move down. Level 3 goes round.
 */
#include "base/timer.h"

void wheel_init(struct wheel *w, u64 now)
{
	w->tick = tick_of(now);
	w->count = 0;
	for (int l = 0; l < WHEEL_LEVELS; l++) {
		for (int i = 0; i < WHEEL_SLOTS / 64; i++)
			w->busy[l][i] = 0;
		for (int i = 0; i < WHEEL_SLOTS; i++)
			list_init(&w->slots[l][i]);
	}
}

static void place(struct wheel *w, struct timer *t)
{
	u32 differ = t->expires ^ w->tick;

	t->level = differ ? (31 - __builtin_clz(differ)) / 8 : 0;
	t->slot = t->expires >> 8 * t->level;
	w->busy[t->level][t->slot / 64] |= 1ull << t->slot % 64;
	list_add_tail(&w->slots[t->level][t->slot], &t->node);
}

/* Also right for a timer in wheel_run()'s list of those due: the slot that it
 * came from is looked at as it is now. */
static void unplace(struct wheel *w, struct timer *t)
{
	list_del(&t->node);
	if (list_empty(&w->slots[t->level][t->slot]))
		w->busy[t->level][t->slot / 64] &= ~(1ull << t->slot % 64);
}

void timer_set(struct wheel *w, struct timer *t, u32 expires)
{
	if (timer_is_set(t))
		unplace(w, t);
	else
		w->count++;
	t->expires = tick_before(expires, w->tick) ? w->tick : expires;
	place(w, t);
}

void timer_cancel(struct wheel *w, struct timer *t)
{
	if (!timer_is_set(t))
		return;
	unplace(w, t);
	w->count--;
}

/* First occupied slot >= @from, or WHEEL_SLOTS. */
static u32 next_busy(const u64 busy[WHEEL_SLOTS / 64], u32 from)
{
	u64 mask = ~0ull << from % 64;

	for (u32 i = from / 64; i < WHEEL_SLOTS / 64; i++, mask = ~0ull) {
		if (busy[i] & mask)
			return i * 64 + __builtin_ctzll(busy[i] & mask);
	}
	return WHEEL_SLOTS;
}

/* The slot that comes next, and the first tick in it; false: none does. */
static bool next_slot(const struct wheel *w, u32 *level, u32 *slot, u32 *tick)
{
	u32 own;

	if (!w->count)
		return false;
	*level = 0;
	*slot = next_busy(w->busy[0], w->tick & 255);
	while (*slot == WHEEL_SLOTS && *level < WHEEL_LEVELS - 1) {
		++*level;
		*slot = next_busy(w->busy[*level], w->tick >> 8 * *level & 255);
	}
	if (*slot == WHEEL_SLOTS)
		*slot = next_busy(w->busy[*level], 0);
	own = w->tick >> 8 * *level;
	*tick = (own + (u8)(*slot - own)) << 8 * *level;
	return *slot != WHEEL_SLOTS;
}

/* Takes all timers before @end off the wheel, into @due, in order. Each counts
 * as set until it runs. None is looked at here: with many they are in no cache,
 * and each says where the next one is. */
static void collect(struct wheel *w, struct list *due, u32 end)
{
	struct list moving, *node;
	u32 level, slot, tick;

	while (next_slot(w, &level, &slot, &tick)) {
		/* An upper slot that begins at @end is entered, too. */
		if (tick_before(end, tick) || (tick == end && !level))
			break;
		w->tick = tick;
		w->busy[level][slot / 64] &= ~(1ull << slot % 64);
		if (!level) {
			list_splice(due, &w->slots[0][slot]);
			continue;
		}
		list_init(&moving);
		list_splice(&moving, &w->slots[level][slot]);
		while ((node = list_pop(&moving)))
			place(w, container_of(node, struct timer, node));
	}
	w->tick = end;
}

/* Timers that are due leave the wheel before any of them runs: what a handler
 * sets goes behind @now, and cannot keep this loop alive. */
void wheel_run(struct wheel *w, void *arg, u64 now)
{
	u32 end = tick_of(now) + 1;
	struct list due, *node;

	if (!tick_before(w->tick, end) && w->count)
		return;
	list_init(&due);
	collect(w, &due, end);
	while ((node = list_pop(&due))) {
		struct timer *t = container_of(node, struct timer, node);

		w->count--;
		w->fire[t->kind](arg, t, now);
	}
}

u64 wheel_next(const struct wheel *w, u64 now)
{
	u32 level, slot, tick;

	if (!next_slot(w, &level, &slot, &tick))
		return UINT64_MAX;
	if (!tick_before(tick_of(now), tick))
		return 0;
	return ((u64)(tick - tick_of(now)) << TICK_SHIFT) -
	       (now & ((1u << TICK_SHIFT) - 1));
}
