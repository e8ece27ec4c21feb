/* SPDX-License-Identifier: MIT */
/*
 * The wire between two threads that sleep and wake each other: nothing lost,
 * nothing out of order, no lost wake-up (each would take WAIT_NS). Built with
 * ThreadSanitizer too.
 *
 *	t_wire_threads [FRAMES [WINDOW]]    prints echoes per second
 */
#include "nic/wire.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { NBUFS = 1024, BATCH = 64, LEN = 130 };
#define WAIT_NS 20000000000ull
#define NAP_NS 1000000ull

struct side {
	struct wire_link link;
	struct mbuf_pool pool;
	u64 frames, window;
};

static void check(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "t_wire_threads: %s\n", what);
		exit(1);
	}
}

static void side_open(struct side *s, const char *path)
{
	struct wire_conf conf = { .path = path, .end = -1 };
	u8 *frames = aligned_alloc(4096, (size_t)NBUFS * MBUF_SIZE);
	void *mem = aligned_alloc(64, mbuf_pool_bytes(NBUFS) + 64);
	char why[256];

	check(frames && mem, "memory");
	check(!wire_link_open(&s->link, &conf, why, sizeof(why)), "open");
	memset(frames, 0, (size_t)NBUFS * MBUF_SIZE);
	mbuf_pool_init(&s->pool, mem, frames, 0, NBUFS);
	s->link.queues[0]->q.pool = &s->pool;
}

static void send_all(struct nicq *q, struct mbuf **pkts, int n)
{
	int sent = 0;

	while (sent < n)
		sent += q->ops->tx(q, pkts + sent, n - sent, 1);
	q->ops->kick(q);
}

/* Sends back what comes. */
static void *echo(void *arg)
{
	struct side *s = arg;
	struct nicq *q = &s->link.queues[0]->q;
	struct mbuf *pkts[BATCH];
	u64 done = 0;

	while (done < s->frames) {
		int n = q->ops->rx(q, pkts, BATCH, 1);

		if (n)
			send_all(q, pkts, n);
		else
			q->ops->wait(q, WAIT_NS);
		done += (u64)n;
	}
	return NULL;
}

static u64 feed(struct side *s, struct nicq *q, u64 next, u64 limit)
{
	struct mbuf *pkts[BATCH];
	int n = 0;

	for (; next < limit && n < BATCH; next++) {
		struct mbuf *m = mbuf_alloc(&s->pool);

		check(m, "pool empty");
		m->len = LEN;
		memcpy(m->data, &next, 8);
		memcpy(m->data + LEN - 8, &next, 8);
		pkts[n++] = m;
	}
	if (n)
		send_all(q, pkts, n);
	return next;
}

static void verify(struct side *s, struct mbuf *m, u64 nr)
{
	check(m->len == LEN && !memcmp(m->data, &nr, 8) &&
		      !memcmp(m->data + LEN - 8, &nr, 8),
	      "wrong frame");
	mbuf_free(&s->pool, m);
}

static void drive(struct side *s)
{
	struct nicq *q = &s->link.queues[0]->q;
	struct mbuf *pkts[BATCH];
	u64 sent = 0, got = 0;

	while (got < s->frames) {
		int n;

		sent = feed(s, q, sent, min(got + s->window, s->frames));
		n = q->ops->rx(q, pkts, BATCH, 1);
		for (int i = 0; i < n; i++)
			verify(s, pkts[i], got++);
		if (!n)
			q->ops->wait(q, WAIT_NS);
	}
}

static u64 clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

/* How long the wait for a packet that does not come takes. */
static u64 wait_in_vain(struct side *s, u64 ns)
{
	struct nicq *q = &s->link.queues[0]->q;
	u64 began = clock_ns();

	q->ops->wait(q, ns);
	return clock_ns() - began;
}

/* Who is woken before it sleeps does not sleep, once. */
static void wake_before_sleep(struct side *s)
{
	wire_link_wake(&s->link, 0);
	wire_link_wake(&s->link, 0);
	check(wait_in_vain(s, WAIT_NS) < WAIT_NS / 2, "a wake-up is lost");
	check(wait_in_vain(s, NAP_NS) >= NAP_NS, "woken twice");
}

int main(int argc, char **argv)
{
	char path[] = "/dev/shm/t_wire.XXXXXX";
	struct side a = { 0 }, b = { 0 };
	pthread_t thread;
	int fd = mkstemp(path);
	double secs;
	u64 began;

	check(fd >= 0, "mkstemp");
	alarm(50);
	side_open(&a, path);
	side_open(&b, path);
	unlink(path);
	wake_before_sleep(&a);
	a.frames = b.frames = argc > 1 ? strtoull(argv[1], NULL, 0) : 30000;
	a.window = argc > 2 ? strtoull(argv[2], NULL, 0) : 64;
	began = clock_ns();
	check(!pthread_create(&thread, NULL, echo, &b), "thread");
	drive(&a);
	pthread_join(thread, NULL);
	secs = 1e-9 * (double)(clock_ns() - began);
	printf("%.0f echoes/s, %lu + %lu kicks\n", (double)a.frames / secs,
	       a.link.queues[0]->q.nr_kicks, b.link.queues[0]->q.nr_kicks);
	check(a.pool.nfree == NBUFS && b.pool.nfree == NBUFS, "leak");
	wire_link_close(&b.link);
	wire_link_close(&a.link);
	free(a.pool.frames);
	free(a.pool.mbufs);
	free(b.pool.frames);
	free(b.pool.mbufs);
	close(fd);
	return 0;
}
