/* SPDX-License-Identifier: MIT */
/*
 * How many cores a dataplane is to have, and how fast: decided from what its
 * counters say of each interval. Pure functions: time and loads are arguments.
 *
 *   policy.c         the controller: what is needed, steps up and down
 *   policy_ladder.c  what a policy may choose from, and how it is tuned
 *   policy_share.c   several dataplanes: who gets which core
 *
 * A policy is a ladder of steps, each with more capacity than the one before:
 * up at once, when what is measured does not fit or waits too long (policy
 * background: in each of some intervals, or on most threads); down when the
 * most of the last `hold` would have fitted below.
 *
 *   cores
 *     4            ____________
 *     3           |            |
 *     2        ___|            |____ the most of the last hold fits here
 *     1  _____|                .
 *             ^  ^             .
 *   saturated, so twice as much;  <-- hold -->
 *   and again
 *
 * No flapping: a step down that was soon regretted makes the next hold twice as
 * long; a long time without one, half as long again.
 */
#ifndef CP_POLICY_H
#define CP_POLICY_H

#include "base/types.h"
#include "ix/abi.h"

enum policy_kind {
	POLICY_LATENCY,	   /* the target, with as few cores as hold it */
	POLICY_ENERGY,	   /* as few as possible, slow ones first */
	POLICY_BACKGROUND, /* cores go to background work whenever they can */
	POLICY_FIXED,	   /* all that it may have */
	POLICY_KINDS
};

/* "latency", ...; NULL: there is none. */
const char *policy_name(enum policy_kind kind);
/* POLICY_KINDS: there is none called so. */
enum policy_kind policy_find(const char *name);

/* ---- policy.c */

/* What an elastic thread's counters say of an interval. */
struct policy_thread {
	u32 busy;     /* permille of the interval that it was not idle */
	u32 delay_us; /* that 99 in 100 packets waited at most */
	u32 batch;    /* packets an iteration, of those that received some */
};

struct policy_load {
	u32 n; /* threads that own flow groups */
	struct policy_thread thread[IX_MAX_THREADS];
};

/* A core's frequency; 0: left as it is. */
struct policy_step {
	u32 cores, khz;
};

enum { POLICY_FREQS = 16, POLICY_STEPS = IX_MAX_THREADS + POLICY_FREQS };

struct policy_want {
	enum policy_kind kind;
	u32 min_cores, max_cores; /* 1 to IX_MAX_THREADS */
	u32 target_us;		  /* of delay_us */
	u32 batch;		  /* a thread's bound */
	u32 nkhz; /* frequencies to choose from, ascending; 0: none */
	u32 khz[POLICY_FREQS];
};

enum { POLICY_PEAKS = 8, POLICY_LAST = 3 };

struct policy {
	struct policy_want want;
	u32 nsteps, at; /* at: the step that is in force */
	struct policy_step step[POLICY_STEPS];

	u64 hold;		/* ns */
	u64 changed_at;		/* ns: the last step, up or down */
	u64 down_at;		/* ns: the last one down; 0: none */
	u64 regretted_at;	/* ns: the last one down that was a mistake */
	u64 peak_at;		/* ns: peak[0] began */
	u32 peak[POLICY_PEAKS]; /* thousandths of a core, youngest first */
	u32 last[POLICY_LAST];	/* what was needed, youngest first */
	u32 delay_us;		/* of the interval before */
};

/* Begins at the highest step: what a dataplane starts with. */
void policy_init(struct policy *p, const struct policy_want *w, u64 now);

/* Another policy or other limits for one that runs: goes on from a step of as
 * much capacity. */
void policy_change(struct policy *p, const struct policy_want *w, u64 now);

/* What is to be in force after an interval with @load that ended @now. */
struct policy_step policy_decide(struct policy *p, const struct policy_load *l,
				 u64 now);

/* At its lowest step, and with next to nothing to do: it may be looked at more
 * seldom. */
bool policy_calm(const struct policy *p, const struct policy_load *l);

/* ---- policy_ladder.c */

struct policy_tuning {
	u32 up;	   /* permille busy: above, more capacity */
	u32 down;  /* below which the threads would stay a step down */
	u32 lasts; /* intervals in a row that have too little: more capacity */
	u64 hold;  /* ns */
};

extern const struct policy_tuning policy_tunings[POLICY_KINDS];

/* p->step from p->want. */
void policy_ladder(struct policy *p);

/* Thousandths of a core at full speed. */
u32 policy_capacity(const struct policy *p, u32 step);

/* ---- policy_share.c */

enum { POLICY_CORES = 1024 }; /* numbers of cores */

struct core_set {
	u64 w[POLICY_CORES / 64];
};

static inline bool core_has(const struct core_set *s, u32 core)
{
	return s->w[core / 64] >> core % 64 & 1;
}

static inline void core_add(struct core_set *s, u32 core)
{
	s->w[core / 64] |= 1ull << core % 64;
}

/* A dataplane's part: of its threads the first so many run. */
struct policy_claim {
	u32 want, min;
	u32 has;	 /* now */
	u32 priority;	 /* the higher goes first */
	u32 n;		 /* of core[] */
	const u16 *core; /* of each thread */
	u32 given;	 /* the result */
};

/* First everybody's minimum, then by priority; among equals who has a core
 * keeps it, and what is free goes around. No core is given twice. */
void policy_share(struct policy_claim *c, u32 n);

/* How many of the cores of c[i] it may use now: those that the others, who may
 * not have given theirs back yet, do not have. At most its part. */
u32 policy_may_use(const struct policy_claim *c, u32 n, u32 i);

#endif
