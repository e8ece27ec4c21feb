/* SPDX-License-Identifier: MIT */
/* net/tcp_cookie.c: what a cookie keeps, and that none can be guessed. */
#include "tcp_fixture.h"

enum { GUESSES = 1 << 18, FLOWS = 4096 };

/* One half-open connection fills the backlog. */
static void open_world(struct fixture *f)
{
	struct tcp_peer p = tcp_peer_new();

	f->net.conf.tcp.syn_cookies = true;
	f->net.conf.tcp.timestamps = true;
	f->net.conf.tcp.wscale = true;
	tcpfix_renew(f);
	tcpfix_listen(f, 1);
	p.port--;
	tcp_put_syn(f, &p, TCP_SYN);
	tcp_want(f, TCP_SYN | TCP_ACK);
}

/* A SYN with these options; its answer, a cookie. */
static struct tcp_out knock(struct fixture *f, struct tcp_peer *p,
			    const void *opt, u32 len)
{
	u64 sent = f->stat.tcp_cookies_sent;
	struct fix_seg s = {
		.src = p->ip,
		.sport = p->port,
		.dport = p->our_port,
		.seq = p->seq,
		.flags = TCP_SYN,
		.win = p->wnd,
		.opt = opt,
		.opt_len = len,
	};
	struct tcp_out out;

	fix_in(f, fix_tcp(f, &s, NULL, 0));
	out = tcp_want(f, TCP_SYN | TCP_ACK);
	assert_int_equal(f->stat.tcp_cookies_sent, sent + 1);
	p->seq++;
	p->ack = out.seq + 1;
	p->tsecr = out.opt.tsval;
	return out;
}

/* The connection that the ACK opens, or NULL. */
static struct tcp_conn *answer(struct fixture *f, const struct tcp_peer *p)
{
	tcp_put(f, p, TCP_ACK, NULL, 0);
	return tcp_find(&f->net, flow_make(p->ip, FIX_IP, be16(p->port),
					   be16(p->our_port)));
}

static void every_mss(void **state)
{
	static const u16 offered[] = { 1,    88,   535,	 536,  1000,  1219,
				       1220, 1399, 1400, 1440, 1459,  1460,
				       1461, 8959, 8960, 9000, 65535, 0 };
	static const u16 kept[] = { 88,	  88,	88,   536,  536,  536,
				    1220, 1360, 1400, 1440, 1440, 1460,
				    1460, 1460, 8960, 8960, 8960, 536 };
	struct fixture *f = *state;

	open_world(f);
	for (u32 i = 0; i < ARRAY_SIZE(offered); i++) {
		const u8 opt[4] = { TCP_OPT_MSS, 4, offered[i] >> 8,
				    offered[i] & 255 };
		struct tcp_peer p = tcp_peer_new();
		struct tcp_conn *c;

		knock(f, &p, opt, sizeof(opt));
		c = answer(f, &p);
		assert_non_null(c);
		assert_int_equal(c->mss_peer, kept[i]);
		tcp_news(f, c);
		tcp_abort(&f->net, c, f->now);
		tcp_drain(f);
	}
}

static void every_window_scale(void **state)
{
	struct fixture *f = *state;

	f->net.conf.tcp.sack = true;
	open_world(f);
	for (u8 i = 0; i < 32; i++) {
		u8 scale = i % 16;
		bool sack = i & 16;
		struct tcp_peer p = tcp_peer_new();
		u8 opt[16] = { TCP_OPT_NOP, TCP_OPT_WSCALE, 3, scale,
			       TCP_OPT_NOP, TCP_OPT_NOP,    8, 10 };
		struct tcp_out out;
		struct tcp_conn *c;

		p.ts = true;
		if (scale == 15)
			memset(opt, TCP_OPT_NOP, 4);
		if (sack)
			memcpy(opt + 4, (u8[]){ TCP_OPT_SACK_OK, 2 }, 2);
		out = knock(f, &p, opt, sizeof(opt));
		assert_int_equal(out.opt.wscale, scale == 15 ? 0xff : 0);
		assert_int_equal(out.opt.sack_ok, sack);
		c = answer(f, &p);
		assert_non_null(c);
		assert_true(c->flags & TCP_F_TS);
		assert_int_equal(!!(c->flags & TCP_F_WSCALE), scale != 15);
		assert_int_equal(c->wscale_snd, scale % 15);
		assert_int_equal(c->sack, sack);
		/* Time does not go back (RFC 7323 section 5.4). */
		assert_in_range(tcp_tsval(c, f->now) - out.opt.tsval, 0, 63);
		tcp_news(f, c);
		tcp_abort(&f->net, c, f->now);
		tcp_drain(f);
		tcp_pass(f, 3 * FIX_MS);
	}
}

static void nothing_is_kept(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	u32 nfree;

	open_world(f);
	nfree = f->pool.nfree;
	for (u32 i = 0; i < FLOWS; i++) {
		p.port++;
		knock(f, &p, NULL, 0);
	}
	assert_int_equal(f->stat.tcp_conns, 1);
	assert_int_equal(f->pool.nfree, nfree);
	assert_int_equal(f->net.wheel.count, 1);
}

/* The peer's SYN comes again, and finds a place; but what it answers is the
 * cookie that it got first. */
