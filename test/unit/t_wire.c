/* SPDX-License-Identifier: MIT */
/* nic/wire_*.c: transport, steering, impairments, ends that come and go. */
#include "nic/nic_open.h"
#include "nic/wire.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { NBUFS = 512, MS = 1000000, LIES = 2000000 };

struct side {
	struct wire_link link;
	struct mbuf_pool pool;
	void *mem;
	u8 *frames;
};

static void pool_new(struct side *s)
{
	s->mem = aligned_alloc(64, mbuf_pool_bytes(NBUFS) + 64);
	s->frames = aligned_alloc(4096, (size_t)NBUFS * MBUF_SIZE);
	assert_true(s->mem && s->frames);
	memset(s->mem, 0, mbuf_pool_bytes(NBUFS));
	mbuf_pool_init(&s->pool, s->mem, s->frames, 0, NBUFS);
	for (u32 i = 0; i < s->link.nqueues; i++)
		s->link.queues[i]->q.pool = &s->pool;
}

static void side_free(struct side *s)
{
	assert_int_equal(s->pool.nfree, s->pool.total);
	wire_link_close(&s->link);
	free(s->mem);
	free(s->frames);
}

static void pair_new(struct side *a, const struct wire_conf *ca, struct side *b,
		     const struct wire_conf *cb)
{
	assert_int_equal(wire_link_pair(&a->link, ca, &b->link, cb), 0);
	pool_new(a);
	pool_new(b);
}

static struct nicq *queue(struct side *s, u32 i)
{
	return &s->link.queues[i]->q;
}

/* A TCP frame of flow @flow, numbered, padded with its number's low byte. */
static struct mbuf *frame(struct side *s, u32 len, u16 flow, u32 nr)
{
	struct mbuf *m = mbuf_alloc(&s->pool);
	static const u8 head[] = { 8, 0, 0x45, 0,  0, 0, 0, 0,	0x40, 0, 64,
				   6, 0, 0,    10, 0, 0, 1, 10, 0,    0, 2 };

	assert_non_null(m);
	m->len = len;
	memset(m->data, (u8)nr, len);
	if (len >= 64) {
		memcpy(m->data + 12, head, sizeof(head));
		m->data[34] = (u8)(flow >> 8);
		m->data[35] = (u8)flow;
		memcpy(m->data + 38, &nr, 4);
	}
	return m;
}

static u32 number(const struct mbuf *m)
{
	u32 nr;

	memcpy(&nr, m->data + 38, 4);
	return nr;
}

static bool send(struct side *s, u32 q, struct mbuf *m, u64 now)
{
	if (queue(s, q)->ops->tx(queue(s, q), &m, 1, now) == 1)
		return true;
	mbuf_free(&s->pool, m);
	return false;
}

/* The number of the next frame at @q, or -1. */
static s64 receive(struct side *s, u32 q, u64 now)
{
	struct mbuf *m;
	s64 nr;

	if (!queue(s, q)->ops->rx(queue(s, q), &m, 1, now))
		return -1;
	nr = number(m);
	for (u32 i = 42; i < m->len; i++)
		assert_int_equal(m->data[i], (u8)nr);
	mbuf_free(&s->pool, m);
	return nr;
}

static void test_both_ways_in_order(void **state)
{
	struct wire_conf conf = { 0 };
	struct side a, b;

	pair_new(&a, &conf, &b, &conf);
	for (u32 i = 0; i < 5000; i++) {
		assert_true(send(&a, 0, frame(&a, 64 + i % 1450, 1, i), 0));
		assert_true(send(&b, 0, frame(&b, 64, 1, i + 7), 0));
		assert_int_equal(receive(&b, 0, 0), i);
		assert_int_equal(receive(&a, 0, 0), i + 7);
	}
	assert_int_equal(receive(&b, 0, 0), -1);
	side_free(&b);
	side_free(&a);
}

/* Room in the ring itself, if it is one; nobody sees it before tx(). */
static struct ring_tx *direct(struct side *s)
{
	struct mbuf *none;

	assert_int_equal(queue(s, 0)->ops->rx(queue(s, 0), &none, 1, 0), 0);
	return queue(s, 0)->direct;
}

