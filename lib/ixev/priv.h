/* SPDX-License-Identifier: MIT */
/*
 * Inside ixev. Functions by file, as an echo passes them:
 *
 *   ixev.c    START HERE: init, ixev_wait, events -> contexts
 *   recv.c    received ranges of a context
 *   send.c    ranges waiting to be sent or acknowledged, callbacks
 *   buf.c     nodes and transmit buffers
 *   share.c   how much of them a context may hold, and who is cut
 *   cross.c   contexts with work -> calls; results
 *   conn.c    accept, dial, close, abort, death
 *   move.c    to another thread
 *   udp.c     datagrams
 *   timer.c   user timers
 *   mempool.c pools of objects (apart)
 *
 * Handlers append nothing to the batch: they change the context and put it on
 * the thread's work list. Before the crossing each context there writes one
 * SENDV (or RECV_DONE) for all that its handler did, so that no call has to
 * be found again, and a full batch is flushed where no handler is running.
 * ixev_answer(), which is all that a handler does mostly, does write its SENDV,
 * if there is room; what comes after it waits for the result.
 */
#ifndef LIB_IXEV_PRIV_H
#define LIB_IXEV_PRIV_H

#include <errno.h>
#include <string.h>

#include "ix/ix.h"
#include "ix/ixev.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* ixev_ctx.flags */
enum {
	CTX_DIALING = 1,  /* connect asked for, connected not yet told */
	CTX_OPEN = 2,	  /* the handle is valid */
	CTX_EOF = 4,	  /* the peer's FIN came */
	CTX_DEAD = 8,	  /* the handle is void */
	CTX_CLOSING = 16, /* ixev_close() or ixev_abort() was called */
	CTX_CLOSE_SENT = 32,
	CTX_ABORT = 64, /* ... by RST */
	CTX_SHUT = 128, /* ixev_shutdown_write() was called */
	CTX_SHUT_SENT = 256,
	CTX_WORK = IXEV_CTX_WORK, /* ... or on the starved list */
	CTX_DIAL_FAILED = 1024,	  /* dialed(ctx, -error) is due */
	CTX_TX_ERROR = 2048,	  /* SENDV failed: nothing more can be sent */
	CTX_SALVAGE = 4096,	  /* rx_addr is in ctx->salvage */
	CTX_ABORT_SENT = 8192,
	CTX_HOLDS = 16384, /* noted in share.c */
	CTX_FRESH = 32768, /* neither dialed nor accepted */
	CTX_NO_SEND =
		CTX_FRESH | CTX_DEAD | CTX_CLOSING | CTX_SHUT | CTX_TX_ERROR,
	/* ixev_control() is to be called before the crossing */
	CTX_CONTROL = CTX_DEAD | CTX_DIALING | CTX_CLOSING | CTX_SHUT |
		      CTX_DIAL_FAILED | CTX_TX_ERROR,
};

/* A way seldom taken: kept out of its caller. */
#define COLD __attribute__((cold, noinline))

/* A range of memory in a ring: received, or to be sent. */
struct ixev_node {
	struct ixev_node *next;
	char *addr;
	uint32_t len;
	uint32_t pad;
	struct ixev_buf *buf; /* transmit buffer that it holds, or NULL */
};

enum { IXEV_BUF_SIZE = 16384, IXEV_BUF_DATA = 64, IXEV_COPY_MAX = 256 };

/* A transmit buffer in the arena, filled from the front by all connections of
 * the thread, free again when all its ranges are acknowledged. */
struct ixev_buf {
	uint32_t refs; /* ranges in it, and one while it is being filled */
	uint32_t pos;  /* bytes used, header included */
	struct ixev_buf *next;
};

struct ixev_slab {
	struct ixev_slab *next;
	void *mem;
	size_t len; /* in the arena; 0: malloc()ed */
};

/* A datagram that came in parts. */
struct ixev_datagram {
	struct ixev_datagram *next;
	size_t len;
	char data[65536];
};

