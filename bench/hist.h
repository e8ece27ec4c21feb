/* SPDX-License-Identifier: MIT */
/*
 * Latency histogram, log-linear: 128 buckets per power of two, so that any
 * quantile is right to one part in 128 (exact below 128). Recording costs a
 * handful of instructions and no division; histograms of several threads add
 * up.
 */
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>

enum {
	HIST_SUB_BITS = 7,
	HIST_SUBS = 1 << HIST_SUB_BITS,
	HIST_MAX_BITS = 42, /* values from 2^42 ns (73 minutes) on are cut */
	HIST_BUCKETS = HIST_SUBS * (HIST_MAX_BITS - HIST_SUB_BITS + 1),
};

struct hist {
	uint64_t n;
	uint64_t sum; /* of the true values */
	uint64_t min, max;
	uint64_t count[HIST_BUCKETS];
};

void hist_init(struct hist *h);

/* So many, empty; for free(). NULL: no memory. */
struct hist *hist_alloc(uint32_t n);

static inline uint32_t hist_bucket(uint64_t v)
{
	uint32_t shift;

	if (v < HIST_SUBS)
		return (uint32_t)v;
	if (v >> HIST_MAX_BITS)
		return HIST_BUCKETS - 1;
	shift = 63 - HIST_SUB_BITS - (uint32_t)__builtin_clzll(v);
	return (shift << HIST_SUB_BITS) + (uint32_t)(v >> shift);
}

static inline void hist_add(struct hist *h, uint64_t v)
{
	h->n++;
	h->sum += v;
	if (v > h->max)
		h->max = v;
	if (v < h->min)
		h->min = v;
	h->count[hist_bucket(v)]++;
}

/* Adds everything in @from to @to. */
void hist_merge(struct hist *to, const struct hist *from);

/* The smallest value that at least @q (0..1) of all values do not exceed, to
 * the upper edge of its bucket; 0 when empty. */
uint64_t hist_quantile(const struct hist *h, double q);

double hist_mean(const struct hist *h);

#endif
