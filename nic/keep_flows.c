/* SPDX-License-Identifier: MIT */
#include "nic/keep_flows.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	PIECE = 512,	    /* entries that are read at a time */
	SOON_MS = 5,	    /* until we look again: what is not the heir's is to
			     * be known before it is repeated */
	START_MS = 100,	    /* ... whether it listens */
	SELDOM_MS = 1000,   /* ... whether another one is the heir */
	SLICE_NS = 1000000, /* that we look without looking up */
	REST = 10,	    /* times as long as a look took there is none */
	MS = 1000000,	    /* ns */
};

int keep_flows_take(struct keep_flows *f, struct nic *nic, int fd)
{
	const int needed = F_SEAL_SHRINK | F_SEAL_GROW;
	u32 entries = nic->flows->mask + 1;
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (f->fd >= 0)
		return -EPROTO;
	if (seals < 0 || (seals & needed) != needed || fstat(fd, &st) ||
	    (u64)st.st_size != keep_table_len(entries))
		return -EINVAL;
	f->told = calloc(entries, sizeof(u64));
	if (!f->told)
		return -ENOMEM;
	f->fd = fd;
	nic->flows->all = true;
	return 0;
}

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

/* ---- what he has written: a short read is zeros */

static u64 read_serving(const struct keep_flows *f)
{
	u64 serving = 0;

	return pread(f->fd, &serving, sizeof(serving),
		     offsetof(struct keep_table, serving)) == sizeof(serving)
		       ? serving
		       : 0;
}

/* Entries from @at on. */
static void read_piece(const struct keep_flows *f, u32 at, u64 out[PIECE])
{
	const off_t from = (off_t)(NIC_PAGE + at * sizeof(u64));
	ssize_t n = pread(f->fd, out, PIECE * sizeof(u64), from);

	for (size_t i = n > 0 ? (size_t)n / sizeof(u64) : 0; i < PIECE; i++)
		out[i] = 0;
}

/* ---- what the program is told */

/* Of an entry only the hash is his. */
static void tell_end(const struct nic *nic, u64 *told, u64 entry)
{
	if (!*told || entry == *told)
		return;
	flows_remove(nic->flows, *told);
	*told = 0;
}

/* Again and again: there may have been no room, or it has been removed as one
 * that stood elsewhere. */
static void tell_new(const struct nic *nic, u64 *told, u64 entry)
{
	if (!(entry & FLOWS_USED) || (*told && entry != *told))
		return;
	flows_add(nic->flows, entry);
	*told = entry;
}

/* All that has ended, and then all that is new: one that stands elsewhere now
 * is not to be removed behind it. */
static void tell_piece(struct keep_flows *f, const struct nic *nic)
{
	const u32 at = f->next & nic->flows->mask;
	const bool first = f->next <= nic->flows->mask;
	u64 piece[PIECE];

	read_piece(f, at, piece);
	for (u32 i = 0; i < PIECE; i++)
		(first ? tell_end : tell_new)(nic, &f->told[at + i], piece[i]);
	f->next += PIECE;
}

static void tell_serving(struct keep_flows *f, struct nic *nic)
{
	u64 now = read_serving(f), more = now & ~f->serving;

	for (u32 i = 0; i < nic->nqueues; i++)
		if (more >> i & 1)
			nic->serves(nic, i);
	f->serving |= now;
}

/* ---- when */

static bool is_heir(const struct nic *nic)
{
	return READ_ONCE(*nic->flows->heir) == nic->flows->place;
}

/* Goes on with a look. He makes it as long as he likes, and so the next one
 * seldom. */
static void look(struct keep_flows *f, const struct nic *nic)
{
	const u32 end = 2 * (nic->flows->mask + 1);
	const u64 begun = now_ns();
	u64 now;

	do {
		tell_piece(f, nic);
		now = now_ns();
	} while (f->next < end && now - begun < SLICE_NS);
	f->spent += now - begun;
	if (f->next < end)
		return;
	f->pause = now + REST * f->spent;
	f->next = 0;
	f->spent = 0;
}

static int ms_left(const struct keep_flows *f)
{
	u64 now = now_ns();

	return now < f->pause ? (int)((f->pause - now + MS - 1) / MS) : 0;
}

int keep_flows_ms(const struct keep_flows *f, const struct nic *nic)
{
	u64 all;

	if (f->fd < 0)
		return -1;
	if (f->next)
		return 0;
	if (!is_heir(nic))
		return max(SOON_MS, ms_left(f));
	all = ~0ull >> (64 - nic->nqueues);
	return (f->serving & all) == all ? SELDOM_MS : START_MS;
}

void keep_flows_look(struct keep_flows *f, struct nic *nic)
{
	if (f->fd < 0)
		return;
	tell_serving(f, nic);
	if (f->next || (!is_heir(nic) && !ms_left(f)))
		look(f, nic);
}

static bool ends(const int until[2], int ms)
{
	struct pollfd p[] = { { .fd = until[0], .events = POLLIN },
			      { .fd = until[1], .events = POLLIN } };

	return poll(p, ARRAY_SIZE(p), ms) > 0;
}

/* From the beginning: one that has begun has not seen what came since. */
static bool look_at_all(struct keep_flows *f, const struct nic *nic,
			const int until[2])
{
	int ms;

	while ((ms = ms_left(f)))
		if (ends(until, ms))
			return false;
	f->next = 0;
	do {
		if (ends(until, 0))
			return false;
		look(f, nic);
	} while (f->next);
	return true;
}

u32 keep_flows_pass(struct keep_flows *f, struct nic *nic, bool back,
		    const int until[2])
{
	return back || look_at_all(f, nic, until) ? nic->pass(nic, back) : 0;
}

void keep_flows_close(struct keep_flows *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->told);
	*f = (struct keep_flows){ .fd = -1 };
}
