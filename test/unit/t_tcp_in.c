/* SPDX-License-Identifier: MIT */
/* Segment arrival. The rules one by one are in test/packet/; here are the
 * ways in (fast and slow give the same), and arrivals at random. */
#include "net/tcp_answer.h"
#include "tcp_fixture.h"

static u8 data[9000];

static void fill(void)
{
	u64 seed = 3;

	for (u32 i = 0; i < sizeof(data); i++)
		data[i] = (u8)test_random(&seed);
}

/* A transfer to us, with timestamps (the fast path's layout) and without;
 * in one frame and in fragments; with checksums only partly there. */
static void receives_by_every_way(void **state)
{
	struct fixture *f = *state;

	fill();
	for (int way = 0; way < 8; way++) {
		struct tcp_peer p = tcp_peer_new();
		struct tcp_conn *c;
		u8 got[9000];

		p.port = (u16)(PEER_PORT + way);
		p.ts = way & 1;
		f->net.conf.tcp.timestamps = way & 1;
		f->net.mtu = way & 2 ? 9000 : 1500;
		c = tcp_accepted(f, &p);
		for (u32 round = 0; round < 30; round++) {
			u32 len = 1 + round * (way & 2 ? 280 : 48);
			u32 n;

			tcp_put(f, &p, TCP_ACK | (way & 4 ? TCP_PSH : 0), data,
				len);
			p.seq += len;
			p.tsval++;
			n = tcp_read(f, c, got, sizeof(got));
			assert_int_equal(n, len);
			assert_memory_equal(got, data, len);
			assert_int_equal(tcp_recv_done(&f->net, c, len), 0);
			assert_int_equal(c->rx_bytes, 0);
			assert_int_equal(c->rcv_nxt, p.seq);
			tcp_drain(f);
		}
		tcp_abort(&f->net, c, f->now);
		tcp_drain(f);
		tcp_news(f, c);
	}
	assert_int_equal(f->stat.tcp_out_of_order, 0);
	assert_int_equal(f->stat.drop_tcp_window, 0);
}

static void acknowledgements_by_every_way(void **state)
{
	struct fixture *f = *state;

	for (int way = 0; way < 4; way++) {
		struct tcp_peer p = tcp_peer_new();
		struct tcp_conn *c;

		p.port = (u16)(PEER_PORT + way);
		p.ts = way & 1;
		f->net.conf.tcp.timestamps = way & 1;
		c = tcp_accepted(f, &p);
		for (u32 i = 1; i < 20; i++) {
			assert_int_equal(tcp_send(&f->net, c, data, i * 50),
					 i * 50);
			tcp_output_all(&f->net, f->now);
			tcp_drain(f);
			p.ack += i * 50;
			/* alone, or with data */
			tcp_put(f, &p, TCP_ACK, data, way & 2 ? 10 : 0);
			p.seq += way & 2 ? 10 : 0;
			assert_int_equal(c->acked, i * 50);
			assert_int_equal(c->snd_una, p.ack);
			assert_int_equal(c->sndq_bytes, 0);
			assert_int_equal(c->sndq_ranges, 0);
			assert_int_equal(c->rto_at, 0);
			assert_true(tcp_news(f, c) & TCP_EV_SENT);
			tcp_drain(f);
		}
		tcp_abort(&f->net, c, f->now);
		tcp_drain(f);
		tcp_news(f, c);
	}
}

