/* SPDX-License-Identifier: MIT */
/*
 * libix: the batched system calls, one inline writer each, and the crossing.
 * Everything is per thread; a thread calls ix_attach() once. No locks.
 *
 *	ix_init();                   once per process
 *	t = ix_attach();             once per elastic thread
 *	for (;;) {
 *		ix_run_io(t);        batch down, events up
 *		for (i = 0; i < ix_nevents(t); i++)
 *			handle(ix_event(t, i));   appends calls
 *	}
 */
#ifndef IX_IX_H
#define IX_IX_H

#include "ix/abi.h"
#include "ix/dom.h"

#pragma GCC visibility push(default)

struct ix_thread {
	struct ix_port port;
	uint32_t ncalls; /* appended to port.down, not yet run */
	uint32_t nsgs;
	/* The batch that was run last: results stand in port.up. */
	uint32_t nresults;
};

/* Opens the domain that `ix run` set up. 0 or -errno; the reason in plain
 * words is printed to stderr. */
int ix_init(void);

/* Elastic threads granted; 0 before ix_init(). */
int ix_nthreads(void);

/* Binds the calling thread to the next free elastic thread (or to @thread if
 * >= 0). NULL with errno set. Must be called on the thread that will run. */
struct ix_thread *ix_attach(int thread);

/* Aborts the thread's connections and gives it back. */
void ix_detach(struct ix_thread *t);

/* Hands over the batch; returns with results, and with event conditions
 * unless the time is up. 0 or -errno (-ESHUTDOWN: the dataplane stops). */
int ix_run_io(struct ix_thread *t);

/* Hands over the batch at once and returns with results only; the events of
 * the last ix_run_io() stay valid. */
int ix_flush(struct ix_thread *t);

/* Like ix_run_io(), but does not wait when there are no events. */
int ix_poll_io(struct ix_thread *t);

static inline uint32_t ix_nevents(const struct ix_thread *t)
{
	return t->port.up->nevents;
}

static inline const struct ix_event *ix_event(const struct ix_thread *t,
					      uint32_t i)
{
	return &t->port.up->events[i];
}

static inline uint64_t ix_now(const struct ix_thread *t)
{
	return t->port.up->now;
}

/* The registered arena (section "memory" of doc/abi.md): what is sent must
 * lie in it. Pages are handed out in multiples of 4 KB, thread-safe, never
 * given back to the system. NULL when the arena is used up. */
void *ix_alloc_pages(size_t bytes);
void ix_free_pages(void *p, size_t bytes);

/* Bytes of the arena that nobody holds. */
size_t ix_free_bytes(void);

/* The domain that ix_init() opened, or NULL. */
const struct ix_domain *ix_domain(void);

/* Instead of ix_init(): uses @d, which the caller made (tests, embedding).
 * 0, -EBUSY, -EPROTO (other ABI version). */
int ix_init_domain(struct ix_domain *d);

/* Gives the domain back; all threads must have detached. */
void ix_exit(void);

/*
 * Addresses. @v4 is in host byte order: 10.0.0.1 is 0x0a000001.
 */
static inline struct ix_addr ix_addr_v4(uint32_t v4)
{
	struct ix_addr a = { .w = { 0, 0, 0, __builtin_bswap32(v4) } };

	a.b[10] = a.b[11] = 0xff;
	return a;
}

static inline int ix_addr_is_v4(const struct ix_addr *a)
{
	return !a->q[0] && !a->w[1] && !a->b[8] && !a->b[9] &&
	       a->b[10] == 0xff && a->b[11] == 0xff;
}

/* 0 when @a is not a mapped IPv4 address. */
static inline uint32_t ix_addr_to_v4(const struct ix_addr *a)
{
	return ix_addr_is_v4(a) ? __builtin_bswap32(a->w[3]) : 0;
}

enum { IX_ADDR_STRLEN = 46 };

/* "10.0.0.1" or an IPv6 address. 0 or -EINVAL. */
int ix_addr_parse(struct ix_addr *a, const char *s);

