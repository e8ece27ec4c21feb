/* SPDX-License-Identifier: MIT */
/*
 * The address space that a program in the guest has, VM_APP_BYTES of it:
 *
 *	VM_APP | brk() | all else: free extents, by address; first fit
 *
 * What is given back is cleared, and given away again; free pages have no
 * rights. Callers hold the lock; no signal comes meanwhile.
 */
#include "lib/vm/load/load.h"

#include "base/errno.h"
#include "base/mem.h"
#include "lib/vm/load/sys.h"

#define BREAK_BYTES (1ull << 30)
#define FIRST (VM_APP + BREAK_BYTES)
#define END (VM_APP + VM_APP_BYTES)

enum {
	MAX_EXTENTS = 16384,
	LOOK = 4096, /* pages at a time */
};

struct extent {
	u64 at, len;
};

static struct {
	u32 lock;
	struct extent free[MAX_EXTENTS];
	u32 n;
	u64 brk;
	u8 there[LOOK];
} space;

void space_lock(void)
{
	while (__atomic_exchange_n(&space.lock, 1, __ATOMIC_ACQUIRE))
		sys3(SYS_SCHED_YIELD, 0, 0, 0);
}

void space_unlock(void)
{
	__atomic_store_n(&space.lock, 0, __ATOMIC_RELEASE);
}

void space_init(void)
{
	space.free[0] = (struct extent){ FIRST, END - FIRST };
	space.n = 1;
	space.brk = VM_APP;
}

bool space_has(u64 at, u64 len)
{
	return at >= VM_APP && at < END && len <= END - at;
}

/* Copies to @to, or clears if that is 0, all pages that exist. Those never
 * touched are zero and stay unallocated. */
static void each_made(u64 at, u64 len, u64 to)
{
	while (len) {
		u64 n = min(len, (u64)LOOK * LOAD_PAGE);
		bool told = !sys3(SYS_MINCORE, at, n, (u64)space.there);

		for (u64 i = 0; i < n; i += LOAD_PAGE) {
			if (told && !(space.there[i / LOAD_PAGE] & 1))
				continue;
			if (to)
				memcpy((void *)(to + i), (void *)(at + i),
				       LOAD_PAGE);
			else
				memset((void *)(at + i), 0, LOAD_PAGE);
		}
		at += n;
		len -= n;
		to += to ? n : 0;
	}
}

void space_copy(u64 to, u64 at, u64 len)
{
	each_made(at, len, to);
}

static void clear(u64 at, u64 len)
{
	rights_lend(at, len);
	each_made(at, len, 0);
	rights_restore(at, len);
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

	len = load_pages(len);
	for (u32 i = 0; len && i < space.n; i++) {
		struct extent *e = &space.free[i];

		if (e->len < len)
			continue;
		at = e->at;
		return carve(at, len) ? (s64)at : -ENOMEM;
	}
	return -ENOMEM;
}

/* Removes rights and contents. */
static s64 take_away(u64 at, u64 len)
{
	s64 err = rights_set(at, len, 0);

	if (!err)
		clear(at, len);
	return err;
}

s64 space_take_at(u64 at, u64 len)
{
	len = load_pages(len);
	if (at % LOAD_PAGE || !len)
		return -EINVAL;
	if (at < FIRST || !space_has(at, len) || !carve(at, len))
		return -ENOMEM;
	return take_away(at, len) ? -ENOMEM : (s64)at;
}

bool space_is_free(u64 at, u64 len)
{
	return at % LOAD_PAGE || is_free(at, load_pages(len));
}

s64 space_give(u64 at, u64 len)
{
	len = load_pages(len);
	if (at % LOAD_PAGE || !len)
		return -EINVAL;
	if (at < FIRST || !space_has(at, len))
		return 0; /* never ours: stays */
	if (take_away(at, len))
		return -ENOMEM;
	return release(at, len) ? 0 : -ENOMEM;
}

/* A place for @new_len bytes, of which the first @len are at @at now. */
static s64 new_place(u64 at, u64 len, u64 new_len, u64 flags, u64 to)
{
	if (flags & REMAP_FIXED)
		return to < at + len && at < to + new_len
			       ? -EINVAL
			       : space_take_at(to, new_len);
	if (new_len <= len)
		return (s64)at;
	if (is_free(at + len, new_len - len) && carve(at + len, new_len - len))
		return (s64)at;
	return flags & REMAP_MAY_MOVE ? space_take(new_len) : -ENOMEM;
}

static s64 move(u64 from, u64 to, u64 len)
{
	s64 err = rights_lend(from, len);

	if (!err)
		err = rights_lend(to, len);
	if (err)
		return err;
	each_made(from, len, to);
	return space_give(from, len);
}

s64 space_clear(u64 at, u64 len)
{
	len = load_pages(len);
	if (at % LOAD_PAGE)
		return -EINVAL;
	if (!space_has(at, len))
		return -ENOMEM;
	clear(at, len);
	return 0;
}

s64 space_resize(u64 at, u64 len, u64 new_len, u64 flags, u64 new_at)
{
	u32 prot;
	s64 to, err = 0;

	len = load_pages(len);
	new_len = load_pages(new_len);
	if (at % LOAD_PAGE || !len || !new_len || at < FIRST ||
	    !space_has(at, len) || flags == REMAP_FIXED ||
	    flags & ~(u64)(REMAP_MAY_MOVE | REMAP_FIXED))
		return -EINVAL;
	if (rights_run(at, at + len, &prot) != at + len || !(prot & MAPPED))
		return -EFAULT;
	to = new_place(at, len, new_len, flags, new_at);
	if (to < 0)
		return to;
	if (new_len < len)
		err = space_give(at + new_len, len - new_len);
	len = min(len, new_len);
	if (!err && to != (s64)at)
		err = move(at, (u64)to, len);
	if (!err)
		err = rights_set((u64)to, new_len, prot);
	return err ? err : to;
}

/* As brk(2): where it is now. */
s64 space_break(u64 at)
{
	u64 old = load_pages(space.brk), new = load_pages(at);

	if (at < VM_APP || at > FIRST)
		return (s64)space.brk;
	if (new > old &&
	    rights_set(old, new - old, MAPPED | MAY_READ | MAY_WRITE))
		return (s64)space.brk;
	if (at < space.brk)
		memset((void *)at, 0, min(new, space.brk) - at);
	if (new < old)
		take_away(new, old - new);
	space.brk = at;
	return (s64)at;
}