/* A flag of which nobody has said that it may be set. */
static void new_flags_close_the_fast_path(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c;
	u32 flag, ntx;

	f->net.conf.tcp.timestamps = true;
	p.ts = true;
	c = tcp_accepted(f, &p);
	assert_int_equal(tcp_send(&f->net, c, data, 1), 1);
	tcp_output_all(&f->net, f->now);
	p.ack += 1;
	tcp_put(f, &p, TCP_ACK, NULL, 0);
	assert_int_equal(tcp_news(f, c), TCP_EV_SENT);
	tcp_drain(f);
	for (flag = TCP_F_LOSS;; flag = 0) {
		struct be32 ts[] = { be32(0x0101080a), be32(p.tsval),
				     be32(p.tsecr) };
		struct fix_seg s = { .src = p.ip,
				     .sport = p.port,
				     .dport = p.our_port,
				     .seq = p.seq,
				     .ack = p.ack,
				     .flags = TCP_ACK,
				     .win = p.wnd,
				     .opt = (const u8 *)ts,
				     .opt_len = sizeof(ts) };
		struct mbuf *m = fix_tcp(f, &s, "x", 1);

		c->flags |= flag;
		assert_int_equal(tcp_fast_in(&f->net, &m, 1, f->now), !flag);
		if (flag)
			mbuf_free(f->net.pool, m);
		ntx = f->net.ntx;
		assert_int_equal(tcp_may_answer(c), !flag);
		assert_int_equal(
			flag ? tcp_answer_later(&f->net, c, 0, data, 1)
			     : tcp_answer(&f->net, c, 0, data, 1, f->now),
			1);
		assert_int_equal(f->net.ntx - ntx, !flag);
		c->flags &= ~flag;
		tcp_output_all(&f->net, f->now);
		p.ack += 1;
		tcp_put(f, &p, TCP_ACK, NULL, 0);
		if (!flag)
			break;
	}
	assert_int_equal(tcp_news(f, c), TCP_EV_RECV | TCP_EV_SENT);
}

static void wrong_thread_is_forwarded(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct fix_seg s = { .sport = 1, .dport = PORT, .flags = TCP_SYN };
	struct tcp_conn *c;
	struct mbuf *m;

	tcpfix_listen(f, 4);
	c = tcp_shake(f, &p);
	memset(f->group_owner, 5, sizeof(f->group_owner));
	m = fix_tcp(f, &s, NULL, 0);
	assert_false(fix_in(f, m));
	assert_int_equal(f->net.owner, 5);
	m = fix_tcp(f, &s, NULL, 0);
	m->flags |= MBUF_FORWARDED; /* before the group went on */
	assert_false(fix_in(f, m));
	assert_int_equal(f->net.owner, 5);
	memset(f->group_owner, 0, sizeof(f->group_owner));
	m = fix_tcp(f, &s, NULL, 0);
	m->flags |= MBUF_FORWARDED;
	assert_true(fix_in(f, m));
	assert_int_equal(f->stat.tcp_conns, 2);
	memset(f->group_owner, 5, sizeof(f->group_owner));
	/* What is known here stays here. */
	tcp_put(f, &p, TCP_ACK, "x", 1);
	assert_int_equal(c->rx_bytes, 1);
	tcp_drain(f);
}

static void checksum_and_options(void **state)
{
	struct fixture *f = *state;
	struct fix_seg s = { .sport = 1,
			     .dport = PORT,
			     .flags = TCP_SYN,
			     .opt = "\x02\x05\x01\x01",
			     .opt_len = 4 };
	struct mbuf *m;

	tcpfix_listen(f, 4);
	fix_in(f, fix_tcp(f, &s, NULL, 0));
	assert_int_equal(f->stat.drop_tcp_header, 1);
	s.opt_len = 0;
	m = fix_tcp(f, &s, NULL, 0);
	((struct tcp_hdr *)fix_l4_of(m))->cksum ^= 1;
	fix_in(f, m);
	assert_int_equal(f->stat.drop_checksum, 1);
	assert_int_equal(f->stat.tcp_conns, 0);
}

/* ---- at random */

/* What must hold of every connection at any time. */
static void check(struct fixture *f)
{
	const struct tcp *t = &f->net.tcp;
	u32 buffers = f->net.ntx, half = 0, counted = 0;

	for (u32 i = 0; i < t->nconns_used; i++) {
		const struct tcp_conn *c = &t->conns[i];
		u32 bytes = 0, queued = 0;

		if (c->flags & TCP_F_RELEASED)
			continue;
		half += c->state == TCP_SYN_RCVD && c->listener.raw;
		counted += c->state >= TCP_ESTABLISHED &&
			   c->state != TCP_TIME_WAIT;
		for (const struct mbuf *m = c->rx_head; m; m = m->next) {
			bytes += m->len - m->tcp.off_done;
			buffers++;
		}
		for (const struct mbuf *m = c->ooo; m; m = m->next)
			buffers++;
		for (struct ref32 r = c->sndq_head; r.raw;
		     r = t->ranges[ref32_index(r)].next)
			queued += t->ranges[ref32_index(r)].len;
		assert_int_equal(bytes, c->rx_bytes);
		assert_true(c->rx_told <= c->rx_bytes);
		assert_int_equal(queued, c->sndq_bytes + c->head_off);
		assert_true(seq_le(c->snd_una, c->snd_nxt));
		assert_true(seq_le(c->snd_nxt, c->snd_max));
		assert_true(seq_le(c->rcv_nxt, c->rcv_adv + 1));
	}
	assert_int_equal(f->pool.nfree + buffers, f->pool.total);
	assert_int_equal(half, t->nhalf);
	assert_int_equal(counted, t->ncounted);
}

