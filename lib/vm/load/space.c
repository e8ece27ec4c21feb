/* SPDX-License-Identifier: MIT */
/*
 * The address space that a program in the guest has, VM_APP_BYTES of it:
 *
 *	VM_APP | brk() | all else: free extents, by address; first fit
 *
 * Every page is there, writable and executable, for good: what is given back is
 * cleared, and given away again. Callers hold each other off by a lock; no
 * signal comes meanwhile.
 */
#include "lib/vm/load/load.h"

#include "base/errno.h"
#include "base/mem.h"
#include "lib/vm/load/sys.h"

#define BREAK_BYTES (1ull << 30)
#define FIRST (VM_APP + BREAK_BYTES)
#define END (VM_APP + VM_APP_BYTES)

enum { MAX_EXTENTS = 16384, LOOK = 4096 /* pages at a time */ };

struct extent {
	u64 at, len;
};

static struct {
	struct extent free[MAX_EXTENTS];
	u32 n;
	u64 brk;
	u8 there[LOOK];
} space;

void space_init(void)
{
	space.free[0] = (struct extent){ FIRST, END - FIRST };
	space.n = 1;
	space.brk = VM_APP;
}

static u64 pages(u64 len)
{
	return (len + LOAD_PAGE - 1) & ~(u64)(LOAD_PAGE - 1);
}

bool space_has(u64 at, u64 len)
{
	return at >= VM_APP && at < END && len <= END - at;
}

/* Pages that have never been touched are zero, and stay unmade. */
static void clear(u64 at, u64 len)
{
	while (len) {
		u64 n = min(len, (u64)LOOK * LOAD_PAGE);
		bool told = !sys3(SYS_MINCORE, at, n, (u64)space.there);

		for (u64 i = 0; i < n / LOAD_PAGE; i++)
			if (!told || space.there[i] & 1)
				memset((void *)(at + i * LOAD_PAGE), 0,
				       LOAD_PAGE);
		at += n;
		len -= n;
	}
}

/* ---- free extents */

static bool insert(u32 i, u64 at, u64 len)
{
	if (space.n == MAX_EXTENTS)
		return false;
	memmove(&space.free[i + 1], &space.free[i],
		(space.n - i) * sizeof(space.free[0]));
	space.free[i] = (struct extent){ at, len };
	space.n++;
	return true;
}

static void drop(u32 i)
{
	space.n--;
	memmove(&space.free[i], &space.free[i + 1],
		(space.n - i) * sizeof(space.free[0]));
}

/* Of what is free, [at, at + len) is so no more. False: no room in the list */
static bool carve(u64 at, u64 len)
{
	u64 end = at + len;

	for (u32 i = 0; i < space.n;) {
		struct extent *e = &space.free[i];
		u64 last = e->at + e->len;

		if (last <= at || e->at >= end) {
			i++;
			continue;
		}
		if (e->at < at && last > end) {
			if (!insert(i + 1, end, last - end))
				return false;
			space.free[i].len = at - space.free[i].at;
			return true;
		}
		if (e->at < at) {
			e->len = at - e->at;
			i++;
		} else if (last > end) {
			*e = (struct extent){ end, last - end };
			i++;
		} else {
			drop(i);
		}
	}
	return true;
}

/* ... is free again, whatever it was. */
static bool release(u64 at, u64 len)
{
	u32 i = 0;

	if (!carve(at, len))
		return false;
	while (i < space.n && space.free[i].at < at)
		i++;
	if (i < space.n && at + len == space.free[i].at) {
		len += space.free[i].len;
		drop(i);
	}
	if (i && space.free[i - 1].at + space.free[i - 1].len == at) {
		space.free[i - 1].len += len;
		return true;
	}
	return insert(i, at, len);
}

static bool is_free(u64 at, u64 len)
{
	for (u32 i = 0; i < space.n; i++) {
		const struct extent *e = &space.free[i];

		if (at >= e->at && at < e->at + e->len)
			return len <= e->at + e->len - at;
	}
	return false;
}

/* ---- for programs */

s64 space_take(u64 len)
{
	u64 at;

	len = pages(len);
	for (u32 i = 0; len && i < space.n; i++) {
		struct extent *e = &space.free[i];

		if (e->len < len)
			continue;
		at = e->at;
		return carve(at, len) ? (s64)at : -ENOMEM;
	}
	return -ENOMEM;
}

s64 space_take_at(u64 at, u64 len)
{
	len = pages(len);
	if (at % LOAD_PAGE || !len)
		return -EINVAL;
	if (at < FIRST || !space_has(at, len) || !carve(at, len))
		return -ENOMEM;
	clear(at, len);
	return (s64)at;
}

s64 space_give(u64 at, u64 len)
{
	len = pages(len);
	if (at % LOAD_PAGE || !len)
		return -EINVAL;
	if (at < FIRST || !space_has(at, len))
		return 0; /* never ours: stays */
	clear(at, len);
	return release(at, len) ? 0 : -ENOMEM;
}

s64 space_resize(u64 at, u64 len, u64 new_len, bool may_move)
{
	s64 to;

	len = pages(len);
	new_len = pages(new_len);
	if (at % LOAD_PAGE || !new_len || at < FIRST || !space_has(at, len))
		return -EINVAL;
	if (new_len <= len) {
		if (new_len < len)
			space_give(at + new_len, len - new_len);
		return (s64)at;
	}
	if (is_free(at + len, new_len - len) && carve(at + len, new_len - len))
		return (s64)at;
	to = may_move ? space_take(new_len) : -ENOMEM;
	if (to < 0)
		return to;
	memcpy((void *)to, (const void *)at, len);
	space_give(at, len);
	return to;
}

/* As brk(2): where it is now. */
s64 space_break(u64 at)
{
	if (at < VM_APP || at > FIRST)
		return (s64)space.brk;
	if (at < space.brk) {
		u64 whole = pages(at);

		memset((void *)at, 0, min(whole, space.brk) - at);
		if (space.brk > whole)
			clear(whole, pages(space.brk) - whole);
	}
	space.brk = at;
	return (s64)at;
}
