/* SPDX-License-Identifier: MIT */
/* net/tcp_conn.c and net/tcp_call.c: birth, calls, death, names. */
#include "tcp_fixture.h"

static void listeners(void **state)
{
	struct fixture *f = *state;
	struct net *n = &f->net;
	struct be32 any = { 0 };

	assert_int_equal(tcp_listen(n, any, 0, 1), -EINVAL);
	assert_int_equal(tcp_listen(n, any, 80, 0), -EINVAL);
	assert_int_equal(tcp_listen(n, FIX_PEER, 80, 1), -EADDRNOTAVAIL);
	assert_int_equal(tcp_listen(n, any, 80, 1), 0);
	assert_int_equal(tcp_listen(n, FIX_IP, 80, 1), -EADDRINUSE);
	for (u16 port = 81; port < 84; port++)
		assert_int_equal(tcp_listen(n, FIX_IP, port, 1), 0);
	assert_int_equal(tcp_listen(n, any, 84, 1), -ENOBUFS);
	assert_int_equal(tcp_unlisten(n, any, 84, f->now), -EINVAL);
	assert_int_equal(tcp_unlisten(n, FIX_IP, 82, f->now), 0);
	assert_int_equal(tcp_listen(n, any, 84, 1), 0);
	assert_null(tcp_find_listener(n, FIX_IP, 82));
}

static void unlisten_ends_knocks(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new(), q = tcp_peer_new(),
			r = tcp_peer_new();
	struct tcp_conn *c;

	q.port++;
	r.port += 2;
	tcpfix_listen(f, 4);
	c = tcp_shake(f, &p);
	tcp_news(f, c);
	tcp_accept(&f->net, c, 1);
	tcp_shake(f, &q); /* not accepted */
	tcp_put_syn(f, &r, TCP_SYN);
	tcp_drain(f);
	tcp_unlisten(&f->net, be32(0), PORT, f->now);
	assert_int_equal(f->stat.tcp_conns, 1);
	assert_int_equal(c->state, TCP_ESTABLISHED);
	assert_int_equal(tcp_drain(f), 2); /* resets */
}

/* A place where nobody listens any more has port 0; who knocks there is sent
 * away, as everywhere else where nobody listens. */
static void port_0(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();

	p.our_port = 0;
	tcp_put_syn(f, &p, TCP_SYN);
	tcp_want(f, TCP_RST | TCP_ACK);
	tcpfix_listen(f, 4);
	tcp_unlisten(&f->net, be32(0), PORT, f->now);
	tcp_put_syn(f, &p, TCP_SYN);
	tcp_want(f, TCP_RST | TCP_ACK);
	assert_int_equal(f->stat.tcp_conns, 0);
}

static void backlog(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p[4];
	struct tcp_conn *c;

	tcpfix_listen(f, 2);
	for (u16 i = 0; i < 4; i++) {
		p[i] = tcp_peer_new();
		p[i].port += i;
	}
	c = tcp_shake(f, &p[0]);
	tcp_put_syn(f, &p[1], TCP_SYN);
	tcp_drain(f);
	tcp_put_syn(f, &p[2], TCP_SYN);
	tcp_want_none(f); /* the peer will ask again */
	assert_int_equal(f->stat.drop_tcp_backlog, 1);
	tcp_news(f, c);
	tcp_accept(&f->net, c, 1);
	tcp_put_syn(f, &p[2], TCP_SYN);
	tcp_want(f, TCP_SYN | TCP_ACK);
}

