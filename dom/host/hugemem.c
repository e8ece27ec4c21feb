/* SPDX-License-Identifier: MIT */
/* Memory in the largest pages there are, and which they really are. */
#include "dom/host/hugemem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	POPULATE_WRITE = 23,  /* MADV_POPULATE_WRITE, Linux 5.14 */
	COLLAPSE = 25,	      /* MADV_COLLAPSE, Linux 6.1 */
	PAGES_2MB = 21 << 26, /* for MAP_HUGETLB and MFD_HUGETLB */
	FUTURE_WRITE = 0x10,  /* F_SEAL_FUTURE_WRITE, Linux 5.1 */
};

static size_t round_up(size_t n)
{
	return (n + HUGEMEM_ALIGN - 1) & ~((size_t)HUGEMEM_ALIGN - 1);
}

/* Address space for @len bytes, aligned, nothing behind it yet. */
static u8 *reserve(size_t len)
{
	u8 *p = mmap(NULL, len + HUGEMEM_ALIGN, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	u8 *aligned;

	if (p == MAP_FAILED)
		return NULL;
	aligned = (u8 *)round_up((size_t)p);
	if (aligned > p)
		munmap(p, (size_t)(aligned - p));
	munmap(aligned + len, (size_t)(p + HUGEMEM_ALIGN - aligned));
	return aligned;
}

/* mmap(MAP_FIXED) of anonymous memory over what was reserved. */
static int map_anonymous(u8 *at, size_t len, int flags)
{
	void *p = mmap(at, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | flags, -1, 0);

	return p == MAP_FAILED ? -errno : 0;
}

/* The same of a new memfd; the fd, or -errno. */
static int map_memfd(u8 *at, size_t len, const char *name, unsigned int flags)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
	int err;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)len) &&
	    mmap(at, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		 0) != MAP_FAILED)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int map_part(struct hugemem_part *p, const char *name, bool shared,
		    enum hugemem_kind kind)
{
	bool huge = kind == HUGEMEM_HUGE;
	int err;

	p->name = name;
	p->kind = kind;
	p->fd = -1;
	if (shared) {
		err = map_memfd(p->base, p->len, name,
				huge ? MFD_HUGETLB | PAGES_2MB : 0);
		if (err < 0)
			return err;
		p->fd = err;
	} else {
		err = map_anonymous(p->base, p->len,
				    huge ? MAP_HUGETLB | PAGES_2MB : 0);
		if (err)
			return err;
	}
	if (kind == HUGEMEM_THP)
		madvise(p->base, p->len, MADV_HUGEPAGE);
	else if (kind == HUGEMEM_SMALL)
		madvise(p->base, p->len, MADV_NOHUGEPAGE);
	return 0;
}

static int map_largest(struct hugemem_part *p, const char *name, bool shared,
		       enum hugemem_want want)
{
	int err = -ENOMEM;

	if (want == HUGEMEM_WANT_SMALL)
		return map_part(p, name, shared, HUGEMEM_SMALL);
	if (want != HUGEMEM_WANT_THP)
		err = map_part(p, name, shared, HUGEMEM_HUGE);
	if (err && want != HUGEMEM_WANT_HUGE)
		err = map_part(p, name, shared, HUGEMEM_THP);
	return err;
}

static void unmap_part(struct hugemem_part *p)
{
	if (p->len)
		munmap(p->base, p->len);
	if (p->fd >= 0)
		close(p->fd);
	*p = (struct hugemem_part){ .fd = -1 };
}

static int seal(const struct hugemem_part *p, int more)
{
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | more;

	return p->fd >= 0 && fcntl(p->fd, F_ADD_SEALS, seals) ? -errno : 0;
}

/* A child has no use for packets, and must not make the NIC's pages
 * copy-on-write. */
static int protect(struct hugemem *m)
{
	int err = seal(&m->frames, 0);

	madvise(m->frames.base, m->frames.len, MADV_DONTFORK);
	return err ? err : seal(&m->arena, F_SEAL_SEAL);
}

int hugemem_seal(struct hugemem *m)
{
	return seal(&m->frames, FUTURE_WRITE | F_SEAL_SEAL);
}

int hugemem_open(struct hugemem *m, size_t frames_len, size_t arena_len,
		 bool shared, enum hugemem_want want, char *why, size_t why_len)
{
	size_t frames = round_up(frames_len), arena = round_up(arena_len);
	u8 *base = reserve(frames + arena);
	int err = base ? 0 : -ENOMEM;

	memset(m, 0, sizeof(*m));
	m->frames.fd = m->arena.fd = -1;
	if (base) {
		m->frames.base = base;
		m->frames.len = frames;
		m->arena.base = base + frames;
		m->arena.len = arena;
	}
	if (!err)
		err = map_largest(&m->frames, "ix-frames", shared, want);
	if (!err)
		err = map_largest(&m->arena, "ix-arena", shared, want);
	if (!err)
		err = protect(m);
	if (!err)
		return 0;
	hugemem_close(m);
	snprintf(why, why_len, "no %zu MB of %smemory: %s",
		 (frames + arena) >> 20,
		 want == HUGEMEM_WANT_HUGE ? "huge page " : "", strerror(-err));
	return err;
}

