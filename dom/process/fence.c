/* SPDX-License-Identifier: MIT */
/*
 * What A sees of the rest of the machine: its own namespaces and a Landlock
 * domain.
 *
 *	processes   pid namespace, with its own /proc: A cannot name, signal or
 *		    inspect a process outside of its life
 *	IPC         SysV and POSIX queues and segments; /dev/shm
 *	mounts      only as far as the two above need it; no control sockets
 *	user        if ix is not root: needed to make the others
 *	Landlock    no access to the memory of processes outside, even of the
 *		    same user
 *
 * The network namespace is shared with D: A may use Linux's sockets. Without
 * namespaces A may not create processes, and its life is one process (deny.c).
 */
#include "dom/process/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- namespaces */

enum { OWN = CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNS };

/* fork() into new namespaces, which libc's fork() cannot do. Only the main
 * thread calls it, and no other thread of D allocates: no lock of libc is held
 * in the child. */
pid_t proc_fence_fork(const struct proc_fence *f)
{
	pid_t pid = (pid_t)syscall(SYS_clone,
				   (unsigned long)f->namespaces | SIGCHLD, NULL,
				   NULL, NULL, 0);

	return pid < 0 ? -errno : pid;
}

int proc_fence_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Maps our own user. Only a dumpable process may write its map. */
static int map_user(uid_t uid, gid_t gid)
{
	char users[32], groups[32];
	int err;

	snprintf(users, sizeof(users), "%u %u 1", uid, uid);
	snprintf(groups, sizeof(groups), "%u %u 1", gid, gid);
	prctl(PR_SET_DUMPABLE, 1);
	err = proc_fence_write("/proc/self/setgroups", "deny");
	if (!err)
		err = proc_fence_write("/proc/self/uid_map", users);
	if (!err)
		err = proc_fence_write("/proc/self/gid_map", groups);
	if (prctl(PR_SET_DUMPABLE, 0) && !err)
		err = -errno;
	return err;
}

/* What is not there, or we may not reach, is none of A's either. */
static bool out_of_reach(int err)
{
	return err == ENOENT || err == EACCES || err == ENOTDIR;
}

/* Dataplanes' sockets, where A may be of their user: the places where they are
 * by default, and our own one elsewhere. A user other than ours may begin a
 * session later: none is seen. */
static int hide_sockets(const struct proc_fence *f)
{
	const unsigned long flags =
		MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY;
	char place[STATDIR_PLACES][STATDIR_PATH];
	int n = statdir_places(place, f->other_user);

	for (int i = 0; i < n; i++)
		if (mount("tmpfs", place[i], "tmpfs", flags, "mode=755") &&
		    !out_of_reach(errno))
			return -errno;
	if (f->socket && mount("/dev/null", f->socket, NULL, MS_BIND, NULL) &&
	    !out_of_reach(errno))
		return -errno;
	return 0;
}

/* In the child, process 1. Mounts propagate from the machine, and unmounts,
 * too: A keeps no file system busy. */
int proc_fence_settle(const struct proc_fence *f)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	int err = 0;

	if (f->namespaces & CLONE_NEWUSER)
		err = map_user(f->uid, f->gid);
	if (err || !f->namespaces)
		return err;
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) ||
	    mount("proc", "/proc", "proc", flags, NULL))
		return -errno;
	/* Not every machine has this directory. */
	if (mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV,
		  "mode=1777") &&
	    errno != ENOENT)
		return -errno;
	return hide_sockets(f);
}

/* Tries it in a child. */
static bool works(const struct proc_fence *f)
{
	int status = 1;
	pid_t pid = proc_fence_fork(f);

	if (!pid)
		_exit(proc_fence_settle(f) ? 1 : 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

/* ---- Landlock */

/* struct landlock_ruleset_attr of recent kernels; older ones know only the
 * first fields. */
struct ruleset {
	u64 fs, net, scoped;
};

enum {
	ABI_REFER = 2,
	ABI_SCOPED = 6,
	SCOPE_SIGNAL = 2,
	REFER = LANDLOCK_ACCESS_FS_MAKE_BLOCK << 2,
};

_Static_assert(REFER == 1 << 13, "as in linux/landlock.h of Linux 5.19");

static int landlock_abi(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
			    LANDLOCK_CREATE_RULESET_VERSION);
}

/* The rules forbid nothing that A could do otherwise (it may not make block
 * devices anyway). The domain itself matters: a process in it cannot trace
 * processes outside (ptrace, /proc/PID/mem) nor, on kernels that support it,
 * signal them. Renaming across directories must be allowed explicitly. */
static int make_ruleset(int abi)
{
	const struct ruleset set = {
		.fs = LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		      (abi >= ABI_REFER ? REFER : 0),
		.scoped = abi >= ABI_SCOPED ? SCOPE_SIGNAL : 0,
	};
	const struct landlock_path_beneath_attr root = {
		.allowed_access = set.fs,
		.parent_fd = open("/", O_PATH | O_CLOEXEC),
	};
	size_t size = abi >= ABI_SCOPED ? sizeof(set) : sizeof(set.fs);
	int fd = (int)syscall(SYS_landlock_create_ruleset, &set, size, 0);
	int err = 0;

	if (fd < 0 || root.parent_fd < 0 ||
	    syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH,
		    &root, 0))
		err = -errno;
	if (root.parent_fd >= 0)
		close(root.parent_fd);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

/* In A, which has no_new_privs. */
int proc_fence_landlock(const struct proc_fence *f)
{
	int fd, err = 0;

	if (f->landlock <= 0)
		return 0;
	fd = make_ruleset(f->landlock);
	if (fd < 0)
		return fd;
	if (syscall(SYS_landlock_restrict_self, fd, 0))
		err = -errno;
	close(fd);
	return err;
}

/* ---- what there is */

void proc_fence_find(struct proc_fence *f, bool other_user)
{
	static const int tries[] = { OWN, OWN | CLONE_NEWUSER };

	*f = (struct proc_fence){ .uid = geteuid(),
				  .gid = getegid(),
				  .other_user = other_user,
				  .landlock = landlock_abi() };
	for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
		f->namespaces = tries[i];
		if (works(f))
			break;
		f->namespaces = 0;
	}
	snprintf(f->text, sizeof(f->text), "%s%s",
		 f->namespaces ? "own processes, IPC and /proc"
			       : "sees the machine's processes, may not make "
				 "any (namespaces are not allowed here)",
		 f->landlock > 0 ? "" : ", no Landlock");
}
