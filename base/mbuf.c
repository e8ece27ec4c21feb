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
	p->mbufs = mem;
	p->free = (u32 *)(p->mbufs + total);
	p->frames = frames;
	p->app_frames = app_frames;
	p->total = p->nfree = total;
	p->half = total / 2;
	p->kept = total / 8;
	for (u32 i = 0; i < total; i++) {
		p->mbufs[i].index = i;
		p->free[i] = total - 1 - i;
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
