/* SPDX-License-Identifier: MIT */
/*
 * Policies under load, simulated: is the target met, how soon again after a
 * step, with how many cores and changes?
 *
 *	load [-v] [TRACE...]
 *
 *   arrivals      Poisson, spread over 128 flow groups by chance
 *      |
 *   core 0..n-1   a queue each; flow group g is core g mod n's
 *
 * Cores are compared with the fewest that hold the target under the same load
 * for long. A change of cores is in force after MOVE_US, and what waits is
 * dealt out anew. Requests take SERVICE_US at full speed. A trace is a file of
 * lines "ms permille", the load in thousandths of a core from then on.
 *
 * -v: a line for each interval.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/test.h"
#include "cp/policy.h"

enum {
	TICK_US = 100,
	INTERVAL_US = 10000, /* of cpd.h, and so many while it is calm: */
	CALM = 2,
	MOVE_US = 2000,
	SERVICE_US = 20,
	GROUPS = 128,
	CORES = 8,
	TARGET_US = 500,
	DELAYS = 4096, /* us that are told apart */
	TRACE = 4096,
	US_PER_MS = 1000,
};

struct trace {
	u32 n;
	struct {
		u32 ms, load;
	} e[TRACE];
};

struct scenario {
	const char *name;
	u32 (*load)(const struct scenario *s, u32 ms);
	u32 ms;
	u32 step_ms;   /* the target is met again 100 ms after this; 0: none */
	u32 most_late; /* permille of intervals */
	u32 most_changes; /* over all, after the first second */
	u32 most_cores;	  /* percent of the fewest that do it; 0: any */
	u32 least_left;	  /* permille of all cores, by policy background */
	const struct trace *trace;
};

struct core {
	u64 queue; /* us of work at full speed that waits */
	u64 idle;  /* us of this interval */
	u32 ticks, full;
	u32 delays[DELAYS];
};

struct sim {
	const struct scenario *s;
	struct policy p;
	u64 seed, us;
	u32 waited, looks; /* intervals since the last look, and between */
	u32 n;		   /* cores in force */
	u32 khz, full;	   /* of the cores; full: the fastest */
	struct policy_step next;
	u64 next_at;
	struct core core[CORES];
	/* figures */
	u32 intervals, late, changes, last_late_ms;
	u64 used, least, all; /* percent of core-intervals */
	u32 delays[DELAYS];
};

/* ---- loads, in thousandths of a core */

static u32 steady(const struct scenario *s, u32 ms)
{
	return 2500;
}

static u32 half(const struct scenario *s, u32 ms)
{
	return CORES * 1000 / 2;
}

static u32 step(const struct scenario *s, u32 ms)
{
	return ms < s->step_ms ? 500 : 5000;
}

static u32 wake(const struct scenario *s, u32 ms)
{
	return ms < s->step_ms ? 10 : 5000;
}

static u32 ramp(const struct scenario *s, u32 ms)
{
	u32 half = s->ms / 2;

	return 200 + 6000 * (ms < half ? ms : s->ms - ms) / half;
}

static u32 burst(const struct scenario *s, u32 ms)
{
	return ms % 700 < 30 ? 4000 : 400;
}

static u32 rare_burst(const struct scenario *s, u32 ms)
{
	return ms % 3000 < 30 ? 4000 : 400;
}

static u32 day(const struct scenario *s, u32 ms)
{
	return (u32)(3200 - 2800 * cos(6.2831853 * ms / (s->ms / 2)));
}

static u32 recorded(const struct scenario *s, u32 ms)
{
	const struct trace *t = s->trace;
	u32 i = 0;

	while (i + 1 < t->n && t->e[i + 1].ms <= ms)
		i++;
	return t->e[i].load;
}

/* ---- the machine */

static double uniform(struct sim *m)
{
	return (double)(test_random(&m->seed) >> 11) / 9007199254740992.0;
}

static u32 poisson(struct sim *m, double mean)
{
	double limit = exp(-mean), p = uniform(m);
	u32 n = 0;

	for (; p > limit; p *= uniform(m))
		n++;
	return n;
}

static void arrive(struct sim *m, u32 load)
{
	u32 n = poisson(m, (double)load / 1000 * TICK_US / SERVICE_US);

	while (n--) {
		u32 group = (u32)(test_random(&m->seed) % GROUPS);
		struct core *c = &m->core[group % m->n];
		u64 delay = c->queue * m->full / m->khz;

		c->delays[min(delay, (u64)DELAYS - 1)]++;
		c->queue += SERVICE_US;
	}
}

