/* SPDX-License-Identifier: MIT */
/* net/tcp_fast.c, tcp_answer.h: that both families take the fast path, and when
 * it tells the application itself. That it does what the long way does is shown
 * by test/fuzz/f_fast.c. */
#include "rig.h"
#include "test.h"

#include <string.h>

#include "base/errno.h"
#include "base/word.h"
#include "net/tcp_answer.h"

enum { V4, V6, BOTH };

struct pair {
	struct rig *r;
	struct rig_peer peer[BOTH];
	struct tcp_conn *conn[BOTH];
};

static struct pair open_pair(void)
{
	struct pair p = { .r = rig_new() };
	struct tcp *t = &p.r->dp.net.tcp;

	p.r->conf.net.tcp.timestamps = true;
	p.r->conf.net.ip6 = (struct ip6_conf){
		.own = { { rig_ip6, 64 } },
		.nown = 1,
		.detect = true,
	};
	rig_start(p.r);
	assert_int_equal(rig_listen(p.r, 4), 0);
	p.conn[V4] =
		&t->conns[handle_index(rig_accept_ts(p.r, &p.peer[V4], 0))];
	p.conn[V6] =
		&t->conns[handle_index(rig_accept_ip6(p.r, &p.peer[V6], 1))];
	rig_drain(p.r);
	return p;
}

/* ... on which something has been said before. */
static struct pair talking_pair(void)
{
	struct pair p = open_pair();

	for (int i = 0; i < BOTH; i++)
		tcp_spoken(&p.r->dp.net.tcp, p.conn[i]);
	return p;
}

/* A segment of ten bytes, received and not looked at yet. */
static struct mbuf *segment(struct pair *p, int family)
{
	struct nicq *q = &p->r->nic.q;
	struct mbuf *m;

	rig_inject_tcp(p->r, &p->peer[family], TCP_ACK | TCP_PSH, "0123456789",
		       10);
	assert_int_equal(q->ops->rx(q, &m, 1, p->r->now), 1);
	return m;
}

static void put_back(struct pair *p, struct mbuf *m, int family)
{
	mbuf_free(&p->r->dp.pool, m);
	p->peer[family].seq -= 10;
}

/* Run by run, as net_rx() does. */
static u32 fast_in(struct pair *p, struct mbuf *const *m, u32 n)
{
	u32 i = 0, got;

	do {
		got = tcp_fast_in(&p->r->dp.net, m + i, n - i, p->r->now);
		i += got;
	} while (i < n && got);
	return i;
}

/* Who is silent is on a list: the long way takes him off. */
static void first_words(void **state)
{
	struct pair p = open_pair();
	struct net *net = &p.r->dp.net;
	struct mbuf *m = segment(&p, V4);

	assert_int_equal(net->tcp.nsilent, BOTH);
	assert_int_equal(fast_in(&p, &m, 1), 0);
	assert_int_equal(net_rx(net, &m, 1, p.r->now), 1);
	assert_false(tcp_may_answer(p.conn[V6]));
	assert_int_equal(tcp_answer_later(net, p.conn[V6], 0, p.r->arena, 64),
			 64);
	assert_int_equal(net->tcp.nsilent, 0);
	m = segment(&p, V4);
	assert_int_equal(fast_in(&p, &m, 1), 1);
	rig_end(p.r);
}

static void segments_in(void **state)
{
	struct pair p = talking_pair();
	struct mbuf *m[] = { segment(&p, V4), segment(&p, V6), segment(&p, V6),
			     segment(&p, V4) };

	assert_int_equal(fast_in(&p, m, ARRAY_SIZE(m)), ARRAY_SIZE(m));
	for (int i = 0; i < BOTH; i++)
		assert_int_equal(p.conn[i]->rx_bytes, 20);
	rig_end(p.r);
}

static void answers_out(void **state)
{
	struct pair p = talking_pair();
	struct net *net = &p.r->dp.net;

	for (int i = 0; i < BOTH; i++) {
		u32 ntx = net->ntx;

		assert_int_equal(
			tcp_answer(net, p.conn[i], 0, p.r->arena, 64, p.r->now),
			64);
		assert_int_equal(net->ntx, ntx + 1);
		assert_false(p.conn[i]->flags & TCP_F_ON_OUT);
	}
	rig_end(p.r);
}

/* In the NIC's ring the frame is the same, and needs no buffer; but none goes
 * past one that waits in txq, and none where there is no room. */
