/* SPDX-License-Identifier: MIT */
#include "tcp_fixture.h"

enum { ARENA = 60000 };

static u8 arena[ARENA];

static void fill(void)
{
	u64 seed = 5;

	for (u32 i = 0; i < ARENA; i++)
		arena[i] = (u8)test_random(&seed);
}

static void send(struct fixture *f, struct tcp_conn *c, u32 off, u32 len)
{
	assert_int_equal(tcp_send(&f->net, c, arena + off, len), len);
	tcp_output_all(&f->net, f->now);
}

static void segments_and_window(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);
	struct tcp_out o;
	u32 at = 0;

	fill();
	send(f, c, 0, 50000);
	while (tcp_get(f, &o)) { /* the initial window, in full segments */
		assert_int_equal(o.seq, p.ack + at);
		assert_int_equal(o.len, PEER_MSS);
		assert_memory_equal(o.payload, arena + at, o.len);
		at += o.len;
	}
	assert_int_equal(at, 10 * PEER_MSS);
}

/* All the ways a payload reaches the wire; fix_tx() checks the checksums. */
static void everything_arrives(void **state)
{
	struct fixture *f = *state;
	u64 seed = 7;

	fill();
	for (int round = 0; round < 48; round++) {
		struct tcp_peer p = tcp_peer_new();
		struct tcp_conn *c;
		struct tcp_out o;
		u32 queued = 0, got = 0;

		if (round == 24) /* sums at their limit */
			memset(arena, 0xff, sizeof(arena));
		p.port = (u16)(PEER_PORT + round);
		p.ts = round & 1;
		f->net.conf.tcp.timestamps = round & 1;
		f->net.caps = (round & 2 ? NIC_GATHER : 0) |
			      (round & 4 ? NIC_TX_CSUM : 0);
		f->net.mtu = round & 8 ? 9000 : 1500;
		c = tcp_accepted(f, &p);
		while (got < ARENA) {
			u32 len = (u32)(test_random(&seed) % 900);
			s64 took;

			len = min(len, ARENA - queued);
			took = tcp_send(&f->net, c, arena + queued, len);
			assert_true(took >= 0);
			queued += (u32)took;
			tcp_output_all(&f->net, f->now);
			while (tcp_get(f, &o)) {
				if (!o.len)
					continue;
				assert_int_equal(o.seq, p.ack);
				assert_memory_equal(o.payload, arena + got,
						    o.len);
				assert_true(got + o.len <= queued);
				got += o.len;
				p.ack += o.len;
				p.tsval++;
				if (test_random(&seed) % 3 == 0)
					tcp_put(f, &p, TCP_ACK, NULL, 0);
			}
			tcp_put(f, &p, TCP_ACK, NULL, 0);
		}
		tcp_abort(&f->net, c, f->now);
		tcp_drain(f);
		tcp_news(f, c);
	}
	assert_true(f->stat.tx_copied_bytes > 0);
	assert_true(f->stat.tx_gathered_bytes > 0);
	assert_int_equal(f->stat.tcp_retransmits, 0);
}

/* ---- NIC_TSO */

enum { HEADERS = ETH_LEN + IPV4_LEN + TCP_LEN };

/* The only packet there is: its payload's length; it is @off of the arena. */
static u32 want_packet(struct fixture *f, u32 off, bool large)
{
	static u8 bytes[HEADERS + ARENA];
	struct mbuf *m = f->net.txq[0];
	const struct ipv4_hdr *ip = (void *)(bytes + ETH_LEN);
	const struct tcp_hdr *h = (void *)(ip + 1);
	u32 len = mbuf_packet_len(m);

	assert_int_equal(f->net.ntx, 1);
	f->net.ntx = 0;
	mbuf_copy(bytes, m);
	assert_int_equal(!!(m->flags & MBUF_LARGE), large);
	assert_int_equal(be16_host(ip->len), len - ETH_LEN);
	assert_memory_equal(bytes + HEADERS, arena + off, len - HEADERS);
	if (large) { /* what is cut is also summed below */
		assert_int_equal(m->seg, PEER_MSS);
		assert_int_equal(h->cksum,
				 cksum_fold(ip_pseudo_sum(
					 ip->src, ip->dst, IP_PROTO_TCP,
					 (u16)(len - ETH_LEN - IPV4_LEN))));
	}
	mbuf_free_chain(&f->pool, m);
	return len - HEADERS;
}

