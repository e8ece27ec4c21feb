/* SPDX-License-Identifier: MIT */
/*
 * A laboratory: two whole dataplanes, client and server, joined by the wire
 * in one thread, with a virtual clock and no system calls. For counting
 * instructions and bytes.
 */
#ifndef BENCH_LAB_H
#define BENCH_LAB_H

#include "dp/dp.h"
#include "nic/wire.h"

enum { LAB_CLIENT, LAB_SERVER };

struct lab_end {
	struct dp *dp;
	struct ix_down *down;
	struct ix_up *up;
	struct ix_stat stat;
	void *mem; /* struct dp and all its tables */
	size_t mem_len;
	u8 *frames;
	size_t frames_len;
	u8 *arena;
	size_t arena_len;
};

struct lab {
	struct lab_end end[2];
	struct wire_link link[2];
	u64 now;
	u8 group_owner[RSS_TABLE];
};

/* 10.0.0.1 is the client, 10.0.0.2 the server. */
#define LAB_IP(end) (0x0a000001u + (end))

/* @conf: of both, but for the address. Small pages throughout, so that what is
 * resident is what was touched. 0 or -errno. */
int lab_open(struct lab *lab, const struct dp_conf *conf);
void lab_close(struct lab *lab);

/* One iteration of one end, without a batch or with what stands in down. */
int lab_step(struct lab *lab, int end, bool calls);

/* Bytes of @len at @p that are resident. */
size_t lab_resident(const void *p, size_t len);

#endif
