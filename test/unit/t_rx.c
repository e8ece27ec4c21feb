/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "rig.h"

static void inject_junk(struct rig *r, int n, u32 len)
{
	u8 frame[9000] = { 0 };

	while (n--)
		assert_true(fake_nic_inject(&r->nic, frame, len));
}

static void bounded_batch(void **state)
{
	struct rig *r = rig_new();

	r->conf.batch = 16;
	rig_start(r);
	inject_junk(r, 40, 60);
	assert_int_equal(dp_rx(&r->dp, r->now), 16);
	assert_int_equal(dp_rx(&r->dp, r->now), 16);
	assert_int_equal(dp_rx(&r->dp, r->now), 8);
	assert_int_equal(dp_rx(&r->dp, r->now), 0);
	assert_int_equal(r->stat.rx_packets, 40);
	assert_int_equal(r->stat.rx_bytes, 40 * 60);
	assert_int_equal(r->stat.rx_batch[4], 2);
	assert_int_equal(r->stat.rx_batch[3], 1);
	rig_end(r);
}

static void largest_batch(void **state)
{
	struct rig *r = rig_new();

	r->conf.batch = DP_MAX_BATCH;
	rig_start(r);
	inject_junk(r, 300, 60);
	assert_int_equal(dp_rx(&r->dp, r->now), 256);
	assert_int_equal(r->stat.rx_batch[8], 1);
	rig_end(r);
}

/* Every fragment counts, and every fragment comes back. */
static void fragments(void **state)
{
	struct rig *r = rig_new();

	rig_start(r);
	inject_junk(r, 3, 9000);
	assert_int_equal(dp_rx(&r->dp, r->now), 3);
	assert_int_equal(r->stat.rx_bytes, 27000);
	assert_int_equal(r->dp.pool.nfree, r->dp.pool.total);
	rig_end(r);
}

/* A thread that owns nothing hands TCP packets on, and ARP to everyone. */
static void to_other_threads(void **state)
{
	struct rig *r = rig_new();
	struct rig_peer p = { .sport = 1, .dport = 80 };
	u8 arp[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  0, 0, 0, 0,
		       2,    0x08, 0x06, 0,    1,    8,	   0,  6, 4, 0, 1,
		       2,    0,	   0,	 0,    0,    2,	   10, 0, 0, 2, 0,
		       0,    0,	   0,	 0,    0,    10,   0,  0, 1 };
	struct dp_forward *f;

	rig_start(r);
	f = aligned_alloc(64, (dp_forward_bytes(3) + 63) & ~63ul);
	memset(f, 0, dp_forward_bytes(3));
	dp_forward_init(f, 3);
	r->dp.forward = f;
	r->dp.nthreads = 3;
	memset(r->group_owner, 2, sizeof(r->group_owner));
	rig_inject_tcp(r, &p, TCP_SYN, NULL, 0);
	assert_int_equal(dp_rx(&r->dp, r->now), 1);
	assert_int_equal(r->stat.forwarded, 1);
	assert_true(fake_nic_inject(&r->nic, arp, sizeof(arp)));
	assert_int_equal(dp_rx(&r->dp, r->now), 1);
	assert_int_equal(r->stat.forwarded, 3);
	dp_tx(&r->dp, r->now);
	assert_int_equal(r->dp.pool.nfree, r->dp.pool.total);
	r->dp.forward = NULL;
	r->dp.nthreads = 1;
	free(f);
	rig_end(r);
}

/* Where who steers knows no flow groups some packets are counted, each as often
 * as others whatever its turn, and whosever it is. */
static void sampled(void **state)
{
	enum { PEERS = 64, ROUNDS = 300 };
	struct rig *r = rig_new();
	u32 came[RSS_TABLE] = { 0 }, sum = 0;

	rig_start(r);
	for (u32 i = 0; i < PEERS * ROUNDS; i++) {
		struct rig_peer p = { .sport = (u16)(1 + i % PEERS),
				      .dport = 80 };
		struct flow f = flow_make(rig_peer_ip, rig_ip, be16(p.sport),
					  be16(p.dport));

		came[net_flow_group(&r->dp.net, f)]++;
		rig_inject_tcp(r, &p, TCP_ACK, NULL, 0);
		dp_rx(&r->dp, r->now);
		dp_tx(&r->dp, r->now);
		if (i == PEERS)
			assert_int_equal(r->dp.sampled, 0);
		r->dp.samples = i >= PEERS;
	}
	for (u32 g = 0; g < RSS_TABLE; g++) {
		sum += r->dp.came[g];
		assert_in_range(r->dp.came[g], came[g] / 50, came[g] / 20);
	}
	assert_in_range(sum, PEERS * ROUNDS / 34, PEERS * ROUNDS / 30);
	rig_end(r);
}

