/* SPDX-License-Identifier: MIT */
/* net/tcp_sndq.c against a plain array of bytes. */
#include "tcp_fixture.h"

enum { ARENA = 8192, MODEL = 1 << 16 };

static u8 arena[ARENA];

/* What is queued, byte by byte: addresses. */
struct model {
	const u8 *byte[MODEL];
	u32 head, tail, nxt;
};

static struct model m;

static struct tcp_conn *conn(struct fixture *f)
{
	struct flow flow = flow_make(FIX_PEER, FIX_IP, be16(1), be16(2));
	struct tcp_conn *c = tcp_conn_new(&f->net, flow, 0, f->now);

	c->state = TCP_ESTABLISHED;
	m = (struct model){ 0 };
	return c;
}

static const u8 *at(struct fixture *f, struct ref32 range, u32 off)
{
	return tcp_range_at(&f->net, range)->addr + off;
}

static u32 ranges(struct fixture *f, const struct tcp_conn *c)
{
	u32 n = 0;

	for (struct ref32 r = c->sndq_head; r.raw;
	     r = tcp_range_at(&f->net, r)->next)
		n++;
	return n;
}

static void check(struct fixture *f, struct tcp_conn *c)
{
	u32 queued = m.tail - m.head;

	assert_int_equal(c->sndq_bytes, queued);
	assert_int_equal(ranges(f, c), c->sndq_ranges);
	assert_int_equal(tcp_send_space(&f->net, c),
			 f->net.conf.tcp.snd_buf - queued);
	if (m.nxt < m.tail)
		assert_ptr_equal(at(f, c->nxt_range, c->nxt_off),
				 m.byte[m.nxt]);
	else
		assert_int_equal(c->nxt_range.raw, 0);
	for (u32 i = 0; i < queued; i += 37) {
		u32 off;
		struct ref32 r = tcp_sndq_find(&f->net, c, i, &off);

		assert_ptr_equal(at(f, r, off), m.byte[m.head + i]);
	}
}

static void queue(struct fixture *f, struct tcp_conn *c, u64 *seed)
{
	u32 from = (u32)(test_random(seed) % ARENA), len, took;

	/* Often the continuation of the last. */
	if (m.tail > m.head && test_random(seed) % 2)
		from = (u32)(m.byte[m.tail - 1] - arena) + 1;
	len = (u32)(test_random(seed) % 700);
	len = min(len, ARENA - min(from, (u32)ARENA));
	took = (u32)tcp_send(&f->net, c, arena + from, len);
	assert_true(took <= len);
	assert_true(m.tail + took < MODEL);
	for (u32 i = 0; i < took; i++)
		m.byte[m.tail++] = arena + from + i;
}

/* Often all. */
static u32 part(u64 *seed, u32 all)
{
	u64 x = test_random(seed);

	return x % 4 ? (u32)(x / 4 % (all + 1)) : all;
}

static void model(void **state)
{
	struct fixture *f = *state;
	u64 seed = 1;
	u32 full = 0;

	f->net.conf.tcp.snd_buf = 3000;
	f->net.conf.tcp.conn_ranges = 6;
	for (int round = 0; round < 20; round++) {
		struct tcp_conn *c = conn(f);

		for (int op = 0; op < 300; op++) {
			u32 n, ops = (u32)(test_random(&seed) % 5);

			switch (ops) {
			case 0 ... 1:
				full += c->sndq_ranges == 6;
				queue(f, c, &seed);
				break;
			case 2: /* sent */
				n = part(&seed, m.tail - m.nxt);
				tcp_sndq_skip(&f->net, c, n);
				m.nxt += n;
				break;
			case 3: /* acknowledged */
				n = part(&seed, m.nxt - m.head);
				tcp_sndq_ack(&f->net, c, n);
				c->snd_una += n;
				m.head += n;
				break;
			case 4: /* gone back */
				n = (u32)(test_random(&seed) %
					  (m.nxt - m.head + 1));
				m.nxt -= n;
				c->snd_nxt = c->snd_una + (m.nxt - m.head);
				tcp_sndq_seek(&f->net, c);
				break;
			}
			check(f, c);
		}
		tcp_release(&f->net, c);
		tcp_output_all(&f->net, f->now);
	}
	assert_true(full > 0);
}

static void limits(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *c = conn(f);

	c->state = TCP_SYN_SENT;
	assert_int_equal(tcp_send(&f->net, c, arena, 1), -ENOTCONN);
	c->state = TCP_ESTABLISHED;
	f->net.conf.tcp.snd_buf = 100;
	assert_int_equal(tcp_send(&f->net, c, arena, 0), 0);
	assert_int_equal(tcp_send(&f->net, c, arena, 70), 70);
	assert_int_equal(tcp_send(&f->net, c, arena + 500, 70), 30);
	assert_int_equal(tcp_send(&f->net, c, arena + 1000, 70), 0);
	c->flags |= TCP_F_FIN_QUEUED;
	assert_int_equal(tcp_send(&f->net, c, arena, 1), -EPIPE);
	tcp_release(&f->net, c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TCP_TEST(model),
		TCP_TEST(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
