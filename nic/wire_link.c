/* SPDX-License-Identifier: MIT */
/*
 * The wire's memory and ends, with system calls. In a file, byte 0 is locked
 * by end a, byte 1 by end b, byte 2 by who sets the file up; the kernel drops
 * the locks of a process that dies, and the end may be opened again.
 */
#include "nic/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	LOCK_SETUP = 2,
	SPINS = 200,		 /* looks before sleeping */
	NO_BARRIER_NS = 1000000, /* sleep at most, without membarrier() */
	SETUP_TRIES = 100, /* of 10 ms: the other side may be setting it up */
};

static void wake(struct wire_door *door)
{
	WRITE_ONCE(door->waiting, 0);
	__atomic_fetch_add(&door->seq, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &door->seq, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/*
 * The sender publishes frames, then looks at `waiting`; we set `waiting`, then
 * look for frames. Both need a full barrier in between, or both could miss
 * the other's store; membarrier() makes this side, which has time, pay for
 * both. Where the kernel has none, the sleep is short instead.
 *
 * Another thread of ours, which has something for us that is in no ring, wakes
 * us whether we sleep or are about to: since we slept last seq has changed.
 */
static void sleep_at_door(struct wire_queue *w, u64 ns)
{
	struct wire_door *door = &w->shared->doors[w->end][w->queue];
	struct timespec ts;

	WRITE_ONCE(door->waiting, 1);
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0))
		ns = min(ns, (u64)NO_BARRIER_NS);
	if (!wire_pending(w)) {
		ts.tv_sec = (time_t)(ns / 1000000000);
		ts.tv_nsec = (long)(ns % 1000000000);
		syscall(SYS_futex, &door->seq, FUTEX_WAIT, w->woken, &ts, NULL,
			0);
	}
	WRITE_ONCE(door->waiting, 0);
	w->woken = load_acquire(&door->seq);
}

static void wait_door(struct wire_queue *w, u64 ns)
{
	for (int i = 0; i < SPINS; i++) {
		if (wire_pending(w))
			return;
		__builtin_ia32_pause();
	}
	if (ns)
		sleep_at_door(w, min(ns, (u64)3600 * 1000000000));
}

void wire_link_wake(const struct wire_link *l, u32 i)
{
	wake(&l->shared->doors[l->end][i]);
}

static const struct wire_exits exits = { .wake = wake, .wait = wait_door };

