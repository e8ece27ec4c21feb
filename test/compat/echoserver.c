/* SPDX-License-Identifier: MIT */
/*
 * An echo server written as programs for the original IX were: its header
 * names, its calls, its way to start threads. It must compile unchanged with
 * -Iinclude/compat, and work. Messages of a fixed size, copied.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include <ixev.h>
#include <ixev_timer.h>
#include <mempool.h>

struct client {
	struct ixev_ctx ctx;
	size_t have; /* bytes of the message received, or still to send */
	char message[];
};

static size_t message_size;
static struct mempool_datastore client_store;
static __thread struct mempool client_pool;
static __thread struct ixev_timer tick;

static void receiving(struct ixev_ctx *ctx, unsigned int reason);

static void sending(struct ixev_ctx *ctx, unsigned int reason)
{
	struct client *c = container_of(ctx, struct client, ctx);
	ssize_t ret =
		ixev_send(ctx, &c->message[message_size - c->have], c->have);

	if (ret < 0) {
		if (ret != -EAGAIN)
			ixev_close(ctx);
		return;
	}
	c->have -= ret;
	if (!c->have)
		ixev_set_handler(ctx, IXEVIN, &receiving);
}

static void receiving(struct ixev_ctx *ctx, unsigned int reason)
{
	struct client *c = container_of(ctx, struct client, ctx);
	ssize_t ret;

	while (1) {
		ret = ixev_recv(ctx, &c->message[c->have],
				message_size - c->have);
		if (ret <= 0) {
			if (ret != -EAGAIN)
				ixev_close(ctx);
			return;
		}
		c->have += ret;
		if (c->have < message_size)
			return;

		ret = ixev_send(ctx, c->message, message_size);
		if (ret == -EAGAIN)
			ret = 0;
		if (ret < 0) {
			ixev_close(ctx);
			return;
		}
		c->have = message_size - ret;
		if (c->have) {
			ixev_set_handler(ctx, IXEVOUT, &sending);
			return;
		}
	}
}

static struct ixev_ctx *server_accept(struct ip_tuple *id)
{
	struct client *c = mempool_alloc(&client_pool);

	if (!c)
		return NULL;
	c->have = 0;
	ixev_ctx_init(&c->ctx);
	ixev_set_handler(&c->ctx, IXEVIN, &receiving);
	return &c->ctx;
}

static void server_release(struct ixev_ctx *ctx)
{
	struct client *c = container_of(ctx, struct client, ctx);

	mempool_free(&client_pool, c);
}

static struct ixev_conn_ops server_ops = {
	.accept = &server_accept,
	.release = &server_release,
};

static void on_tick(void *arg)
{
	struct timeval second = { .tv_sec = 1 };

	ixev_timer_add(&tick, second);
}

static void *server_main(void *arg)
{
	struct timeval second = { .tv_sec = 1 };

	if (ixev_init_thread()) {
		fprintf(stderr, "cannot init thread\n");
		return NULL;
	}
	if (mempool_create(&client_pool, &client_store)) {
		fprintf(stderr, "cannot create pool\n");
		return NULL;
	}
	if (!ixev_timer_init(&tick, on_tick, NULL))
		return NULL;
	ixev_timer_add(&tick, second);
	while (1)
		ixev_wait();
	return NULL;
}

int main(int argc, char *argv[])
{
	pthread_t tid;
	int i, n;

	if (argc != 2) {
		fprintf(stderr, "usage: %s SIZE\n", argv[0]);
		return 2;
	}
	message_size = atol(argv[1]);
	if (ixev_init(&server_ops)) {
		fprintf(stderr, "cannot init ixev\n");
		return 1;
	}
	if (mempool_create_datastore(&client_store,
				     align_up(1000, MEMPOOL_DEFAULT_CHUNKSIZE),
				     sizeof(struct client) + message_size, 0,
				     MEMPOOL_DEFAULT_CHUNKSIZE, "client"))
		return 1;
	n = sys_nrcpus();
	sys_spawnmode(true);
	for (i = 1; i < n; i++)
		if (pthread_create(&tid, NULL, server_main, NULL))
			exit(1);
	server_main(NULL);
	return 0;
}
