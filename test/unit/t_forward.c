/* SPDX-License-Identifier: MIT */
/* dp/forward.c: two elastic threads, packets that came to the wrong one. */
#include "rig.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

struct duo {
	struct rig *r[2];
	struct dp_forward *forward;
};

/* All flow groups belong to thread 1. */
static struct duo duo_new(void)
{
	size_t bytes = (dp_forward_bytes(2) + 63) & ~(size_t)63;
	struct duo d;

	d.forward = aligned_alloc(CACHE_LINE, bytes);
	assert_non_null(d.forward);
	memset(d.forward, 0, bytes);
	dp_forward_init(d.forward, 2);
	for (u32 i = 0; i < 2; i++) {
		d.r[i] = rig_new();
		memset(d.r[i]->group_owner, 1, RSS_TABLE);
		rig_start(d.r[i]);
		d.r[i]->dp.forward = d.forward;
		d.r[i]->dp.nthreads = 2;
		d.r[i]->dp.net.thread = i;
	}
	return d;
}

static void duo_end(struct duo *d)
{
	rig_end(d->r[0]);
	rig_end(d->r[1]);
	free(d->forward);
}

static void poll_both(struct duo *d)
{
	for (u32 i = 0; i < 6; i++)
		rig_poll(d->r[i % 2]);
}

/* A whole connection whose packets all come to thread 0. */
static void test_connection(void **state)
{
	struct duo d = duo_new();
	struct rig_peer p = { .sport = 1000, .dport = RIG_PORT, .seq = 7 };
	const struct ix_event *e;
	struct rig_seg seg;

	assert_int_equal(rig_listen(d.r[1], 4), 0);
	rig_inject_tcp(d.r[0], &p, TCP_SYN, NULL, 0);
	poll_both(&d);
	assert_false(rig_segment(d.r[0], &seg));
	assert_true(rig_segment(d.r[1], &seg));
	assert_int_equal(seg.flags, TCP_SYN | TCP_ACK);
	p.ack = seg.seq + 1;
	rig_inject_tcp(d.r[0], &p, TCP_ACK, NULL, 0);
	rig_poll(d.r[0]);
	rig_poll(d.r[1]);
	e = rig_event(d.r[1], IX_EV_KNOCK, 0);
	assert_non_null(e);
	rig_call(d.r[1], IX_ACCEPT)->handle = e->handle;
	assert_int_equal(rig_one(d.r[1]), 0);

	rig_inject_tcp(d.r[0], &p, TCP_ACK | TCP_PSH, "hello", 5);
	rig_poll(d.r[0]);
	rig_poll(d.r[1]);
	e = rig_event(d.r[1], IX_EV_RECV, 0);
	assert_non_null(e);
	assert_memory_equal(d.r[1]->frames + (e->addr - RIG_APP_FRAMES),
			    "hello", 5);
	assert_int_equal(d.r[0]->stat.forwarded, 3);
	assert_int_equal(d.r[0]->stat.drop_forward, 0);
	duo_end(&d);
}

static struct mbuf *packet(struct rig *r, u32 parts, u32 len)
{
	struct mbuf *head = NULL;

	while (parts--) {
		struct mbuf *m = mbuf_alloc(&r->dp.pool);

		memset(m->data, 0, len);
		m->len = len;
		m->next = head;
		head = m;
	}
	return head;
}

/* A thread that does not take its packets loses them, and holds up nobody. */
static void test_full(void **state)
{
	struct duo d = duo_new();
	struct mbuf *m = packet(d.r[0], 1, 1500);
	u32 n = 0;

	while (!d.r[0]->stat.drop_forward) {
		dp_forward_push(&d.r[0]->dp, 1, m);
		n++;
	}
	assert_in_range(n, 17, 200);
	rig_poll(d.r[0]); /* shows what was pushed */
	while (rig_poll(d.r[1]) >= 0)
		;
	assert_int_equal(d.r[1]->stat.drop_not_ours, n - 1);
	dp_forward_push(&d.r[0]->dp, 1, m);
	assert_int_equal(d.r[0]->stat.drop_forward, 1);
	poll_both(&d);
	mbuf_free_chain(&d.r[0]->dp.pool, m);
	duo_end(&d);
}

