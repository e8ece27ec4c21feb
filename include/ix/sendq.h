/* SPDX-License-Identifier: MIT */
/*
 * What a connection is to send, for programs on ix.h (ixev has its own): bytes
 * are copied into the arena, lent to the dataplane from there, and the memory
 * is free when they have been acknowledged.
 *
 *	 acknowledged | asked for by SENDV | not yet
 *	              |<----- asked ------>|
 *	              |<------------- queued ------------>|
 *
 * A SENDV is supposed to take all that it asks for; when its result is less,
 * ix_sendq_not_taken() puts that right, and the next ix_sendq_send() asks
 * again. So it is to be called after each RECV and SENT of the connection: a
 * short SENDV is followed by a SENT.
 *
 * To be called by the thread that drives the connection. Zeroed memory is an
 * empty queue.
 */
#ifndef IX_SENDQ_H
#define IX_SENDQ_H

#include "ix/ix.h"

#pragma GCC visibility push(default)

#ifdef __cplusplus
extern "C" {
#endif

struct ix_sendq {
	struct ix_piece *first, *last; /* of the arena */
	struct ix_piece *next;	/* where what was not asked for begins, */
	uint32_t off;		/* ... so many bytes into it */
	uint32_t acked;		/* bytes of the first one */
	uint32_t queued, asked; /* bytes, see above */
};

/* Copies @len bytes behind what is queued. Returns how many: fewer, when the
 * arena is used up. */
uint32_t ix_sendq_put(struct ix_sendq *q, const void *data, uint32_t len);

/* Appends a SENDV of what was not asked for, at most IX_MAX_SG_PER_CALL ranges
 * of about 4 KB, that gives back the oldest @done received bytes; a RECV_DONE
 * if there is nothing to send; no call if there is nothing at all. 0, or
 * -EAGAIN: the batch is full, and nothing is done. */
int ix_sendq_send(struct ix_thread *t, struct ix_sendq *q, uint64_t handle,
		  uint64_t cookie, uint32_t done);

/* Of what was asked for, a SENDV has not taken the last @bytes: what ix_asked()
 * says less its result. To be told in the order of the calls. Not of one that
 * has answered an errno: the connection has ended, or is about to, and what its
 * cookie points to may be gone. */
void ix_sendq_not_taken(struct ix_sendq *q, uint32_t bytes);

/* Frees the oldest @bytes: the acked of a RECV or SENT. */
void ix_sendq_acked(struct ix_sendq *q, uint32_t bytes);

/* Frees all, once the connection is dead. The queue is empty then. */
void ix_sendq_free(struct ix_sendq *q);

#ifdef __cplusplus
}
#endif

#pragma GCC visibility pop

#endif
