/* SPDX-License-Identifier: MIT */
#include "net_fixture.h"

#include "base/errno.h"

static int setup(void **state)
{
	fix_setup(state);
	fix_know_peer(*state);
	return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fix_teardown)

static struct be32 any;

/* The next datagram for the application, or NULL. */
static struct mbuf *next(struct fixture *f, u32 *sock)
{
	struct udp_sock *s = udp_next_ready(&f->net);
	struct mbuf *m = s ? udp_deliver(&f->net, s) : NULL;

	if (s && s->head)
		udp_mark_ready(&f->net, s);
	if (s)
		*sock = udp_index(&f->net.udp, s);
	return m;
}

static struct ix_sg sg(const void *p, u32 len)
{
	return (struct ix_sg){ .addr = (u64)(uintptr_t)p, .len = len };
}

static s64 send(struct fixture *f, u32 sock, const struct ix_sg *v, u32 n)
{
	return udp_sendv(&f->net, sock, FIX_PEER, 2222, v, n, 0xc00c1e, f->now);
}

static void receives(void **state)
{
	struct fixture *f = *state;
	int s = udp_bind(&f->net, any, 53, 7);
	u32 sock = 99;
	struct mbuf *m;

	assert_in_range(s, 0, FIX_SOCKS - 1);
	assert_true(fix_in(f, fix_udp(f, 1111, 53, "hello", 5)));
	m = next(f, &sock);
	assert_non_null(m);
	assert_int_equal(sock, s);
	assert_int_equal(m->len, 5);
	assert_memory_equal(m->data, "hello", 5);
	assert_int_equal(m->udp.sport, 1111);
	assert_int_equal(m->udp.saddr.raw, FIX_PEER.raw);
	assert_null(next(f, &sock));
	assert_int_equal(udp_recv_done(&f->net, sock, m->data), 0);
	assert_int_equal(udp_recv_done(&f->net, sock, m->data), -EINVAL);
}

static void demultiplexes(void **state)
{
	struct fixture *f = *state;
	/* 53 and 309 share a bucket */
	int a = udp_bind(&f->net, any, 53, 0);
	int b = udp_bind(&f->net, FIX_IP, 309, 0);
	u32 sock;

	assert_int_equal(udp_bind(&f->net, any, 53, 0), -EADDRINUSE);
	assert_int_equal(udp_bind(&f->net, FIX_IP, 53, 0), -EADDRINUSE);
	assert_int_equal(udp_bind(&f->net, any, 309, 0), -EADDRINUSE);
	assert_int_equal(udp_bind(&f->net, FIX_PEER, 1, 0), -EADDRNOTAVAIL);
	fix_in(f, fix_udp(f, 1, 309, "b", 1));
	fix_in(f, fix_udp(f, 1, 53, "a", 1));
	fix_in(f, fix_udp(f, 1, 309, "B", 1));
	assert_int_equal(next(f, &sock)->data[0], 'b');
	assert_int_equal(sock, b);
	assert_int_equal(next(f, &sock)->data[0], 'a');
	assert_int_equal(sock, a);
	assert_int_equal(next(f, &sock)->data[0], 'B');
	udp_unbind(&f->net, (u32)a);
	fix_in(f, fix_udp(f, 1, 53, "a", 1));
	assert_int_equal(f->stat.drop_udp_no_port, 1);
	fix_tx(f);
	a = udp_bind(&f->net, FIX_IP, 53, 0);
	assert_true(a >= 0);
	fix_in(f, fix_udp(f, 1, 53, "a", 1));
	assert_non_null(next(f, &sock));
}

static void sockets_run_out(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < FIX_SOCKS; i++)
		assert_true(udp_bind(&f->net, any, (u16)(i + 1), 0) >= 0);
	assert_int_equal(udp_bind(&f->net, any, 100, 0), -ENOBUFS);
	udp_unbind(&f->net, 3);
	assert_int_equal(udp_bind(&f->net, any, 100, 0), 3);
}

static void ephemeral_ports(void **state)
{
	struct fixture *f = *state;
	u16 seen[FIX_SOCKS];

	f->net.nthreads = 4;
	f->net.thread = 3;
	for (u32 i = 0; i < FIX_SOCKS; i++) {
		int s = udp_bind(&f->net, any, 0, 0);

		assert_int_equal(s, i);
		seen[i] = f->net.udp.socks[s].port;
		assert_in_range(seen[i], FIX_PORT_MIN, FIX_PORT_MAX);
		assert_int_equal(seen[i] % 4, 3);
		for (u32 j = 0; j < i; j++)
			assert_int_not_equal(seen[i], seen[j]);
	}
}