static void test_direct(void **state)
{
	struct wire_conf one = { 0 }, two = { .nqueues = 2 },
			 bad = { .impair = { .delay_ns = MS } };
	struct side a, b;
	struct mbuf *m;

	pair_new(&a, &one, &b, &one);
	for (u32 i = 0; i < 5000; i++) {
		m = frame(&a, 64, 1, i);
		memcpy(ring_take(direct(&a), 64), m->data, 64);
		assert_int_equal(receive(&b, 0, 0), -1);
		m->data[38] ^= 1; /* the one behind it has another number */
		assert_true(
			i & 1 ? send(&a, 0, m, 0)
			      : !queue(&a, 0)->ops->tx(queue(&a, 0), &m, 0, 0));
		if (!(i & 1))
			mbuf_free(&a.pool, m);
		assert_int_equal(receive(&b, 0, 0), i);
		while (queue(&b, 0)->ops->rx(queue(&b, 0), &m, 1, 0))
			mbuf_free(&b.pool, m);
	}
	side_free(&b);
	assert_null(direct(&a)); /* nobody there */
	side_free(&a);

	pair_new(&a, &one, &b, &two);
	assert_null(direct(&a));
	assert_non_null(direct(&b));
	side_free(&b);
	side_free(&a);
	pair_new(&a, &bad, &b, &one);
	assert_null(direct(&a));
	side_free(&b);
	side_free(&a);
}

/* Fragments and ranges of the application's memory arrive as one frame. */
static void test_gather(void **state)
{
	struct wire_conf conf = { 0 };
	struct side a, b;
	u8 app[500];
	struct mbuf *m;

	pair_new(&a, &conf, &b, &conf);
	memset(app, 9, sizeof(app));
	m = frame(&a, 100, 1, 9);
	m->ext[0] = (struct mbuf_ext){ app, 300, 0 };
	m->ext[1] = (struct mbuf_ext){ app, 1, 0 };
	m->nr_ext = 2;
	m->next = frame(&a, 50, 1, 9);
	assert_true(send(&a, 0, m, 0));
	assert_int_equal(queue(&b, 0)->ops->rx(queue(&b, 0), &m, 1, 0), 1);
	assert_int_equal(m->len, 451);
	for (u32 i = 42; i < m->len; i++)
		assert_int_equal(m->data[i], 9);
	mbuf_free(&b.pool, m);
	side_free(&b);
	side_free(&a);
}

static void test_back_pressure_then_loss(void **state)
{
	struct wire_conf conf = { 0 };
	struct side a, b;
	u32 n = 0;

	pair_new(&a, &conf, &b, &conf);
	while (send(&a, 0, frame(&a, 1514, 1, n), 5))
		n++;
	assert_true(n > 80);
	for (u32 i = 0; i < n; i++)
		assert_int_equal(receive(&b, 0, 5), i);
	while (send(&a, 0, frame(&a, 1514, 1, n), 5))
		;
	/* Nobody reads any more: do not hold up the sender for ever. */
	assert_true(send(&a, 0, frame(&a, 1514, 1, n), 11 * MS));
	assert_int_equal(a.link.queues[0]->q.nr_tx_bad, 1);
	side_free(&b);
	side_free(&a);
}

static void test_no_buffer_waits(void **state)
{
	struct wire_conf conf = { 0 };
	struct side a, b;
	u32 nfree;

	pair_new(&a, &conf, &b, &conf);
	assert_true(send(&a, 0, frame(&a, 64, 1, 3), 0));
	nfree = b.pool.nfree;
	b.pool.nfree = 0;
	assert_int_equal(receive(&b, 0, 0), -1);
	b.pool.nfree = nfree;
	assert_int_equal(receive(&b, 0, 0), 3);
	side_free(&b);
	side_free(&a);
}

