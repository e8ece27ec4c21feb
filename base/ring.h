/* SPDX-License-Identifier: MIT */
/*
 * Ring of frames by value in shared memory: one producer, one consumer, which
 * need not trust each other. Used by the wire NIC and between elastic threads.
 *
 *   shared   | prod | cons | grain 0 | grain 1 | ... | grain n-1 | overhang |
 *
 *   a frame  | len:16 flags:16 | bytes ...          |   whole grains of 16 B
 *
 * Frames lie densely, so that a batch of 130 B frames costs 2.25 cache lines
 * each and the processor's prefetcher sees a stream; a batch ends at a line's
 * end (a header of 0 fills up), so that the two sides do not write and read
 * the same line. A frame that begins before the end of the ring runs on into
 * the overhang and is never split.
 *
 * Barriers: the producer writes the bytes, then stores prod with release; the
 * consumer loads prod with acquire before it reads them. The consumer has
 * copied what it wanted before it stores cons with release; the producer loads
 * cons with acquire before it overwrites. Each side stores its index once per
 * batch, and keeps its own index and the last seen one of the other side in
 * private memory: what stands in shared memory is only ever compared and
 * masked, never used as it is.
 */
#ifndef BASE_RING_H
#define BASE_RING_H

#include "base/mem.h"
#include "base/types.h"

enum {
	RING_GRAIN = 16,
	RING_LINE = CACHE_LINE / RING_GRAIN, /* grains */
	RING_HEAD = 4,			     /* bytes before a frame's own */
	RING_MAX_FRAME = 2048 - RING_HEAD,
	RING_AHEAD = 512, /* prefetch distance, bytes */
};

struct ring {
	u32 prod ALIGNED(CACHE_LINE);
	u32 cons ALIGNED(CACHE_LINE);
	u8 data[] ALIGNED(CACHE_LINE);
};

/* Indices count grains and run freely over 32 bits. */
struct ring_tx {
	struct ring *ring;
	u32 mask;      /* grains - 1; those are a power of two >= 256 */
	u32 prod;      /* next grain to write */
	u32 published; /* what the consumer has been told */
	u32 end;       /* of what the consumer left free when last looked at */
};

struct ring_rx {
	struct ring *ring;
	u32 size;
	u32 cons;
	u32 published;
	u32 prod;
	u32 lies; /* times that the producer's data made no sense */
};

struct ring_frame {
	const u8 *data; /* shared: copy once, then look */
	u32 len;	/* 1 to RING_MAX_FRAME */
	u32 flags;	/* the producer's, 16 bits */
};

/* Shared memory for a ring of @grains, bytes; a multiple of a cache line. */
static inline size_t ring_bytes(u32 grains)
{
	return sizeof(struct ring) + (size_t)grains * RING_GRAIN + RING_HEAD +
	       RING_MAX_FRAME;
}

static inline u32 ring_grains(u32 len)
{
	return (len + RING_HEAD + RING_GRAIN - 1) / RING_GRAIN;
}

static inline u32 *ring_head(struct ring *r, u32 mask, u32 at)
{
	return (u32 *)(r->data + (size_t)(at & mask) * RING_GRAIN);
}

/* Opening one side goes on where the shared memory says, so that a side that
 * died may come back. Zeroed memory is an empty ring. */
static inline void ring_tx_open(struct ring_tx *tx, struct ring *r, u32 grains)
{
	*tx = (struct ring_tx){ .ring = r, .mask = grains - 1 };
	tx->prod = tx->published = READ_ONCE(r->prod);
	tx->end = load_acquire(&r->cons) + grains;
	if (tx->end - tx->prod > grains)
		tx->end = tx->prod; /* nonsense: full, so far */
}

/* Discards what was sent before. */
static inline void ring_rx_open(struct ring_rx *rx, struct ring *r, u32 grains)
{
	*rx = (struct ring_rx){ .ring = r, .size = grains };
	rx->prod = rx->cons = rx->published = load_acquire(&r->prod);
	store_release(&r->cons, rx->cons);
}

/* The consumer has read these lines, and stores to them are done one after the
 * other: where it is far away each would wait for its line, and so would what
 * is stored elsewhere behind it. Three are what a short frame takes; of a long
 * one the processor sees by itself where it is going. */
static inline void ring_own(const u8 *line)
{
	prefetch_own(line);
	prefetch_own(line + CACHE_LINE);
	prefetch_own(line + 2 * CACHE_LINE);
}

/* Where to write a frame of @len bytes, NULL when there is no room now (or a
 * lying consumer claims so: it hurts only itself). */
