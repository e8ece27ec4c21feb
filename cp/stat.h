/* SPDX-License-Identifier: MIT */
/* Counters of running dataplanes: stat.c finds them, cmd_stat.c prints them,
 * stat_watch.c their rates. */
#ifndef CP_STAT_H
#define CP_STAT_H

#include <stdio.h>

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

/* By the words of the list, include/ix/stat.h. */
bool stat_is_gauge(const struct stat_counter *c);
bool stat_is_drop(const struct stat_counter *c);

/* A page as a JSON object; a string as one. */
void stat_print_json(FILE *out, const struct statfile_found *f);
void stat_print_string(FILE *out, const char *s);

/* Rates, from @n pages @f on, until all of their threads have ended. */
void stat_watch(const struct stat_options *o, struct statfile_found *f, int n);

#endif
