/* SPDX-License-Identifier: MIT */
#include "dom/host/follow.h"

#include <errno.h>

#include "nic/keep_msg.h"

enum {
	MS = 1000000, /* ns */
	SOONEST_MS = 10,
	LATEST_MS = 1000,
	LOOK_MS = 50,
};

static const struct ix_stat *counters(const struct host *h, u32 i)
{
	return &h->threads[i].stat.page->stat;
}

void follow_begin(struct follow *f, struct host *h, u64 now)
{
	if (h->grant_fd <= 0 || h->nthreads < 2)
		return;
	f->at = now;
	f->look = f->due = now + LATEST_MS * (u64)MS;
	for (u32 i = 0; i < h->nthreads; i++)
		load_begin(&f->mark[i], counters(h, i));
}

int follow_wait(const struct follow *f, u64 now)
{
	if (!f->due)
		return -1;
	return now < f->look ? (int)((f->look - now + MS - 1) / MS) : 0;
}

/* All before the last that has some flow group. */
static u32 running(const struct host *h)
{
	u32 n = h->nthreads;

	while (n > 1 && READ_ONCE(h->threads[n - 1].parked))
		n--;
	return n;
}

static void measure(struct follow *f, const struct host *h, u64 now,
		    struct keep_load *out)
{
	u64 ns = max(now - f->at, (u64)1);

	f->at = now;
	for (u32 i = 0; i < h->nthreads; i++) {
		const struct ix_stat s = *counters(h, i);
		struct load l = load_take(&f->mark[i], &s, ns);

		out[i] = (struct keep_load){
			.busy = (u16)min(l.busy, 1000u),
			.batch = (u16)min(l.batch, (u32)UINT16_MAX),
			.delay_us = l.delay_us,
		};
	}
}

static bool calm(const struct keep_load *load, u32 n)
{
	u32 busy = 0;

	for (u32 i = 0; i < n; i++)
		busy += load[i].busy;
	return busy < n * LOAD_CALM;
}

/* It is of no use to say more to who does not say on how many cores to run. */
static void tell(struct follow *f, struct host *h, u64 now,
		 const struct keep_load *load, u32 n)
{
	u32 ms = LATEST_MS;
	struct keep_reply r;
	int err = grant_ask_cores(h->nic, n, load, h->nthreads, &r);

	if (!err && r.cores && r.cores != n)
		err = host_cores(h, r.cores);
	if (!err)
		ms = min(max(r.ms, (u32)SOONEST_MS), (u32)LATEST_MS);
	f->due = now + ms * (u64)MS;
	f->look = f->due;
	if (!err && r.cores)
		f->look = min(f->due, now + LOOK_MS * (u64)MS);
}

void follow_step(struct follow *f, struct host *h, u64 now)
{
	struct keep_load load[IX_MAX_THREADS];
	u32 n = running(h);

	if (follow_wait(f, now))
		return;
	measure(f, h, now, load);
	if (now >= f->due || !calm(load, n))
		tell(f, h, now, load, n);
	else
		f->look = min(f->due, now + LOOK_MS * (u64)MS);
}
