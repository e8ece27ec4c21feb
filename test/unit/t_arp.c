/* SPDX-License-Identifier: MIT */
#include "net_fixture.h"

#include "base/errno.h"

enum { TIMEOUT_MS = 60000, RETRY_MS = 1000 };

/* An IP packet to @ip, marked by its first byte. */
static int send(struct fixture *f, struct be32 ip, u8 mark)
{
	struct mbuf *m = mbuf_alloc(&f->pool);

	m->len = 4;
	memset(m->data, mark, 4);
	return ip_out(&f->net, m, FIX_IP, ip, 99, 0, NULL, f->now);
}

static void reply(struct fixture *f, struct be32 ip, const u8 mac[6])
{
	fix_in(f, fix_arp(f, ARP_REPLY, mac, ip, FIX_IP));
}

static void assert_asks(struct fixture *f, struct be32 ip, bool unicast)
{
	static const u8 all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct fix_frame *t = fix_tx(f);

	assert_non_null(t);
	assert_non_null(t->arp);
	assert_int_equal(be16_host(t->arp->op), ARP_REQUEST);
	assert_int_equal(t->arp->tpa.raw, ip.raw);
	assert_int_equal(t->arp->spa.raw, FIX_IP.raw);
	assert_memory_equal(t->arp->sha, fix_mac, 6);
	assert_memory_equal(t->eth->dst, unicast ? fix_peer_mac : all, 6);
}

static void assert_sent(struct fixture *f, const u8 mac[6], u8 mark)
{
	struct fix_frame *t = fix_tx(f);

	assert_non_null(t);
	assert_non_null(t->ip);
	assert_memory_equal(t->eth->dst, mac, 6);
	assert_int_equal(*(u8 *)t->l4, mark);
}

static void resolves_then_sends_in_order(void **state)
{
	struct fixture *f = *state;

	for (u8 i = 0; i < 3; i++)
		assert_int_equal(send(f, FIX_PEER, i), 0);
	assert_asks(f, FIX_PEER, false);
	fix_tx_none(f); /* asked once only */
	reply(f, FIX_PEER, fix_peer_mac);
	for (u8 i = 0; i < 3; i++)
		assert_sent(f, fix_peer_mac, (u8)i);
	send(f, FIX_PEER, 7);
	assert_sent(f, fix_peer_mac, 7);
	fix_tx_none(f);
}

/* The question finds no buffer: it is asked again. */
static void question_without_a_buffer(void **state)
{
	struct fixture *f = *state;

	fix_starve(f, 1);
	assert_int_equal(send(f, FIX_PEER, 1), 0);
	fix_tx_none(f);
	fix_feed(f);
	fix_pass(f, (RETRY_MS + 1) * FIX_MS);
	assert_asks(f, FIX_PEER, false);
	reply(f, FIX_PEER, fix_peer_mac);
	assert_sent(f, fix_peer_mac, 1);
}

static void gateway_for_what_is_far(void **state)
{
	struct fixture *f = *state;

	send(f, FIX_FAR, 1);
	assert_asks(f, FIX_GATEWAY, false);
	reply(f, FIX_GATEWAY, fix_gw_mac);
	assert_sent(f, fix_gw_mac, 1);
	f->net.conf.gateway = be32(0);
	assert_int_equal(send(f, FIX_FAR, 1), -EHOSTUNREACH);
	assert_int_equal(f->stat.drop_no_route, 1);
}

static void answers_requests_and_learns(void **state)
{
	struct fixture *f = *state;
	struct fix_frame *t;

	fix_in(f, fix_arp(f, ARP_REQUEST, fix_peer_mac, FIX_PEER, FIX_IP));
	t = fix_tx(f);
	assert_non_null(t->arp);
	assert_int_equal(be16_host(t->arp->op), ARP_REPLY);
	assert_memory_equal(t->eth->dst, fix_peer_mac, 6);
	assert_memory_equal(t->arp->tha, fix_peer_mac, 6);
	assert_int_equal(t->arp->tpa.raw, FIX_PEER.raw);
	send(f, FIX_PEER, 1);
	assert_sent(f, fix_peer_mac, 1);
}

