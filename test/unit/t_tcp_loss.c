/* SPDX-License-Identifier: MIT */
/* net/tcp_loss.c, tcp_loss_pool.c: what a peer's blocks can cost. What they are
 * for is in test/packet/sack_*.pkt, tail_*.pkt, frto*.pkt. */
#include "tcp_fixture.h"

#include "net/tcp_loss.h"

enum { SEGS = 8, POOL = 8, FLOOD = 20000 };

static u8 data[SEGS * PEER_MSS];

static struct tcp_conn *sacker(struct fixture *f, struct tcp_peer *p)
{
	struct tcp_conn *c = tcp_accepted(f, p);

	c->sack = true;
	c->srtt = 1000 << 3;
	assert_int_equal(tcp_send(&f->net, c, data, sizeof(data)),
			 sizeof(data));
	tcp_output_all(&f->net, f->now);
	assert_int_equal(tcp_drain(f), SEGS);
	return c;
}

/* An ACK with @n blocks of two numbers each. */
static void ack(struct fixture *f, const struct tcp_peer *p, const u32 *blocks,
		u32 n)
{
	struct be32 opt[1 + 2 * TCP_MAX_BLOCKS] = { be32(0x01010502 + 8 * n) };
	struct fix_seg s = { .src = p->ip,
			     .sport = p->port,
			     .dport = p->our_port,
			     .seq = p->seq,
			     .ack = p->ack,
			     .flags = TCP_ACK,
			     .win = p->wnd,
			     .opt = n ? opt : NULL,
			     .opt_len = n ? 4 + 8 * n : 0 };

	for (u32 i = 0; i < 2 * n; i++)
		opt[1 + i] = be32(blocks[i]);
	fix_in(f, fix_tcp(f, &s, NULL, 0));
	tcp_output_all(&f->net, f->now);
}

/* The second segment has arrived, and @more behind it. */
static void sack(struct fixture *f, const struct tcp_peer *p, u32 more)
{
	u32 block[2] = { p->ack + PEER_MSS, p->ack + (2 + more) * PEER_MSS };

	ack(f, p, block, 1);
}

static struct tcp_peer peer(u16 i)
{
	struct tcp_peer p = tcp_peer_new();

	p.port = (u16)(p.port + i);
	return p;
}

/* One of another host each. */
static struct tcp_peer other_peer(struct fixture *f, u16 i)
{
	struct tcp_peer p = peer(i);

	p.ip = be32(be32_host(FIX_PEER) + i);
	if (i)
		assert_int_equal(neigh_add_static(&f->net, p.ip, fix_peer_mac),
				 0);
	return p;
}

/* Who comes when it is empty goes on as without SACK, by counting duplicates;
 * what is given back is there again. */
static void pool_runs_out(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p[POOL + 1];
	struct tcp_conn *c[POOL + 1];

	for (u16 i = 0; i <= POOL; i++) {
		p[i] = other_peer(f, i);
		c[i] = sacker(f, &p[i]);
		sack(f, &p[i], 0);
		assert_int_equal(!!tcp_loss_of(&f->net, c[i]), i < POOL);
	}
	assert_int_equal(f->stat.tcp_loss_short, 1);
	tcp_drain(f);
	sack(f, &p[POOL], 1);
	assert_int_equal(f->stat.tcp_fast_retransmits, 0);
	sack(f, &p[POOL], 2);
	assert_int_equal(f->stat.tcp_fast_retransmits, 1);
	assert_int_equal(tcp_want(f, TCP_ACK | TCP_PSH).seq, p[POOL].ack);
	tcp_drain(f);
	p[0].ack = c[0]->snd_max;
	ack(f, &p[0], NULL, 0);
	assert_false(c[0]->flags & TCP_F_LOSS);
	p[POOL].ack = c[POOL]->snd_max;
	ack(f, &p[POOL], NULL, 0);
	assert_false(c[POOL]->flags & TCP_F_RECOVERY);
	tcp_send(&f->net, c[POOL], data, sizeof(data));
	tcp_output_all(&f->net, f->now);
	tcp_drain(f);
	sack(f, &p[POOL], 0);
	assert_non_null(tcp_loss_of(&f->net, c[POOL]));
	for (u16 i = 0; i <= POOL; i++)
		tcp_news(f, c[i]);
}

/* One host with many connections leaves others some; and has them again when
 * it has given some back. */
