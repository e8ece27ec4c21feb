/* SPDX-License-Identifier: MIT */
/* ix stat --watch: rates, a line for each thread and interval. */
#include "cp/stat.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { HEADER_EVERY = 20 };

/* A thread's counters now and before, and the seconds in between. */
struct change {
	const struct statfile_found *now, *old;
	double s;
};

#define SINCE(c, counter) \
	((double)((c)->now->page.stat.counter - (c)->old->page.stat.counter))

/* ---- the table */

static double drops(const struct change *c)
{
	u64 n = 0;

	for (size_t i = 0; i < stat_nr_counters; i++)
		if (stat_is_drop(&stat_counters[i]))
			n += stat_value(c->now, &stat_counters[i]) -
			     stat_value(c->old, &stat_counters[i]);
	return (double)n;
}

/* Packets in an iteration that received some. */
static double batch(const struct change *c)
{
	double n = 0;

	for (int i = 0; i < IX_BATCH_BUCKETS; i++)
		n += SINCE(c, rx_batch[i]);
	return n ? SINCE(c, rx_packets) / n : 0;
}

static void print_header(void)
{
	printf("%-20s %9s %9s %6s %8s %8s %8s %5s\n", "program pid.thread",
	       "rx pkt/s", "tx pkt/s", "batch", "conns", "opens/s", "drops/s",
	       "idle");
}

static void print_row(const struct change *c)
{
	char who[48];

	snprintf(who, sizeof(who), "%.11s %d.%u", c->now->page.name,
		 (int)c->now->pid, c->now->thread);
	printf("%-20s %9.0f %9.0f %6.1f %8" PRIu64 " %8.0f %8.0f %4.0f%%\n",
	       who, SINCE(c, rx_packets) / c->s, SINCE(c, tx_packets) / c->s,
	       batch(c), c->now->page.stat.tcp_conns,
	       (SINCE(c, tcp_active_opens) + SINCE(c, tcp_passive_opens)) /
		       c->s,
	       drops(c) / c->s, SINCE(c, idle_ns) / c->s / 1e7);
}

/* ---- --all */

static void print_all(const struct change *c)
{
	printf("%s %d.%u:", c->now->page.name, (int)c->now->pid,
	       c->now->thread);
	for (size_t i = 0; i < stat_nr_counters; i++) {
		const struct stat_counter *counter = &stat_counters[i];
		u64 now = stat_value(c->now, counter);
		u64 before = stat_value(c->old, counter);

		if (stat_is_gauge(counter))
			printf(" %s=%" PRIu64, counter->name, now);
		else if (now != before)
			printf(" %s=%.0f/s", counter->name,
			       (double)(now - before) / c->s);
	}
	putchar('\n');
}

/* ---- the loop */

/* The same thread's page among @n others, or NULL: it is new. */
static const struct statfile_found *same(const struct statfile_found *f,
					 const struct statfile_found *old,
					 int n)
{
	for (int i = 0; i < n; i++) {
		if (old[i].owner == f->owner && old[i].pid == f->pid &&
		    old[i].thread == f->thread)
			return &old[i];
	}
	return NULL;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void stat_watch(const struct stat_options *o, struct statfile_found *f, int n)
{
	const struct timespec pause = { o->watch / 1000,
					(long)(o->watch % 1000) * 1000000 };
	static struct statfile_found old[STAT_PAGES];
	double last = seconds();
	u32 lines = 0;

	while (n) {
		struct change c = { .s = -last };
		int before = n;

		memcpy(old, f, sizeof(*f) * (size_t)n);
		nanosleep(&pause, NULL);
		n = stat_find(o, f);
		last = seconds();
		c.s += last;
		for (int i = 0; i < n; i++) {
			c.now = &f[i];
			c.old = same(&f[i], old, before);
			if (!c.old)
				continue;
			if (!o->all && lines++ % HEADER_EVERY == 0)
				print_header();
			o->all ? print_all(&c) : print_row(&c);
		}
		fflush(stdout);
	}
}
