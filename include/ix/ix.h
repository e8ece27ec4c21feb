/* SPDX-License-Identifier: MIT */
/*
 * libix: the batched system calls, one inline writer each, and the crossing.
 * Everything is per thread; a thread calls ix_attach() once. No locks.
 *
 * What has a struct ix_thread is to be called by the thread that drives it: the
 * one that attached it, until ix_release(); ix_init(), ix_init_domain() and
 * ix_exit() by one thread while no other is in libix; all else by any thread at
 * any time. errno is set only where it is said. Lengths are bytes, times ns,
 * ports and counts in host byte order.
 *
 *	ix_init();                   once per process
 *	t = ix_attach();             once per elastic thread
 *	for (;;) {
 *		ix_run_io(t);        batch down, events up
 *		for (i = 0; i < ix_nevents(t); i++)
 *			handle(ix_event(t, i));   appends calls
 *	}
 *
 * ix_loop() is that loop, with a look at answers and at how full the batch is;
 * ix/sendq.h keeps what a connection sends until it is acknowledged.
 */
#ifndef IX_IX_H
#define IX_IX_H

#include "ix/abi.h"
#include "ix/dom.h"

#pragma GCC visibility push(default)

#ifdef __cplusplus
extern "C" {
#endif

struct ix_thread {
	struct ix_port port;
	uint32_t ncalls; /* appended to port.down, not yet run */
	uint32_t nsgs;
	/* The batch that was run last: results stand in port.up. */
	uint32_t nresults;
	uint32_t flags; /* IX_RUN_MOVES, or 0: of each crossing */
};

/* Opens the domain that `ix run` set up. 0 (also if it is open), -ENODEV (not
 * started by `ix run`), -ENOENT (its object cannot be loaded), -EPROTO (other
 * ABI version), -ENOMEM or what the domain says; the reason in plain words is
 * printed to stderr. */
int ix_init(void);

/* Elastic threads granted; 0 before ix_init(). */
int ix_nthreads(void);

/* Binds the calling thread to the next free elastic thread (or to @thread if
 * >= 0); valid until ix_detach(). NULL with errno ENODEV (no ix_init()), EINVAL
 * (no such thread), EBUSY (none free), ENOMEM or what the domain says. Must be
 * called on the thread that will run. */
struct ix_thread *ix_attach(int thread);

/* From its next crossing on, @t understands IX_EV_MOVED and IX_EV_ARRIVED (see
 * doc/abi.md, "Moving"): only then may its connections go to other threads. */
static inline void ix_take_moves(struct ix_thread *t)
{
	t->flags |= IX_RUN_MOVES;
}

/* The calling thread drives @t no longer: the next one that calls ix_run_io(),
 * ix_poll_io(), ix_flush() or ix_detach() does, which may be any. Calls may be
 * written, and events read, before that. A lock, or a join, must order what the
 * two do with @t. 0, or -EBUSY: @t has been released, or is driven by another
 * thread (where the domain can tell: vm). Neither waits for nor tells the
 * dataplane anything; but in domain vm the caller leaves ring 3, and the next
 * one enters it. To be called before a thread ends, unless it has detached. */
int ix_release(struct ix_thread *t);

/* Aborts the thread's connections and gives it back. @t, its events and all
 * that was received are gone. 0, or -EBUSY as above, and nothing has changed.
 */
int ix_detach(struct ix_thread *t);

/* Hands over the batch, and waits for event conditions; there may be none all
 * the same. Results and events are valid until the next crossing (events: but
 * for ix_flush()). 0 or -errno: there are no results, the events are those of
 * before (-ESHUTDOWN: the dataplane stops; -EBUSY: another thread drives @t and
 * has not released it, where the domain can tell). The batch is empty
 * afterwards in any case. */
int ix_run_io(struct ix_thread *t);

/* Hands over the batch at once and returns with results only; the events of
 * the last ix_run_io() stay valid. 0 or -errno as there. */
int ix_flush(struct ix_thread *t);

/* Like ix_run_io(), but does not wait when there are no events. 0 or -errno as
 * there. */
int ix_poll_io(struct ix_thread *t);

/* Events of the last crossing that brings any. */
static inline uint32_t ix_nevents(const struct ix_thread *t)
{
	return t->port.up->nevents;
}

/* @i < ix_nevents(t). Valid until the next ix_run_io() or ix_poll_io(). */
static inline const struct ix_event *ix_event(const struct ix_thread *t,
					      uint32_t i)
{
	return &t->port.up->events[i];
}

/* A cookie that is a pointer, or an event's address. */
static inline void *ix_ptr(uint64_t p)
{
	return (void *)(uintptr_t)p;
}

enum { IX_LOOP_CALLS = 8 };

/* Crosses until the dataplane stops, and then returns 0, or -errno as
 * ix_run_io(). Hands each event to @on_event, which appends at most
 * IX_LOOP_CALLS calls and IX_MAX_SG_PER_CALL ranges: there is room for them. A
 * call that answered a negative errno, or a SENDV that took less than was
 * asked, is told to @on_short, before the events that came with the answer; it
 * must append none. The rest have answered 0, a handle, or all that was
 * asked. */
int ix_loop(struct ix_thread *t,
	    void (*on_event)(struct ix_thread *t, const struct ix_event *e),
	    void (*on_short)(struct ix_thread *t, const struct ix_call *c,
			     int64_t result));

/* ns, monotonic: when those events were taken. */
static inline uint64_t ix_now(const struct ix_thread *t)
{
	return t->port.up->now;
}

/* The registered arena (section "memory" of doc/abi.md): what is sent must
 * lie in it. Pages are handed out in multiples of 4 KB, with undefined
 * contents, and are the caller's until ix_free_pages() with the same size, or
 * ix_exit(). From any thread, under a lock. NULL when the arena is used up, for
 * 0 bytes, and before ix_init(); errno is not set. */
void *ix_alloc_pages(size_t bytes);
void ix_free_pages(void *p, size_t bytes);

/* Bytes of the arena that nobody holds. */
size_t ix_free_bytes(void);

/* The domain that ix_init() opened, valid until ix_exit(), or NULL. */
const struct ix_domain *ix_domain(void);

/* Instead of ix_init(): uses @d, which the caller made (tests, embedding).
 * 0, -EBUSY (there is one), -EPROTO (other ABI version), -ENOMEM. @d must stay
 * until ix_exit(), which calls its close(). */
int ix_init_domain(struct ix_domain *d);

/* Gives the domain back; all threads must have detached. */
void ix_exit(void);

/*
 * Addresses. @v4 is in host byte order: 10.0.0.1 is 0x0a000001.
 */
static inline struct ix_addr ix_addr_v4(uint32_t v4)
{
	struct ix_addr a;

	a.q[0] = 0;
	a.w[2] = 0;
	a.w[3] = __builtin_bswap32(v4);
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
 * the batch is full: run or flush it first. Nothing is written then, and no
 * other error is found before the crossing. What the calls do and answer:
 * ix/abi.h, doc/abi.md. What a writer's pointers refer to is copied, but for
 * the memory that ranges describe: that is lent to the dataplane until sent.
 */

/* >= 0 or -errno; valid until the next crossing, if the last one succeeded. */
static inline int64_t ix_result(const struct ix_thread *t, int index)
{
	return t->port.up->results[index];
}

/* A raw descriptor, zero but for op: the caller writes the fields that the
 * call uses, before the next crossing. NULL: the batch is full. */
static inline struct ix_call *ix_call_new(struct ix_thread *t, uint16_t op)
{
	struct ix_call *c;

	if (t->ncalls == IX_MAX_CALLS)
		return NULL;
	c = &t->port.down->calls[t->ncalls++];
	__builtin_memset(c, 0, sizeof(*c));
	c->op = op;
	return c;
}

/* Of a descriptor of the batch that is being written. */
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
	if (ip)
		c->ip = *ip;
	c->port = port;
	c->n = n;
	return ix_call_index(t, c);
}

/* The result is the connection's handle: good for ix_close() and ix_abort()
 * at once, for all else when connected has been told. -EINVAL (0 for address or
 * port), -EAFNOSUPPORT, -EADDRNOTAVAIL (no port left), -EAGAIN (the search for
 * one took long enough: ask again), -ENOBUFS, -EHOSTUNREACH. */
static inline int ix_connect(struct ix_thread *t, uint64_t cookie,
			     const struct ix_addr *ip, uint16_t port)
{
	return ix_call_append_ip(t, IX_CONNECT, cookie, ip, port, 0);
}

/* @ip NULL: any; @backlog: connections that have not been accepted. 0,
 * -EINVAL (0 for port or backlog), -EADDRINUSE, -EADDRNOTAVAIL (not our
 * address), -EACCES (not our port), -ENOBUFS, -EAFNOSUPPORT. */
static inline int ix_listen(struct ix_thread *t, const struct ix_addr *ip,
			    uint16_t port, uint32_t backlog)
{
	return ix_call_append_ip(t, IX_LISTEN, 0, ip, port, backlog);
}

/* As ix_listen() had them. 0, -EINVAL (there is none), -EAFNOSUPPORT. */
static inline int ix_unlisten(struct ix_thread *t, const struct ix_addr *ip,
			      uint16_t port)
{
	return ix_call_append_ip(t, IX_UNLISTEN, 0, ip, port, 0);
}

/* Another congestion control than the default for the ix_connect(), ix_listen()
 * or ix_accept() just appended, whose index or -EAGAIN @i is; returns that.
 * @cc: enum ix_cc; the call answers -EINVAL to another. */
static inline int ix_with_cc(struct ix_thread *t, int i, uint32_t cc)
{
	if (i >= 0)
		t->port.down->calls[i].cc = cc;
	return i;
}

/* The same for its cookie: of a call whose writer has no argument for it, so
 * that who reads the result knows whose it is. */
static inline int ix_with_cookie(struct ix_thread *t, int i, uint64_t cookie)
{
	if (i >= 0)
		t->port.down->calls[i].cookie = cookie;
	return i;
}

/* Bytes in the ranges of @c, which is in the batch that is being written, or in
 * the last one, of which nothing has been overwritten yet. */
static inline uint64_t ix_asked(const struct ix_thread *t,
				const struct ix_call *c)
{
	const struct ix_sg *sg = &t->port.down->sgs[c->sg];
	uint64_t bytes = 0;
	uint32_t i;

	for (i = 0; i < c->nsgs; i++)
		bytes += sg[i].len;
	return bytes;
}

/*
 * Of a connection. All answer -EBADF to a handle that is void, and -EINVAL to
 * one in the wrong state: before accept only ix_accept() and ix_reject(),
 * afterwards never those.
 */

/* @handle from knock. 0. */
static inline int ix_accept(struct ix_thread *t, uint64_t handle,
			    uint64_t cookie)
{
	return ix_call_append(t, IX_ACCEPT, handle, cookie, 0);
}

/* The same, with a reset. 0; the handle is void. */
static inline int ix_reject(struct ix_thread *t, uint64_t handle)
{
	return ix_call_append(t, IX_REJECT, handle, 0, 0);
}

/* The oldest @bytes received: no more to be read. 0, -EINVAL (more than there
 * are), -ENOTCONN (not yet open). */
static inline int ix_recv_done(struct ix_thread *t, uint64_t handle,
			       uint32_t bytes)
{
	return ix_call_append(t, IX_RECV_DONE, handle, 0, bytes);
}

/* @how: IX_CLOSE_ALL or IX_CLOSE_WRITE. 0, -EINVAL (another @how), -EPIPE
 * (closed before), -ENOTCONN (not yet open, and IX_CLOSE_WRITE). */
static inline int ix_close(struct ix_thread *t, uint64_t handle, uint32_t how)
{
	return ix_call_append(t, IX_CLOSE, handle, 0, how);
}

/* 0; the handle is void, and what was lent both ways is given back. */
static inline int ix_abort(struct ix_thread *t, uint64_t handle)
{
	return ix_call_append(t, IX_ABORT, handle, 0, 0);
}

/* Room for @n scatter/gather entries of one call; they are in effect once a
 * call refers to them and ix_sgs_take() was told, until the next crossing. pad
 * must be 0. NULL: flush first. */
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

/* The descriptor with a copy of the @n entries at @sg, or NULL: flush first. */
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
	c->nsgs = n;
	c->sg = ix_sgs_take(t, n);
	return c;
}