static void serve(struct sim *m)
{
	for (u32 i = 0; i < m->n; i++) {
		struct core *c = &m->core[i];
		u64 can = (u64)TICK_US * m->khz / m->full;
		u64 done = min(can, c->queue);

		c->queue -= done;
		c->idle += TICK_US - done * m->full / m->khz;
	}
}

/* What waits goes where its flow groups go. */
static void deal_out(struct sim *m, u32 n)
{
	u64 sum = 0;

	for (u32 i = 0; i < m->n; i++)
		sum += m->core[i].queue;
	for (u32 i = 0; i < CORES; i++)
		m->core[i].queue = i < n ? sum / n : 0;
	m->n = n;
}

/* ---- the best that there could be */

enum { GRID = 100, LOADS = 80, TRIAL_US = 400000, WARM_US = 100000 };

static bool holds(u32 load, u32 cores)
{
	static struct sim m;
	u32 late = 0, all = 0;

	memset(&m, 0, sizeof(m));
	m.seed = 0x7654321;
	m.n = cores;
	m.khz = m.full = 1;
	for (; m.us < TRIAL_US; m.us += TICK_US) {
		if (m.us == WARM_US)
			memset(m.core, 0, sizeof(m.core));
		arrive(&m, load);
		serve(&m);
	}
	for (u32 i = 0; i < cores; i++)
		for (u32 k = 0; k < DELAYS; k++) {
			all += m.core[i].delays[k];
			late += k > TARGET_US ? m.core[i].delays[k] : 0;
		}
	return late * 100 <= all;
}

/* Cores that hold the target under a steady load, tried once for each. */
static u32 fewest(u32 load)
{
	static u32 known[LOADS + 1];
	u32 i = min((load + GRID - 1) / GRID, (u32)LOADS);

	if (!known[i])
		for (known[i] = max(1u, i * GRID / 1000);
		     known[i] < CORES && !holds(i * GRID, known[i]);)
			known[i]++;
	return known[i];
}

/* ---- an interval */

static u32 percentile(const u32 *delays, u32 permille)
{
	u64 n = 0, seen = 0;
	u32 i = 0;

	for (u32 k = 0; k < DELAYS; k++)
		n += delays[k];
	if (!n)
		return 0;
	while ((seen += delays[i]) * 1000 < n * permille)
		i++;
	return i;
}

static void measure(struct sim *m, struct policy_load *l, u32 n)
{
	u64 length = (u64)n * INTERVAL_US;
	u32 all[DELAYS] = { 0 };

	l->n = m->n;
	for (u32 i = 0; i < CORES; i++) {
		struct core *c = &m->core[i];

		if (i < m->n)
			l->thread[i] = (struct policy_thread){
				.busy = (u32)(1000 - min(c->idle, length) *
							     1000 / length),
				.delay_us = percentile(c->delays, 990),
				.batch = 1,
			};
		for (u32 k = 0; k < DELAYS; k++) {
			all[k] += c->delays[k];
			m->delays[k] += c->delays[k];
		}
		c->idle = 0;
		memset(c->delays, 0, sizeof(c->delays));
	}
	m->intervals += n;
	if (percentile(all, 990) > TARGET_US) {
		m->late += n;
		m->last_late_ms = (u32)(m->us / US_PER_MS);
	}
}

static bool same(struct policy_step a, struct policy_step b)
{
	return a.cores == b.cores && a.khz == b.khz;
}

static void decide(struct sim *m, u32 load, u32 n, bool verbose)
{
	struct policy_load l = { 0 };
	struct policy_step s;
	u32 ms = (u32)(m->us / US_PER_MS);

	measure(m, &l, n);
	s = policy_decide(&m->p, &l, m->us * 1000);
	if (verbose)
		printf("%u ms: load %u, %u cores, busy %u, delay %u -> %u\n",
		       ms, load, m->n, l.thread[0].busy, l.thread[0].delay_us,
		       s.cores);
	if (!same(s, m->next)) {
		m->changes += ms > 1000;
		m->next = s;
		m->next_at = m->us + MOVE_US;
	}
	if (ms > 1000) {
		m->used += n * m->n * (u64)m->khz / (m->full / 100);
		m->least += n * 100 * (u64)fewest(load);
		m->all += n * 100 * (u64)CORES;
	}
	m->looks = policy_calm(&m->p, &l) ? CALM : 1;
}

