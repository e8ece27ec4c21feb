/* SPDX-License-Identifier: MIT */
#include "nic/keep_flows.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	PIECE = 512,	  /* entries that are read at a time */
	SOON_MS = 5,	  /* until we look again: what is not the heir's is to
			   * be known before it is repeated */
	START_MS = 100,	  /* ... whether it listens */
	SELDOM_MS = 1000, /* ... whether another one is the heir */
	REST = 10,	  /* times as long as we looked we do something else */
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

static void tell_new(const struct nic *nic, u64 *told, u64 entry)
{
	if (*told || !(entry & FLOWS_USED))
		return;
	flows_add(nic->flows, entry);
	*told = entry;
}

static void tell_each(struct keep_flows *f, const struct nic *nic,
		      void (*tell)(const struct nic *nic, u64 *told, u64 entry))
{
	u64 piece[PIECE];

	for (u32 at = 0; at <= nic->flows->mask; at += PIECE) {
		read_piece(f, at, piece);
		for (u32 i = 0; i < PIECE; i++)
			tell(nic, &f->told[at + i], piece[i]);
	}
}

/* One that stands elsewhere now is not to be removed behind it. */
static void tell_all(struct keep_flows *f, const struct nic *nic)
{
	tell_each(f, nic, tell_end);
	tell_each(f, nic, tell_new);
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

/* Not as often as he likes: it takes as long as he makes it. */
static void rest(const struct keep_flows *f)
{
	u64 now = now_ns();
	struct timespec t;

	if (now >= f->pause)
		return;
	t.tv_sec = (time_t)((f->pause - now) / 1000000000);
	t.tv_nsec = (long)((f->pause - now) % 1000000000);
	nanosleep(&t, NULL);
}

static void look(struct keep_flows *f, const struct nic *nic)
{
	u64 begun, now;

	rest(f);
	begun = now_ns();
	tell_all(f, nic);
	now = now_ns();
	f->pause = now + REST * (now - begun);
}

int keep_flows_ms(const struct keep_flows *f, const struct nic *nic)
{
	u64 all;

	if (f->fd < 0)
		return -1;
	if (!is_heir(nic))
		return SOON_MS;
	all = ~0ull >> (64 - nic->nqueues);
	return (f->serving & all) == all ? SELDOM_MS : START_MS;
}

void keep_flows_look(struct keep_flows *f, struct nic *nic)
{
	if (f->fd < 0)
		return;
	tell_serving(f, nic);
	if (!is_heir(nic))
		look(f, nic);
}

u32 keep_flows_pass(struct keep_flows *f, struct nic *nic, bool back)
{
	if (!back)
		look(f, nic);
	return nic->pass(nic, back);
}

void keep_flows_close(struct keep_flows *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->told);
	*f = (struct keep_flows){ .fd = -1 };
}
