/* SPDX-License-Identifier: MIT */
/*
 * The original IX's <ix.h>, its low-level libix: a batch of calls per thread
 * (karr), callbacks for events. Another interface than include/ix/ix.h, and
 * not to be included beside it: doc/porting.md.
 *
 *	ix_init(&ops, 64);                 once per thread
 *	while (1) {
 *		ix_poll();                 batch down, events up
 *		results in karr->descs, if wanted; karr->len = 0;
 *		ix_handle_events();        calls ops, which append calls
 *	}
 */
#ifndef COMPAT_IX_H
#define COMPAT_IX_H

#ifdef IX_IX_H
#error "the original's <ix.h> and include/ix/ix.h are two interfaces"
#endif

#include <stdio.h>
#include <stdlib.h>

#include "syscall.h"

#define karr ix_compat_karr

/* 0, -EINVAL, -ENOMEM, or why there is no dataplane. */
static inline int ix_init(struct ix_ops *ops, int batch_depth)
{
	return ix_compat_init(ops, batch_depth);
}

/* Number of events. */
static inline int ix_poll(void)
{
	return ix_compat_poll();
}

static inline void ix_handle_events(void)
{
	ix_compat_handle_events();
}

static inline void ix_flush(void)
{
	ix_compat_flush();
}

/* 2 MB each, of the arena: what lies in them is sent in place. */
static inline void *ix_alloc_pages(int nrpages)
{
	return ix_compat_alloc_pages(nrpages);
}

static inline void ix_free_pages(void *addr, int nrpages)
{
	ix_compat_free_pages(addr, nrpages);
}

/* Index in the batch of the next call. */
static inline int ix_bsys_idx(void)
{
	return karr->ran ? 0 : (int)karr->len;
}

static inline void ix_udp_send(void *addr, size_t len, struct ip_tuple *id,
			       unsigned long cookie)
{
	ksys_udp_send(ix_compat_next(), addr, len, id, cookie);
}

static inline void ix_udp_sendv(struct sg_entry *ents, unsigned int nrents,
				struct ip_tuple *id, unsigned long cookie)
{
	ksys_udp_sendv(ix_compat_next(), ents, nrents, id, cookie);
}

static inline void ix_udp_recv_done(void *addr)
{
	ksys_udp_recv_done(ix_compat_next(), addr);
}

static inline void ix_tcp_connect(struct ip_tuple *id, unsigned long cookie)
{
	ksys_tcp_connect(ix_compat_next(), id, cookie);
}

static inline void ix_tcp_accept(hid_t handle, unsigned long cookie)
{
	ksys_tcp_accept(ix_compat_next(), handle, cookie);
}

static inline void ix_tcp_reject(hid_t handle)
{
	ksys_tcp_reject(ix_compat_next(), handle);
}

static inline void ix_tcp_send(hid_t handle, void *addr, size_t len)
{
	ksys_tcp_send(ix_compat_next(), handle, addr, len);
}

static inline void ix_tcp_sendv(hid_t handle, struct sg_entry *ents,
				unsigned int nrents)
{
	ksys_tcp_sendv(ix_compat_next(), handle, ents, nrents);
}

static inline void ix_tcp_recv_done(hid_t handle, size_t len)
{
	ksys_tcp_recv_done(ix_compat_next(), handle, len);
}

static inline void ix_tcp_close(hid_t handle)
{
	ksys_tcp_close(ix_compat_next(), handle);
}

#endif