/* Every flow arrives where the receiver's table says, from every queue. */
static void test_rss(void **state)
{
	struct wire_conf two = { .nqueues = 2 }, four = { .nqueues = 4 };
	u8 table[RSS_TABLE];
	struct side a, b;
	u32 hits[4] = { 0 };

	pair_new(&a, &two, &b, &four);
	for (u32 i = 0; i < RSS_TABLE; i++)
		table[i] = (u8)(i * 7 % 4);
	wire_set_rss(b.link.shared, WIRE_B, table);
	for (u32 i = 0; i < 1000; i++) {
		struct mbuf *m = frame(&a, 80, (u16)(i * 331), i);
		u8 tuple[12];
		u32 to;

		memcpy(tuple, m->data + 26, 8);
		memcpy(tuple + 8, m->data + 34, 4);
		to = table[hash_toeplitz(rss_symmetric_key, tuple, 12) %
			   RSS_TABLE];
		assert_true(send(&a, i % 2, m, 0));
		for (u32 q = 0; q < 4; q++)
			assert_int_equal(receive(&b, q, 0),
					 q == to ? (s64)i : -1);
		hits[to]++;
	}
	for (u32 q = 0; q < 4; q++)
		assert_true(hits[q] > 100);
	/* Not TCP or UDP: queue 0. */
	send(&a, 1, frame(&a, 60, 1, 1), 0);
	assert_int_equal(receive(&b, 0, 0), 0x01010101);
	side_free(&b);
	side_free(&a);
}

/* The same of IPv6; its number is a part of the destination. */
static struct mbuf *frame6(struct side *s, u16 flow, u32 nr, u8 next)
{
	struct mbuf *m = frame(s, 80, flow, nr);
	u64 seed = flow + 1u;

	memcpy(m->data + 12, "\x86\xdd\x60", 3);
	m->data[20] = next;
	for (u32 i = 22; i < 38; i++)
		m->data[i] = (u8)test_random(&seed);
	return m;
}

static void test_rss_ip6(void **state)
{
	struct wire_conf two = { .nqueues = 2 }, four = { .nqueues = 4 };
	static const u8 others[] = { 0, 43, 44, 58, 60 };
	u8 table[RSS_TABLE];
	u32 hits[4] = { 0 };
	struct side a, b;

	pair_new(&a, &two, &b, &four);
	for (u32 i = 0; i < RSS_TABLE; i++)
		table[i] = (u8)(1 + i % 3);
	wire_set_rss(b.link.shared, WIRE_B, table);
	for (u32 i = 0; i < 1000; i++) {
		struct mbuf *m = frame6(&a, (u16)i, i, i % 2 ? 6 : 17);
		u32 to = table[hash_toeplitz(rss_symmetric_key, m->data + 22,
					     36) %
			       RSS_TABLE];

		assert_true(send(&a, i % 2, m, 0));
		assert_int_equal(receive(&b, to, 0), i);
		hits[to]++;
	}
	for (u32 q = 1; q < 4; q++)
		assert_true(hits[q] > 250);
	for (u32 i = 0; i < sizeof(others); i++) {
		assert_true(send(&a, 0, frame6(&a, 7, i, others[i]), 0));
		assert_int_equal(receive(&b, 0, 0), i);
	}
	side_free(&b);
	side_free(&a);
}

static u32 parts(double p)
{
	return (u32)(p * 4294967295.0);
}

/* What comes out of a bad wire, as a hash; counts in @got. */
static u64 run_impaired(struct impair_conf impair, u32 n, u32 *got, bool *order)
{
	struct wire_conf bad = { .impair = impair }, good = { 0 };
	struct side a, b;
	u64 hash = 0;
	s64 nr, last = -1;

	*got = 0;
	*order = true;
	pair_new(&a, &bad, &b, &good);
	for (u32 t = 0; t < n + 2000; t++) {
		u64 now = (u64)t * MS / 100;

		if (t < n)
			assert_true(send(&a, 0, frame(&a, 64, 1, t), now));
		wire_advance(a.link.queues[0], now);
		while ((nr = receive(&b, 0, now)) >= 0) {
			*order &= nr >= last;
			last = nr;
			hash = hash * 1000003 + (u64)nr * n + t;
			++*got;
		}
	}
	assert_true(wire_next_due(a.link.queues[0]) == UINT64_MAX);
	side_free(&b);
	side_free(&a);
	return hash;
}

