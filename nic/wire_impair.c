/* SPDX-License-Identifier: MIT */
/*
 * A bad wire: loss, duplication, corruption, reordering, delay, jitter and a
 * limited rate. Every frame draws the same numbers whatever is decided, so
 * that changing one probability leaves the other decisions as they were.
 */
#include "nic/wire_impair.h"

#include "base/mem.h"

enum {
	REORDER_MIN_NS = 100000,
	ETH_HEADER = 14,
};

/* xorshift64*: small, and good enough for dice. */
static u32 draw(struct wire_impairer *im)
{
	im->rng ^= im->rng >> 12;
	im->rng ^= im->rng << 25;
	im->rng ^= im->rng >> 27;
	return (u32)((im->rng * 0x2545f4914f6cdd1dull) >> 32);
}

/* 0 to @most; @most may be anything below 2^32 s. */
static u64 draw_up_to(struct wire_impairer *im, u64 most)
{
	return (u64)(((unsigned __int128)draw(im) * (most + 1)) >> 32);
}

void wire_impair_init(struct wire_impairer *im)
{
	im->rng = im->conf.seed * 0x9e3779b97f4a7c15ull + 0x6a09e667f3bcc909ull;
	if (!im->rng)
		im->rng = 1;
	if (!im->conf.reorder_ns)
		im->conf.reorder_ns =
			max(2 * im->conf.delay_ns, (u64)REORDER_MIN_NS);
	im->count = 0;
	for (u32 i = 0; i < WIRE_DELAYED; i++)
		im->free[i] = (u16)i;
}

static bool earlier(const struct wire_delayed *a, const struct wire_delayed *b)
{
	if (a->due != b->due)
		return a->due < b->due;
	return (s32)(a->order - b->order) < 0;
}

static void heap_add(struct wire_impairer *im, struct wire_delayed d)
{
	u32 i = im->count++;

	for (; i && earlier(&d, &im->heap[(i - 1) / 2]); i = (i - 1) / 2)
		im->heap[i] = im->heap[(i - 1) / 2];
	im->heap[i] = d;
}

static void heap_remove_first(struct wire_impairer *im)
{
	struct wire_delayed last;
	u32 i = 0, child;

	im->free[--im->count] = im->heap[0].slot;
	last = im->heap[im->count];
	while ((child = 2 * i + 1) < im->count) {
		if (child + 1 < im->count &&
		    earlier(&im->heap[child + 1], &im->heap[child]))
			child++;
		if (!earlier(&im->heap[child], &last))
			break;
		im->heap[i] = im->heap[child];
		i = child;
	}
	im->heap[i] = last;
}

/* Flips one bit of what IP, TCP, UDP and ICMP guard by their checksums: a
 * damaged Ethernet header or ARP packet never comes through a real NIC. */
static void corrupt(struct wire_impairer *im, u8 *frame, u32 len, u32 which)
{
	u32 bits = len > ETH_HEADER ? (len - ETH_HEADER) * 8 : 0;
	u32 bit;

	if (!bits || frame[12] != 0x08 || frame[13] != 0x00)
		return;
	bit = (u32)((u64)which * bits >> 32);
	frame[ETH_HEADER + bit / 8] ^= (u8)(1u << bit % 8);
}

/* When the line has sent @len bytes more. */
static u64 line_time(struct wire_impairer *im, u32 len, u64 now)
{
	u64 start = max(now, im->line_free);

	if (im->conf.rate_bps)
		start += (u64)len * 8 * 1000000000ull / im->conf.rate_bps;
	im->line_free = start;
	return start;
}

static void put(struct wire_impairer *im, const u8 *frame, u32 len, u64 due)
{
	u16 slot;

	if (im->count == WIRE_DELAYED) {
		im->dropped++;
		return;
	}
	slot = im->free[im->count];
	memcpy(im->frames[slot], frame, len);
	heap_add(im, (struct wire_delayed){ due, im->order++, slot, (u16)len });
}

void wire_impair_tx(struct wire_queue *w, const struct mbuf *m, u64 now)
{
	struct wire_impairer *im = w->impairer;
	const struct wire_impair *conf = &im->conf;
	u8 frame[RING_MAX_FRAME];
	u32 loss = draw(im), dup = draw(im), bad = draw(im), late = draw(im);
	u64 jitter = draw_up_to(im, conf->jitter_ns);
	u64 more = draw_up_to(im, conf->reorder_ns);
	u32 which = draw(im), len = mbuf_packet_len(m);
	u64 due;

	if (!len || len > RING_MAX_FRAME)
		return;
	due = line_time(im, len, now) + conf->delay_ns + jitter;
	if (loss < conf->loss)
		return;
	mbuf_copy(frame, m);
	if (bad < conf->corrupt)
		corrupt(im, frame, len, which);
	if (late < conf->reorder)
		due += more;
	else
		im->last_due = due = max(due, im->last_due);
	put(im, frame, len, due);
	if (dup < conf->dup)
		put(im, frame, len, due);
}

void wire_advance(struct wire_queue *w, u64 now)
{
	struct wire_impairer *im = w->impairer;

	if (!im)
		return;
	while (im->count && im->heap[0].due <= now) {
		const struct wire_delayed *d = &im->heap[0];

		/* A full ring: the frame waits here. */
		if (!wire_send(w, im->frames[d->slot], d->len))
			break;
		heap_remove_first(im);
	}
	wire_publish(w);
	/* Released on reception: there may be no tx() and kick() soon. */
	if (w->dirty)
		w->q.ops->kick(&w->q);
}

u64 wire_next_due(const struct wire_queue *w)
{
	return w->impairer && w->impairer->count ? w->impairer->heap[0].due
						 : UINT64_MAX;
}
