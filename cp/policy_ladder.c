/* SPDX-License-Identifier: MIT */
/*
 * What each policy may choose from, lowest first:
 *
 *   latency, background   cores, at the frequency that they have
 *   energy                cores at the lowest frequency; when there are no
 *                         more, all of them at higher ones
 *   fixed                 one step: all
 */
#include "cp/policy.h"

#include <string.h>

enum { MS = 1000000 };

/* Background work is to get cores soon and to keep them. That leaves the server
 * so little room that by chance it has too little in one interval in a hundred:
 * what does not last takes no core away. Energy is saved by little room. */
const struct policy_tuning policy_tunings[POLICY_KINDS] = {
	[POLICY_LATENCY] = { .up = 800,
			     .down = 650,
			     .lasts = 1,
			     .hold = 500 * MS },
	[POLICY_ENERGY] = { .up = 900,
			    .down = 750,
			    .lasts = 1,
			    .hold = 500 * MS },
	[POLICY_BACKGROUND] = { .up = 880,
				.down = 800,
				.lasts = 3,
				.hold = 250 * MS },
	[POLICY_FIXED] = { .up = 1000,
			   .down = 1,
			   .lasts = 1,
			   .hold = 500 * MS },
};

static const char *const names[POLICY_KINDS] = {
	[POLICY_LATENCY] = "latency",
	[POLICY_ENERGY] = "energy",
	[POLICY_BACKGROUND] = "background",
	[POLICY_FIXED] = "fixed",
};

const char *policy_name(enum policy_kind kind)
{
	return kind < POLICY_KINDS ? names[kind] : NULL;
}

enum policy_kind policy_find(const char *name)
{
	for (u32 i = 0; i < POLICY_KINDS; i++)
		if (!strcmp(names[i], name))
			return (enum policy_kind)i;
	return POLICY_KINDS;
}

static void add(struct policy *p, u32 cores, u32 khz)
{
	p->step[p->nsteps++] = (struct policy_step){ cores, khz };
}

void policy_ladder(struct policy *p)
{
	const struct policy_want *w = &p->want;
	u32 nkhz = w->kind == POLICY_ENERGY ? w->nkhz : 0, cores = w->min_cores;

	p->nsteps = 0;
	if (w->kind == POLICY_FIXED)
		cores = w->max_cores;
	for (; cores <= w->max_cores; cores++)
		add(p, cores, nkhz ? w->khz[0] : 0);
	for (u32 i = 1; i < nkhz; i++)
		add(p, w->max_cores, w->khz[i]);
}

u32 policy_capacity(const struct policy *p, u32 step)
{
	const struct policy_step *s = &p->step[step];
	u64 full = p->step[p->nsteps - 1].khz;

	return full ? (u32)(1000ull * s->cores * s->khz / full)
		    : 1000 * s->cores;
}
