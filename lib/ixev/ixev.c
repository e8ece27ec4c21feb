/* SPDX-License-Identifier: MIT */
/*
 * START HERE: ixev_wait() is one crossing: what the handlers left to do
 * becomes a batch, results come back, events go to their contexts.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ixev/priv.h"

enum {
	BACKLOG = 1024,
	/* Events that memory has to bring what the next ones need: one alone
	 * is done before that is there. What stands behind the last one is
	 * fetched for nothing. */
	AHEAD = 3,
	MOVES_AHEAD = 12, /* contexts of MOVED and ARRIVED that are fetched */
};

struct ixev_conn_ops ixev_ops;

static __thread struct ixev_thread *self
	__attribute__((tls_model("initial-exec")));

struct ixev_thread *ixev_self(void)
{
	return self;
}

static inline void acked(struct ixev_thread *t, struct ixev_ctx *ctx,
			 const struct ix_event *ev)
{
	if (unlikely(!ixev_tx_acked(t, ctx, ev->acked)))
		ixev_tx_acked_slow(t, ctx, ev->acked);
	if (unlikely(ctx->untaken) && !(ctx->flags & CTX_WORK) && ev->room)
		ixev_work(t, ctx);
}

static inline void on_recv(struct ixev_thread *t, const struct ix_event *ev)
{
	struct ixev_ctx *ctx = ix_ptr(ev->cookie);
	char *addr = ix_ptr(ev->addr);
	uint8_t reasons = IXEVIN;
	uint32_t len = ev->len;

	if (likely(ev->acked)) {
		acked(t, ctx, ev);
		reasons |= IXEVOUT;
	}
	if (unlikely(!len)) {
		ixev_on_fin(t, ctx);
		return;
	}
	if (unlikely(ctx->flags & CTX_CLOSING)) {
		ctx->rx_done += len;
		ixev_work(t, ctx);
		return;
	}
	if (likely(!ctx->rx_len)) {
		ctx->rx_addr = addr;
		ctx->rx_len = len;
	} else {
		ixev_rx_more(t, ctx, addr, len);
	}
	ixev_tell(ctx, reasons);
}

static void on_sent(struct ixev_thread *t, const struct ix_event *ev)
{
	struct ixev_ctx *ctx = ix_ptr(ev->cookie);

	acked(t, ctx, ev);
	ixev_tell(ctx, IXEVOUT);
}

/* Many move together, and what is done for each takes less time than its
 * context takes to come from another core. */
static void fetch_ahead(const struct ix_event *ev)
{
	const char *ctx = ix_ptr(ev[MOVES_AHEAD].cookie);

	__builtin_prefetch(ctx, 1);
	__builtin_prefetch(ctx + 64, 1);
}

static void on_event_slow(struct ixev_thread *t, const struct ix_event *ev)
{
	switch (ev->type) {
	case IX_EV_KNOCK:
		ixev_on_knock(t, ev);
		break;
	case IX_EV_CONNECTED:
		ixev_on_connected(t, ev);
		break;
	case IX_EV_DEAD:
		ixev_on_dead(t, ix_ptr(ev->cookie), (int)ev->error);
		break;
	case IX_EV_UDP_RECV:
		ixev_on_udp_recv(t, ev);
		break;
	case IX_EV_UDP_PART:
		ixev_on_udp_part(t, ev);
		break;
	case IX_EV_UDP_SENT:
		ixev_on_udp_sent(t, ev->cookie);
		break;
	case IX_EV_TIMER:
		ixev_on_timer(t, ev->cookie);
		break;
	case IX_EV_MOVED:
		fetch_ahead(ev);
		ixev_on_moved(t, ix_ptr(ev->cookie));
		break;
	case IX_EV_ARRIVED:
		fetch_ahead(ev);
		ixev_on_arrived(t, ix_ptr(ev->cookie));
		break;
	default:
		break;
	}
}

static inline void on_event(struct ixev_thread *t, const struct ix_event *ev)
{
	if (likely(ev->type == IX_EV_RECV))
		on_recv(t, ev);
	else if (likely(ev->type == IX_EV_SENT))
		on_sent(t, ev);
	else
		on_event_slow(t, ev);
}

/* Tried again at each crossing, after its events: they may have made room. */
static void retry_starved(struct ixev_thread *t)
{
	struct ixev_ctx *ctx;

	while ((ctx = t->starved)) {
		t->starved = ctx->next_work;
		ctx->flags &= (uint16_t)~CTX_WORK;
		ixev_work(t, ctx);
	}
}