/* Of a small range, too, each thread has its part, all of it, and no more. */
static void ephemeral_range(void **state)
{
	struct fixture *f = *state;
	u32 used = 0;

	f->net.conf.tcp.port_min = 5001;
	f->net.conf.tcp.port_max = 5007;
	f->net.nthreads = 3;
	for (f->net.thread = 0; f->net.thread < 3; f->net.thread++) {
		int s;

		while ((s = udp_bind(&f->net, any, 0, 0)) >= 0) {
			u16 port = f->net.udp.socks[s].port;

			assert_in_range(port, 5001, 5007);
			assert_int_equal(port % 3, f->net.thread);
			assert_false(used >> (port - 5001) & 1);
			used |= 1u << (port - 5001);
		}
		assert_int_equal(s, -EADDRNOTAVAIL);
	}
	assert_int_equal(used, 0x7f);
	f->net.thread = 0;
	f->net.conf.tcp.port_min = 1; /* none of our choice */
	f->net.conf.tcp.port_max = 0;
	assert_int_equal(udp_bind(&f->net, any, 0, 0), -EADDRNOTAVAIL);
}

static void forwards_once(void **state)
{
	struct fixture *f = *state;
	struct mbuf *m;

	f->net.nthreads = 4;
	memset(f->group_owner, 2, sizeof(f->group_owner));
	assert_false(fix_in(f, fix_udp(f, 1, 53, "x", 1)));
	assert_int_equal(f->net.owner, 2);
	/* an ephemeral port says whose it is */
	m = fix_udp(f, 1, FIX_PORT_MIN + 64 + 1, "x", 1);
	assert_false(fix_in(f, m));
	assert_int_equal(f->net.owner, 1);
	m = fix_udp(f, 1, FIX_PORT_MIN + 64 + 51, "x", 1);
	assert_false(fix_in(f, m));
	assert_int_equal(f->net.owner, 3);
	m = fix_udp(f, 1, FIX_PORT_MAX + 1, "x", 1);
	assert_false(fix_in(f, m));
	assert_int_equal(f->net.owner, 2);
	fix_tx_none(f);
	m = fix_udp(f, 1, 53, "x", 1);
	m->flags |= MBUF_FORWARDED;
	assert_true(fix_in(f, m));
	assert_int_equal(f->stat.drop_udp_no_port, 1);
	assert_non_null(fix_tx(f)); /* unreachable */
	/* bound here: taken, whoever owns the flow */
	udp_bind(&f->net, any, 53, 0);
	assert_true(fix_in(f, fix_udp(f, 1, 53, "x", 1)));
}

static void queue_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct mbuf *m[16];
	u32 sock;

	udp_bind(&f->net, any, 53, 0);
	for (int i = 0; i < 20; i++)
		fix_in(f, fix_udp(f, 1, 53, "x", 1));
	assert_int_equal(f->stat.drop_udp_full, 4);
	for (int i = 0; i < 16; i++)
		m[i] = next(f, &sock);
	fix_in(f, fix_udp(f, 1, 53, "x", 1)); /* held ones count */
	assert_int_equal(f->stat.drop_udp_full, 5);
	/* given back in any order */
	for (int i = 0; i < 16; i++)
		assert_int_equal(
			udp_recv_done(&f->net, sock, m[i * 7 % 16]->data), 0);
	assert_null(f->net.udp.socks[sock].held_head);
	fix_in(f, fix_udp(f, 1, 53, "x", 1));
	assert_non_null(next(f, &sock));
}

/* Datagrams to @port until one is refused: how many were taken. */
static u32 flood(struct fixture *f, u16 port)
{
	u64 refused = f->stat.drop_udp_full;
	u32 n = 0;

	while (fix_in(f, fix_udp(f, 1, port, "x", 1)),
	       f->stat.drop_udp_full == refused)
		n++;
	return n;
}

