/* SPDX-License-Identifier: MIT */
/* Between wire_ring.c, wire_steer.c and wire_impair.c. */
#ifndef NIC_WIRE_IMPAIR_H
#define NIC_WIRE_IMPAIR_H

#include "nic/wire.h"

static inline const struct wire_end_info *wire_peer(const struct wire_queue *w)
{
	return &w->shared->ends[!w->end];
}

/* wire_steer.c: follows the other end's changes of its key. */
void wire_rss_refresh(struct wire_queue *w);
/* The queue of a frame, of which @p has @len bytes: TCP and UDP by their
 * 4-tuple, whatever else to queue 0. */
u32 wire_steer(const struct wire_queue *w, const u8 *p, u32 len);

/* wire_ring.c: copies a frame to the other end, to be shown to it by
 * wire_publish(). False: no room. */
bool wire_send(struct wire_queue *w, const u8 *frame, u32 len);
void wire_publish(struct wire_queue *w);

/* wire_impair.c: puts one packet on its way, or it is lost. */
void wire_impair_init(struct wire_impairer *im);
void wire_impair_tx(struct wire_queue *w, const struct mbuf *m, u64 now);

#endif
