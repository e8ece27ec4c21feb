/* SPDX-License-Identifier: MIT */
/* The controller of one dataplane: see policy.h. */
#include "cp/policy.h"

#include <string.h>

#include "dom/host/load.h"

enum {
	SATURATED = 970, /* permille busy: who can tell how much it lacks */
	/* On average, permille: below, waiting is not for want of cores, but
	 * for what one thread has too much of, or for the application. */
	LOADED = 400,
	CONTENT = 16,	/* holds without a regret */
	MOST_HOLD = 64, /* times the usual one */
};

/* A step down is regretted for so long, or for as many holds. */
#define REGRET_NS 4000000000ull
#define REGRET_HOLDS 8

static const struct policy_tuning *tuning(const struct policy *p)
{
	return &policy_tunings[p->want.kind];
}

/* ---- what is measured */

static bool saturated(const struct policy *p, const struct policy_thread *t)
{
	return t->busy >= SATURATED ||
	       (p->want.batch > 1 && t->batch >= p->want.batch);
}

/* Thousandths of a core at full speed. A saturated thread would use more if it
 * had it: counted twice. */
static u32 demand(const struct policy *p, const struct policy_load *l)
{
	const struct policy_step *s = &p->step[p->at];
	u64 full = p->step[p->nsteps - 1].khz, busy = 0;

	for (u32 i = 0; i < l->n; i++) {
		const struct policy_thread *t = &l->thread[i];

		busy += saturated(p, t) ? 2 * max(t->busy, (u32)SATURATED)
					: t->busy;
	}
	return (u32)(full ? busy * s->khz / full : busy);
}

static u32 worst_delay(const struct policy_load *l)
{
	u32 most = 0;

	for (u32 i = 0; i < l->n; i++)
		most = max(most, l->thread[i].delay_us);
	return most;
}

static u32 mean_busy(const struct policy_load *l)
{
	u32 sum = 0;

	for (u32 i = 0; i < l->n; i++)
		sum += l->thread[i].busy;
	return l->n ? sum / l->n : 0;
}

/* Who is late, though cores are busy, would use all that there is. */
static u32 wanted(const struct policy *p, const struct policy_load *l)
{
	u32 need = demand(p, l);

	if (worst_delay(l) <= p->want.target_us || mean_busy(l) <= LOADED)
		return need;
	return max(need, policy_capacity(p, p->at));
}

/* ---- what was needed of late */

static bool overrun(const struct policy *p, const struct policy_load *l)
{
	u32 n = 0;

	for (u32 i = 0; i < l->n; i++)
		n += saturated(p, &l->thread[i]);
	return n * 2 > l->n;
}

/* The least of the last intervals: chance gives one of them more than another,
 * which comes to nothing. Not so when most threads have too much. */
static u32 lasting(struct policy *p, const struct policy_load *l, u32 need)
{
	u32 least = need;

	memmove(p->last + 1, p->last, sizeof(p->last) - sizeof(p->last[0]));
	p->last[0] = need;
	if (overrun(p, l))
		return need;
	for (u32 i = 1; i < tuning(p)->lasts; i++)
		least = min(least, p->last[i]);
	return least;
}

static void age(struct policy *p, u64 now)
{
	u64 width = p->hold / POLICY_PEAKS;

	while (now - p->peak_at >= width) {
		memmove(p->peak + 1, p->peak,
			sizeof(p->peak) - sizeof(p->peak[0]));
		p->peak[0] = 0;
		p->peak_at += width;
	}
}

static u32 peak(const struct policy *p)
{
	u32 most = 0;

	for (u32 i = 0; i < POLICY_PEAKS; i++)
		most = max(most, p->peak[i]);
	return most;
}

/* ---- steps */

/* The first step that has @need, or the last one. */
static u32 enough(const struct policy *p, u64 need)
{
	u32 i = 0;

	while (i + 1 < p->nsteps && policy_capacity(p, i) < need)
		i++;
	return i;
}

/* What had waited before the last step up is being worked off. */
static bool recovers(const struct policy *p, u32 delay_us, u64 now)
{
	return p->changed_at != p->down_at && delay_us < p->delay_us &&
	       now - p->changed_at < tuning(p)->hold;
}

static void up(struct policy *p, u32 to, u64 now)
{
	u64 regret = max(REGRET_NS, REGRET_HOLDS * p->hold);

	if (p->down_at && now - p->down_at < regret) {
		p->hold = min(2 * p->hold, MOST_HOLD * tuning(p)->hold);
		p->regretted_at = now;
		p->down_at = 0;
	}
	p->at = to;
	p->changed_at = now;
}

static void down(struct policy *p, u32 to, u64 now)
{
	if (now - p->regretted_at > CONTENT * p->hold)
		p->hold = max(p->hold / 2, tuning(p)->hold);
	p->at = to;
	p->changed_at = p->down_at = now;
}

struct policy_step policy_decide(struct policy *p, const struct policy_load *l,
				 u64 now)
{
	u32 delay_us = worst_delay(l), need = lasting(p, l, wanted(p, l)), to;

	age(p, now);
	p->peak[0] = max(p->peak[0], need);
	to = enough(p, (u64)need * 1000 / tuning(p)->up);
	if (to > p->at && !recovers(p, delay_us, now)) {
		up(p, to, now);
	} else if (to <= p->at && now - p->changed_at >= p->hold) {
		to = enough(p, (u64)peak(p) * 1000 / tuning(p)->down);
		if (to < p->at)
			down(p, to, now);
	}
	p->delay_us = delay_us;
	return p->step[p->at];
}

bool policy_calm(const struct policy *p, const struct policy_load *l)
{
	return !p->at && mean_busy(l) < LOAD_CALM;
}

void policy_init(struct policy *p, const struct policy_want *w, u64 now)
{
	*p = (struct policy){ .want = *w };
	policy_ladder(p);
	p->at = p->nsteps - 1;
	p->hold = tuning(p)->hold;
	p->changed_at = p->peak_at = p->regretted_at = now;
}

void policy_change(struct policy *p, const struct policy_want *w, u64 now)
{
	u32 had = policy_capacity(p, p->at);

	policy_init(p, w, now);
	p->at = enough(p, had);
}
