/* SPDX-License-Identifier: MIT */
/* Is there the memory that the settings ask for? Asked before any is touched:
 * what is missing then is found by the OOM killer, in another program. */
#ifndef DOM_HOST_AVAILABLE_H
#define DOM_HOST_AVAILABLE_H

#include "dom/host/hugemem.h"

/* Bytes. */
struct available {
	u64 machine; /* MemAvailable */
	u64 group;   /* what our control group leaves; UINT64_MAX: no limit */
	u64 huge;    /* in 2 MB pages, reserved and free; not part of these */
};

struct available_need {
	u64 frames, arena;
	u64 private; /* dataplanes' own state */
	enum hugemem_want want;
};

void available_read(struct available *a);

/* MemAvailable, bytes. */
u64 available_machine(void);

/* 0, or -ENOMEM with what is short, and which settings say how much. */
int available_check(const struct available *a, const struct available_need *n,
		    char *why, size_t why_len);

#endif
