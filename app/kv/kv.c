/* SPDX-License-Identifier: MIT */
/*
 * kv: a memcached (text, meta and binary protocol) on ixev, several elastic
 * threads on one store.
 *
 *	ix run [options] -- kv [-m MB] [-I bytes] [-M] [-p port]
 *
 * Requests are parsed where they were received; large values are sent from
 * where they are stored. A connection whose peer reads slowly keeps its unsent
 * answers in a backlog; meanwhile none of its requests are read, so that
 * its receive window closes.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "ix/ix.h"
#include "opts.h"
#include "send.h"

enum { DEFAULT_PORT = 11211, BACKLOG = 4096, NS_PER_S = 1000000000 };

static struct kv_worker *workers;
static __thread struct kv_worker *self;
static __thread int64_t clock_offset; /* UNIX time - ixev_now(), ns */

struct conn {
	struct ixev_ctx ctx;
	struct kv_proto proto;
	struct kv_backlog *backlog;
	bool hup;    /* no more requests will come */
	bool leaves; /* for another thread, which serves it */
};

/* ---- connections */

static bool flush(struct conn *c)
{
	int err = kv_send(self, &c->ctx, &c->backlog);

	if (err == -ENOMEM) { /* the client would misread what follows */
		kv_fill_leave(self, &c->proto);
		ixev_abort(&c->ctx);
	}
	return !err;
}

static void end(struct conn *c)
{
	kv_fill_leave(self, &c->proto);
	ixev_close(&c->ctx);
}

/* Runs the requests that are there. False: output is full. */
static bool serve(struct conn *c)
{
	struct kv_proto *p = &c->proto;
	const char *in;
	size_t len, done;

	for (;;) {
		in = ixev_recv_peek(&c->ctx, &len);
		if (!len && !kv_unfinished(p))
			break;
		done = kv_input(self, p, in, len);
		if (done)
			ixev_recv_zc(&c->ctx, done);
		if (kv_out_full(&self->out) && !flush(c))
			return false;
	}
	return flush(c);
}

/* UNIX time of the events in hand, seconds: without a system call each. */
static int64_t unix_now(void)
{
	struct timespec ts;

	if (!clock_offset) {
		clock_gettime(CLOCK_REALTIME, &ts);
		clock_offset = ts.tv_sec * (int64_t)NS_PER_S + ts.tv_nsec -
			       (int64_t)ixev_now();
	}
	return ((int64_t)ixev_now() + clock_offset) / NS_PER_S;
}

static void on_event(struct ixev_ctx *ctx, unsigned int reason)
{
	struct conn *c = (struct conn *)ctx;
	bool waited = c->backlog, idle = true;

	kv_tick(self->store, unix_now());
	c->hup |= !!(reason & IXEVHUP);
	if (c->leaves)
		return;
	if (ixev_error(ctx)) {
		end(c);
		return;
	}
	if (waited)
		idle = !kv_send_backlog(self, ctx, &c->backlog);
	if (idle)
		idle = serve(c);
	if (idle && (c->hup || c->proto.state == KV_QUIT))
		end(c);
	else if (waited && idle)
		ixev_set_handler(ctx, IXEVIN | IXEVHUP, on_event);
	else if (!waited && !idle)
		ixev_set_handler(ctx, IXEVOUT | IXEVHUP, on_event);
}

static struct ixev_ctx *on_accept(struct ip_tuple *id)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	ixev_ctx_init(&c->ctx);
	ixev_set_handler(&c->ctx, IXEVIN | IXEVHUP, on_event);
	self->n.total_connections++;
	self->n.curr_connections++;
	return &c->ctx;
}

static void on_release(struct ixev_ctx *ctx)
{
	struct conn *c = (struct conn *)ctx;

	kv_backlog_drop(self, &c->backlog);
	kv_proto_end(self, &c->proto);
	self->n.curr_connections--;
	free(c);
}

static void on_dialed(struct ixev_ctx *ctx, long ret)
{
}

static void on_leaves(struct ixev_ctx *ctx)
{
	struct conn *c = (struct conn *)ctx;

	c->leaves = true;
	kv_fill_leave(self, &c->proto);
}