struct loan;

struct ixev_tslot {		  /* a timer of the application */
	struct ixev_timer *timer; /* NULL: cancelled */
	uint64_t handle;	  /* the dataplane's */
	uint64_t delay;		  /* ns, beyond the step being waited for */
	uint64_t step;
	uint32_t gen;  /* changes when the slot is freed */
	uint32_t next; /* free or work list, 0: its end */
	bool set;      /* the dataplane has a timer for it */
	bool want;     /* it is to be set at the crossing */
	bool work;     /* on the work list */
};

struct ixev_thread {
	struct ix_thread *ix;
	struct ixev_ctx *work, **work_tail; /* through ctx->next_work */
	struct ixev_ctx *starved; /* could not send, for lack of ranges or
				   * memory, and nothing is in flight that
				   * could bring a sent */
	struct ixev_node *nodes;  /* free */
	struct ixev_buf *buf;	  /* being filled; at first full, below */
	struct ixev_buf *bufs;	  /* free */
	struct ixev_buf full;
	uint32_t nbufs; /* in bufs */
	/* Bytes that a context may hold: at most, and with no questions
	 * asked. See share.c. */
	uint32_t send_limit, send_easy;
	struct ixev_slab *slabs;
	uintptr_t arena;
	size_t arena_len;
	uint32_t cc;	/* ixev_set_cc() */
	uint64_t batch; /* number of the one being written, from 1 on */
	bool look;	/* its results matter, even if none is short */
	bool again;	/* results are needed before the real crossing */
	bool stop;	/* ixev_loop_stop() */
	bool gone;	/* the dataplane ended; told once */
	bool gone_told;
	int error; /* of run_io */

	struct ixev_tslot *tslots; /* the first is not used: 0 is none */
	uint32_t ntslots, tslot_free, tslot_work;

	struct ixev_datagram *parts;	 /* of a datagram, so far, or NULL */
	bool parts_lost;		 /* no memory for them */
	struct ixev_datagram *datagrams; /* put together, with handlers */

	/* Contexts that go to another thread at the next crossing. */
	struct ixev_ctx *leaving[IX_MAX_EVENTS];
	uint32_t nleaving;
	bool lent;	    /* buffers and nodes went with some */
	struct loan *loans; /* that came back: written by other threads */

	/* share.c */
	size_t memory; /* of the arena, free at first */
	struct ixev_holder *holders, **holders_end;
	struct ixev_timer watch;
	uint64_t short_until; /* 0: memory is not short */
};

extern struct ixev_conn_ops ixev_ops;
extern uint32_t ixev_send_limit;

/* The calling thread's state, or NULL before ixev_init_thread(). */
struct ixev_thread *ixev_self(void);

static inline void ixev_work(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	if (ctx->flags & CTX_WORK)
		return;
	ctx->flags |= CTX_WORK;
	ctx->next_work = NULL;
	*t->work_tail = ctx;
	t->work_tail = &ctx->next_work;
}

/* Work after the next crossing. What is on the work list comes back here from
 * there, if need be. */
static inline void ixev_starve(struct ixev_thread *t, struct ixev_ctx *ctx)
{
	if (ctx->flags & CTX_WORK)
		return;
	ctx->flags |= CTX_WORK;
	ctx->next_work = t->starved;
	t->starved = ctx;
}

/* Calls the handler if it wants to hear of any of @reasons, and remembers the
 * others. */
static inline void ixev_tell(struct ixev_ctx *ctx, uint8_t reasons)
{
	uint8_t due = ctx->en_mask & reasons;

	ctx->trig_mask |= reasons ^ due;
	if (likely(due))
		ctx->handler(ctx, due);
}

/* ---- recv.c */

/* RECV behind what is unread: never fails; without memory for the range the
 * connection is reset. */
void ixev_rx_more(struct ixev_thread *t, struct ixev_ctx *ctx, char *addr,
		  uint32_t len);
