/* SPDX-License-Identifier: MIT */
#include "dom/host/spin.h"

enum spin_what host_spin(struct host_spin *s, u64 worked_at, u64 now)
{
	u64 ns = now - worked_at;

	if (ns >= s->limit_ns || now < s->shared_till)
		return SPIN_BLOCK;
	if (ns < SPIN_OFFER_NS || s->offered == worked_at ||
	    s->limit_ns == UINT64_MAX)
		return SPIN_ON;
	s->offered = worked_at;
	return SPIN_OFFER;
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