/* How long packets may have waited: since the look before, or the wake-up. */
static void delay(void **state)
{
	struct rig *r = rig_new();
	u64 t;

	rig_start(r);
	t = r->now;
	inject_junk(r, 3, 60);
	assert_int_equal(dp_rx(&r->dp, t += 5000), 3);
	assert_int_equal(dp_rx(&r->dp, t += 100000), 0);
	inject_junk(r, 1, 60);
	assert_int_equal(dp_rx(&r->dp, t += 1000), 1);
	assert_int_equal(r->stat.rx_delay_ns, 3 * 5000 + 1000);
	assert_int_equal(r->stat.rx_delay[12], 3);
	assert_int_equal(r->stat.rx_delay[9], 1);

	r->dp.polled_at = t += 7000; /* slept */
	inject_junk(r, 2, 60);
	assert_int_equal(dp_rx(&r->dp, t), 2);
	assert_int_equal(r->stat.rx_delay[0], 2);

	inject_junk(r, 1, 60);
	assert_int_equal(dp_rx(&r->dp, t + (1ull << 40)), 1);
	assert_int_equal(r->stat.rx_delay[IX_DELAY_BUCKETS - 1], 1);
	rig_end(r);
}

static u64 read_at_of(struct rig *r, u32 packets, u32 len, u32 unread, u64 now)
{
	inject_junk(r, (int)packets, len);
	r->nic.q.nr_unread = unread;
	assert_int_equal(dp_rx(&r->dp, now), packets);
	return r->dp.net.tcp.read_at;
}

static u64 read_at(struct rig *r, u32 packets, u32 unread, u64 now)
{
	return read_at_of(r, packets, 60, unread, now);
}

/* Up to when has all been read that had come? While there is a queue, what was
 * its end tells. */
static void unread(void **state)
{
	struct rig *r = rig_new();

	rig_start(r);
	assert_int_equal(read_at(r, 3, 0, 5000), 5000);
	assert_int_equal(read_at(r, 8, 20, 6000), 5000); /* 20 are left, */
	assert_int_equal(read_at(r, 8, 30, 7000), 5000); /* 12 of them, */
	assert_int_equal(read_at(r, 8, 40, 8000), 5000); /* 4 */
	assert_int_equal(read_at(r, 8, 36, 9000), 6000); /* 36 */
	for (u32 i = 1; i <= 4; i++)
		assert_int_equal(read_at(r, 8, 36, 9000 + i), 6000);
	assert_int_equal(read_at(r, 8, 36, 10000), 9000);
	assert_int_equal(read_at(r, 36, 0, 11000), 11000);
	assert_int_equal(read_at(r, 0, 0, 12000), 12000);
	rig_end(r);
}

/* The queue is counted in buffers: packets of several are fewer. */
static void unread_large(void **state)
{
	enum { LARGE = 4000, PARTS = 3 };
	struct rig *r = rig_new();

	rig_start(r);
	assert_int_equal(read_at(r, 0, 0, 4000), 4000);
	assert_int_equal(read_at_of(r, 2, LARGE, 4 * PARTS, 5000), 4000);
	assert_int_equal(read_at_of(r, 2, LARGE, 5 * PARTS, 6000), 4000);
	assert_int_equal(read_at_of(r, 2, LARGE, 7 * PARTS, 7000), 5000);
	/* However it has been counted: nothing is left. */
	assert_int_equal(read_at_of(r, 1, LARGE, 0, 8000), 8000);
	assert_int_equal(read_at(r, 0, 0, 9000), 9000);
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounded_batch),
		cmocka_unit_test(largest_batch),
		cmocka_unit_test(fragments),
		cmocka_unit_test(to_other_threads),
		cmocka_unit_test(sampled),
		cmocka_unit_test(delay),
		cmocka_unit_test(unread),
		cmocka_unit_test(unread_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
