/* SPDX-License-Identifier: MIT */
/*
 * What the calls of dp/syscall.c check with: copying in, names, memory. Inline,
 * because every call passes here.
 *
 * Everything that a call refers to is named by a number that the application
 * may have invented: an index is compared with the size of its table before it
 * is used, a generation tells an old handle from its slot's new owner, and an
 * address becomes a pointer only here, by translate().
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

/* ---- names: NULL for a handle that is not (or no longer) valid */

/* Kind and generation of @handle, which is above its index: one comparison. */
static inline bool handle_fits(u64 handle, u32 kind, u32 gen)
{
	return handle >> HANDLE_GEN_SHIFT ==
	       (kind << (HANDLE_KIND_SHIFT - HANDLE_GEN_SHIFT) |
		(gen & HANDLE_GEN_MASK));
}

/* May we look at the slot that it names? */
static inline bool is_ours(const struct dp *dp, u64 handle)
{
	return handle_index(handle) <
	       dp->slots_of[(u8)(handle >> HANDLE_KIND_SHIFT)];
}

/* Slots lie among those of all threads: no look at one unless its flow group is
 * ours. A connection keeps its whole handle, so that one comparison checks flow
 * group, generation and index. The slot's generation changes when TCP frees it;
 * until then the flags tell whether the application still knows it by this
 * name. */
static inline struct tcp_conn *conn_at(struct dp *dp, u64 handle)
{
	struct tcp_conn *c;

	if (unlikely(!is_ours(dp, handle)))
		return NULL;
	c = &dp->net.tcp.conns[handle_index(handle)];
	return likely(handle == c->handle) ? c : NULL;
}

static inline struct tcp_conn *find_conn(struct dp *dp, u64 handle)
{
	struct tcp_conn *c = conn_at(dp, handle);

	if (!c || c->state == TCP_CLOSED ||
	    c->flags & (TCP_F_DEAD_TOLD | TCP_F_RELEASED))
		return NULL;
	return c;
}

/* One that the application has opened or accepted. *@err: -EBADF for an invalid
 * handle, -EINVAL for a knock that is not yet answered. */
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

/* One whose knock has been reported and not yet answered. *@err: -EBADF for an
 * invalid handle, else -EINVAL. */
static inline struct tcp_conn *find_knock(struct dp *dp, u64 handle, s64 *err)
{
	struct tcp_conn *c = find_conn(dp, handle);

	*err = -EBADF;
	if (!c)
		return NULL;
	*err = -EINVAL;
	return tcp_has_knocked(c) ? c : NULL;
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

/* An entry's len, with pad above it, in one load: a pad that is not 0 is a
 * length beyond 4 GB, which the check of the length refuses (doc/abi.md has the
 * one exception). */
static inline u64 sg_len(const struct ix_sg *sg)
{
	_Static_assert(offsetof(struct ix_sg, len) + 4 ==
				       offsetof(struct ix_sg, pad) &&
			       offsetof(struct ix_sg, len) % 8 == 0,
		       "one word");
	return READ_ONCE(*(const u64 *)&sg->len);
}

/* Turns the application's address of a range into the dataplane's, if the range
 * lies in the arena: two unsigned comparisons, and no sum of two numbers from
 * the application, which might wrap. An empty range refers to no memory, so
 * that any address will do. */
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

/* Why an entry was refused: its length is not one, or not in the arena. */
static inline s64 sg_errno(u64 len)
{
	return len > UINT32_MAX ? -EINVAL : -EFAULT;
}

/* The scatter/gather list of a call, @n entries from @first on: copied,
 * checked and translated to @out. Returns the bytes in it or an errno. The sum
 * cannot overflow: at most IX_MAX_SG_PER_CALL lengths of 32 bits. */
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

#endif