/* Writes at most IX_ADDR_STRLEN bytes; returns @buf. */
char *ix_addr_format(const struct ix_addr *a, char *buf);

enum { IX_EAGAIN = -11 }; /* -EAGAIN: contracts include no libc headers */

/*
 * Appending calls. Each writer returns the index of the call in the batch
 * (its result, after the crossing, is ix_result(t, index)), or -EAGAIN when
 * the batch is full: run or flush it first. Nothing is written then.
 * What the calls do and answer: ix/abi.h.
 */
static inline int64_t ix_result(const struct ix_thread *t, int index)
{
	return t->port.up->results[index];
}

/* A raw descriptor; all fields but op are the caller's to write. */
static inline struct ix_call *ix_call_new(struct ix_thread *t, uint16_t op)
{
	struct ix_call *c;

	if (t->ncalls == IX_MAX_CALLS)
		return NULL;
	c = &t->port.down->calls[t->ncalls++];
	c->op = op;
	return c;
}

static inline int ix_call_index(const struct ix_thread *t,
				const struct ix_call *c)
{
	return (int)(c - t->port.down->calls);
}

/* The calls that need no more than these fields. */
static inline int ix_call_append(struct ix_thread *t, uint16_t op,
				 uint64_t handle, uint64_t cookie, uint32_t n)
{
	struct ix_call *c = ix_call_new(t, op);

	if (!c)
		return IX_EAGAIN;
	c->handle = handle;
	c->cookie = cookie;
	c->n = n;
	return ix_call_index(t, c);
}

/* ... and those with an address. @ip NULL: any. */
static inline int ix_call_append_ip(struct ix_thread *t, uint16_t op,
				    uint64_t cookie, const struct ix_addr *ip,
				    uint16_t port, uint32_t n)
{
	struct ix_call *c = ix_call_new(t, op);

	if (!c)
		return IX_EAGAIN;
	c->cookie = cookie;
	c->ip = ip ? *ip : (struct ix_addr){ .q = { 0, 0 } };
	c->port = port;
	c->n = n;
	return ix_call_index(t, c);
}

/* The result is the connection's handle: good for ix_close() and ix_abort()
 * at once, for all else when connected has been told. */
static inline int ix_connect(struct ix_thread *t, uint64_t cookie,
			     const struct ix_addr *ip, uint16_t port)
{
	return ix_call_append_ip(t, IX_CONNECT, cookie, ip, port, 0);
}

static inline int ix_listen(struct ix_thread *t, const struct ix_addr *ip,
			    uint16_t port, uint32_t backlog)
{
	return ix_call_append_ip(t, IX_LISTEN, 0, ip, port, backlog);
}

static inline int ix_unlisten(struct ix_thread *t, const struct ix_addr *ip,
			      uint16_t port)
{
	return ix_call_append_ip(t, IX_UNLISTEN, 0, ip, port, 0);
}

static inline int ix_accept(struct ix_thread *t, uint64_t handle,
			    uint64_t cookie)
{
	return ix_call_append(t, IX_ACCEPT, handle, cookie, 0);
}

static inline int ix_reject(struct ix_thread *t, uint64_t handle)
{
	return ix_call_append(t, IX_REJECT, handle, 0, 0);
}

static inline int ix_recv_done(struct ix_thread *t, uint64_t handle,
			       uint32_t bytes)
{
	return ix_call_append(t, IX_RECV_DONE, handle, 0, bytes);
}

/* @how: IX_CLOSE_ALL or IX_CLOSE_WRITE. */
static inline int ix_close(struct ix_thread *t, uint64_t handle, uint32_t how)
{
	return ix_call_append(t, IX_CLOSE, handle, 0, how);
}

static inline int ix_abort(struct ix_thread *t, uint64_t handle)
{
	return ix_call_append(t, IX_ABORT, handle, 0, 0);
}

/* Room for @n scatter/gather entries of one call; they are in effect once a
 * call refers to them and ix_sgs_take() was told. NULL: flush first. */
