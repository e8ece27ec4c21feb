/* SPDX-License-Identifier: MIT */
/* nic/tap.c over a socket pair, which keeps packets apart like the device. */
#include <linux/virtio_net.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "nic/tap.h"

enum { FRAMES = 64, HDR = sizeof(struct virtio_net_hdr), LARGEST = 65549 };

struct rig {
	struct tap_q t;
	struct mbuf_pool pool;
	u8 *frames;
	int far; /* the device's end */
};

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd))
		return -1;
	r->t.fd = r->t.out_fd = fd[0];
	r->far = fd[1];
	r->frames = aligned_alloc(MBUF_SIZE, FRAMES * MBUF_SIZE);
	mbuf_pool_init(&r->pool, aligned_alloc(64, mbuf_pool_bytes(FRAMES)),
		       r->frames, 0, FRAMES);
	r->t.parts = 1;
	r->t.q.ops = &tap_ops;
	r->t.q.pool = &r->pool;
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	close(r->t.fd);
	close(r->far);
	free(r->pool.mbufs);
	free(r->frames);
	free(r);
	return 0;
}

static int rx(struct rig *r, struct mbuf **pkts, int n)
{
	return tap_ops.rx(&r->t.q, pkts, n, 0);
}

static void deliver(struct rig *r, u32 len, u8 flags)
{
	static u8 packet[HDR + LARGEST];
	struct virtio_net_hdr *h = (void *)packet;

	memset(packet, (int)len, sizeof(packet));
	memset(h, 0, HDR);
	h->flags = flags;
	assert_int_equal(send(r->far, packet, HDR + len, 0), HDR + len);
}

