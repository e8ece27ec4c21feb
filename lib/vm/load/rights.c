/* SPDX-License-Identifier: MIT */
/*
 * Page rights of VM_APP, in the process (mprotect) and in the guest, whose page
 * tables D changes at our request. When a call has returned, ring 3 has no more
 * rights than the process. While it has fewer, an access is an exception of
 * ring 3 and is repeated in the process.
 *
 * Callers hold the lock of space.c, but for rights_lend().
 */
#include "lib/vm/load/load.h"

#include "base/errno.h"
#include "dom/process/shm.h"
#include "lib/vm/load/sys.h"

enum {
	FUTEX_WAIT_UNTIL = 9, /* FUTEX_WAIT_BITSET, absolute */
	FUTEX_WAKE = 1,
	FUTEX_ANY = -1,
	NS_PER_S = 1000000000,
	AGAIN_NS = 100000000, /* whatever others do to our sleep */
};

/* MAY_*, MAPPED, KEPT_SHARED */
static u8 rights[VM_APP_BYTES / LOAD_PAGE] __attribute__((aligned(8)));
static struct proc_rights *ask; /* NULL: there is no guest */

/* ---- D */

int handover_futex_wait(const u32 *word, u32 value, u64 until)
{
	const u64 ts[2] = { until / NS_PER_S, until % NS_PER_S };

	return (int)sys(SYS_FUTEX, (u64)word, FUTEX_WAIT_UNTIL, value, (u64)ts,
			0, (u32)FUTEX_ANY);
}

int handover_futex_wake(const u32 *word)
{
	return (int)sys3(SYS_FUTEX, (u64)word, FUTEX_WAKE, INT32_MAX);
}

static u64 now(void)
{
	u64 ts[2] = { 0 };

	sys3(SYS_CLOCK_GETTIME, CLOCK_MONO, (u64)ts, 0);
	return ts[0] * NS_PER_S + ts[1];
}

/* Waits for D's answer. If D dies, the keeper kills us. */
static void tell_guest(u64 at, u64 len, u32 prot)
{
	struct proc_turns *t = &ask->turns;
	u32 turn = t->a.turn + 1, theirs = t->d.turn;

	ask->at = at;
	ask->len = len;
	ask->rights = prot;
	handover_pass(&t->a, &t->d, turn);
	while (theirs != turn)
		handover_wait(&t->a, &t->d, theirs, now() + AGAIN_NS, &theirs);
}

/* ---- the process */

static s64 protect(u64 at, u64 len, u64 prot)
{
	return sys3(SYS_MPROTECT, at, len, prot);
}

static u64 index_of(u64 at)
{
	return (at - VM_APP) / LOAD_PAGE;
}

/* Eight pages at a time: there are millions. */
u64 rights_run(u64 at, u64 end, u32 *prot)
{
	u64 i = index_of(at), last = index_of(end), same;

	*prot = rights[i];
	same = *prot * 0x0101010101010101;
	while (i < last && rights[i] == *prot) {
		bool eight = i % 8 == 0 && last - i >= 8 &&
			     *(const u64 *)&rights[i] == same;

		i += eight ? 8 : 1;
	}
	return VM_APP + i * LOAD_PAGE;
}

s64 rights_set(u64 at, u64 len, u32 prot)
{
	s64 err = protect(at, len, prot & MAY_ALL);

	if (err)
		return err;
	/* A core dump would allocate every page of a shared mapping. */
	sys3(SYS_MADVISE, at, len, prot & MAY_ALL ? DODUMP : DONTDUMP);
	for (u64 i = index_of(at); i < index_of(at + len); i++)
		rights[i] = (u8)prot;
	if (ask)
		tell_guest(at, len, prot & MAY_ALL);
	return 0;
}

s64 rights_change(u64 at, u64 len, u32 prot)
{
	u64 end = at + len;
	s64 err = 0;
	u32 old;

	for (u64 p = at; p < end;) {
		p = rights_run(p, end, &old);
		if (!(old & MAPPED))
			return -ENOMEM;
	}
	while (at < end && !err) {
		u64 next = rights_run(at, end, &old);

		err = rights_set(at, next - at, (old & ~MAY_ALL) | prot);
		at = next;
	}
	return err;
}

s64 rights_lend(u64 at, u64 len)
{
	return protect(at, len, MAY_READ | MAY_WRITE);
}

void rights_restore(u64 at, u64 len)
{
	u64 end = at + len;
	u32 prot;

	while (at < end) {
		u64 next = rights_run(at, end, &prot);

		protect(at, next - at, prot & MAY_ALL);
		at = next;
	}
}

void rights_guest(struct proc_rights *r)
{
	ask = r;
	if (ask)
		sys3(SYS_MADVISE, VM_APP, VM_APP_BYTES, DONTDUMP);
}