static void stopped(struct ixev_thread *t)
{
	if (t->gone_told) {
		ixev_exit_thread();
		pthread_exit(NULL);
	}
	t->gone_told = true;
}

static inline void cross_once(struct ixev_thread *t, bool wait)
{
	const struct ix_event *ev, *end;

	if (likely(!t->gone)) {
		ixev_push(t);
		if (unlikely(t->nleaving))
			ixev_let_go(t);
		if (unlikely(t->stop && !t->gone)) { /* by a release, say */
			ixev_flush(t);
			return;
		}
		if (!t->gone &&
		    (t->error = wait ? ix_run_io(t->ix) : ix_poll_io(t->ix)))
			t->gone = true;
	}
	if (unlikely(t->gone)) {
		stopped(t);
		return;
	}
	ixev_results(t);
	ev = ix_event(t->ix, 0);
	end = ev + ix_nevents(t->ix);
	for (; ev < end; ev++) {
		const char *ctx = ix_ptr(ev[AHEAD].cookie);

		__builtin_prefetch(ctx);
		__builtin_prefetch(ctx + 64);
		__builtin_prefetch(ix_ptr(ev[AHEAD].addr));
		on_event(t, ev);
	}
	if (unlikely(t->starved))
		retry_starved(t);
}

void ixev_wait(void)
{
	cross_once(self, true);
}

void ixev_poll(void)
{
	cross_once(self, false);
}

int ixev_loop(void)
{
	struct ixev_thread *t = self;

	while (!t->stop && !t->gone)
		ixev_wait();
	if (!t->gone) /* what the last handlers sent and closed */
		ixev_wait();
	return t->error == -ESHUTDOWN ? 0 : t->error;
}

void ixev_loop_stop(void)
{
	self->stop = true;
}

bool ixev_stopped(void)
{
	return self->stop || self->gone;
}

uint64_t ixev_now(void)
{
	return ix_now(self->ix);
}

int ixev_listen(const struct ix_addr *ip, uint16_t port, uint32_t backlog)
{
	struct ix_call *c = ixev_call(self, IX_LISTEN, 0);

	if (ip)
		c->ip = *ip;
	c->port = port;
	c->backlog = backlog;
	c->cc = self->cc;
	return (int)ixev_call_now(self, c);
}

int ixev_set_cc(uint32_t cc)
{
	if (cc >= IX_NR_CC)
		return -EINVAL;
	self->cc = cc;
	return 0;
}

int ixev_unlisten(const struct ix_addr *ip, uint16_t port)
{
	struct ix_call *c = ixev_call(self, IX_UNLISTEN, 0);

	if (ip)
		c->ip = *ip;
	c->port = port;
	return (int)ixev_call_now(self, c);
}

int ixev_init(struct ixev_conn_ops *ops)
{
	ixev_ops = *ops;
	return ix_domain() ? 0 : ix_init();
}

static int listen_all(const uint16_t *port)
{
	int ret = 0;

	for (; port && *port && !ret; port++) {
		ret = ixev_listen(NULL, *port, BACKLOG);
		if (ret)
			fprintf(stderr, "ix: cannot listen on port %u: %s\n",
				*port, strerror(-ret));
	}
	return ret;
}

int ixev_init_thread(void)
{
	const struct ix_domain *d = ix_domain();
	struct ixev_thread *t;
	int ret;

	if (self || !d)
		return self ? -EBUSY : -ENODEV;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->work_tail = &t->work;
	t->batch = 1;
	t->full = (struct ixev_buf){ .refs = 2, .pos = IXEV_BUF_SIZE };
	t->buf = &t->full;
	t->arena = (uintptr_t)d->arena;
	t->arena_len = d->arena_len;
	t->ix = ix_attach(-1);
	if (!t->ix) {
		ret = -errno;
		free(t);
		return ret;
	}
	ix_take_moves(t->ix);
	ixev_share_begin(t);
	self = t;
	ret = listen_all(d->ports);
	if (ret)
		ixev_exit_thread();
	return ret;
}

void ixev_exit_thread(void)
{
	struct ixev_thread *t = self;

	if (!t)
		return;
	self = NULL;
	ix_detach(t->ix);
	ixev_share_end(t);
	ixev_udp_free(t);
	free(t->tslots);
	if (t->lent) /* other threads may still use what it lent */
		return;
	ixev_slabs_free(t);
	free(t);
}