/* However much comes for one socket, the others find as many buffers left. */
static void sockets_share_buffers(void **state)
{
	struct fixture *f = *state;
	u32 first, second;

	f->net.conf.udp.rcv_queue = FIX_MBUFS;
	udp_bind(&f->net, any, 1, 0);
	udp_bind(&f->net, any, 2, 0);
	first = flood(f, 1);
	assert_in_range(f->pool.nfree, FIX_MBUFS / 8 + first - 1,
			FIX_MBUFS / 8 + first + 1);
	second = flood(f, 2);
	assert_in_range(second, first / 2 - 1, first / 2 + 1);
	assert_int_equal(f->net.tcp.want[TCP_POOL_OWN_MBUFS].until, 0);
}

/* What TCP, ARP and the NIC need to go on is not for datagrams. */
static void buffers_are_kept_for_others(void **state)
{
	struct fixture *f = *state;
	struct mbuf *all[FIX_MBUFS];
	struct ix_sg v = sg("x", 1);
	u32 n = 0;

	f->net.conf.udp.rcv_queue = FIX_MBUFS;
	for (u16 port = 1; port <= FIX_SOCKS; port++)
		udp_bind(&f->net, any, port, 0);
	assert_true(flood(f, 1) > MBUF_OWN);
	while (f->pool.nfree > FIX_MBUFS / 8 + 1)
		all[n++] = mbuf_alloc(&f->pool);
	assert_int_equal(flood(f, 1), 0);
	assert_int_equal(flood(f, 2), MBUF_OWN); /* its own */
	for (u16 port = 3; port <= FIX_SOCKS; port++)
		assert_in_range(flood(f, port), 1, MBUF_OWN);
	while (f->pool.nfree > FIX_MBUFS / 16)
		all[n++] = mbuf_alloc(&f->pool);
	for (u16 port = 1; port <= FIX_SOCKS; port++)
		assert_int_equal(flood(f, port), 0);
	assert_int_equal(f->pool.nfree, FIX_MBUFS / 16);
	assert_int_not_equal(f->net.tcp.want[TCP_POOL_OWN_MBUFS].until, 0);
	assert_int_equal(send(f, 0, &v, 1), -ENOBUFS);
	while (n)
		mbuf_free(&f->pool, all[--n]);
	assert_int_equal(send(f, 0, &v, 1), 1);
	fix_tx(f);
}

static void wrong_recv_done(void **state)
{
	struct fixture *f = *state;
	int a = udp_bind(&f->net, any, 1, 0), b = udp_bind(&f->net, any, 2, 0);
	struct mbuf *m, *queued;
	u32 sock;

	fix_in(f, fix_udp(f, 1, 1, "x", 1));
	m = next(f, &sock);
	fix_in(f, fix_udp(f, 1, 1, "y", 1));
	queued = f->net.udp.socks[a].head;
	assert_int_equal(udp_recv_done(&f->net, (u32)b, m->data), -EINVAL);
	assert_int_equal(udp_recv_done(&f->net, (u32)a, m->data + 1), -EINVAL);
	assert_int_equal(udp_recv_done(&f->net, (u32)a, queued->data), -EINVAL);
	assert_int_equal(udp_recv_done(&f->net, (u32)a, NULL), -EINVAL);
	assert_int_equal(udp_recv_done(&f->net, (u32)a, f->frames - 1),
			 -EINVAL);
	assert_int_equal(udp_recv_done(&f->net, (u32)a,
				       f->frames + FIX_MBUFS * MBUF_SIZE),
			 -EINVAL);
	assert_int_equal(udp_recv_done(&f->net, (u32)a, m->data), 0);
}

static void unbind_takes_everything_back(void **state)
{
	struct fixture *f = *state;
	int s = udp_bind(&f->net, any, 53, 0);
	u32 sock, before = f->pool.nfree;

	for (int i = 0; i < 6; i++)
		fix_in(f, fix_udp(f, 1, 53, "x", 1));
	for (int i = 0; i < 3; i++)
		next(f, &sock);
	udp_unbind(&f->net, (u32)s);
	assert_int_equal(f->pool.nfree, before);
	assert_null(next(f, &sock)); /* was still on the ready list */
}

