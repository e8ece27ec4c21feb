/* SPDX-License-Identifier: MIT */
/*
 * System calls about memory are trapped by seccomp (SIGSYS) and served here, if
 * their code lies in VM_APP. Programs that it executes are not affected: their
 * code lies elsewhere.
 *
 *	memory		mmap munmap mremap brk mprotect madvise: space.c,
 *			rights.c. Files are read, not mapped
 *	fork		fork.c
 *	signal masks	SIGSYS is never blocked
 */
#include "lib/vm/load/load.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

#include "base/errno.h"
#include "base/mem.h"
#include "lib/vm/load/sys.h"

enum {
	SIG_SYS = 31,
	SIGNALS = 8, /* bytes of a set */
	SA_INFO = 4,
	SA_OWN_RESTORER = 0x04000000,
	CLONE_MEMORY = 0x100,
	SIG_CHLD = 17,
	DONTNEED = 4, /* madvise() */
	DONTFORK = 10,
	DOFORK = 11,
	WIPEONFORK = 18,
	NO_KEY = -1,
	MASK_BLOCK = 0,
	MASK_UNBLOCK = 1,
	MASK_SET = 2,
};

/* The kernel's, of signals. */
struct action {
	void *handler;
	u64 flags;
	void *restorer;
	u64 mask;
};

struct context {
	u64 flags, link, stack[3];
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
	u64 segments, error, trap, mask_low, cr2, fp, reserved[8];
	u64 mask;
};

/* ---- memory */

static s64 take(const struct load_call *k)
{
	if (k->d & MAP_IS_NOREPLACE && !space_is_free(k->a, k->b))
		return -EEXIST;
	return k->d & (MAP_IS_FIXED | MAP_IS_NOREPLACE)
		       ? space_take_at(k->a, k->b)
		       : space_take(k->b);
}

/* Without the lock: reading may take long. */
static s64 fill(const struct load_call *k, u64 at)
{
	s64 n = rights_lend(at, load_pages(k->b));

	return n ? n : sys_pread((s64)k->e, (void *)at, k->b, k->f);
}

static s64 map(const struct load_call *k)
{
	bool file = !(k->d & MAP_IS_ANONYMOUS), shared = k->d & MAP_IS_SHARED;
	u32 prot = MAPPED | (k->c & MAY_ALL);
	s64 at, n = 0;

	shared &= !(k->d & MAP_IS_PRIVATE);
	/* Writes would not reach the file. */
	if (file && shared && k->c & MAY_WRITE)
		return -ENODEV;
	if (!k->b)
		return -EINVAL;
	space_lock();
	at = take(k);
	space_unlock();
	if (at > 0 && file)
		n = fill(k, (u64)at);
	if (at < 0)
		return at;
	space_lock();
	if (n >= 0)
		n = rights_set((u64)at, load_pages(k->b),
			       prot | (shared && !file ? KEPT_SHARED : 0));
	if (n < 0)
		space_give((u64)at, k->b);
	space_unlock();
	return n < 0 ? n : at;
}

static s64 protect(const struct load_call *k)
{
	if (k->a % LOAD_PAGE || k->c & ~(u64)MAY_ALL)
		return -EINVAL;
	if (!k->b)
		return 0;
	if (!space_has(k->a, load_pages(k->b)))
		return -ENOMEM;
	return rights_change(k->a, load_pages(k->b), (u32)k->c);
}

/* What children inherit and what is dumped is decided in fork.c and rights.c.
 */
static s64 advise(const struct load_call *k)
{
	switch (k->c) {
	case DONTNEED:
		return space_clear(k->a, k->b);
	case DONTFORK:
	case DOFORK:
	case DONTDUMP:
	case DODUMP:
	case WIPEONFORK:
		return -EINVAL;
	}
	return sys3(SYS_MADVISE, k->a, k->b, k->c);
}

