/* SPDX-License-Identifier: MIT */
/*
 * Counters of a dataplane as a policy wants them. Pages are copied by pread():
 * one that is cut does no harm.
 *
 *   busy    A thread that sleeps says nothing: before it does, it says how long
 *           it has been busy in all (busy_ns, asleep). One that is awake has
 *           been busy since but for idle_ns, which it keeps up meanwhile.
 *   delay   By rx_delay: at most the time since the poll before. As exact as
 *           its buckets: twice as much at most.
 */
#include "cp/daemon/cpd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int open_page(const char *dir, pid_t pid, u32 thread)
{
	char name[STATDIR_PATH + 32];
	int fd;

	snprintf(name, sizeof(name), "%s/%d.%u", dir, (int)pid, thread);
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static bool read_stat(int fd, struct ix_stat *s)
{
	return pread(fd, s, sizeof(*s), 0) == sizeof(*s) &&
	       s->version == IX_STAT_VERSION;
}

bool sampler_ready(const char *dir, pid_t pid)
{
	struct statfile_page page;
	int fd = open_page(dir, pid, 0);
	bool ready;

	if (fd < 0)
		return false;
	ready = pread(fd, &page, sizeof(page), 0) == sizeof(page) &&
		page.stat.version == IX_STAT_VERSION && page.about[0];
	close(fd);
	return ready;
}

/* ---- an interval */

static u64 batches(const struct ix_stat *s)
{
	u64 n = 0;

	for (u32 i = 0; i < IX_BATCH_BUCKETS; i++)
		n += s->rx_batch[i];
	return n;
}

/* 99 in 100 packets since then have waited at most so long. */
static u32 delay_us(const struct sample *t, const struct ix_stat *s)
{
	u64 n = 0, seen = 0;
	u32 i = 0;

	for (u32 k = 0; k < IX_DELAY_BUCKETS; k++)
		n += s->rx_delay[k] - t->delay[k];
	if (!n)
		return 0;
	while (i + 1 < IX_DELAY_BUCKETS &&
	       (seen += s->rx_delay[i] - t->delay[i]) * 100 < n * 99)
		i++;
	return (u32)((2ull << i) / 1000);
}

static u64 busy(const struct sample *t, const struct ix_stat *s, u64 ns)
{
	u64 idle = s->idle_ns - t->idle_ns;

	if (s->asleep)
		return s->busy_ns > t->busy ? min(s->busy_ns - t->busy, ns) : 0;
	return ns > idle ? ns - idle : 0;
}

static void remember(struct sample *t, const struct ix_stat *s, u64 spent)
{
	t->busy = s->asleep ? s->busy_ns : t->busy + spent;
	t->idle_ns = s->idle_ns;
	t->packets = s->rx_packets;
	t->batches = batches(s);
	memcpy(t->delay, s->rx_delay, sizeof(t->delay));
}

static struct policy_thread take(struct sample *t, u64 ns)
{
	struct policy_thread out = { 0 };
	struct ix_stat s;
	u64 spent, n;

	if (!read_stat(t->fd, &s))
		return out;
	spent = busy(t, &s, ns);
	out.busy = (u32)(spent * 1000 / ns);
	out.delay_us = delay_us(t, &s);
	n = batches(&s) - t->batches;
	if (n)
		out.batch = (u32)((s.rx_packets - t->packets) / n);
	remember(t, &s, spent);
	return out;
}

void sampler_take(struct sampler *s, u32 n, u64 now, struct policy_load *l)
{
	u64 ns = max(now - s->at, (u64)1);

	l->n = min(n, s->n);
	for (u32 i = 0; i < s->n; i++) {
		struct policy_thread t = take(&s->thread[i], ns);

		if (i < l->n)
			l->thread[i] = t;
	}
	s->at = now;
}

int sampler_open(struct sampler *s, const char *dir, pid_t pid, u32 n, u64 now)
{
	struct ix_stat stat;

	s->at = now;
	for (s->n = 0; s->n < n; s->n++) {
		struct sample *t = &s->thread[s->n];
		int fd = open_page(dir, pid, s->n);

		if (fd < 0) {
			sampler_close(s);
			return fd;
		}
		*t = (struct sample){ .fd = fd };
		if (read_stat(fd, &stat))
			remember(t, &stat, stat.busy_ns);
	}
	return 0;
}

u64 sampler_conns(const struct sampler *s)
{
	struct ix_stat stat;
	u64 n = 0;

	for (u32 i = 0; i < s->n; i++)
		if (read_stat(s->thread[i].fd, &stat))
			n += stat.tcp_conns - stat.tcp_time_wait;
	return n;
}

void sampler_close(struct sampler *s)
{
	while (s->n)
		close(s->thread[--s->n].fd);
}