static void many_segments_are_one_packet(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);

	fill();
	f->net.caps = NIC_TSO;
	send(f, c, 0, 1000);
	assert_int_equal(want_packet(f, 0, false), 1000);
	send(f, c, 1000, 5000);
	assert_int_equal(want_packet(f, 1000, true), 5000);
	/* What the window lets go, in whole segments, or all. */
	send(f, c, 6000, 20000);
	assert_int_equal(want_packet(f, 6000, true), 5 * PEER_MSS);
	p.ack += 6000 + 5 * PEER_MSS;
	tcp_put(f, &p, TCP_ACK, NULL, 0);
	assert_int_equal(want_packet(f, 6000 + 5 * PEER_MSS, true),
			 20000 - 5 * PEER_MSS);
	assert_int_equal(f->stat.tx_copied_bytes, 1000);
}

/* As many as a packet refers to: then the next one follows. */
static void pieces_are_few(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);
	u32 got = 0;

	fill();
	for (u32 i = 0; i < 8; i++) /* apart, and the same again */
		memcpy(arena + 30000 + i * 1100, arena + i * 1000, 1000);
	f->net.caps = NIC_TSO;
	for (u32 i = 0; i < 8; i++)
		assert_int_equal(
			tcp_send(&f->net, c, arena + 30000 + i * 1100, 1000),
			1000);
	tcp_output_all(&f->net, f->now);
	for (u32 n = f->net.ntx; n; n--) {
		struct mbuf *first = f->net.txq[0];

		f->net.ntx = 1;
		assert_true(first->nr_ext <= MBUF_MAX_EXT);
		got += want_packet(f, got, first->flags & MBUF_LARGE);
		memmove(f->net.txq, f->net.txq + 1,
			(n - 1) * sizeof(f->net.txq[0]));
	}
	assert_int_equal(got, 8000);
	assert_int_equal(f->stat.tx_copied_bytes, 0);
}

static void recovery_counts_segments(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);

	fill();
	f->net.caps = NIC_TSO;
	send(f, c, 0, 5000);
	assert_int_equal(want_packet(f, 0, true), 5000);
	tcp_put(f, &p, TCP_ACK, NULL, 0); /* a duplicate */
	send(f, c, 5000, 4000);
	assert_int_equal(f->net.ntx, 3);
	for (u32 i = 0; i < 3; i++)
		assert_false(f->net.txq[i]->flags & MBUF_LARGE);
	tcp_drain(f);
}

static void drop_packets(struct fixture *f)
{
	while (f->net.ntx)
		mbuf_free_chain(&f->pool, f->net.txq[--f->net.ntx]);
}

/* Behind a hole of the peer's the NIC's segments leave room for the block in
 * each of them; what came twice would be in each of them, too. */
static void what_is_cut_reports(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);
	const struct mbuf *m;

	fill();
	c->sack = true;
	tcp_put_at(f, &p, p.seq + 1000, TCP_ACK, arena, 1000);
	tcp_drain(f);
	f->net.caps = NIC_TSO;
	send(f, c, 0, 5000);
	m = f->net.txq[0];
	assert_int_equal(f->net.ntx, 1);
	assert_true(m->flags & MBUF_LARGE);
	assert_int_equal(m->seg, PEER_MSS - 12);
	assert_int_equal(mbuf_packet_len(m), HEADERS + 12 + 5000);
	drop_packets(f);
	tcp_dup_note(&f->net, c, p.seq + 1000, p.seq + 1500);
	send(f, c, 5000, 5000);
	m = f->net.txq[0];
	assert_int_equal(f->net.ntx, 2);
	assert_false(m->flags & MBUF_LARGE);
	assert_int_equal(mbuf_packet_len(m), HEADERS + PEER_MSS);
	assert_true(f->net.txq[1]->flags & MBUF_LARGE);
	assert_int_equal(f->net.txq[1]->seg, PEER_MSS - 12);
	drop_packets(f);
}

/* On a link that takes next to nothing, too. */
static void blocks_leave_room_for_data(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);
	const u8 holds[][2] = { { 16, 4 }, { 28, 8 } };
	struct tcp_out o;

	c->sack = true;
	for (u32 i = 1; i <= 3; i++)
		tcp_put_at(f, &p, p.seq + i * 2000, TCP_ACK, arena, 1000);
	for (u32 i = 0; i < ARRAY_SIZE(holds); i++) {
		tcp_drain(f);
		c->mss_snd = holds[i][0];
		send(f, c, i * 100, 100);
		assert_true(tcp_get(f, &o));
		assert_int_equal(o.len, holds[i][1]);
	}
	tcp_drain(f);
}

static void peers_window_is_obeyed(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);

	p.wnd = 2000;
	tcp_put(f, &p, TCP_ACK, NULL, 0);
	send(f, c, 0, 5000);
	/* The rest of the window is no full segment, more than 1/2 of the
	 * window is in flight: wait (RFC 9293 section 3.8.6.2.1). */
	assert_int_equal(tcp_want(f, TCP_ACK).len, PEER_MSS);
	tcp_want_none(f);
	p.ack += PEER_MSS;
	tcp_put(f, &p, TCP_ACK, NULL, 0);
	assert_int_equal(tcp_want(f, TCP_ACK).len, PEER_MSS);
	tcp_want_none(f);
}

