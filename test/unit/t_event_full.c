/* SPDX-License-Identifier: MIT */
/* The array of events is full of what one connection has to tell: whatever else
 * has happened by then is told in the next crossing, once. */
#include <errno.h>
#include <stdio.h>

#include "rig.h"
#include "test.h"

#include "base/cksum.h"

enum { GULP = 240, HALF = 1400 };

struct world {
	struct rig *r;
	struct rig_peer loud, p; /* p: whom it is about */
	u64 h;
};

/* @n events. */
static void fill(struct world *w, u32 n)
{
	while (n) {
		u32 now = min(n, (u32)GULP);

		for (u32 i = 0; i < now; i++)
			rig_inject_tcp(w->r, &w->loud, TCP_ACK | TCP_PSH, "lo",
				       2);
		dp_overrun(&w->r->dp, w->r->now);
		rig_drain(w->r);
		n -= now;
	}
}

static void hear(struct world *w, u8 flags, const char *text)
{
	rig_inject_tcp(w->r, &w->p, flags, text, (u32)strlen(text));
	dp_overrun(&w->r->dp, w->r->now);
}

/* The only recv of that connection. */
static const struct ix_event *recv_of(const struct world *w, u64 cookie)
{
	const struct ix_event *found = NULL, *e;

	for (u32 i = 0; (e = rig_event(w->r, IX_EV_RECV, i)); i++) {
		if (e->cookie == cookie) {
			assert_null(found);
			found = e;
		}
	}
	assert_non_null(found);
	return found;
}

static const struct ix_event *told(const struct world *w, u16 type)
{
	const struct ix_event *e = rig_event(w->r, type, 0);

	assert_non_null(e);
	assert_null(rig_event(w->r, type, 1));
	return e;
}

/* ---- what happens (done before the array is full: "before") */

static void accepted(struct world *w)
{
	w->h = rig_accept(w->r, &w->p, 7);
}

static void sends(struct world *w)
{
	accepted(w);
	rig_send(w->r, w->h, 0, 10);
	assert_int_equal(rig_one(w->r), 10);
	rig_drain(w->r);
}

static void connects(struct world *w)
{
	struct ix_call *c = rig_call(w->r, IX_CONNECT);
	struct rig_seg seg;

	c->cookie = 7;
	c->port = 4000;
	c->ip = addr_of_ipv4(rig_peer_ip);
	w->h = (u64)rig_one(w->r);
	assert_true(rig_segment(w->r, &seg));
	w->p = (struct rig_peer){
		.sport = 4000, .dport = seg.sport, .seq = 77, .ack = seg.seq + 1
	};
}

static void binds(struct world *w)
{
	struct ix_call *c = rig_call(w->r, IX_UDP_BIND);

	c->port = 53;
	c->cookie = 7;
	w->h = (u64)rig_one(w->r);
}

static void knocks(struct world *w)
{
	struct rig_seg seg;

	w->p = (struct rig_peer){ .sport = 999, .dport = RIG_PORT, .seq = 5 };
	hear(w, TCP_SYN, "");
	assert_true(rig_segment(w->r, &seg));
	w->p.ack = seg.seq + 1;
	hear(w, TCP_ACK, "");
}

static void answers(struct world *w)
{
	hear(w, TCP_SYN | TCP_ACK, "");
}

static void refuses(struct world *w)
{
	hear(w, TCP_RST | TCP_ACK, "");
}

static void says(struct world *w)
{
	hear(w, TCP_ACK | TCP_PSH, "word");
}

static void acknowledges(struct world *w)
{
	w->p.ack += 10;
	hear(w, TCP_ACK, "");
}

static void ends(struct world *w)
{
	hear(w, TCP_FIN | TCP_ACK, "");
}

static void resets(struct world *w)
{
	hear(w, TCP_RST, "");
}

static void datagram(struct world *w)
{
	rig_inject_udp(w->r, 1000, 53, "abc", 3);
	dp_overrun(&w->r->dp, w->r->now);
}

/* In two fragments, more than one buffer holds. */
static void fragments(struct world *w)
{
	enum { HEADERS = ETH_LEN + IPV4_LEN };
	u8 frame[HEADERS + HALF], all[2 * HALF];
	struct udp_hdr *udp = (void *)all;

	memset(all, 'u', sizeof(all));
	*udp = (struct udp_hdr){ .sport = be16(1000),
				 .dport = be16(53),
				 .len = be16(sizeof(all)) };
	for (u16 i = 0; i < 2; i++) {
		struct eth_hdr *eth = (void *)frame;
		struct ipv4_hdr *ip = (void *)(eth + 1);

		memcpy(eth->dst, w->r->dp.net.src.mac, 6);
		memcpy(eth->src, rig_peer_mac, 6);
		eth->type = be16(ETH_TYPE_IPV4);
		*ip = (struct ipv4_hdr){
			.ver_ihl = 0x45,
			.len = be16(IPV4_LEN + HALF),
			.id = be16(1),
			.frag = be16(i ? HALF / 8 : IP_MF),
			.ttl = 64,
			.proto = IP_PROTO_UDP,
			.src = rig_peer_ip,
			.dst = rig_ip,
		};
		ip->cksum = (u16)~cksum_fold(cksum_add(0, ip, sizeof(*ip)));
		memcpy(ip + 1, all + i * HALF, HALF);
		assert_true(fake_nic_inject(&w->r->nic, frame, sizeof(frame)));
	}
	dp_overrun(&w->r->dp, w->r->now);
}

