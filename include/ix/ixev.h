/* SPDX-License-Identifier: MIT */
/*
 * ixev: events and buffers on top of libix, one handler per connection. Source
 * compatible with the event library of the original IX (<ixev.h> and the other
 * old header names are in include/compat). Everything is per elastic thread: a
 * context belongs to the thread that accepted or dialed it, or that it has
 * moved to. No locks.
 *
 * ixev_init() and ixev_set_send_limit() are called once, before other threads
 * are here; ixev_stopped(), ixev_now() and all that takes no context by a
 * thread after its ixev_init_thread(); what takes a context, a socket or a
 * timer by the thread that it belongs to. Handlers may call everything but
 * ixev_wait(), ixev_poll(), ixev_loop() and ixev_exit_thread(). Errors are
 * answered as -errno; errno is not set. Lengths are bytes.
 *
 *	ixev_init(&ops);              once per process
 *	ixev_init_thread();           once per elastic thread
 *	while (1) ixev_wait();        or ixev_loop()
 *
 * A connection's life, as the application sees it:
 *
 *	ops.accept(id) or ixev_dial() -> ops.dialed(ctx, 0)
 *	handler(ctx, IXEVIN | IXEVOUT | IXEVHUP) ...
 *	ixev_close(ctx) or ixev_abort(ctx)
 *	ops.release(ctx)              the context may be freed here, not before
 *
 * Nothing here ever exits or blocks because something is full: ixev_send()
 * takes fewer bytes or answers -EAGAIN, and IXEVOUT tells when to go on.
 */
#ifndef IX_IXEV_H
#define IX_IXEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>
#include <sys/types.h>

#include "ix/abi.h"

#pragma GCC visibility push(default)

