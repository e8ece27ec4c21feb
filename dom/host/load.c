/* SPDX-License-Identifier: MIT */
#include "dom/host/load.h"

#include <string.h>

static u64 batches(const struct ix_stat *s)
{
	u64 n = 0;

	for (u32 i = 0; i < IX_BATCH_BUCKETS; i++)
		n += s->rx_batch[i];
	return n;
}

static u64 waited(const struct load_mark *m, const struct ix_stat *s, u32 i)
{
	return s->rx_delay[i] - m->delay[i];
}

/* 99 in 100 packets since then have waited at most so long. A bucket's are
 * taken to be spread evenly: its end would be late for all of them where the
 * target is a little before it. */
static u32 delay_us(const struct load_mark *m, const struct ix_stat *s)
{
	u64 n = 0, here, from;
	u32 i = 0;

	for (u32 k = 0; k < IX_DELAY_BUCKETS; k++)
		n += waited(m, s, k);
	if (!n)
		return 0;
	n *= 99; /* hundredths, of those that are still to be found */
	while ((here = 100 * waited(m, s, i)) < n && i + 1 < IX_DELAY_BUCKETS) {
		n -= here;
		i++;
	}
	from = 1ull << i;
	/* Counters that others can write may add up to anything. */
	return (u32)((from + from * min(n, here) / max(here, 1ull)) / 1000);
}

static u64 busy(const struct load_mark *m, const struct ix_stat *s, u64 ns)
{
	u64 idle = s->idle_ns - m->idle_ns;

	if (s->asleep)
		return s->busy_ns > m->busy ? min(s->busy_ns - m->busy, ns) : 0;
	return ns > idle ? ns - idle : 0;
}

static void remember(struct load_mark *m, const struct ix_stat *s, u64 spent)
{
	m->busy = s->asleep ? s->busy_ns : m->busy + spent;
	m->idle_ns = s->idle_ns;
	m->packets = s->rx_packets;
	m->batches = batches(s);
	memcpy(m->delay, s->rx_delay, sizeof(m->delay));
}

void load_begin(struct load_mark *m, const struct ix_stat *s)
{
	m->busy = 0;
	remember(m, s, s->busy_ns);
}

struct load load_take(struct load_mark *m, const struct ix_stat *s, u64 ns)
{
	u64 spent = busy(m, s, ns), n = batches(s) - m->batches;
	struct load l = { .busy = (u32)(spent * 1000 / ns),
			  .delay_us = delay_us(m, s) };

	if (n)
		l.batch = (u32)((s->rx_packets - m->packets) / n);
	remember(m, s, spent);
	return l;
}
