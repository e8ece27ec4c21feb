/* SPDX-License-Identifier: MIT */
/*
 * NIC_READS_LATE: what tx() was given in place the NIC reads when it gets to
 * it. Then an acknowledgement is not enough for the application to have its
 * memory back: of what was sent twice one may still wait in the NIC's ring, and
 * a peer may acknowledge what it has not got, and be sent whatever is in that
 * memory by then. So the application is told of acknowledged bytes, and of the
 * end of a connection, when the NIC is done with all that it had when they were
 * seen.
 */
#ifndef DP_LATE_H
#define DP_LATE_H

#include "dp/dp.h"

/* A connection that waits for that. Void if it tells more than c->acked: what
 * it was for has been told. */
struct dp_late {
	u64 handle;
	u32 una;   /* acknowledged up to here, by then */
	u32 mark;  /* of nicq.nr_put, that nicq.nr_done must get to */
	bool dead; /* ... and DEAD waits, with all there is */
};

/* What is kept back for the moment. */
struct dp_held {
	u32 acked;
	u8 events;
};

/* Takes from @c what is not to be told now; dp_late_give() brings it back. */
struct dp_held dp_late_hold(struct dp *dp, struct tcp_conn *c);
static inline void dp_late_give(struct tcp_conn *c, struct dp_held h)
{
	c->acked += h.acked;
	c->events |= h.events;
}

#endif