/* The old pages first: there may not be as many huge ones again. */
static int renew_part(struct hugemem_part *p)
{
	if (mmap(p->base, p->len, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		return -errno;
	close(p->fd);
	return map_part(p, p->name, true, p->kind);
}

int hugemem_renew(struct hugemem *m)
{
	int err = renew_part(&m->frames);

	if (!err)
		err = renew_part(&m->arena);
	return err ? err : protect(m);
}

void hugemem_close(struct hugemem *m)
{
	unmap_part(&m->arena);
	unmap_part(&m->frames);
}

void *hugemem_private(size_t len)
{
	u8 *p;

	len = round_up(len);
	p = reserve(len);
	if (!p)
		return NULL;
	if (map_anonymous(p, len, MAP_NORESERVE)) {
		munmap(p, len);
		return NULL;
	}
	madvise(p, len, MADV_HUGEPAGE);
	return p;
}

void hugemem_private_free(void *p, size_t len)
{
	if (p)
		munmap(p, round_up(len));
}

/* Linux before 5.14 knows no other way. */
static int populate(u8 *base, size_t len)
{
	if (!madvise(base, len, POPULATE_WRITE))
		return 0;
	if (errno != EINVAL)
		return -errno;
	for (size_t i = 0; i < len; i += 4096)
		*(volatile u8 *)(base + i) = 0;
	return 0;
}

/* Shared memory gets no transparent huge pages where shmem_enabled = never;
 * COLLAPSE asks for them all the same, of what has a page already: the rest
 * need not be made and copied. */
int hugemem_touch(u8 *base, size_t len)
{
	int err = 0;

	for (size_t i = 0, n; i < len && !err; i += n) {
		n = HUGEMEM_ALIGN - ((size_t)(base + i) & (HUGEMEM_ALIGN - 1));
		n = min(n, len - i);
		err = populate(base + i, min(n, (size_t)4096));
		if (!err && n == HUGEMEM_ALIGN)
			madvise(base + i, n, COLLAPSE);
		if (!err)
			err = populate(base + i, n);
	}
	return err;
}

/* ---- which pages are they? From /proc/self/smaps. */

struct pages {
	size_t rss, large; /* KB */
};

static bool field(const char *line, const char *name, size_t *kb)
{
	size_t n = strlen(name);

	return !strncmp(line, name, n) && sscanf(line + n, "%zu kB", kb) == 1;
}

/* Adds up resident memory of the mappings that begin in @p. */
static void count_pages(const struct hugemem_part *p, struct pages *sum)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	char line[512];
	bool ours = false;

	while (f && fgets(line, sizeof(line), f)) {
		size_t from, to, kb;

		if (sscanf(line, "%zx-%zx ", &from, &to) == 2)
			ours = from >= (size_t)p->base &&
			       from < (size_t)p->base + p->len;
		else if (!ours)
			continue;
		else if (field(line, "Rss:", &kb))
			sum->rss += kb;
		else if (field(line, "AnonHugePages:", &kb) ||
			 field(line, "ShmemPmdMapped:", &kb))
			sum->large += kb;
	}
	if (f)
		fclose(f);
}

void hugemem_check(struct hugemem *m)
{
	struct pages sum = { 0 };

	if (m->frames.kind == HUGEMEM_HUGE && m->arena.kind == HUGEMEM_HUGE) {
		m->kind = HUGEMEM_HUGE;
		m->percent = 100;
	} else {
		count_pages(&m->frames, &sum);
		count_pages(&m->arena, &sum);
		m->percent = sum.rss ? (u32)(sum.large * 100 / sum.rss) : 0;
		m->kind = m->percent >= 50 ? HUGEMEM_THP : HUGEMEM_SMALL;
	}
	m->page_size = m->kind == HUGEMEM_SMALL ? 4096 : HUGEMEM_ALIGN;
}

static u64 reserved(const struct hugemem_part *p)
{
	return p->kind == HUGEMEM_HUGE ? p->len / HUGEMEM_ALIGN : 0;
}

u64 hugemem_reserved(const struct hugemem *m)
{
	return reserved(&m->frames) + reserved(&m->arena);
}

void hugemem_describe(const struct hugemem *m, char *out, size_t len)
{
	static const char *const names[] = { "4 KB", "2 MB THP", "2 MB huge" };

	if (m->kind != HUGEMEM_SMALL && m->percent < 100)
		snprintf(out, len, "%s (%u %%)", names[m->kind], m->percent);
	else
		snprintf(out, len, "%s", names[m->kind]);
}