static void on_arrived(struct ixev_ctx *ctx)
{
	struct conn *c = (struct conn *)ctx;

	c->leaves = false;
	if (c->proto.state == KV_DATA)
		kv_fill_wait(self, &c->proto);
	on_event(ctx, 0);
}

/* ---- threads */

/* Nobody serves before all can. */
struct start {
	pthread_barrier_t all;
	atomic_int err; /* of who could not */
};

static struct start start;

static int prepare(struct kv_worker *w)
{
	int err = ixev_init_thread();

	if (err) {
		fprintf(stderr, "kv: thread: %s\n", strerror(-err));
		return err;
	}
	if (w->listen)
		err = ixev_listen(NULL, w->port, BACKLOG);
	if (err)
		fprintf(stderr, "kv: port %u: %s\n", w->port, strerror(-err));
	return err;
}

static void *run(void *worker)
{
	int err;

	self = worker;
	err = prepare(self);
	if (err)
		start.err = err;
	pthread_barrier_wait(&start.all);
	if (start.err)
		return NULL;
	err = ixev_loop();
	if (err) {
		fprintf(stderr, "kv: %s\n", strerror(-err));
		start.err = err;
	}
	ixev_exit_thread();
	return NULL;
}

/* 1: it could not be, and why was said. Or -errno. */
static int start_threads(struct kv_store *store, uint16_t port, bool listen)
{
	int n = ix_nthreads();
	pthread_t threads[IX_MAX_THREADS];

	workers = aligned_alloc(64, n * sizeof(*workers));
	if (!workers)
		return -ENOMEM;
	memset(workers, 0, n * sizeof(*workers));
	pthread_barrier_init(&start.all, NULL, n);
	for (int i = 0; i < n; i++) {
		workers[i].store = store;
		workers[i].all = workers;
		workers[i].nworkers = n;
		workers[i].port = port;
		workers[i].listen = listen;
	}
	for (int i = 1; i < n; i++) {
		if (pthread_create(&threads[i], NULL, run, &workers[i]))
			return -EAGAIN;
	}
	run(&workers[0]);
	for (int i = 1; i < n; i++)
		pthread_join(threads[i], NULL);
	return !!start.err;
}

/* ---- start */

/* Leaves a quarter of the arena for what is copied to be sent. */
static void fit_memory(struct kv_conf *conf)
{
	conf->memory_max = ix_free_bytes() / 4 * 3;
	if (conf->memory <= conf->memory_max)
		return;
	fprintf(stderr, "kv: the arena has room for %zu MB, not %zu\n",
		conf->memory_max >> 20, conf->memory >> 20);
	conf->memory = conf->memory_max;
}

static int serve_all(const struct kv_opts *opts)
{
	struct kv_conf conf = {
		.memory = opts->memory,
		.item_max = opts->item_max,
		.evict = opts->evict,
		.alloc = ix_alloc_pages,
	};
	const uint16_t *ports = ix_domain()->ports;
	bool any = ports && ports[0];
	uint16_t port = opts->port;
	struct kv_store *store;

	if (!port)
		port = any ? ports[0] : DEFAULT_PORT;
	fit_memory(&conf);
	if (conf.memory < conf.item_max)
		return -ENOMEM;
	if (getrandom(&conf.seed, sizeof(conf.seed), 0) != sizeof(conf.seed))
		return -errno;
	store = kv_store_new(&conf, time(NULL));
	if (!store)
		return -ENOMEM;
	return start_threads(store, port, opts->port || !any);
}

int main(int argc, char **argv)
{
	struct ixev_conn_ops ops = { on_accept, on_release, on_dialed };
	struct ixev_move_ops moves = { on_leaves, on_arrived };
	struct kv_opts opts;
	int err;

	kv_parse_opts(&opts, argc, argv);
	if (ixev_init(&ops))
		return 1;
	ixev_set_move_ops(&moves);
	err = serve_all(&opts);
	if (err < 0)
		fprintf(stderr, "kv: %s\n", strerror(-err));
	return !!err;
}
