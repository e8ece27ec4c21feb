/* SPDX-License-Identifier: MIT */
/*
 * Hierarchical timer wheel, one per elastic thread. Time is counted in ticks
 * of 2^14 ns (16.4 us), in 32 bits: 19.5 hours; a timer may be set at most
 * half of that ahead.
 *
 *   level 0:  256 slots of      1 tick      4.2 ms
 *   level 1:  256 slots of    256 ticks     1.07 s
 *   level 2:  256 slots of  65536 ticks     275 s
 *   level 3:  256 slots of 2^24 ticks       19.5 h
 *
 * Setting and cancelling is O(1); a bitmap per level finds the next occupied
 * slot, so that a long sleep costs nothing to catch up with.
 */
#ifndef BASE_TIMER_H
#define BASE_TIMER_H

#include "base/list.h"

enum {
	TICK_SHIFT = 14,
	WHEEL_LEVELS = 4,
	WHEEL_SLOTS = 256,
	WHEEL_KINDS = 7, /* of timers: one handler each */
};

static inline u32 tick_of(u64 now)
{
	return (u32)(now >> TICK_SHIFT);
}

/* Ticks in @us microseconds, rounded up, at least one. */
static inline u32 ticks_of_us(u64 us)
{
	return (u32)((us * 1000 + (1u << TICK_SHIFT) - 1) >> TICK_SHIFT) + !us;
}

/* Is tick @a before @b, across the wrap? */
static inline bool tick_before(u32 a, u32 b)
{
	return (s32)(a - b) < 0;
}

struct timer {
	struct list node; /* linked to itself while not set */
	u32 expires;	  /* tick */
	u8 kind;	  /* which handler */
	u8 level;	  /* its place in the wheel */
	u8 slot;
	u8 pad;
};

struct wheel;

/* Called with the timer already unlinked: it may be set again or freed, and
 * any other timer set or cancelled. @arg: given to wheel_run(). */
typedef void timer_fn(void *arg, struct timer *t, u64 now);

struct wheel {
	u32 tick;  /* all timers before this one have run */
	u32 count; /* timers set */
	timer_fn *fire[WHEEL_KINDS];
	u64 busy[WHEEL_LEVELS][WHEEL_SLOTS / 64];
	struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *w, u64 now);

static inline void timer_init(struct timer *t, u8 kind)
{
	list_init(&t->node);
	t->kind = kind;
}

static inline bool timer_is_set(const struct timer *t)
{
	return !list_empty(&t->node);
}

/* Sets or moves @t to run at tick @expires, at the earliest in the next
 * wheel_run() that reaches it. A tick already past runs at the next one. */
void timer_set(struct wheel *w, struct timer *t, u32 expires);

/* Harmless if not set. */
void timer_cancel(struct wheel *w, struct timer *t);

/* Runs everything due at @now (ns), in order of expiry ticks. */
void wheel_run(struct wheel *w, void *arg, u64 now);

/* ns from @now until the next timer can be due (never later than the true
 * one, perhaps earlier); UINT64_MAX when none is set. */
u64 wheel_next(const struct wheel *w, u64 now);

#endif