static void answers_in_place(void **state)
{
	static u8 mem[sizeof(struct ring) + 256 * RING_GRAIN + 2048] ALIGNED(
		CACHE_LINE);
	struct pair p = open_pair(), q = open_pair();
	struct net *net = &p.r->dp.net, *other = &q.r->dp.net;
	struct ring_tx tx;
	struct ring_rx rx;
	struct ring_frame f = { 0 };
	u32 nfree = net->pool->nfree;

	ring_tx_open(&tx, (struct ring *)mem, 256);
	ring_rx_open(&rx, (struct ring *)mem, 256);
	net->direct = &tx;
	memset(p.r->arena, 'x', 64);
	memset(q.r->arena, 'x', 64);
	for (int i = 0; i < BOTH; i++) {
		const struct mbuf *m;
		u64 bytes = p.r->stat.tx_bytes;

		tcp_answer(net, p.conn[i], 0, p.r->arena, 64, p.r->now);
		tcp_answer(other, q.conn[i], 0, q.r->arena, 64, q.r->now);
		m = other->txq[i];
		ring_publish(&tx);
		assert_true(ring_peek(&rx, &f));
		assert_int_equal(f.len, m->len);
		assert_memory_equal(f.data, m->data, m->len);
		ring_next(&rx, &f);
		assert_int_equal(net->ndirect, i + 1);
		assert_int_equal(p.r->stat.tx_bytes - bytes, m->len);
	}
	assert_int_equal(net->ntx, 0);
	assert_int_equal(net->pool->nfree, nfree);
	tx.end = tx.prod; /* full, as far as it knows */
	store_release(&tx.ring->cons, tx.end - tx.mask - 1);
	tcp_answer(net, p.conn[V4], 0, p.r->arena + 999, 64, p.r->now);
	assert_int_equal(net->ntx, 1);
	ring_release(&rx);
	tcp_answer(net, p.conn[V6], 0, p.r->arena + 999, 64, p.r->now);
	assert_int_equal(net->ntx, 2);
	assert_int_equal(net->ndirect, 2);
	net->direct = NULL;
	net->ndirect = 0;
	rig_end(q.r);
	rig_end(p.r);
}

/* By way of a router, too. */
static void answers_far_away(void **state)
{
	struct pair p = talking_pair();
	struct net *net = &p.r->dp.net;
	struct be32 router = p.conn[V6]->flow.raddr;

	net->ip6.own[0].mask = ip6_mask(128); /* nobody else is on the link, */
	net->ip6.router = router;	      /* but for the router */
	addr_hold(net, router);
	assert_int_equal(
		tcp_answer(net, p.conn[V6], 0, p.r->arena, 64, p.r->now), 64);
	assert_int_equal(net->ntx, 1);
	rig_end(p.r);
}

static const struct tcp_conn *ahead(const struct pair *p, const struct mbuf *m)
{
	const struct net *net = &p->r->dp.net;

	return tcp_first_at(&net->tcp, tcp_hash_ahead(net, m));
}

/* Which connection a packet seems to be for, before it is looked at: with
 * options or without; of what holds no ports nothing is read. */
static void seen_ahead(void **state)
{
	static const u32 least[] = { ETH_LEN + IPV4_LEN + TCP_LEN,
				     ETH_LEN + IPV6_LEN + TCP_LEN };
	static const u32 proto[] = { ETH_LEN + 9, ETH_LEN + 6 };
	struct pair p = talking_pair();

	for (int i = 0; i < BOTH; i++) {
		struct mbuf *m = segment(&p, i);

		assert_ptr_equal(ahead(&p, m), p.conn[i]);
		m->len = least[i];
		assert_ptr_equal(ahead(&p, m), p.conn[i]);
		assert_int_equal(tcp_group_ahead(&p.r->dp.net, m),
				 p.conn[i]->group);
		m->data[proto[i]] ^= 1;
		assert_int_equal(tcp_hash_ahead(&p.r->dp.net, m), 0);
		assert_int_equal(tcp_group_ahead(&p.r->dp.net, m), RSS_TABLE);
		m->data[proto[i]] ^= 1;
		m->len--;
		assert_int_equal(tcp_hash_ahead(&p.r->dp.net, m), 0);
		put_back(&p, m, i);
	}
	rig_end(p.r);
}

