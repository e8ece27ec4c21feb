/* SPDX-License-Identifier: MIT */
/* Packet memory: is there so much, and then at its place before it is used. */
#include "dom/host/available.h"
#include "dom/host/host.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum {
	PIECE = 64 << 20, /* between two looks for signals */
	LONG = 1 << 30,	  /* preparing memory takes seconds on a slow or loaded
			     machine */
};

static u64 aligned(u64 n)
{
	return (n + HUGEMEM_ALIGN - 1) / HUGEMEM_ALIGN * HUGEMEM_ALIGN;
}

static int check_available(const struct host *h, char *why, size_t why_len)
{
	struct available_need need = {
		.frames = aligned((u64)host_frames_len(h) * h->nthreads),
		.arena = aligned(h->conf.arena),
		.private = host_thread_bytes(&h->conf) * h->nthreads,
		.want = (enum hugemem_want)h->conf.pages,
	};
	struct available have;

	available_read(&have);
	return available_check(&have, &need, why, why_len);
}

/* Domains block the signals that they handle themselves; a pending one ends the
 * preparation of memory. */
static bool signalled(void)
{
	sigset_t set;

	return !sigpending(&set) &&
	       (sigismember(&set, SIGINT) || sigismember(&set, SIGTERM) ||
		sigismember(&set, SIGQUIT) || sigismember(&set, SIGHUP));
}

static int touch(u8 *base, size_t len)
{
	int err = 0;

	for (size_t i = 0; i < len && !err; i += PIECE)
		err = signalled() ? -EINTR
				  : hugemem_touch(base + i,
						  min(len - i, (size_t)PIECE));
	return err;
}

static bool pins_arena(const struct host *h)
{
	return h->mem.arena.fd >= 0 && !strncmp(h->conf.nic, "xdp:", 4);
}

/* Each thread's frames near its core. Before the NIC is opened: on a loaded
 * machine the kernel takes seconds to find large pages, and who has an address
 * must answer for it. AF_XDP moreover pins all memory in the pages it finds;
 * shared memory has only small ones yet. */
static int settle(struct host *h, char *why, size_t why_len)
{
	cpu_set_t before;
	int err = sched_getaffinity(0, sizeof(before), &before) ? -errno : 0;

	for (u32 i = 0; i < h->nthreads && !err; i++) {
		err = host_pin(h->conf.cores.core[i]);
		if (!err)
			err = touch(host_frames(h, i), host_frames_len(h));
	}
	if (!err && pins_arena(h))
		err = touch(h->mem.arena.base, h->mem.arena.len);
	sched_setaffinity(0, sizeof(before), &before);
	return err ? host_fail(err, why, why_len, "preparing memory") : 0;
}

static void announce(const struct host *h)
{
	size_t len = h->mem.frames.len;

	if (pins_arena(h))
		len += h->mem.arena.len;
	if (len >= LONG && !h->conf.quiet)
		fprintf(stderr, "ix: preparing %zu.%zu GB of memory\n",
			len >> 30, (len >> 20) % 1024 * 10 / 1024);
}

/* Does somebody else have to map it, too? */
static bool passed(const struct host *h)
{
	return h->grant_fd && !strncmp(h->conf.nic, "xdp:", 4);
}

int host_open_memory(struct host *h, const struct host_domain *domain,
		     char *why, size_t why_len)
{
	int err = check_available(h, why, why_len);

	if (!err)
		err = hugemem_open(&h->mem, host_frames_len(h) * h->nthreads,
				   h->conf.arena, domain->shared || passed(h),
				   (enum hugemem_want)h->conf.pages, why,
				   why_len);
	if (err)
		return err;
	announce(h);
	return settle(h, why, why_len);
}

/* All buffers are free, or the NIC's, which has forgotten them. */
static void renew_pool(struct host_thread *t)
{
	struct mbuf_pool *p = &t->dp->pool;

	mbuf_pool_reset(p);
	t->dp->nic->ops->wait(t->dp->nic, 0);
}

static int resume(struct host *h)
{
	struct nic *nic = h->nic;
	int err;

	nic->kept.memfd[0] = h->mem.frames.fd;
	nic->kept.memfd[1] = h->mem.arena.fd;
	err = nic->resume(nic);
	for (u32 i = 0; i < h->nthreads && !err; i++)
		renew_pool(&h->threads[i]);
	return err;
}

int host_renew_memory(struct host *h)
{
	char why[NIC_WHY];
	int err;

	if (h->nic->suspend)
		h->nic->suspend(h->nic);
	err = hugemem_renew(&h->mem);
	if (!err)
		err = settle(h, why, sizeof(why));
	if (!err && h->nic->resume)
		err = resume(h);
	return err ? err : hugemem_seal(&h->mem);
}
