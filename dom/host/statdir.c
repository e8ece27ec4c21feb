/* SPDX-License-Identifier: MIT */
/* The places of counter pages. All but our own are what others make of them:
 * names, owners, links and sizes are looked at, and nothing is waited for. */
#include "dom/host/statdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	MOST_NAMES = 1 << 20, /* read in a directory of others' */
	DIRS_EACH = 64,	      /* of one owner in /dev/shm */
};

static const char run_dir[] = "/run/ix", shm_dir[] = "/dev/shm";
static const char user_dir[] = "/run/user";

uid_t statdir_outside(uid_t uid)
{
	FILE *f = fopen("/proc/self/uid_map", "re");
	unsigned int in, out, n;
	uid_t found = f ? (uid_t)-1 : uid;

	while (f && fscanf(f, "%u %u %u", &in, &out, &n) == 3) {
		if (uid >= in && uid - in < n)
			found = out + (uid - in);
	}
	if (f)
		fclose(f);
	return found;
}

int statdir_open(int at, const char *name, int flags)
{
	struct open_how how = {
		.flags = (unsigned int)flags | O_RDONLY | O_NONBLOCK |
			 O_NOCTTY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	long fd = syscall(SYS_openat2, at, name, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

static unsigned int *seen(struct statdir_quota *q, uid_t uid)
{
	unsigned int i = 0;

	while (i < q->n && q->of[i].uid != uid)
		i++;
	if (i == STATDIR_OWNERS)
		return NULL;
	if (i == q->n)
		q->of[q->n++].uid = uid;
	return &q->of[i].seen;
}

bool statdir_may_look(struct statdir_quota *q, int at, const char *name,
		      unsigned int each)
{
	unsigned int *n;
	struct stat st;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW))
		return false;
	if (!st.st_uid || st.st_uid == geteuid())
		return true;
	n = seen(q, st.st_uid);
	return n && (*n)++ < each;
}

/* ---- our own */

/* /dev/shm is writable by all: somebody else may have made it first. */
static int own(const char *path)
{
	struct stat st;

	if (mkdir(path, 0755) && errno != EEXIST)
		return -errno;
	if (lstat(path, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return -EACCES;
	return access(path, W_OK | X_OK) ? -errno : 0;
}

static int own_session(char out[STATDIR_PATH])
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	struct stat st;

	if (!dir || dir[0] != '/' || stat(dir, &st) || st.st_uid != geteuid() ||
	    (size_t)snprintf(out, STATDIR_PATH, "%s/ix", dir) >= STATDIR_PATH)
		return -ENOENT;
	return own(out);
}

/* The name that is ours, else one that is ours by chance, else a new one. */
static int own_shm(char out[STATDIR_PATH])
{
	char name[64];
	size_t len = (size_t)snprintf(name, sizeof(name), "ix-%u",
				      (unsigned int)statdir_outside(geteuid()));
	DIR *d = opendir(shm_dir);
	struct dirent *e;
	int err;

	snprintf(out, STATDIR_PATH, "%s/%s", shm_dir, name);
	err = own(out);
	for (int i = 0; err && d && i < MOST_NAMES && (e = readdir(d)); i++) {
		if (strncmp(e->d_name, name, len) || e->d_name[len] != '-')
			continue;
		snprintf(out, STATDIR_PATH, "%s/%.64s", shm_dir, e->d_name);
		err = own(out);
	}
	if (d)
		closedir(d);
	if (!err)
		return 0;
	snprintf(out, STATDIR_PATH, "%s/%s-XXXXXX", shm_dir, name);
	return mkdtemp(out) && !chmod(out, 0755) ? 0 : -errno;
}

int statdir_choose(const char *dir, char out[STATDIR_PATH])
{
	snprintf(out, STATDIR_PATH, "%s", dir[0] ? dir : run_dir);
	if (dir[0] || !own(out))
		return own(out);
	return own_session(out) ? own_shm(out) : 0;
}

void statdir_tidy(const char *path)
{
	if (strcmp(path, run_dir))
		rmdir(path); /* if it is empty */
}

int statdir_places(char out[STATDIR_PLACES][STATDIR_PATH], bool others)
{
	const char *session = getenv("XDG_RUNTIME_DIR");
	int n = 0;

	snprintf(out[n++], STATDIR_PATH, "%s", run_dir);
	snprintf(out[n++], STATDIR_PATH, "%s/%u/ix", user_dir,
		 (unsigned int)geteuid());
	if (session && session[0] == '/' &&
	    strlen(session) < STATDIR_PATH - sizeof("/ix"))
		snprintf(out[n++], STATDIR_PATH, "%.200s/ix", session);
	if (others)
		snprintf(out[n++], STATDIR_PATH, "%s", user_dir);
	return n;
}

/* ---- all */

struct walk {
	statdir_fn *each;
	void *arg;
	bool mine; /* ours in this round, others' in the next */
};

/* @name in @at, if its owner is the user @named there. */
static void visit(const struct walk *w, int at, const char *where,
		  const char *name, uid_t named)
{
	int fd = statdir_open(at, name, O_DIRECTORY);
	char path[STATDIR_PATH];
	struct stat st;

	if (fd < 0)
		return;
	if (fstat(fd, &st) || statdir_outside(st.st_uid) != named ||
	    (st.st_uid == geteuid()) != w->mine) {
		close(fd);
		return;
	}
	snprintf(path, sizeof(path), "%s/%.100s", where, name);
	w->each(fd, path, st.st_uid, false, w->arg);
}

/* /run/ix, and what was given to us: root's or ours. */
static void visit_shared(const struct walk *w, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return;
	if (!fstat(fd, &st) && (!st.st_uid || st.st_uid == geteuid()))
		w->each(fd, path, st.st_uid, true, w->arg);
	else
		close(fd);
}

/* The number at @text, up to @end; false: it is none. */
static bool number(const char *text, const char *end, uid_t *out)
{
	char *rest;
	unsigned long n = strtoul(text, &rest, 10);

	*out = (uid_t)n;
	return text[0] >= '0' && text[0] <= '9' && n < (uid_t)-1 && rest == end;
}

static void visit_shm(const struct walk *w)
{
	struct statdir_quota quota = { 0 };
	DIR *d = opendir(shm_dir);
	struct dirent *e;
	uid_t uid;

	for (int i = 0; d && i < MOST_NAMES && (e = readdir(d)); i++) {
		const char *user = e->d_name + 3;

		if (!strncmp(e->d_name, "ix-", 3) &&
		    number(user, strchrnul(user, '-'), &uid) &&
		    statdir_may_look(&quota, dirfd(d), e->d_name, DIRS_EACH))
			visit(w, dirfd(d), shm_dir, e->d_name, uid);
	}
	if (d)
		closedir(d);
}

static void visit_sessions(const struct walk *w)
{
	DIR *d = opendir(user_dir);
	struct dirent *e;
	uid_t uid;

	for (int i = 0; d && i < MOST_NAMES && (e = readdir(d)); i++) {
		char path[STATDIR_PATH];
		int at;

		if (!number(e->d_name, strchr(e->d_name, 0), &uid))
			continue;
		snprintf(path, sizeof(path), "%s/%u", user_dir, uid);
		at = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (at < 0)
			continue;
		visit(w, at, path, "ix", uid);
		close(at);
	}
	if (d)
		closedir(d);
}

void statdir_each(const char *dir, statdir_fn *each, void *arg)
{
	struct walk w = { each, arg, true };
	char session[STATDIR_PATH];

	if (dir[0]) {
		visit_shared(&w, dir);
		return;
	}
	visit_shared(&w, run_dir);
	/* One that is not where all of them are. */
	snprintf(session, sizeof(session), "%s/ix",
		 getenv("XDG_RUNTIME_DIR") ? getenv("XDG_RUNTIME_DIR") : "");
	if (strncmp(session, user_dir, strlen(user_dir)))
		visit_shared(&w, session);
	for (int i = 0; i < 2; i++, w.mine = false) {
		visit_sessions(&w);
		visit_shm(&w);
	}
}