static void answers_probes_without_learning(void **state)
{
	struct fixture *f = *state;

	fix_in(f, fix_arp(f, ARP_REQUEST, fix_peer_mac, be32(0), FIX_IP));
	assert_non_null(fix_tx(f));
	assert_int_equal(f->net.neighbours.count, 0);
}

static void not_for_us(void **state)
{
	struct fixture *f = *state;

	fix_in(f, fix_arp(f, ARP_REQUEST, fix_peer_mac, FIX_PEER, FIX_GATEWAY));
	fix_tx_none(f);
	assert_int_equal(f->net.neighbours.count, 0);
}

static void unasked_replies_teach_nothing(void **state)
{
	struct fixture *f = *state;

	reply(f, FIX_PEER, fix_peer_mac);
	assert_int_equal(f->net.neighbours.count, 0);
	send(f, FIX_PEER, 1);
	assert_asks(f, FIX_PEER, false);
}

static const u8 new_mac[6] = { 2, 0, 0, 0, 0, 0x77 };

static void know_peer(struct fixture *f)
{
	send(f, FIX_PEER, 1);
	fix_tx(f);
	reply(f, FIX_PEER, fix_peer_mac);
	assert_sent(f, fix_peer_mac, 1);
}

static void assert_is(struct fixture *f, const u8 mac[6])
{
	send(f, FIX_PEER, 9);
	assert_sent(f, mac, 9);
	fix_tx_none(f);
}

static void assert_asks_both(struct fixture *f, u32 how)
{
	struct fix_frame *t;

	assert_asks(f, FIX_PEER, true);
	t = fix_tx(f);
	assert_non_null(t);
	assert_int_equal(be16_host(t->arp->op), ARP_REQUEST);
	assert_int_equal(t->arp->tpa.raw, FIX_PEER.raw);
	assert_memory_equal(t->eth->dst, new_mac, 6);
	if (how == 2) /* asked us: gets its answer */
		assert_int_equal(be16_host(fix_tx(f)->arp->op), ARP_REPLY);
	fix_tx_none(f);
}

enum { CLAIMS = 5 };

/* Another one says that it is the peer, in any way there is. */
static void claim(struct fixture *f, u32 how)
{
	static const u16 op[] = { ARP_REQUEST, ARP_REPLY, ARP_REQUEST,
				  ARP_REPLY, ARP_REQUEST };
	struct be32 target[] = { FIX_PEER, FIX_PEER, FIX_IP, FIX_IP,
				 FIX_GATEWAY };

	fix_in(f, fix_arp(f, op[how], new_mac, FIX_PEER, target[how]));
}

/* The old owner is there: whatever others say, and answer, it stays. */
static void hearsay_is_asked_back(void **state)
{
	struct fixture *f = *state;

	know_peer(f);
	for (u32 how = 0; how < CLAIMS; how++) {
		claim(f, how);
		assert_asks_both(f, how);
		assert_is(f, fix_peer_mac);
		reply(f, FIX_PEER, new_mac);
		assert_is(f, fix_peer_mac);
		fix_pass(f, (RETRY_MS - 100) * FIX_MS);
		reply(f, FIX_PEER, fix_peer_mac);
		reply(f, FIX_PEER, new_mac);
		assert_is(f, fix_peer_mac);
		fix_pass(f, 200 * FIX_MS);
		assert_is(f, fix_peer_mac);
	}
	assert_int_equal(f->net.neighbours.count, 1);
}

/* Claims without end cost no more than one exchange a retry. */
static void hearsay_is_limited(void **state)
{
	struct fixture *f = *state;
	u32 asked = 0;

	know_peer(f);
	for (u32 i = 0; i < 1000; i++) { /* 10 s */
		claim(f, i & 1);
		while (fix_tx(f))
			asked++;
		reply(f, FIX_PEER, fix_peer_mac);
		assert_is(f, fix_peer_mac);
		fix_pass(f, 10 * FIX_MS);
	}
	assert_in_range(asked, 2, 2 * 11);
}