static void test_chains(void **state)
{
	struct duo d = duo_new();
	struct mbuf *fits = packet(d.r[0], 3, 500);
	struct mbuf *jumbo = packet(d.r[0], 5, 1700);

	dp_forward_push(&d.r[0]->dp, 1, fits);
	dp_forward_push(&d.r[0]->dp, 1, jumbo);
	dp_forward_push(&d.r[0]->dp, 2, fits); /* no such thread */
	assert_int_equal(d.r[0]->stat.forwarded, 2);
	assert_int_equal(d.r[0]->stat.drop_forward, 1);
	poll_both(&d);
	assert_int_equal(d.r[1]->stat.drop_not_ours, 2);
	mbuf_free_chain(&d.r[0]->dp.pool, fits);
	mbuf_free_chain(&d.r[0]->dp.pool, jumbo);
	duo_end(&d);
}

/* A packet of several pieces comes whole or not at all: where the ring is full,
 * and where the receiver's buffers are. */
static void test_pieces_lost(void **state)
{
	struct duo d = duo_new();
	struct mbuf *jumbo = packet(d.r[0], 5, 1700);
	struct mbuf_pool *pool = &d.r[1]->dp.pool;
	struct mbuf *taken[4096];
	u32 n = 0, k = 0;

	while (!d.r[0]->stat.drop_forward) {
		dp_forward_push(&d.r[0]->dp, 1, jumbo);
		n++;
	}
	rig_poll(d.r[0]);
	while (rig_poll(d.r[1]) >= 0)
		;
	assert_in_range(n, 10, 40);
	assert_int_equal(d.r[1]->stat.drop_not_ours, n - 1);
	while (pool->nfree > 3)
		taken[k++] = mbuf_alloc(pool);
	dp_forward_push(&d.r[0]->dp, 1, jumbo);
	rig_poll(d.r[0]);
	rig_poll(d.r[1]);
	assert_int_equal(d.r[1]->stat.drop_forward, 1);
	assert_int_equal(pool->nfree, 3);
	while (k)
		mbuf_free(pool, taken[--k]);
	mbuf_free_chain(&d.r[0]->dp.pool, jumbo);
	duo_end(&d);
}

/* What is opened by IPv6 has a port whose answers a NIC brings to us: nothing
 * of it is forwarded. */
static void test_ports_by_ip6(void **state)
{
	struct rig *r = rig_new();
	struct {
		struct be128 raddr, laddr;
		struct be16 rport, lport;
	} PACKED tuple = { rig_peer_ip6, rig_ip6, be16(443), be16(0) };

	r->conf.net.ip6 =
		(struct ip6_conf){ .own = { { rig_ip6, 64 } }, .nown = 1 };
	for (u32 g = 0; g < RSS_TABLE; g++)
		r->group_owner[g] = g % 4;
	rig_start(r);
	r->dp.net.thread = 2;
	for (u32 i = 0; i < 16; i++) {
		struct ix_call *c = rig_call(r, IX_CONNECT);
		const struct tcp_conn *conn = &r->dp.net.tcp.conns[i];
		u32 hash;

		memcpy(&c->ip, &rig_peer_ip6, sizeof(c->ip));
		c->port = 443;
		assert_true(rig_one(r) >= 0);
		tuple.lport = conn->flow.lport;
		hash = hash_toeplitz(rss_symmetric_key, &tuple, sizeof(tuple));
		assert_int_equal(hash % RSS_TABLE % 4, 2);
		assert_int_equal(conn->group, hash % RSS_TABLE);
	}
	r->dp.net.thread = 0;
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports_by_ip6),
		cmocka_unit_test(test_connection),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_pieces_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