static void one_source(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p[POOL], q = other_peer(f, POOL);
	struct tcp_conn *c[POOL], *other;

	for (u16 i = 0; i < POOL; i++) {
		p[i] = peer(i);
		c[i] = sacker(f, &p[i]);
		sack(f, &p[i], 0);
		assert_int_equal(!!tcp_loss_of(&f->net, c[i]), i < POOL / 2);
	}
	tcp_drain(f);
	other = sacker(f, &q);
	sack(f, &q, 0);
	assert_non_null(tcp_loss_of(&f->net, other));
	q.ack = other->snd_max;
	ack(f, &q, NULL, 0);
	p[0].ack = c[0]->snd_max;
	ack(f, &p[0], NULL, 0);
	sack(f, &p[POOL - 1], 1);
	assert_non_null(tcp_loss_of(&f->net, c[POOL - 1]));
	for (u16 i = 0; i < POOL; i++)
		tcp_news(f, c[i]);
	tcp_news(f, other);
}

static u32 place_of(const struct tcp *t, const struct tcp_conn *c)
{
	u32 place = 0;

	while (t->table[place].conn.raw != ref32(tcp_index(t, c)).raw)
		assert_true(place++ < t->table_mask);
	return place;
}

/* What people see of it: tcp_info(). */
static void seen(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = peer(0);
	struct tcp_conn *c = sacker(f, &p);
	struct tcp_info i;
	u32 place = place_of(&f->net.tcp, c);

	assert_true(tcp_info(&f->net, place, &i, f->now));
	assert_int_equal(i.state, TCP_ESTABLISHED);
	assert_int_equal(i.in_flight, SEGS * PEER_MSS);
	assert_int_equal(i.lost + i.resent, 0);
	assert_false(i.recovery);
	assert_true(i.sack);
	assert_int_equal(i.rport, p.port);
	assert_int_equal(i.lport, p.our_port);
	assert_int_equal(i.raddr.w[3], p.ip.raw);
	assert_int_equal(i.raddr.w[2], be32(0xffff).raw);
	assert_int_equal(i.cwnd, c->cwnd);
	sack(f, &p, 3);
	tcp_drain(f);
	assert_true(tcp_info(&f->net, place, &i, f->now));
	assert_int_equal(i.lost, 0);
	assert_int_equal(i.resent, PEER_MSS);
	assert_true(i.recovery);
	tcp_abort(&f->net, c, f->now);
	tcp_drain(f);
	assert_false(tcp_info(&f->net, place, &i, f->now));
}

/* Silence gives it back, too. */
static void silent_peer(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = sacker(f, &p);

	sack(f, &p, 0);
	assert_non_null(tcp_loss_of(&f->net, c));
	while (f->stat.tcp_timeouts < 3) {
		tcp_pass(f, FIX_MS);
		tcp_drain(f);
		assert_non_null(tcp_loss_of(&f->net, c));
	}
	while (f->stat.tcp_timeouts < 4)
		tcp_pass(f, FIX_MS);
	assert_int_equal(f->stat.tcp_timeouts, 4);
	assert_null(tcp_loss_of(&f->net, c));
	assert_int_equal(tcp_want(f, TCP_ACK).seq, p.ack);
	tcp_news(f, c);
}

static u32 near(struct fixture *f, u64 *seed, const struct tcp_conn *c)
{
	u32 flight = c->snd_max - c->snd_una;

	return c->snd_una - 50 + (u32)(test_random(seed) % (flight + 100));
}

/* Whatever blocks say, of a byte or of all, inverted, outside, back and forth:
 * not more is on its way than the window allows, nothing is sent twice in a
 * round trip for it, and the stream goes on. */
static void any_blocks(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c = sacker(f, &p);
	u32 sent = 0;
	u64 seed = 1;

	for (u32 i = 0; i < FLOOD; i++) {
		const struct tcp_loss *l;
		u32 blocks[2 * TCP_MAX_BLOCKS];

		for (u32 k = 0; k < ARRAY_SIZE(blocks); k += 2) {
			blocks[k] = near(f, &seed, c);
			blocks[k + 1] = test_random(&seed) % 4
						? blocks[k] + 1
						: near(f, &seed, c);
		}
		ack(f, &p, blocks, 1 + (u32)(test_random(&seed) % 4));
		sent += tcp_drain(f);
		l = tcp_loss_of(&f->net, c);
		if (!l)
			continue;
		assert_true(l->board.n <= TCP_SPANS);
		assert_true(tcp_in_network(&f->net, c) <=
			    c->snd_max - c->snd_una);
	}
	assert_true(sent <= 2 * SEGS);
	assert_int_equal(c->snd_una, p.ack);
	p.ack = c->snd_max;
	ack(f, &p, NULL, 0);
	assert_false(c->flags & TCP_F_LOSS);
	assert_int_equal(tcp_news(f, c), TCP_EV_SENT);
}

/* A loop whose every turn takes some ticks is always late, and what is due gets
 * its turn all the same: the probe for the tail, the timeout. */
