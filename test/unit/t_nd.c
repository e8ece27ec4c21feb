/* SPDX-License-Identifier: MIT */
#include "net_fixture6.h"

#include "net/nd.h"
#include "net/neigh_int.h"

enum { SECOND = 1000 };

static const u8 other_mac[6] = { 2, 0, 0, 0, 0, 9 };

/* An option with a link-layer address. */
struct lla {
	u8 type, len;
	u8 mac[6];
} PACKED;

/* What a message consists of; all zero: a sound one, as @type has it. */
struct msg {
	struct be128 src, dst, target;
	u32 flags;
	u8 hops, code; /* 0 hops: 255 */
	const void *opts;
	u32 len;
};

static bool hear(struct fixture *f, u8 type, const struct msg *d)
{
	struct {
		struct nd_hdr nd;
		u8 opts[200];
	} PACKED l4 = { .nd = { .type = type,
				.code = d->code,
				.flags = be32(d->flags),
				.target = d->target } };
	struct mbuf *m;

	if (d->len)
		memcpy(l4.opts, d->opts, d->len);
	m = fix6(f, d->src, d->dst, IP_PROTO_ICMP6, &l4, ND_LEN + d->len);
	fix6_of(m)->hops = d->hops ? d->hops : ND_HOPS;
	m->flags |= MBUF_FORWARDED; /* else it is everyone's */
	return fix_in(f, m);
}

/* The same, heard first. */
static void hear_first(struct fixture *f, u8 type, const struct msg *d)
{
	struct nd_hdr nd = { .type = type,
			     .flags = be32(d->flags),
			     .target = d->target };
	struct {
		struct nd_hdr nd;
		u8 opts[200];
	} PACKED l4 = { .nd = nd };

	if (d->len)
		memcpy(l4.opts, d->opts, d->len);
	assert_false(fix_in(f, fix6(f, d->src, d->dst, IP_PROTO_ICMP6, &l4,
				    ND_LEN + d->len)));
	assert_int_equal(f->net.owner, NET_ALL);
}

static const struct neigh *known(struct fixture *f, struct be128 ip)
{
	struct be32 id = addr_find(&f->net, ip);

	return id.raw ? neigh_find(&f->net, id) : NULL;
}

static void assert_known(struct fixture *f, struct be128 ip, const u8 mac[6])
{
	const struct neigh *e = known(f, ip);

	assert_non_null(e);
	assert_int_equal(e->state, NEIGH_VALID);
	assert_memory_equal(e->mac, mac, 6);
}

/* The next frame is such a message about @target. */
static const struct fix_frame *sent(struct fixture *f, u8 type, u32 flags,
				    struct be128 src, struct be128 dst,
				    struct be128 target)
{
	struct fix_frame *t = fix_tx(f);
	const struct nd_hdr *nd;
	const u8 *o;

	assert_non_null(t);
	nd = t->l4;
	assert_int_equal(t->ip6->next, IP_PROTO_ICMP6);
	assert_int_equal(t->ip6->hops, ND_HOPS);
	assert_int_equal(nd->type, type);
	assert_int_equal(be32_host(nd->flags), flags);
	assert_true(be128_equal(t->ip6->src, src));
	assert_true(be128_equal(t->ip6->dst, dst));
	assert_true(be128_equal(nd->target, target));
	if (t->l4_len > ND_LEN) {
		o = (const u8 *)(nd + 1);
		assert_int_equal(t->l4_len, ND_LEN + ND_OPT_LEN);
		assert_int_equal(o[0], type == ND_SOLICIT ? ND_OPT_SOURCE
							  : ND_OPT_TARGET);
		assert_int_equal(o[1], 1);
		assert_memory_equal(o + 2, fix_mac, 6);
	}
	return t;
}

static void answered(struct fixture *f, const u8 mac[6])
{
	const struct fix_frame *t =
		sent(f, ND_ADVERT, (u32)ND_F_SOLICITED | ND_F_OVERRIDE, fix6_ip,
		     fix6_peer, fix6_ip);

	assert_int_equal(t->l4_len, ND_LEN + ND_OPT_LEN);
	assert_memory_equal(t->eth->dst, mac, 6);
	fix_tx_none(f);
}

static struct lla lla(u8 type, const u8 mac[6])
{
	struct lla o = { .type = type, .len = 1 };

	memcpy(o.mac, mac, 6);
	return o;
}

