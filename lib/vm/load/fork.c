/* SPDX-License-Identifier: MIT */
/*
 * fork(). VM_APP is a shared mapping; a child needs a private copy. On a stack
 * outside of VM_APP the child copies all pages in use to private memory, and
 * moves that to VM_APP's addresses; the parent waits meanwhile.
 *
 *	parent  clone() ------------------------------- read() --- goes on
 *	child           copies | moves the copy into place | closes the pipe
 *
 * Memory that was mapped shared stays so. The child has no part in the guest.
 */
#include "lib/vm/load/load.h"

#include "base/errno.h"
#include "base/mem.h"
#include "lib/vm/load/sys.h"

enum {
	CHILD_CLEARTID = 0x200000,
	CHILD_SETTID = 0x1000000,
	NO_RESERVE = 0x4000,
	ERROR = 126, /* exit status of a child without memory */
};

static u8 stack[65536] __attribute__((aligned(64)));
static struct load_call call;
static s32 done[2]; /* pipe */

static _Noreturn void fail(void)
{
	for (;;)
		sys3(SYS_EXIT_GROUP, ERROR, 0, 0);
}

static void copy_mapped(u64 at, u64 end, u64 copy)
{
	u32 prot;

	while (at < end) {
		u64 next = rights_run(at, end, &prot);

		if (prot & MAPPED && !(prot & MAY_ALL))
			sys3(SYS_MPROTECT, at, next - at, MAY_READ);
		if (prot & MAPPED)
			space_copy(copy, at, next - at);
		copy += next - at;
		at = next;
	}
}

/* [at, end), all private: the copy at @copy takes its place. */
static void replace(u64 at, u64 end, u64 copy)
{
	copy_mapped(at, end, copy);
	if (sys(SYS_MREMAP, copy, end - at, end - at,
		REMAP_MAY_MOVE | REMAP_FIXED, at, 0) != (s64)at)
		fail();
	rights_restore(at, end - at);
}

static u64 private_run(u64 at, u64 end)
{
	u32 prot;

	while (at < end) {
		u64 next = rights_run(at, end, &prot);

		if (prot & KEPT_SHARED)
			break;
		at = next;
	}
	return at;
}

/* The child's part: we do not write VM_APP before it is its own. The kernel
 * may: the thread's rseq area, which it writes for the parent, too. */
static void be_child(void)
{
	const u64 end = VM_APP + VM_APP_BYTES;
	u64 at = VM_APP, next;
	s64 copy =
		sys(SYS_MMAP, 0, VM_APP_BYTES, MAY_READ | MAY_WRITE,
		    MAP_IS_PRIVATE | MAP_IS_ANONYMOUS | NO_RESERVE, ~0ull, 0);
	u32 prot;

	if (copy < 0)
		fail();
	rights_guest(NULL);
	for (; at < end; at = next) {
		next = private_run(at, end);
		if (next > at)
			replace(at, next, (u64)copy + (at - VM_APP));
		else
			next = rights_run(at, end, &prot);
	}
	if (call.a & CHILD_CLEARTID)
		sys3(SYS_SET_TID_ADDRESS, call.d, 0, 0);
	if (call.a & CHILD_SETTID)
		*(u32 *)call.d = (u32)sys3(SYS_GETTID, 0, 0, 0);
}

/* On `stack`, of which the child has a copy from the beginning: what lies in
 * VM_APP is as it was, for both, when this returns. */
static s64 fork_here(void)
{
	s64 pid = sys(SYS_CLONE, call.a & ~(u64)(CHILD_CLEARTID | CHILD_SETTID),
		      0, call.c, call.d, call.e, 0);
	u8 byte;

	if (!pid)
		be_child();
	sys3(SYS_CLOSE, (u64)done[1], 0, 0);
	if (pid > 0) /* until the child has closed it, or died */
		while (sys3(SYS_READ, (u64)done[0], (u64)&byte, 1) == -EINTR)
			;
	sys3(SYS_CLOSE, (u64)done[0], 0, 0);
	return pid;
}

s64 fork_make(const struct load_call *k)
{
	if (sys3(SYS_PIPE2, (u64)done, OPEN_CLOEXEC, 0) < 0)
		return -EAGAIN;
	call = *k;
	return load_on_stack(fork_here, stack + sizeof(stack));
}