static void accept_rules(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c;

	tcpfix_listen(f, 2);
	c = tcp_shake(f, &p);
	assert_int_equal(tcp_accept(&f->net, c, 1), -EINVAL); /* no knock yet */
	tcp_put(f, &p, TCP_ACK, "early", 5);
	p.seq += 5;
	tcp_put(f, &p, TCP_FIN | TCP_ACK, NULL, 0);
	assert_int_equal(tcp_news(f, c), TCP_EV_KNOCK);
	assert_int_equal(tcp_accept(&f->net, c, 77), 0);
	assert_int_equal(tcp_accept(&f->net, c, 78), -EINVAL);
	assert_int_equal(c->cookie, 77);
	/* What came before is told now. */
	assert_int_equal(tcp_news(f, c), TCP_EV_RECV | TCP_EV_EOF);
	tcp_drain(f);
}

static void connect_rules(void **state)
{
	struct fixture *f = *state;
	struct net *n = &f->net;
	struct tcp_conn *c;

	assert_int_equal(tcp_connect(n, FIX_PEER, 0, 1, &c, f->now), -EINVAL);
	assert_int_equal(tcp_connect(n, be32(0), 1, 1, &c, f->now), -EINVAL);
	assert_int_equal(tcp_connect(n, FIX_IP, 1, 1, &c, f->now), -EINVAL);
	assert_int_equal(tcp_connect(n, be32(0xe0000001), 1, 1, &c, f->now),
			 -EINVAL);
	assert_int_equal(tcp_connect(n, be32(0xffffffff), 1, 1, &c, f->now),
			 -EINVAL);
	/* 10.0.0.255, our net's */
	assert_int_equal(tcp_connect(n, be32(0x0a0000ff), 1, 1, &c, f->now),
			 -EINVAL);
	n->conf.gateway = be32(0);
	assert_int_equal(tcp_connect(n, FIX_FAR, 1, 1, &c, f->now),
			 -EHOSTUNREACH);
	n->conf.tcp.port_max = n->conf.tcp.port_min + 3;
	for (int i = 0; i < 4; i++)
		assert_int_equal(tcp_connect(n, FIX_PEER, 1, 1, &c, f->now), 0);
	assert_int_equal(tcp_connect(n, FIX_PEER, 1, 1, &c, f->now),
			 -EADDRNOTAVAIL);
	/* another destination has all ports again */
	assert_int_equal(tcp_connect(n, FIX_PEER, 2, 1, &c, f->now), 0);
}

static void ports_belong_to_the_thread(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *c;

	for (u32 g = 0; g < RSS_TABLE; g++)
		f->group_owner[g] = g % 4;
	f->net.thread = 2;
	for (int i = 0; i < 16; i++) {
		assert_int_equal(
			tcp_connect(&f->net, FIX_PEER, 1, 1, &c, f->now), 0);
		assert_int_equal(net_flow_group(&f->net, c->flow), c->group);
		assert_int_equal(c->flow.raddr.raw, FIX_PEER.raw);
		assert_int_equal(c->flow.laddr.raw, FIX_IP.raw);
		assert_int_equal(f->group_owner[c->group], 2);
	}
	assert_int_equal(tcp_connect(&f->net, FIX_PEER, 1, 1, &c, f->now),
			 -ENOBUFS);
}

static void generations(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	u32 gen = 0;

	for (int i = 0; i < 5; i++) {
		struct tcp_conn *c = tcp_accepted(f, &p);

		assert_int_equal(tcp_index(&f->net.tcp, c), 0);
		assert_true(!i || handle_gen(c->handle) != gen);
		gen = handle_gen(c->handle);
		tcp_abort(&f->net, c, f->now);
		tcp_want(f, TCP_RST | TCP_ACK);
		assert_int_equal(tcp_news(f, c), 0); /* not told */
		p = tcp_peer_new();
	}
}

static void dead_keeps_data_until_reaped(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);
	u32 before = f->pool.nfree;
	u8 buf[10];

	tcp_put(f, &p, TCP_ACK, "hello", 5);
	p.seq += 5;
	assert_int_equal(tcp_read(f, c, buf, sizeof(buf)), 5);
	tcp_put(f, &p, TCP_RST, NULL, 0);
	assert_int_equal(c->state, TCP_CLOSED);
	assert_ptr_equal(tcp_next_ready(&f->net), c);
	assert_int_equal(c->error, ECONNRESET);
	tcp_dead_told(&f->net, c);
	assert_int_equal(f->pool.nfree, before - 1); /* being read */
	tcp_reap(&f->net);
	assert_int_equal(f->pool.nfree, before);
}