#ifdef __cplusplus
extern "C" {
#endif

struct ixev_ctx;
struct ixev_node;
struct ixev_thread;

typedef long hid_t;

/* Host byte order. Seen from accept(): src is the peer, dst_port the port that
 * it came to, dst_ip is 0. For ixev_dial(): dst is the peer. */
struct ip_tuple {
	uint32_t src_ip;
	uint32_t dst_ip;
	uint16_t src_port;
	uint16_t dst_port;
} __attribute__((packed));

/*
 * Events. Handlers are persistent and edge-triggered: IXEVIN comes once for
 * each arrival, IXEVOUT for each acknowledgement that makes room.
 */
enum {
	IXEVHUP = 0x1, /* the peer has closed, or the connection failed */
	IXEVIN = 0x2,  /* new data to read */
	IXEVOUT = 0x4, /* room to send */
};

/* ixev_ctx.flags; the others are in lib/ixev/priv.h */
enum {
	IXEV_CTX_WORK = 512, /* on the thread's work list */
};

struct ixev_conn_ops {
	/* A connection to one of our ports. Returns an initialised context,
	 * or NULL to reject it. */
	struct ixev_ctx *(*accept)(struct ip_tuple *id);
	/* After ixev_close() or ixev_abort(), once the dataplane is done with
	 * the connection and its memory. */
	void (*release)(struct ixev_ctx *ctx);
	/* Answer to ixev_dial(): 0 or -errno. After an error ixev_close()
	 * leads to release() as usual. */
	void (*dialed)(struct ixev_ctx *ctx, long ret);
};

/* Connections go to other threads while they run (doc/abi.md, "Moving"): for
 * programs that keep something by thread. */
struct ixev_move_ops {
	/* The last that this thread hears of the context, which may still be
	 * used until the crossing. Or NULL. */
	void (*leaves)(struct ixev_ctx *ctx);
	/* On the thread that it has come to (perhaps the same): from now on its
	 * handler is called here, and it may be used here only. Or NULL. */
	void (*arrived)(struct ixev_ctx *ctx);
};

typedef void (*ixev_handler_t)(struct ixev_ctx *ctx, unsigned int reason);

struct ixev_ref;
typedef void (*ixev_sent_cb_t)(struct ixev_ref *ref);

/* Lies in the application's memory from ixev_add_sent_cb() until called. */
struct ixev_ref {
	ixev_sent_cb_t cb;
	size_t send_pos; /* due when this many bytes were sent */
	struct ixev_ref *next;
};

/*
 * One connection: two cache lines, the first for receiving, the second for
 * sending. handle and user_data are the application's to read and write; the
 * rest is ixev's.
 */
struct ixev_ctx {
	hid_t handle;
	unsigned long user_data;
	ixev_handler_t handler;
	uint8_t en_mask;   /* IXEV*: what the handler wants to hear */
	uint8_t trig_mask; /* ... and what happened while it did not */
	uint16_t flags;	   /* lib/ixev/priv.h */
	uint32_t rx_done;  /* bytes consumed, not yet given back */
	char *rx_addr;	   /* first unread bytes */
	uint32_t rx_len;
	int32_t error;		   /* errno, why the connection died */
	struct ixev_node *rx_tail; /* further ranges: ring, last one */
	struct ixev_thread *owner;

	struct ixev_node *tx_tail; /* unacknowledged ranges: ring, last one */
	union {
		struct ixev_node
			*tx_next; /* first not taken by the dataplane */
		void *salvage;	  /* once dead: malloc()ed unread data */
	};
	uint32_t tx_off;	   /* bytes of *tx_next already taken */
	uint32_t tx_acked;	   /* bytes of the oldest range acknowledged */
	uint64_t send_total;	   /* bytes accepted from the application */
	uint32_t unacked;	   /* ... of those, not yet acknowledged */
	uint32_t untaken;	   /* ... and not yet taken by the dataplane */
	struct ixev_ref *ref_tail; /* callbacks by position: ring, last one */
	struct ixev_ctx *next_work;
	uint64_t batch; /* the last one with a SENDV of this context */
} __attribute__((aligned(8)));

/* Idle connections are small. */
IX_STATIC_ASSERT(sizeof(struct ixev_ctx) <= 128);

/* ---- process and thread */

/* Opens the domain (ix_init() unless done). 0 or its -errno. @ops is copied. */
int ixev_init(struct ixev_conn_ops *ops);

/* For connections of all threads, before the first one. */
void ixev_set_move_ops(const struct ixev_move_ops *ops);

/* Attaches the calling thread to the next free elastic thread, and listens on
 * the ports that `ix run` was given. 0, -EBUSY (done before, or no elastic
 * thread is free), -ENODEV (no ixev_init()), -ENOMEM, or what ix_attach() and
 * ixev_listen() say. */
int ixev_init_thread(void);

/* Aborts the thread's connections and gives its memory back. Contexts that
 * were not released are the application's to free. */
void ixev_exit_thread(void);

/* One crossing: hands over what was asked for, waits for events, calls the
 * handlers. After the dataplane has gone, ixev_stopped() is true, and a
 * further call ends the thread (a program written for the original has no
 * other way to stop). */
void ixev_wait(void);

/* The same without waiting: handles what there is. For programs that keep time
 * more finely than by timers. */
void ixev_poll(void);

/* ixev_wait() until ixev_loop_stop() or the end of the dataplane. 0, or
 * -errno when the dataplane failed. */
int ixev_loop(void);
void ixev_loop_stop(void); /* from a handler of this thread */
bool ixev_stopped(void);

/* ns, monotonic: when the events being handled were taken. */
uint64_t ixev_now(void);

/* Listens on this thread; @ip NULL: any. Done at once: 0 or what ix_listen()
 * and ix_unlisten() say, or why the dataplane has failed. While it stops all is
 * well: ixev_loop() ends at once. */
int ixev_listen(const struct ix_addr *ip, uint16_t port, uint32_t backlog);
int ixev_unlisten(const struct ix_addr *ip, uint16_t port);

/* The congestion control (enum ix_cc) that this thread's listeners and dialed
 * connections have from the next one on. At first, and @cc 0: the setting. 0,
 * or -EINVAL (no such one). */
int ixev_set_cc(uint32_t cc);

/* ---- connections */

/* Prepares a context: no handler, nothing queued. It is the caller's memory,
 * and must stay from accept() or ixev_dial() until release(). */
void ixev_ctx_init(struct ixev_ctx *ctx);

/* @mask: IXEV*. Events that came while they were masked, and data that is
 * still unread when IXEVIN is newly asked for, lead to a call of the handler
 * soon: not from inside this function. */
void ixev_set_handler(struct ixev_ctx *ctx, unsigned int mask,
		      ixev_handler_t handler);

/* Opens a connection to id->dst_ip, id->dst_port; ops.dialed() follows. What
 * is sent before is queued. */
void ixev_dial(struct ixev_ctx *ctx, struct ip_tuple *id);
void ixev_dial_addr(struct ixev_ctx *ctx, const struct ix_addr *ip,
		    uint16_t port);

/* Copies up to @len bytes. The count; -EAGAIN: nothing there now; 0: the peer
 * has sent its FIN and all is read; -EIO: the connection failed. */
ssize_t ixev_recv(struct ixev_ctx *ctx, void *addr, size_t len);

/* The general case of ixev_recv_zc(). */
void *ixev_recv_part(struct ixev_ctx *ctx, size_t len);

/* Consumes exactly @len contiguous bytes in place. NULL if there are not so
 * many in one piece. Readable until the handler returns; not writable. */
static inline void *ixev_recv_zc(struct ixev_ctx *ctx, size_t len)
{
	/* Not all that there is, or not yet known to have work. */
	if (len != ctx->rx_len || !len || ctx->rx_tail ||
	    !(ctx->flags & IXEV_CTX_WORK))
		return ixev_recv_part(ctx, len);
	ctx->rx_len = 0;
	ctx->rx_done += (uint32_t)len;
	return ctx->rx_addr;
}

/* The first contiguous unread bytes, *@len of them, without consuming them:
 * consume with ixev_recv_zc(). NULL and 0: nothing there. Readable until they
 * are consumed or the handler returns. */
static inline const void *ixev_recv_peek(const struct ixev_ctx *ctx,
					 size_t *len)
{
	*len = ctx->rx_len;
	return ctx->rx_len ? ctx->rx_addr : NULL;
}

/* Copies @len bytes into transmit memory. Bytes taken; fewer than @len: full,
 * wait for IXEVOUT; -EAGAIN: full; -EIO: closed or dead. */
ssize_t ixev_send(struct ixev_ctx *ctx, const void *addr, size_t len);

/* ixev_send(), and if it takes all of it, the oldest @done bytes received are
 * consumed, which ixev_recv_peek() has shown: a request and its answer in one
 * go. What ixev_send() returns; unless that is @len, nothing is consumed. */
ssize_t ixev_answer(struct ixev_ctx *ctx, const void *addr, size_t len,
		    size_t done);

/* ixev_send() in place: the memory must not change until a callback registered
 * behind it is called. Memory outside the arena (see mempool.h,
 * ix_alloc_pages()) is copied instead. */
ssize_t ixev_send_zc(struct ixev_ctx *ctx, const void *addr, size_t len);

/* @ref->cb is called once all that was accepted so far is acknowledged, or
 * the connection is dead. Never from inside this function. */
void ixev_add_sent_cb(struct ixev_ctx *ctx, struct ixev_ref *ref);

/* Bytes that ixev_send() would take now. */
size_t ixev_send_room(const struct ixev_ctx *ctx);

/* Bytes per connection that may wait for acknowledgement; default 256 KB. Less
 * when the arena is nearly used up: who holds most then, and whose peer takes
 * nothing, is reset (ENOBUFS). For connections of all threads, before the first
 * one. */
void ixev_set_send_limit(uint32_t bytes);

/* FIN after what was accepted; what the peer sends from now on is refused.
 * No more events; release() follows when the peer has closed, too. A context
 * that is still dialing is taken back, unless something was accepted to be
 * sent: ops.dialed() is not called then, and release() follows soon. */
void ixev_close(struct ixev_ctx *ctx);

/* FIN after what was accepted; receiving goes on. 0 or -EIO. */
int ixev_shutdown_write(struct ixev_ctx *ctx);

/* RST now, or the dialing is taken back; release() follows. */
void ixev_abort(struct ixev_ctx *ctx);

/* Why the connection died: errno, or 0. */
static inline int ixev_error(const struct ixev_ctx *ctx)
{
	return ctx->error;
}

/* ---- UDP */

struct ixev_udp;

/* A datagram of @len bytes at @data, readable until ixev_udp_recv_done(). */
typedef void (*ixev_udp_handler_t)(struct ixev_udp *u, void *data, size_t len,
				   const struct ix_addr *ip, uint16_t port);

struct ixev_udp {
	uint64_t handle;
	unsigned long user_data;
	ixev_udp_handler_t handler;
};

/* @ip NULL: any; @port 0: one is chosen. Done at once: 0, -EINVAL (not a thread
 * of ixev), or what ix_udp_bind() says. @u must stay until ixev_udp_unbind().
 */
int ixev_udp_bind(struct ixev_udp *u, const struct ix_addr *ip, uint16_t port,
		  ixev_udp_handler_t handler);
void ixev_udp_unbind(struct ixev_udp *u);

/* Gives the datagram's buffer back; @data as the handler got it. */
void ixev_udp_recv_done(struct ixev_udp *u, void *data);

/* Copies and sends one datagram. @len; -EAGAIN: no memory now; -EMSGSIZE. */
ssize_t ixev_udp_send(struct ixev_udp *u, const struct ix_addr *ip,
		      uint16_t port, const void *addr, size_t len);

/* ---- timers */

typedef void (*ixev_timer_handler_t)(void *arg);

struct ixev_timer {
	ixev_timer_handler_t handler;
	void *arg;
	int timer_id; /* ixev's: slot, 0: not running */
};

/* Nonzero on success, as in the original. */
int ixev_timer_init(struct ixev_timer *t, ixev_timer_handler_t h, void *arg);

/* Calls t->handler(t->arg) once, after @tv; set again if it was running.
 * Belongs to the calling thread; @t must stay until it has run or is cancelled.
 * 0, -EINVAL (not a thread of ixev), -ENOMEM. */
int ixev_timer_add(struct ixev_timer *t, struct timeval tv);
int ixev_timer_add_ns(struct ixev_timer *t, uint64_t ns);

/* Harmless if it is not running. */
void ixev_timer_cancel(struct ixev_timer *t);

#ifdef __cplusplus
}
#endif

#pragma GCC visibility pop

#endif
