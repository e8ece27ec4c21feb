/* SPDX-License-Identifier: MIT */
/*
 * Whom the application runs as. If ix is not root: as ix. Else as the setting
 * `user` says; auto is nobody, or, where nobody cannot reach the program (in
 * somebody's home, say), the program's owner, which is said aloud.
 */
#include "dom/process/process.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ix/dom.h"

/* In a user namespace that does not map it, nobody can become @id. */
static bool mapped(const char *map, u32 id)
{
	FILE *f = fopen(map, "re");
	u32 inside, outside, n;
	bool found = !f;

	while (!found && fscanf(f, "%u %u %u", &inside, &outside, &n) == 3)
		found = id - inside < n;
	if (f)
		fclose(f);
	return found;
}

static int become(struct proc_user *u, const struct passwd *pw)
{
	if (!mapped("/proc/self/uid_map", pw->pw_uid) ||
	    !mapped("/proc/self/gid_map", pw->pw_gid)) {
		snprintf(u->text, sizeof(u->text),
			 "uid 0 as ix (%.32s is not in this user namespace)",
			 pw->pw_name);
		return 0;
	}
	u->change = true;
	u->uid = pw->pw_uid;
	u->gid = pw->pw_gid;
	snprintf(u->text, sizeof(u->text), "%.32s", pw->pw_name);
	return 0;
}

/* Can @u execute @program, and load the domain's object? Asked of the kernel
 * by a child that is @u. A program without a slash is in the PATH. */
static bool reaches(const struct proc_user *u, const char *program)
{
	const char *lib = getenv(IX_ENV_LIBDIR);
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		bool ok = !setgroups(0, NULL) && !setgid(u->gid) &&
			  !setuid(u->uid);

		if (ok && strchr(program, '/'))
			ok = !access(program, X_OK);
		_exit(ok && (!lib || !access(lib, X_OK)) ? 0 : 1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

static int choose(struct proc_user *u, const char *program)
{
	const struct passwd *pw = getpwnam("nobody");
	struct stat st;

	if (!pw)
		return -ENOENT;
	become(u, pw);
	if (!u->change || reaches(u, program) || stat(program, &st))
		return 0;
	pw = getpwuid(st.st_uid);
	if (!pw)
		return 0;
	fprintf(stderr,
		"ix: nobody may not execute %s: it runs as its owner, %s; "
		"--user chooses another\n",
		program, pw->pw_name);
	return become(u, pw);
}

/* Without root's rights. */
static int stay(struct proc_user *u)
{
	snprintf(u->text, sizeof(u->text), "uid %u as ix", geteuid());
	return 0;
}

static int named(struct proc_user *u, const struct passwd *pw)
{
	if (!geteuid())
		return become(u, pw);
	return geteuid() == pw->pw_uid ? stay(u) : -EPERM;
}

static const char *reason(int err)
{
	switch (err) {
	case -ENOENT:
		return "there is none";
	case -EPERM:
		return "only root may start a program as somebody else";
	}
	return strerror(-err);
}

int proc_user_find(struct proc_user *u, const char *user, const char *program,
		   char *why, size_t why_len)
{
	const struct passwd *pw;
	int err;

	*u = (struct proc_user){ .change = false };
	errno = 0;
	if (!strcmp(user, "auto"))
		err = geteuid() ? stay(u) : choose(u, program);
	else if ((pw = getpwnam(user)))
		err = named(u, pw);
	else
		err = errno ? -errno : -ENOENT;
	if (err)
		snprintf(why, why_len, "user %.64s: %s", user, reason(err));
	return err;
}
