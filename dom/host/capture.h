/* SPDX-License-Identifier: MIT */
/*
 * Memory of the capture rings (include/ix/capture.h), of all threads one behind
 * the other. Its addresses are set aside at the start, for a guest, too; who
 * looks gets a memfd that is mapped there meanwhile, and can be written nowhere
 * else. Nothing is ever unmapped there while a thread runs.
 */
#ifndef DOM_HOST_CAPTURE_H
#define DOM_HOST_CAPTURE_H

#include "ix/capture.h"
#include "base/types.h"

struct host;

/* Bytes of records of one thread at most, and at least. */
#define HOST_CAPTURE_MOST (64ull << 20)
#define HOST_CAPTURE_LEAST (1ull << 20)

struct host_capture {
	u8 *mem; /* NULL: there is none */
	u64 by;	 /* whose it is now, a connection; 0: nobody's */
};

/* What cannot be had is left out: h->capture.mem is NULL then. */
void host_capture_open(struct host *h);
void host_capture_close(struct host *h);

/* Bytes of h->capture.mem. */
size_t host_capture_len(const struct host *h);

/* The ring of a thread. */
struct ix_capture *host_capture_ring(const struct host *h, u32 thread);

/* No writer runs: fresh memory, all zero, with pages for rings of @size bytes,
 * so that no elastic thread waits for one. A descriptor for who looks, which is
 * the caller's, or -errno. */
int host_capture_begin(struct host *h, u64 size);
/* No writer runs: it is the reader's alone, as long as they have it. */
void host_capture_end(struct host *h);

#endif