static void test_impairments(void **state)
{
	struct impair_conf im = { .seed = 5, .loss = parts(0.1) };
	u32 got, again;
	bool order;
	u64 hash;

	hash = run_impaired(im, 5000, &got, &order);
	assert_in_range(got, 4300, 4700);
	assert_true(order);
	assert_true(hash == run_impaired(im, 5000, &again, &order));
	assert_int_equal(got, again);
	im.seed = 6;
	assert_true(hash != run_impaired(im, 5000, &again, &order));

	im = (struct impair_conf){ .dup = parts(0.2), .delay_ns = MS };
	run_impaired(im, 5000, &got, &order);
	assert_in_range(got, 5800, 6200);
	assert_true(order);

	im = (struct impair_conf){ .delay_ns = MS, .jitter_ns = MS };
	run_impaired(im, 5000, &got, &order);
	assert_int_equal(got, 5000);
	assert_true(order);

	im = (struct impair_conf){ .delay_ns = MS, .reorder = parts(0.1) };
	run_impaired(im, 5000, &got, &order);
	assert_int_equal(got, 5000);
	assert_false(order);
}

static void test_delay_exact(void **state)
{
	struct wire_conf bad = { .impair = { .delay_ns = 5 * MS } };
	struct wire_conf slow = { .impair = { .rate_bps = 8000000 } };
	struct side a, b;

	pair_new(&a, &bad, &b, &slow);
	assert_true(send(&a, 0, frame(&a, 64, 1, 1), 100));
	assert_int_equal(wire_next_due(a.link.queues[0]), 100 + 5 * MS);
	wire_advance(a.link.queues[0], 99 + 5 * MS);
	assert_int_equal(receive(&b, 0, 0), -1);
	wire_advance(a.link.queues[0], 100 + 5 * MS);
	assert_int_equal(receive(&b, 0, 0), 1);

	/* 1000 bytes at 1 MB/s: 1 ms each. */
	for (u32 i = 0; i < 3; i++)
		assert_true(send(&b, 0, frame(&b, 1000, 1, i), 0));
	for (u32 i = 0; i < 3; i++) {
		wire_advance(b.link.queues[0], (i + 1) * MS - 1);
		assert_int_equal(receive(&a, 0, 0), -1);
		wire_advance(b.link.queues[0], (i + 1) * MS);
		assert_int_equal(receive(&a, 0, 0), i);
	}
	side_free(&b);
	side_free(&a);
}

/* One bit, behind the Ethernet header, of IP only. */
static void test_corruption(void **state)
{
	struct wire_conf bad = { .impair = { .corrupt = ~0u } }, good = { 0 };
	struct side a, b;

	pair_new(&a, &bad, &b, &good);
	for (u32 i = 0; i < 1000; i++) {
		struct mbuf *m = frame(&a, i % 2 ? 100 : 60, 1, i);
		u8 was[100];
		u32 bits = 0, len = m->len;

		memcpy(was, m->data, len);
		assert_true(send(&a, 0, m, 0));
		assert_int_equal(queue(&b, 0)->ops->rx(queue(&b, 0), &m, 1, 0),
				 1);
		for (u32 j = 0; j < len; j++)
			bits += (u32)__builtin_popcount(was[j] ^ m->data[j]);
		assert_int_equal(bits, i % 2);
		assert_memory_equal(was, m->data, 14);
		mbuf_free(&b.pool, m);
	}
	side_free(&b);
	side_free(&a);
}

static void test_options(void **state)
{
	struct wire_conf c = { 0 };
	char why[400];

	assert_int_equal(wire_parse(&c,
				    "/x/y,loss=0.5,dup=1%,delay=1.5ms,"
				    "seed=77,rate=10g,mtu=900,end=b",
				    why, sizeof(why)),
			 4);
	assert_in_range(c.impair.loss, 0x7ffffff0, 0x80000010);
	assert_in_range(c.impair.dup, 42949000, 42950000);
	assert_int_equal(c.impair.delay_ns, 1500000);
	assert_int_equal(c.impair.seed, 77);
	assert_int_equal(c.impair.rate_bps, 10000000000);
	assert_int_equal(c.mtu, 900);
	assert_int_equal(c.end, WIRE_B);
	assert_int_equal(wire_parse(&c, "p", why, sizeof(why)), 1);
	assert_int_equal(c.end, -1);
	assert_int_equal(wire_parse(&c, "p,loss=2", why, sizeof(why)), -EINVAL);
	assert_int_equal(wire_parse(&c, "p,delay=2", why, sizeof(why)),
			 -EINVAL);
	assert_int_equal(wire_parse(&c, "p,lose=1", why, sizeof(why)), -EINVAL);
	assert_int_equal(wire_parse(&c, "p,", why, sizeof(why)), -EINVAL);
	assert_int_equal(wire_parse(&c, "p,mtu=9000", why, sizeof(why)),
			 -EINVAL);
	assert_non_null(strstr(why, "mtu=9000"));
}

