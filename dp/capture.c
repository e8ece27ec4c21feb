/* SPDX-License-Identifier: MIT */
/*
 * Copies of packets for who looks at them: include/ix/capture.h. Off the path
 * of a dataplane that nobody looks at; then, a batch costs one test each way.
 */
#include "base/errno.h"
#include "base/mem.h"
#include "dp/dp.h"

int capture_init(struct capture *c, struct ix_capture *ring, u64 size,
		 u32 thread, u32 snap)
{
	if (size & (size - 1) || !snap || snap > IX_CAPTURE_SNAP_MAX ||
	    size < 4 * (sizeof(struct ix_capture_record) + snap))
		return -EINVAL;
	*c = (struct capture){ .ring = ring,
			       .data = (u8 *)ring + IX_CAPTURE_DATA,
			       .size = size,
			       .snap = snap };
	*ring = (struct ix_capture){ .version = IX_CAPTURE_VERSION,
				     .thread = thread,
				     .snap = snap,
				     .size = size };
	return 0;
}

/* What is before @end of the next round is no longer to be believed. The
 * reader sees that before it can see a byte that is overwritten. */
static void claim(struct capture *c, u64 end)
{
	WRITE_ONCE(c->ring->claimed, end);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static struct ix_capture_record *at_head(const struct capture *c)
{
	return (struct ix_capture_record *)(c->data +
					    (c->head & (c->size - 1)));
}

/* Room for a record of @size bytes in one piece. */
static struct ix_capture_record *make_room(struct capture *c, u32 size)
{
	u64 left = c->size - (c->head & (c->size - 1));

	if (left >= size) {
		claim(c, c->head + size);
		return at_head(c);
	}
	claim(c, c->head + left + size);
	*at_head(c) = (struct ix_capture_record){ .number = c->packets,
						  .size = (u32)left,
						  .kind = IX_CAPTURE_FILLER };
	c->head += left;
	return at_head(c);
}

static u32 copy_part(u8 *to, u32 room, const u8 *from, u32 len)
{
	u32 n = min(room, len);

	memcpy(to, from, n);
	return n;
}

/* The first @room bytes of the packet, or all of it. */
static void copy_head(u8 *to, u32 room, const struct mbuf *m)
{
	u32 n = 0;

	for (; m && n < room; m = m->next) {
		n += copy_part(to + n, room - n, m->data, m->len);
		for (u32 i = 0; i < m->nr_ext; i++)
			n += copy_part(to + n, room - n, m->ext[i].addr,
				       m->ext[i].len);
	}
}

static void put(struct capture *c, const struct mbuf *m, u32 kind, u64 now)
{
	u32 len = mbuf_packet_len(m), kept = min(len, c->snap);
	u32 size = (u32)sizeof(struct ix_capture_record) + kept;
	struct ix_capture_record *r;

	size = (size + IX_CAPTURE_ALIGN - 1) & ~(u32)(IX_CAPTURE_ALIGN - 1);
	r = make_room(c, size);
	*r = (struct ix_capture_record){ .number = c->packets++,
					 .time = now,
					 .size = size,
					 .len = len,
					 .kept = kept,
					 .kind = kind };
	copy_head((u8 *)(r + 1), kept, m);
	c->head += size;
}

static void publish(struct capture *c)
{
	c->ring->packets = c->packets;
	__atomic_store_n(&c->ring->head, c->head, __ATOMIC_RELEASE);
}

void capture_rx(struct capture *c, struct mbuf *const *pkts, u32 n, u64 now)
{
	for (u32 i = 0; i < n; i++)
		put(c, pkts[i], IX_CAPTURE_IN, now);
	publish(c);
}

/* Before the NIC has them: it may be done with one at any time, and with that
 * it is free. What it does not take comes again, in front. */
void capture_tx(struct capture *c, struct mbuf *const *pkts, u32 n, u64 now)
{
	for (u32 i = min(c->waiting, n); i < n; i++)
		put(c, pkts[i], IX_CAPTURE_OUT, now);
	c->waiting = 0;
	publish(c);
}