/* Through our close into TIME-WAIT, and told. */
static struct tcp_conn *time_wait(struct fixture *f, struct tcp_peer *p,
				  bool told)
{
	struct tcp_conn *c = tcp_accepted(f, p);

	tcp_close(&f->net, c, true, f->now);
	tcp_output_all(&f->net, f->now);
	tcp_drain(f);
	p->ack++;
	tcp_put(f, p, TCP_FIN | TCP_ACK, NULL, 0);
	p->seq++;
	tcp_drain(f);
	assert_int_equal(c->state, TCP_TIME_WAIT);
	if (told)
		assert_true(tcp_news(f, c) & TCP_EV_DEAD);
	return c;
}

static void time_wait_makes_room(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p;

	for (u16 i = 0; i < 40; i++) {
		p = tcp_peer_new();
		p.port += i;
		time_wait(f, &p, true);
	}
	assert_int_equal(f->stat.tcp_conns, 16);
	assert_int_equal(f->stat.tcp_time_wait, 16);
	assert_int_equal(f->stat.drop_tcp_conns, 0);
}

/* The application has a name of it and has not heard of its end yet: it must
 * hear of it, whatever else happens. */
static void nobody_is_recycled_untold(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new(), q;
	struct tcp_conn *c = time_wait(f, &p, false);
	u64 name = c->handle;
	struct tcp_conn *o;

	f->net.conf.tcp.per_source = 100;
	for (u16 i = 1; i < 20; i++) {
		q = tcp_peer_new();
		q.port += i;
		if (i < 16)
			tcp_shake(f, &q);
		else
			tcp_put_syn(f, &q, TCP_SYN);
	}
	tcp_want_none(f);
	assert_int_equal(f->stat.drop_tcp_conns, 4);
	assert_int_equal(c->handle, name);
	while ((o = tcp_next_ready(&f->net)) && o != c)
		;
	assert_ptr_equal(o, c);
	assert_true(c->events & TCP_EV_DEAD);
	tcp_dead_told(&f->net, c);
	tcp_reap(&f->net);
}

/* Ours into TIME-WAIT, which peer and application know; the only port that
 * there is. */
static struct tcp_conn *only_port_waits(struct fixture *f, bool ts)
{
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c;

	p.ts = ts;
	f->net.conf.tcp.timestamps = ts;
	f->net.conf.tcp.port_max = f->net.conf.tcp.port_min;
	c = tcp_connected(f, &p);
	tcp_close(&f->net, c, true, f->now);
	tcp_output_all(&f->net, f->now);
	tcp_want(f, TCP_FIN | TCP_ACK);
	p.ack++;
	tcp_put(f, &p, TCP_FIN | TCP_ACK, NULL, 0);
	tcp_want(f, TCP_ACK);
	assert_int_equal(c->state, TCP_TIME_WAIT);
	return c;
}

/* RFC 6191: once its timestamps have moved on, and the application has been
 * told of its end. */
static void time_wait_gives_way_to_ours(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *c = only_port_waits(f, true), *next;
	u64 later = f->now + 3 * FIX_MS;

	assert_int_equal(
		tcp_connect(&f->net, FIX_PEER, PEER_PORT, 1, &next, later),
		-EADDRNOTAVAIL);
	assert_true(tcp_news(f, c) & TCP_EV_DEAD);
	assert_int_equal(tcp_connect(&f->net, FIX_PEER, PEER_PORT, 1, &next,
				     f->now + FIX_MS),
			 -EADDRNOTAVAIL);
	f->now = later;
	assert_int_equal(
		tcp_connect(&f->net, FIX_PEER, PEER_PORT, 1, &next, f->now), 0);
	assert_int_equal(f->stat.tcp_time_wait, 0);
	assert_int_equal(f->stat.tcp_conns, 1);
}

