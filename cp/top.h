/* SPDX-License-Identifier: MIT */
/*
 * ix top: the threads of all dataplanes, again and again. It reads counter
 * pages, and costs the dataplanes nothing.
 *
 *   top.c       the command, keys, the loop
 *   top_data.c  what two looks at the pages make
 *   top_draw.c  the screen
 *   top_json.c  the same for programs
 */
#ifndef CP_TOP_H
#define CP_TOP_H

#include "cp/ix.h"
#include "dom/host/statfile.h"

enum {
	TOP_PAGES = 1024,
	TOP_MIN_MS = 100,
	TOP_MAX_MS = 60000,
};

/* A thread between two looks. */
struct top_thread {
	const struct statfile_found *f; /* now */
	bool known;			/* seen before: what follows is true */
	double load;			/* part of the time, 0 to 1 */
	double rx, tx;			/* packets a second */
	double batch;	       /* packets in an iteration that received some */
	double drops;	       /* a second, for any reason */
	double delay, delay99; /* us: a packet's in the NIC's queue, at most */
	double batches[IX_BATCH_BUCKETS]; /* iterations a second */
	double delays[IX_DELAY_BUCKETS];  /* packets a second */
};

/* All threads; those of a dataplane are neighbours. */
struct top {
	const char *dir, *who;
	u32 ms;
	u32 count; /* of lines for programs; 0: no end */
	bool json, paused, help;
	double at; /* seconds, of the last look */
	int n;
	struct top_thread threads[TOP_PAGES];
	struct statfile_found *pages, *old; /* TOP_PAGES each */
	int nold;
	int first, chosen; /* of the dataplanes: on the screen, by the user */
};

/* top_data.c */
void top_look(struct top *t);
/* Of the dataplane that thread @i belongs to: the thread behind its last. */
int top_end(const struct top *t, int i);
int top_dataplanes(const struct top *t);

/* top_draw.c: on ncurses' screen. */
void top_draw(struct top *t);

/* top_json.c: a line for each interval. The exit status. */
int top_print(struct top *t);

#endif
