/* SPDX-License-Identifier: MIT */
/* An impaired wire: frames in transit wait here until they are due. */
#include "nic/wire_impair.h"

void wire_impair_init(struct wire_impairer *im)
{
	impair_init(&im->path);
	transit_init(&im->transit);
}

void wire_impair_tx(struct wire_queue *w, const struct mbuf *m, u64 now)
{
	struct wire_impairer *im = w->impairer;
	u8 frame[RING_MAX_FRAME];
	u32 len = mbuf_packet_len(m);
	struct impair_fate fate;

	if (!len || len > RING_MAX_FRAME)
		return;
	mbuf_copy(frame, m);
	if (!impair_decide(&im->path, frame, len, now, &fate))
		return;
	for (int i = 0; i <= fate.twice; i++)
		transit_put(&im->transit, frame, len, fate.due, 0);
}

void wire_advance(struct wire_queue *w, u64 now)
{
	struct wire_impairer *im = w->impairer;
	const struct transit_frame *f;

	if (!im)
		return;
	while ((f = transit_first(&im->transit, now))) {
		/* A full ring: the frame waits here. */
		if (!wire_send(w, im->transit.bytes[f->slot], f->len))
			break;
		transit_remove_first(&im->transit);
	}
	wire_publish(w);
	/* Released on reception: there may be no tx() and kick() soon. */
	if (w->dirty)
		w->q.ops->kick(&w->q);
}

u64 wire_next_due(const struct wire_queue *w)
{
	return w->impairer ? transit_next_due(&w->impairer->transit)
			   : UINT64_MAX;
}
