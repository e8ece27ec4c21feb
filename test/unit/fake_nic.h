/* SPDX-License-Identifier: MIT */
/* A NIC for tests: frames are put in and taken out by the test; no loss, no
 * delay, no system calls. */
#ifndef TEST_FAKE_NIC_H
#define TEST_FAKE_NIC_H

#include "nic/nic.h"

enum {
	FAKE_DEPTH = 1024, /* frames each way, power of two */
	FAKE_FRAME_MAX = 9216,
};

struct fake_frame {
	u32 len;
	u8 data[]; /* exactly as long: the sanitizers see an overrun */
};

struct fake_fifo {
	struct fake_frame *frames[FAKE_DEPTH];
	u32 head, tail; /* taken from, put to */
};

struct fake_nic {
	struct nicq q;
	struct fake_fifo in, out;
	u32 tx_limit; /* packets that one tx() takes; UINT32_MAX at first */
	bool hold;    /* reclaim() leaves sent packets with the NIC */
	struct mbuf *held[FAKE_DEPTH];
	u32 nheld;
	bool large_full; /* MBUF_LARGE goes by another way, at once, or not */
	u32 out_lost; /* the test did not collect them in time */
	struct fake_frame *collected;
};

void fake_nic_init(struct fake_nic *f);
void fake_nic_free(struct fake_nic *f);

/* What the next rx() will bring. A frame longer than a buffer comes as a
 * chain. False when the queue is full. */
bool fake_nic_inject(struct fake_nic *f, const void *frame, u32 len);

/* The oldest frame sent, valid until the next one is collected; NULL: none. */
const struct fake_frame *fake_nic_collect(struct fake_nic *f);

/* Gives sent packets back, though @hold is set. */
void fake_nic_release(struct fake_nic *f);
/* ... as if tx() had lost them. */
void fake_nic_lose(struct fake_nic *f);
/* The oldest @n. */
void fake_nic_release_first(struct fake_nic *f, u32 n);

#endif
