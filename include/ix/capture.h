/* SPDX-License-Identifier: MIT */
/*
 * The capture ring: copies of an elastic thread's packets, one ring for each
 * thread while somebody looks at it. Written by the dataplane alone,
 * which neither waits for the reader nor looks at what it does: it overwrites
 * the oldest. The reader has it read-only.
 *
 *	0             IX_CAPTURE_DATA                 IX_CAPTURE_DATA + size
 *	| ix_capture  | record | record | ...  filler |
 *
 * A position is a number of bytes written ever; what it stands for lies at
 * position % size. A record lies in one piece, and begins at a multiple of
 * IX_CAPTURE_ALIGN: where there is no room for that before the end, a filler
 * goes first.
 *
 * To read the record at position p: head (acquire) must be beyond p. It is
 * copied; then (after a load fence) what was copied was whole if claimed - p is
 * at most size. Else it was overwritten, and reading goes on at head. How many
 * packets were lost in between, their numbers tell.
 */
#ifndef IX_CAPTURE_H
#define IX_CAPTURE_H

#include <stdint.h>

#define IX_CAPTURE_VERSION 1

enum {
	IX_CAPTURE_DATA = 4096,
	IX_CAPTURE_ALIGN = 32,
	IX_CAPTURE_SNAP_MAX = 65535,
};

struct ix_capture {
	uint32_t version; /* IX_CAPTURE_VERSION */
	uint32_t thread;
	uint32_t snap; /* bytes kept of a packet at most */
	uint32_t pad;
	uint64_t size; /* bytes of records, a power of two */
	uint64_t pad2[5];
	/* The writer's line. */
	uint64_t claimed; /* before this, anything may be overwritten */
	uint64_t head;	  /* before this, records are whole */
	uint64_t packets; /* ever, with head */
};

enum ix_capture_kind {
	IX_CAPTURE_IN = 1,  /* from the NIC */
	IX_CAPTURE_OUT = 2, /* handed to it, checksums perhaps still to come */
	IX_CAPTURE_FILLER = 3,
};

struct ix_capture_record {
	uint64_t number; /* packets before it */
	uint64_t time;	 /* ns, CLOCK_MONOTONIC, of its iteration */
	uint32_t size;	 /* bytes until the next record */
	uint32_t len;	 /* of the packet */
	uint32_t kept;	 /* of these, behind the record */
	uint32_t kind;	 /* enum ix_capture_kind */
};

#endif