static inline u8 *ring_reserve(struct ring_tx *tx, u32 len)
{
	u32 need = ring_grains(len), end, most = tx->mask + 1;
	u8 *head;

	if (unlikely(tx->end - tx->prod < need)) {
		end = load_acquire(&tx->ring->cons) + most;

		/* It may only have caught up, never passed us. */
		if (end - tx->prod < tx->end - tx->prod ||
		    end - tx->prod > most)
			return NULL;
		tx->end = end;
		if (end - tx->prod < need)
			return NULL;
	}
	head = (u8 *)ring_head(tx->ring, tx->mask, tx->prod);
	ring_own(head + RING_AHEAD);
	return head + RING_HEAD;
}

/* The frame of @len bytes just written is complete. */
static inline void ring_commit(struct ring_tx *tx, u32 len, u32 flags)
{
	*ring_head(tx->ring, tx->mask, tx->prod) = len | flags << 16;
	tx->prod += ring_grains(len);
}

/* Room for a frame of @len bytes, which the caller writes before
 * ring_publish(). NULL: none now. */
static inline u8 *ring_take(struct ring_tx *tx, u32 len)
{
	u8 *to = ring_reserve(tx, len);

	if (likely(to))
		ring_commit(tx, len, 0);
	return to;
}

/* A frame that lies in one piece; false when there is no room now. */
static inline bool ring_put(struct ring_tx *tx, const void *data, u32 len,
			    u32 flags)
{
	u8 *to = ring_reserve(tx, len);

	if (unlikely(!to))
		return false;
	copy_packet(to, data, len);
	ring_commit(tx, len, flags);
	return true;
}

/* Shows the consumer all complete frames. */
static inline void ring_publish(struct ring_tx *tx)
{
	u32 pad = -tx->prod % RING_LINE;

	if (tx->prod == tx->published)
		return;
	if (pad && pad <= tx->end - tx->prod) {
		*ring_head(tx->ring, tx->mask, tx->prod) = 0;
		tx->prod += pad;
	}
	tx->published = tx->prod;
	store_release(&tx->ring->prod, tx->prod);
}

/* A producer that lies loses what it has sent: go on behind it. */
static inline bool ring_resync(struct ring_rx *rx)
{
	rx->cons = rx->prod;
	rx->lies++;
	return false;
}

/* Never beyond what the producer has shown: it may be writing there, and would
 * have to fetch the line again. */
static inline void ring_prefetch(const struct ring_rx *rx)
{
	u32 n = min(rx->prod - rx->cons, (u32)RING_AHEAD / RING_GRAIN);

	for (u32 i = 0; i < n; i += RING_LINE)
		prefetch(ring_head(rx->ring, rx->size - 1, rx->cons + i));
}

/* What the producer has shown by now. False: nothing new. */
static inline bool ring_refresh(struct ring_rx *rx)
{
	rx->prod = load_acquire(&rx->ring->prod);
	if (rx->cons == rx->prod)
		return false;
	if (unlikely(rx->prod - rx->cons > rx->size))
		return ring_resync(rx);
	ring_prefetch(rx);
	return true;
}

/* Over a header of 0: the rest of the line; a whole line is never skipped. */
static inline bool ring_skip(struct ring_rx *rx)
{
	u32 pad = -rx->cons % RING_LINE;

	if (unlikely(!pad || pad > rx->prod - rx->cons))
		return ring_resync(rx);
	rx->cons += pad;
	return true;
}

/* The next frame, without taking it: false when there is none. */
static inline bool ring_peek(struct ring_rx *rx, struct ring_frame *f)
{
	u32 *head, word, shown;

	for (;;) {
		if (rx->cons == rx->prod && !ring_refresh(rx))
			return false;
		head = ring_head(rx->ring, rx->size - 1, rx->cons);
		word = READ_ONCE(*head); /* once: it may change after */
		if (likely(word & 0xffff))
			break;
		if (!ring_skip(rx))
			return false;
	}
	f->len = word & 0xffff;
	f->flags = word >> 16;
	f->data = (u8 *)head + RING_HEAD;
	shown = rx->prod - rx->cons;
	if (unlikely(f->len - 1 >= RING_MAX_FRAME ||
		     ring_grains(f->len) > shown))
		return ring_resync(rx);
	if (shown > RING_AHEAD / RING_GRAIN) {
		prefetch(f->data + RING_AHEAD);
		prefetch(f->data + RING_AHEAD + CACHE_LINE);
	}
	return true;
}

/* Takes the frame that ring_peek() gave. */
static inline void ring_next(struct ring_rx *rx, const struct ring_frame *f)
{
	rx->cons += ring_grains(f->len);
}

/* Gives the room of all taken frames back. */
static inline void ring_release(struct ring_rx *rx)
{
	if (rx->cons == rx->published)
		return;
	rx->published = rx->cons;
	store_release(&rx->ring->cons, rx->cons);
}

/* Has the producer shown something new? For idling. */
static inline bool ring_pending(const struct ring_rx *rx)
{
	return rx->cons != load_acquire(&rx->ring->prod);
}

#endif