/* Forgets unread data; its bytes count as done. */
void ixev_rx_drop(struct ixev_thread *t, struct ixev_ctx *ctx);
/* The buffers go: keeps what is unread in a copy. */
void ixev_rx_salvage(struct ixev_thread *t, struct ixev_ctx *ctx);

/* ---- send.c */

/* The general case of ixev_tx_acked(). */
void ixev_tx_acked_slow(struct ixev_thread *t, struct ixev_ctx *ctx,
			uint32_t bytes);
/* Of what was thought to be taken the last @bytes were not. */
void ixev_tx_not_taken(struct ixev_ctx *ctx, uint32_t bytes);
/* Frees all ranges, taken or not, and makes all callbacks due. */
void ixev_tx_drop(struct ixev_thread *t, struct ixev_ctx *ctx);
/* Calls the callbacks that are due. */
void ixev_run_refs(struct ixev_ctx *ctx);

/* ---- buf.c */

struct ixev_node *ixev_nodes_refill(struct ixev_thread *t);
/* Makes t->buf a buffer with room. NULL without memory. */
struct ixev_buf *ixev_buf_next(struct ixev_thread *t);
void ixev_slabs_free(struct ixev_thread *t);

static inline struct ixev_node *ixev_node_get(struct ixev_thread *t)
{
	struct ixev_node *n = t->nodes;

	if (unlikely(!n))
		n = ixev_nodes_refill(t);
	if (likely(n))
		t->nodes = n->next;
	return n;
}

static inline void ixev_node_put(struct ixev_thread *t, struct ixev_node *n)
{
	n->next = t->nodes;
	t->nodes = n;
}

static inline void ixev_buf_put(struct ixev_thread *t, struct ixev_buf *b)
{
	if (--b->refs)
		return;
	b->next = t->bufs;
	t->bufs = b;
	t->nbufs++;
}

/* SENT: @bytes of the oldest are acknowledged. Inline: all that there is, in
 * one range, which the dataplane has taken; none of it had been acknowledged,
 * or the range would be longer. False: nothing is done, see
 * ixev_tx_acked_slow().
 */
static inline bool ixev_tx_acked(struct ixev_thread *t, struct ixev_ctx *ctx,
				 uint32_t bytes)
{
	struct ixev_node *n = ctx->tx_tail;

	if (unlikely(!n || bytes != ctx->unacked || bytes != n->len ||
		     ctx->tx_next || ctx->ref_tail))
		return false;
	ctx->unacked = 0;
	ctx->tx_tail = NULL;
	if (likely(n->buf))
		ixev_buf_put(t, n->buf);
	ixev_node_put(t, n);
	return true;
}

/* len and pad (0) are one store, as they are one load of the dataplane's. */
static inline void ixev_put_range(struct ix_sg *sg, const char *addr,
				  uint64_t len)
{
	_Static_assert(offsetof(struct ix_sg, len) + 4 ==
			       offsetof(struct ix_sg, pad),
		       "one word");
	sg->addr = (uintptr_t)addr;
	memcpy(&sg->len, &len, sizeof(len));
}

_Static_assert(offsetof(struct ix_call, op) == 0 &&
		       offsetof(struct ix_call, port) == 2 &&
		       offsetof(struct ix_call, nsgs) == 4,
	       "ixev_put_sendv() writes them as one word");
_Static_assert(offsetof(struct ix_call, sg) == offsetof(struct ix_call, arg) &&
		       offsetof(struct ix_call, done) ==
			       offsetof(struct ix_call, arg) + 4,
	       "ixev_put_sendv() writes them as one word");

/* SENDV of the range in entry @at, with what is to be given back. Neighbouring
 * fields are one store, as they are one load of the dataplane's: call() in
 * dp/syscall.c. */
static inline void ixev_put_sendv(struct ix_call *c, struct ixev_ctx *ctx,
				  uint32_t at, uint32_t done)
{
	uint64_t head = IX_SENDV | 1ull << 32;

	memcpy(c, &head, sizeof(head));
	c->handle = (uint64_t)ctx->handle;
	c->cookie = (uintptr_t)ctx;
	c->arg = at | (uint64_t)done << 32;
}

