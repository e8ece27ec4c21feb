/* SPDX-License-Identifier: MIT */
/* What a dataplane has reported: the last lines, for `ix log`. Written and read
 * by threads that are no elastic ones. */
#ifndef DOM_HOST_LOG_H
#define DOM_HOST_LOG_H

#include <pthread.h>

#include "base/types.h"

enum { LOG_LINES = 256, LOG_LINE = 320 };

struct log_line {
	u64 at;		     /* ns of CLOCK_REALTIME */
	char text[LOG_LINE]; /* printable, without newline */
};

struct log {
	pthread_mutex_t lock;
	u64 n; /* lines ever: number i is in line[i % LOG_LINES] */
	struct log_line line[LOG_LINES];
};

/* One line, cut where it is too long. */
void log_add(struct log *l, const char *text);

/* Line number @i, counted from 0; false: it is no longer there, or not yet. */
bool log_read(struct log *l, u64 i, struct log_line *out);

/* How many lines there have been. */
u64 log_count(struct log *l);

#endif
