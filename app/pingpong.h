/* SPDX-License-Identifier: MIT */
/*
 * pingpong: NetPIPE's pattern. The client sends a header, then @iters times a
 * message of @size bytes; the server sends each back once it has all of it.
 * One connection, two ways to run either end: ixev (pingpong_ix.c), or Linux
 * sockets (pingpong_linux.c).
 */
#ifndef APP_PINGPONG_H
#define APP_PINGPONG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
	PP_MAX_SIZE = 512 * 1024,
	PP_MAX_SIZES = 64,
	PP_WARMUP = 50, /* messages before the measured ones */
	PP_MAGIC = 0x70696e67,
};

/* Little endian, announces a series of messages. */
struct pp_header {
	uint32_t magic;
	uint32_t size;
	uint32_t iters;
	uint32_t pad;
};

struct pp_options {
	bool server, json, over_linux;
	const char *host; /* client: the server's address */
	uint16_t port;
	uint32_t sizes[PP_MAX_SIZES];
	uint32_t nsizes;
	uint32_t iters;	    /* 0: by size */
	uint32_t busy_poll; /* us, Linux only */
};

/* Called by the transports for each series: round-trip times in ns. */
void pp_report(const struct pp_options *o, uint32_t size, uint64_t *rtt,
	       uint32_t n);

/* Measured messages of one series. */
uint32_t pp_iters(const struct pp_options *o, uint32_t size);

/* Exit status. */
int pp_run_ix(const struct pp_options *o);
int pp_run_linux(const struct pp_options *o);

static inline uint64_t pp_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

#endif
