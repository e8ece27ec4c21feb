/* SPDX-License-Identifier: MIT */
/*
 * The seccomp filters of D's threads. Elastic threads: the system calls that
 * the loop needs, on the NIC's descriptors and those that wake threads only.
 * Everything else fails with EPERM, so that no elastic thread can make a call
 * that A, or another process, can block. The control thread, which reads what
 * any user sends it, may serve sockets besides.
 *
 * Writes to stderr (panic(), libc before it aborts, a sanitizer) raise SIGSYS
 * instead; the main thread prints them: report.c.
 */
#include "dom/process/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The control thread's: it serves clients, asks elastic threads, and opens
 * nothing. */
static const int control[] = {
	SCMP_SYS(accept4),	SCMP_SYS(getsockopt), SCMP_SYS(recvfrom),
	SCMP_SYS(sendmsg),	SCMP_SYS(close),      SCMP_SYS(brk),
	SCMP_SYS(timer_create),
};

/* Whatever the arguments. */
static const int always[] = {
	/* waiting, time */
	SCMP_SYS(futex),
	SCMP_SYS(ppoll),
	SCMP_SYS(poll),
	SCMP_SYS(membarrier),
	SCMP_SYS(sched_yield),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(timer_settime),
	SCMP_SYS(timer_delete),
	SCMP_SYS(restart_syscall),
	/* signals to itself */
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(sigaltstack),
	/* libc's memory; its end, and the process's */
	SCMP_SYS(munmap),
	SCMP_SYS(madvise),
	SCMP_SYS(gettid),
	SCMP_SYS(getpid),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

static int allow_fd(scmp_filter_ctx f, int nr, int fd)
{
	if (fd <= STDERR_FILENO) /* none */
		return 0;
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 1,
				SCMP_A0(SCMP_CMP_EQ, (u64)fd, 0));
}

static int allow_nic(scmp_filter_ctx f, int fd)
{
	static const int calls[] = {
		SCMP_SYS(readv),      SCMP_SYS(writev),	  /* tap */
		SCMP_SYS(sendto),     SCMP_SYS(recvfrom), /* xdp */
		SCMP_SYS(getsockopt),
	};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(calls) && !err; i++)
		err = allow_fd(f, calls[i], fd);
	return err;
}

static int allow_calls(scmp_filter_ctx f, const int *calls, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);
	return err;
}

static int allow_fds(scmp_filter_ctx f, const struct proc *p)
{
	const struct host *h = p->host;
	int err = allow_fd(f, SCMP_SYS(write), p->report_fd);

	if (!err)
		err = allow_fd(f, SCMP_SYS(writev), h->nic->large_fd);
	for (u32 i = 0; i < h->nthreads && !err; i++) {
		err = allow_nic(f, h->nic->fd[i]);
		if (!err)
			err = allow_fd(f, SCMP_SYS(ioctl), p->vcpu_fd[i]);
		if (!err)
			err = allow_fd(f, SCMP_SYS(read),
				       h->threads[i].wake_fd);
		if (!err)
			err = allow_fd(f, SCMP_SYS(recvfrom),
				       h->threads[i].arp_fd);
		if (!err)
			err = allow_fd(f, SCMP_SYS(recvfrom),
				       h->threads[i].nd_fd);
		if (!err)
			err = allow_fd(f, SCMP_SYS(write),
				       h->threads[i].wake_fd);
	}
	return err;
}

/* For libc's allocator and on_fault() in fault.c: anonymous memory, never
 * executable. */
static int allow_memory(scmp_filter_ctx f)
{
	const struct scmp_arg_cmp no_code =
		SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int err = seccomp_rule_add(
		f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, no_code,
		SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));

	return err ? err
		   : seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				      no_code);
}

static int trap_last_words(scmp_filter_ctx f)
{
	static const int calls[] = { SCMP_SYS(write), SCMP_SYS(writev) };
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(calls) && !err; i++)
		err = seccomp_rule_add(f, SCMP_ACT_TRAP, calls[i], 1,
				       SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO, 0));
	return err;
}

