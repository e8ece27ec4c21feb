/* SPDX-License-Identifier: MIT */
/*
 * An in-process ix_domain without a dataplane: calls are logged and answered
 * as the test says, events are what the test queued. It keeps a model of the
 * byte stream of each handle, so that tests can compare what was sent.
 */
#ifndef TEST_FAKE_DOMAIN_H
#define TEST_FAKE_DOMAIN_H

#include <stdbool.h>

#include "ix/ix.h"

enum {
	FAKE_HANDLES = 256, /* handles below: a stream is kept */
	FAKE_STREAM = 1 << 20,
	FAKE_LOG = 1 << 16,
	FAKE_ARENA = 8 << 20,
	FAKE_RX = 1 << 20,
};

struct fake {
	struct ix_domain domain;
	struct ix_down down[2];
	struct ix_up up[2];
	char *arena, *rx;
	size_t rx_pos;

	/* what was called, all crossings */
	struct ix_call *log;
	int64_t *results;
	uint32_t nlog;
	uint32_t crossings, flushes;
	int released, taken_ports;

	/* answers */
	int64_t room; /* bytes that all SENDV together may still take */
	int64_t answer[IX_NR_CALLS]; /* nonzero: the result of this call */
	int run_io_error;
	int pass_error; /* of release, take and detach */
	bool in_order;	/* cleared when a call breaks a rule */

	/* streams */
	char *stream[FAKE_HANDLES];
	uint32_t taken[FAKE_HANDLES];
	uint32_t rx_out[FAKE_HANDLES]; /* delivered, not yet done */
	uint64_t next_handle;

	/* events of the next run_io */
	struct ix_event events[IX_MAX_EVENTS];
	uint32_t nevents;
};

/* The domain, given to libix. */
struct fake *fake_open(int nthreads);
/* Takes it back; returns arena bytes not given back. */
size_t fake_close(struct fake *f);

struct ix_event *fake_event(struct fake *f, uint16_t type, uint64_t handle,
			    uint64_t cookie);
void fake_knock(struct fake *f, uint64_t handle);
/* Data in the fake's receive memory. @data NULL: the peer's FIN. */
void fake_recv(struct fake *f, uint64_t handle, void *ctx, const void *data,
	       uint32_t len);
void fake_sent(struct fake *f, uint64_t handle, void *ctx, uint32_t len,
	       uint32_t room);
void fake_dead(struct fake *f, uint64_t handle, void *ctx, int error);

/* How often @op was called, with @handle (0: any). */
int fake_count(const struct fake *f, uint16_t op, uint64_t handle);
/* The last such call, or NULL. */
const struct ix_call *fake_last(const struct fake *f, uint16_t op,
				uint64_t handle);

#endif