/* The old owner is gone: the new one is in after one retry. */
static void known_neighbour_moves(void **state)
{
	struct fixture *f = *state;

	for (u32 how = 0; how < CLAIMS; how++) {
		if (f->net.neighbours.count)
			fix_pass(f, (2 * TIMEOUT_MS + 2) * FIX_MS);
		know_peer(f);
		claim(f, how);
		assert_asks_both(f, how);
		reply(f, FIX_PEER, new_mac);
		assert_is(f, fix_peer_mac); /* it may still answer */
		fix_pass(f, (RETRY_MS + 1) * FIX_MS);
		assert_is(f, new_mac);
	}
}

/* Neither answers: everyone is asked, and again from the start. */
static void nobody_is_it(void **state)
{
	struct fixture *f = *state;

	know_peer(f);
	claim(f, 0);
	assert_asks_both(f, 0);
	fix_pass(f, (RETRY_MS + 1) * FIX_MS);
	assert_asks(f, FIX_PEER, false);
	reply(f, FIX_PEER, fix_gw_mac); /* who answers first */
	assert_is(f, fix_gw_mac);
	assert_int_equal(f->net.neighbours.count, 1);
}

static void nobody_at_all(void **state)
{
	struct fixture *f = *state;

	know_peer(f);
	claim(f, 0);
	assert_asks_both(f, 0);
	fix_pass(f, (RETRY_MS + 1) * FIX_MS);
	assert_asks(f, FIX_PEER, false);
	fix_pass(f, (RETRY_MS + 1) * FIX_MS);
	assert_int_equal(f->net.neighbours.count, 0);
	assert_int_equal(f->net.wheel.count, 0);
}

/* Also one that is being asked again. */
static void stale_neighbour_moves(void **state)
{
	struct fixture *f = *state;

	know_peer(f);
	fix_pass(f, (TIMEOUT_MS + 1) * FIX_MS);
	send(f, FIX_PEER, 1);
	assert_asks(f, FIX_PEER, true);
	assert_sent(f, fix_peer_mac, 1);
	claim(f, 0);
	assert_asks_both(f, 0);
	assert_is(f, fix_peer_mac);
	reply(f, FIX_PEER, new_mac);
	fix_pass(f, (RETRY_MS + 1) * FIX_MS);
	assert_is(f, new_mac);
}

static void lies(void **state)
{
	struct fixture *f = *state;
	u8 group[6] = { 1, 0, 0x5e, 0, 0, 1 };
	struct mbuf *m;
	u64 n = 0;

	for (u32 at = 0; at < 8; at++) { /* htype to op */
		m = fix_arp(f, ARP_REQUEST, fix_peer_mac, FIX_PEER, FIX_IP);
		m->data[ETH_LEN + at] ^= 0x40;
		fix_in(f, m);
		assert_int_equal(f->stat.drop_arp, ++n);
	}
	m = fix_arp(f, ARP_REQUEST, fix_peer_mac, FIX_PEER, FIX_IP);
	m->len = ETH_LEN + ARP_LEN - 1;
	fix_in(f, m);
	fix_in(f, fix_arp(f, ARP_REQUEST, group, FIX_PEER, FIX_IP));
	fix_in(f, fix_arp(f, ARP_REQUEST, fix_peer_mac, FIX_IP, FIX_IP));
	fix_in(f,
	       fix_arp(f, ARP_REQUEST, fix_peer_mac, be32(0xffffffff), FIX_IP));
	assert_int_equal(f->stat.drop_arp, n + 4);
	fix_tx_none(f);
	assert_int_equal(f->net.neighbours.count, 0);
}

static void gives_up(void **state)
{
	struct fixture *f = *state;

	send(f, FIX_PEER, 1);
	for (int i = 0; i < 1 + 3; i++) { /* arp_retries = 3 */
		assert_asks(f, FIX_PEER, false);
		fix_tx_none(f);
		fix_pass(f, (RETRY_MS + 1) * FIX_MS);
	}
	fix_tx_none(f);
	assert_int_equal(f->stat.drop_no_route, 1);
	assert_int_equal(f->net.neighbours.count, 0);
	assert_int_equal(f->net.wheel.count, 0);
	send(f, FIX_PEER, 1);
	assert_asks(f, FIX_PEER, false); /* from the start */
}

