/* SPDX-License-Identifier: MIT */
/* Counter pages: made by the dataplane, found by who wants to read them. */
#include "dom/host/statfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char run_dir[] = "/run/ix";

static void user_dir(char *out, size_t len)
{
	snprintf(out, len, "/dev/shm/ix-%u", (unsigned int)geteuid());
}

/* Somebody else could have made /dev/shm/ix-UID before us. */
static int own_dir(const char *dir)
{
	struct stat st;

	if (mkdir(dir, 0755) && errno != EEXIST)
		return -errno;
	if (lstat(dir, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return -EACCES;
	return access(dir, W_OK | X_OK) ? -errno : 0;
}

static int choose_dir(const char *dir, char *out, size_t len)
{
	if (dir[0])
		snprintf(out, len, "%s", dir);
	else if (!own_dir(run_dir))
		snprintf(out, len, "%s", run_dir);
	else
		user_dir(out, len);
	return own_dir(out);
}

/* Does nobody hold its lock? Then it is removed. */
static bool remove_stale(int fd, int dir_fd, const char *name)
{
	if (flock(fd, LOCK_EX | LOCK_NB))
		return false;
	unlinkat(dir_fd, name, 0);
	return true;
}

static bool parse_name(const char *name, pid_t *pid, unsigned int *thread)
{
	int n = 0;

	return sscanf(name, "%d.%u%n", pid, thread, &n) == 2 && !name[n];
}

/* Locked before it gets its name: a reader takes it for stale otherwise. */
static int create(struct statfile *f)
{
	char fresh[sizeof(f->path) + 8];
	int err;

	snprintf(fresh, sizeof(fresh), "%s.new", f->path);
	unlink(fresh);
	f->fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (f->fd < 0)
		return -errno;
	if (flock(f->fd, LOCK_SH | LOCK_NB) || ftruncate(f->fd, STATFILE_BYTES))
		goto close;
	f->page = mmap(NULL, STATFILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		       f->fd, 0);
	if (f->page == MAP_FAILED)
		goto close;
	f->page->stat.version = IX_STAT_VERSION;
	if (!rename(fresh, f->path))
		return 0;
	munmap(f->page, STATFILE_BYTES);
close:
	err = -errno;
	f->page = NULL;
	close(f->fd);
	unlink(fresh);
	return err;
}

static int list_dir(const char *dir, struct statfile_found *out, int max);

int statfile_create(struct statfile *f, const char *dir, unsigned int thread)
{
	char path[256];
	int err = choose_dir(dir, path, sizeof(path));

	*f = (struct statfile){ .fd = -1 };
	if (err)
		return err;
	if (thread == 0)
		list_dir(path, NULL, 0);
	snprintf(f->path, sizeof(f->path), "%s/%d.%u", path, (int)getpid(),
		 thread);
	return create(f);
}

void statfile_remove(struct statfile *f)
{
	if (!f->page)
		return;
	unlink(f->path);
	munmap(f->page, STATFILE_BYTES);
	close(f->fd);
	f->page = NULL;
}

/* ---- reading */

static const struct statfile_page *map_page(int fd)
{
	struct stat st;
	const struct statfile_page *page;

	if (fstat(fd, &st) || st.st_size < STATFILE_BYTES)
		return NULL;
	page = mmap(NULL, STATFILE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return NULL;
	if (page->stat.version == IX_STAT_VERSION)
		return page;
	munmap((void *)page, STATFILE_BYTES);
	return NULL;
}

static int list_dir(const char *dir, struct statfile_found *out, int max)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d))) {
		struct statfile_found found;
		int fd;

		if (!parse_name(e->d_name, &found.pid, &found.thread))
			continue;
		fd = openat(dirfd(d), e->d_name,
			    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			continue;
		found.page = remove_stale(fd, dirfd(d), e->d_name) || n == max
				     ? NULL
				     : map_page(fd);
		close(fd);
		if (!found.page)
			continue;
		snprintf(found.path, sizeof(found.path), "%s/%.32s", dir,
			 e->d_name);
		out[n++] = found;
	}
	if (d)
		closedir(d);
	return n;
}

static int by_pid_and_thread(const void *a, const void *b)
{
	const struct statfile_found *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->thread > y->thread) - (x->thread < y->thread);
}

int statfile_list(const char *dir, struct statfile_found *out, int max)
{
	char user[64];
	int n;

	if (dir[0]) {
		n = list_dir(dir, out, max);
	} else {
		user_dir(user, sizeof(user));
		n = list_dir(run_dir, out, max);
		n += list_dir(user, out + n, max - n);
	}
	qsort(out, (size_t)n, sizeof(*out), by_pid_and_thread);
	return n;
}

void statfile_unmap(struct statfile_found *found, int n)
{
	for (int i = 0; i < n; i++)
		munmap((void *)found[i].page, STATFILE_BYTES);
}
