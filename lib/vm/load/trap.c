/* SPDX-License-Identifier: MIT */
/*
 * Calls about memory, made by code that lies in VM_APP, are answered here: a
 * filter turns them into SIGSYS. Programs that it executes are not concerned:
 * their code lies elsewhere.
 *
 *	memory		mmap munmap mremap brk: space.c. Files are read, not
 *			mapped; nothing is protected (mprotect does nothing)
 *	fork		memory that is shared by all would be shared with the
 *			child: there is none but of threads and for exec
 *	signal masks	SIGSYS stays possible
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
	REMAP_MAY_MOVE = 1,
	CLONE_MEMORY = 0x100,
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

struct call {
	u64 nr, a, b, c, d, e, f;
};

static u32 lock;

static void enter(void)
{
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
		sys3(SYS_SCHED_YIELD, 0, 0, 0);
}

static void leave(void)
{
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

/* ---- memory */

static s64 map(const struct call *k)
{
	const u64 fixed = MAP_IS_FIXED | MAP_IS_NOREPLACE;
	bool file = !(k->d & MAP_IS_ANONYMOUS);
	s64 at, n = 0;

	/* What others see, and what they write, cannot be had. */
	if (file && k->d & MAP_IS_SHARED && !(k->d & MAP_IS_PRIVATE) &&
	    k->c & MAY_WRITE)
		return -ENODEV;
	if (!k->b)
		return -EINVAL;
	enter();
	at = k->d & fixed ? space_take_at(k->a, k->b) : space_take(k->b);
	leave();
	if (at > 0 && file)
		n = sys_pread((s64)k->e, (void *)at, k->b, k->f);
	if (n >= 0)
		return at;
	enter();
	space_give((u64)at, k->b);
	leave();
	return n;
}

static s64 memory(const struct call *k)
{
	s64 ret;

	enter();
	switch (k->nr) {
	case SYS_MUNMAP:
		ret = space_give(k->a, k->b);
		break;
	case SYS_MREMAP:
		ret = k->d & ~(u64)REMAP_MAY_MOVE
			      ? -EINVAL
			      : space_resize(k->a, k->b, k->c, k->d);
		break;
	case SYS_BRK:
		ret = space_break(k->a);
		break;
	default: /* mprotect, pkey_mprotect */
		ret = space_has(k->a, k->b) ? 0 : -ENOMEM;
	}
	leave();
	return ret;
}

/* ---- signal masks: what the handler's return restores */

static s64 change_mask(u64 *mask, const struct call *k)
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

static s64 answer(struct context *c, const struct call *k)
{
	switch (k->nr) {
	case SYS_MMAP:
		return map(k);
	case SYS_MUNMAP:
	case SYS_MREMAP:
	case SYS_BRK:
	case SYS_MPROTECT:
	case SYS_PKEY_MPROTECT:
		return memory(k);
	case SYS_SIGPROCMASK:
		return change_mask(&c->mask, k);
	}
	return -ENOSYS; /* fork, shmat */
}

static void on_call(int sig, void *info, void *context)
{
	struct context *c = context;
	const struct call k = { c->rax, c->rdi, c->rsi, c->rdx,
				c->r10, c->r8,	c->r9 };

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
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, VM_APP >> 32, 0, 14),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K,
			 (VM_APP + VM_APP_BYTES) >> 32, 13, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		NR_IS(SYS_MMAP, 12),
		NR_IS(SYS_MUNMAP, 11),
		NR_IS(SYS_MPROTECT, 10),
		NR_IS(SYS_BRK, 9),
		NR_IS(SYS_MREMAP, 8),
		NR_IS(SYS_PKEY_MPROTECT, 7),
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
