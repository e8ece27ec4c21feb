/* SPDX-License-Identifier: MIT */
/*
 * The flows of a user's dataplane that has a successor, or predecessor: it
 * writes down which are its own (struct keep_table), and its keeper tells the
 * program that steers.
 *
 *	dataplane's memory -- read() --> keeper --> map of the program
 *	entry: hash                      place: ours, whatever was written
 *
 * The map is had by keepers alone, and only by two of one user and rule: what
 * he writes divides his own packets.
 */
#ifndef NIC_KEEP_FLOWS_H
#define NIC_KEEP_FLOWS_H

#include "nic/keep_msg.h"

struct keep_flows {
	int fd;	     /* -1: he has none */
	u64 *told;   /* entries, as we have told the program */
	u64 serving; /* ... of keep_table */
	u32 next;    /* of a look: first whether each has ended, then
		      * whether it is new; 0: it has not begun */
	u64 spent;   /* ns, on it */
	u64 pause;   /* ns: the next one begins no sooner than that */
};

/* @fd is his table, from now on ours, of a NIC that is shared. 0 or -errno. */
int keep_flows_take(struct keep_flows *f, struct nic *nic, int fd);

/* What has changed: ms until that is to be asked again, -1: never. */
int keep_flows_ms(const struct keep_flows *f, const struct nic *nic);
void keep_flows_look(struct keep_flows *f, struct nic *nic);

/* New ones are the successor's from now on, or with @back ours: its process, or
 * 0: there is none, or one of @until can be read. */
u32 keep_flows_pass(struct keep_flows *f, struct nic *nic, bool back,
		    const int until[2]);

void keep_flows_close(struct keep_flows *f);

#endif