/* Near what would be right, so that it has effects. */
static u32 near(u32 x, u64 r)
{
	switch (r % 8) {
	case 0:
		return x + (u32)(r >> 40) % 3000;
	case 1:
		return x - (u32)(r >> 40) % 3000;
	case 2:
		return (u32)(r >> 32);
	case 3:
		return x - 1;
	case 4:
		return x + 1;
	default:
		return x;
	}
}

static void random_segment(struct fixture *f, u64 *seed)
{
	static const u8 flags[] = {
		TCP_ACK,	   TCP_ACK,	      TCP_ACK,
		TCP_ACK | TCP_PSH, TCP_SYN,	      TCP_SYN | TCP_ACK,
		TCP_FIN | TCP_ACK, TCP_FIN | TCP_ACK, TCP_RST,
		TCP_RST | TCP_ACK, TCP_FIN,	      0,
	};
	u64 r = test_random(seed);
	struct tcp_peer p = {
		.port = (u16)(PEER_PORT + r % 6),
		.our_port = r % 5 ? PORT : (u16)(40000 + r % 8),
		.seq = (u32)(r >> 20),
		.ack = (u32)(r >> 30),
		.wnd = (u16)(r >> 48 & (r & 512 ? 0xffff : 0)),
		.ts = r & 1024,
		.tsval = (u32)(r >> 50),
	};
	u8 fl = flags[test_random(seed) % ARRAY_SIZE(flags)];
	const struct tcp *t = &f->net.tcp;
	const struct tcp_conn *c = NULL;

	if (t->nconns_used)
		c = &t->conns[test_random(seed) % t->nconns_used];
	if (c && c->state != TCP_CLOSED) {
		p.port = be16_host(c->flow.rport);
		p.our_port = be16_host(c->flow.lport);
		p.ts = c->flags & TCP_F_TS && test_random(seed) % 16;
		p.seq = near(c->rcv_nxt, test_random(seed));
		p.ack = near(c->snd_max, test_random(seed));
		p.tsval = near(c->ts_recent, test_random(seed));
	}
	if (fl & TCP_SYN && r & 2048)
		tcp_put_syn(f, &p, fl);
	else
		tcp_put(f, &p, fl, data,
			(u32)(test_random(seed) % 1400) * (u32)(r >> 60 & 1));
}

static void random_call(struct fixture *f, struct tcp_conn *c, u64 *seed)
{
	struct net *net = &f->net;
	u64 r = test_random(seed);

	if (!(c->flags & (TCP_F_ACCEPTED | TCP_F_ACTIVE))) {
		if (tcp_has_knocked(c) && r % 8)
			tcp_accept(net, c, 1);
		else if (tcp_has_knocked(c))
			tcp_abort(net, c, f->now);
		return;
	}
	if (c->flags & TCP_F_ACTIVE && c->state < TCP_ESTABLISHED)
		return; /* the application has no name for it yet */
	switch (r % 8) {
	case 0 ... 3:
		tcp_send(net, c, data + (r >> 8) % 1000, (u32)(r >> 32) % 5000);
		break;
	case 4 ... 5:
		tcp_recv_done(net, c, (u32)(r >> 8) % (c->rx_told + 1));
		break;
	case 6:
		if (r >> 60 < 4)
			tcp_close(net, c, r & 256, f->now);
		break;
	case 7:
		if (r >> 60 == 0)
			tcp_abort(net, c, f->now);
		break;
	}
}

