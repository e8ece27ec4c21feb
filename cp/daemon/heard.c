/* SPDX-License-Identifier: MIT */
/*
 * Cores of a user's dataplane follow what it says, by its keeper, of its load:
 *
 *	it                          we
 *	"on 2 cores, so busy" ----> its policy; shares
 *	                      <---- "run on 1"
 *	leaves one
 *	"on 1 core, so busy"  ----> the other is somebody else's
 *
 * It may lie. By what it says of its load it gets cores as far as its rule, its
 * priority and others allow; by what it says of its cores it can give some
 * back, and never has more than it was told to have. Nobody waits for it: who
 * says nothing, or does not do as told, has the cores that it may be on.
 */
#include "cp/daemon/cpd.h"

#include <stdio.h>

enum {
	DOES_MS = 2000,	   /* from being asked to saying that it does */
	SILENT_MS = 10000, /* without a word: no longer heard */
	LATER_MS = 1000, /* between two words of whom it does not matter now */
};

/* ---- what it says */

static void believe(struct plane *p, u32 cores)
{
	p->has = min(cores, cores_occupied(p));
	p->told = true;
	if (p->has != p->asked)
		return;
	p->asked = 0;
	p->refused = 0;
	p->why[0] = 0;
}

void heard_load(struct cpd *c, struct plane *p, const struct policy_load *l)
{
	if (p->state != PLANE_UP)
		return;
	p->heard_at = c->now;
	if (p->fixed && p->refused < CPD_REFUSALS)
		cores_follow(c, p);
	believe(p, l->n);
	p->load = *l;
	if (cores_follows(p))
		cores_decide(c, p);
}

/* ---- what it hears */

/* Who is calm says so sooner when it no longer is: dom/host/follow.c. */
u32 heard_cores(const struct plane *p, u32 *ms)
{
	bool calm = policy_calm(&p->policy, &p->load);

	*ms = LATER_MS;
	if (!cores_follows(p))
		return 0;
	if (!calm || p->asked)
		*ms = CPD_SAMPLE_MS;
	return p->asked ? p->asked : p->has;
}

void heard_ask(struct cpd *c, struct plane *p, u32 cores)
{
	p->asked = cores;
	p->ask_by = c->now + DOES_MS * (u64)CPD_MS;
}

/* ---- what it does not say */

static void give_up(struct plane *p)
{
	p->has = cores_occupied(p);
	p->asked = 0;
}

void heard_step(struct cpd *c, struct plane *p)
{
	if (p->fixed || p->state != PLANE_UP)
		return;
	if (c->now - p->heard_at >= SILENT_MS * (u64)CPD_MS) {
		give_up(p);
		p->fixed = true;
		p->load.n = 0;
	} else if (p->asked && c->now >= p->ask_by) {
		give_up(p);
		cores_refused(c, p, "does not run on the cores that it is to");
	}
}