static void *map(int fd)
{
	int flags = fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
	void *p = mmap(NULL, wire_bytes(), PROT_READ | PROT_WRITE,
		       flags | MAP_NORESERVE, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Not tied to the process but to the open file, and so ours alone even if
 * one process opens both ends. */
static bool lock_byte(int fd, int byte, short type)
{
	struct flock fl = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = byte,
		.l_len = 1,
	};

	return !fcntl(fd, F_OFD_SETLK, &fl);
}

/* Setting up takes a moment; who holds the lock for longer wants us to wait. */
static int lock_setup(int fd)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	for (int i = 0; i < SETUP_TRIES; i++) {
		if (lock_byte(fd, LOCK_SETUP, F_WRLCK))
			return 0;
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

static void set_up(struct wire_shared *sh)
{
	if (sh->magic == WIRE_MAGIC && sh->version == WIRE_VERSION)
		return;
	sh->version = WIRE_VERSION;
	sh->magic = WIRE_MAGIC;
}

/* Introduces this end: the key, everything spread over its queues. */
static void announce(struct wire_shared *sh, enum wire_end end, u32 nqueues)
{
	struct wire_end_info *info = &sh->ends[end];
	u8 table[RSS_TABLE];

	for (u32 i = 0; i < RSS_TABLE; i++)
		table[i] = (u8)(i % nqueues);
	wire_set_rss(sh, end, table);
	memcpy(info->rss_key, rss_symmetric_key, RSS_KEY_LEN);
	store_release(&info->rss_gen, info->rss_gen + 1);
	WRITE_ONCE(info->nqueues, nqueues);
	store_release(&info->open, 1);
}

static struct wire_queue *queue_new(struct wire_link *l, u32 nr,
				    const struct wire_conf *conf)
{
	struct wire_queue *w = aligned_alloc(WIRE_PAGE, WIRE_QUEUE_BYTES);
	struct wire_impairer *im = NULL;

	if (w && impair_wanted(&conf->impair)) {
		im = calloc(1, sizeof(*im));
		if (!im) {
			free(w);
			return NULL;
		}
		im->path.conf = conf->impair;
		/* Queues of one end must not draw the same numbers. */
		im->path.conf.seed += ((u64)nr << 32) + ((u64)l->end << 48);
	}
	if (w) {
		wire_queue_init(w, l->shared, l->end, nr, im);
		w->q.mtu = conf->mtu ? conf->mtu : 1500;
	}
	return w;
}

/* Allocates blocks, where the file system can: a page that it turns out to have
 * no room for when it is first touched is a SIGBUS. */
static int make_room(int fd, size_t at, size_t len)
{
	if (fd < 0 || !fallocate(fd, 0, (off_t)at, (off_t)len) ||
	    errno == EOPNOTSUPP)
		return 0;
	return -errno;
}

/* All heads, which wire_queue_init() reads, and the whole of the rings that are
 * used as soon as both ends have queues: who comes second knows how many. */
static int make_rings_room(const struct wire_link *l, u32 queue)
{
	u32 used = max(l->nqueues, READ_ONCE(l->shared->ends[!l->end].nqueues));
	int err = 0;

	for (u32 i = 0; i < WIRE_MAX_QUEUES && !err; i++) {
		size_t len = i < used ? ring_bytes(WIRE_GRAINS) : WIRE_PAGE;

		err = make_room(l->fd, wire_ring_at(l->end, queue, i), len);
		if (!err)
			err = make_room(l->fd, wire_ring_at(!l->end, i, queue),
					len);
	}
	return err;
}

static int queues_open(struct wire_link *l, const struct wire_conf *conf)
{
	l->nqueues = conf->nqueues ? conf->nqueues : 1;
	for (u32 i = 0; i < l->nqueues; i++) {
		int err = make_rings_room(l, i);

		if (err)
			return err;
	}
	for (u32 i = 0; i < l->nqueues; i++) {
		l->queues[i] = queue_new(l, i, conf);
		if (!l->queues[i])
			return -ENOMEM;
		wire_bind(l->queues[i], l->fd < 0 ? NULL : &exits);
	}
	announce(l->shared, l->end, l->nqueues);
	return 0;
}

static int claim_end(int fd, int want)
{
	if (want != WIRE_B && lock_byte(fd, WIRE_A, F_WRLCK))
		return WIRE_A;
	if (want != WIRE_A && lock_byte(fd, WIRE_B, F_WRLCK))
		return WIRE_B;
	return -EBUSY;
}

static int fail(int err, char *why, size_t len, const char *path,
		const char *what)
{
	snprintf(why, len, "wire %s: %s%s%s", path, what,
		 err == -EBUSY ? "" : ": ",
		 err == -EBUSY ? "" : strerror(-err));
	return err;
}

/* Sizes and checks the file, once, whichever end comes first. */
static int file_set_up(struct wire_link *l)
{
	struct stat st;
	int err = lock_setup(l->fd);

	if (err)
		return err;
	if (fstat(l->fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode) ||
		 (st.st_size && (size_t)st.st_size != wire_bytes()))
		err = -EINVAL; /* somebody else's file */
	else if (ftruncate(l->fd, (off_t)wire_bytes()))
		err = -errno;
	else
		err = make_room(l->fd, 0, sizeof(*l->shared));
	if (!err && !(l->shared = map(l->fd)))
		err = -errno;
	if (!err)
		set_up(l->shared);
	lock_byte(l->fd, LOCK_SETUP, F_UNLCK);
	return err;
}

int wire_link_open(struct wire_link *l, const struct wire_conf *conf, char *why,
		   size_t why_len)
{
	const char *path = conf->path;
	int err;

	*l = (struct wire_link){ .fd = -1 };
	if (conf->nqueues > WIRE_MAX_QUEUES)
		return fail(-EINVAL, why, why_len, path, "at most 16 queues");
	l->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (l->fd < 0)
		return fail(-errno, why, why_len, path, "cannot open");
	err = file_set_up(l);
	if (err) {
		fail(err, why, why_len, path, "not usable as a wire");
		goto out;
	}
	err = claim_end(l->fd, conf->end);
	if (err < 0) {
		fail(err, why, why_len, path,
		     "in use at both ends, or at the end asked for");
		goto out;
	}
	l->end = (enum wire_end)err;
	syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0);
	err = queues_open(l, conf);
	if (!err)
		return 0;
	fail(err, why, why_len, path, "no room for its rings");
out:
	wire_link_close(l);
	return err;
}

int wire_link_pair(struct wire_link *a, const struct wire_conf *conf_a,
		   struct wire_link *b, const struct wire_conf *conf_b)
{
	int err;

	*a = (struct wire_link){ .fd = -1, .end = WIRE_A };
	*b = (struct wire_link){ .fd = -1, .end = WIRE_B };
	a->shared = b->shared = map(-1);
	if (!a->shared)
		return -ENOMEM;
	set_up(a->shared);
	err = queues_open(a, conf_a);
	if (!err)
		err = queues_open(b, conf_b);
	if (err) {
		wire_link_close(b);
		wire_link_close(a);
	}
	return err;
}

void wire_link_close(struct wire_link *l)
{
	if (l->shared && l->nqueues)
		WRITE_ONCE(l->shared->ends[l->end].open, 0);
	for (u32 i = 0; i < l->nqueues; i++) {
		if (l->queues[i])
			free(l->queues[i]->impairer);
		free(l->queues[i]);
	}
	if (l->shared && (l->fd >= 0 || l->end == WIRE_A))
		munmap(l->shared, wire_bytes());
	if (l->fd >= 0)
		close(l->fd); /* and the lock with it */
	*l = (struct wire_link){ .fd = -1 };
}