/* At most IX_MAX_SG_PER_CALL ranges of the arena. Bytes taken, 0 to all;
 * -EINVAL (no or too many ranges, or pad), -EFAULT (not in the arena), -EPIPE
 * (closed for sending), -ENOTCONN (not yet open). */
static inline int ix_sendv(struct ix_thread *t, uint64_t handle,
			   const struct ix_sg *sg, uint32_t n)
{
	struct ix_call *c = ix_call_new_sg(t, IX_SENDV, sg, n);

	if (!c)
		return IX_EAGAIN;
	c->handle = handle;
	return ix_call_index(t, c);
}

/* The same, and gives the oldest @done received bytes back, in one call:
 * -EINVAL, and nothing is sent, if there are fewer. */
static inline int ix_answer(struct ix_thread *t, uint64_t handle,
			    const struct ix_sg *sg, uint32_t n, uint32_t done)
{
	struct ix_call *c = ix_call_new_sg(t, IX_SENDV, sg, n);

	if (!c)
		return IX_EAGAIN;
	c->handle = handle;
	c->done = done;
	return ix_call_index(t, c);
}

/* ix_sendv() of one range. */
static inline int ix_send(struct ix_thread *t, uint64_t handle,
			  const void *addr, uint32_t len)
{
	struct ix_sg sg = { (uintptr_t)addr, len, 0 };

	return ix_sendv(t, handle, &sg, 1);
}

