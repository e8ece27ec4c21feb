/* SPDX-License-Identifier: MIT */
/* net/tcp_admit.c: who gets a connection when they are short. */
#include "tcp_fixture.h"

enum { OTHER_PORT = 81, HOSTS = 200 };

static struct tcp_peer peer(u32 host, u16 nr)
{
	struct tcp_peer p = tcp_peer_new();

	p.ip = be32(be32_host(FIX_PEER) + host);
	p.port += nr;
	return p;
}

static void open_world(struct fixture *f, u32 max_conns, u32 backlog)
{
	f->net.conf.tcp.max_conns = max_conns;
	tcpfix_renew(f);
	for (u32 i = 1; i < HOSTS; i++)
		assert_int_equal(
			neigh_add_static(&f->net, peer(i, 0).ip, fix_peer_mac),
			0);
	assert_int_equal(tcp_listen(&f->net, be32(0), PORT, backlog), 0);
	assert_int_equal(tcp_listen(&f->net, be32(0), OTHER_PORT, backlog), 0);
}

/* A SYN; was it answered? Somebody else may have been reset for it. */
static bool knock(struct fixture *f, struct tcp_peer *p)
{
	struct tcp_out out;

	tcp_put_syn(f, p, TCP_SYN);
	do {
		if (!tcp_get(f, &out))
			return false;
	} while (out.flags & TCP_RST);
	assert_int_equal(out.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(out.dport, p->port);
	p->seq++;
	p->ack = out.seq + 1;
	return true;
}

/* The whole handshake, and accepted. */
static struct tcp_conn *enter(struct fixture *f, struct tcp_peer *p)
{
	struct tcp_conn *c;

	if (!knock(f, p))
		return NULL;
	tcp_put(f, p, TCP_ACK, NULL, 0);
	c = tcp_find(&f->net, flow_make(p->ip, FIX_IP, be16(p->port),
					be16(p->our_port)));
	assert_non_null(c);
	assert_int_equal(tcp_news(f, c), TCP_EV_KNOCK);
	assert_int_equal(tcp_accept(&f->net, c, 1), 0);
	return c;
}

static void one_source_leaves_room(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p;
	u32 n = 0;

	open_world(f, 64, 64);
	while (n < 64 && (p = peer(0, (u16)n), enter(f, &p)))
		n++;
	assert_in_range(n, 56, 60);
	assert_int_equal(f->stat.drop_tcp_share, 1);
	for (u16 i = 0; i < 64 - n; i++) {
		p = peer(1 + i, 0);
		assert_non_null(enter(f, &p));
	}
	p = peer(100, 0);
	assert_false(knock(f, &p));
	assert_int_equal(f->stat.drop_tcp_conns, 1);
}

/* Who is not alone has less, and still all of them together leave some. */
static void many_sources_leave_room(void **state)
{
	enum { SOURCES = 100, MOST = 1024 };
	struct fixture *f = *state;
	struct tcp_peer p;
	u32 refused = 0;

	open_world(f, MOST, 64);
	for (u32 i = 0; refused < SOURCES; i++) {
		p = peer(i % SOURCES, (u16)(i / SOURCES));
		refused = enter(f, &p) ? 0 : refused + 1;
	}
	for (u16 i = 0; i < 8; i++) {
		p = peer(SOURCES + 1, i);
		assert_non_null(enter(f, &p));
	}
	for (u16 i = 0; i < 8; i++) {
		p = peer(SOURCES + 2, i);
		assert_non_null(enter(f, &p));
	}
	assert_int_equal(f->stat.tcp_recycled, 0);
}

/* As many as it may, not as many as it had begun. What is only begun, perhaps
 * by somebody else, takes nothing from it. */
static void share_counts_the_confirmed(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p[8];
	struct tcp_out out;
	u32 open = 0;

	f->net.conf.tcp.per_source = 3;
	open_world(f, 64, 64);
	for (u16 i = 0; i < 8; i++) {
		p[i] = peer(0, i);
		assert_true(knock(f, &p[i]));
	}
	for (u16 i = 0; i < 8; i++) {
		tcp_put(f, &p[7 - i], TCP_ACK, NULL, 0);
		if (!tcp_get(f, &out))
			open++;
		else
			assert_int_equal(out.flags, TCP_RST | TCP_ACK);
	}
	assert_int_equal(open, 3);
	assert_int_equal(f->stat.drop_tcp_share, 5);
	assert_int_equal(f->stat.tcp_conns, 3);
	p[0] = peer(0, 100);
	assert_false(knock(f, &p[0]));
	p[0] = peer(1, 100);
	assert_non_null(enter(f, &p[0]));
}

static void port_has_a_limit(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p[3] = { peer(0, 0), peer(1, 0), peer(2, 0) };
	struct tcp_conn *c;

	f->net.conf.tcp.per_port = 2;
	open_world(f, 64, 64);
	assert_non_null(enter(f, &p[0]));
	c = enter(f, &p[1]);
	assert_non_null(c);
	assert_false(knock(f, &p[2]));
	p[2].our_port = OTHER_PORT;
	assert_non_null(enter(f, &p[2]));
	/* TIME-WAIT does not count. */
	tcp_close(&f->net, c, true, f->now);
	tcp_output_all(&f->net, f->now);
	tcp_want(f, TCP_FIN | TCP_ACK);
	p[1].ack++;
	tcp_put(f, &p[1], TCP_FIN | TCP_ACK, NULL, 0);
	tcp_drain(f);
	assert_int_equal(c->state, TCP_TIME_WAIT);
	p[2] = peer(3, 0);
	assert_non_null(enter(f, &p[2]));
}

/* Many who never answer: other listeners have room, and so have we. */
static void half_open_crowd_nobody_out(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p;
	struct tcp_conn *c;

	open_world(f, 32, 1000);
	for (u16 i = 0; i < 100; i++) {
		p = peer(i, i);
		tcp_put_syn(f, &p, TCP_SYN);
	}
	tcp_drain(f);
	assert_int_equal(f->stat.drop_tcp_conns, 0);
	p = peer(0, 1000);
	p.our_port = OTHER_PORT;
	assert_non_null(enter(f, &p));
	for (u32 i = 0; i < 31; i++)
		assert_int_equal(
			tcp_connect(&f->net, FIX_PEER, 9, 1, &c, f->now), 0);
	assert_int_equal(tcp_connect(&f->net, FIX_PEER, 9, 1, &c, f->now),
			 -ENOBUFS);
}

/* Who had time to answer and did not makes room for who knocks now. */
static void unanswered_make_room(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p[4] = { peer(0, 0), peer(1, 0), peer(2, 0),
				 peer(3, 0) };

	open_world(f, 64, 2);
	tcp_put_syn(f, &p[0], TCP_SYN);
	tcp_pass(f, 50 * FIX_MS);
	tcp_put_syn(f, &p[1], TCP_SYN);
	tcp_drain(f);
	assert_false(knock(f, &p[2]));
	tcp_pass(f, 60 * FIX_MS); /* the first SYN-ACK goes once more */
	tcp_drain(f);
	assert_true(knock(f, &p[2]));
	assert_int_equal(f->stat.tcp_recycled, 1);
	assert_null(tcp_find(&f->net, flow_make(p[0].ip, FIX_IP,
						be16(p[0].port), be16(PORT))));
	assert_false(knock(f, &p[3]));
	/* Confirmed, it is safe. */
	tcp_put(f, &p[2], TCP_ACK, NULL, 0);
	tcp_pass(f, 60 * FIX_MS);
	tcp_drain(f);
	assert_true(knock(f, &p[3]));
	assert_false(knock(f, &p[0]));
	assert_int_equal(f->stat.tcp_recycled, 2);
	assert_int_equal(f->stat.tcp_established, 1);
}

/* @n connections from as many sources, one after the other. */
static void enter_many(struct fixture *f, u32 n, struct tcp_peer *p,
		       struct tcp_conn **c)
{
	for (u32 i = 0; i < n; i++) {
		p[i] = peer(i, 0);
		c[i] = enter(f, &p[i]);
		assert_non_null(c[i]);
		tcp_pass(f, 10 * FIX_MS);
	}
}

/* Those who still talk stay; the others go, as many as are needed, and not
 * before. Answers to keepalive are no talk. */
static void silent_make_room(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p[64], q;
	struct tcp_conn *c[64];
	u32 entered = 0;

	f->net.conf.tcp.recycle_idle_ms = 1000;
	open_world(f, 64, 64);
	enter_many(f, 60, p, c);
	for (u32 t = 0; t < 20; t++) {
		tcp_pass(f, 100 * FIX_MS);
		for (u32 i = 0; i < 20; i++) {
			tcp_put(f, &p[i], TCP_ACK, "x", 1);
			p[i].seq++;
			tcp_put(f, &p[20 + i], TCP_ACK, NULL, 0);
		}
		for (u32 i = 0; i < 20; i++) {
			u8 got[4];

			tcp_read(f, c[i], got, sizeof(got));
			tcp_recv_done(&f->net, c[i], c[i]->rx_told);
		}
		tcp_drain(f);
	}
	tcp_news(f, c[0]);
	assert_int_equal(f->stat.tcp_recycled, 0);
	for (u32 i = 0; i < 30; i++) {
		q = peer(100 + i, 0);
		entered += enter(f, &q) != NULL;
		tcp_news(f, NULL);
	}
	assert_in_range(entered, 20, 30);
	assert_in_range(f->stat.tcp_recycled, entered - 4, entered);
	assert_int_equal(f->stat.tcp_rst_out, f->stat.tcp_recycled);
	for (u32 i = 0; i < 20; i++)
		assert_int_equal(c[i]->state, TCP_ESTABLISHED);
}

static bool is_open(struct fixture *f, const struct tcp_peer *p)
{
	return tcp_find(&f->net, flow_make(p->ip, FIX_IP, be16(p->port),
					   be16(p->our_port)));
}

/* Of the first twenty the peer speaks, of the next ten the application; the
 * next but one says no more than that it is there, the next one that it will
 * not speak. */
static void some_speak(struct fixture *f, struct tcp_peer *p,
		       struct tcp_conn **c)
{
	for (u32 i = 0; i < 20; i++)
		tcp_put(f, &p[i], TCP_ACK, "x", 1);
	for (u32 i = 20; i < 30; i++) {
		assert_int_equal(tcp_send(&f->net, c[i], (const u8 *)"220", 3),
				 3);
		tcp_output_all(&f->net, f->now);
		p[i].ack += 3;
		tcp_put(f, &p[i], TCP_ACK, NULL, 0);
	}
	tcp_put(f, &p[30], TCP_FIN | TCP_ACK, NULL, 0);
	tcp_put(f, &p[31], TCP_ACK, NULL, 0);
	tcp_drain(f);
	tcp_news(f, NULL);
}

static struct tcp_conn *enter_speaking(struct fixture *f, u32 host)
{
	struct tcp_peer p = peer(host, 0);
	struct tcp_conn *c = enter(f, &p);

	if (c)
		tcp_put(f, &p, TCP_ACK, "x", 1);
	tcp_news(f, NULL);
	tcp_drain(f);
	return c;
}

/* Connections on which nobody ever said a word go, the oldest first, one for
 * each newcomer and when there is need. */
static void never_spoken_make_room(void **state)
{
	enum { N = 58, SPEAK = 31, MOST = 64, LEFT = 4 };
	struct fixture *f = *state;
	struct tcp_peer p[MOST], q;
	struct tcp_conn *c[MOST];
	u32 ended;

	f->net.conf.tcp.recycle_silent_ms = 1000;
	open_world(f, MOST, MOST);
	enter_many(f, N, p, c);
	some_speak(f, p, c);
	assert_non_null(enter_speaking(f, 100));
	assert_non_null(enter_speaking(f, 101));
	assert_int_equal(f->stat.tcp_recycled, 0);
	tcp_pass(f, 1001 * FIX_MS);
	tcp_drain(f);
	for (ended = 0; ended < N - SPEAK; ended++) {
		assert_true(is_open(f, &p[SPEAK + ended]));
		assert_non_null(enter_speaking(f, 110 + ended));
		assert_false(is_open(f, &p[SPEAK + ended]));
	}
	assert_int_equal(f->stat.tcp_recycled, ended);
	assert_int_equal(f->stat.tcp_rst_out, ended);
	for (u32 i = 0; i < SPEAK; i++)
		assert_true(is_open(f, &p[i]));
	for (u32 i = 0; i < LEFT; i++)
		assert_non_null(enter_speaking(f, 150 + i));
	q = peer(160, 0);
	assert_false(knock(f, &q));
}

/* ... but not one who has only come, while such are few. */
static void who_has_come_may_speak(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p[64], q = peer(100, 0);
	struct tcp_conn *c[64];

	open_world(f, 64, 64);
	enter_many(f, 64, p, c);
	f->net.conf.tcp.recycle_silent_ms = 1000;
	for (u32 i = 0; i < 56; i++)
		tcp_put(f, &p[i], TCP_ACK, "x", 1);
	tcp_drain(f);
	assert_false(knock(f, &q));
	assert_int_equal(f->stat.tcp_recycled, 0);
	tcp_pass(f, 1001 * FIX_MS);
	tcp_drain(f);
	tcp_put_syn(f, &q, TCP_SYN);
	assert_int_equal(f->stat.tcp_recycled, 1);
	assert_false(is_open(f, &p[56]));
}

/* The last places are for who has confirmed. When there is none, the place of
 * one that goes is free once the application has heard of it, which a cookie
 * waits for. */
static void place_that_comes_is_promised(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p[32], q = peer(100, 0);
	struct tcp_conn *c[32];

	f->net.conf.tcp.syn_cookies = true;
	open_world(f, 32, 32);
	enter_many(f, 32, p, c);
	assert_int_equal(f->stat.tcp_cookies_taken, 1); /* by the last */
	assert_false(knock(f, &q));
	assert_int_equal(f->stat.drop_tcp_conns, 1);
	f->net.conf.tcp.recycle_silent_ms = 1000;
	assert_true(knock(f, &q));
	assert_int_equal(f->stat.tcp_cookies_sent, 2);
	assert_int_equal(f->stat.drop_tcp_conns, 1);
	assert_false(is_open(f, &p[0]));
	assert_true(is_open(f, &p[1]));
	tcp_news(f, NULL);
	tcp_put(f, &q, TCP_ACK, "x", 1);
	assert_true(is_open(f, &q));
	assert_int_equal(f->stat.tcp_cookies_taken, 2);
}

/* Everybody says a byte every 400 ms: nobody is idle for longer. Where the
 * settings allow it the longest idle of some goes, else newcomers wait. */
static void one_byte_now_and_then(void **state)
{
	enum { N = 64 };
	struct fixture *f = *state;
	struct tcp_peer p[N], q = peer(100, 0);
	struct tcp_conn *c[N];
	u8 got[4];

	open_world(f, N, N);
	enter_many(f, N, p, c);
	f->net.conf.tcp.recycle_silent_ms = 1000;
	f->net.conf.tcp.recycle_idle_ms = 500;
	for (u32 t = 0; t < 3 * N; t++) {
		u32 i = t % N;

		tcp_put(f, &p[i], TCP_ACK, "x", 1);
		p[i].seq++;
		tcp_read(f, c[i], got, sizeof(got));
		tcp_recv_done(&f->net, c[i], c[i]->rx_told);
		tcp_drain(f);
		tcp_pass(f, 400 * FIX_MS / N);
	}
	tcp_drain(f);
	assert_false(knock(f, &q));
	assert_int_equal(f->stat.tcp_recycled, 0);
	f->net.conf.tcp.recycle_idle_ms = 300;
	for (u32 tries = 0; tries < N && !f->stat.tcp_recycled; tries++) {
		tcp_put_syn(f, &q, TCP_SYN);
		tcp_drain(f);
		tcp_news(f, NULL);
	}
	assert_int_equal(f->stat.tcp_recycled, 1);
	for (u32 i = N / 4; i < N; i++) /* of whom it is less than 300 ms */
		assert_true(is_open(f, &p[i]));
}

/* Without leave from the settings nobody is sent away. */
static void silent_stay(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p[32], q;
	struct tcp_conn *c[32];

	open_world(f, 32, 64);
	enter_many(f, 32, p, c);
	tcp_pass(f, 100000 * FIX_MS);
	for (u32 i = 0; i < 10; i++) {
		q = peer(100 + i, 0);
		assert_false(knock(f, &q));
	}
	assert_int_equal(f->stat.tcp_recycled, 0);
	for (u32 i = 0; i < 32; i++)
		assert_int_equal(c[i]->state, TCP_ESTABLISHED);
}

/* The application has done with them, and their peers do nothing. */
static void stuck_make_room(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p[32], q;
	struct tcp_conn *c[32];
	u32 entered = 0;

	open_world(f, 32, 64);
	enter_many(f, 31, p, c);
	/* FIN-WAIT-2, and a closed window. */
	tcp_close(&f->net, c[7], true, f->now);
	tcp_output_all(&f->net, f->now);
	p[7].ack++;
	tcp_put(f, &p[7], TCP_ACK, NULL, 0);
	assert_int_equal(c[7]->state, TCP_FIN_WAIT_2);
	p[8].wnd = 0;
	tcp_put(f, &p[8], TCP_ACK, NULL, 0);
	assert_int_equal(tcp_send(&f->net, c[8], (const u8 *)"hello", 5), 5);
	tcp_close(&f->net, c[8], true, f->now);
	for (u32 i = 0; i < 20; i++) {
		tcp_pass(f, 10 * FIX_MS);
		tcp_put(f, &p[8], TCP_ACK, NULL, 0);
	}
	tcp_drain(f);
	assert_int_equal(c[8]->state, TCP_ESTABLISHED);
	for (u16 i = 0; i < 10; i++) {
		q = peer(100 + i, 0);
		entered += enter(f, &q) != NULL;
		tcp_news(f, NULL);
	}
	assert_int_equal(entered, 3);
	assert_int_equal(f->stat.tcp_recycled, 2);
	assert_int_equal(f->stat.tcp_rst_out, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TCP_TEST(one_source_leaves_room),
		TCP_TEST(many_sources_leave_room),
		TCP_TEST(share_counts_the_confirmed),
		TCP_TEST(port_has_a_limit),
		TCP_TEST(half_open_crowd_nobody_out),
		TCP_TEST(unanswered_make_room),
		TCP_TEST(silent_make_room),
		TCP_TEST(never_spoken_make_room),
		TCP_TEST(who_has_come_may_speak),
		TCP_TEST(place_that_comes_is_promised),
		TCP_TEST(one_byte_now_and_then),
		TCP_TEST(silent_stay),
		TCP_TEST(stuck_make_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
