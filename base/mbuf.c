/* SPDX-License-Identifier: MIT */
#include "base/mbuf.h"

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
	for (u32 i = 0; i < total; i++) {
		p->mbufs[i].index = i;
		p->free[i] = total - 1 - i;
	}
}
