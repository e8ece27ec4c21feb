/* SPDX-License-Identifier: MIT */
#include "cp/stat.h"
#include "cp/top.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

static void print_buckets(const char *name, const double *b, int n)
{
	printf(", \"%s\": [", name);
	for (int i = 0; i < n; i++)
		printf("%s%.1f", i ? ", " : "", b[i]);
	putchar(']');
}

/* What is not known yet is absent. */
static void print_rates(const struct top_thread *t)
{
	printf(", \"load\": %.4f, \"rx\": %.1f, \"tx\": %.1f, \"batch\": %.2f, "
	       "\"drops\": %.1f, \"delay_us\": %.3f, \"delay99_us\": %.3f",
	       t->load, t->rx, t->tx, t->batch, t->drops, t->delay, t->delay99);
	print_buckets("batches", t->batches, IX_BATCH_BUCKETS);
	print_buckets("delays", t->delays, IX_DELAY_BUCKETS);
}

static void print_thread(const struct top_thread *t)
{
	printf("{\"thread\": %u, \"core\": %u, \"connections\": %" PRIu64,
	       t->f->thread, t->f->page.core, t->f->page.stat.tcp_conns);
	if (t->known)
		print_rates(t);
	putchar('}');
}

/* Threads @from to @to - 1. */
static void print_dataplane(const struct top *t, int from, int to)
{
	const struct statfile_found *f = t->threads[from].f;

	printf("{\"name\": ");
	stat_print_string(stdout, f->page.name);
	printf(", \"pid\": %d, \"user\": %u, \"threads\": [", (int)f->pid,
	       f->owner);
	for (int i = from; i < to; i++) {
		printf("%s", i > from ? ", " : "");
		print_thread(&t->threads[i]);
	}
	printf("]}");
}

static void print_line(const struct top *t)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	printf("{\"time\": %lld.%03ld, \"dataplanes\": [",
	       (long long)now.tv_sec, now.tv_nsec / 1000000);
	for (int i = 0; i < t->n; i = top_end(t, i)) {
		printf("%s", i ? ", " : "");
		print_dataplane(t, i, top_end(t, i));
	}
	printf("]}\n");
}

static void add_ms(struct timespec *t, u32 ms)
{
	t->tv_sec += ms / 1000;
	t->tv_nsec += (long)(ms % 1000) * 1000000;
	t->tv_sec += t->tv_nsec / 1000000000;
	t->tv_nsec %= 1000000000;
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec ||
	       (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* Intervals do not grow by what a look takes. Those that are over already,
 * since nobody has read lines or we were stopped, are left out. */
static void await(struct timespec *next, u32 ms)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	add_ms(next, ms);
	if (is_before(next, &now)) {
		*next = now;
		add_ms(next, ms);
	}
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL);
}

/* The first look has nothing to compare with: no line. */
int top_print(struct top *t)
{
	struct timespec next;
	bool ok = true;

	clock_gettime(CLOCK_MONOTONIC, &next);
	top_look(t);
	for (u32 n = 0; ok && (!t->count || n < t->count); n++) {
		await(&next, t->ms);
		top_look(t);
		print_line(t);
		ok = !fflush(stdout);
	}
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
