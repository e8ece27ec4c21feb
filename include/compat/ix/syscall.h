/* SPDX-License-Identifier: MIT */
/*
 * The original's <ix/syscall.h>: its batched system calls and events, in its
 * descriptors. lib/compat turns them into those of include/ix/abi.h.
 */
#ifndef COMPAT_IX_SYSCALL_H
#define COMPAT_IX_SYSCALL_H

#include "../../ix/ixev.h" /* struct ip_tuple, hid_t */
#include "compiler.h"
#include "types.h"

struct sg_entry {
	void *base;
	size_t len;
} __attribute__((packed));

#define MAX_SG_ENTRIES 30

/* Results, negated. */
enum {
	RET_OK = 0,
	RET_NOMEM = 1,
	RET_NOBUFS = 2,
	RET_INVAL = 3,
	RET_AGAIN = 4,
	RET_FAULT = 5,
	RET_NOSYS = 6,
	RET_NOTSUP = 7,
	RET_BADH = 8,
	RET_CLOSED = 9,
	RET_CONNREFUSED = 10,
};

/* Batched calls, down. */
enum {
	KSYS_UDP_SEND,	    /* addr, len, tuple, cookie */
	KSYS_UDP_SENDV,	    /* entries, count, tuple, cookie */
	KSYS_UDP_RECV_DONE, /* addr */
	KSYS_TCP_CONNECT,   /* tuple, cookie */
	KSYS_TCP_ACCEPT,    /* handle, cookie */
	KSYS_TCP_REJECT,    /* handle */
	KSYS_TCP_SEND,	    /* handle, addr, len */
	KSYS_TCP_SENDV,	    /* handle, entries, count */
	KSYS_TCP_RECV_DONE, /* handle, len */
	KSYS_TCP_CLOSE,	    /* handle */
	KSYS_NR,
};

/* Events, up. */
enum {
	USYS_UDP_RECV,	    /* addr, len, tuple */
	USYS_UDP_SENT,	    /* cookie */
	USYS_TCP_CONNECTED, /* handle, cookie, result */
	USYS_TCP_KNOCK,	    /* handle, tuple */
	USYS_TCP_RECV,	    /* handle, cookie, addr, len */
	USYS_TCP_SENT,	    /* handle, cookie, bytes */
	USYS_TCP_DEAD,	    /* handle, cookie */
	USYS_TIMER,	    /* cookie */
	USYS_NR,
};

struct bsys_desc {
	uint64_t sysnr;
	uint64_t arga, argb, argc, argd;
} __attribute__((packed));

/* What a descriptor holds once its call was made. */
struct bsys_ret {
	uint64_t sysnr;
	uint64_t cookie;
	long ret;
	uint64_t pad[2];
} __attribute__((packed));

struct bsys_arr {
	unsigned long len;
	unsigned long max_len;
	unsigned long ran; /* its calls were made: descs are results */
	struct bsys_desc descs[];
};

/* Some programs set len = 0 after ix_poll(), some leave that to libix: what
 * has been run is not run again either way. The caller has seen to it that
 * there is room. */
static inline struct bsys_desc *__bsys_arr_next(struct bsys_arr *a)
{
	if (a->ran)
		a->len = a->ran = 0;
	return &a->descs[a->len++];
}

static inline struct bsys_desc *bsys_arr_next(struct bsys_arr *a)
{
	if (!a->ran && a->len >= a->max_len)
		return NULL;
	return __bsys_arr_next(a);
}

/* Pointers are followed when the batch is run: what they point to must stay
 * until then. */
static inline void bsys_desc_fill(struct bsys_desc *d, uint64_t sysnr,
				  uint64_t a, uint64_t b, uint64_t c,
				  uint64_t e)
{
	*d = (struct bsys_desc){ sysnr, a, b, c, e };
}

static inline void ksys_udp_send(struct bsys_desc *d, void *addr, size_t len,
				 struct ip_tuple *id, unsigned long cookie)
{
	bsys_desc_fill(d, KSYS_UDP_SEND, (uintptr_t)addr, len, (uintptr_t)id,
		       cookie);
}

static inline void ksys_udp_sendv(struct bsys_desc *d, struct sg_entry *ents,
				  unsigned int nrents, struct ip_tuple *id,
				  unsigned long cookie)
{
	bsys_desc_fill(d, KSYS_UDP_SENDV, (uintptr_t)ents, nrents,
		       (uintptr_t)id, cookie);
}

static inline void ksys_udp_recv_done(struct bsys_desc *d, void *iomap)
{
	bsys_desc_fill(d, KSYS_UDP_RECV_DONE, (uintptr_t)iomap, 0, 0, 0);
}

static inline void ksys_tcp_connect(struct bsys_desc *d, struct ip_tuple *id,
				    unsigned long cookie)
{
	bsys_desc_fill(d, KSYS_TCP_CONNECT, (uintptr_t)id, cookie, 0, 0);
}

static inline void ksys_tcp_accept(struct bsys_desc *d, hid_t handle,
				   unsigned long cookie)
{
	bsys_desc_fill(d, KSYS_TCP_ACCEPT, (uint64_t)handle, cookie, 0, 0);
}

static inline void ksys_tcp_reject(struct bsys_desc *d, hid_t handle)
{
	bsys_desc_fill(d, KSYS_TCP_REJECT, (uint64_t)handle, 0, 0, 0);
}

static inline void ksys_tcp_send(struct bsys_desc *d, hid_t handle, void *addr,
				 size_t len)
{
	bsys_desc_fill(d, KSYS_TCP_SEND, (uint64_t)handle, (uintptr_t)addr, len,
		       0);
}

static inline void ksys_tcp_sendv(struct bsys_desc *d, hid_t handle,
				  struct sg_entry *ents, unsigned int nrents)
{
	bsys_desc_fill(d, KSYS_TCP_SENDV, (uint64_t)handle, (uintptr_t)ents,
		       nrents, 0);
}

static inline void ksys_tcp_recv_done(struct bsys_desc *d, hid_t handle,
				      size_t len)
{
	bsys_desc_fill(d, KSYS_TCP_RECV_DONE, (uint64_t)handle, len, 0, 0);
}

static inline void ksys_tcp_close(struct bsys_desc *d, hid_t handle)
{
	bsys_desc_fill(d, KSYS_TCP_CLOSE, (uint64_t)handle, 0, 0, 0);
}

#endif
