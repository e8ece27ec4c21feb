/* SPDX-License-Identifier: MIT */
#include "fake_nic.h"

#include <stdlib.h>
#include <string.h>

static struct fake_nic *of(struct nicq *q)
{
	return container_of(q, struct fake_nic, q);
}

static struct fake_frame *frame_new(u32 len)
{
	struct fake_frame *f = malloc(sizeof(*f) + len);

	if (!f)
		abort();
	f->len = len;
	return f;
}

static bool fifo_full(const struct fake_fifo *f)
{
	return f->tail - f->head == FAKE_DEPTH;
}

static void fifo_put(struct fake_fifo *f, struct fake_frame *frame)
{
	f->frames[f->tail++ % FAKE_DEPTH] = frame;
}

/* NULL when empty. */
static struct fake_frame *fifo_take(struct fake_fifo *f)
{
	return f->head == f->tail ? NULL : f->frames[f->head++ % FAKE_DEPTH];
}

static void fifo_clear(struct fake_fifo *f)
{
	while (f->head != f->tail)
		free(fifo_take(f));
}

/* Frames beyond one buffer's room go on in further fragments. */
static struct mbuf *chain_of(struct mbuf_pool *pool, const struct fake_frame *f)
{
	struct mbuf *head = NULL, **at = &head;

	for (u32 off = 0; off < f->len || !off;) {
		struct mbuf *m = mbuf_alloc(pool);
		u32 n = min(f->len - off, (u32)MBUF_ROOM);

		if (!m) {
			mbuf_free_chain(pool, head);
			return NULL;
		}
		memcpy(m->data, f->data + off, n);
		m->len = n;
		off += n;
		*at = m;
		at = &m->next;
		if (!n)
			break;
	}
	return head;
}

static int rx(struct nicq *q, struct mbuf **pkts, int n, u64 now)
{
	struct fake_frame *frame;
	int got = 0;

	while (got < n && (frame = fifo_take(&of(q)->in))) {
		pkts[got] = chain_of(q->pool, frame);
		if (pkts[got])
			got++;
		else
			q->nr_drops++;
		free(frame);
	}
	return got;
}

static u8 *put(u8 *at, const u8 *data, u32 len)
{
	memcpy(at, data, len);
	return at + len;
}

static void send_one(struct fake_nic *f, const struct mbuf *m)
{
	struct fake_frame *out = frame_new(mbuf_packet_len(m));
	u8 *at = out->data;

	for (; m; m = m->next) {
		at = put(at, m->data, m->len);
		for (int i = 0; i < m->nr_ext; i++)
			at = put(at, m->ext[i].addr, m->ext[i].len);
	}
	if (fifo_full(&f->out)) {
		free(fifo_take(&f->out));
		f->out_lost++;
	}
	fifo_put(&f->out, out);
}

static int tx(struct nicq *q, struct mbuf **pkts, int n, u64 now)
{
	struct fake_nic *f = of(q);
	int took = 0;

	while (took < n && (u32)took < f->tx_limit && f->nheld < FAKE_DEPTH) {
		struct mbuf *m = pkts[took];

		if (m->flags & MBUF_LARGE && f->large_full)
			break;
		send_one(f, m);
		if (m->flags & MBUF_LARGE)
			nicq_tx_done(q, m);
		else
			f->held[f->nheld++] = m;
		took++;
	}
	return took;
}

static void kick(struct nicq *q)
{
	q->nr_kicks++;
}

void fake_nic_release_first(struct fake_nic *f, u32 n)
{
	for (u32 i = 0; i < n; i++)
		nicq_tx_done(&f->q, f->held[i]);
	f->nheld -= n;
	memmove(f->held, f->held + n, f->nheld * sizeof(f->held[0]));
}

void fake_nic_release(struct fake_nic *f)
{
	fake_nic_release_first(f, f->nheld);
}

void fake_nic_lose(struct fake_nic *f)
{
	while (f->nheld)
		nicq_tx_lost(&f->q, f->held[--f->nheld]);
}

static void reclaim(struct nicq *q)
{
	if (!of(q)->hold)
		fake_nic_release(of(q));
}

static void wait(struct nicq *q, u64 ns)
{
}

static const struct nicq_ops ops = {
	.rx = rx,
	.tx = tx,
	.kick = kick,
	.reclaim = reclaim,
	.wait = wait,
};

void fake_nic_init(struct fake_nic *f)
{
	*f = (struct fake_nic){
		.q = { .ops = &ops, .mtu = 1500, .mac = { 2, 0, 0, 0, 0, 1 } },
		.tx_limit = UINT32_MAX,
	};
}

void fake_nic_free(struct fake_nic *f)
{
	fifo_clear(&f->in);
	fifo_clear(&f->out);
	free(f->collected);
}

bool fake_nic_inject(struct fake_nic *f, const void *frame, u32 len)
{
	struct fake_frame *in;

	if (fifo_full(&f->in) || len > FAKE_FRAME_MAX)
		return false;
	in = frame_new(len);
	if (len)
		memcpy(in->data, frame, len);
	fifo_put(&f->in, in);
	return true;
}

const struct fake_frame *fake_nic_collect(struct fake_nic *f)
{
	free(f->collected);
	f->collected = fifo_take(&f->out);
	return f->collected;
}