static void checksum(void **state)
{
	struct fixture *f = *state;
	struct mbuf *m;
	u32 sock;

	udp_bind(&f->net, any, 53, 0);
	m = fix_udp(f, 1, 53, "hello", 5);
	m->data[44] ^= 1;
	fix_in(f, m);
	assert_int_equal(f->stat.drop_checksum, 1);
	m = fix_udp(f, 1, 53, "hello", 5);
	((struct udp_hdr *)fix_l4_of(m))->cksum = 0; /* none */
	fix_in(f, m);
	assert_non_null(next(f, &sock));
}

static void lengths(void **state)
{
	struct fixture *f = *state;
	struct mbuf *m;
	u32 sock;

	udp_bind(&f->net, any, 53, 0);
	for (u16 len = 0; len < 20; len++) { /* 13 is the truth */
		m = fix_udp(f, 1, 53, "hello", 5);
		((struct udp_hdr *)fix_l4_of(m))->len = be16(len);
		((struct udp_hdr *)fix_l4_of(m))->cksum = 0;
		fix_in(f, m);
		m = next(f, &sock);
		if (len >= UDP_LEN && len <= UDP_LEN + 5) {
			assert_non_null(m);
			assert_int_equal(m->len, len - UDP_LEN);
			udp_recv_done(&f->net, sock, m->data);
		} else {
			assert_null(m);
		}
	}
	assert_int_equal(f->stat.drop_short, 14);
	m = fix_udp(f, 1, 53, "hello", 5);
	fix_split(f, m, 38); /* amid the header */
	fix_in(f, m);
	assert_int_equal(f->stat.drop_short, 15);
}

static void jumbo_in_one_piece(void **state)
{
	struct fixture *f = *state;
	u8 payload[4000];
	struct mbuf *m;
	u32 sock;

	f->net.mtu = 9000;
	udp_bind(&f->net, any, 53, 0);
	for (u32 i = 0; i < sizeof(payload); i++)
		payload[i] = (u8)(i * 11);
	for (u32 len = 1700; len <= MBUF_SIZE; len += 29) {
		m = fix_udp(f, 1, 53, payload, len);
		fix_in(f, m);
		m = next(f, &sock);
		assert_non_null(m);
		assert_int_equal(m->len, len);
		assert_memory_equal(m->data, payload, len);
		assert_int_equal(udp_recv_done(&f->net, sock, m->data), 0);
	}
	m = fix_udp(f, 1, 53, payload, 100);
	fix_split(f, m, 71);
	fix_split(f, m, 50);
	fix_in(f, m);
	m = next(f, &sock);
	assert_memory_equal(m->data, payload, 100);
}

/* Longer than a buffer: all parts, in order, given back with the last. */
static void jumbo_in_parts(void **state)
{
	struct fixture *f = *state;
	u8 payload[8972];
	u32 sock, free;

	f->net.mtu = 9000;
	sock = (u32)udp_bind(&f->net, any, 53, 0);
	for (u32 i = 0; i < sizeof(payload); i++)
		payload[i] = (u8)(i * 11);
	free = f->pool.nfree;
	for (u32 len = MBUF_SIZE + 1; len <= sizeof(payload); len += 577) {
		struct mbuf *m, *part;
		u32 at = 0;

		fix_in(f, fix_udp(f, 1, 53, payload, len));
		m = next(f, &sock);
		assert_non_null(m);
		assert_int_equal(m->udp.sport, 1);
		assert_int_equal(m->udp.saddr.raw, FIX_PEER.raw);
		part = m->udp.parts;
		assert_non_null(part);
		assert_int_equal(udp_recv_done(&f->net, sock, part->data),
				 -EINVAL);
		for (; part; part = part->next) {
			assert_memory_equal(part->data, payload + at,
					    part->len);
			at += part->len;
		}
		assert_int_equal(at + m->len, len);
		assert_memory_equal(m->data, payload + at, m->len);
		assert_int_equal(udp_recv_done(&f->net, sock, m->data), 0);
		assert_int_equal(f->pool.nfree, free);
	}
	/* Neither those that wait nor those told are lost with the socket. */
	fix_in(f, fix_udp(f, 1, 53, payload, 5000));
	assert_non_null(next(f, &sock));
	fix_in(f, fix_udp(f, 1, 53, payload, 5000));
	udp_unbind(&f->net, sock);
	assert_int_equal(f->pool.nfree, free);
}