static void time_wait_without_timestamps_stays(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *c = only_port_waits(f, false), *next;

	tcp_news(f, c);
	f->now += 900 * FIX_MS;
	assert_int_equal(
		tcp_connect(&f->net, FIX_PEER, PEER_PORT, 1, &next, f->now),
		-EADDRNOTAVAIL);
	assert_int_equal(c->state, TCP_TIME_WAIT);
}

/* What a crossing may spend in vain on ports that are not ours is limited. */
static void looking_for_ports_is_limited(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *c;
	u32 n = 0;

	memset(f->group_owner, 1, sizeof(f->group_owner));
	while (tcp_connect(&f->net, FIX_PEER, 1, 1, &c, f->now) ==
	       -EADDRNOTAVAIL)
		n++;
	assert_in_range(n, 1, 100);
	assert_int_equal(tcp_connect(&f->net, FIX_PEER, 1, 1, &c, f->now),
			 -EAGAIN);
	tcp_output_all(&f->net, f->now);
	memset(f->group_owner, 0, sizeof(f->group_owner));
	assert_int_equal(tcp_connect(&f->net, FIX_PEER, 1, 1, &c, f->now), 0);
}

/* At the end: a FIN for those that somebody has, a RST for those that nobody
 * has accepted; how many are to be waited for. */
static void all_are_closed(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p[5];
	struct tcp_conn *c[5];

	for (u16 i = 0; i < 5; i++) {
		p[i] = tcp_peer_new();
		p[i].port += i;
	}
	c[0] = tcp_accepted(f, &p[0]);
	c[1] = tcp_shake(f, &p[1]); /* knocks */
	c[2] = time_wait(f, &p[2], true);
	tcp_put_syn(f, &p[3], TCP_SYN); /* half open */
	tcp_drain(f);
	c[4] = tcp_accepted(f, &p[4]);
	tcp_put(f, &p[4], TCP_RST, NULL, 0); /* gone, and not told */
	assert_int_equal(c[4]->state, TCP_CLOSED);
	assert_int_equal(tcp_close(&f->net, c[4], true, f->now), -EBADF);

	assert_int_equal(tcp_close_all(&f->net, f->now), 1);
	assert_int_equal(c[0]->state, TCP_ESTABLISHED);
	assert_int_equal(c[1]->state, TCP_CLOSED);
	assert_int_equal(c[2]->state, TCP_TIME_WAIT);
	tcp_output_all(&f->net, f->now);
	for (u32 fins = 0, rsts = 0, n = 0; n < 3; n++) {
		struct tcp_out out;

		assert_true(tcp_get(f, &out));
		fins += out.dport == p[0].port && out.flags & TCP_FIN;
		rsts += out.dport != p[0].port && out.flags & TCP_RST;
		assert_int_equal(fins + rsts, n + 1);
	}
	tcp_want_none(f);
	assert_int_equal(tcp_close_all(&f->net, f->now),
			 1); /* its FIN is out */
	tcp_put(f, &p[0], TCP_RST, NULL, 0);
	assert_int_equal(tcp_close_all(&f->net, f->now), 0);
	tcp_news(f, c[0]);
}

static void iss_follows_rfc6528(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *a, *b;
	u32 first, offset;

	tcp_connect(&f->net, FIX_PEER, 1, 1, &a, f->now);
	tcp_connect(&f->net, FIX_PEER, 1, 1, &b, f->now);
	assert_int_not_equal(a->iss, b->iss);
	assert_int_not_equal(a->ts_offset, b->ts_offset);
	first = a->iss;
	offset = a->ts_offset;
	f->net.conf.tcp.port_min = f->net.conf.tcp.port_max =
		be16_host(a->flow.lport);
	tcp_abort(&f->net, a, f->now);
	tcp_output_all(&f->net, f->now);
	f->now += 4096 * 1000;
	assert_int_equal(tcp_connect(&f->net, FIX_PEER, 1, 1, &a, f->now), 0);
	assert_int_equal(a->iss, first + 1000); /* the same flow, later */
	assert_int_equal(a->ts_offset, offset);
	tcp_drain(f);
}

