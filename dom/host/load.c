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

/* 99 in 100 packets since then have waited at most so long. */
static u32 delay_us(const struct load_mark *m, const struct ix_stat *s)
{
	u64 n = 0, seen = 0;
	u32 i = 0;

	for (u32 k = 0; k < IX_DELAY_BUCKETS; k++)
		n += s->rx_delay[k] - m->delay[k];
	if (!n)
		return 0;
	while (i + 1 < IX_DELAY_BUCKETS &&
	       (seen += s->rx_delay[i] - m->delay[i]) * 100 < n * 99)
		i++;
	return (u32)((2ull << i) / 1000);
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