static void broadcasts(void **state)
{
	static const u32 dst[] = { 0xffffffff, 0x0a0000ff };
	struct fixture *f = *state;
	u32 sock;

	udp_bind(&f->net, any, 67, 0);
	for (u32 i = 0; i < 2; i++) {
		struct mbuf *m = fix_udp(f, 68, 67, "x", 1);

		memset(m->data, 0xff, 6);
		fix_ip_of(m)->dst = be32(dst[i]);
		fix_ip_cksum(m);
		fix_l4_cksum(m);
		fix_in(f, m);
		assert_non_null(next(f, &sock));
	}
}

/* ---- output */

/* Sent as one datagram of @len bytes of @want? */
static void assert_datagram(struct fixture *f, u16 port, const u8 *want,
			    u32 len)
{
	struct fix_frame *t = fix_tx(f);
	struct udp_hdr *u;

	assert_non_null(t);
	assert_non_null(t->ip);
	u = t->l4;
	assert_int_equal(t->ip->proto, IP_PROTO_UDP);
	assert_int_equal(be16_host(u->sport), port);
	assert_int_equal(be16_host(u->dport), 2222);
	assert_int_equal(be16_host(u->len), UDP_LEN + len);
	assert_int_equal(t->l4_len, UDP_LEN + len);
	assert_int_not_equal(u->cksum, 0);
	assert_memory_equal(u + 1, want, len);
	assert_true(t->tell);
	assert_int_equal(t->sock, 0);
	assert_int_equal(t->cookie, 0xc00c1e);
}

static void sends_every_shape(void **state)
{
	struct fixture *f = *state;
	static u8 src[9000];
	u64 seed = 1;

	for (u32 i = 0; i < sizeof(src); i++)
		src[i] = (u8)test_random(&seed);
	udp_bind(&f->net, any, 53, 0);
	for (int round = 0; round < 3000; round++) {
		struct ix_sg v[7];
		u32 n = test_random(&seed) % 8, at = 0;

		f->net.mtu = round % 2 ? 1500 : 9000;
		f->net.caps = (round & 4 ? NIC_GATHER : 0) |
			      (round & 8 ? NIC_TX_CSUM : 0);
		for (u32 i = 0; i < n; i++) {
			u32 len = test_random(&seed) % (f->net.mtu / 8);

			v[i] = sg(src + at, len);
			at += len;
		}
		assert_int_equal(send(f, 0, v, n), at);
		assert_datagram(f, 53, src, at);
	}
	assert_true(f->stat.tx_copied_bytes > 0);
	assert_true(f->stat.tx_gathered_bytes > 0);
}

static void gathers_or_copies(void **state)
{
	struct fixture *f = *state;
	static u8 src[9000];
	struct ix_sg v[5];

	udp_bind(&f->net, any, 53, 0);
	f->net.caps = NIC_GATHER;
	for (int i = 0; i < 5; i++)
		v[i] = sg(src, 100);
	assert_int_equal(send(f, 0, v, 2), 200); /* small */
	assert_int_equal(f->stat.tx_copied_bytes, 200);
	assert_int_equal(send(f, 0, v, 4), 400);
	assert_int_equal(f->stat.tx_gathered_bytes, 400);
	assert_int_equal(send(f, 0, v, 5), 500); /* too many ranges */
	assert_int_equal(f->stat.tx_copied_bytes, 700);
	f->net.caps = 0;
	assert_int_equal(send(f, 0, v, 4), 400);
	assert_int_equal(f->stat.tx_copied_bytes, 1100);
}

static void size_limits(void **state)
{
	struct fixture *f = *state;
	static u8 src[1473];
	struct ix_sg v[2] = { sg(src, 1472), sg(src, 0xffffffff) };

	udp_bind(&f->net, any, 53, 0);
	assert_int_equal(send(f, 0, v, 1), 1472);
	v[0].len++;
	assert_int_equal(send(f, 0, v, 1), -EMSGSIZE);
	assert_int_equal(send(f, 0, v, 2), -EMSGSIZE);
	assert_int_equal(udp_sendv(&f->net, 0, FIX_PEER, 0, v, 0, 0, f->now),
			 -EINVAL);
	assert_int_equal(udp_sendv(&f->net, 0, any, 1, v, 0, 0, f->now),
			 -EINVAL);
}

