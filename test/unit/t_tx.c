/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "rig.h"

static void queue(struct rig *r, u32 len, u8 tag)
{
	struct mbuf *m = mbuf_alloc(&r->dp.pool);

	m->len = len;
	memset(m->data, tag, len);
	net_tx(&r->dp.net, m);
}

static void one_batch_one_kick(void **state)
{
	struct rig *r = rig_new();

	rig_start(r);
	assert_int_equal(dp_tx(&r->dp, r->now), 0);
	assert_int_equal(r->nic.q.nr_kicks, 0);
	for (int i = 0; i < 5; i++)
		queue(r, 100, (u8)i);
	assert_int_equal(dp_tx(&r->dp, r->now), 5);
	assert_int_equal(r->nic.q.nr_kicks, 1);
	assert_int_equal(r->stat.tx_packets, 5);
	assert_int_equal(r->stat.tx_bytes, 500);
	assert_int_equal(r->dp.pool.nfree, r->dp.pool.total);
	rig_end(r);
}

/* What a full NIC leaves behind goes first next time. */
static void short_take(void **state)
{
	struct rig *r = rig_new();

	rig_start(r);
	for (int i = 0; i < 5; i++)
		queue(r, 100 + (u32)i, (u8)i);
	r->nic.tx_limit = 2;
	assert_int_equal(dp_tx(&r->dp, r->now), 2);
	assert_int_equal(r->stat.tx_bytes, 201);
	assert_int_equal(r->dp.net.ntx, 3);
	r->nic.tx_limit = 0;
	assert_int_equal(dp_tx(&r->dp, r->now), 0);
	assert_int_equal(r->nic.q.nr_kicks, 1);
	assert_int_equal(dp_next_deadline(&r->dp, r->now), 0);
	r->nic.tx_limit = UINT32_MAX;
	queue(r, 105, 5);
	assert_int_equal(dp_tx(&r->dp, r->now), 4);
	assert_int_equal(r->stat.tx_bytes, 615);
	for (u32 i = 0; i < 6; i++) {
		const struct fake_frame *f = fake_nic_collect(&r->nic);

		assert_int_equal(f->len, 100 + i);
		assert_int_equal(f->data[0], i);
	}
	rig_end(r);
}

static void pending_kick(void **state)
{
	struct rig *r = rig_new();

	rig_start(r);
	r->nic.q.tx_pending = true;
	dp_tx(&r->dp, r->now);
	assert_int_equal(r->nic.q.nr_kicks, 1);
	assert_int_equal(dp_next_deadline(&r->dp, r->now), 0);
	r->nic.q.tx_pending = false;
	rig_end(r);
}

static void reclaims_late(void **state)
{
	struct rig *r = rig_new();

	rig_start(r);
	r->nic.hold = true;
	queue(r, 100, 1);
	dp_tx(&r->dp, r->now);
	assert_int_equal(r->dp.pool.nfree, r->dp.pool.total - 1);
	r->nic.hold = false;
	dp_tx(&r->dp, r->now);
	assert_int_equal(r->dp.pool.nfree, r->dp.pool.total);
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_batch_one_kick),
		cmocka_unit_test(short_take),
		cmocka_unit_test(pending_kick),
		cmocka_unit_test(reclaims_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
