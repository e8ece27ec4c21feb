/* SPDX-License-Identifier: MIT */
/*
 * Where the counter pages are: one file per elastic thread,
 *
 *   /run/ix/PID.THREAD or /dev/shm/ix-UID/PID.THREAD
 *
 * mapped by the dataplane for writing and by readers for reading. The writer
 * holds a lock on the file while it lives: a file without one is stale.
 */
#ifndef DOM_HOST_STATFILE_H
#define DOM_HOST_STATFILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "ix/stat.h"

enum { STATFILE_BYTES = 4096 };

/* The page. Readers that only want counters need struct ix_stat alone. */
struct statfile_page {
	struct ix_stat stat;
	uint8_t pad[2048 - sizeof(struct ix_stat)];
	uint32_t nthreads;
	uint32_t core;
	char name[64];
	char about[640]; /* the line that the domain printed at its start */
};

_Static_assert(sizeof(struct statfile_page) <= STATFILE_BYTES, "one page");

struct statfile {
	struct statfile_page *page;
	int fd;
	char path[320];
};

/* @dir empty: the default, /run/ix if it can be written, else the user's.
 * Made if absent. Stale files in it are removed. */
int statfile_create(struct statfile *f, const char *dir, unsigned int thread);
/* Also removes the file. */
void statfile_remove(struct statfile *f);

/* One found page, mapped for reading. */
struct statfile_found {
	const struct statfile_page *page;
	pid_t pid;
	unsigned int thread;
	char path[320];
};

/* All live pages of @dir (empty: of both defaults), by pid and thread;
 * removes stale ones. How many were written to @out, at most @max. */
int statfile_list(const char *dir, struct statfile_found *out, int max);
void statfile_unmap(struct statfile_found *found, int n);

#endif
