/* SPDX-License-Identifier: MIT */
/* dp/capture.c, and who reads it, cp/capture_ring.c: each packet once, both
 * ways; what was overwritten is counted, and nothing half overwritten comes
 * out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "cp/capture.h"
#include "rig.h"

enum { SNAP = 2048, SIZE = 1 << 16 };

struct rings {
	struct capture writer;
	struct capture_reader reader;
	struct ix_capture *ring;
	size_t len;
	struct ix_capture_record rec; /* read last */
	u8 data[IX_CAPTURE_SNAP_MAX];
};

static struct rings *rings_new(u64 size, u32 snap)
{
	struct rings *r = calloc(1, sizeof(*r));
	int fd = memfd_create("capture", MFD_ALLOW_SEALING);

	r->len = IX_CAPTURE_DATA + size;
	assert_int_equal(ftruncate(fd, (off_t)r->len), 0);
	/* Who could cut it could kill who reads it. */
	assert_int_equal(capture_open(&r->reader, fd, 0, 1), -EPROTO);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	r->ring = mmap(NULL, r->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(r->ring, MAP_FAILED);
	assert_int_equal(capture_init(&r->writer, r->ring, size, 3, snap), 0);
	assert_int_equal(capture_open(&r->reader, fd, 0, 1), 0);
	assert_int_equal(r->reader.thread, 3);
	close(fd);
	return r;
}

static void rings_free(struct rings *r)
{
	capture_close(&r->reader);
	munmap(r->ring, r->len);
	free(r);
}

static bool next(struct rings *r)
{
	return capture_read(&r->reader, &r->rec, r->data);
}

static void nobody_looks(void **state)
{
	struct rings *c = rings_new(SIZE, SNAP);
	struct rig *r = rig_new();

	rig_start(r);
	rig_inject_udp(r, 1, 2, "x", 1);
	rig_poll(r);
	assert_false(next(c));
	rig_end(r);
	rings_free(c);
}

/* A SYN and its answer, byte by byte. */
static void both_ways(void **state)
{
	struct rings *c = rings_new(SIZE, SNAP);
	struct rig *r = rig_new();
	struct rig_peer p = { .sport = 1000, .dport = RIG_PORT, .seq = 1 };
	const struct fake_frame *sent;

	rig_start(r);
	rig_listen(r, 4);
	rig_drain(r);
	r->dp.capture = c->writer;
	rig_inject_tcp(r, &p, TCP_SYN, NULL, 0);
	rig_poll(r);
	rig_poll(r);
	assert_true(next(c));
	assert_int_equal(c->rec.kind, IX_CAPTURE_IN);
	assert_int_equal(c->rec.len, ETH_LEN + IPV4_LEN + TCP_LEN);
	assert_int_equal(c->rec.kept, c->rec.len);
	assert_int_equal(c->rec.time, r->now);
	assert_memory_equal(c->data, r->nic.q.mac, 6);
	assert_true(next(c));
	assert_int_equal(c->rec.kind, IX_CAPTURE_OUT);
	sent = fake_nic_collect(&r->nic);
	assert_non_null(sent);
	assert_int_equal(c->rec.len, sent->len);
	assert_memory_equal(c->data, sent->data, sent->len);
	assert_false(next(c));
	assert_int_equal(c->reader.lost, 0);
	r->dp.capture.ring = NULL;
	rig_inject_udp(r, 1, 2, "x", 1);
	rig_poll(r);
	assert_false(next(c));
	rig_end(r);
	rings_free(c);
}

/* The NIC takes none, then all: once each, and in order. */
static void waiting(void **state)
{
	struct rings *c = rings_new(SIZE, SNAP);
	struct rig *r = rig_new();
	u32 total = 0;

	rig_start(r);
	rig_drain(r);
	r->dp.capture = c->writer;
	r->nic.tx_limit = 0;
	for (int i = 0; i < 3; i++) {
		rig_inject_udp(r, 1, 999, "port unreachable", 16);
		rig_poll(r);
		rig_poll(r);
	}
	r->nic.tx_limit = 1;
	for (int i = 0; i < 5; i++)
		rig_poll(r);
	while (next(c))
		total += c->rec.kind == IX_CAPTURE_OUT;
	assert_int_equal(total, 3);
	assert_int_equal(r->stat.tx_packets, 3);
	r->nic.tx_limit = UINT32_MAX;
	rig_inject_udp(r, 1, 999, "port unreachable", 16);
	rig_poll(r);
	rig_poll(r);
	assert_true(next(c));
	assert_int_equal(c->rec.kind, IX_CAPTURE_IN);
	assert_true(next(c));
	assert_int_equal(c->rec.kind, IX_CAPTURE_OUT);
	rig_end(r);
	rings_free(c);
}

/* Frames of several buffers, and ranges of the application's memory. */
static void in_pieces(void **state)
{
	struct rings *c = rings_new(SIZE, 9216);
	struct rig *r = rig_new();
	struct rig_peer p = { .sport = 1000, .dport = RIG_PORT, .seq = 1 };
	const struct fake_frame *sent;
	u8 frame[9000];
	u64 h;

	for (u32 i = 0; i < sizeof(frame); i++)
		frame[i] = (u8)(i * 7);
	r->nic.q.caps |= NIC_GATHER;
	rig_start(r);
	rig_listen(r, 4);
	h = rig_accept_mss(r, &p, 1, 1460);
	rig_drain(r);
	memset(r->arena, 'a', 4000);
	r->dp.capture = c->writer;
	assert_true(fake_nic_inject(&r->nic, frame, sizeof(frame)));
	rig_poll(r);
	assert_true(next(c));
	assert_int_equal(c->rec.kept, sizeof(frame));
	assert_memory_equal(c->data, frame, sizeof(frame));
	rig_send(r, h, 0, 1000);
	rig_run(r);
	while (next(c) && c->rec.kind != IX_CAPTURE_OUT)
		;
	sent = fake_nic_collect(&r->nic);
	assert_non_null(sent);
	assert_true(sent->len > 1000);
	assert_int_equal(c->rec.kept, sent->len);
	assert_memory_equal(c->data, sent->data, sent->len);
	r->dp.capture.ring = NULL;
	rig_end(r);
	rings_free(c);
}

/* ---- without a dataplane: packets of which each byte tells the number */

static void write_numbered(struct capture *w, u64 n, u32 len)
{
	u8 bytes[4096];
	struct mbuf m = { .data = bytes, .len = len }, *pkt = &m;

	memset(bytes, (int)(n & 0xff), len);
	capture_rx(w, &pkt, 1, n);
}

/* Lengths of which none divides the ring. */
static u32 len_of(u64 n)
{
	return 1 + (u32)(n * 2654435761u >> 7) % 1500;
}

static void check_numbered(const struct rings *c, u32 snap)
{
	u32 len = len_of(c->rec.number);

	assert_int_equal(c->rec.time, c->rec.number);
	assert_int_equal(c->rec.len, len);
	assert_int_equal(c->rec.kept, min(len, snap));
	for (u32 i = 0; i < c->rec.kept; i++)
		assert_int_equal(c->data[i], (u8)c->rec.number);
}

/* Round and round, read as they come. */
static void keeps_up(void **state)
{
	struct rings *c = rings_new(SIZE, SNAP);

	for (u64 n = 0; n < 2000; n++) {
		write_numbered(&c->writer, n, len_of(n));
		assert_int_equal(c->ring->claimed, c->ring->head);
		assert_true(next(c));
		assert_int_equal(c->rec.number, n);
		check_numbered(c, SNAP);
		assert_false(next(c));
	}
	assert_int_equal(c->reader.lost, 0);
	rings_free(c);
}

static void cut_short(void **state)
{
	struct rings *c = rings_new(SIZE, 100);

	for (u64 n = 0; n < 50; n++) {
		write_numbered(&c->writer, n, len_of(n));
		assert_true(next(c));
		check_numbered(c, 100);
	}
	rings_free(c);
}

/* Too late: all that was overwritten counts, and it goes on with what comes. */
static void lost(void **state)
{
	struct rings *c = rings_new(SIZE, SNAP);

	for (u64 n = 0; n < 1000; n++)
		write_numbered(&c->writer, n, len_of(n));
	assert_false(next(c));
	write_numbered(&c->writer, 1000, len_of(1000));
	assert_true(next(c));
	assert_int_equal(c->rec.number, 1000);
	assert_int_equal(c->reader.lost, 1000);
	for (u64 n = 1001; n < 2001; n++)
		write_numbered(&c->writer, n, len_of(n));
	capture_end(&c->reader);
	assert_int_equal(c->reader.lost, 2000);
	rings_free(c);
}

/* What is claimed is not believed, though head has not come to it. */
static void claimed_is_gone(void **state)
{
	struct rings *c = rings_new(SIZE, SNAP);

	write_numbered(&c->writer, 0, 100);
	c->ring->claimed = SIZE + 32;
	assert_false(next(c));
	rings_free(c);
}

/* Some of them longer than the ring. */
enum { BURST = 60, ROUNDS = 100, TOTAL = ROUNDS * BURST * (BURST + 1) / 2 };

static void *write_on(void *arg)
{
	struct timespec pause = { .tv_nsec = 20000 };
	struct rings *c = arg;
	u64 n = 0;

	for (u32 i = 0; i < ROUNDS * BURST; i++, nanosleep(&pause, NULL))
		for (u32 k = 0; k <= i % BURST; k++, n++)
			write_numbered(&c->writer, n, len_of(n));
	return NULL;
}

/* At the same time: whatever is read is whole, and nothing is unaccounted. */
static void at_once(void **state)
{
	struct rings *c = rings_new(1 << 14, SNAP);
	pthread_t writer;
	u64 seen = 0;
	bool on;

	assert_int_equal(pthread_create(&writer, NULL, write_on, c), 0);
	do {
		on = __atomic_load_n(&c->ring->packets, __ATOMIC_ACQUIRE) <
		     TOTAL;
		if (!on)
			pthread_join(writer, NULL);
		for (; next(c); seen++)
			check_numbered(c, SNAP);
	} while (on);
	capture_end(&c->reader);
	assert_int_equal(seen + c->reader.lost, TOTAL);
	print_message("%lu read, %lu lost\n", seen, c->reader.lost);
	write_numbered(&c->writer, TOTAL, len_of(TOTAL));
	assert_true(next(c));
	assert_int_equal(c->rec.number, TOTAL);
	rings_free(c);
}

/* Whatever the writer says of the head, no header is read that would reach
 * behind the ring's end. */
static void false_heads(void **state)
{
	struct rings *c = rings_new(SIZE, SNAP);
	const u64 heads[] = { 1, 31, SIZE - 1, 2 * SIZE - 1, 3 * SIZE + 31,
			      1ull << 63, UINT64_MAX, UINT64_MAX - SIZE };

	for (u32 i = 0; i < ARRAY_SIZE(heads); i++) {
		__atomic_store_n(&c->ring->head, heads[i], __ATOMIC_RELEASE);
		for (u32 k = 0; k < 3; k++)
			next(c);
		assert_int_equal(c->reader.at % IX_CAPTURE_ALIGN, 0);
	}
	rings_free(c);
}

static void not_a_ring(void **state)
{
	struct ix_capture ring = { .version = IX_CAPTURE_VERSION,
				   .snap = 100,
				   .size = SIZE * 2 };
	struct capture_reader r;
	struct capture w;
	int fd = memfd_create("capture", MFD_ALLOW_SEALING);

	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(capture_open(&r, fd, 0, 1), -EPROTO);
	assert_int_equal(ftruncate(fd, IX_CAPTURE_DATA + SIZE), 0);
	assert_int_equal(capture_open(&r, fd, 0, 1), -EPROTO);
	assert_int_equal(pwrite(fd, &ring, sizeof(ring), 0), sizeof(ring));
	assert_int_equal(capture_open(&r, fd, 0, 1), -EPROTO);
	close(fd);
	assert_int_equal(capture_init(&w, &ring, SIZE - 32, 0, 100), -EINVAL);
	assert_int_equal(capture_init(&w, &ring, SIZE, 0, 0), -EINVAL);
	assert_int_equal(capture_init(&w, &ring, SIZE, 0, SIZE), -EINVAL);
	assert_int_equal(capture_init(&w, &ring, 1024, 0, 1024), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_looks),
		cmocka_unit_test(both_ways),
		cmocka_unit_test(waiting),
		cmocka_unit_test(in_pieces),
		cmocka_unit_test(keeps_up),
		cmocka_unit_test(cut_short),
		cmocka_unit_test(lost),
		cmocka_unit_test(claimed_is_gone),
		cmocka_unit_test(at_once),
		cmocka_unit_test(false_heads),
		cmocka_unit_test(not_a_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