static void open_end(struct side *s, const char *path, int end, int expect)
{
	struct wire_conf conf = { .path = path, .end = end };
	char why[256] = "";

	assert_int_equal(wire_link_open(&s->link, &conf, why, sizeof(why)),
			 expect);
	if (expect)
		assert_non_null(strstr(why, path));
	else
		pool_new(s);
}

/* A process opens end b of @path, sends a frame and dies without closing. */
static void die_at_end_b(const char *path)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct side s;

		open_end(&s, path, -1, 0);
		send(&s, 0, frame(&s, 100, 1, 42), 0);
		_exit(s.link.end == WIRE_B ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_ends_of_a_file(void **state)
{
	char path[] = "/tmp/t_wire.XXXXXX", why[256];
	struct wire_conf conf = { .path = path };
	struct side a, b, c;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	open_end(&a, path, -1, 0);
	assert_int_equal(a.link.end, WIRE_A);
	open_end(&b, path, -1, 0);
	assert_int_equal(b.link.end, WIRE_B);
	open_end(&c, path, -1, -EBUSY);
	assert_true(send(&a, 0, frame(&a, 100, 1, 3), 0));
	assert_int_equal(receive(&b, 0, 0), 3);
	side_free(&b);

	/* Nobody there: lost, not kept for whoever comes. */
	assert_true(send(&a, 0, frame(&a, 100, 1, 4), 0));
	assert_int_equal(a.link.queues[0]->q.nr_tx_lost, 1);

	die_at_end_b(path);
	assert_int_equal(receive(&a, 0, 0), 42);
	assert_true(send(&a, 0, frame(&a, 100, 1, 5), 0));
	open_end(&c, path, WIRE_A, -EBUSY);
	open_end(&b, path, -1, 0);
	assert_int_equal(b.link.end, WIRE_B);
	assert_int_equal(receive(&b, 0, 0), -1);
	assert_true(send(&a, 0, frame(&a, 100, 1, 6), 0));
	assert_int_equal(receive(&b, 0, 0), 6);
	assert_true(send(&b, 0, frame(&b, 100, 1, 7), 0));
	assert_int_equal(receive(&a, 0, 0), 7);
	side_free(&a);
	side_free(&b);

	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(wire_link_open(&a.link, &conf, why, sizeof(why)),
			 -EINVAL);
	close(fd);
	unlink(path);
}

static long blocks(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_blocks;
}

/* No page is missed later, when others may have filled the file system. */
static void test_has_its_room(void **state)
{
	char path[] = "/dev/shm/t_wire.XXXXXX";
	struct side a, b;
	int fd = mkstemp(path);
	long room;

	assert_true(fd >= 0);
	open_end(&a, path, -1, 0);
	open_end(&b, path, -1, 0);
	room = blocks(fd);
	for (u32 i = 0; i < 5000; i++) {
		assert_true(send(&a, 0, frame(&a, 1500, 1, i), 0));
		assert_true(send(&b, 0, frame(&b, 1500, 1, i), 0));
		assert_int_equal(receive(&b, 0, 0), i);
		assert_int_equal(receive(&a, 0, 0), i);
	}
	assert_int_equal(blocks(fd), room);
	side_free(&b);
	side_free(&a);
	close(fd);
	unlink(path);
}

/* The other end may hold the lock of the set-up: nobody waits for ever. */
static void test_lock_held(void **state)
{
	char path[] = "/tmp/t_wire.XXXXXX";
	struct flock fl = { .l_type = F_WRLCK, .l_start = 2, .l_len = 1 };
	struct side a;
	int fd = mkstemp(path);

	assert_int_equal(fcntl(fd, F_OFD_SETLK, &fl), 0);
	alarm(20);
	open_end(&a, path, -1, -ETIMEDOUT);
	alarm(0);
	close(fd);
	unlink(path);
}

struct liar {
	struct wire_shared *shared;
	bool stop;
	u32 lies;
};

/* Writes what it likes into all that is shared, mostly where it is read. */
static void *lie(void *arg)
{
	struct liar *l = arg;
	u8 *p = (u8 *)l->shared;
	u64 x = 88172645463325252ull;

	while (!READ_ONCE(l->stop)) {
		size_t at;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		at = (x >> 8) % (x & 1 ? sizeof(*l->shared) : wire_bytes());
		if ((x & 6) == 2) /* indices and lengths of the first ring */
			at = wire_ring_at(WIRE_B, 0, 0) + (x >> 8) % 4096;
		WRITE_ONCE(*(u32 *)(p + at / 4 * 4),
			   (u32)(x >> 32) & (x & 8 ? 0x1fff : ~0u));
		WRITE_ONCE(l->lies, l->lies + 1);
		if (x & 16)
			WRITE_ONCE(l->shared->ends[WIRE_B].open, 1);
		if (x & 32)
			WRITE_ONCE(l->shared->ends[WIRE_B].nqueues, 1);
	}
	return NULL;
}

/* Whatever the other end writes while we read: frames have a length that
 * fits, and no buffer is lost. Meant for the sanitizers, too. */
static void test_lies(void **state)
{
	struct wire_conf conf = { .nqueues = 2 };
	struct side a, b;
	struct liar l = { 0 };
	pthread_t thread;
	u32 got = 0;

	alarm(50);
	pair_new(&a, &conf, &b, &conf);
	l.shared = a.link.shared;
	assert_int_equal(pthread_create(&thread, NULL, lie, &l), 0);
	for (u64 i = 0; READ_ONCE(l.lies) < LIES || !got; i++) {
		struct nicq *q = queue(&a, i & 1);
		struct mbuf *m[64];
		int n = q->ops->rx(q, m, 64, i * 1000);

		assert_in_range(n, 0, 64);
		for (int j = 0; j < n; j++) {
			assert_in_range(m[j]->len, 1, MBUF_ROOM);
			mbuf_free(&a.pool, m[j]);
		}
		got += (u32)n;
		send(&b, i & 1, frame(&b, 64 + i % 900, (u16)i, (u32)i), 0);
		send(&a, i & 1, frame(&a, 64 + i % 1400, (u16)i, (u32)i),
		     i * 1000);
		q->ops->kick(q);
		wire_pending(a.link.queues[i & 1]);
	}
	WRITE_ONCE(l.stop, true);
	pthread_join(thread, NULL);
	alarm(0);
	side_free(&b);
	side_free(&a);
}

/* Through struct nic, and asleep until a frame comes. */
static void test_nic(void **state)
{
	char path[] = "/tmp/t_wire.XXXXXX", spec[80], why[256];
	struct nic_config cfg = { .nqueues = 2 };
	struct nic *a, *b;
	int fd = mkstemp(path);

	snprintf(spec, sizeof(spec), "%s,mtu=1000", path);
	assert_int_equal(wire_open(&cfg, spec, &a, why, sizeof(why)), 0);
	assert_int_equal(wire_open(&cfg, path, &b, why, sizeof(why)), 0);
	assert_int_equal(a->mtu, 1000);
	assert_int_equal(b->mtu, 1500);
	assert_true(a->rss_control);
	assert_memory_not_equal(a->mac, b->mac, 6);
	b->group_owner[0] = 1;
	assert_int_equal(b->set_groups(b), 0);
	a->q[0]->ops->wait(a->q[0], 3 * MS); /* ends without a frame */
	a->close(a);
	b->close(b);
	assert_int_equal(wire_open(&cfg, ",x=1", &a, why, sizeof(why)),
			 -EINVAL);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways_in_order),
		cmocka_unit_test(test_direct),
		cmocka_unit_test(test_gather),
		cmocka_unit_test(test_back_pressure_then_loss),
		cmocka_unit_test(test_no_buffer_waits),
		cmocka_unit_test(test_rss),
		cmocka_unit_test(test_rss_ip6),
		cmocka_unit_test(test_impairments),
		cmocka_unit_test(test_delay_exact),
		cmocka_unit_test(test_corruption),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_ends_of_a_file),
		cmocka_unit_test(test_has_its_room),
		cmocka_unit_test(test_lock_held),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_nic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
