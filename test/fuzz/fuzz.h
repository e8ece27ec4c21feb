/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz targets share: reading the input, and what may be done to a
 * dataplane by a peer. The input is a program: records of an opcode and its
 * operands; at the end of the input every operand reads as zero.
 */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include "../unit/rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_in {
	const u8 *p;
	size_t left;
};

static inline u8 fuzz_8(struct fuzz_in *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->p++;
}

static inline u16 fuzz_16(struct fuzz_in *in)
{
	u16 lo = fuzz_8(in);

	return (u16)(lo | fuzz_8(in) << 8);
}

static inline u32 fuzz_32(struct fuzz_in *in)
{
	u32 lo = fuzz_16(in);

	return lo | (u32)fuzz_16(in) << 16;
}

static inline u64 fuzz_64(struct fuzz_in *in)
{
	u64 lo = fuzz_32(in);

	return lo | (u64)fuzz_32(in) << 32;
}

/* Up to @max bytes into @out; how many. */
u32 fuzz_bytes(struct fuzz_in *in, void *out, u32 max);

/* A dataplane with few buffers, listening on RIG_PORT. The first byte of the
 * input says what its NIC can do. */
struct rig *fuzz_rig(struct fuzz_in *in);

/* A record of bytes for a frame:
 *   raw        as it is
 *   ip, ip6    our Ethernet header before it, lengths and checksums right,
 *              padded to the shortest frame
 *   segment    of one of the connections (by index): flags, sequence and
 *              acknowledgement number relative to what is expected, window,
 *              options (none: timestamps where they are in use), payload
 *              length */
void fuzz_raw(struct rig *r, struct fuzz_in *in);
void fuzz_ip(struct rig *r, struct fuzz_in *in);
void fuzz_ip6(struct rig *r, struct fuzz_in *in);
void fuzz_segment(struct rig *r, struct fuzz_in *in);

/* Ethernet's and IP's header of a segment of @c, which need not be open;
 * returns where TCP's goes. */
struct tcp_hdr *fuzz_headers(struct rig *r, const struct tcp_conn *c,
			     u8 *frame);

/* Time passes: 0 to 16.7 s, in steps that grow. */
void fuzz_time(struct rig *r, struct fuzz_in *in);

/* Panics if an event condition refers to what the application may not see. */
void fuzz_check_events(const struct rig *r);

#endif