static inline struct ix_sg *ix_sgs_new(struct ix_thread *t, uint32_t n)
{
	if (n > IX_MAX_SGS - t->nsgs)
		return NULL;
	return &t->port.down->sgs[t->nsgs];
}

/* Returns the index of the first of the @n entries. */
static inline uint32_t ix_sgs_take(struct ix_thread *t, uint32_t n)
{
	uint32_t first = t->nsgs;

	t->nsgs += n;
	return first;
}

static inline struct ix_call *ix_call_new_sg(struct ix_thread *t, uint16_t op,
					     const struct ix_sg *sg, uint32_t n)
{
	struct ix_sg *to = ix_sgs_new(t, n);
	struct ix_call *c = to ? ix_call_new(t, op) : NULL;
	uint32_t i;

	if (!c)
		return NULL;
	for (i = 0; i < n; i++)
		to[i] = sg[i];
	c->n = n;
	c->sg = ix_sgs_take(t, n);
	c->done = 0;
	return c;
}

/* At most IX_MAX_SG_PER_CALL ranges of the arena. */
static inline int ix_sendv(struct ix_thread *t, uint64_t handle,
			   const struct ix_sg *sg, uint32_t n)
{
	struct ix_call *c = ix_call_new_sg(t, IX_SENDV, sg, n);

	if (!c)
		return IX_EAGAIN;
	c->handle = handle;
	return ix_call_index(t, c);
}

/* The same, and gives the oldest @done received bytes back, in one call. */
static inline int ix_answer(struct ix_thread *t, uint64_t handle,
			    const struct ix_sg *sg, uint32_t n, uint32_t done)
{
	int i = ix_sendv(t, handle, sg, n);

	if (i >= 0)
		t->port.down->calls[i].done = done;
	return i;
}

static inline int ix_send(struct ix_thread *t, uint64_t handle,
			  const void *addr, uint32_t len)
{
	struct ix_sg sg = { .addr = (uintptr_t)addr, .len = len };

	return ix_sendv(t, handle, &sg, 1);
}

/* @port 0: one is chosen; the result is the handle. */
static inline int ix_udp_bind(struct ix_thread *t, uint64_t cookie,
			      const struct ix_addr *ip, uint16_t port)
{
	return ix_call_append_ip(t, IX_UDP_BIND, cookie, ip, port, 0);
}

static inline int ix_udp_unbind(struct ix_thread *t, uint64_t handle)
{
	return ix_call_append(t, IX_UDP_UNBIND, handle, 0, 0);
}

/* One datagram. udp_sent(@cookie) follows unless the result is negative. */
static inline int ix_udp_sendv(struct ix_thread *t, uint64_t handle,
			       const struct ix_addr *ip, uint16_t port,
			       const struct ix_sg *sg, uint32_t n,
			       uint64_t cookie)
{
	struct ix_call *c = ix_call_new_sg(t, IX_UDP_SENDV, sg, n);

	if (!c)
		return IX_EAGAIN;
	c->handle = handle;
	c->ip = *ip;
	c->port = port;
	c->cookie = cookie;
	return ix_call_index(t, c);
}

/* @addr as it came in udp_recv. */
static inline int ix_udp_recv_done(struct ix_thread *t, uint64_t handle,
				   uint64_t addr)
{
	struct ix_call *c = ix_call_new(t, IX_UDP_RECV_DONE);

	if (!c)
		return IX_EAGAIN;
	c->handle = handle;
	c->arg = addr;
	return ix_call_index(t, c);
}

/* @delay in ns; the result is the handle, timer(@cookie) follows once. */
static inline int ix_timer_set(struct ix_thread *t, uint64_t cookie,
			       uint64_t delay)
{
	struct ix_call *c = ix_call_new(t, IX_TIMER_SET);

	if (!c)
		return IX_EAGAIN;
	c->cookie = cookie;
	c->arg = delay;
	return ix_call_index(t, c);
}

static inline int ix_timer_cancel(struct ix_thread *t, uint64_t handle)
{
	return ix_call_append(t, IX_TIMER_CANCEL, handle, 0, 0);
}

#pragma GCC visibility pop

#endif