/* However much waits for those that do not answer, a packet to each further
 * neighbour has its place; and not more wait than 1/8 of the pool. */
static void first_packet_has_its_place(void **state)
{
	struct fixture *f = *state;
	u32 limit = f->pool.total / 16, n = 0;

	for (u32 i = 0; i < 4; i++) {
		for (u32 k = 0; k < limit; k++)
			send(f, be32(0x0a000010 + i), 1);
		while (fix_tx(f))
			;
	}
	assert_in_range(f->net.neighbours.npending, limit - 2, limit + 2);
	for (u32 i = 0; i < 2 * limit; i++) {
		u64 dropped = f->stat.drop_no_route;

		send(f, be32(0x0a000040 + i), 1);
		n += f->stat.drop_no_route == dropped;
		while (fix_tx(f))
			;
	}
	assert_int_equal(f->net.neighbours.npending, 2 * limit);
	assert_true(n >= limit - 2);
}

/* ... and what there is no room for is the oldest. */
static void pending_is_bounded(void **state)
{
	struct fixture *f = *state;
	u32 bound = f->pool.total / 16 / 2; /* as many are left */

	for (u32 i = 0; i < bound + 5; i++)
		assert_int_equal(send(f, FIX_PEER, (u8)i), 0);
	assert_int_equal(f->stat.drop_no_route, 5);
	assert_int_equal(f->net.neighbours.npending, bound);
	fix_tx(f);
	reply(f, FIX_PEER, fix_peer_mac);
	assert_int_equal(f->net.neighbours.npending, 0);
	for (u32 i = 0; i < bound; i++)
		assert_sent(f, fix_peer_mac, (u8)(i + 5));
	fix_tx_none(f);
}

static void learn_peer(struct fixture *f)
{
	fix_in(f, fix_arp(f, ARP_REQUEST, fix_peer_mac, FIX_PEER, FIX_IP));
	fix_tx(f);
	assert_int_equal(f->net.neighbours.count, 1);
}

static void used_entry_is_asked_again(void **state)
{
	struct fixture *f = *state;

	learn_peer(f);
	fix_pass(f, (TIMEOUT_MS + 1) * FIX_MS);
	fix_tx_none(f); /* not before it is used */
	send(f, FIX_PEER, 1);
	assert_asks(f, FIX_PEER, true);
	assert_sent(f, fix_peer_mac, 1); /* used meanwhile */
	send(f, FIX_PEER, 2);
	assert_sent(f, fix_peer_mac, 2);
	fix_tx_none(f);
	reply(f, FIX_PEER, fix_peer_mac);
	fix_pass(f, (TIMEOUT_MS - 1) * FIX_MS);
	send(f, FIX_PEER, 3);
	assert_sent(f, fix_peer_mac, 3);
	fix_tx_none(f);
}

static void unanswered_stale_entry_goes(void **state)
{
	struct fixture *f = *state;

	learn_peer(f);
	fix_pass(f, (TIMEOUT_MS + 1) * FIX_MS);
	send(f, FIX_PEER, 1);
	assert_asks(f, FIX_PEER, true);
	assert_sent(f, fix_peer_mac, 1);
	fix_pass(f, (RETRY_MS + 1) * FIX_MS);
	assert_asks(f, FIX_PEER, true);
	fix_pass(f, (RETRY_MS + 1) * FIX_MS);
	assert_asks(f, FIX_PEER, true);
	fix_pass(f, (RETRY_MS + 1) * FIX_MS);
	assert_asks(f, FIX_PEER, false); /* everyone, last */
	fix_pass(f, (RETRY_MS + 1) * FIX_MS);
	fix_tx_none(f);
	assert_int_equal(f->net.neighbours.count, 0);
}

static void unused_entry_goes(void **state)
{
	struct fixture *f = *state;

	learn_peer(f);
	fix_pass(f, (2 * TIMEOUT_MS + 2) * FIX_MS);
	fix_tx_none(f);
	assert_int_equal(f->net.neighbours.count, 0);
	assert_int_equal(f->net.wheel.count, 0);
}

