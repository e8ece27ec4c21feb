/* SPDX-License-Identifier: MIT */
/*
 * START HERE: the original's libix. A thread's batch (karr) goes down in
 * ix_poll(), the events that came up are an array of its descriptors again,
 * and ix_handle_events() calls the program's functions.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/compat/priv.h"

enum {
	BACKLOG = 1024,
	/* A recv may bring a sent with it. */
	MAX_EVENTS = 2 * IX_MAX_EVENTS + MAX_DUES,
};

static __thread struct compat *self;
static __thread struct ix_ops handlers;
__thread struct bsys_arr *ix_compat_karr;

struct compat *compat_self(void)
{
	return self;
}

static struct bsys_arr *arr_new(unsigned long n)
{
	struct bsys_arr *a = calloc(1, sizeof(*a) + n * sizeof(a->descs[0]));

	if (a)
		a->max_len = n;
	return a;
}

static int listen_all(struct compat *t, const uint16_t *port)
{
	int64_t ret = 0;
	int i;

	for (; port && *port && !ret; port++) {
		i = ix_listen(t->ix, NULL, *port, BACKLOG);
		compat_pend(t, i, IX_LISTEN, NULL, NULL);
		ret = compat_flush(t);
		if (!ret)
			ret = ix_result(t->ix, i);
		if (ret)
			fprintf(stderr, "ix: cannot listen on port %u: %s\n",
				*port, strerror((int)-ret));
	}
	return (int)ret;
}

/* What the dataplane gave is given back; what the program may still hold
 * (datagrams, tuples) stays until the process ends. */
static void detach(struct compat *t)
{
	ix_detach(t->ix);
	self = NULL;
}

static int open_ports(struct compat *t, const struct ix_domain *d)
{
	int ret = listen_all(t, d->ports);

	if (!ret)
		ret = udp_bind_all(t, d->ports);
	if (ret)
		detach(t);
	return ret;
}

int compat_attach(void)
{
	const struct ix_domain *d;
	struct compat *t;
	int ret = ix_domain() ? 0 : ix_init();

	if (self || ret)
		return self ? 0 : ret;
	d = ix_domain();
	t = calloc(1, sizeof(*t));
	if (!t || !(t->events = arr_new(MAX_EVENTS))) {
		free(t);
		return -ENOMEM;
	}
	t->flushes = t->batches = 1;
	t->arena = (uintptr_t)d->arena;
	t->arena_len = d->arena_len;
	t->ix = ix_attach(-1);
	if (!t->ix) {
		ret = -errno;
		free(t->events);
		free(t);
		return ret;
	}
	self = t;
	return open_ports(t, d);
}

int ix_compat_init(struct ix_ops *ops, int batch_depth)
{
	int ret;

	if (!ops || batch_depth <= 0)
		return -EINVAL;
	ret = compat_attach();
	if (ret)
		return ret;
	free(ix_compat_karr);
	ix_compat_karr = arr_new((unsigned long)batch_depth);
	handlers = *ops;
	return ix_compat_karr ? 0 : -ENOMEM;
}

/* The dataplane is gone. The original's loop has no end: the program gets no
 * events once, then the thread is ended. */
static int stopped(struct compat *t)
{
	if (t->gone_told) {
		detach(t);
		pthread_exit(NULL);
	}
	t->gone_told = true;
	return 0;
}

int ix_compat_bpoll(struct bsys_desc *d, unsigned int nr)
{
	struct compat *t = self;

	t->events->len = t->events->ran = 0;
	t->batches++;
	compat_calls(t, d, nr);
	if (!t->gone && (t->due ? ix_poll_io(t->ix) : ix_run_io(t->ix)))
		t->gone = true;
	if (t->gone)
		return stopped(t);
	compat_results(t);
	compat_events(t);
	return 0;
}

int ix_compat_bcall(struct bsys_desc *d, unsigned int nr)
{
	struct compat *t = self;

	t->batches++;
	compat_calls(t, d, nr);
	if (t->ix->ncalls)
		compat_flush(t);
	return 0;
}

struct bsys_arr *ix_compat_baddr(void)
{
	return compat_attach() ? NULL : self->events;
}

int ix_compat_poll(void)
{
	struct bsys_arr *k = ix_compat_karr;

	if (k->ran)
		k->len = 0;
	ix_compat_bpoll(k->descs, (unsigned int)k->len);
	k->ran = 1;
	return (int)self->events->len;
}

void ix_compat_flush(void)
{
	struct bsys_arr *k = ix_compat_karr;

	if (!k->ran)
		ix_compat_bcall(k->descs, (unsigned int)k->len);
	k->len = k->ran = 0;
}

static void on_udp_recv(void *addr, size_t len, struct ip_tuple *id)
{
	if (handlers.udp_recv)
		handlers.udp_recv(addr, len, id);
	else
		ksys_udp_recv_done(ix_compat_next(), addr);
}

static void handle(const struct bsys_desc *d)
{
	const struct ix_ops *h = &handlers;
	hid_t hid = (hid_t)d->arga;
	void *a = (void *)(uintptr_t)d->arga;

	switch (d->sysnr) {
	case USYS_UDP_RECV:
		on_udp_recv(a, d->argb, (void *)(uintptr_t)d->argc);
		break;
	case USYS_UDP_SENT:
		if (h->udp_sent)
			h->udp_sent(d->arga);
		break;
	case USYS_TCP_CONNECTED:
		if (h->tcp_connected)
			h->tcp_connected(hid, d->argb, (long)d->argc);
		break;
	case USYS_TCP_KNOCK:
		if (h->tcp_knock)
			h->tcp_knock(hid, (void *)(uintptr_t)d->argb);
		else
			ksys_tcp_reject(ix_compat_next(), hid);
		break;
	case USYS_TCP_RECV:
		if (h->tcp_recv)
			h->tcp_recv(hid, d->argb, (void *)(uintptr_t)d->argc,
				    d->argd);
		else
			ksys_tcp_recv_done(ix_compat_next(), hid, d->argd);
		break;
	case USYS_TCP_SENT:
		if (h->tcp_sent)
			h->tcp_sent(hid, d->argb, d->argc);
		break;
	case USYS_TCP_DEAD:
		if (h->tcp_dead)
			h->tcp_dead(hid, d->argb);
		else
			ksys_tcp_close(ix_compat_next(), hid);
		break;
	case USYS_TIMER:
		if (h->timer_event)
			h->timer_event(d->arga);
		break;
	}
}

void ix_compat_handle_events(void)
{
	const struct bsys_arr *e = self->events;
	unsigned long i;

	for (i = 0; i < e->len; i++)
		handle(&e->descs[i]);
}

int ix_compat_nrcpus(void)
{
	if (!ix_domain() && ix_init())
		return 0;
	return ix_nthreads();
}

void *ix_compat_alloc_pages(int nrpages)
{
	return nrpages > 0 ? ix_alloc_pages((size_t)nrpages << 21) : NULL;
}

void ix_compat_free_pages(void *addr, int nrpages)
{
	if (nrpages > 0)
		ix_free_pages(addr, (size_t)nrpages << 21);
}
