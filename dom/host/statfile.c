/* SPDX-License-Identifier: MIT */
/* Counter pages as the dataplane makes them. */
#include "dom/host/statfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 10 };

/* A lock for writing is only had by who may write the file. Nobody finds it
 * until it is locked: a reader would take it for stale. */
static int make_locked(const char *path)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd, err;

	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (!fcntl(fd, F_OFD_SETLK, &whole))
		return fd;
	err = -errno;
	close(fd);
	unlink(path);
	return err;
}

static int create(struct statfile *f)
{
	char fresh[sizeof(f->path) + 8];
	int err;

	snprintf(fresh, sizeof(fresh), "%s.new", f->path);
	f->fd = make_locked(fresh);
	if (f->fd < 0)
		return f->fd;
	/* Allocated now: in a full file system the first store would be a
	 * SIGBUS. */
	if (fallocate(f->fd, 0, 0, STATFILE_BYTES) &&
	    (errno != EOPNOTSUPP || ftruncate(f->fd, STATFILE_BYTES)))
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

/* Another dataplane of ours that ends takes an empty directory along. */
int statfile_create(struct statfile *f, const char *dir, unsigned int thread)
{
	int err = -ENOENT;

	*f = (struct statfile){ .fd = -1, .tidy = !dir[0] };
	for (int i = 0; i < TRIES && err == -ENOENT; i++) {
		err = statdir_choose(dir, f->dir);
		snprintf(f->path, sizeof(f->path), "%s/%d.%u", f->dir,
			 (int)getpid(), thread);
		if (!err)
			err = create(f);
	}
	if (!err && thread == 0)
		statfile_list(f->dir, NULL, 0);
	return err;
}

void statfile_remove(struct statfile *f)
{
	if (!f->page)
		return;
	unlink(f->path);
	munmap(f->page, STATFILE_BYTES);
	close(f->fd);
	f->page = NULL;
	if (f->tidy)
		statdir_tidy(f->dir);
}
