/* SPDX-License-Identifier: MIT */
/*
 * The keeper of one life: process 1 of A's namespace, D's child.
 *
 *	D ---- keeper ---- A ---- whatever A makes
 *	       1           2      3, 4, ...
 *
 * It starts A, forwards signals, reaps A's orphans, and exits when A or D has
 * exited. The kernel then kills all other processes of the namespace before D
 * is notified: no process outlives a life.
 */
#include "dom/process/process.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	NS_PER_MS = 1000000,
	GRACE_MS = 2000, /* for A, after D's death, to say so */
	SIGNALS_FD = 3,
	ALIVE_FD,
	STATUS_FD,
	FIRST_FREE_FD,
};

/* ---- the keeper itself, when A runs */

/* Only what the loop needs; nothing of D's stays open in it. */
static int keep_fds(int alive, int status_fd)
{
	sigset_t all;
	int from[3], err = 0;

	sigfillset(&all);
	from[0] = signalfd(-1, &all, SFD_CLOEXEC);
	from[1] = alive;
	from[2] = status_fd;
	for (int i = 0; i < 3 && !err; i++) {
		from[i] = fcntl(from[i], F_DUPFD, FIRST_FREE_FD + 3);
		err = from[i] < 0 ? -errno : 0;
	}
	for (int i = 0; i < 3 && !err; i++)
		err = dup2(from[i], SIGNALS_FD + i) < 0 ? -errno : 0;
	syscall(SYS_close_range, FIRST_FREE_FD, ~0u, 0);
	for (int i = 0; i < SIGNALS_FD; i++)
		close(i);
	return err;
}

static void keep_rights(void)
{
	capng_clear(CAPNG_SELECT_ALL);
	if (!geteuid())
		capng_update(CAPNG_ADD,
			     (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
			     CAP_KILL);
	capng_apply(CAPNG_SELECT_CAPS);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* Sends A's status to D. The rest of the namespace is killed when we exit. */
static _Noreturn void end(int status)
{
	if (write(STATUS_FD, &status, sizeof(status)) != sizeof(status))
		_exit(1);
	_exit(0);
}

static void collect(pid_t app)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == app)
			end(status);
}

static void take_signal(pid_t app)
{
	struct signalfd_siginfo si;

	if (read(SIGNALS_FD, &si, sizeof(si)) != sizeof(si))
		return;
	if (si.ssi_signo == SIGCHLD)
		collect(app);
	else
		kill(app, si.ssi_signo == PROC_END_SIGNAL ? SIGKILL
							  : (int)si.ssi_signo);
}

/* A may send us any number of signals, so the time limit is an absolute
 * deadline. */
static _Noreturn void keep(pid_t app)
{
	struct pollfd fds[2] = { { .fd = SIGNALS_FD, .events = POLLIN },
				 { .fd = ALIVE_FD } };
	u64 deadline = 0;

	for (;;) {
		u64 now = host_clock_os() / NS_PER_MS;

		if (deadline && now >= deadline) {
			kill(app, SIGKILL);
			end(SIGKILL);
		}
		poll(fds, 2, deadline ? (int)(deadline - now) : -1);
		if (fds[0].revents)
			take_signal(app);
		if (fds[1].revents) { /* D is dead */
			fds[1].fd = -1;
			deadline = host_clock_os() / NS_PER_MS + GRACE_MS;
		}
	}
}

/* ---- start */

/* The OOM killer is to choose A before D and other programs. Only a dumpable
 * process may write this file. */
static void volunteer(void)
{
	prctl(PR_SET_DUMPABLE, 1);
	proc_fence_write("/proc/self/oom_score_adj", "1000");
	prctl(PR_SET_DUMPABLE, 0);
}

/* With D's priority, or if it could raise its own, A could keep D off the core
 * that they share. */
static void be_ordinary(void)
{
	const struct sched_param none = { 0 };
	const struct rlimit no = { 0 };
	int policy = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;

	if (policy == SCHED_FIFO || policy == SCHED_RR)
		sched_setscheduler(0, SCHED_OTHER, &none);
	if (getpriority(PRIO_PROCESS, 0) < 0)
		setpriority(PRIO_PROCESS, 0, 0);
	setrlimit(RLIMIT_RTPRIO, &no);
	setrlimit(RLIMIT_NICE, &no);
}

/* A process group of its own: it gets no signals from the terminal, and kill(0)
 * does not reach D. No session of its own: the scheduler divides a core among
 * sessions first (autogroup), which would slow down every hand-over. */
static int prepare(const struct proc *p, struct proc_failure *f)
{
	sigset_t all;
	int err;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setpgid(0, 0);
	volunteer();
	be_ordinary();
	f->step = "control group";
	err = proc_cgroup_enter(&p->cgroup);
	if (err)
		return err;
	f->step = "namespaces";
	return proc_fence_settle(&p->fence);
}

void proc_keep(const struct proc *p, char **argv, int settings_fd, int exec_fd,
	       int status_fd)
{
	struct proc_failure f = { 0 };
	pid_t app = -1;

	f.err = prepare(p, &f);
	if (!f.err) {
		f.step = "fork";
		app = fork();
		f.err = app < 0 ? -errno : 0;
	}
	if (!app)
		proc_become(p, argv, settings_fd, exec_fd);
	if (f.err) {
		if (write(exec_fd, &f, sizeof(f)) < 0)
			_exit(126);
		_exit(127);
	}
	keep_rights();
	if (keep_fds(p->alive[0], status_fd))
		_exit(126);
	keep(app);
}