/* ---- solicitations */

static struct msg question(void)
{
	return (struct msg){ .src = fix6_peer,
			     .dst = ip6_solicited_node(fix6_ip),
			     .target = fix6_ip };
}

static void question_is_answered(void **state)
{
	struct lla o = lla(ND_OPT_SOURCE, other_mac);
	struct fixture *f = *state;
	struct msg d = question();

	d.opts = &o;
	d.len = sizeof(o);
	fix_pass(f, 2 * SECOND * FIX_MS); /* it is ours for sure */
	hear_first(f, ND_SOLICIT, &d);
	answered(f, other_mac);
	assert_known(f, fix6_peer, other_mac);
	d.dst = fix6_ip; /* whether we are still there */
	hear_first(f, ND_SOLICIT, &d);
	answered(f, other_mac);
	assert_int_equal(fix6_held(f), 1);
}

/* One thread answers, all learn. */
static void forwarded_question(void **state)
{
	struct lla o = lla(ND_OPT_SOURCE, fix_peer_mac);
	struct fixture *f = *state;
	struct msg d = question();

	d.opts = &o;
	d.len = sizeof(o);
	assert_true(hear(f, ND_SOLICIT, &d));
	fix_tx_none(f);
	assert_known(f, fix6_peer, fix_peer_mac);
}

static void question_without_option(void **state)
{
	struct fixture *f = *state;
	struct msg d = question();

	d.dst = fix6_ip;
	fix_pass(f, 2 * SECOND * FIX_MS); /* it is ours for sure */
	hear_first(f, ND_SOLICIT, &d);
	answered(f, fix_peer_mac); /* where the frame came from */
	assert_null(known(f, fix6_peer));
	assert_int_equal(fix6_held(f), 0);
}

static void not_our_address(void **state)
{
	struct lla o = lla(ND_OPT_SOURCE, fix_peer_mac);
	struct fixture *f = *state;
	struct msg d = question();

	d.opts = &o;
	d.len = sizeof(o);
	d.target = fix6_far;
	hear_first(f, ND_SOLICIT, &d);
	d.target = fix6_ip;
	f->net.ip6.own[0].taken = true;
	hear_first(f, ND_SOLICIT, &d);
	fix_tx_none(f);
	assert_null(known(f, fix6_peer));
}

/* Who is not on the link is answered, but not made known. */
static void off_link(void **state)
{
	struct lla o = lla(ND_OPT_SOURCE, fix_peer_mac);
	struct fixture *f = *state;
	struct msg d = question();

	d.opts = &o;
	d.len = sizeof(o);
	d.src = fix6_far;
	assert_true(hear(f, ND_SOLICIT, &d));
	assert_int_equal(f->net.neighbours.count, 0);
}

/* Another one wants our address: RFC 4862 section 5.4.3. */
static void probe_is_answered(void **state)
{
	struct fixture *f = *state;
	struct msg d = question();

	d.src = fix6_nowhere;
	hear_first(f, ND_SOLICIT, &d);
	sent(f, ND_ADVERT, ND_F_OVERRIDE, fix6_ip, fix6_all_nodes, fix6_ip);
	fix_tx_none(f);
	assert_false(f->net.ip6.own[0].taken);
	assert_true(hear(f, ND_SOLICIT, &d)); /* one thread does */
	fix_tx_none(f);
}

/* RFC 4861 section 7.1.1. */
static void lies(void **state)
{
	struct lla o = lla(ND_OPT_SOURCE, fix_peer_mac);
	static const u8 empty[8] = { 14, 0 }, beyond[8] = { 14, 2 };
	static const u8 second[16] = { 14, 1, [8] = 1, 0 };
	struct fixture *f = *state;
	struct msg d[9];

	for (u32 i = 0; i < ARRAY_SIZE(d); i++)
		d[i] = question();
	d[0].hops = 254;
	d[1].code = 1;
	d[2].target = ip6_solicited_node(fix6_ip);
	d[3].opts = empty;
	d[3].len = 8;
	d[4].opts = beyond;
	d[4].len = 8;
	d[5].opts = second;
	d[5].len = 16;
	d[6].src = fix6_nowhere; /* with its link-layer address */
	d[6].opts = &o;
	d[6].len = sizeof(o);
	d[7].src = fix6_nowhere; /* to us alone */
	d[7].dst = fix6_ip;
	d[8].src = fix6_nowhere; /* to those whom it does not concern, too */
	d[8].dst = fix6_all_nodes;
	for (u32 i = 0; i < ARRAY_SIZE(d); i++) {
		assert_true(hear(f, ND_SOLICIT, &d[i]));
		assert_int_equal(f->stat.drop_nd, i + 1);
	}
	for (u32 len = 1; len < 8; len++) { /* cut off */
		d[0] = question();
		d[0].opts = &o;
		d[0].len = len;
		assert_true(hear(f, ND_SOLICIT, &d[0]));
	}
	assert_int_equal(f->stat.drop_nd, ARRAY_SIZE(d) + 7);
	assert_int_equal(f->net.neighbours.count, 0);
	fix_tx_none(f);
}

