/* SPDX-License-Identifier: MIT */
/*
 * The application's process, from fork() to exec(). The order matters: each
 * step may need rights that a later one drops:
 *
 *	namespaces         fence.c, by the keeper, whose child it is (keeper.c)
 *	file descriptors   0 1 2, settings, the shared memory; all else closed
 *	user, groups       user.c
 *	capabilities       none, and none to be had (bounding set, ambient)
 *	no_new_privs       set-uid programs gain nothing
 *	Landlock           fence.c
 *	system calls       the filters of seccomp.c
 */
#include "dom/host/ctl.h"
#include "dom/process/process.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ix/dom.h"

enum {
	FIRST_FD = 3,
	SETTINGS_FD = FIRST_FD,
	SHARED_FD,
	NINHERIT = 8,
	EXEC_FD = FIRST_FD + 6,
	APP_FD
};

/* ---- rights */

static int drop_rights(const struct proc_user *u)
{
	int err;

	capng_clear(CAPNG_SELECT_ALL);
	if (u->change) {
		err = capng_change_id((int)u->uid, (int)u->gid,
				      (capng_flags_t)(CAPNG_DROP_SUPP_GRP |
						      CAPNG_CLEAR_BOUNDING |
						      CAPNG_CLEAR_AMBIENT));
		return err ? -EPERM : 0;
	}
	/* Needs CAP_SETPCAP: as root and in a user namespace. Without it there
	 * is nothing to drop. */
	for (unsigned long cap = 0; !prctl(PR_CAPBSET_DROP, cap); cap++)
		;
	err = capng_apply(
		(capng_select_t)(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT));
	return err ? -EPERM : 0;
}

static int confine(const struct proc *p)
{
	int err = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;

	if (!err)
		err = proc_fence_landlock(&p->fence);
	if (!err && !p->fence.namespaces)
		err = proc_seccomp_self();
	for (size_t i = 0; i < ARRAY_SIZE(p->filters) && !err; i++)
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p->filters[i]))
			err = -errno;
	return err;
}

/* ---- file descriptors */

/* Duplicated above the target range first, so that dup2() overwrites none that
 * is still needed. */
static int place_fds(const int *from, int n)
{
	int high[NINHERIT];

	for (int i = 0; i < n; i++) {
		high[i] = fcntl(from[i], F_DUPFD, FIRST_FD + n + 1);
		if (high[i] < 0)
			return -errno;
	}
	for (int i = 0; i < n; i++)
		if (dup2(high[i], FIRST_FD + i) < 0)
			return -errno;
	return 0;
}

static int inherit(const struct proc *p, int settings_fd, int *exec_fd)
{
	const int from[NINHERIT] = {
		settings_fd,
		p->up_fd,
		p->down_fd,
		p->host->mem.frames.fd,
		p->host->mem.arena.fd,
		p->alive[0],
		*exec_fd,
		p->app_fd,
	};
	const int n = NINHERIT - !p->guest;
	int err = place_fds(from, n);

	*exec_fd = EXEC_FD;
	if (err || fcntl(*exec_fd, F_SETFD, FD_CLOEXEC))
		return err ? err : -errno;
	return syscall(SYS_close_range, FIRST_FD + n, ~0u, 0) ? -errno : 0;
}

void proc_environment(const struct proc *p)
{
	char text[64];

	snprintf(text, sizeof(text),
		 p->guest ? "%d %d %d %d %d %d" : "%d %d %d %d %d", SHARED_FD,
		 SHARED_FD + 1, SHARED_FD + 2, SHARED_FD + 3, SHARED_FD + 4,
		 APP_FD);
	setenv(PROC_ENV, text, 1);
	snprintf(text, sizeof(text), "%d", SETTINGS_FD);
	setenv(IX_ENV_SETTINGS, text, 1);
}

/* ---- start */

static void reset_signals(void)
{
	sigset_t none;

	signal(SIGUSR1, SIG_DFL);
	signal(PROC_LIMIT_SIGNAL, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

void proc_become(const struct proc *p, char **argv, int settings_fd,
		 int exec_fd)
{
	struct proc_failure f = { .step = "descriptors" };

	f.err = inherit(p, settings_fd, &exec_fd);
	reset_signals();
	if (!f.err) {
		f.step = "user and capabilities";
		f.err = drop_rights(&p->user);
	}
	if (!f.err) {
		f.step = "filters";
		f.err = confine(p);
	}
	if (!f.err) {
		f.step = NULL;
		execvp(argv[0], argv);
		f.err = -errno;
	}
	if (write(exec_fd, &f, sizeof(f)) < 0)
		_exit(126);
	_exit(127);
}

void proc_life_close(struct proc_life *life)
{
	close(life->exec_fd);
	close(life->status_fd);
}

pid_t proc_start(struct proc *p, char **argv, int settings_fd,
		 struct proc_life *life)
{
	int exec_fd[2], status[2];
	pid_t pid;

	if (pipe2(exec_fd, O_CLOEXEC))
		return -errno;
	if (pipe2(status, O_CLOEXEC)) {
		pid = -errno;
		close(exec_fd[0]);
		close(exec_fd[1]);
		return pid;
	}
	fflush(NULL);
	ctl_hold(p->host);
	pid = proc_fence_fork(&p->fence);
	if (!pid)
		proc_keep(p, argv, settings_fd, exec_fd[1], status[1]);
	ctl_release(p->host);
	close(exec_fd[1]);
	close(status[1]);
	*life = (struct proc_life){ exec_fd[0], status[0] };
	if (pid < 0)
		proc_life_close(life);
	return pid;
}
