/* SPDX-License-Identifier: MIT */
/*
 * What the calls of dp/syscall.c check with: copying in, names, memory. Inline,
 * because every call passes here.
 */
#ifndef DP_GATE_H
#define DP_GATE_H

#include "base/errno.h"
#include "dp/dp.h"

/* Copies @src, which the application may change at any instant, into @dst.
 * The barrier tells the compiler that @dst is now anything: it can neither
 * read @src again later nor derive @dst from it. */
#define COPY_IN(dst, src)                                         \
	do {                                                      \
		__builtin_memcpy((dst), (src), sizeof(*(dst)));   \
		__asm__ volatile("" : "+m"(*(dst)) : : "memory"); \
	} while (0)

/* ---- names: NULL for a handle that is not (or no longer) one of ours */

static inline bool handle_fits(u64 handle, u32 kind, u32 gen)
{
	return handle >> HANDLE_GEN_SHIFT ==
	       (kind << (HANDLE_KIND_SHIFT - HANDLE_GEN_SHIFT) |
		(gen & HANDLE_GEN_MASK));
}

static inline struct tcp_conn *find_conn(struct dp *dp, u64 handle)
{
	struct tcp_conn *c;

	if (unlikely(handle_index(handle) >= dp->net.conf.tcp.max_conns))
		return NULL;
	c = &dp->net.tcp.conns[handle_index(handle)];
	if (unlikely(handle != c->handle || c->state == TCP_CLOSED ||
		     c->flags & (TCP_F_DEAD_TOLD | TCP_F_RELEASED)))
		return NULL;
	return c;
}

/* Ours: opened or accepted by the application. */
static inline struct tcp_conn *find_own(struct dp *dp, u64 handle, s64 *err)
{
	struct tcp_conn *c = find_conn(dp, handle);

	*err = -EBADF;
	if (likely(c && c->flags & (TCP_F_ACCEPTED | TCP_F_ACTIVE)))
		return c;
	if (c)
		*err = -EINVAL;
	return NULL;
}

/* Knocked, and the application has been told, but has not yet answered. */
static inline struct tcp_conn *find_knock(struct dp *dp, u64 handle, s64 *err)
{
	struct tcp_conn *c = find_conn(dp, handle);

	*err = -EBADF;
	if (!c)
		return NULL;
	*err = -EINVAL;
	if (c->flags & (TCP_F_ACCEPTED | TCP_F_ACTIVE) ||
	    !(c->flags & TCP_F_KNOCKED))
		return NULL;
	return c;
}

static inline struct udp_sock *find_udp(struct dp *dp, u64 handle)
{
	struct udp_sock *s;

	if (handle_index(handle) >= dp->net.conf.udp.max_sockets)
		return NULL;
	s = &dp->net.udp.socks[handle_index(handle)];
	if (!handle_fits(handle, HANDLE_UDP, s->gen) || !s->port)
		return NULL;
	return s;
}

/* ---- memory */

/* Of an entry len and pad, which must be 0, in one word. */
static inline u64 sg_len(const struct ix_sg *sg)
{
	_Static_assert(offsetof(struct ix_sg, len) + 4 ==
				       offsetof(struct ix_sg, pad) &&
			       offsetof(struct ix_sg, len) % 8 == 0,
		       "one word");
	return READ_ONCE(*(const u64 *)&sg->len);
}

/* An application's range becomes ours if it lies in the arena. An empty range
 * refers to nothing. */
static inline bool translate(const struct dp_arena *a, u64 *addr, u64 len)
{
	u64 off = *addr - a->app_base; /* wraps below the arena: too big */

	if (unlikely(off > a->len || len > a->len - off)) {
		if (len)
			return false;
		off = 0;
	}
	*addr = (u64)(uintptr_t)(a->base + off);
	return true;
}

/* Of an entry that translate() refused. */
static inline s64 sg_errno(u64 len)
{
	return len > UINT32_MAX ? -EINVAL : -EFAULT;
}

/* The scatter/gather list of a call, @n entries from @first on: copied,
 * checked and translated to @out. Returns the bytes in it or an errno. */
static inline s64 take_sgs(struct dp *dp, u64 first, u32 n,
			   struct ix_sg out[IX_MAX_SG_PER_CALL])
{
	const struct ix_sg *in = dp->down->sgs;
	s64 total = 0;
	u64 len;

	if (unlikely(n - 1 >= IX_MAX_SG_PER_CALL))
		return -EINVAL;
	if (unlikely(first > IX_MAX_SGS || n > IX_MAX_SGS - first))
		return -EINVAL;
	for (u32 i = 0; i < n; i++) {
		COPY_IN(&out[i], &in[first + i]);
		len = sg_len(&out[i]);
		if (unlikely(len > UINT32_MAX ||
			     !translate(&dp->arena, &out[i].addr, len)))
			return sg_errno(len);
		total += out[i].len;
	}
	return total;
}

/* IPv4 address and port that a call names. */
static inline s64 take_addr(const struct ix_call *c, struct be32 *ip)
{
	return addr_to_ipv4(&c->ip, ip) ? 0 : -EAFNOSUPPORT;
}

#endif