/* What all threads have. */
static int add_common(scmp_filter_ctx f)
{
	int err = allow_calls(f, always, ARRAY_SIZE(always));

	if (!err) /* abort(), host_call() */
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				       SCMP_A0(SCMP_CMP_EQ, (u64)getpid(), 0));
	if (!err)
		err = allow_memory(f);
	return err ? err : trap_last_words(f);
}

/* Its own: dom/host/spin.h. */
static int allow_policy(scmp_filter_ctx f)
{
	static const int policies[] = { SCHED_OTHER, SCHED_BATCH };
	int err = seccomp_rule_add(f, SCMP_ACT_ALLOW,
				   SCMP_SYS(sched_getscheduler), 1,
				   SCMP_A0(SCMP_CMP_EQ, 0, 0));

	for (size_t i = 0; i < ARRAY_SIZE(policies) && !err; i++)
		err = seccomp_rule_add(
			f, SCMP_ACT_ALLOW, SCMP_SYS(sched_setscheduler), 2,
			SCMP_A0(SCMP_CMP_EQ, 0, 0),
			SCMP_A1(SCMP_CMP_EQ, (u64)policies[i], 0));
	return err;
}

static int add_elastic(scmp_filter_ctx f, const struct proc *p)
{
	int err;

	seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	err = add_common(f);
	if (!err)
		err = allow_policy(f);
	return err ? err : allow_fds(f, p);
}

/* A memfd of that size, sealed, and at that place. */
static int allow_capture(scmp_filter_ctx f, const struct host *h)
{
	int err;

	if (!h->capture.mem)
		return 0;
	err = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(memfd_create), 0);
	if (!err)
		err = seccomp_rule_add(
			f, SCMP_ACT_ALLOW, SCMP_SYS(ftruncate), 1,
			SCMP_A1(SCMP_CMP_EQ, host_capture_len(h), 0));
	if (!err)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
				       SCMP_A1(SCMP_CMP_EQ, F_ADD_SEALS, 0));
	if (!err)
		err = seccomp_rule_add(
			f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 3,
			SCMP_A0(SCMP_CMP_EQ, (u64)h->capture.mem, 0),
			SCMP_A1(SCMP_CMP_EQ, host_capture_len(h), 0),
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return err;
}

static int add_control(scmp_filter_ctx f, const struct proc *p)
{
	int err = add_common(f);

	if (!err)
		err = allow_calls(f, control, ARRAY_SIZE(control));
	if (!err)
		err = allow_capture(f, p->host);
	for (u32 i = 0; i < p->host->nthreads && !err; i++)
		err = allow_fd(f, SCMP_SYS(write), p->host->threads[i].wake_fd);
	return err;
}

static int build(struct sock_fprog *out, const struct proc *p,
		 int (*add)(scmp_filter_ctx f, const struct proc *p))
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = f ? add(f, p) : -ENOMEM;

	if (!err)
		err = proc_seccomp_export(out, f);
	seccomp_release(f);
	return err;
}

int proc_confine_build(struct proc *p)
{
	int err = build(&p->own, p, add_elastic);

	return err ? err : build(&p->control, p, add_control);
}

void proc_confine_free(struct proc *p)
{
	free(p->own.filter);
	free(p->control.filter);
	p->own.filter = p->control.filter = NULL;
}

/* SPEC_ALLOW: D runs trusted code only, and needs no costly mitigations. */
static int confine(const struct sock_fprog *filter)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		       SECCOMP_FILTER_FLAG_SPEC_ALLOW, filter)
		       ? -errno
		       : 0;
}

int proc_confine(const struct proc *p)
{
	return confine(&p->own);
}

int proc_confine_control(void *p)
{
	return confine(&((const struct proc *)p)->control);
}
