/* SPDX-License-Identifier: MIT */
#include "base/mbuf.h"

#include "base/mem.h"

size_t mbuf_pool_bytes(u32 total)
{
	return (size_t)total * (sizeof(struct mbuf) + sizeof(u32));
}

void mbuf_pool_init(struct mbuf_pool *p, void *mem, u8 *frames, u64 app_frames,
		    u32 total)
{
	struct mbuf *mbufs = mem;

	mbuf_pool_part(p, mbufs, (u32 *)(mbufs + total), frames, app_frames,
		       total, 0, 1);
}

void mbuf_pool_part(struct mbuf_pool *p, struct mbuf *mbufs, u32 *free,
		    u8 *frames, u64 app_frames, u32 total, u32 thread,
		    u32 nthreads)
{
	p->mbufs = mbufs;
	p->free = free;
	p->frames = frames;
	p->app_frames = app_frames;
	p->total = total;
	mbuf_posted(p, 0);
	p->kept = total / 8;
	p->all = total * nthreads;
	p->thread = thread;
	mbuf_pool_reset(p);
}

void mbuf_pool_reset(struct mbuf_pool *p)
{
	u32 first = p->thread * p->total;

	p->nfree = p->total;
	for (u32 i = 0; i < p->total; i++) {
		p->mbufs[first + i].index = first + i;
		p->mbufs[first + i].thread = p->thread;
		p->free[i] = first + p->total - 1 - i;
	}
}

static u8 *copy_ext(u8 *to, const struct mbuf *m)
{
	for (int i = 0; i < m->nr_ext; i++) {
		memcpy(to, m->ext[i].addr, m->ext[i].len);
		to += m->ext[i].len;
	}
	return to;
}

void mbuf_trim(struct mbuf_pool *p, struct mbuf *m, u32 len)
{
	while (m->len < len) {
		len -= m->len;
		m = m->next;
	}
	m->len = len;
	mbuf_free_chain(p, m->next);
	m->next = NULL;
}

void mbuf_copy(u8 *to, const struct mbuf *m)
{
	for (; m; m = m->next) {
		memcpy(to, m->data, m->len);
		to = copy_ext(to + m->len, m);
	}
}

bool mbuf_flatten(struct mbuf_pool *p, struct mbuf *m)
{
	u8 *frame = mbuf_frame(p, m);
	u32 len = mbuf_packet_len(m);

	if (len > MBUF_SIZE)
		return false;
	if (m->data + len > frame + MBUF_SIZE) {
		memmove(frame, m->data, m->len);
		m->data = frame;
	}
	mbuf_copy(copy_ext(m->data + m->len, m), m->next);
	m->len = len;
	mbuf_free_chain(p, m->next);
	m->next = NULL;
	m->nr_ext = 0;
	return true;
}

/* Behind @m, in further buffers where its frame is full; returns the last of
 * them, or NULL if there are no more. */
static struct mbuf *append(struct mbuf_pool *p, struct mbuf *m, const u8 *from,
			   u32 len)
{
	while (len) {
		u8 *end = m->data + m->len;
		u32 part = min(len, (u32)(mbuf_frame(p, m) + MBUF_SIZE - end));

		memcpy(end, from, part);
		m->len += part;
		from += part;
		len -= part;
		if (!len)
			break;
		m->next = mbuf_alloc(p);
		m = m->next;
		if (!m)
			return NULL;
	}
	return m;
}

bool mbuf_pack(struct mbuf_pool *p, struct mbuf *m)
{
	struct mbuf *rest = m->next, *last = m;
	const struct mbuf *from = m;
	u32 len = m->len;

	m->next = NULL;
	for (; from && last; from = from == m ? rest : from->next) {
		if (from != m)
			last = append(p, last, from->data, from->len);
		for (int i = 0; last && i < from->nr_ext; i++)
			last = append(p, last, from->ext[i].addr,
				      from->ext[i].len);
	}
	if (!last) {
		mbuf_free_chain(p, m->next);
		m->next = rest;
		m->len = len;
		return false;
	}
	mbuf_free_chain(p, rest);
	m->nr_ext = 0;
	return true;
}
