/* SPDX-License-Identifier: MIT */
/* Several dataplanes: who gets which core. */
#include "cp/policy.h"

/* One more, if its next thread's core is nobody's. */
static bool give(struct policy_claim *c, struct core_set *taken)
{
	u16 core;

	if (c->given == c->n)
		return false;
	core = c->core[c->given];
	if (core_has(taken, core))
		return false;
	core_add(taken, core);
	c->given++;
	return true;
}

/* The highest priority below @below; 0: none, but that of who has 0. */
static u32 next_priority(const struct policy_claim *c, u32 n, u64 below)
{
	u32 most = 0;

	for (u32 i = 0; i < n; i++)
		if (c[i].priority < below)
			most = max(most, c[i].priority);
	return most;
}

/* To those of @priority: what they have first, then what is left goes around
 * one by one. */
static void level(struct policy_claim *c, u32 n, u32 priority,
		  struct core_set *taken)
{
	bool more = true;

	for (u32 i = 0; i < n; i++)
		while (c[i].priority == priority &&
		       c[i].given < min(c[i].want, c[i].has) &&
		       give(&c[i], taken))
			;
	while (more) {
		more = false;
		for (u32 i = 0; i < n; i++)
			more |= c[i].priority == priority &&
				c[i].given < c[i].want && give(&c[i], taken);
	}
}

void policy_share(struct policy_claim *c, u32 n)
{
	struct core_set taken = { 0 };
	u64 priority = UINT64_MAX;

	for (u32 i = 0; i < n; i++) {
		c[i].given = 0;
		while (c[i].given < c[i].min && give(&c[i], &taken))
			;
	}
	do {
		priority = next_priority(c, n, priority);
		level(c, n, (u32)priority, &taken);
	} while (priority);
}

u32 policy_may_use(const struct policy_claim *c, u32 n, u32 i)
{
	struct core_set taken = { 0 };
	u32 may = 0;

	for (u32 j = 0; j < n; j++)
		for (u32 k = 0; j != i && k < c[j].has; k++)
			core_add(&taken, c[j].core[k]);
	while (may < c[i].given && !core_has(&taken, c[i].core[may]))
		may++;
	return may;
}