static void first_answer_counts(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer other = tcp_peer_new(), p = tcp_peer_new(), again = p;
	struct tcp_out second;
	struct tcp_conn *c;

	open_world(f);
	knock(f, &p, NULL, 0);
	other.port--;
	other.seq++;
	tcp_put(f, &other, TCP_RST, NULL, 0);
	tcp_put_syn(f, &again, TCP_SYN);
	second = tcp_want(f, TCP_SYN | TCP_ACK);
	assert_int_not_equal(second.seq + 1, p.ack);

	p.seq += 10; /* it has overtaken the one that opens */
	tcp_put(f, &p, TCP_ACK | TCP_FIN, NULL, 0);
	tcp_put(f, &p, TCP_ACK, "late", 4);
	tcp_want_none(f);
	p.seq -= 10;
	p.ack++; /* neither of the two */
	c = answer(f, &p);
	assert_int_equal(c->state, TCP_SYN_RCVD);
	tcp_want(f, TCP_RST);
	p.ack--;
	c = answer(f, &p);
	assert_non_null(c);
	assert_int_equal(c->state, TCP_ESTABLISHED);
	assert_int_equal(c->snd_una, p.ack);
	assert_int_equal(f->stat.tcp_conns, 1);
	tcp_want_none(f);
}

/* Of a right one no bit may be another. */
static void each_bit_counts(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	u32 ack;

	open_world(f);
	knock(f, &p, NULL, 0);
	ack = p.ack;
	for (u32 bit = 0; bit < 32; bit++) {
		p.ack = (ack - 1) ^ 1u << bit;
		p.ack++;
		assert_null(answer(f, &p));
		p.ack = ack;
		p.seq ^= 1u << bit;
		assert_null(answer(f, &p));
		p.seq ^= 1u << bit;
		tcp_drain(f);
	}
	p.ip = be32(be32_host(p.ip) + 1);
	neigh_add_static(&f->net, p.ip, fix_peer_mac);
	assert_null(answer(f, &p));
	p.ip = FIX_PEER;
	p.port++;
	assert_null(answer(f, &p));
	p.port--;
	tcp_drain(f);
	assert_int_equal(f->stat.tcp_cookies_bad, 66);
	assert_non_null(answer(f, &p));
}

/* Numbers of a generator, those of other flows, and those next to them. */
static void guesses_are_not_believed(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	u64 rng = 1;
	u32 seen;

	open_world(f);
	seen = knock(f, &p, NULL, 0).seq;
	for (u32 i = 0; i < GUESSES; i++) {
		rng = rng * 6364136223846793005u + 1442695040888963407u;
		p.port = (u16)(PEER_PORT + 1 + (rng >> 33) % 60000);
		p.ack = i % 2 ? (u32)(rng >> 32) : seen + (i >> 1) % 64 - 31;
		tcp_put(f, &p, TCP_ACK, NULL, 0);
		tcp_drain(f);
	}
	assert_int_equal(f->stat.tcp_cookies_bad, GUESSES);
	assert_int_equal(f->stat.tcp_cookies_taken, 0);
	assert_int_equal(f->stat.tcp_conns, 1);
}

/* From one port to the next every bit of the hash changes as often as not: of
 * 4096, 2048 with a deviation of 32; ten deviations are no chance. */
static void hashes_look_random(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	u32 changed[28] = { 0 }, last = 0;

	open_world(f);
	for (u32 i = 0; i < FLOWS; i++) {
		u32 now;

		p.port++;
		now = knock(f, &p, NULL, 0).seq;
		for (u32 bit = 0; bit < ARRAY_SIZE(changed); bit++)
			changed[bit] += (now ^ last) >> bit & 1;
		last = now;
	}
	for (u32 bit = 0; bit < ARRAY_SIZE(changed); bit++)
		assert_in_range(changed[bit], FLOWS / 2 - 320, FLOWS / 2 + 320);
}

/* An honest one gets in while strangers knock, as often as it likes, though
 * these hold all that may be half-open. */
static void honest_get_in(void **state)
{
	struct fixture *f = *state;
	struct tcp_peer stranger = tcp_peer_new();

	open_world(f);
	stranger.port = 30000;
	for (u32 i = 0; i < 200; i++) {
		struct tcp_peer p = tcp_peer_new();
		struct tcp_conn *c;

		for (u32 k = 0; k < 20; k++) {
			stranger.port++;
			tcp_put_syn(f, &stranger, TCP_SYN);
		}
		tcp_drain(f);
		knock(f, &p, NULL, 0);
		for (u32 k = 0; k < 20; k++) {
			stranger.port++;
			tcp_put_syn(f, &stranger, TCP_SYN);
		}
		tcp_drain(f);
		c = answer(f, &p);
		assert_non_null(c);
		assert_int_equal(tcp_news(f, c), TCP_EV_KNOCK);
		assert_int_equal(tcp_accept(&f->net, c, 1), 0);
		tcp_abort(&f->net, c, f->now);
		tcp_drain(f);
	}
	assert_int_equal(f->stat.tcp_cookies_taken, 200);
}

/* What was promised before is kept. */
static void drained(void **state)
{
	static const u8 mss[4] = { TCP_OPT_MSS, 4, 1460 >> 8, 1460 & 255 };
	struct fixture *f = *state;
	struct tcp_peer p = tcp_peer_new();
	struct tcp_conn *c;

	open_world(f);
	knock(f, &p, mss, sizeof(mss));
	f->net.tcp.drains = true;
	c = answer(f, &p);
	assert_non_null(c);
	assert_int_equal(tcp_news(f, c), TCP_EV_KNOCK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TCP_TEST(every_mss),
		TCP_TEST(every_window_scale),
		TCP_TEST(nothing_is_kept),
		TCP_TEST(first_answer_counts),
		TCP_TEST(each_bit_counts),
		TCP_TEST(guesses_are_not_believed),
		TCP_TEST(hashes_look_random),
		TCP_TEST(honest_get_in),
		TCP_TEST(drained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
