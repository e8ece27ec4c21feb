/* SPDX-License-Identifier: MIT */
/*
 * Which segments are lost: RFC 8985 section 6, without a time for each of
 * them. What is approximated, and why that is safe:
 *
 * - A segment sent once left before the one above it whose arrival we hear of,
 *   which took a round trip. So it is overdue not later than a reordering
 *   window after that news (SPAN_PASSED), when RFC 8985 would say the same of
 *   two segments sent together; between segments sent apart, we wait longer, by
 *   as much as they were apart.
 * - Retransmissions have their times. Neighbours that had to become one span
 *   share the later: again, we wait longer.
 * - The shortest round trip is looked for among retransmissions only, from the
 *   smoothed one down: a window too large, if anything.
 */
#include "net/tcp_int.h"
#include "net/tcp_loss.h"

void tcp_rack_init(struct tcp_rack *r, u32 una, u32 now, u32 srtt)
{
	*r = (struct tcp_rack){ una, now, una, srtt };
}

/* Sent after @at, or together with it and behind @end? */
static bool later(u32 xmit, u32 xmit_end, u32 at, u32 end)
{
	return (s32)(xmit - at) > 0 || (xmit == at && seq_lt(end, xmit_end));
}

bool tcp_rack_arrived(struct tcp_rack *r, struct tcp_board *b,
		      const struct tcp_arrived *a, u32 now)
{
	bool reordered = a->once && seq_lt(a->lowest, r->top);
	u32 rtt = now - a->at;

	if (a->once && seq_lt(r->top, a->top))
		r->top = a->top;
	/* In less than a round trip it was the first one that arrived (step 2
	 * of section 6.2). */
	if (!a->again || rtt < r->min_rtt / 2)
		return reordered;
	r->min_rtt = min(r->min_rtt, rtt);
	if (later(a->at, a->end, r->xmit, r->end)) {
		r->xmit = a->at;
		r->end = a->end;
	}
	tcp_board_pass(b, a->mark, now);
	return reordered;
}

u32 tcp_rack_window(const struct tcp_rack *r, u32 mult, bool sure, u32 srtt)
{
	if (!mult && sure)
		return 0;
	return min(r->min_rtt / 4 * max(mult, 1u), srtt);
}

bool tcp_rack_detect(const struct tcp_rack *r, struct tcp_board *b, u32 wnd,
		     u32 srtt, u32 now, u32 *wait)
{
	bool lost = false;

	*wait = 0;
	for (u32 i = 0; i < b->n; i++) {
		struct tcp_span *s = &b->span[i];
		u32 age = now - s->at, limit = wnd;

		if (s->state == SPAN_RESENT) {
			if (!later(r->xmit, r->end, s->at, s->end) &&
			    seq_le(r->top, s->mark))
				continue;
			limit += srtt;
		} else if (s->state != SPAN_PASSED) {
			continue;
		}
		if (age >= limit) {
			s->state = SPAN_LOST;
			lost = true;
		} else if (!*wait || limit - age < *wait) {
			*wait = limit - age;
		}
	}
	if (lost)
		tcp_board_merge(b);
	return lost;
}
