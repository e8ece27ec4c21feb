/* SPDX-License-Identifier: MIT */
/* Packets of a running dataplane: reading a ring (include/ix/capture.h),
 * capture_ring.c. */
#ifndef CP_CAPTURE_H
#define CP_CAPTURE_H

#include "cp/ix.h"
#include "ix/capture.h"

struct capture_reader {
	const struct ix_capture *ring; /* read only */
	size_t len;		       /* of the mapping */
	u64 size;
	u32 thread, snap;
	u64 at;	  /* position */
	u64 next; /* number of the packet expected there */
	u64 lost; /* packets overwritten before they were read */
};

/* Maps the ring @index of the @n that @fd has, one behind the other. 0 or
 * -errno; -EPROTO: it is none. */
int capture_open(struct capture_reader *r, int fd, u32 index, u32 n);
void capture_close(struct capture_reader *r);

/* The next packet to @rec, and what is kept of it to @data, r->snap bytes.
 * False: there is none now. */
bool capture_read(struct capture_reader *r, struct ix_capture_record *rec,
		  u8 *data);

/* After the last capture_read(): those lost since the last packet count, too.
 */
void capture_end(struct capture_reader *r);

#endif