static void static_entries_stay(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(neigh_add_static(&f->net, FIX_FAR, fix_gw_mac),
			 -EINVAL);
	send(f, FIX_PEER, 1);
	fix_tx(f);
	assert_int_equal(neigh_add_static(&f->net, FIX_PEER, fix_peer_mac), 0);
	assert_sent(f, fix_peer_mac, 1);
	reply(f, FIX_PEER, fix_gw_mac); /* changes nothing */
	fix_pass(f, (3 * TIMEOUT_MS) * FIX_MS);
	send(f, FIX_PEER, 2);
	assert_sent(f, fix_peer_mac, 2);
	fix_tx_none(f);

	/* Forgotten, it is asked for, and may be told. */
	neigh_forget_static(&f->net, FIX_PEER);
	assert_int_equal(f->net.neighbours.count, 0);
	send(f, FIX_PEER, 3);
	fix_tx(f);
	fix_tx_none(f);
	reply(f, FIX_PEER, fix_gw_mac);
	assert_sent(f, fix_gw_mac, 3);
	neigh_forget_static(&f->net, FIX_PEER); /* is not fixed */
	assert_int_equal(f->net.neighbours.count, 1);
}

/* ports_only: what Linux has resolved counts, whatever SYNs say. */
static void follows_linux(void **state)
{
	struct fixture *f = *state;
	static const u8 mac[2][6] = { { 2, 0, 0, 0, 7, 1 },
				      { 2, 0, 0, 0, 7, 2 } };

	f->net.conf.ports_only = true;
	for (u8 i = 0; i < 6; i++) {
		neigh_follow(&f->net, FIX_PEER, mac[i & 1], f->now);
		neigh_follow(&f->net, FIX_GATEWAY, mac[i & 1], f->now);
		neigh_learn(&f->net, FIX_PEER, mac[!(i & 1)], f->now);
		neigh_learn(&f->net, FIX_GATEWAY, mac[!(i & 1)], f->now);
		neigh_learn(&f->net, FIX_FAR, mac[!(i & 1)], f->now);
		send(f, FIX_PEER, i);
		assert_sent(f, mac[i & 1], i);
		send(f, FIX_FAR, i);
		assert_sent(f, mac[i & 1], i);
	}
	neigh_follow(&f->net, FIX_FAR, mac[0], f->now); /* not on our link */
	neigh_follow(&f->net, FIX_IP, mac[0], f->now);
	assert_int_equal(f->net.neighbours.count, 2);
}

static void hints(void **state)
{
	struct fixture *f = *state;
	u16 hint = 0;

	learn_peer(f);
	for (int i = 0; i < 2; i++) {
		struct mbuf *m = mbuf_alloc(&f->pool);

		m->len = 1;
		ip_out(&f->net, m, FIX_IP, FIX_PEER, 99, 0, &hint, f->now);
		assert_int_equal(f->net.neighbours.entries[hint].ip.raw,
				 FIX_PEER.raw);
		assert_memory_equal(fix_tx(f)->eth->dst, fix_peer_mac, 6);
	}
	/* The entry dies: the hint is seen through. */
	fix_pass(f, (2 * TIMEOUT_MS + 2) * FIX_MS);
	for (int i = 0; i < 2; i++) {
		struct mbuf *m = mbuf_alloc(&f->pool);

		m->len = 1;
		ip_out(&f->net, m, FIX_IP, FIX_PEER, 99, 0, &hint, f->now);
	}
	assert_asks(f, FIX_PEER, false);
	fix_tx_none(f);
}

static struct be32 alike(u32 i) /* the same slot */
{
	return be32(0x0a000000 + (i + 1) * NEIGH_ENTRIES);
}