static void random_step(struct fixture *f, u64 *seed)
{
	struct tcp *t = &f->net.tcp;
	struct tcp_conn *c = NULL;
	u64 r = test_random(seed);
	u8 buf[65536];

	if (t->nconns_used)
		c = &t->conns[(r >> 8) % t->nconns_used];
	switch (r % 16) {
	case 0:
		if (r >> 60 == 0)
			tcp_connect(&f->net, FIX_PEER, (u16)(r >> 40 | 1), 1,
				    &c, f->now);
		break;
	case 1 ... 4:
		if (c && c->state != TCP_CLOSED &&
		    !(c->flags & TCP_F_DEAD_TOLD))
			random_call(f, c, seed);
		break;
	case 5:
		if (c && c->state != TCP_CLOSED)
			tcp_read(f, c, buf, sizeof(buf));
		break;
	case 6 ... 7:
		tcp_news(f, NULL);
		break;
	case 8:
		tcp_pass(f, (r >> 40) % (20 * FIX_MS));
		break;
	default:
		random_segment(f, seed);
	}
	tcp_output_all(&f->net, f->now);
	if (r & 1 << 20)
		tcp_drain(f);
}

static void random_worlds(void **state)
{
	u64 states = 0;

	for (u64 s = 1; s <= 40; s++) {
		u64 seed = s;
		void *world;
		struct fixture *f;

		tcpfix_setup(&world);
		f = world;
		f->net.conf.tcp.timestamps = s & 1;
		f->net.conf.tcp.wscale = s & 2;
		f->net.conf.tcp.rcv_mbufs = s & 4 ? 4 : 64;
		f->net.conf.tcp.keep_idle_ms = s & 8 ? 50 : 0;
		f->net.conf.tcp.keep_interval_ms = 10;
		f->net.conf.tcp.keep_probes = 2;
		f->net.caps = s & 16 ? NIC_GATHER : 0;
		tcpfix_listen(f, 4);
		for (int i = 0; i < 3000; i++) {
			random_step(f, &seed);
			check(f);
			for (u32 j = 0; j < f->net.tcp.nconns_used; j++)
				states |= 1ull << f->net.tcp.conns[j].state;
		}
		tcp_drain(f);
		tcpfix_teardown(&world);
	}
	assert_int_equal(states, (1ull << TCP_NR_STATES) - 1);
}

/* Challenge ACKs in each of some seconds, asked for far more often. */
static void count_challenges(struct fixture *f, struct tcp_peer *p,
			     u32 count[40])
{
	for (u32 i = 0; i < 40; i++) {
		u64 before = f->stat.tcp_challenge_acks;

		f->now = ((f->now >> 30) + 1) << 30;
		for (u32 k = 0; k < 100; k++) {
			tcp_put_at(f, p, p->seq + 1 + k, TCP_RST, NULL, 0);
			f->now += FIX_MS;
		}
		tcp_drain(f);
		count[i] = (u32)(f->stat.tcp_challenge_acks - before);
	}
}

/* Nobody can tell from those that he gets how many others got. */
static void challenges_in_all_are_random(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	u32 count[2][40], sum = 0, kinds = 0, seen[100] = { 0 };

	f->net.conf.tcp.challenge_acks = 20;
	tcp_accepted(f, &p);
	count_challenges(f, &p, count[0]);
	for (u32 i = 0; i < 40; i++) {
		assert_in_range(count[0][i], 10, 30);
		kinds += !seen[count[0][i]]++;
		sum += count[0][i];
	}
	assert_true(kinds >= 10);
	assert_in_range(sum, 40 * 16, 40 * 24);
	f->now -= 40ull << 30;
	f->net.secret[0]++;
	count_challenges(f, &p, count[1]);
	assert_memory_not_equal(count[0], count[1], sizeof(count[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TCP_TEST(receives_by_every_way),
		TCP_TEST(acknowledgements_by_every_way),
		TCP_TEST(new_flags_close_the_fast_path),
		TCP_TEST(wrong_thread_is_forwarded),
		TCP_TEST(checksum_and_options),
		TCP_TEST(challenges_in_all_are_random),
		cmocka_unit_test(random_worlds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
