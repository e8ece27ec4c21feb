/* SPDX-License-Identifier: MIT */
/*
 * Counter pages: one file PID.THREAD per elastic thread, in a directory of
 * statdir.h; mapped by the dataplane for writing. The writer holds a lock on
 * the file, for writing, while it lives: a file without one is stale. Nobody
 * gets such a lock who may not write the file.
 *
 *   statfile.c  the dataplane's side
 *   statread.c  readers
 *
 * A reader believes only a page of the directory's owner, about a process of
 * theirs, and gets a copy: what others write is read once, into own memory, and
 * made fit to print.
 */
#ifndef DOM_HOST_STATFILE_H
#define DOM_HOST_STATFILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "dom/host/statdir.h"
#include "ix/stat.h"

enum { STATFILE_BYTES = 4096, STATFILE_GROUPS = 128 };

/* The page. Readers that only want counters need struct ix_stat alone. */
struct statfile_page {
	struct ix_stat stat;
	uint8_t pad[2048 - sizeof(struct ix_stat)];
	uint32_t nthreads;
	uint32_t core;
	char name[64];
	char about[1024]; /* the line that the domain printed at its start */
	/* Thread 0: whose each flow group is, looked at once a second. */
	uint32_t ngroups; /* 0: not told here */
	uint8_t groups[STATFILE_GROUPS];
};

_Static_assert(sizeof(struct statfile_page) <= STATFILE_BYTES, "one page");

struct statfile {
	struct statfile_page *page;
	int fd;
	bool tidy; /* nobody has asked for this directory */
	char dir[STATDIR_PATH];
	char path[STATDIR_PATH + 32]; /* also of one that could not be made */
};

/* @dir empty: where statdir.h says. Made if absent. Stale files in it are
 * removed. 0 or -errno. */
int statfile_create(struct statfile *f, const char *dir, unsigned int thread);
/* Also removes the file, and the directory if it has become empty. */
void statfile_remove(struct statfile *f);

/* A copy of a page. name and about: printable ASCII. */
struct statfile_found {
	struct statfile_page page;
	uid_t owner;
	pid_t pid; /* of @owner */
	unsigned int thread;
	char dir[STATDIR_PATH]; /* where it is */
};

/* All live pages of @dir (empty: of all places), by owner, pid and thread; of
 * an owner who is neither root nor we only some. Removes own stale ones. How
 * many were written to @out, at most @max. */
int statfile_list(const char *dir, struct statfile_found *out, int max);

#endif
