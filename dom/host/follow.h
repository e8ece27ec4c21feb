/* SPDX-License-Identifier: MIT */
/*
 * A dataplane that is granted (grant_conf.h) follows its load: it says to the
 * keeper of its NIC what its threads have to do, and hears how many of them are
 * to run, and when to say it again. When it has little to do that is late: it
 * looks by itself meanwhile, which costs others nothing, whether it has more.
 * On the control thread, between its clients.
 */
#ifndef DOM_HOST_FOLLOW_H
#define DOM_HOST_FOLLOW_H

#include "dom/host/host.h"
#include "dom/host/load.h"

struct follow {
	u64 at, due; /* ns; due 0: nobody is told anything */
	u64 look;    /* ns: at the load, perhaps before it is due */
	struct load_mark mark[IX_MAX_THREADS];
};

void follow_begin(struct follow *f, struct host *h, u64 now);
/* ms until it is due; -1: never. */
int follow_wait(const struct follow *f, u64 now);
/* ... and does it. */
void follow_step(struct follow *f, struct host *h, u64 now);

#endif
