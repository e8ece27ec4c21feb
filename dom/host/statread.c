/* SPDX-License-Identifier: MIT */
/* Reading counter pages, which anybody may have written. */
#include "dom/host/statfile.h"
#include "base/pid_libc.h"
#include "ix/abi.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	MOST_FILES = 1 << 20, /* names read in one directory */
	PAGES_EACH = 128,     /* of one owner, in all of them */
};

struct list {
	struct statfile_found *out;
	int n, max;
	struct statdir_quota quota;
};

static bool parse_name(const char *name, struct statfile_found *found)
{
	char exact[32];

	if (sscanf(name, "%d.%u", &found->pid, &found->thread) != 2 ||
	    found->pid <= 0 || found->thread >= IX_MAX_THREADS)
		return false;
	snprintf(exact, sizeof(exact), "%d.%u", (int)found->pid, found->thread);
	return !strcmp(name, exact);
}

static void make_printable(char *s, size_t len)
{
	s[len - 1] = 0;
	for (; *s; s++) {
		if (*s < ' ' || *s > '~')
			*s = '?';
	}
}

static bool read_page(int fd, struct statfile_page *page)
{
	if (pread(fd, page, sizeof(*page), 0) != sizeof(*page) ||
	    page->stat.version != IX_STAT_VERSION)
		return false;
	make_printable(page->name, sizeof(page->name));
	make_printable(page->about, sizeof(page->about));
	return true;
}

/* Is there a process @pid, and of this user? Pages of root are believed: its
 * process may have changed its user. */
static bool is_of(pid_t pid, uid_t user)
{
	struct pid_users users;

	return pid_users(pid, &users) && (!user || users.effective == user);
}

/* The control socket of a process that is no more: before its first page, which
 * is how we know of it. */
static void remove_socket(int dir, const char *page)
{
	char name[32];
	unsigned int thread;
	int pid;

	if (sscanf(page, "%d.%u", &pid, &thread) != 2 || thread)
		return;
	snprintf(name, sizeof(name), "%d.sock", pid);
	unlinkat(dir, name, 0);
}

/* Does its writer live? Locks for reading, which all may have, do not count. */
static bool is_held(int fd)
{
	struct flock whole = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

	return !fcntl(fd, F_OFD_GETLK, &whole) && whole.l_type != F_UNLCK;
}

/* Does nobody hold the lock of our own file? Then it is removed. */
static bool remove_stale(int fd, int dir, const char *name, uid_t owner)
{
	if (is_held(fd))
		return false;
	if (owner == geteuid()) {
		remove_socket(dir, name);
		unlinkat(dir, name, 0);
	}
	return true;
}

/* Whose word it is: of the directory's owner, who alone may write it. */
static bool is_theirs(const struct stat *st, uid_t owner, bool shared)
{
	return S_ISREG(st->st_mode) && !(st->st_mode & (S_IWGRP | S_IWOTH)) &&
	       (st->st_uid == owner ||
		(shared && (!st->st_uid || st->st_uid == geteuid())));
}

/* The file @name of @dir to @found. */
static bool read_file(int dir, const char *name, uid_t owner, bool shared,
		      struct statfile_found *found)
{
	int fd = statdir_open(dir, name, 0);
	struct stat st;
	bool ok;

	if (fd < 0)
		return false;
	ok = !fstat(fd, &st) && is_theirs(&st, owner, shared);
	found->owner = st.st_uid;
	ok = ok && !remove_stale(fd, dir, name, st.st_uid) &&
	     read_page(fd, &found->page) && is_of(found->pid, found->owner);
	close(fd);
	return ok;
}

static void list_dir(int fd, const char *path, uid_t owner, bool shared,
		     void *arg)
{
	DIR *d = fdopendir(fd);
	struct list *list = arg;
	struct dirent *e;

	if (!d) {
		close(fd);
		return;
	}
	for (int i = 0; i < MOST_FILES && (e = readdir(d)); i++) {
		struct statfile_found found;

		if (!parse_name(e->d_name, &found) ||
		    !statdir_may_look(&list->quota, dirfd(d), e->d_name,
				      PAGES_EACH) ||
		    !read_file(dirfd(d), e->d_name, owner, shared, &found) ||
		    list->n == list->max)
			continue;
		snprintf(found.dir, sizeof(found.dir), "%s", path);
		list->out[list->n++] = found;
	}
	closedir(d);
	if (!shared && owner == geteuid())
		statdir_tidy(path);
}

static int by_owner_pid_thread(const void *a, const void *b)
{
	const struct statfile_found *x = a, *y = b;

	if (x->owner != y->owner)
		return x->owner < y->owner ? -1 : 1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->thread > y->thread) - (x->thread < y->thread);
}

int statfile_list(const char *dir, struct statfile_found *out, int max)
{
	struct list list = { .out = out, .max = max };

	statdir_each(dir, list_dir, &list);
	if (list.n)
		qsort(out, (size_t)list.n, sizeof(*out), by_owner_pid_thread);
	return list.n;
}