/* Whoever is there already, half-open, too, comes to his end; nobody else is
 * answered, not even where nobody listens, or has just been. */
static void drained(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new(), half = p, new = p, closed = p;
	struct tcp_conn *c;

	half.port++;
	new.port += 2;
	closed.port += 3;
	closed.our_port++;
	tcpfix_listen(f, 4);
	c = tcp_accepted(f, &p);
	tcp_put_syn(f, &half, TCP_SYN);
	half.ack = tcp_want(f, TCP_SYN | TCP_ACK).seq + 1;
	f->net.tcp.drains = true;
	tcp_put_syn(f, &new, TCP_SYN);
	tcp_put_syn(f, &closed, TCP_SYN);
	tcp_want_none(f);
	assert_int_equal(f->stat.drop_tcp_drain, 2);
	assert_int_equal(f->stat.tcp_conns, 2);
	half.seq++;
	tcp_put(f, &half, TCP_ACK, NULL, 0);
	assert_int_equal(f->stat.tcp_established, 2);
	tcp_put(f, &new, TCP_ACK, "x", 1); /* an old one's, long gone */
	tcp_want(f, TCP_RST);
	tcp_put(f, &p, TCP_ACK, "hello", 5);
	p.seq += 5;
	assert_int_equal(tcp_news(f, c), TCP_EV_RECV);
	tcp_close(&f->net, c, true, f->now);
	tcp_drain(f);
	f->net.tcp.drains = false;
	tcp_put_syn(f, &new, TCP_SYN);
	tcp_want(f, TCP_SYN | TCP_ACK);
	assert_int_equal(f->stat.drop_tcp_drain, 2);
}

/* Until then whoever asks where nobody listens yet is to ask again. */
static void hushed(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new(), other = p;

	other.port++;
	f->net.tcp.hush_until = f->now + 1000;
	tcp_put_syn(f, &p, TCP_SYN);
	tcp_want_none(f);
	assert_int_equal(f->stat.drop_tcp_drain, 1);
	tcp_put(f, &p, TCP_ACK, "x", 1); /* of the life before */
	tcp_want(f, TCP_RST);
	tcpfix_listen(f, 4);
	tcp_put_syn(f, &p, TCP_SYN);
	tcp_want(f, TCP_SYN | TCP_ACK);
	tcp_abort_all(&f->net, f->now);
	tcp_want_none(f);
	f->now += 1000;
	other.our_port++;
	tcp_put_syn(f, &other, TCP_SYN);
	tcp_want(f, TCP_RST | TCP_ACK);
	assert_int_equal(f->stat.drop_tcp_drain, 1);
}

/* TIME-WAIT would take his SYN; it is our successor's. */
static void drained_time_wait(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c;

	tcpfix_listen(f, 4);
	c = tcp_accepted(f, &p);
	tcp_close(&f->net, c, true, f->now);
	tcp_pass(f, 0);
	tcp_want(f, TCP_FIN | TCP_ACK);
	p.ack++;
	tcp_put(f, &p, TCP_FIN | TCP_ACK, NULL, 0);
	tcp_want(f, TCP_ACK);
	tcp_news(f, c);
	assert_int_equal(f->stat.tcp_time_wait, 1);
	f->net.tcp.drains = true;
	p.seq += 100000;
	tcp_put_syn(f, &p, TCP_SYN);
	tcp_want_none(f);
	assert_int_equal(f->stat.drop_tcp_drain, 1);
}

enum { FLOWS_KEY = 12345 };

