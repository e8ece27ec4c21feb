/* SPDX-License-Identifier: MIT */
/*
 * Conditions on system calls that the application may make otherwise: what
 * could reach D's threads, or take pages away from it. Int arguments are
 * compared by their low halves, which is what the kernel uses.
 */
#include "dom/process/process.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#define INT_MASK 0xffffffffull
#define INT_SIGN 0x80000000ull

enum {
	DENIED = SCMP_ACT_ERRNO(EPERM),
	FALLOC_LAST_MODE = 128, /* of fallocate(); 1, KEEP_SIZE, is harmless */
};

static int deny_if(scmp_filter_ctx f, int nr, u32 arg, u64 mask, u64 value)
{
	return seccomp_rule_add(f, DENIED, nr, 1,
				SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, mask, value));
}

/* A hole punched into shared huge pages could leave D without a page. */
static int no_holes(scmp_filter_ctx f)
{
	int err = deny_if(f, SCMP_SYS(madvise), 2, INT_MASK, MADV_REMOVE);

	for (u64 mode = 2; mode <= FALLOC_LAST_MODE && !err; mode <<= 1)
		err = deny_if(f, SCMP_SYS(fallocate), 1, mode, mode);
	return err;
}

/* Calls that name a thread, by which argument. The same user as D's could by
 * them end it or slow it down. */
static const struct {
	const char *name;
	u32 arg;
	bool groups; /* zero and negative: process groups, D may be in one */
} namers[] = {
	{ "kill", 0, true },
	{ "tgkill", 0, true },
	{ "rt_sigqueueinfo", 0, true },
	{ "rt_tgsigqueueinfo", 0, true },
	{ "sched_setaffinity", 0, false },
	{ "sched_setscheduler", 0, false },
	{ "sched_setparam", 0, false },
	{ "sched_setattr", 0, false },
	{ "prlimit64", 0, false },
	{ "setpriority", 1, false },
	{ "ioprio_set", 1, false },
};

static int not_d(scmp_filter_ctx f, const struct proc *p, int nr, u32 arg)
{
	int err = deny_if(f, nr, arg, INT_MASK, (u64)getpid());

	for (u32 i = 0; i < p->nthreads && !err; i++)
		err = deny_if(f, nr, arg, INT_MASK, (u64)p->threads[i].tid);
	return err;
}

static int no_groups(scmp_filter_ctx f, int nr, u32 arg)
{
	int err = deny_if(f, nr, arg, INT_MASK, 0);

	return err ? err : deny_if(f, nr, arg, INT_SIGN, INT_SIGN);
}

/* Files can send signals, too: to whom, is not asked for. And priorities are
 * set of processes, not of groups and users: PRIO_PGRP, PRIO_USER and their
 * like in ioprio_set(). */
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

int proc_seccomp_conditions(const struct proc *p, void *filter)
{
	scmp_filter_ctx f = filter;
	int err = no_holes(f);

	if (!err)
		err = no_back_ways(f);
	for (size_t i = 0; i < ARRAY_SIZE(namers) && !err; i++) {
		int nr = seccomp_syscall_resolve_name(namers[i].name);

		err = not_d(f, p, nr, namers[i].arg);
		if (!err && namers[i].groups)
			err = no_groups(f, nr, namers[i].arg);
	}
	return err;
}
