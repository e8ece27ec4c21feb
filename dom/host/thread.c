/* SPDX-License-Identifier: MIT */
/* One elastic thread: memory, counter page, dataplane, ready to be attached. */
#include "dom/host/host.h"

#include "base/carve.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	NS_PER_MS = 1000000,
	SLEEP_MS = 200, /* at most, until a sleeper sees a stop request */
};

void host_publish_groups(struct host_thread *t)
{
	_Static_assert(sizeof(t->stat.page->groups) == RSS_TABLE, "all");

	memcpy(t->stat.page->groups, t->host->nic->group_owner, RSS_TABLE);
	t->stat.page->ngroups = RSS_TABLE;
}

static int open_stat(struct host_thread *t)
{
	const struct host *h = t->host;
	int err = statfile_create(&t->stat, h->conf.stat_dir, t->index);

	if (err)
		return err;
	t->stat.page->core = t->core;
	t->stat.page->nthreads = h->nthreads;
	snprintf(t->stat.page->name, sizeof(t->stat.page->name), "%s",
		 h->conf.name);
	if (t->index == 0)
		host_publish_groups(t);
	return 0;
}

void host_configure(struct host_thread *t, const struct conf *conf)
{
	t->limit_ns = conf->app_timeout_us * 1000ull;
	t->max_sleep = SLEEP_MS * (u64)NS_PER_MS;
	switch ((enum conf_idle)conf->idle) {
	case IDLE_SPIN:
		t->spin.limit_ns = UINT64_MAX;
		break;
	case IDLE_ADAPTIVE:
		t->spin.limit_ns = (u64)conf->spin_us * 1000;
		break;
	case IDLE_BLOCK:
		t->spin.limit_ns = 0;
		break;
	}
}

/* A sleeping thread is woken for packets that others forward to it, and by
 * host_call(). */
static int open_wake(struct host_thread *t)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	t->wake_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* 0: not yet open */
	close(fd);
	t->host->nic->q[t->index]->wake_fd = t->wake_fd;
	return t->wake_fd < 0 ? -errno : 0;
}

static size_t dp_room(void)
{
	return align_line(sizeof(struct dp));
}

size_t host_thread_bytes(const struct conf *conf)
{
	return dp_room() + dp_bytes(&conf->dp);
}

static int init_dp(struct host_thread *t)
{
	struct host *h = t->host;
	struct dp_setup setup = {
		.conf = &h->conf.dp,
		.nic = h->nic->q[t->index],
		.stat = &t->stat.page->stat,
		.mem = (u8 *)t->mem + dp_room(),
		.shared = h->shared,
		.frames = host_frames(h, h->shared ? 0 : t->index),
		.arena = { .app_base = (u64)h->mem.arena.base,
			   .base = h->mem.arena.base,
			   .len = h->mem.arena.len },
		.thread = t->index,
		.nthreads = h->nthreads,
		.group_owner = h->groups->owner,
		.rss_key = h->groups->rss_key,
		.secret = { h->secret[0], h->secret[1] },
	};

	setup.app_frames = (u64)setup.frames;
	return dp_init(t->dp, &setup, host_now(&t->clock));
}

int host_open_thread(struct host *h, u32 i, const struct host_clock *clock,
		     char *why, size_t why_len)
{
	struct host_thread *t = &h->threads[i];
	int err;

	*t = (struct host_thread){ .host = h,
				   .index = i,
				   .clock = *clock,
				   .core = h->conf.cores.core[i],
				   .stat.fd = -1 };
	host_pin(t->core); /* as host_open_memory() could */
	err = open_stat(t);
	if (err)
		return host_fail_at(err, why, why_len, "counter page",
				    t->stat.path);
	t->mem_len = h->shared ? dp_room() + dp_own_bytes(&h->conf.dp)
			       : host_thread_bytes(&h->conf);
	t->mem = hugemem_private(t->mem_len);
	if (!t->mem)
		return host_fail(-ENOMEM, why, why_len, "dataplane memory");
	t->dp = t->mem;
	t->born = host_now(&t->clock);
	host_configure(t, &h->conf);
	err = open_wake(t);
	if (err)
		return host_fail(err, why, why_len, "eventfd");
	err = init_dp(t);
	if (err)
		return host_fail(err, why, why_len, "dataplane");
	t->dp->net.flows = h->nic->flows;
	t->dp->samples = h->shared && !h->nic->rss_control;
	/* Gives the NIC its empty buffers: the answer to the very first
	 * packet must not be lost. */
	t->dp->nic->ops->wait(t->dp->nic, 0);
	return host_neighbours(t, host_now(&t->clock), why, why_len);
}

void host_close_thread(struct host_thread *t)
{
	hugemem_private_free(t->mem, t->mem_len);
	statfile_remove(&t->stat);
	if (t->wake_fd > 0)
		close(t->wake_fd);
	if (t->arp_fd > 0)
		close(t->arp_fd);
	if (t->nd_fd > 0)
		close(t->nd_fd);
}