static void fin_follows_data(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);
	struct tcp_out o;

	assert_int_equal(tcp_send(&f->net, c, arena, 100), 100);
	tcp_close(&f->net, c, false, f->now);
	tcp_output_all(&f->net, f->now);
	o = tcp_want(f, TCP_FIN | TCP_PSH | TCP_ACK);
	assert_int_equal(o.len, 100);
	assert_int_equal(c->state, TCP_FIN_WAIT_1);
	assert_int_equal(tcp_close(&f->net, c, false, f->now), -EPIPE);
	tcp_want_none(f);
	p.ack += 101;
	tcp_put(f, &p, TCP_ACK, NULL, 0);
	assert_int_equal(c->state, TCP_FIN_WAIT_2);
	tcp_pass(f, 60000 * FIX_MS);
	tcp_want_none(f); /* half-closed: may last */
	assert_int_equal(c->state, TCP_FIN_WAIT_2);
}

static void no_buffers_then_some(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);
	struct mbuf *all[FIX_MBUFS];
	u32 n = 0;

	while (f->pool.nfree)
		all[n++] = mbuf_alloc(&f->pool);
	send(f, c, 0, 1000);
	tcp_want_none(f);
	while (n)
		mbuf_free(&f->pool, all[--n]);
	/* Nothing else happens on this connection: it must not hang. */
	tcp_pass(f, 1000 * FIX_MS);
	assert_true(tcp_drain(f) > 0);
}

static void full_queue_then_room(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);

	f->net.ntx = NET_TXQ;
	send(f, c, 0, 1000);
	assert_int_equal(f->stat.drop_tx_full, 0);
	f->net.ntx = 0;
	tcp_output_all(&f->net, f->now);
	assert_int_equal(tcp_want(f, TCP_ACK | TCP_PSH).len, 1000);
}

/* However much one has to send, the others have their turn. */
static void full_queue_is_shared_in_turn(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p[2] = { tcp_peer_new(), tcp_peer_new() };
	struct tcp_conn *much, *little;
	struct tcp_out o;

	p[1].port++;
	much = tcp_accepted(f, &p[0]);
	little = tcp_accepted(f, &p[1]);
	f->net.ntx = NET_TXQ - 3;
	tcp_send(&f->net, much, arena, 14600);
	tcp_send(&f->net, little, arena + 20000, 100);
	tcp_output_all(&f->net, f->now);
	f->net.txq[0] = f->net.txq[NET_TXQ - 3];
	f->net.txq[1] = f->net.txq[NET_TXQ - 2];
	f->net.ntx = 2;
	for (u32 i = 0; i < 2; i++) {
		assert_true(tcp_get(f, &o));
		assert_int_equal(o.dport, p[0].port);
	}
	tcp_output_all(&f->net, f->now);
	assert_true(tcp_get(f, &o));
	assert_int_equal(o.dport, p[1].port);
	assert_true(tcp_drain(f) > 0);
}

/* The packets that go before one to @port, a queue at a time. */
static u32 packets_before(struct fixture *f, u16 port)
{
	struct tcp_out o;
	u32 n = 0;

	for (u32 i = 0; i < 10; i++) {
		tcp_output_all(&f->net, f->now);
		while (tcp_get(f, &o)) {
			if (o.dport == port)
				return n;
			n++;
		}
	}
	return UINT32_MAX;
}

/* A few have a whole window to send, each; who has a segment comes behind a
 * turn of each, and once they have had one behind one of them. */
static void short_answers_wait_for_a_turn_only(void **state)
{
	enum { MANY = 14, TURN = 8, SEGS = 40 };
	struct fixture *f = *state;
	struct tcp_peer p[MANY + 1];
	struct tcp_conn *c[MANY + 1];

	for (u32 i = 0; i <= MANY; i++) {
		p[i] = tcp_peer_new();
		p[i].port = (u16)(PEER_PORT + i);
		c[i] = tcp_accepted(f, &p[i]);
		c[i]->cwnd = 65535;
	}
	for (u32 i = 0; i < MANY; i++)
		tcp_send(&f->net, c[i], arena, SEGS * PEER_MSS);
	tcp_send(&f->net, c[MANY], arena, 100);
	assert_int_equal(packets_before(f, p[MANY].port), MANY * TURN);
	tcp_drain(f); /* not all found room */
	tcp_send(&f->net, c[MANY], arena + 200, 100);
	assert_true(packets_before(f, p[MANY].port) <= TURN);
	do
		tcp_output_all(&f->net, f->now);
	while (tcp_drain(f));
	assert_null(f->net.tcp.more_head);
}

