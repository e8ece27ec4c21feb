/* SPDX-License-Identifier: MIT */
/*
 * The process of a dataplane: begun so that it needs us no more, and found
 * again by whoever comes after us.
 *
 *	we                        NAME.lock            the new process
 *	flock()                   ours
 *	empty it, fork()          ours and its         writes its pid
 *	close()                   its alone            exec: ix run ...
 *
 * Killed at any point, we leave either nobody with the lock, or the process
 * that has it: none is begun twice. The dataplane passes no descriptors on to
 * its application, so that the lock ends with it.
 */
#include "cp/daemon/cpd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void spawn_file(const struct plane *p, const char *suffix, char out[64])
{
	snprintf(out, 64, "%s.%s", p->conf->name, suffix);
}

/* ---- the lock */

int spawn_lock(const struct cpd *c, struct plane *p)
{
	char name[64];
	int err = 0;

	spawn_file(p, "lock", name);
	if (p->lock_fd < 0)
		p->lock_fd =
			openat(c->dir_fd, name,
			       O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (p->lock_fd < 0)
		return -errno;
	if (flock(p->lock_fd, LOCK_EX | LOCK_NB))
		err = errno == EWOULDBLOCK ? -EBUSY : -errno;
	return err;
}

/* While the lock is held by who has written its pid there, that pid is its:
 * looked at after the process has been taken hold of. */
int spawn_find(const struct cpd *c, struct plane *p)
{
	char text[32] = "";
	int err, fd;
	pid_t pid;

	if (pread(p->lock_fd, text, sizeof(text) - 1, 0) < 0)
		return -errno;
	pid = atoi(text);
	fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	err = spawn_lock(c, p);
	if (fd >= 0 && err == -EBUSY) {
		p->pid = pid;
		p->pid_fd = fd;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	if (!err)
		return -ESRCH;
	return err == -EBUSY ? -EAGAIN : err;
}

/* ---- settings */

int spawn_settings(const struct cpd *c, struct plane *p)
{
	char path[CPD_PATH + 80];
	struct conf_err e;

	conf_init(&p->running);
	snprintf(path, sizeof(path), "%s/ixcpd/%s.conf", c->dir, p->conf->name);
	return conf_read_file(&p->running, path, &e);
}

/* A new file in place of the old one: half of one is never read. */
int spawn_write_settings(const struct cpd *c, const struct plane *p)
{
	char name[64], fresh[64];
	int err = 0, fd;
	FILE *f;

	spawn_file(p, "conf", name);
	spawn_file(p, "new", fresh);
	fd = openat(c->dir_fd, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		    0644);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f)
		return -errno;
	conf_dump(&p->running, f);
	if (ferror(f))
		err = -EIO;
	if (fclose(f))
		err = -errno;
	if (!err && renameat(c->dir_fd, fresh, c->dir_fd, name))
		err = -errno;
	return err;
}

void spawn_program(const struct cpd *c, struct plane *p)
{
	char name[64], text[CPD_ARG_BYTES];
	ssize_t n = -1;
	int fd;

	if (!p->conf->any_program)
		return;
	spawn_file(p, "program", name);
	fd = openat(c->dir_fd, name, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		n = read(fd, text, sizeof(text));
	if (fd >= 0)
		close(fd);
	if (n <= 0 || text[n - 1])
		return;
	p->conf->argc = 0;
	for (char *at = text; at < text + n; at = strchr(at, 0) + 1)
		plane_argument(p->conf, at);
}

static int write_program(const struct cpd *c, const struct plane *p)
{
	const char *last = p->conf->argv[p->conf->argc - 1];
	size_t len = (size_t)(strchr(last, 0) + 1 - p->conf->args);
	char name[64], fresh[64];
	int err = 0, fd;

	if (!p->conf->any_program)
		return 0;
	spawn_file(p, "program", name);
	spawn_file(p, "new", fresh);
	fd = openat(c->dir_fd, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		    0644);
	if (fd < 0)
		return -errno;
	if (write(fd, p->conf->args, len) != (ssize_t)len)
		err = -EIO;
	close(fd);
	if (!err && renameat(c->dir_fd, fresh, c->dir_fd, name))
		err = -errno;
	return err;
}

void spawn_mark(const struct cpd *c, struct plane *p, bool down)
{
	char name[64];
	int fd;

	spawn_file(p, "down", name);
	p->marked = down;
	if (!down) {
		unlinkat(c->dir_fd, name, 0);
		return;
	}
	fd = openat(c->dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd >= 0)
		close(fd);
}

bool spawn_marked(const struct cpd *c, const struct plane *p)
{
	char name[64];

	spawn_file(p, "down", name);
	return !faccessat(c->dir_fd, name, F_OK, 0);
}

void spawn_keep_policy(const struct cpd *c, struct plane *p)
{
	char name[64], fresh[64];
	const char *text;
	bool ok;
	int fd;

	spawn_file(p, "policy", name);
	spawn_file(p, "new", fresh);
	p->kept = p->chose;
	if (!p->chose) {
		unlinkat(c->dir_fd, name, 0);
		return;
	}
	text = policy_name((enum policy_kind)(p->chose - 1));
	fd = openat(c->dir_fd, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		    0644);
	if (fd < 0)
		return;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	if (ok)
		renameat(c->dir_fd, fresh, c->dir_fd, name);
}

u8 spawn_kept_policy(const struct cpd *c, const struct plane *p)
{
	char name[64], text[16];
	enum policy_kind kind;
	ssize_t n = -1;
	int fd;

	spawn_file(p, "policy", name);
	fd = openat(c->dir_fd, name, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		n = read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return 0;
	text[n] = 0;
	kind = policy_find(text);
	return kind == POLICY_KINDS ? 0 : (u8)(kind + 1);
}

/* ---- the process */

/* A directory may be entered: that is no program. */
static int find_program(const char *path)
{
	struct stat st;

	if (stat(path, &st) || access(path, X_OK))
		return -errno;
	return S_ISREG(st.st_mode) ? 0 : -EACCES;
}

int spawn_find_ix(const struct cpd *c, char out[PATH_MAX])
{
	/* Beside us, where things are installed, where they are built; else
	 * where they were to be: who builds it may have set other places. */
	static const char *const there[] = { "ix", "../bin/ix", "../ix" };
	char own[PATH_MAX - 16], *dir;
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (c->conf->ix[0]) {
		snprintf(out, PATH_MAX, "%s", c->conf->ix);
		return find_program(out);
	}
	own[n < 0 ? 0 : n] = 0;
	dir = dirname(own);
	for (size_t i = 0; i < ARRAY_SIZE(there); i++) {
		snprintf(out, PATH_MAX, "%s/%s", dir, there[i]);
		if (!find_program(out))
			return 0;
	}
	snprintf(out, PATH_MAX, "%s", CPD_BINDIR "/ix");
	return find_program(out);
}

/* In the child. Signals of ours are not its. */
static _Noreturn void become(const struct cpd *c, const struct plane *p,
			     char **argv)
{
	sigset_t none;
	char pid[16];
	int n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	int null;

	/* Before anything that may take time. */
	if (pwrite(p->lock_fd, pid, (size_t)n, 0) != n ||
	    fcntl(p->lock_fd, F_SETFD, 0))
		_exit(126);
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	null = open("/dev/null", O_RDONLY);
	if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && null != STDIN_FILENO)
		close(null);
	execv(argv[0], argv);
	fprintf(stderr, "ixcpd: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int spawn(const struct cpd *c, struct plane *p)
{
	char ix[PATH_MAX], settings[CPD_PATH + 80];
	char *argv[CPD_ARGS + 6] = { ix, (char *)"run", (char *)"--conf",
				     settings, (char *)"--" };
	int err = spawn_write_settings(c, p);
	pid_t pid;

	if (!err)
		err = write_program(c, p);
	if (err)
		return err;
	spawn_find_ix(c, ix);
	snprintf(settings, sizeof(settings), "%s/ixcpd/%s.conf", c->dir,
		 p->conf->name);
	memcpy(argv + 5, p->conf->argv, p->conf->argc * sizeof(argv[0]));
	if (ftruncate(p->lock_fd, 0))
		return -errno;
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		become(c, p, argv);
	close(p->lock_fd);
	p->lock_fd = -1;
	p->pid = pid;
	p->pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	p->starts++;
	return 0;
}

/* ---- after us */

/* "NAME.lock" */
static bool lock_of(const char *file, char name[CPD_NAME])
{
	const char *dot = strrchr(file, '.');

	if (!dot || strcmp(dot, ".lock") || dot - file >= CPD_NAME)
		return false;
	snprintf(name, CPD_NAME, "%.*s", (int)(dot - file), file);
	return cpd_name_ok(name);
}

static void find_one(struct cpd *c, const char *name)
{
	struct plane *p = plane_find(c, name);
	struct plane_conf *conf = NULL;
	bool known = p != NULL;

	if (!known) {
		conf = calloc(1, sizeof(*conf));
		if (!conf)
			return;
		snprintf(conf->name, sizeof(conf->name), "%s", name);
		p = plane_add(c, conf);
	}
	if (!p)
		return;
	p->declared = known;
	switch (spawn_lock(c, p)) {
	case -EBUSY:
		p->state = PLANE_FOUND;
		grant_find(c, p);
		p->held = p->marked = spawn_marked(c, p);
		p->wanted = !p->held;
		break;
	case 0:
		grant_sweep(c, p);
		if (!known)
			plane_remove(c, p);
		break;
	}
}

void spawn_find_all(struct cpd *c)
{
	int fd = openat(c->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	char name[CPD_NAME];
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (lock_of(e->d_name, name))
			find_one(c, name);
	if (d)
		closedir(d);
}