static s64 make_child(const struct load_call *k)
{
	static const struct load_call plain = { .a = SIG_CHLD };

	return fork_make(k->nr == SYS_FORK ? &plain : k);
}

static s64 locked(const struct load_call *k)
{
	switch (k->nr) {
	case SYS_MUNMAP:
		return space_give(k->a, k->b);
	case SYS_MREMAP:
		return space_resize(k->a, k->b, k->c, k->d, k->e);
	case SYS_BRK:
		return space_break(k->a);
	case SYS_MADVISE:
		return advise(k);
	case SYS_PKEY_MPROTECT:
		return (s32)k->d == NO_KEY ? protect(k) : -EINVAL;
	case SYS_MPROTECT:
		return protect(k);
	}
	return make_child(k);
}

/* ---- signal masks: what the handler's return restores */

static s64 change_mask(u64 *mask, const struct load_call *k)
{
	const u64 *set = (const u64 *)k->b;
	u64 *old = (u64 *)k->c, before = *mask;

	if (k->d != SIGNALS || (set && k->a > MASK_SET))
		return -EINVAL;
	if (set && k->a == MASK_BLOCK)
		*mask |= *set;
	else if (set && k->a == MASK_UNBLOCK)
		*mask &= ~*set;
	else if (set)
		*mask = *set;
	*mask &= ~(1ull << (SIG_SYS - 1));
	if (old)
		*old = before;
	return 0;
}

static s64 answer(struct context *c, const struct load_call *k)
{
	s64 ret;

	switch (k->nr) {
	case SYS_MMAP:
		return map(k);
	case SYS_SIGPROCMASK:
		return change_mask(&c->mask, k);
	case SYS_SHMAT:
		return -ENOSYS;
	case SYS_PKEY_ALLOC:
		return -ENOSPC;
	}
	space_lock();
	ret = locked(k);
	space_unlock();
	if (!ret && k->nr == SYS_CLONE && k->b) /* a child's own stack */
		c->rsp = k->b;
	return ret;
}

static void on_call(int sig, void *info, void *context)
{
	struct context *c = context;
	const struct load_call k = { c->rax, c->rdi, c->rsi, c->rdx,
				     c->r10, c->r8,  c->r9 };

	(void)sig;
	(void)info;
	c->rax = (u64)answer(c, &k);
}

/* ---- start */

#define NR_IS(nr, trap) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, trap, 0)

static int filter(void)
{
	const u32 ip = offsetof(struct seccomp_data, instruction_pointer) + 4;
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ip),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, VM_APP >> 32, 0, 16),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K,
			 (VM_APP + VM_APP_BYTES) >> 32, 15, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		NR_IS(SYS_MMAP, 14),
		NR_IS(SYS_MUNMAP, 13),
		NR_IS(SYS_MPROTECT, 12),
		NR_IS(SYS_BRK, 11),
		NR_IS(SYS_MREMAP, 10),
		NR_IS(SYS_MADVISE, 9),
		NR_IS(SYS_PKEY_MPROTECT, 8),
		NR_IS(SYS_PKEY_ALLOC, 7),
		NR_IS(SYS_SIGPROCMASK, 6),
		NR_IS(SYS_FORK, 5),
		NR_IS(SYS_SHMAT, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_CLONE, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_MEMORY, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	const struct sock_fprog prog = { .len = ARRAY_SIZE(code),
					 .filter = (struct sock_filter *)code };

	return (int)sys(SYS_PRCTL, PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
			(u64)&prog, 0, 0, 0);
}

int trap_start(void)
{
	const struct action a = { .handler = (void *)on_call,
				  .flags = SA_INFO | SA_OWN_RESTORER,
				  .restorer = (void *)trap_restore,
				  .mask = ~0ull };
	int err = (int)sys(SYS_SIGACTION, SIG_SYS, (u64)&a, 0, SIGNALS, 0, 0);

	return err ? err : filter();
}
