/* SPDX-License-Identifier: MIT */
/* Latency histogram: everything that is not on the recording path. */
#include "bench/hist.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void hist_init(struct hist *h)
{
	memset(h, 0, sizeof(*h));
	h->min = UINT64_MAX;
}

struct hist *hist_alloc(uint32_t n)
{
	struct hist *h = malloc(n * sizeof(*h));

	for (uint32_t i = 0; h && i < n; i++)
		hist_init(&h[i]);
	return h;
}

void hist_merge(struct hist *to, const struct hist *from)
{
	to->n += from->n;
	to->sum += from->sum;
	if (from->max > to->max)
		to->max = from->max;
	if (from->min < to->min)
		to->min = from->min;
	for (int i = 0; i < HIST_BUCKETS; i++)
		to->count[i] += from->count[i];
}

/* Largest value that falls into bucket @i. */
static uint64_t upper_edge(uint32_t i)
{
	uint32_t shift;

	if (i < HIST_SUBS)
		return i;
	shift = (i >> HIST_SUB_BITS) - 1;
	return ((uint64_t)(i - (shift << HIST_SUB_BITS)) << shift) +
	       (1ull << shift) - 1;
}

uint64_t hist_quantile(const struct hist *h, double q)
{
	uint64_t rank = (uint64_t)ceil(q * (double)h->n);
	uint64_t seen = 0;

	if (!h->n)
		return 0;
	if (!rank)
		rank = 1;
	for (uint32_t i = 0; i < HIST_BUCKETS - 1; i++) {
		seen += h->count[i];
		if (seen >= rank)
			return upper_edge(i) < h->max ? upper_edge(i) : h->max;
	}
	return h->max;
}

double hist_mean(const struct hist *h)
{
	return h->n ? (double)h->sum / (double)h->n : 0;
}