static void short_or_in_parts(void **state)
{
	static const u8 types[] = { ND_SOLICIT, ND_ADVERT, ND_ROUTER_ADVERT };
	struct fixture *f = *state;
	u64 n = 0;

	for (u32 i = 0; i < ARRAY_SIZE(types); i++) {
		u32 whole = types[i] == ND_ROUTER_ADVERT ? ND_RA_LEN : ND_LEN;
		struct nd_hdr nd = { .type = types[i], .target = fix6_ip };

		for (u32 len = ICMP_LEN; len < whole; len++) {
			fix_in(f, fix6(f, fix6_router, fix6_local,
				       IP_PROTO_ICMP6, &nd, len));
			assert_int_equal(f->stat.drop_nd, ++n);
		}
		for (u32 at = ICMP_LEN; at < whole; at++) {
			struct mbuf *m = fix6(f, fix6_router, fix6_local,
					      IP_PROTO_ICMP6, &nd, whole);

			fix_split(f, m, ETH_LEN + IPV6_LEN + at);
			fix_in(f, m);
			assert_int_equal(f->stat.drop_nd, ++n);
		}
	}
	fix_tx_none(f);
}

/* A group's address is nobody's. */
static void mac_of_a_group(void **state)
{
	static const u8 group[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	struct lla o = lla(ND_OPT_SOURCE, group);
	struct fixture *f = *state;
	struct msg d = question();

	d.opts = &o;
	d.len = sizeof(o);
	fix_pass(f, 2 * SECOND * FIX_MS); /* it is ours for sure */
	hear_first(f, ND_SOLICIT, &d);
	answered(f, fix_peer_mac);
	assert_null(known(f, fix6_peer));
}

static void ports_only(void **state)
{
	struct fixture *f = *state;
	struct msg d = question();

	f->net.conf.ports_only = true;
	assert_true(hear(f, ND_SOLICIT, &d));
	fix_tx_none(f);
	assert_int_equal(f->stat.drop_nd, 1);
}

/* ---- advertisements */

static int send(struct fixture *f, struct be128 dst)
{
	struct mbuf *m = mbuf_alloc(&f->pool);
	struct be32 id = addr_get(&f->net, dst);
	int err;

	m->len = 4;
	err = ip_out(&f->net, m, f->net.ip6.own[0].id, id, 99, 0, NULL, f->now);
	addr_put(&f->net, id);
	return err;
}

static struct msg answer(const struct lla *o)
{
	return (struct msg){ .src = fix6_peer,
			     .dst = fix6_ip,
			     .target = fix6_peer,
			     .flags = (u32)ND_F_SOLICITED | ND_F_OVERRIDE,
			     .opts = o,
			     .len = o ? sizeof(*o) : 0 };
}

static void asked(struct fixture *f)
{
	static const u8 group[6] = { 0x33, 0x33, 0xff, 0, 0, 2 };
	const struct fix_frame *t;

	t = sent(f, ND_SOLICIT, 0, fix6_ip, ip6_solicited_node(fix6_peer),
		 fix6_peer);
	assert_memory_equal(t->eth->dst, group, 6);
	assert_int_equal(t->l4_len, ND_LEN + ND_OPT_LEN);
	fix_tx_none(f);
}

static void resolves(void **state)
{
	struct lla o = lla(ND_OPT_TARGET, fix_peer_mac);
	struct fixture *f = *state;
	struct msg d = answer(&o);
	struct fix_frame *t;

	assert_int_equal(send(f, fix6_peer), 0);
	asked(f);
	assert_int_equal(send(f, fix6_peer), 0); /* asked once only */
	fix_tx_none(f);
	hear(f, ND_ADVERT, &d);
	for (int i = 0; i < 2; i++) {
		t = fix_tx(f);
		assert_non_null(t);
		assert_int_equal(t->ip6->next, 99);
		assert_memory_equal(t->eth->dst, fix_peer_mac, 6);
	}
	assert_known(f, fix6_peer, fix_peer_mac);
	assert_int_equal(fix6_held(f), 1);
}

/* What finds no buffer: a question is asked again, by us or by the peer; a
 * search for others is not repeated. */
static void without_a_buffer(void **state)
{
	struct lla o = lla(ND_OPT_TARGET, fix_peer_mac);
	struct fixture *f = *state;
	struct msg d = answer(&o), q = question();

	fix_starve(f, 1);
	assert_int_equal(send(f, fix6_peer), 0);
	nd_detect(&f->net, fix6_ip);
	nd_announce(&f->net);
	nd_router_solicit(&f->net);
	fix_tx_none(f);
	fix_feed(f);
	fix_pass(f, 1001 * FIX_MS);
	asked(f);
	hear(f, ND_ADVERT, &d);
	assert_int_equal(fix_tx(f)->ip6->next, 99);
	fix_starve(f, 1); /* for the question itself */
	hear(f, ND_SOLICIT, &q);
	assert_int_equal(f->pool.nfree, 1);
	fix_feed(f);
}

/* A gateway that is set stays, whoever advertises himself. */
static void gateway_is_set(void **state)
{
	struct fixture *f = *state;

	addr_put(&f->net, f->net.ip6.own[0].id);
	addr_put(&f->net, f->net.ip6.own[1].id);
	f->net.conf.ip6.gateway = fix6_router;
	ip6_init(&f->net, f->now);
	assert_true(f->net.ip6.router_set);
	assert_true(be128_equal(*addr_ip6(&f->net.addrs, f->net.ip6.router),
				fix6_router));
	fix_pass(f, 100000 * FIX_MS);
	fix_tx_none(f); /* nobody is looked for */
	assert_int_equal(ip6_next_hop(&f->net, f->net.ip6.own[0].id).raw,
			 f->net.ip6.own[0].id.raw);
}

/* Nobody waited for it. */
static void answer_unasked(void **state)
{
	struct lla o = lla(ND_OPT_TARGET, fix_peer_mac);
	struct fixture *f = *state;
	struct msg d = answer(&o);

	hear(f, ND_ADVERT, &d);
	assert_null(known(f, fix6_peer));
	assert_int_equal(fix6_held(f), 0);
}

static void answer_without_option(void **state)
{
	struct fixture *f = *state;
	struct msg d = answer(NULL);

	send(f, fix6_peer);
	asked(f);
	hear(f, ND_ADVERT, &d); /* says nothing to who asked all */
	assert_int_equal(known(f, fix6_peer)->state, NEIGH_ASKING);
	fix_tx_none(f);
}

/* Another one says that it is the peer: he is asked, and stays. */
static void claim_is_checked(void **state)
{
	struct lla o = lla(ND_OPT_TARGET, fix_peer_mac);
	struct fixture *f = *state;
	struct msg d = answer(&o);
	const struct fix_frame *t;

	send(f, fix6_peer);
	asked(f);
	hear(f, ND_ADVERT, &d);
	fix_tx(f);
	fix_pass(f, 2 * SECOND * FIX_MS);
	o = lla(ND_OPT_TARGET, other_mac);
	hear(f, ND_ADVERT, &d);
	t = sent(f, ND_SOLICIT, 0, fix6_ip, fix6_peer, fix6_peer);
	assert_memory_equal(t->eth->dst, fix_peer_mac, 6);
	t = sent(f, ND_SOLICIT, 0, fix6_ip, fix6_peer, fix6_peer);
	assert_memory_equal(t->eth->dst, other_mac, 6);
	fix_tx_none(f);
	assert_known(f, fix6_peer, fix_peer_mac);
	hear(f, ND_ADVERT, &d); /* the other answers first */
	o = lla(ND_OPT_TARGET, fix_peer_mac);
	hear(f, ND_ADVERT, &d);
	fix_pass(f, 2 * SECOND * FIX_MS);
	assert_known(f, fix6_peer, fix_peer_mac);
}

static void silence(void **state)
{
	struct fixture *f = *state;

	send(f, fix6_peer);
	for (u32 i = 0; i < 4; i++) {
		asked(f);
		fix_pass(f, (SECOND + 1) * FIX_MS);
	}
	fix_tx_none(f);
	assert_null(known(f, fix6_peer));
	assert_int_equal(fix6_held(f), 0);
	assert_int_equal(f->stat.drop_no_route, 1);
}

/* ARP speaks of no address that stands for an IPv6 one. */
static void arp_does_not_count(void **state)
{
	struct fixture *f = *state;
	struct be32 id;

	f->net.conf.ip = f->net.conf.netmask = be32(0); /* IPv6 alone */
	send(f, fix6_peer);
	asked(f);
	id = known(f, fix6_peer)->ip;
	fix_in(f, fix_arp(f, ARP_REPLY, other_mac, id, be32(0)));
	assert_int_equal(f->stat.drop_arp, 1);
	assert_int_equal(known(f, fix6_peer)->state, NEIGH_ASKING);
	fix_tx_none(f);
}

static void advert_lies(void **state)
{
	struct lla o = lla(ND_OPT_TARGET, fix_peer_mac);
	struct fixture *f = *state;
	struct msg d[4];

	send(f, fix6_peer);
	asked(f);
	for (u32 i = 0; i < ARRAY_SIZE(d); i++)
		d[i] = answer(&o);
	d[0].hops = 64;
	d[1].code = 1;
	d[2].target = fix6_all_nodes;
	d[3].dst = fix6_all_nodes; /* an answer is to who asked */
	for (u32 i = 0; i < ARRAY_SIZE(d); i++) {
		hear(f, ND_ADVERT, &d[i]);
		assert_int_equal(f->stat.drop_nd, i + 1);
	}
	assert_int_equal(known(f, fix6_peer)->state, NEIGH_ASKING);
}

/* ---- who else has our address? */

static void announcements(void **state)
{
	struct fixture *f = *state;
	const struct be128 own[] = { fix6_ip, fix6_local };
	struct fix_frame *t;

	ip6_announce(&f->net, f->now);
	for (u32 i = 0; i < 2; i++) {
		t = (struct fix_frame *)sent(f, ND_SOLICIT, 0, fix6_nowhere,
					     ip6_solicited_node(own[i]),
					     own[i]);
		assert_int_equal(t->l4_len, ND_LEN); /* no option */
	}
	for (u32 i = 0; i < 2; i++)
		sent(f, ND_ADVERT, 0, own[i], fix6_all_nodes, own[i]);
	t = fix_tx(f);
	assert_non_null(t);
	assert_int_equal(((struct icmp_hdr *)t->l4)->type, ND_ROUTER_SOLICIT);
	assert_true(be128_equal(t->ip6->src, fix6_local));
	assert_true(be128_equal(t->ip6->dst, fix6_all_routers));
	fix_tx_none(f);
	f->net.conf.ip6.detect = false;
	f->net.ip6.router_set = true;
	ip6_announce(&f->net, f->now);
	for (u32 i = 0; i < 2; i++)
		sent(f, ND_ADVERT, 0, own[i], fix6_all_nodes, own[i]);
	fix_tx_none(f);
	f->net.ip6.router_set = false;
}

static struct msg defence(const struct lla *o)
{
	return (struct msg){ .src = fix6_ip,
			     .dst = fix6_all_nodes,
			     .target = fix6_ip,
			     .flags = ND_F_OVERRIDE,
			     .opts = o,
			     .len = sizeof(*o) };
}

static void address_taken(void **state)
{
	struct lla o = lla(ND_OPT_TARGET, other_mac);
	struct fixture *f = *state;
	struct msg d = defence(&o);

	hear(f, ND_ADVERT, &d);
	hear(f, ND_ADVERT, &d);
	assert_true(f->net.ip6.own[0].taken);
	assert_false(f->net.ip6.own[1].taken);
	assert_int_equal(f->stat.nd_taken, 1);
	/* Nobody finds us there any more, nor by a question. */
	fix6_know_peer(f);
	f->net.conf.icmp_echo = true;
	fix_in(f, fix6_icmp(f, ICMP6_ECHO, 0, 1, "ping", 4));
	assert_int_equal(f->stat.drop_not_ours, 1);
	fix_tx_none(f);
}

/* Whoever says so later does not take what we have used for long (RFC 4862,
 * 5.4: only who is new gives way). */
static void address_claimed_later(void **state)
{
	struct lla o = lla(ND_OPT_TARGET, other_mac);
	struct fixture *f = *state;
	struct msg d = defence(&o);

	fix_pass(f, 11000 * FIX_MS);
	hear(f, ND_ADVERT, &d);
	assert_false(f->net.ip6.own[0].taken);
	f->now += 36000000ull * FIX_MS; /* when ticks have come half round */
	hear(f, ND_ADVERT, &d);
	assert_false(f->net.ip6.own[0].taken);
	assert_int_equal(f->stat.nd_taken, 0);
	fix_tx_none(f);
}

/* Our own, come back to us. */
static void own_echo(void **state)
{
	struct lla o = lla(ND_OPT_TARGET, fix_mac);
	struct fixture *f = *state;
	struct msg d = defence(&o);

	hear(f, ND_ADVERT, &d);
	assert_false(f->net.ip6.own[0].taken);
}

static void nothing_is_given_up_unless_looked_for(void **state)
{
	struct lla o = lla(ND_OPT_TARGET, other_mac);
	struct fixture *f = *state;
	struct msg d = defence(&o);

	f->net.conf.ip6.detect = false;
	hear_first(f, ND_ADVERT, &d);
	assert_false(f->net.ip6.own[0].taken);
	fix_tx_none(f); /* two such would talk for ever */
}

/* A newcomer's announcement, which is not sure of it, does not make both give
 * up: he is told. */
static void newcomer(void **state)
{
	struct lla o = lla(ND_OPT_TARGET, other_mac);
	struct fixture *f = *state;
	struct msg d = defence(&o);

	d.flags = 0;
	hear_first(f, ND_ADVERT, &d);
	assert_false(f->net.ip6.own[0].taken);
	sent(f, ND_ADVERT, ND_F_OVERRIDE, fix6_ip, fix6_all_nodes, fix6_ip);
	fix_tx_none(f);
	assert_true(hear(f, ND_ADVERT, &d)); /* by one thread */
	fix_tx_none(f);
}

/* ---- routers */

struct advert {
	struct ra_hdr ra;
	struct lla lla;
	u8 mtu_type, mtu_len;
	struct be16 reserved;
	struct be32 mtu;
} PACKED;

static struct advert advert(u16 seconds, u32 mtu)
{
	return (struct advert){
		.ra = { .type = ND_ROUTER_ADVERT, .lifetime = be16(seconds) },
		.lla = lla(ND_OPT_SOURCE, fix_gw_mac),
		.mtu_type = ND_OPT_MTU,
		.mtu_len = 1,
		.mtu = be32(mtu),
	};
}

static void route(struct fixture *f, struct be128 src, u16 seconds, u32 mtu)
{
	struct advert a = advert(seconds, mtu);
	struct mbuf *m =
		fix6(f, src, fix6_all_nodes, IP_PROTO_ICMP6, &a, sizeof(a));

	m->flags |= MBUF_FORWARDED;
	assert_true(fix_in(f, m));
}

static bool routed(struct fixture *f)
{
	struct be32 id = f->net.ip6.router;

	return id.raw && be128_equal(*addr_ip6(&f->net.addrs, id), fix6_router);
}

static void router_serves_its_time(void **state)
{
	struct fixture *f = *state;

	route(f, fix6_router, 30, 1400);
	assert_true(routed(f));
	assert_known(f, fix6_router, fix_gw_mac);
	assert_int_equal(f->net.ip6.mtu, 1400);
	assert_int_equal(send(f, fix6_far), 0);
	assert_memory_equal(fix_tx(f)->eth->dst, fix_gw_mac, 6);
	fix_pass(f, 20 * SECOND * FIX_MS);
	route(f, fix6_router, 30, 1400); /* renewed */
	fix_pass(f, 20 * SECOND * FIX_MS);
	assert_true(routed(f));
	fix_pass(f, 11 * SECOND * FIX_MS);
	assert_false(routed(f));
	assert_int_equal(fix6_held(f), 1); /* the neighbour */
	assert_int_equal(((struct icmp_hdr *)fix_tx(f)->l4)->type,
			 ND_ROUTER_SOLICIT);
}

static void router_goes(void **state)
{
	struct fixture *f = *state;

	route(f, fix6_router, 0, 1500); /* is none */
	assert_false(routed(f));
	route(f, fix6_router, 1800, 1500);
	route(f, fix6_peer_local, 1800, 1500); /* the first serves */
	assert_true(routed(f));
	route(f, fix6_peer_local, 0, 1500);
	fix_pass(f, 10 * FIX_MS);
	assert_true(routed(f));
	route(f, fix6_router, 0, 1500);
	fix_pass(f, 10 * FIX_MS);
	assert_false(routed(f));
	route(f, fix6_peer_local, 1800, 1500);
	assert_true(f->net.ip6.router.raw != 0);
}

static void mtu(void **state)
{
	static const u32 bad[] = {
		0, 68, 1279, 1501, 65536 + 1400, 0xffffffff
	};
	struct fixture *f = *state;

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		route(f, fix6_router, 1800, bad[i]);
		assert_int_equal(f->net.ip6.mtu, 1500);
	}
	route(f, fix6_router, 1800, 1280);
	assert_int_equal(f->net.ip6.mtu, 1280);
	route(f, fix6_router, 1800, 1500);
	assert_int_equal(f->net.ip6.mtu, 1500);
}

