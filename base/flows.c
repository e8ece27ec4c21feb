/* SPDX-License-Identifier: MIT */
#include "base/flows.h"

static u64 entry_of(const struct flows *f, u64 h)
{
	return (h & ~3ull) | FLOWS_USED | f->place;
}

static u64 *at(const struct flows *f, u64 h, u32 i)
{
	return &f->entry[((u32)(h >> 32) + i) & f->mask];
}

static bool becomes(u64 *entry, u64 from, u64 to)
{
	return __atomic_compare_exchange_n(entry, &from, to, false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* The other place's entry of the same flow: that connection has ended. */
static bool replace(const struct flows *f, u64 h, u64 mine)
{
	for (u32 i = 0; i < FLOWS_LOOKS; i++) {
		u64 *e = at(f, h, i), old = READ_ONCE(*e);

		if ((old | FLOWS_PLACE) == (mine | FLOWS_PLACE))
			return old == mine || becomes(e, old, mine);
		if (!old)
			break;
	}
	return false;
}

void flows_add(const struct flows *f, u64 h)
{
	u64 mine = entry_of(f, h);

	if ((!f->all && READ_ONCE(*f->heir) == f->place) || replace(f, h, mine))
		return;
	for (u32 i = 0; i < FLOWS_LOOKS; i++) {
		u64 *e = at(f, h, i), old = READ_ONCE(*e);

		if (!(old & FLOWS_USED) && becomes(e, old, mine))
			return;
	}
}

void flows_remove(const struct flows *f, u64 h)
{
	u64 mine = entry_of(f, h);

	for (u32 i = 0; i < FLOWS_LOOKS; i++)
		if (becomes(at(f, h, i), mine, FLOWS_GONE))
			return;
}

void flows_clear(const struct flows *f, u32 place)
{
	for (u32 i = 0; i <= f->mask; i++)
		if (f->entry[i] & FLOWS_USED &&
		    (f->entry[i] & FLOWS_PLACE) == place)
			f->entry[i] = FLOWS_GONE;
}
