/* SPDX-License-Identifier: MIT */
/* Counters of a dataplane as a policy wants them. Pages are copied by pread():
 * one that is cut does no harm. */
#include "cp/daemon/cpd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

static struct policy_thread take(struct sample *t, u64 ns)
{
	struct ix_stat s;
	struct load l;

	if (!read_stat(t->fd, &s))
		return (struct policy_thread){ 0 };
	l = load_take(&t->mark, &s, ns);
	return (struct policy_thread){ l.busy, l.delay_us, l.batch };
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
			load_begin(&t->mark, &stat);
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