/* ---- share.c */

void ixev_share_begin(struct ixev_thread *t);
void ixev_share_end(struct ixev_thread *t);
/* How much may a context hold, now? */
void ixev_share(struct ixev_thread *t);
/* @ctx, which is to live on, has queued something. */
void ixev_hold(struct ixev_thread *t, struct ixev_ctx *ctx);
/* It goes to another thread, and has come. */
void ixev_hold_leaves(struct ixev_ctx *ctx);
void ixev_hold_arrives(struct ixev_thread *t, struct ixev_ctx *ctx);
/* A connection wants more than there is, or than it may hold: how much that is
 * is computed anew, and returned. */
uint32_t ixev_short(struct ixev_thread *t);

/* ---- cross.c */

/* Has @ctx a SENDV in the batch, which may yet turn out to be short? */
static inline bool ixev_under_way(const struct ixev_thread *t,
				  const struct ixev_ctx *ctx)
{
	return ctx->batch == t->batch;
}

/* Writes the calls of all contexts with work. */
void ixev_push(struct ixev_thread *t);
/* Reads the results of the batch that has just been run. */
void ixev_results(struct ixev_thread *t);
/* Runs what is in the batch, bringing no events. */
int ixev_flush(struct ixev_thread *t);
/* A descriptor with room for @nsgs ranges, flushing a full batch first. */
struct ix_call *ixev_call(struct ixev_thread *t, uint16_t op, uint32_t nsgs);
/* Runs @c at once: its result. */
int64_t ixev_call_now(struct ixev_thread *t, struct ix_call *c);

/* ---- conn.c */

/* The dataplane's name for what it is to connect. */
void ixev_on_named(struct ixev_thread *t, struct ixev_ctx *ctx,
		   uint64_t handle);
void ixev_on_knock(struct ixev_thread *t, const struct ix_event *ev);
void ixev_on_connected(struct ixev_thread *t, const struct ix_event *ev);
void ixev_on_fin(struct ixev_thread *t, struct ixev_ctx *ctx);
/* The handle is void. @error: errno, 0: closed both ways. */
void ixev_on_dead(struct ixev_thread *t, struct ixev_ctx *ctx, int error);
/* SENDV was refused with errno @error. */
void ixev_on_tx_error(struct ixev_thread *t, struct ixev_ctx *ctx, int error);
/* Connection control for a context with CTX_CONTROL: what is not data. False:
 * nothing is left to be done for it. */
bool ixev_control(struct ixev_thread *t, struct ixev_ctx *ctx);

/* ---- move.c */

void ixev_on_moved(struct ixev_thread *t, struct ixev_ctx *ctx);
void ixev_on_arrived(struct ixev_thread *t, struct ixev_ctx *ctx);
/* Before the crossing: those that leave are on no list any more, and no call
 * for them is without an answer. */
void ixev_let_go(struct ixev_thread *t);
/* @ctx is released. */
void ixev_forget(struct ixev_thread *t, const struct ixev_ctx *ctx);
/* Transmit buffers that others have done with. */
void ixev_take_back(struct ixev_thread *t);

/* ---- udp.c */

void ixev_on_udp_recv(struct ixev_thread *t, const struct ix_event *ev);
void ixev_on_udp_part(struct ixev_thread *t, const struct ix_event *ev);
/* Forgets all datagrams put together. */
void ixev_udp_free(struct ixev_thread *t);
void ixev_on_udp_sent(struct ixev_thread *t, uint64_t cookie);

/* ---- timer.c */

void ixev_on_timer(struct ixev_thread *t, uint64_t cookie);
void ixev_timer_result(struct ixev_thread *t, uint64_t cookie, int64_t result);
void ixev_timer_push(struct ixev_thread *t);

#endif
