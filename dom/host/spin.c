/* SPDX-License-Identifier: MIT */
#include "dom/host/spin.h"

/* Has a spin, as long as the setting allows, found work? Or would have? One
 * that tried has found that they pay. */
static void judge(struct host_spin *s, bool found)
{
	if (found && s->tries)
		s->lost = SPIN_LOST - 1;
	else if (found)
		s->lost -= s->lost != 0;
	else
		s->lost = min(s->lost + 1, (u32)SPIN_LOST_MAX);
}

/* The one before has ended with work, unless it is over. Where spins do not pay
 * this one ends before the core is offered. */
static void begin(struct host_spin *s, u64 worked_at, u64 now)
{
	bool pays = s->limit_ns == UINT64_MAX;

	if (s->began && !s->over)
		judge(s, true);
	pays |= s->lost < SPIN_LOST;
	s->began = worked_at;
	s->over = false;
	s->tries = !pays && now >= s->try_at;
	if (s->tries)
		s->try_at = now + SPIN_RETRY_NS;
	s->may_ns = pays || s->tries ? s->limit_ns
				     : min(s->limit_ns, (u64)SPIN_OFFER_NS);
}

enum spin_what host_spin(struct host_spin *s, u64 worked_at, u64 now)
{
	u64 ns = now - worked_at;

	if (worked_at != s->began)
		begin(s, worked_at, now);
	if (now < s->shared_till) {
		s->over = true; /* and tells nothing */
		return SPIN_BLOCK;
	}
	if (ns >= s->may_ns)
		return SPIN_BLOCK;
	if (ns < SPIN_OFFER_NS || s->offered == worked_at ||
	    s->limit_ns == UINT64_MAX)
		return SPIN_ON;
	s->offered = worked_at;
	return SPIN_OFFER;
}

/* Woken by a timer, it goes to sleep again: the first time tells. */
void host_spin_slept(struct host_spin *s, u64 worked_at, u64 now)
{
	if (s->over || worked_at != s->began)
		return;
	s->over = true;
	judge(s, now - worked_at < s->limit_ns);
}

/* One of these may be a chore of the kernel's, or the host's; several out of a
 * few are somebody with work. After a pause one more is enough. */
static bool often(u32 *weight, bool one)
{
	if (one)
		*weight = min(*weight + SPIN_TAKEN, (u32)SPIN_SURE);
	else
		*weight -= *weight != 0;
	return one && *weight >= SPIN_SHARED;
}

void host_spin_offered(struct host_spin *s, u64 ns, u64 now)
{
	if (often(&s->kept, ns >= SPIN_KEPT_NS))
		s->haste_till = now + SPIN_HASTE_NS;
	if (!often(&s->weight, ns >= SPIN_TAKEN_NS))
		return;
	s->shared_till = now + SPIN_RETRY_NS;
	s->met = true;
}