/* An address that would be taken for the id of an IPv6 one. */
static void no_address(void **state)
{
	struct pair p = talking_pair();
	struct mbuf *m = segment(&p, V4);
	u8 *src = m->data + ETH_LEN + 12, before = *src;

	memset(src, 0, 1);
	assert_int_equal(tcp_group_ahead(&p.r->dp.net, m), RSS_TABLE);
	*src = before;
	put_back(&p, m, V4);
	rig_end(p.r);
}

/* A crowd is received and answered as few are: more than are fetched at a time,
 * and among them what has no connection. */
static void crowd(void **state)
{
	struct pair p = talking_pair();
	u32 n = 0;

	p.r->dp.net.tcp.crowd = 0;
	p.r->dp.conf.batch = DP_MAX_BATCH;
	for (int k = 0; k < 40; k++) {
		for (int i = 0; i < BOTH; i++)
			rig_inject_tcp(p.r, &p.peer[i], TCP_ACK | TCP_PSH, "x",
				       1);
		rig_inject_tcp(p.r, &(struct rig_peer){ .sport = 9 }, TCP_ACK,
			       NULL, 0);
	}
	while (rig_poll(p.r) > 0) {
		for (u32 i = 0; i < p.r->up.nevents; i++)
			n += p.r->up.events[i].len;
	}
	assert_int_equal(n, 80);
	for (int i = 0; i < BOTH; i++)
		rig_send(p.r, p.conn[i]->handle, 0, 64);
	rig_send(p.r, ~p.conn[V4]->handle, 0, 64);
	rig_run(p.r);
	assert_int_equal(p.r->up.results[V4], 64);
	assert_int_equal(p.r->up.results[V6], 64);
	assert_int_equal(p.r->up.results[BOTH], -EBADF);
	rig_end(p.r);
}

/* Somebody else has our address: nothing comes, the long way drops it. */
static void address_taken(void **state)
{
	struct pair p = talking_pair();
	struct mbuf *m = segment(&p, V6);

	p.r->dp.net.ip6.own[0].taken = p.r->dp.net.ip6.claimed = true;
	assert_int_equal(fast_in(&p, &m, 1), 0);
	assert_int_equal(net_rx(&p.r->dp.net, &m, 1, p.r->now), 1);
	assert_int_equal(p.r->stat.drop_not_ours, 1);
	assert_int_equal(p.conn[V6]->rx_bytes, 0);
	rig_end(p.r);
}

/* Where all flows collide. */
static void every_byte_of_the_addresses_counts(void **state)
{
	struct pair p = talking_pair();
	struct net *net = &p.r->dp.net;
	struct mbuf *m = segment(&p, V6);
	struct ipv6_hdr *ip = (struct ipv6_hdr *)(m->data + ETH_LEN);

	tcp_table_del(net, p.conn[V6]);
	memset(net->tcp.factor, 0, sizeof(net->tcp.factor));
	tcp_table_add(net, p.conn[V6]);
	m->flags |= MBUF_CSUM_OK;
	for (u32 i = 0; i < 2 * sizeof(ip->src); i++) {
		((u8 *)&ip->src)[i] ^= 1;
		assert_int_equal(fast_in(&p, &m, 1), 0);
		((u8 *)&ip->src)[i] ^= 1;
	}
	assert_int_equal(fast_in(&p, &m, 1), 1);
	rig_end(p.r);
}

/* An IPv4 packet whose addresses are the ids of IPv6 ones. */
static void ids_in_disguise(void **state)
{
	struct pair p = talking_pair();
	struct mbuf *m = segment(&p, V4);
	const struct tcp_conn *c = p.conn[V6];
	struct ipv4_hdr *ip = (struct ipv4_hdr *)(m->data + ETH_LEN);
	struct tcp_hdr *h = (struct tcp_hdr *)(ip + 1);

	ip->src = c->flow.raddr;
	ip->dst = c->flow.laddr;
	store32(h, c->flow.ports);
	h->seq = be32(c->rcv_nxt);
	h->ack = be32(c->snd_nxt);
	rig_fix(m->data, m->len);
	assert_int_equal(fast_in(&p, &m, 1), 0);
	assert_int_equal(net_rx(&p.r->dp.net, &m, 1, p.r->now), 1);
	assert_int_equal(c->rx_bytes, 0);
	rig_end(p.r);
}