static void test_rx(void **state)
{
	struct rig *r = *state;
	struct mbuf *pkts[4];

	deliver(r, 60, 0);
	deliver(r, 61, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	deliver(r, 62, VIRTIO_NET_HDR_F_DATA_VALID);
	assert_int_equal(rx(r, pkts, 2), 2);
	assert_int_equal(rx(r, pkts + 2, 2), 1);
	for (u32 i = 0; i < 3; i++) {
		assert_int_equal(pkts[i]->len, 60 + i);
		assert_int_equal(pkts[i]->data[0], 60 + i);
		assert_int_equal(pkts[i]->flags, i ? MBUF_CSUM_OK : 0);
		assert_null(pkts[i]->next);
		mbuf_free(&r->pool, pkts[i]);
	}
	assert_int_equal(r->pool.nfree, FRAMES - 1); /* one is ready */
}

static void test_rx_jumbo(void **state)
{
	struct rig *r = *state;
	struct mbuf *pkts[8];

	r->t.parts = 4;
	deliver(r, 2 * MBUF_ROOM + 10, 0);
	deliver(r, MBUF_ROOM, 0);
	deliver(r, 60, 0);
	assert_int_equal(rx(r, pkts, 8), 3);
	assert_int_equal(mbuf_packet_len(pkts[0]), 2 * MBUF_ROOM + 10);
	assert_int_equal(pkts[0]->next->next->len, 10);
	assert_null(pkts[0]->next->next->next);
	assert_null(pkts[1]->next);
	assert_int_equal(pkts[1]->len, MBUF_ROOM);
	assert_int_equal(pkts[2]->data[59], 60);
	for (int i = 0; i < 3; i++)
		mbuf_free_chain(&r->pool, pkts[i]);
	assert_int_equal(r->pool.nfree, FRAMES - 4);
}

/* Packets of many segments: what one has taken is there again for the next, of
 * whatever size. */
static void test_rx_large(void **state)
{
	static const u32 lens[] = { 60, LARGEST, 61, MBUF_ROOM + 1, LARGEST };
	struct rig *r = *state;
	struct mbuf *m;

	r->t.parts = TAP_MAX_PARTS;
	for (u32 i = 0; i < ARRAY_SIZE(lens); i++) {
		u32 len = 0;

		deliver(r, lens[i], VIRTIO_NET_HDR_F_NEEDS_CSUM);
		assert_int_equal(rx(r, &m, 1), 1);
		assert_int_equal(m->flags, MBUF_CSUM_OK);
		assert_int_equal(mbuf_packet_len(m), lens[i]);
		for (const struct mbuf *p = m; p; p = p->next) {
			len += p->len;
			assert_int_equal(p->data[0], (u8)lens[i]);
			assert_int_equal(p->data[p->len - 1], (u8)lens[i]);
		}
		assert_int_equal(len, lens[i]);
		mbuf_free_chain(&r->pool, m);
		assert_int_equal(r->pool.nfree + r->t.nready, FRAMES);
	}
}

/* A batch is of as many packets as it may be of frames. */
static void test_rx_batch(void **state)
{
	struct rig *r = *state;
	struct mbuf *pkts[8];

	r->t.parts = 4;
	for (u32 i = 0; i < 8; i++)
		deliver(r, 3 * MBUF_ROOM, 0);
	assert_int_equal(rx(r, pkts, 8), 3);
	for (u32 i = 0; i < 3; i++)
		mbuf_free_chain(&r->pool, pkts[i]);
	assert_int_equal(rx(r, pkts, 8), 3);
	for (u32 i = 0; i < 3; i++)
		mbuf_free_chain(&r->pool, pkts[i]);
	assert_int_equal(rx(r, pkts, 8), 2);
}

static void test_rx_no_buffer(void **state)
{
	struct rig *r = *state;
	struct mbuf *held[FRAMES], *m;
	int n = 0;

	while (r->pool.nfree > nic_reserve(&r->pool))
		held[n++] = mbuf_alloc(&r->pool);
	deliver(r, 60, 0);
	assert_int_equal(rx(r, &m, 1), 0);
	assert_int_equal(r->t.q.nr_drops, 1);
	while (n)
		mbuf_free(&r->pool, held[--n]);
	assert_int_equal(rx(r, &m, 1), 1);
}

/* When TCP keeps nothing more of what it receives, reception goes on. */
static void test_rx_short(void **state)
{
	struct rig *r = *state;
	struct mbuf *m;

	while (r->pool.nfree > FRAMES / 16)
		mbuf_alloc(&r->pool);
	for (u32 i = 0; i < 2 * FRAMES; i++) {
		deliver(r, 60, 0);
		assert_int_equal(rx(r, &m, 1), 1);
		mbuf_free(&r->pool, m);
	}
}

/* An IPv4 frame of protocol @proto with an option word. */
static struct mbuf *frame(struct rig *r, u8 proto)
{
	struct mbuf *m = mbuf_alloc(&r->pool);

	m->len = 64;
	memset(m->data, 0, m->len);
	m->data[12] = 8;
	m->data[14] = 0x46;
	m->data[23] = proto;
	return m;
}

/* What came out, behind @h; its length. */
static ssize_t sent(struct rig *r, struct virtio_net_hdr *h, u8 *data)
{
	u8 buf[2 * MBUF_SIZE];
	ssize_t n = recv(r->far, buf, sizeof(buf), 0);

	assert_true(n >= HDR);
	memcpy(h, buf, HDR);
	memcpy(data, buf + HDR, (size_t)n - HDR);
	return n - HDR;
}

static void test_tx_cksum(void **state)
{
	static const struct {
		u8 proto, offset;
	} cases[] = { { 6, 16 }, { 17, 6 }, { 1, 0 } };
	struct rig *r = *state;
	struct virtio_net_hdr h;
	u8 data[MBUF_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mbuf *m = frame(r, cases[i].proto);

		assert_int_equal(tap_ops.tx(&r->t.q, &m, 1, 0), 1);
		assert_int_equal(sent(r, &h, data), 64);
		assert_int_equal(h.csum_offset, cases[i].offset);
		assert_int_equal(h.csum_start, cases[i].offset ? 14 + 24 : 0);
		assert_int_equal(h.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	}
	assert_int_equal(r->pool.nfree, FRAMES);
	assert_int_equal(r->t.q.nr_kicks, 3);
}

/* TCP headers of 32 bytes behind those of IPv4 with an option word, or IPv6. */
static void test_tx_large(void **state)
{
	struct rig *r = *state;
	struct virtio_net_hdr h;
	u8 data[MBUF_SIZE];

	for (int v6 = 0; v6 < 2; v6++) {
		struct mbuf *m = frame(r, 6);
		u16 at = v6 ? 14 + 40 : 14 + 24;

		m->len = 128;
		memset(m->data + 64, 0, 64);
		if (v6) {
			memcpy(m->data + 12, (u8[]){ 0x86, 0xdd }, 2);
			m->data[14 + 6] = 6;
		}
		m->data[at + 12] = 8 << 4;
		m->flags = MBUF_LARGE;
		m->seg = 1448;
		assert_int_equal(tap_ops.tx(&r->t.q, &m, 1, 0), 1);
		assert_int_equal(sent(r, &h, data), 128);
		assert_int_equal(h.gso_type, v6 ? VIRTIO_NET_HDR_GSO_TCPV6
						: VIRTIO_NET_HDR_GSO_TCPV4);
		assert_int_equal(h.gso_size, 1448);
		assert_int_equal(h.hdr_len, at + 32);
		assert_int_equal(h.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
		assert_int_equal(h.csum_start, at);
	}
	assert_int_equal(r->pool.nfree, FRAMES);
}

static void test_tx_gather(void **state)
{
	struct rig *r = *state;
	struct mbuf *m = frame(r, 6);
	struct virtio_net_hdr h;
	u8 data[MBUF_SIZE];

	m->ext[0] = (struct mbuf_ext){ (const u8 *)"hello, ", 7, 0 };
	m->ext[1] = (struct mbuf_ext){ (const u8 *)"world", 5, 0 };
	m->nr_ext = 2;
	m->next = mbuf_alloc(&r->pool);
	m->next->len = 1;
	m->next->data[0] = '!';
	assert_int_equal(tap_ops.tx(&r->t.q, &m, 1, 0), 1);
	assert_int_equal(sent(r, &h, data), 64 + 13);
	assert_memory_equal(data + 64, "hello, world!", 13);
	assert_int_equal(r->pool.nfree, FRAMES);
}

/* A full device takes no more; the rest stays the caller's. */
static void test_tx_full(void **state)
{
	struct rig *r = *state;
	int n = 0;

	for (;; n++) {
		struct mbuf *m = frame(r, 6);

		if (!tap_ops.tx(&r->t.q, &m, 1, 0)) {
			assert_int_equal(r->pool.nfree, FRAMES - 1);
			mbuf_free(&r->pool, m);
			break;
		}
	}
	assert_true(n > 0);
	assert_int_equal(r->pool.nfree, FRAMES);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_rx),	  T(test_rx_jumbo),	T(test_rx_large),
		T(test_rx_batch), T(test_rx_no_buffer), T(test_rx_short),
		T(test_tx_cksum), T(test_tx_gather),	T(test_tx_large),
		T(test_tx_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
