/* SPDX-License-Identifier: MIT */
/*
 * Memory in the largest pages there are: 2 MB huge pages (reserved by the
 * administrator), else transparent huge pages, else 4 KB.
 *
 * The packet region is contiguous, so that it can be one AF_XDP umem, but made
 * of two parts, so that the application of a process domain can be given
 * different rights to them:
 *
 *   | frames of thread 0 | frames of thread 1 | ... | pad | arena |
 *   |<------------- part frames: app reads -------------->|<-----> app writes
 *
 * Both parts are multiples of 2 MB, and begin at one.
 */
#ifndef DOM_HOST_HUGEMEM_H
#define DOM_HOST_HUGEMEM_H

#include "base/types.h"

enum { HUGEMEM_ALIGN = 2 << 20 };

/* How many pages parts of so many bytes take. */
static inline u64 hugemem_pages(u64 frames_len, u64 arena_len)
{
	return (frames_len + HUGEMEM_ALIGN - 1) / HUGEMEM_ALIGN +
	       (arena_len + HUGEMEM_ALIGN - 1) / HUGEMEM_ALIGN;
}

enum hugemem_kind { HUGEMEM_SMALL, HUGEMEM_THP, HUGEMEM_HUGE };

/* What may be used: enum conf_pages has the same order. */
enum hugemem_want {
	HUGEMEM_WANT_ANY,
	HUGEMEM_WANT_HUGE, /* or fail */
	HUGEMEM_WANT_THP,
	HUGEMEM_WANT_SMALL,
};

struct hugemem_part {
	u8 *base;
	size_t len;		/* a multiple of HUGEMEM_ALIGN */
	int fd;			/* memfd when shared, else -1 */
	const char *name;	/* of it */
	enum hugemem_kind kind; /* asked for; see hugemem_check() */
};

struct hugemem {
	struct hugemem_part frames, arena;
	/* hugemem_check(): */
	enum hugemem_kind kind; /* of most of what has been touched */
	u32 percent;		/* ... in such pages */
	size_t page_size;	/* bytes */
};

/* Maps both parts, readable and writable here, zeroed, untouched. @shared: as
 * memfds, sealed against resizing. 0 or -errno with the reason in @why. */
int hugemem_open(struct hugemem *m, size_t frames_len, size_t arena_len,
		 bool shared, enum hugemem_want want, char *why,
		 size_t why_len);
void hugemem_close(struct hugemem *m);

/* Shared frames are sealed against new writable mappings
 * (F_SEAL_FUTURE_WRITE), so that who gets the fd from now on can only read. 0
 * or -errno. */
int hugemem_seal(struct hugemem *m);

/* Shared memory is replaced by fresh memory at the same addresses: who has the
 * old one, mapped or as a descriptor, shares nothing with us any more. Not
 * sealed again yet. 0 or -errno: then there is less memory than before, or
 * none. */
int hugemem_renew(struct hugemem *m);

/* Private memory for the dataplane's own state: zeroed, HUGEMEM_ALIGN
 * aligned, in large pages where possible. NULL: none left. */
void *hugemem_private(size_t len);
void hugemem_private_free(void *p, size_t len);

/* Makes [@base, @base + @len) resident, on the NUMA node of the calling
 * thread's core, zeroed or as it is. @base is a multiple of the page size. 0 or
 * -errno. */
int hugemem_touch(u8 *base, size_t len);

/* Finds out which pages the touched part of the region really got. */
void hugemem_check(struct hugemem *m);

/* Huge pages that are ours, touched or not. */
u64 hugemem_reserved(const struct hugemem *m);

/* "2 MB huge", "2 MB THP (96 %)", "4 KB" into @out. */
void hugemem_describe(const struct hugemem *m, char *out, size_t len);

#endif
