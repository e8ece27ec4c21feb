/* SPDX-License-Identifier: MIT */
#include "cp/stat.h"
#include "cp/top.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool same_process(const struct statfile_found *a,
			 const struct statfile_found *b)
{
	return a->pid == b->pid && a->owner == b->owner;
}

static const struct statfile_found *before(const struct top *t,
					   const struct statfile_found *f)
{
	for (int i = 0; i < t->nold; i++)
		if (same_process(&t->old[i], f) &&
		    t->old[i].thread == f->thread)
			return &t->old[i];
	return NULL;
}

/* ---- what changed */

static double drops(const struct statfile_found *now,
		    const struct statfile_found *old)
{
	u64 n = 0;

	for (size_t i = 0; i < stat_nr_counters; i++)
		if (stat_is_drop(&stat_counters[i]))
			n += stat_value(now, &stat_counters[i]) -
			     stat_value(old, &stat_counters[i]);
	return (double)n;
}

static double rates(double *out, const u64 *now, const u64 *old, int n,
		    double s)
{
	double sum = 0;

	for (int i = 0; i < n; i++) {
		out[i] = (double)(now[i] - old[i]) / s;
		sum += out[i];
	}
	return sum;
}

/* Below which part @q of what the buckets count lies, us. */
static double quantile(const double *buckets, int n, double q)
{
	double all = 0, below = 0;

	for (int i = 0; i < n; i++)
		all += buckets[i];
	for (int i = 0; i < n && all > 0; i++) {
		below += buckets[i];
		if (below >= q * all)
			return (double)(2ull << i) / 1000;
	}
	return 0;
}

static void compare(struct top_thread *t, const struct statfile_found *before,
		    double s)
{
	const struct ix_stat *now = &t->f->page.stat, *old = &before->page.stat;
	double idle = (double)(now->idle_ns - old->idle_ns) / (s * 1e9);
	double looks = rates(t->batches, now->rx_batch, old->rx_batch,
			     IX_BATCH_BUCKETS, s);

	t->known = true;
	t->load = idle < 1 ? 1 - idle : 0;
	t->rx = (double)(now->rx_packets - old->rx_packets) / s;
	t->tx = (double)(now->tx_packets - old->tx_packets) / s;
	t->batch = looks > 0 ? t->rx / looks : 0;
	t->drops = drops(t->f, before) / s;
	rates(t->delays, now->rx_delay, old->rx_delay, IX_DELAY_BUCKETS, s);
	if (t->rx > 0)
		t->delay = (double)(now->rx_delay_ns - old->rx_delay_ns) / s /
			   t->rx / 1000;
	t->delay99 = quantile(t->delays, IX_DELAY_BUCKETS, 0.99);
}

/* ---- dataplanes */

int top_end(const struct top *t, int i)
{
	int end = i + 1;

	while (end < t->n && same_process(t->threads[end].f, t->threads[i].f))
		end++;
	return end;
}

int top_dataplanes(const struct top *t)
{
	int n = 0;

	for (int i = 0; i < t->n; i = top_end(t, i))
		n++;
	return n;
}

static bool wanted(const struct top *t, const struct statfile_found *f)
{
	return !t->who || f->pid == atoi(t->who) ||
	       !strcmp(f->page.name, t->who);
}

void top_look(struct top *t)
{
	struct statfile_found *pages = t->old;
	double last = t->at;
	int n;

	t->old = t->pages;
	t->nold = t->n;
	t->pages = pages;
	n = statfile_list(t->dir, pages, TOP_PAGES);
	t->at = seconds();
	t->n = 0;
	for (int i = 0; i < n; i++) {
		struct top_thread *now = &t->threads[t->n];
		const struct statfile_found *old;

		if (!wanted(t, &pages[i]))
			continue;
		pages[t->n++] = pages[i];
		*now = (struct top_thread){ .f = &pages[t->n - 1] };
		old = before(t, now->f);
		if (old)
			compare(now, old, t->at - last);
	}
}
