/* SPDX-License-Identifier: MIT */
/*
 * Conditions on the arguments of system calls that are allowed otherwise; the
 * user's file cannot lift them: no new namespaces, in which the application
 * would have capabilities; no holes in shared memory; no huge pages of its own;
 * without a pid namespace, nothing that reaches D's threads. Of int arguments
 * only the lower 32 bits are compared, as the kernel ignores the others.
 */
#include "dom/process/process.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INT_MASK 0xffffffffull

enum {
	DENIED = SCMP_ACT_ERRNO(EPERM),
	FALLOC_LAST_MODE = 128, /* of fallocate(); 1, KEEP_SIZE, is harmless */
};

static int deny_if(scmp_filter_ctx f, int nr, u32 arg, u64 mask, u64 value)
{
	return seccomp_rule_add(f, DENIED, nr, 1,
				SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, mask, value));
}

/* After a hole has been punched into shared huge pages, D's next access could
 * fail for want of a page. */
static int no_holes(scmp_filter_ctx f)
{
	int err = deny_if(f, SCMP_SYS(madvise), 2, INT_MASK, MADV_REMOVE);

	for (u64 mode = 2; mode <= FALLOC_LAST_MODE && !err; mode <<= 1)
		err = deny_if(f, SCMP_SYS(fallocate), 1, mode, mode);
	return err;
}

/* No control group counts them as memory, so that an application would have
 * more than its share; and those that are free are dataplanes'. */
static int no_huge_pages(scmp_filter_ctx f)
{
	int err = deny_if(f, SCMP_SYS(mmap), 3, MAP_HUGETLB, MAP_HUGETLB);

	if (!err)
		err = deny_if(f, SCMP_SYS(memfd_create), 1, MFD_HUGETLB,
			      MFD_HUGETLB);
	if (!err)
		err = deny_if(f, SCMP_SYS(shmget), 2, SHM_HUGETLB, SHM_HUGETLB);
	return err;
}

/* In a user namespace of its own a process has all capabilities: raw sockets,
 * packet filters, mounts. A filter cannot read the flags of clone3(), which are
 * in memory; with ENOSYS libc falls back to clone(). CLONE_PARENT would make a
 * child of the keeper. */
static int no_namespaces(scmp_filter_ctx f)
{
	static const u64 flags[] = {
		CLONE_NEWUSER, CLONE_NEWPID,	CLONE_NEWNS,  CLONE_NEWIPC,
		CLONE_NEWNET,  CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_PARENT,
	};
	int err = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3),
				   0);

	for (size_t i = 0; i < ARRAY_SIZE(flags) && !err; i++)
		err = deny_if(f, SCMP_SYS(clone), 0, flags[i], flags[i]);
	if (!err)
		err = seccomp_rule_add(f, DENIED, SCMP_SYS(unshare), 0);
	if (!err)
		err = seccomp_rule_add(f, DENIED, SCMP_SYS(setns), 0);
	return err;
}

/* Threads, but no processes: all of a life must end together. */
static int no_children(scmp_filter_ctx f)
{
	int err = deny_if(f, SCMP_SYS(clone), 0, CLONE_THREAD, 0);

	if (!err)
		err = seccomp_rule_add(f, DENIED, SCMP_SYS(fork), 0);
	if (!err)
		err = seccomp_rule_add(f, DENIED, SCMP_SYS(vfork), 0);
	return err;
}

/* Calls that name a thread, and in which argument. In a shared pid namespace an
 * application of D's user could slow D down with them. */
static const struct {
	const char *name;
	u32 arg;
} namers[] = {
	{ "sched_setaffinity", 0 }, { "sched_setscheduler", 0 },
	{ "sched_setparam", 0 },    { "sched_setattr", 0 },
	{ "prlimit64", 0 },	    { "setpriority", 1 },
	{ "ioprio_set", 1 },
};

static int not_d(scmp_filter_ctx f, const struct proc *p, int nr, u32 arg)
{
	int err = deny_if(f, nr, arg, INT_MASK, (u64)getpid());

	for (u32 i = 0; i < p->nthreads && !err; i++)
		err = deny_if(f, nr, arg, INT_MASK, (u64)p->threads[i].tid);
	return err;
}

/* A file can be told to send signals to any process. A TAP device that was made
 * for our user gives its queues to every process of his. Priorities may be set
 * of processes only, not of groups or users (PRIO_PGRP, PRIO_USER, and the same
 * in ioprio_set()). */
static int no_back_ways(scmp_filter_ctx f)
{
	static const struct {
		const char *name;
		u32 arg, value;
	} ways[] = {
		{ "fcntl", 1, 8 /* F_SETOWN */ },
		{ "fcntl", 1, 15 /* F_SETOWN_EX */ },
		{ "ioctl", 1, 0x8901 /* FIOSETOWN */ },
		{ "ioctl", 1, 0x8902 /* SIOCSPGRP */ },
		{ "ioctl", 1, 0x5412 /* TIOCSTI */ },
		{ "ioctl", 1, 0x5410 /* TIOCSPGRP: Ctrl-C is D's */ },
		{ "ioctl", 1, 0x400454ca /* TUNSETIFF */ },
		{ "setpriority", 0, 1 },
		{ "setpriority", 0, 2 },
		{ "ioprio_set", 0, 2 },
		{ "ioprio_set", 0, 3 },
	};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ways) && !err; i++)
		err = deny_if(f, seccomp_syscall_resolve_name(ways[i].name),
			      ways[i].arg, INT_MASK, ways[i].value);
	return err;
}

static int no_d(scmp_filter_ctx f, const struct proc *p)
{
	int err = no_children(f);

	for (size_t i = 0; i < ARRAY_SIZE(namers) && !err; i++)
		err = not_d(f, p, seccomp_syscall_resolve_name(namers[i].name),
			    namers[i].arg);
	return err;
}

int proc_seccomp_conditions(const struct proc *p, void *filter)
{
	scmp_filter_ctx f = filter;
	int err = no_holes(f);

	if (!err)
		err = no_huge_pages(f);
	if (!err)
		err = no_back_ways(f);
	if (!err)
		err = no_namespaces(f);
	if (!err && !p->fence.namespaces)
		err = no_d(f, p);
	return err;
}

/* ---- signals, where there is no pid namespace */

/* The first argument is the target, which must be the caller. The program is
 * written by hand: only the child knows its pid, and it may not allocate memory
 * after fork(). The other filters already kill callers of other architectures'
 * system calls. */
int proc_seccomp_self(void)
{
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_kill, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_tgkill, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigqueueinfo, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_tgsigqueueinfo, 1,
			 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (u32)getpid(), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};
	const struct sock_fprog prog = { .len = ARRAY_SIZE(code),
					 .filter = (struct sock_filter *)code };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) ? -errno : 0;
}