static u64 flow_hash(const struct tcp_peer *p)
{
	u64 h = flows_hash(flows_hash(FLOWS_KEY, p->ip.raw), FIX_IP.raw);

	h = flows_hash(h, be16(p->port).raw | be16(p->our_port).raw << 16);
	return flows_hash(h, 0);
}

static u64 entry_of(const struct flows *f, const struct tcp_peer *p)
{
	return f->entry[(flow_hash(p) >> 32) & f->mask];
}

/* Who is known to be ours, and comes anew, is the successor's when he asks
 * again; what we open is ours. */
static void flows_of_who_is_drained(void **state)
{
	enum { ENTRIES = 4096 };
	static u64 entry[ENTRIES];
	u32 heir = 0;
	struct flows flows = { .entry = entry,
			       .key = FLOWS_KEY,
			       .mask = ENTRIES - 1,
			       .heir = &heir };
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new(), q;
	struct tcp_conn *c;

	f->net.flows = &flows;
	tcpfix_listen(f, 4);
	c = tcp_accepted(f, &p);
	assert_int_equal(entry_of(&flows, &p), 0); /* we are the heir */
	flows.all = true;
	for (u32 i = 0; i <= f->net.tcp.table_mask;)
		i = tcp_keep_flows(&f->net, i, 3);
	assert_int_equal(entry_of(&flows, &p),
			 (flow_hash(&p) & ~3ull) | FLOWS_USED);
	heir = 1;
	f->net.tcp.drains = true;
	tcp_abort(&f->net, c, f->now);
	tcp_put_syn(f, &p, TCP_SYN);
	assert_int_equal(entry_of(&flows, &p), FLOWS_GONE);
	assert_int_equal(tcp_connect(&f->net, FIX_PEER, 9, 1, &c, f->now), 0);
	q = (struct tcp_peer){ .ip = FIX_PEER,
			       .port = 9,
			       .our_port = be16_host(c->flow.lport) };
	assert_int_equal(entry_of(&flows, &q),
			 (flow_hash(&q) & ~3ull) | FLOWS_USED);
	tcp_abort(&f->net, c, f->now);
	tcp_drain(f);
	f->net.flows = NULL;
}

/* What answers the other one's SYN is not refused by us, where that may not be
 * known yet. */
static void answers_to_another_one(void **state)
{
	static u64 entry[4096];
	u32 heir = 1;
	struct flows flows = { .entry = entry, .mask = 4095, .heir = &heir };
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();

	f->net.flows = &flows;
	tcp_put_syn(f, &p, TCP_SYN | TCP_ACK);
	tcp_want(f, TCP_RST);
	flows.late = true;
	tcp_put_syn(f, &p, TCP_SYN | TCP_ACK);
	tcp_want_none(f);
	tcp_put(f, &p, TCP_ACK, NULL, 0);
	tcp_want(f, TCP_RST);
	f->net.flows = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TCP_TEST(listeners),
		TCP_TEST(unlisten_ends_knocks),
		TCP_TEST(port_0),
		TCP_TEST(backlog),
		TCP_TEST(accept_rules),
		TCP_TEST(connect_rules),
		TCP_TEST(ports_belong_to_the_thread),
		TCP_TEST(generations),
		TCP_TEST(dead_keeps_data_until_reaped),
		TCP_TEST(time_wait_makes_room),
		TCP_TEST(nobody_is_recycled_untold),
		TCP_TEST(time_wait_gives_way_to_ours),
		TCP_TEST(time_wait_without_timestamps_stays),
		TCP_TEST(looking_for_ports_is_limited),
		TCP_TEST(all_are_closed),
		TCP_TEST(iss_follows_rfc6528),
		TCP_TEST(drained),
		TCP_TEST(hushed),
		TCP_TEST(drained_time_wait),
		TCP_TEST(flows_of_who_is_drained),
		TCP_TEST(answers_to_another_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