static void resets_closed_ports(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_out o;

	tcp_put_syn(f, &p, TCP_SYN);
	o = tcp_want(f, TCP_RST | TCP_ACK);
	assert_int_equal(o.seq, 0);
	assert_int_equal(o.ack, p.seq + 1);
	p.ack = 12345;
	tcp_put(f, &p, TCP_ACK, "data", 4);
	o = tcp_want(f, TCP_RST);
	assert_int_equal(o.seq, 12345);
	tcp_put(f, &p, TCP_RST, NULL, 0);
	tcp_want_none(f);
	assert_int_equal(f->stat.tcp_rst_out, 2);
}

static void window_moves_in_steps(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);
	u32 edge = c->rcv_adv, told = 0;
	struct tcp_out o;
	u8 buf[1000];

	/* Until the window is full; the edge never moves back. */
	for (u32 n = 0; n < 60; n++) {
		tcp_put(f, &p, TCP_ACK, arena, 1000);
		p.seq += 1000;
		while (tcp_get(f, &o)) {
			assert_true(seq_le(edge, o.ack + o.wnd));
			edge = o.ack + o.wnd;
		}
		told += tcp_read(f, c, buf, sizeof(buf));
	}
	assert_int_equal(told, 60000);
	tcp_put(f, &p, TCP_ACK, arena, 1);
	assert_int_equal(tcp_want(f, TCP_ACK).wnd, 0);
	assert_int_equal(f->stat.drop_tcp_window, 1);
	/* A little room is not worth telling, a lot is at once. */
	assert_int_equal(tcp_recv_done(&f->net, c, 100), 0);
	tcp_output_all(&f->net, f->now);
	tcp_want_none(f);
	assert_int_equal(tcp_recv_done(&f->net, c, 40000), 0);
	tcp_output_all(&f->net, f->now);
	assert_int_equal(tcp_want(f, TCP_ACK).wnd, 40100);
	assert_int_equal(tcp_recv_done(&f->net, c, 20000), -EINVAL);
}

static void path_mtu(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);
	struct tcp_icmp msg = { .mtu = 600 };
	struct tcp_out o;

	send(f, c, 0, 5000);
	o = tcp_want(f, TCP_ACK);
	tcp_drain(f);
	/* forged: nothing like it is in flight */
	msg.seq = o.seq + 100000;
	tcp_icmp(&f->net, c->flow, &msg, f->now);
	tcp_output_all(&f->net, f->now);
	tcp_want_none(f);
	msg.seq = o.seq;
	tcp_icmp(&f->net, c->flow, &msg, f->now);
	tcp_output_all(&f->net, f->now);
	for (u32 at = 0; tcp_get(f, &o); at += o.len) {
		assert_int_equal(o.seq, p.ack + at);
		assert_true(o.len <= 560);
	}
}

/* A trial of larger segments finds windows made for small ones. */
static void path_mtu_raised(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = tcp_accepted(f, &p);
	u16 full = c->mss_snd;
	struct tcp_icmp msg = { .mtu = 576 };

	send(f, c, 0, 2000);
	msg.seq = tcp_want(f, TCP_ACK).seq;
	tcp_drain(f);
	tcp_icmp(&f->net, c->flow, &msg, f->now);
	assert_true(c->mss_snd < full);
	c->cwnd = c->mss_snd;
	c->ssthresh = 2u * c->mss_snd;
	tcp_path_sent(&f->net, c, c->mss_snd, f->now + 3600 * 1000ull * FIX_MS);
	assert_int_equal(c->mss_snd, full);
	assert_true(c->cwnd >= full);
	assert_true(c->ssthresh >= 2u * full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TCP_TEST(segments_and_window),
		TCP_TEST(everything_arrives),
		TCP_TEST(many_segments_are_one_packet),
		TCP_TEST(pieces_are_few),
		TCP_TEST(recovery_counts_segments),
		TCP_TEST(what_is_cut_reports),
		TCP_TEST(blocks_leave_room_for_data),
		TCP_TEST(peers_window_is_obeyed),
		TCP_TEST(fin_follows_data),
		TCP_TEST(no_buffers_then_some),
		TCP_TEST(full_queue_then_room),
		TCP_TEST(full_queue_is_shared_in_turn),
		TCP_TEST(short_answers_wait_for_a_turn_only),
		TCP_TEST(resets_closed_ports),
		TCP_TEST(window_moves_in_steps),
		TCP_TEST(path_mtu),
		TCP_TEST(path_mtu_raised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
