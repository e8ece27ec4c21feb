/* SPDX-License-Identifier: MIT */
/*
 * ixload on IX: ixev, started by `ix run`. What arrives is compared where it
 * lies, what is sent lies in the arena; the clock is read once per batch of
 * events.
 */
#include "bench/ixload/load.h"
#include "bench/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ix/ix.h"
#include "ix/ixev.h"

/* Shorter waits are spun: the dataplane's timers are not fine enough. */
enum { TIMER_MIN_NS = 100000 };

struct ix_conn {
	struct load_conn load;
	int dial_error; /* to be reported once released */
	struct ixev_ctx ctx;
};

struct ix_udp_conn {
	struct load_conn load;
	struct ixev_udp udp;
};

struct ix_loop {
	struct ixev_timer timer; /* ends a wait without events */
	uint64_t timer_at;
};

static struct ix_conn *self(struct ixev_ctx *ctx)
{
	return (struct ix_conn *)((char *)ctx - offsetof(struct ix_conn, ctx));
}

static void read_clock(struct load_thread *t)
{
	if (t->fresh)
		return;
	t->fresh = true;
	t->now = clock_ns();
}

/* ---- events of a connection */

static void receive(struct ix_conn *c)
{
	const uint8_t *data;
	size_t len;

	while (c->load.state == CONN_OPEN &&
	       (data = ixev_recv_peek(&c->ctx, &len))) {
		ixev_recv_zc(&c->ctx, len);
		load_input(&c->load, data, (uint32_t)len);
	}
}

static void handle(struct ixev_ctx *ctx, unsigned int reason);

static void handle_slow(struct ixev_ctx *ctx, unsigned int reason)
{
	struct ix_conn *c = self(ctx);

	if (reason & IXEVOUT && c->load.state == CONN_OPEN) {
		ixev_set_handler(ctx, IXEVIN | IXEVHUP, handle);
		load_writable(&c->load);
	}
	if (reason & IXEVHUP)
		load_closed(&c->load, ixev_error(ctx));
}

static void handle(struct ixev_ctx *ctx, unsigned int reason)
{
	struct ix_conn *c = self(ctx);

	read_clock(c->load.t);
	if (reason & IXEVIN)
		receive(c);
	if (reason != IXEVIN)
		handle_slow(ctx, reason);
}

static struct ixev_ctx *accept_none(struct ip_tuple *id)
{
	return NULL;
}

static void dialed(struct ixev_ctx *ctx, long err)
{
	struct ix_conn *c = self(ctx);

	read_clock(c->load.t);
	if (c->load.state != CONN_DIALING)
		return;
	if (!err) {
		ixev_set_handler(ctx, IXEVIN | IXEVHUP, handle);
		load_opened(&c->load);
		return;
	}
	c->dial_error = (int)-err;
	ixev_close(ctx);
}

static void release(struct ixev_ctx *ctx)
{
	struct ix_conn *c = self(ctx);

	if (c->dial_error && c->load.state == CONN_DIALING)
		load_open_failed(&c->load, c->dial_error);
	else
		load_released(&c->load);
}

static struct ixev_conn_ops conn_ops = {
	.accept = accept_none,
	.release = release,
	.dialed = dialed,
};

/* ---- ops */

static int ix_dial(struct load_conn *load)
{
	const struct load_opts *o = load->t->opts;
	struct ix_conn *c = (struct ix_conn *)load;

	c->dial_error = 0;
	ixev_ctx_init(&c->ctx);
	ixev_dial_addr(&c->ctx, &o->ip, load->port);
	return 0;
}

static int64_t ix_load_send(struct load_conn *load, const void *buf,
			    uint32_t len, bool stable)
{
	struct ixev_ctx *ctx = &((struct ix_conn *)load)->ctx;
	ssize_t n =
		stable ? ixev_send_zc(ctx, buf, len) : ixev_send(ctx, buf, len);

	if (n == len)
		return n;
	if (n >= 0 || n == -EAGAIN)
		ixev_set_handler(ctx, IXEVIN | IXEVOUT | IXEVHUP, handle);
	return n == -EAGAIN ? 0 : n;
}

static void ix_load_close(struct load_conn *load, bool reset)
{
	struct ix_conn *c = (struct ix_conn *)load;

	c->dial_error = 0;
	if (reset)
		ixev_abort(&c->ctx);
	else
		ixev_close(&c->ctx);
}

/* ---- UDP */

static void udp_input(struct ixev_udp *u, void *data, size_t len,
		      const struct ix_addr *ip, uint16_t port)
{
	struct load_conn *c = (struct load_conn *)u->user_data;

	read_clock(c->t);
	load_input(c, data, (uint32_t)len);
	ixev_udp_recv_done(u, data);
}