static void tick(struct sim *m, bool verbose)
{
	u32 load = m->s->load(m->s, (u32)(m->us / US_PER_MS));

	if (m->next_at && m->us >= m->next_at) {
		deal_out(m, m->next.cores);
		m->khz = m->next.khz ? m->next.khz : m->full;
		m->next_at = 0;
	}
	arrive(m, load);
	serve(m);
	m->us += TICK_US;
	if (m->us % INTERVAL_US == 0 && ++m->waited >= m->looks) {
		decide(m, load, m->waited, verbose);
		m->waited = 0;
	}
}

/* ---- verdicts */

static u32 recovery(const struct sim *m)
{
	u32 step_ms = m->s->step_ms;

	return m->last_late_ms > step_ms ? m->last_late_ms - step_ms : 0;
}

static bool verdict(const struct sim *m, const char *policy)
{
	const struct scenario *s = m->s;
	u32 late = 1000 * m->late / m->intervals;
	u32 cores = (u32)(100 * m->used / m->least);
	u32 left = (u32)(1000 - 1000 * m->used / m->all);
	bool ok =
		late <= s->most_late && m->changes <= s->most_changes &&
		(!s->most_cores || cores <= s->most_cores) &&
		(!s->step_ms || recovery(m) <= 100) &&
		(m->p.want.kind != POLICY_BACKGROUND || left >= s->least_left);

	printf("%-6s %-11s %-12s p99 %4u us, late %3u permille, %3u changes, "
	       "cores %3u %%, left %3u permille",
	       ok ? "ok" : "FAILED", policy, s->name,
	       percentile(m->delays, 990), late, m->changes, cores, left);
	if (s->step_ms)
		printf(", met again after %u ms", recovery(m));
	putchar('\n');
	return ok;
}

static bool run(const struct scenario *s, enum policy_kind kind, bool verbose)
{
	static struct sim m;
	struct policy_want w = {
		.kind = kind,
		.min_cores = 1,
		.max_cores = CORES,
		.target_us = TARGET_US,
		.batch = 64,
		.nkhz = 4,
		.khz = { 1200000, 1600000, 2000000, 2400000 },
	};

	memset(&m, 0, sizeof(m));
	m.s = s;
	m.seed = 0x1234567;
	m.n = CORES;
	m.full = m.khz = w.khz[w.nkhz - 1];
	policy_init(&m.p, &w, 0);
	m.next = m.p.step[m.p.at];
	while (m.us < (u64)s->ms * US_PER_MS)
		tick(&m, verbose);
	return verdict(&m, policy_name(kind));
}

static const struct scenario scenarios[] = {
	{ "steady", steady, 20000, 0, 2, 8, 170, 0, NULL },
	{ "half", half, 20000, 0, 5, 8, 170, 320, NULL },
	{ "step x10", step, 8000, 4000, 10, 6, 140, 0, NULL },
	{ "from idle", wake, 8005, 4005, 15, 6, 150, 0, NULL },
	{ "ramp", ramp, 20000, 0, 5, 20, 140, 320, NULL },
	{ "burst", burst, 30000, 0, 5, 6, 0, 0, NULL },
	{ "rare burst", rare_burst, 90000, 0, 5, 20, 0, 0, NULL },
	{ "day", day, 60000, 0, 5, 40, 140, 320, NULL },
};

static bool read_trace(const char *path, struct trace *t)
{
	FILE *f = fopen(path, "re");
	char line[128];

	t->n = 0;
	while (f && t->n < TRACE && fgets(line, sizeof(line), f))
		t->n += sscanf(line, "%u %u", &t->e[t->n].ms,
			       &t->e[t->n].load) == 2;
	if (f)
		fclose(f);
	return t->n > 1;
}

static bool run_trace(const char *path, bool verbose)
{
	static struct trace t;
	struct scenario s = { "", recorded, 0, 0, 40, 25, 0, 0, &t };
	const char *slash = strrchr(path, '/');
	bool ok = true;

	if (!read_trace(path, &t)) {
		fprintf(stderr, "%s: no trace\n", path);
		return false;
	}
	s.name = slash ? slash + 1 : path;
	s.ms = t.e[t.n - 1].ms;
	for (u32 k = 0; k < POLICY_FIXED; k++)
		ok &= run(&s, (enum policy_kind)k, verbose);
	return ok;
}

int main(int argc, char **argv)
{
	bool verbose = argc > 1 && !strcmp(argv[1], "-v"), ok = true;

	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++)
		for (u32 k = 0; k < POLICY_FIXED; k++)
			ok &= run(&scenarios[i], (enum policy_kind)k, verbose);
	for (int i = 1 + verbose; i < argc; i++)
		ok &= run_trace(argv[i], verbose);
	return ok ? 0 : 1;
}