static void always_late(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = peer(0);

	sacker(f, &p);
	for (u32 i = 0; i < 400; i++) {
		f->now += 5 * FIX_MS;
		f->net.tcp.read_at = f->now - 5 * FIX_MS;
		wheel_run(&f->net.wheel, &f->net, f->now);
		tcp_output_all(&f->net, f->now);
		tcp_drain(f);
		if (i == 10)
			assert_int_equal(f->stat.tcp_tail_probes, 1);
	}
	assert_true(f->stat.tcp_timeouts > 0);
}

/* What came in the last 20 ms has not been read, and the ACK may be among it:
 * no probe is sent before. */
static void probe_waits(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = peer(0);
	struct tcp_conn *c = sacker(f, &p);

	f->now += 20 * FIX_MS;
	f->net.tcp.read_at = f->now - 20 * FIX_MS;
	wheel_run(&f->net.wheel, &f->net, f->now);
	tcp_output_all(&f->net, f->now);
	assert_int_equal(tcp_drain(f), 0);
	p.ack = c->snd_max;
	ack(f, &p, NULL, 0);
	f->net.tcp.read_at = UINT64_MAX;
	fix_pass(f, 20 * FIX_MS);
	assert_int_equal(f->stat.tcp_tail_probes, 0);
	assert_int_equal(tcp_news(f, c), TCP_EV_SENT);
}

/* The same of the timeout: where there always is a queue of 100 ms, the ACK is
 * waited for so much longer, and no longer. */
static void timeout_waits(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = peer(0);
	struct tcp_conn *c = sacker(f, &p);
	u64 rto_ns = (u64)c->rto << TICK_SHIFT, sent = f->now;

	assert_true(rto_ns < 100 * FIX_MS);
	f->net.tcp.unread = 1000;
	while (!f->stat.tcp_timeouts && f->now - sent < 1000 * FIX_MS) {
		f->net.tcp.read_at = f->now - 100 * FIX_MS;
		fix_pass(f, FIX_MS);
		tcp_drain(f);
	}
	assert_in_range(f->now - sent, 100 * FIX_MS + rto_ns,
			260 * FIX_MS + rto_ns); /* the probe came first */
}

/* One more flight, whose first segment is lost; @timeout: nothing tells of it.
 */
static void recover(struct fixture *f, struct tcp_conn *c, struct tcp_peer *p,
		    bool timeout)
{
	u64 timeouts = f->stat.tcp_timeouts;

	c->cwnd = sizeof(data);
	tcp_send(&f->net, c, data, sizeof(data));
	tcp_output_all(&f->net, f->now);
	if (!timeout)
		sack(f, p, 2);
	tcp_pass(f, FIX_MS); /* the window, as wide as it is */
	while (timeout && f->stat.tcp_timeouts == timeouts)
		tcp_pass(f, FIX_MS);
	assert_true(c->flags & (timeout ? TCP_F_RTO_RECOVERY : TCP_F_RECOVERY));
	p->ack = c->snd_max;
	ack(f, p, NULL, 0);
	tcp_drain(f);
	tcp_news(f, c);
}

/* The reordering window is narrow again after sixteen recoveries without a
 * D-SACK, of both kinds (RFC 8985 section 6.2 step 4). */
static void reordering_is_forgotten(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = peer(0);
	struct tcp_conn *c = sacker(f, &p);

	p.ack = c->snd_max;
	ack(f, &p, NULL, 0);
	c->reo_mult = 3;
	c->reo_keep = 16;
	for (u32 i = 0; i < 15; i++)
		recover(f, c, &p, i % 2);
	assert_int_equal(c->reo_mult, 3);
	recover(f, c, &p, true);
	assert_int_equal(c->reo_mult, 1);
}

/* RFC 6937: above ssthresh a share of what is delivered is sent; below it no
 * more than leads to ssthresh, and one segment more than is delivered. */
static void prr_takes(void **state)
{
	struct tcp_prr p = { .flight = 20000 };

	assert_int_equal(tcp_prr_take(&p, 2000, 18000, 10000, 1000), 1000);
	p.out = 1000;
	assert_int_equal(tcp_prr_take(&p, 0, 18000, 10000, 1000), 0);
	assert_int_equal(tcp_prr_take(&p, 5000, 9500, 10000, 1000), 500);
	assert_int_equal(tcp_prr_take(&p, 0, 10000, 10000, 1000), 0);
	p.out = 6000;
	assert_int_equal(tcp_prr_take(&p, 3000, 2000, 10000, 1000), 5000);
	p.out = 12000;
	assert_int_equal(tcp_prr_take(&p, 500, 2000, 10000, 1000), 1500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TCP_TEST(prr_takes),   TCP_TEST(pool_runs_out),
		TCP_TEST(one_source),  TCP_TEST(silent_peer),
		TCP_TEST(any_blocks),  TCP_TEST(always_late),
		TCP_TEST(probe_waits), TCP_TEST(timeout_waits),
		TCP_TEST(seen),	       TCP_TEST(reordering_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