static void no_router(void **state)
{
	struct advert a = advert(1800, 1400);
	struct fixture *f = *state;
	struct mbuf *m;

	route(f, fix6_peer, 1800, 1400); /* not link-local */
	route(f, fix6_nowhere, 1800, 1400);
	m = fix6(f, fix6_router, fix6_all_nodes, IP_PROTO_ICMP6, &a, sizeof(a));
	fix6_of(m)->hops = 254;
	fix_in(f, m);
	a.ra.code = 1;
	fix_in(f, fix6(f, fix6_router, fix6_all_nodes, IP_PROTO_ICMP6, &a,
		       sizeof(a)));
	a.ra.code = 0;
	a.mtu_len = 2;
	fix_in(f, fix6(f, fix6_router, fix6_all_nodes, IP_PROTO_ICMP6, &a,
		       sizeof(a)));
	assert_int_equal(f->stat.drop_nd, 5);
	f->net.ip6.router_set = true;
	route(f, fix6_router, 1800, 1400);
	f->net.ip6.router_set = false;
	assert_int_equal(f->net.ip6.router.raw, 0);
	assert_int_equal(f->net.ip6.mtu, 1500);
	assert_int_equal(fix6_held(f), 0);
}

/* RFC 4861 section 6.3.7. */
static void routers_are_asked_for(void **state)
{
	struct fixture *f = *state;
	u32 n = 0;

	f->net.conf.ip6.detect = false;
	ip6_announce(&f->net, f->now);
	for (u32 i = 0; i < 10; i++) {
		struct fix_frame *t;

		while ((t = fix_tx(f)))
			n += ((struct icmp_hdr *)t->l4)->type ==
			     ND_ROUTER_SOLICIT;
		fix_pass(f, 4 * SECOND * FIX_MS);
	}
	assert_int_equal(n, 3);
	route(f, fix6_router, 1800, 1500); /* late */
	assert_true(routed(f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIX6_TEST(question_is_answered),
		FIX6_TEST(forwarded_question),
		FIX6_TEST(question_without_option),
		FIX6_TEST(not_our_address),
		FIX6_TEST(off_link),
		FIX6_TEST(probe_is_answered),
		FIX6_TEST(lies),
		FIX6_TEST(short_or_in_parts),
		FIX6_TEST(mac_of_a_group),
		FIX6_TEST(ports_only),
		FIX6_TEST(resolves),
		FIX6_TEST(without_a_buffer),
		FIX6_TEST(gateway_is_set),
		FIX6_TEST(answer_unasked),
		FIX6_TEST(answer_without_option),
		FIX6_TEST(claim_is_checked),
		FIX6_TEST(silence),
		FIX6_TEST(arp_does_not_count),
		FIX6_TEST(advert_lies),
		FIX6_TEST(announcements),
		FIX6_TEST(address_taken),
		FIX6_TEST(address_claimed_later),
		FIX6_TEST(own_echo),
		FIX6_TEST(nothing_is_given_up_unless_looked_for),
		FIX6_TEST(newcomer),
		FIX6_TEST(router_serves_its_time),
		FIX6_TEST(router_goes),
		FIX6_TEST(mtu),
		FIX6_TEST(no_router),
		FIX6_TEST(routers_are_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
