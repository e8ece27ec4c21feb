/* SPDX-License-Identifier: MIT */
/* ix stat: cmd_stat.c finds and prints counters, stat_watch.c their rates. */
#ifndef CP_STAT_H
#define CP_STAT_H

#include "cp/ix.h"
#include "dom/host/statfile.h"

enum { STAT_PAGES = 1024, STAT_WATCH_MIN = 10, STAT_WATCH_MAX = 3600000 };

struct stat_counter {
	const char *name, *help;
	size_t offset;
};

extern const struct stat_counter stat_counters[];
extern const size_t stat_nr_counters;

struct stat_options {
	const char *who; /* pid or name; NULL: all */
	const char *dir;
	bool json, all;
	unsigned int watch; /* ms between reports; 0: one */
};

static inline u64 stat_value(const struct statfile_found *f,
			     const struct stat_counter *c)
{
	return *(const u64 *)((const char *)&f->page.stat + c->offset);
}

/* The pages that are asked for: how many of STAT_PAGES. */
int stat_find(const struct stat_options *o, struct statfile_found *out);

/* Rates, from @n pages @f on, until all of their threads have ended. */
void stat_watch(const struct stat_options *o, struct statfile_found *f, int n);

#endif
