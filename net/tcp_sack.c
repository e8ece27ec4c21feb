/* SPDX-License-Identifier: MIT */
/* The board of RFC 6675: a bounded number of spans, whatever the peer says. A
 * block costs at most a walk over all of them. */
#include "net/tcp_loss.h"

#include "base/mem.h"
#include "net/tcp_int.h"

static u32 start_of(const struct tcp_board *b, u32 i)
{
	return i ? b->span[i - 1].end : b->una;
}

void tcp_board_init(struct tcp_board *b, u32 una)
{
	b->una = una;
	b->n = 0;
}

/* ---- spans */

static bool alike(const struct tcp_span *a, const struct tcp_span *b)
{
	if (a->state != b->state)
		return false;
	return a->state == SPAN_LOST || a->state == SPAN_SACKED ||
	       (a->at == b->at && a->mark == b->mark);
}

/* Later in time and sequence: what both have become waits for the later. */
static void join(struct tcp_span *a, const struct tcp_span *b)
{
	a->end = b->end;
	if ((s32)(b->at - a->at) > 0)
		a->at = b->at;
	if (seq_lt(a->mark, b->mark))
		a->mark = b->mark;
}

static void merge(struct tcp_board *b, bool close)
{
	u32 n = 0;

	for (u32 i = 0; i < b->n; i++) {
		struct tcp_span *last = n ? &b->span[n - 1] : NULL;
		const struct tcp_span *s = &b->span[i];

		if (last && (close ? last->state == s->state : alike(last, s)))
			join(last, s);
		else
			b->span[n++] = *s;
	}
	b->n = n;
}

void tcp_board_merge(struct tcp_board *b)
{
	merge(b, false);
}

/* The span that holds @seq; n when it is above all. */
static u32 span_at(const struct tcp_board *b, u32 seq)
{
	u32 i = 0;

	while (i < b->n && seq_le(b->span[i].end, seq))
		i++;
	return i;
}

/* Room for one more span beside those that are kept? Times become coarser
 * before it is refused. */
static bool room(struct tcp_board *b, u32 kept)
{
	if (b->n + kept < TCP_SPANS)
		return true;
	merge(b, true);
	return b->n + kept < TCP_SPANS;
}

/* Makes a span begin at @seq, which lies below the top. */
static void split(struct tcp_board *b, u32 seq)
{
	u32 i = span_at(b, seq);

	if (start_of(b, i) == seq)
		return;
	memmove(&b->span[i + 1], &b->span[i], (b->n - i) * sizeof(b->span[0]));
	b->span[i].end = seq;
	b->n++;
}

static void append(struct tcp_board *b, u32 end, enum tcp_span_state state,
		   u32 at)
{
	invariant(b->n < TCP_SPANS);
	b->span[b->n++] =
		(struct tcp_span){ .end = end, .at = at, .state = state };
}

/* ---- what arrives */

static void once(struct tcp_arrived *a, u32 end)
{
	if (!a->once || seq_lt(a->top, end))
		a->top = end;
	if (!a->once || seq_lt(end, a->lowest))
		a->lowest = end;
	a->once = true;
}

static void again(struct tcp_arrived *a, const struct tcp_span *s, u32 end)
{
	s32 later = (s32)(s->at - a->at);

	if (a->again && (later < 0 || (!later && seq_le(end, a->end))))
		return;
	a->again = true;
	a->at = s->at;
	a->end = end;
	a->mark = s->mark;
}

/* Of @s, which was not SACKed, the bytes from @start to @end. */
static void arrived(struct tcp_arrived *a, const struct tcp_span *s, u32 start,
		    u32 end)
{
	a->bytes += end - start;
	if (s->state == SPAN_RESENT) {
		a->resent += end - start;
		again(a, s, end);
	} else {
		once(a, end);
	}
}

bool tcp_board_ack(struct tcp_board *b, u32 una, struct tcp_arrived *a)
{
	u32 i, start = b->una;

	for (i = 0; i < b->n && seq_lt(start, una); i++) {
		const struct tcp_span *s = &b->span[i];
		u32 end = seq_lt(una, s->end) ? una : s->end;

		if (s->state != SPAN_SACKED)
			arrived(a, s, start, end);
		start = end;
		if (seq_lt(una, s->end))
			break;
	}
	if (seq_lt(start, una)) {
		a->bytes += una - start;
		once(a, una);
	}
	b->n -= i;
	memmove(b->span, b->span + i, b->n * sizeof(b->span[0]));
	b->una = una;
	return b->n && b->span[0].state == SPAN_SACKED;
}

/* Is there room for the spans that a block makes? */
static bool fits(const struct tcp_board *b, u32 start, u32 end)
{
	u32 i = span_at(b, start), j = span_at(b, end - 1), n = b->n;

	if (i < b->n)
		n += b->span[i].state != SPAN_SACKED && start_of(b, i) != start;
	else
		n += start != tcp_board_top(b);
	if (j < b->n)
		n += b->span[j].state != SPAN_SACKED && b->span[j].end != end;
	else
		n++;
	return n + TCP_SPANS_KEPT <= TCP_SPANS;
}