static void full_table_forgets_the_oldest(void **state)
{
	struct fixture *f = *state;
	struct neigh *e = &f->net.neighbours.entries[0];

	f->net.conf.netmask = be32(0xff000000); /* many slots alike */
	for (u32 i = 0; i <= NEIGH_PROBES; i++) {
		fix_in(f,
		       fix_arp(f, ARP_REQUEST, fix_peer_mac, alike(i), FIX_IP));
		fix_tx(f);
		fix_pass(f, FIX_MS);
	}
	assert_int_equal(f->net.neighbours.count, NEIGH_PROBES);
	assert_int_equal(e->ip.raw, alike(NEIGH_PROBES).raw);
	for (u32 i = 0; i < NEIGH_PROBES; i++)
		assert_int_equal(neigh_add_static(&f->net, e[i].ip, fix_gw_mac),
				 0);
	assert_int_equal(
		neigh_add_static(&f->net, be32(0x0a800000), fix_gw_mac),
		-ENOSPC);
	assert_int_equal(send(f, be32(0x0a800000), 1), -EHOSTUNREACH);
}

/* Resolved and used, by a flow that remembers it. */
static u16 use(struct fixture *f, struct be32 ip)
{
	u16 hint = 0;

	for (u32 i = 0; i < 2; i++) {
		struct mbuf *m = mbuf_alloc(&f->pool);

		m->len = 1;
		ip_out(&f->net, m, FIX_IP, ip, 99, 0, &hint, f->now);
		if (!i)
			reply(f, ip, fix_peer_mac);
	}
	while (fix_tx(f))
		;
	return hint;
}

/* Who asks us from many addresses, or has us ask for many, pushes out itself
 * and not those whom we talk to. */
static void flood_spares_what_is_used(void **state)
{
	enum { USED = NEIGH_PROBES - 1 };
	struct fixture *f = *state;

	f->net.conf.netmask = be32(0xff000000);
	for (u32 i = 0; i < USED; i++)
		use(f, alike(i));
	for (u32 i = 0; i < 10 * NEIGH_PROBES; i++) {
		struct be32 ip = alike(1000 + i);

		fix_in(f, fix_arp(f, ARP_REQUEST, new_mac, ip, FIX_IP));
		fix_in(f, fix_arp(f, ARP_REQUEST, new_mac, alike(5000 + i),
				  FIX_IP));
		assert_int_equal(send(f, alike(9000 + i), 1), 0);
		while (fix_tx(f))
			;
		fix_pass(f, FIX_MS);
	}
	for (u8 i = 0; i < USED; i++) {
		send(f, alike(i), i);
		assert_sent(f, fix_peer_mac, i);
	}
	fix_tx_none(f);
}

/* When all are in use, a stranger's question is answered and forgotten; a
 * packet to send gets a place, one, which is the next to go. */
static void full_of_used_ones(void **state)
{
	struct fixture *f = *state;
	u32 left = 0;

	f->net.conf.netmask = be32(0xff000000);
	for (u32 i = 0; i < NEIGH_PROBES; i++) {
		use(f, alike(i));
		fix_pass(f, FIX_MS);
	}
	fix_in(f, fix_arp(f, ARP_REQUEST, new_mac, alike(50), FIX_IP));
	assert_int_equal(be16_host(fix_tx(f)->arp->op), ARP_REPLY);
	for (u32 i = 0; i < NEIGH_PROBES; i++)
		assert_int_equal(f->net.neighbours.entries[i].ip.raw,
				 alike(i).raw);
	for (u32 i = 0; i < 20; i++)
		send(f, alike(100 + i), 1);
	for (u32 i = 0; i < NEIGH_PROBES; i++)
		left += f->net.neighbours.entries[i].ip.raw == alike(i).raw;
	assert_int_equal(left, NEIGH_PROBES - 1);
	assert_int_equal(f->net.neighbours.entries[0].ip.raw, alike(119).raw);
}

/* Anybody can send a SYN in a neighbour's name: we ask ourselves. */
static void syns_teach_nothing(void **state)
{
	struct fixture *f = *state;

	neigh_learn(&f->net, FIX_PEER, fix_gw_mac, f->now);
	neigh_learn(&f->net, FIX_FAR, fix_gw_mac, f->now);
	assert_int_equal(f->net.neighbours.count, 0);
	know_peer(f);
	neigh_learn(&f->net, FIX_PEER, fix_gw_mac, f->now);
	assert_is(f, fix_peer_mac);
}

