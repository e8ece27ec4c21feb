/* SPDX-License-Identifier: MIT */
#include "net_fixture.h"
#include "tcp_stub.h"

static const struct fix_seg seg = { .sport = 1000,
				    .dport = 80,
				    .flags = TCP_ACK };

static void ipv4_reaches_tcp(void **state)
{
	struct fixture *f = *state;

	tcp_stub.segments = 0;
	assert_true(fix_in(f, fix_tcp(f, &seg, "x", 1)));
	assert_int_equal(tcp_stub.segments, 1);
}

static void short_frames(void **state)
{
	struct fixture *f = *state;

	for (u32 len = 0; len < ETH_LEN; len++) {
		assert_true(fix_in(f, fix_raw(f, fix_mac, min(len, 6u))));
		assert_int_equal(f->stat.drop_short, len + 1);
	}
}

static void unknown_types(void **state)
{
	struct fixture *f = *state;
	struct mbuf *m = fix_tcp(f, &seg, NULL, 0);

	((struct eth_hdr *)m->data)->type = be16(0x86dd);
	assert_true(fix_in(f, m));
	assert_int_equal(f->stat.drop_not_ours, 1);
}

static void arp_is_shared_once(void **state)
{
	struct fixture *f = *state;
	struct mbuf *m =
		fix_arp(f, ARP_REQUEST, fix_peer_mac, FIX_PEER, FIX_IP);

	assert_false(fix_in(f, m));
	assert_int_equal(f->net.owner, NET_ALL);
	assert_non_null(fix_tx(f)); /* the reply */
	m = fix_arp(f, ARP_REQUEST, fix_peer_mac, FIX_PEER, FIX_IP);
	m->flags |= MBUF_FORWARDED;
	assert_true(fix_in(f, m));
	fix_tx_none(f); /* the first thread has answered */
}

static void out_builds_header(void **state)
{
	struct fixture *f = *state;
	struct mbuf *m = mbuf_alloc(&f->pool);
	struct fix_frame *t;

	m->len = 28;
	memset(m->data, 0xaa, 28);
	eth_out(&f->net, m, fix_peer_mac, ETH_TYPE_ARP);
	t = fix_tx(f);
	assert_int_equal(t->len, 42);
	assert_memory_equal(t->eth->dst, fix_peer_mac, 6);
	assert_int_equal(be16_host(t->eth->type), ETH_TYPE_ARP);
	assert_int_equal(t->bytes[14], 0xaa);
}

static void full_queue_drops(void **state)
{
	struct fixture *f = *state;
	struct mbuf *m = mbuf_alloc(&f->pool);

	f->net.ntx = NET_TXQ;
	eth_out(&f->net, m, fix_peer_mac, ETH_TYPE_IPV4);
	assert_int_equal(f->stat.drop_tx_full, 1);
	f->net.ntx = 0;
}

static void flow_groups(void **state)
{
	struct fixture *f = *state;
	u32 seen[RSS_TABLE] = { 0 }, used = 0;

	for (u16 port = 1; port <= 2000; port++) {
		u32 g = net_flow_group(
			&f->net,
			flow_make(FIX_PEER, FIX_IP, be16(port), be16(80)));

		assert_true(g < RSS_TABLE);
		used += !seen[g]++;
	}
	assert_true(used > 100); /* spread out */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIX_TEST(ipv4_reaches_tcp),  FIX_TEST(short_frames),
		FIX_TEST(unknown_types),     FIX_TEST(arp_is_shared_once),
		FIX_TEST(out_builds_header), FIX_TEST(full_queue_drops),
		FIX_TEST(flow_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
