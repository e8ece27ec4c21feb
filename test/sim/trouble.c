/* SPDX-License-Identifier: MIT */
/* What befalls paths and hosts in the course of time. */
#include "sim.h"

enum { TROUBLES_S = 12, STATE_BEGUN = 1, STATE_OVER };

/* Who sends what is too large is not told; or the path stays narrow. */
enum { MTU_MUTE = 1, MTU_STAYS = 2 };

/* From the shortest to the longest, all sizes alike. */
static u64 random_time(u64 *rng, u64 most)
{
	u32 size = sim_random(rng, 4);

	for (; size; size--)
		most /= 12;
	return 1 + (u64)sim_random(rng, 1000) * most / 1000;
}

static u32 random_value(u64 *rng, enum sim_fault f)
{
	u32 r = sim_random(rng, ~0u);

	switch (f) {
	case FAULT_MTU:
		return (576 + (r >> 8) % 900) << 2 | (r & 2 ? MTU_STAYS : 0) |
		       (r & 12 ? 0 : MTU_MUTE);
	case FAULT_BLACKHOLE:
		return r & 1;
	default:
		return r;
	}
}

static u64 longest(enum sim_fault f)
{
	switch (f) {
	case FAULT_CLOCK:
		return 100 * SIM_S;
	case FAULT_MTU:
		return 20 * SIM_S;
	default:
		return 6 * SIM_S;
	}
}

static void plan_some(struct world *w, u64 *rng, enum sim_fault f)
{
	u32 n = 1 + sim_random(rng, 5);

	for (u32 i = 0; i < n; i++) {
		u32 nr = w->ntroubles;
		bool server = f == FAULT_CLOCK || f == FAULT_STALL ||
			      f == FAULT_CRASH || f == FAULT_REBOOT;
		u64 r = sim_random(rng, ~0u);
		u64 at = w->now + random_time(rng, TROUBLES_S * SIM_S);
		struct trouble t = {
			.fault = f,
			.at = at,
			.until = at + random_time(rng, longest(f)),
			.value = random_value(rng, f),
		};

		t.host =
			(u32)(server ? r % w->nhosts : 1 + r % (w->nhosts - 1));
		if (nr < SIM_TROUBLES)
			w->troubles[w->ntroubles++] = t;
	}
}

void trouble_plan(struct world *w, u64 *rng)
{
	static const enum sim_fault kinds[] = {
		FAULT_FLAP,  FAULT_BLACKHOLE, FAULT_MTU,    FAULT_CLOCK,
		FAULT_STALL, FAULT_CRASH,     FAULT_REBOOT,
	};

	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++) {
		u64 own = sim_random(rng, ~0u) | 1;

		if (sim_in_play(w, kinds[i]))
			plan_some(w, &own, kinds[i]);
	}
}

static void cut(struct path *p, int by)
{
	p->cut += by;
}

static void set_mtu(struct host *h, u16 mtu, bool mute)
{
	h->to.mtu = h->from.mtu = mtu;
	h->to.mute = h->from.mute = mute;
}

static void begin(struct world *w, const struct trouble *t)
{
	struct host *h = w->hosts[t->host];

	sim_say(w, "host %u: %s, for %.3f s (%u)", h->nr,
		sim_fault_names[t->fault], (double)(t->until - t->at) * 1e-9,
		t->value);
	switch (t->fault) {
	case FAULT_FLAP:
		cut(&h->to, 1);
		cut(&h->from, 1);
		break;
	case FAULT_BLACKHOLE:
		cut(t->value ? &h->to : &h->from, 1);
		break;
	case FAULT_MTU:
		set_mtu(h, (u16)(t->value >> 2), t->value & MTU_MUTE);
		break;
	case FAULT_CLOCK:
		h->skew += t->until - t->at;
		host_wake(h, w->now);
		break;
	case FAULT_STALL:
		h->stalled_until = max(h->stalled_until, t->until);
		break;
	default:
		link_may_die(w, h->nr);
		host_crash(h, t->fault == FAULT_REBOOT, t->until);
	}
}

static void end(struct world *w, const struct trouble *t)
{
	struct host *h = w->hosts[t->host];

	switch (t->fault) {
	case FAULT_FLAP:
		cut(&h->to, -1);
		cut(&h->from, -1);
		break;
	case FAULT_BLACKHOLE:
		cut(t->value ? &h->to : &h->from, -1);
		break;
	case FAULT_MTU:
		if (!(t->value & MTU_STAYS))
			set_mtu(h, 0, false);
		break;
	case FAULT_CRASH:
	case FAULT_REBOOT: /* who came meanwhile was refused */
		link_may_die(w, h->nr);
		host_wake(h, w->now);
		break;
	case FAULT_STALL:
		host_wake(h, w->now);
		break;
	default:
		break;
	}
}

/* Left out: it never happens. */
static bool wanted(const struct world *w, const struct trouble *t)
{
	return w->plan.troubles >> (t - w->troubles) & 1;
}

void trouble_run(struct world *w)
{
	for (u32 i = 0; i < w->ntroubles; i++) {
		struct trouble *t = &w->troubles[i];

		if (!wanted(w, t))
			continue;
		if (!t->state && t->at <= w->now) {
			t->state = STATE_BEGUN;
			begin(w, t);
		}
		if (t->state == STATE_BEGUN && t->until <= w->now) {
			t->state = STATE_OVER;
			end(w, t);
		}
	}
}

u64 trouble_next(const struct world *w)
{
	u64 next = UINT64_MAX;

	for (u32 i = 0; i < w->ntroubles; i++) {
		const struct trouble *t = &w->troubles[i];

		if (wanted(w, t) && t->state != STATE_OVER)
			next = min(next, t->state ? t->until : t->at);
	}
	return next;
}