static int udp_dial(struct load_conn *load)
{
	struct ix_udp_conn *c = (struct ix_udp_conn *)load;
	int err = ixev_udp_bind(&c->udp, NULL, 0, udp_input);

	c->udp.user_data = (unsigned long)load;
	if (!err)
		load_opened(load);
	return err;
}

static int64_t udp_send(struct load_conn *load, const void *buf, uint32_t len,
			bool stable)
{
	const struct load_opts *o = load->t->opts;

	return ixev_udp_send(&((struct ix_udp_conn *)load)->udp, &o->ip,
			     load->port, buf, len);
}

static void udp_close(struct load_conn *load, bool reset)
{
	ixev_udp_unbind(&((struct ix_udp_conn *)load)->udp);
	load_released(load);
}

/* ---- process and thread */

static int ix_load_init(struct load_opts *o)
{
	int err = ixev_init(&conn_ops);

	if (err)
		return err; /* ixev has said why */
	if (!o->threads)
		o->threads = (uint32_t)ix_nthreads();
	if (o->threads <= (uint32_t)ix_nthreads())
		return 0;
	fprintf(stderr,
		"ixload: --threads %u, but ix run granted %d (see its "
		"--cores)\n",
		o->threads, ix_nthreads());
	return -EINVAL;
}

static void wake(void *arg)
{
	((struct ix_loop *)arg)->timer_at = 0;
}

static int ix_thread_init(struct load_thread *t)
{
	struct ix_loop *l = calloc(1, sizeof(*l));
	int err = l ? ixev_init_thread() : -ENOMEM;

	if (err)
		return err;
	ixev_timer_init(&l->timer, wake, l);
	t->backend_priv = l;
	return 0;
}

/* Asks for an event within @ns, or a little before, as timers are late; one
 * already set to then will do. */
static void limit_wait(struct load_thread *t, struct ix_loop *l, uint64_t ns)
{
	uint64_t at;

	ns -= TIMER_MIN_NS / 2;
	at = t->now + ns;

	if (l->timer_at && l->timer_at <= at)
		return;
	l->timer_at = at;
	ixev_timer_add_ns(&l->timer, ns);
}

static void close_all(struct load_thread *t)
{
	struct ix_loop *l = t->backend_priv;
	uint64_t until = t->now + 200 * NS_PER_MS;
	bool left = true;

	for (uint32_t i = 0; i < t->nconns; i++) {
		struct load_conn *c = load_conn_at(t, i);

		if (c->state == CONN_OPEN || c->state == CONN_DIALING)
			load_end(c, true);
	}
	while (left && !ixev_stopped() && clock_ns() < until) {
		left = false;
		for (uint32_t i = 0; i < t->nconns && !left; i++)
			left = load_conn_at(t, i)->state == CONN_CLOSING;
		t->fresh = false;
		ixev_timer_add_ns(&l->timer, NS_PER_MS);
		ixev_wait();
	}
}

/* What was made is sent before. Whatever comes meanwhile. */
static void poll_and_nap(struct load_thread *t)
{
	struct timespec pause = clock_timespec(t->opts->nap);

	ixev_poll();
	nanosleep(&pause, NULL);
	t->fresh = false;
}

static void loop(struct load_thread *t)
{
	struct ix_loop *l = t->backend_priv;
	uint64_t wait;

	while (!ixev_stopped() &&
	       (wait = load_step(t, t->fresh ? t->now : clock_ns())) !=
		       LOAD_END) {
		t->fresh = false;
		if (t->opts->nap) {
			poll_and_nap(t);
		} else if (wait < TIMER_MIN_NS) {
			ixev_poll();
		} else {
			limit_wait(t, l, wait);
			ixev_wait();
		}
	}
	close_all(t);
	ixev_exit_thread();
}

const struct load_backend backend_ix = {
	.name = "ix",
	.conn_bytes = sizeof(struct ix_conn),
	.init = ix_load_init,
	.alloc = ix_alloc_pages,
	.thread_init = ix_thread_init,
	.loop = loop,
	.dial = ix_dial,
	.send = ix_load_send,
	.close = ix_load_close,
};

const struct load_backend backend_ix_udp = {
	.name = "ix",
	.conn_bytes = sizeof(struct ix_udp_conn),
	.init = ix_load_init,
	.alloc = ix_alloc_pages,
	.thread_init = ix_thread_init,
	.loop = loop,
	.dial = udp_dial,
	.send = udp_send,
	.close = udp_close,
};
