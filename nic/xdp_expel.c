/* SPDX-License-Identifier: MIT */
#include "nic/xdp_expel.h"
#include "base/pid_libc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	EXPEL_TRIES = 40, /* for processes that are ended to be gone */
	EXPEL_NS = 50 * 1000 * 1000,
};

/* By its name in /proc: to look at the file itself may take as long as whose
 * file system it is on likes. */
static bool is_one(const struct xdp_sockets *s, int dir, const char *fd)
{
	char text[64], name[64];
	ssize_t n = readlinkat(dir, fd, text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = 0;
	for (u32 i = 0; i < s->n; i++) {
		snprintf(name, sizeof(name), "socket:[%lu]", s->ino[i]);
		if (!strcmp(text, name))
			return true;
	}
	return false;
}

/* Whom he may kill himself. */
static bool is_his(pid_t pid, uid_t uid)
{
	struct pid_users users;

	return pid_users(pid, &users) && users.real == uid;
}

static bool holds(pid_t pid, const struct xdp_sockets *s)
{
	char path[32];
	struct dirent *e;
	bool found = false;
	DIR *fds;

	if (!is_his(pid, s->uid))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	fds = opendir(path);
	while (fds && !found && (e = readdir(fds)))
		found = is_one(s, dirfd(fds), e->d_name);
	if (fds)
		closedir(fds);
	return found;
}

/* ... by a handle, so that it is not another one by then. */
static void end_holder(pid_t pid, const struct xdp_sockets *s)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		return;
	if (holds(pid, s))
		syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
	close(fd);
}

/* Is there any? */
static bool end_holders(const struct xdp_sockets *s)
{
	DIR *processes = opendir("/proc");
	struct dirent *e;
	bool any = false;

	while (processes && (e = readdir(processes))) {
		pid_t pid = atoi(e->d_name);

		if (pid <= 0 || pid == getpid() || !holds(pid, s))
			continue;
		any = true;
		end_holder(pid, s);
	}
	if (processes)
		closedir(processes);
	return any;
}

void xdp_expel(const struct xdp_sockets *s)
{
	const struct timespec pause = { .tv_nsec = EXPEL_NS };

	for (int i = 0; s->n && i < EXPEL_TRIES && end_holders(s); i++)
		nanosleep(&pause, NULL);
}

/* ---- whoever has them */

int xdp_watch_open(struct xdp_sockets *s)
{
	s->watch = epoll_create1(EPOLL_CLOEXEC);
	return s->watch < 0 ? -errno : 0;
}

/* An entry is not a descriptor of ours, and goes with the last one of others.
 */
int xdp_watch(struct xdp_sockets *s, int fd)
{
	struct epoll_event none = { 0 };
	struct stat st;

	if (fstat(fd, &st) || epoll_ctl(s->watch, EPOLL_CTL_ADD, fd, &none))
		return -errno;
	s->ino[s->n++] = st.st_ino;
	return 0;
}

bool xdp_left(const struct xdp_sockets *s)
{
	char path[64], text[4096];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", s->watch);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		n = read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = 0;
	return n < 0 || strstr(text, "\ntfd:");
}