/* Zero on the wire would mean "no checksum": 0xffff goes out instead. */
static void checksum_is_never_zero(void **state)
{
	struct fixture *f = *state;
	u16 word;
	struct ix_sg v = sg(&word, 2);
	struct fix_frame *t;

	udp_bind(&f->net, any, 53, 0);
	word = 0;
	send(f, 0, &v, 1);
	t = fix_tx(f);
	word = ((struct udp_hdr *)t->l4)->cksum; /* makes the sum all ones */
	send(f, 0, &v, 1);
	t = fix_tx(f);
	assert_int_equal(((struct udp_hdr *)t->l4)->cksum, 0xffff);
}

static void no_buffers(void **state)
{
	struct fixture *f = *state;
	static u8 src[8000];
	struct ix_sg v = sg(src, sizeof(src));
	struct mbuf *all[FIX_MBUFS];
	u32 n = f->pool.nfree;

	udp_bind(&f->net, any, 53, 0);
	f->net.mtu = 9000;
	f->pool.kept = 0;
	for (u32 i = 0; i < n; i++)
		all[i] = mbuf_alloc(&f->pool);
	for (u32 i = 0; i < 4; i++) { /* 8000 bytes want 5 */
		assert_int_equal(send(f, 0, &v, 1), -ENOBUFS);
		assert_int_equal(f->pool.nfree, i);
		mbuf_free(&f->pool, all[--n]);
	}
	while (n)
		mbuf_free(&f->pool, all[--n]);
	f->net.ntx = NET_TXQ;
	assert_int_equal(send(f, 0, &v, 1), -ENOBUFS);
	f->net.ntx = 0;
}

static void no_route(void **state)
{
	struct fixture *f = *state;
	struct ix_sg v = sg("x", 1);

	udp_bind(&f->net, any, 53, 0);
	f->net.conf.gateway = any;
	assert_int_equal(udp_sendv(&f->net, 0, FIX_FAR, 1, &v, 1, 0, f->now),
			 -EHOSTUNREACH);
	assert_null(udp_take_sent(&f->net));
}

/* Nobody answers ARP: the application is told that its memory is free. */
static void unresolved_sends_come_back(void **state)
{
	struct fixture *f = *state;
	struct ix_sg v = sg("x", 1);
	struct mbuf *m;
	int n;

	udp_bind(&f->net, any, 53, 0);
	for (n = 0; n < NEIGH_PENDING + 2; n++)
		assert_int_equal(udp_sendv(&f->net, 0, be32(0x0a000009), 1, &v,
					   1, 0xbeef, f->now),
				 1);
	fix_pass(f, 10000 * FIX_MS);
	m = udp_take_sent(&f->net);
	for (n = 0; m; n++) {
		struct mbuf *after = m->tx.next;

		assert_int_equal(m->tx.cookie, 0xbeef);
		assert_ptr_equal(udp_sender(&f->net, m), &f->net.udp.socks[0]);
		mbuf_free_chain(&f->pool, m);
		m = after;
	}
	assert_int_equal(n, NEIGH_PENDING + 2);
	assert_null(udp_take_sent(&f->net));
}

static void sender_gone(void **state)
{
	struct fixture *f = *state;
	struct ix_sg v = sg("x", 1);
	struct mbuf *m;

	udp_bind(&f->net, any, 53, 0);
	send(f, 0, &v, 1);
	m = f->net.txq[0];
	udp_unbind(&f->net, 0);
	assert_null(udp_sender(&f->net, m));
	assert_int_equal(udp_bind(&f->net, any, 54, 0), 0);
	assert_null(udp_sender(&f->net, m)); /* another generation */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(receives),
		TEST(demultiplexes),
		TEST(sockets_run_out),
		TEST(ephemeral_ports),
		TEST(ephemeral_range),
		TEST(forwards_once),
		TEST(queue_is_bounded),
		TEST(sockets_share_buffers),
		TEST(buffers_are_kept_for_others),
		TEST(wrong_recv_done),
		TEST(unbind_takes_everything_back),
		TEST(checksum),
		TEST(lengths),
		TEST(jumbo_in_one_piece),
		TEST(jumbo_in_parts),
		TEST(broadcasts),
		TEST(sends_every_shape),
		TEST(gathers_or_copies),
		TEST(size_limits),
		TEST(checksum_is_never_zero),
		TEST(no_buffers),
		TEST(no_route),
		TEST(unresolved_sends_come_back),
		TEST(sender_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