/* @port 0: one is chosen; the result is the handle, good until
 * ix_udp_unbind(). -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, -ENOBUFS,
 * -EAFNOSUPPORT. */
static inline int ix_udp_bind(struct ix_thread *t, uint64_t cookie,
			      const struct ix_addr *ip, uint16_t port)
{
	return ix_call_append_ip(t, IX_UDP_BIND, cookie, ip, port, 0);
}

/* 0 or -EBADF. Datagrams not yet given back are. */
static inline int ix_udp_unbind(struct ix_thread *t, uint64_t handle)
{
	return ix_call_append(t, IX_UDP_UNBIND, handle, 0, 0);
}

/* One datagram. udp_sent(@cookie) follows unless the result, the bytes sent, is
 * negative: -EBADF, -EINVAL (0 for address or port, no or too many ranges),
 * -EFAULT (not in the arena), -EMSGSIZE, -ENOBUFS, -EHOSTUNREACH,
 * -EAFNOSUPPORT. */
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

/* @addr as it came in udp_recv. 0, -EBADF, -EFAULT (no receive buffer), -EINVAL
 * (not one that was received there). */
static inline int ix_udp_recv_done(struct ix_thread *t, uint64_t handle,
				   uint64_t addr)
{
	struct ix_call *c = ix_call_new(t, IX_UDP_RECV_DONE);

	if (!c)
		return IX_EAGAIN;
	c->handle = handle;
	c->addr = addr;
	return ix_call_index(t, c);
}

/* @delay in ns; the result is the handle, timer(@cookie) follows once, and
 * the handle is void. -EINVAL (more than 9 hours), -ENOBUFS. */
static inline int ix_timer_set(struct ix_thread *t, uint64_t cookie,
			       uint64_t delay)
{
	struct ix_call *c = ix_call_new(t, IX_TIMER_SET);

	if (!c)
		return IX_EAGAIN;
	c->cookie = cookie;
	c->delay = delay;
	return ix_call_index(t, c);
}

/* 0; -EBADF: it has been told, or never was. */
static inline int ix_timer_cancel(struct ix_thread *t, uint64_t handle)
{
	return ix_call_append(t, IX_TIMER_CANCEL, handle, 0, 0);
}

#ifdef __cplusplus
}
#endif

#pragma GCC visibility pop

#endif