/* ---- what is told of it */

static void a_knock(struct world *w)
{
	assert_int_equal(told(w, IX_EV_KNOCK)->port, 999);
}

static void an_outcome(struct world *w)
{
	assert_int_equal(told(w, IX_EV_CONNECTED)->handle, w->h);
	assert_int_equal(rig_event(w->r, IX_EV_CONNECTED, 0)->len, 0);
}

static void a_refusal(struct world *w)
{
	assert_int_equal(told(w, IX_EV_CONNECTED)->len, ECONNREFUSED);
	assert_null(rig_event(w->r, IX_EV_DEAD, 0));
}

static void a_word(struct world *w)
{
	assert_int_equal(recv_of(w, 7)->len, 4);
}

static void an_end(struct world *w)
{
	assert_int_equal(recv_of(w, 7)->len, 0);
}

static void a_receipt(struct world *w)
{
	assert_int_equal(told(w, IX_EV_SENT)->acked, 10);
}

static void a_death(struct world *w)
{
	assert_int_equal(told(w, IX_EV_DEAD)->len, ECONNRESET);
}

static void the_datagram(struct world *w)
{
	assert_int_equal(told(w, IX_EV_UDP_RECV)->len, 3);
}

static void all_of_it(struct world *w)
{
	assert_int_equal(told(w, IX_EV_UDP_PART)->len +
				 told(w, IX_EV_UDP_RECV)->len,
			 2 * HALF - UDP_LEN);
}

static const struct turn {
	const char *name;
	void (*before)(struct world *w);
	void (*happens)(struct world *w);
	void (*told)(struct world *w);
} turns[] = {
	{ "knock", NULL, knocks, a_knock },
	{ "connected", connects, answers, an_outcome },
	{ "refused", connects, refuses, a_refusal },
	{ "data", accepted, says, a_word },
	{ "sent", sends, acknowledges, a_receipt },
	{ "end of stream", accepted, ends, an_end },
	{ "dead", accepted, resets, a_death },
	{ "datagram", binds, datagram, the_datagram },
	{ "fragments", binds, fragments, all_of_it },
};

static struct world begin(void)
{
	struct world w = { .r = rig_new() };

	w.r->conf.mbufs = 16384; /* plenty: none are copied together */
	w.r->conf.net.tcp.rcv_mbufs = 4096;
	w.r->conf.batch = DP_MAX_BATCH;
	rig_start(w.r);
	rig_listen(w.r, 4);
	rig_accept(w.r, &w.loud, 42);
	return w;
}

static void one_turn(const struct turn *t)
{
	struct world w = begin();
	struct rig *r = w.r;

	printf("%s\n", t->name);
	if (t->before)
		t->before(&w);
	fill(&w, IX_MAX_EVENTS + 1);
	t->happens(&w);
	assert_int_equal(rig_poll(r), IX_MAX_EVENTS);
	for (u32 i = 0; i < IX_MAX_EVENTS; i++) {
		assert_int_equal(r->up.events[i].type, IX_EV_RECV);
		assert_int_equal(r->up.events[i].cookie, 42);
	}
	assert_int_equal(r->stat.events_deferred, 1);
	assert_int_equal(dp_next_deadline(&r->dp, r->now), 0);
	rig_run(r);
	t->told(&w);
	assert_int_equal(recv_of(&w, 42)->len, 2);
	rig_run(r);
	assert_int_equal(r->up.nevents, 0);
	rig_drain(r);
	rig_end(r);
}

/* Room for one of two. */
static void half_of_a_socket(void **state)
{
	struct world w = begin();

	(void)state;
	binds(&w);
	fill(&w, IX_MAX_EVENTS - 1);
	datagram(&w);
	datagram(&w);
	assert_int_equal(rig_poll(w.r), IX_MAX_EVENTS);
	told(&w, IX_EV_UDP_RECV);
	rig_run(w.r);
	assert_int_equal(w.r->up.nevents, 1);
	told(&w, IX_EV_UDP_RECV);
	rig_end(w.r);
}

static void told_next_time(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(turns); i++)
		one_turn(&turns[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(told_next_time),
		cmocka_unit_test(half_of_a_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