static void ports_only(void **state)
{
	struct fixture *f = *state;
	static const u8 group[6] = { 1, 0, 0x5e, 0, 0, 1 };

	f->net.conf.ports_only = true;
	fix_in(f, fix_arp(f, ARP_REQUEST, fix_peer_mac, FIX_PEER, FIX_IP));
	arp_announce(&f->net);
	fix_tx_none(f); /* that is Linux's business */
	neigh_learn(&f->net, FIX_IP, fix_gw_mac, f->now);
	neigh_learn(&f->net, FIX_FAR, group, f->now);
	neigh_learn(&f->net, FIX_FAR, fix_gw_mac, f->now);
	send(f, FIX_FAR, 1);
	assert_sent(f, fix_gw_mac, 1);
	/* Not by hearsay, as long as it is valid. */
	neigh_learn(&f->net, FIX_FAR, fix_peer_mac, f->now);
	neigh_learn(&f->net, FIX_GATEWAY, fix_peer_mac, f->now);
	send(f, FIX_FAR, 2);
	assert_sent(f, fix_gw_mac, 2);
	fix_pass(f, (3 * TIMEOUT_MS) * FIX_MS);
	send(f, FIX_FAR, 3);
	assert_sent(f, fix_gw_mac, 3);
	neigh_learn(&f->net, FIX_FAR, fix_peer_mac, f->now);
	send(f, FIX_FAR, 4);
	assert_sent(f, fix_peer_mac, 4);
	fix_tx_none(f);
	assert_int_equal(f->net.neighbours.count, 2);
}

static void announces(void **state)
{
	struct fixture *f = *state;
	struct fix_frame *t;

	arp_announce(&f->net);
	t = fix_tx(f);
	assert_non_null(t->arp);
	assert_int_equal(t->arp->spa.raw, FIX_IP.raw);
	assert_int_equal(t->arp->tpa.raw, FIX_IP.raw);
}

static void broadcast_and_self(void **state)
{
	struct fixture *f = *state;
	static const u8 all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	static const u8 group[6] = { 1, 0, 0x5e, 0x7f, 2, 3 };

	send(f, be32(0x0a0000ff), 1);
	assert_sent(f, all, 1);
	send(f, be32(0xffffffff), 2);
	assert_sent(f, all, 2);
	send(f, be32(0xe0ff0203), 3);
	assert_sent(f, group, 3);
	assert_int_equal(send(f, FIX_IP, 4), -EHOSTUNREACH);
	fix_tx_none(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIX_TEST(resolves_then_sends_in_order),
		FIX_TEST(question_without_a_buffer),
		FIX_TEST(gateway_for_what_is_far),
		FIX_TEST(answers_requests_and_learns),
		FIX_TEST(answers_probes_without_learning),
		FIX_TEST(not_for_us),
		FIX_TEST(unasked_replies_teach_nothing),
		FIX_TEST(hearsay_is_asked_back),
		FIX_TEST(hearsay_is_limited),
		FIX_TEST(known_neighbour_moves),
		FIX_TEST(nobody_is_it),
		FIX_TEST(nobody_at_all),
		FIX_TEST(stale_neighbour_moves),
		FIX_TEST(lies),
		FIX_TEST(gives_up),
		FIX_TEST(pending_is_bounded),
		FIX_TEST(first_packet_has_its_place),
		FIX_TEST(used_entry_is_asked_again),
		FIX_TEST(unanswered_stale_entry_goes),
		FIX_TEST(unused_entry_goes),
		FIX_TEST(static_entries_stay),
		FIX_TEST(follows_linux),
		FIX_TEST(hints),
		FIX_TEST(full_table_forgets_the_oldest),
		FIX_TEST(flood_spares_what_is_used),
		FIX_TEST(full_of_used_ones),
		FIX_TEST(syns_teach_nothing),
		FIX_TEST(ports_only),
		FIX_TEST(announces),
		FIX_TEST(broadcast_and_self),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