/* What lies below the top. */
static void sack_spans(struct tcp_board *b, u32 start, u32 end,
		       struct tcp_arrived *a)
{
	for (u32 i = span_at(b, start); i < b->n; i++) {
		struct tcp_span *s = &b->span[i];
		u32 from = start_of(b, i);

		if (seq_le(end, from))
			return;
		if (s->state == SPAN_SACKED)
			continue;
		arrived(a, s, from, s->end);
		s->state = SPAN_SACKED;
	}
}

bool tcp_board_sack(struct tcp_board *b, u32 start, u32 end, u32 now,
		    struct tcp_arrived *a)
{
	u32 top = tcp_board_top(b), i;

	if (seq_lt(start, b->una))
		start = b->una;
	if (seq_le(end, start))
		return true;
	if (!fits(b, start, end)) {
		merge(b, true);
		if (!fits(b, start, end))
			return false;
	}
	if (seq_lt(start, top)) {
		i = span_at(b, start);
		if (b->span[i].state != SPAN_SACKED)
			split(b, start);
		i = span_at(b, end - 1);
		if (i < b->n && b->span[i].state != SPAN_SACKED &&
		    b->span[i].end != end)
			split(b, end);
		sack_spans(b, start, end, a);
	}
	if (seq_lt(top, end)) {
		if (seq_lt(top, start))
			append(b, start, SPAN_PASSED, now);
		else
			start = top;
		append(b, end, SPAN_SACKED, now);
		a->bytes += end - start;
		once(a, end);
	}
	merge(b, false);
	return true;
}

/* ---- what is lost */

void tcp_board_pass(struct tcp_board *b, u32 mark, u32 now)
{
	if (seq_lt(tcp_board_top(b), mark) && room(b, TCP_SPANS_KEPT))
		append(b, mark, SPAN_PASSED, now);
}

void tcp_board_lose(struct tcp_board *b, u32 max, bool sacked)
{
	for (u32 i = 0; i < b->n; i++) {
		if (sacked || b->span[i].state != SPAN_SACKED)
			b->span[i].state = SPAN_LOST;
	}
	merge(b, false);
	if (seq_le(max, tcp_board_top(b)))
		return;
	if (b->n && b->span[b->n - 1].state == SPAN_LOST)
		b->span[b->n - 1].end = max;
	else
		append(b, max, SPAN_LOST, 0);
}

bool tcp_board_doubt(struct tcp_board *b)
{
	for (u32 i = 0; i < b->n; i++) {
		if (b->span[i].state != SPAN_RESENT)
			continue;
		b->span[i].state = SPAN_LOST;
		merge(b, false);
		return true;
	}
	return false;
}

/* What is above all that is SACKed is in flight again. */
void tcp_board_undo(struct tcp_board *b, u32 now)
{
	while (b->n && b->span[b->n - 1].state != SPAN_SACKED)
		b->n--;
	for (u32 i = 0; i < b->n; i++) {
		if (b->span[i].state != SPAN_LOST)
			continue;
		b->span[i].state = SPAN_PASSED;
		b->span[i].at = now;
		b->span[i].mark = 0;
	}
}

u32 tcp_board_lost(const struct tcp_board *b, u32 len, u32 *seq)
{
	for (u32 i = 0; i < b->n; i++) {
		if (b->span[i].state != SPAN_LOST)
			continue;
		*seq = start_of(b, i);
		return min(len, b->span[i].end - *seq);
	}
	return 0;
}

/* Without room for one more, the span before it takes it in. */
static bool resend_coarsely(struct tcp_board *b, u32 seq, u32 len, u32 now,
			    u32 mark)
{
	u32 i = span_at(b, seq);

	if (!i || b->span[i - 1].state != SPAN_RESENT)
		return false;
	b->span[i - 1] = (struct tcp_span){ seq + len, now, mark, SPAN_RESENT };
	return true;
}

bool tcp_board_resend(struct tcp_board *b, u32 seq, u32 len, u32 now, u32 mark)
{
	u32 i;

	if (b->span[span_at(b, seq)].end != seq + len) {
		if (!room(b, 0))
			return resend_coarsely(b, seq, len, now, mark);
		split(b, seq + len);
	}
	i = span_at(b, seq);
	b->span[i] = (struct tcp_span){ seq + len, now, mark, SPAN_RESENT };
	merge(b, false);
	return true;
}

u32 tcp_board_pipe(const struct tcp_board *b, u32 max)
{
	u32 pipe = max - tcp_board_top(b);

	for (u32 i = 0; i < b->n; i++) {
		const struct tcp_span *s = &b->span[i];

		if (s->state == SPAN_PASSED || s->state == SPAN_RESENT)
			pipe += s->end - start_of(b, i);
	}
	return pipe;
}

u32 tcp_board_sacked(const struct tcp_board *b)
{
	u32 bytes = 0;

	for (u32 i = 0; i < b->n; i++) {
		if (b->span[i].state == SPAN_SACKED)
			bytes += b->span[i].end - start_of(b, i);
	}
	return bytes;
}
