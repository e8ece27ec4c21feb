/* SPDX-License-Identifier: MIT */
/*
 * Whom the application runs as: the setting `user`.
 *
 *	ix is root, auto	a user for each life, without a name, like
 *				systemd's dynamic users: no other process runs
 *				as this user
 *	ix is root, NAME	that one; root only if asked for by name
 *	otherwise		as ix
 *
 * If that is impossible it is an error; there is no fallback.
 */
#include "dom/process/process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dom/host/statdir.h"
#include "ix/dom.h"

/* A range that distributions, systemd and container managers do not use
 * (systemd.io/UIDS-GIDS: unused); in containers that map only 65536 users, the
 * range of systemd's dynamic users. */
static const struct range {
	u32 first, n;
} ranges[] = {
	{ 0x70490000, 0x10000 },
	{ 61184, 4336 },
};

enum { DRAWS = 1000, YES = 0, NO = 1, UNKNOWN = 2 };

/* ---- users of nobody else */

/* Are [first, first + n) mapped in our user namespace? */
static bool mapped(const char *map, u32 first, u32 n)
{
	FILE *f = fopen(map, "re");
	u32 inside, outside, have;
	bool found = false;

	while (f && !found &&
	       fscanf(f, "%u %u %u", &inside, &outside, &have) == 3)
		found = first >= inside && first - inside < have &&
			n <= have - (first - inside);
	if (f)
		fclose(f);
	return found;
}

static bool both_mapped(u32 first, u32 n)
{
	return mapped("/proc/self/uid_map", first, n) &&
	       mapped("/proc/self/gid_map", first, n);
}

/* Does a process of @uid run? */
static bool taken(u32 uid)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	struct stat st;
	bool found = !proc; /* no telling */

	while (proc && !found && (e = readdir(proc)))
		found = isdigit((unsigned char)e->d_name[0]) &&
			!fstatat(dirfd(proc), e->d_name, &st, 0) &&
			st.st_uid == uid;
	if (proc)
		closedir(proc);
	return found || getpwuid(uid);
}

/* At random: files left by an earlier life should not belong to the next one.
 */
int proc_user_life(struct proc_user *u)
{
	u32 lot;

	if (!u->own)
		return 0;
	for (int i = 0; i < DRAWS; i++) {
		if (getrandom(&lot, sizeof(lot), 0) != sizeof(lot))
			return -EIO;
		lot = u->first + lot % u->n;
		if (taken(lot))
			continue;
		u->uid = u->gid = lot;
		return 0;
	}
	return -EUSERS;
}

static int own(struct proc_user *u)
{
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		const struct range *r = &ranges[i];

		if (!both_mapped(r->first, r->n))
			continue;
		u->change = u->own = true;
		u->first = r->first;
		u->n = r->n;
		snprintf(u->text, sizeof(u->text),
			 "a user of its own (uid %u to %u)", r->first,
			 r->first + r->n - 1);
		return proc_user_life(u);
	}
	if (!statdir_outside(geteuid()))
		return -EUSERS;
	snprintf(u->text, sizeof(u->text),
		 "uid 0 as ix (this user namespace has no other)");
	return 0;
}

/* ---- by name */

/* As ix, without its rights. */
static int stay(struct proc_user *u)
{
	snprintf(u->text, sizeof(u->text), "uid %u as ix", geteuid());
	return 0;
}

static int become(struct proc_user *u, const struct passwd *pw)
{
	if (!pw->pw_uid)
		return stay(u);
	if (!both_mapped(pw->pw_uid, 1) ||
	    !mapped("/proc/self/gid_map", pw->pw_gid, 1))
		return -EINVAL;
	u->change = true;
	u->uid = pw->pw_uid;
	u->gid = pw->pw_gid;
	snprintf(u->text, sizeof(u->text), "%.32s", pw->pw_name);
	return 0;
}

static int named(struct proc_user *u, const char *name)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(name);
	if (!pw)
		return errno ? -errno : -ENOENT;
	if (!geteuid())
		return become(u, pw);
	return geteuid() == pw->pw_uid ? stay(u) : -EPERM;
}

static const char *reason(int err)
{
	switch (err) {
	case -ENOENT:
		return "there is none";
	case -EINVAL:
		return "is not in this user namespace";
	case -EPERM:
		return "only root may start a program as somebody else";
	case -EUSERS:
		return "this user namespace has none to spare, and its root "
		       "is the machine's; --user root takes that one";
	}
	return strerror(-err);
}

/* ---- may it begin? */

/* By the file system uid; access() would use the real uid. */
static bool may_execute(const char *path)
{
	return !faccessat(AT_FDCWD, path, X_OK, AT_EACCESS);
}

/* May @u execute @program and load the domain's object? A child with the file
 * access rights of @u, which processes of @u can neither kill nor stop, asks
 * the kernel: YES, NO, or no answer. A program without a slash is looked up in
 * PATH. */
static int reaches(const struct proc_user *u, const char *program)
{
	const char *lib = getenv(IX_ENV_LIBDIR);
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		if (setgroups(0, NULL))
			_exit(UNKNOWN);
		setfsgid(u->gid);
		setfsuid(u->uid); /* takes what root may do with files, too */
		if ((uid_t)setfsuid((uid_t)-1) != u->uid ||
		    (gid_t)setfsgid((gid_t)-1) != u->gid)
			_exit(UNKNOWN);
		if (strchr(program, '/') && !may_execute(program))
			_exit(NO);
		_exit(lib && !may_execute(lib) ? NO : YES);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return UNKNOWN;
	return WEXITSTATUS(status);
}

static int check(struct proc_user *u, const char *program, char *why,
		 size_t why_len)
{
	switch (u->change ? reaches(u, program) : YES) {
	case YES:
		return 0;
	case NO:
		u->barred = true;
		snprintf(why, why_len,
			 "%.100s: %s may not execute it, or not load libix: "
			 "its directories are closed to others; --user NAME "
			 "chooses a user, also root",
			 program, u->text);
		return -EACCES;
	}
	snprintf(why, why_len, "%.100s: no telling whether %s may execute it",
		 program, u->text);
	return -EAGAIN;
}

int proc_user_find(struct proc_user *u, const char *user, const char *program,
		   char *why, size_t why_len)
{
	int err;

	*u = (struct proc_user){ .change = false };
	if (strcmp(user, "auto"))
		err = named(u, user);
	else
		err = geteuid() ? stay(u) : own(u);
	if (!err)
		return check(u, program, why, why_len);
	snprintf(why, why_len, "user %.64s: %s", user, reason(err));
	return err;
}
