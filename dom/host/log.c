/* SPDX-License-Identifier: MIT */
#include "dom/host/log.h"

#include <time.h>

static u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

/* A program's words may be in it (its name, what it wrote before it died). */
static void copy_printable(char *out, const char *text)
{
	u32 n = 0;

	while (*text == '\n')
		text++;
	for (; *text && *text != '\n' && n < LOG_LINE - 1; text++)
		out[n++] = *text < ' ' || *text > '~' ? '?' : *text;
	out[n] = 0;
}

void log_add(struct log *l, const char *text)
{
	struct log_line *line;

	pthread_mutex_lock(&l->lock);
	line = &l->line[l->n++ % LOG_LINES];
	line->at = now();
	copy_printable(line->text, text);
	pthread_mutex_unlock(&l->lock);
}

bool log_read(struct log *l, u64 i, struct log_line *out)
{
	bool there;

	pthread_mutex_lock(&l->lock);
	there = i < l->n && l->n - i <= LOG_LINES;
	if (there)
		*out = l->line[i % LOG_LINES];
	pthread_mutex_unlock(&l->lock);
	return there;
}

u64 log_count(struct log *l)
{
	u64 n;

	pthread_mutex_lock(&l->lock);
	n = l->n;
	pthread_mutex_unlock(&l->lock);
	return n;
}