/* The next that was told: so many bytes from @family's connection. */
static const struct ix_event *told(const struct pair *p, u32 i, int family)
{
	const struct ix_event *e = &p->r->up.events[i];

	assert_int_equal(e->type, IX_EV_RECV);
	assert_int_equal(e->cookie, family);
	assert_int_equal(e->len, 10);
	return e;
}

/* A second segment of a connection comes when all else is in the array. */
static void told_at_once(void **state)
{
	struct pair p = talking_pair();
	struct dp *dp = &p.r->dp;
	struct mbuf *m[] = { segment(&p, V4), segment(&p, V4),
			     segment(&p, V6) };

	dp_events_begin(dp);
	assert_int_equal(fast_in(&p, m, ARRAY_SIZE(m)), ARRAY_SIZE(m));
	assert_ptr_equal(dp->net.tcp.ready_head, p.conn[V4]);
	assert_null(p.conn[V4]->next_ready);
	dp_events(dp, p.r->now);
	assert_int_equal(p.r->up.nevents, 3);
	assert_int_equal(told(&p, 0, V4)->addr + MBUF_SIZE * (u64)m[1]->index,
			 told(&p, 2, V4)->addr + MBUF_SIZE * (u64)m[0]->index);
	told(&p, 1, V6);
	rig_end(p.r);
}

/* What finds no room in the array waits. */
static void told_later(void **state)
{
	struct pair p = talking_pair();
	struct dp *dp = &p.r->dp;
	struct mbuf *m[] = { segment(&p, V4), segment(&p, V6) };

	dp_events_begin(dp);
	dp->net.event_end = dp->net.event + 1;
	assert_int_equal(fast_in(&p, m, ARRAY_SIZE(m)), ARRAY_SIZE(m));
	assert_ptr_equal(dp->net.tcp.ready_head, p.conn[V6]);
	dp_events(dp, p.r->now);
	assert_int_equal(p.r->up.nevents, 2);
	told(&p, 0, V4);
	told(&p, 1, V6);
	rig_end(p.r);
}

/* The array is the application's while it works. */
static void not_while_it_works(void **state)
{
	struct pair p = talking_pair();
	struct ix_event before = { .type = 77 };

	p.r->up.events[0] = before;
	rig_inject_tcp(p.r, &p.peer[V4], TCP_ACK | TCP_PSH, "0123456789", 10);
	dp_overrun(&p.r->dp, p.r->now);
	assert_int_equal(p.conn[V4]->rx_bytes, 10);
	assert_memory_equal(&p.r->up.events[0], &before, sizeof(before));
	assert_int_equal(rig_poll(p.r), 1);
	told(&p, 0, V4);
	rig_end(p.r);
}

/* What of IPv6's header closes the fast path, and what does not. */
static void headers(void **state)
{
	static const struct {
		u32 at;
		u8 flip;
		bool takes;
	} cases[] = {
		{ 14, 0x20, false }, /* version */
		{ 15, 0x20, true },  /* class: ECT(0) */
		{ 15, 0x10, false }, /* ECT(1), a part of CE */
		{ 17, 0xff, true },  /* flow label */
		{ 19, 1, false },    /* length */
		{ 20, 6, false },    /* next header */
		{ 21, 0xff, true },  /* hop limit */
		{ 0, 1, false },     /* to a group */
		{ 3, 1, false },     /* to somebody else */
		{ 37, 1, false },    /* from somebody else */
		{ 53, 1, false },    /* to another address */
		{ 54, 1, false },    /* other ports, sum */
		{ 80, 1, false },    /* data, sum */
	};
	struct pair p = talking_pair();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mbuf *m = segment(&p, V6);

		m->data[cases[i].at] ^= cases[i].flip;
		assert_int_equal(fast_in(&p, &m, 1), cases[i].takes);
		if (!cases[i].takes)
			put_back(&p, m, V6);
	}
	rig_end(p.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_words),
		cmocka_unit_test(segments_in),
		cmocka_unit_test(answers_out),
		cmocka_unit_test(answers_in_place),
		cmocka_unit_test(answers_far_away),
		cmocka_unit_test(seen_ahead),
		cmocka_unit_test(no_address),
		cmocka_unit_test(crowd),
		cmocka_unit_test(address_taken),
		cmocka_unit_test(every_byte_of_the_addresses_counts),
		cmocka_unit_test(ids_in_disguise),
		cmocka_unit_test(headers),
		cmocka_unit_test(told_at_once),
		cmocka_unit_test(told_later),
		cmocka_unit_test(not_while_it_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
