/* SPDX-License-Identifier: MIT */
/* What strangers must not be able to guess (RFC 6528, RFC 6056): statistics of
 * initial sequence numbers, timestamp offsets and ports, from one flow to the
 * next. Limits are ten deviations: no chance. */
#include "net_fixture6.h"
#include "tcp_fixture.h"

enum {
	FLOWS = 4096,
	PORTS_FIRST = 32768,
	PORT_BINS = 64,
	PORTS = PORT_BINS * 448,
};

/* Of N numbers a bit is set, or changes, in half, with a deviation of half the
 * root of N. */
static void assert_half(u32 n, u32 of)
{
	u32 ten = 0;

	while (ten * ten < 25 * of)
		ten++;
	assert_in_range(n, of / 2 - ten, of / 2 + ten);
}

/* Chi squared of as many numbers in each of @bins: bins - 1, with a deviation
 * of the root of twice that. Below six deviations it is a counter. */
static void assert_even(const u32 *count, u32 bins, u32 of)
{
	u32 expected = of / bins, mean = bins - 1, sd = 0, chi = 0;

	while (sd * sd < 2 * mean)
		sd++;
	for (u32 i = 0; i < bins; i++) {
		s32 off = (s32)(count[i] - expected);

		chi += (u32)(off * off);
	}
	chi /= expected;
	assert_in_range(chi, mean > 6 * sd ? mean - 6 * sd : 7, mean + 10 * sd);
}

/* Each byte takes all values alike, each bit changes as often as not, and how
 * far one number is from the last says nothing either. */
static void assert_random(const u32 *x, u32 n)
{
	for (u32 shift = 0; shift < 32; shift += 8) {
		u32 value[256] = { 0 }, step[256] = { 0 };

		for (u32 i = 0; i < n; i++) {
			value[x[i] >> shift & 255]++;
			step[(x[i] - x[i ? i - 1 : n - 1]) >> shift & 255]++;
		}
		assert_even(value, 256, n);
		assert_even(step, 256, n);
	}
	for (u32 bit = 0; bit < 32; bit++) {
		u32 changed = 0;

		for (u32 i = 0; i < n; i++)
			changed += (x[i] ^ x[i ? i - 1 : n - 1]) >> bit & 1;
		assert_half(changed, n);
	}
}

struct seen {
	u32 iss, ts, port;
};

/* What a connection to there would have. */
static struct seen look(struct fixture *f, struct be32 ip, u16 port)
{
	struct tcp_conn *c;
	struct seen s;

	assert_int_equal(tcp_connect(&f->net, ip, port, 1, &c, f->now), 0);
	s = (struct seen){ c->iss, c->ts_offset, be16_host(c->flow.lport) };
	tcp_abort(&f->net, c, f->now);
	tcp_output_all(&f->net, f->now);
	tcp_drain(f);
	return s;
}

/* To one port after the other, at the same time, from the same port. */
static void numbers_of_ports(void **state)
{
	struct fixture *f = *state;
	static u32 iss[FLOWS], ts[FLOWS];

	f->net.conf.tcp.port_max = f->net.conf.tcp.port_min;
	for (u32 i = 0; i < FLOWS; i++) {
		struct seen s = look(f, FIX_PEER, (u16)(1 + i));

		iss[i] = s.iss;
		ts[i] = s.ts;
	}
	assert_random(iss, FLOWS);
	assert_random(ts, FLOWS);
}

static void numbers_of_addresses(void **state)
{
	struct fixture *f = *state;
	static u32 iss[FLOWS], ts[FLOWS];

	f->net.conf.tcp.port_max = f->net.conf.tcp.port_min;
	for (u32 i = 0; i < FLOWS; i++) {
		struct seen s = look(f, be32(0x0b000000 + i), 80);

		iss[i] = s.iss;
		ts[i] = s.ts;
	}
	assert_random(iss, FLOWS);
	assert_random(ts, FLOWS);
}

/* Of the flow to an IPv6 address; the id that it has here must not matter. */
static u64 hash6(struct fixture *f, struct be128 ip)
{
	struct be32 id = addr_get(&f->net, ip);
	u64 hash =
		addr_flow_hash(&f->net, flow_make(id, f->net.ip6.own[0].id,
						  be16(80), be16(PORTS_FIRST)));

	addr_put(&f->net, id);
	return hash;
}

static void numbers_of_ipv6(void **state)
{
	struct fixture *f = *state;
	static u32 iss[FLOWS], ts[FLOWS];

	for (u32 i = 0; i < FLOWS; i++) {
		struct be128 ip = fix6_far;
		u64 hash;

		ip.w[i % 2 ? 3 : 1] = be32(i + 1).raw; /* host, and network */
		hash = hash6(f, ip);
		iss[i] = (u32)hash;
		ts[i] = (u32)(hash >> 32);
	}
	assert_random(iss, FLOWS);
	assert_random(ts, FLOWS);
}

static void numbers_of_one_ipv6_host_stay(void **state)
{
	struct fixture *f = *state;
	u64 hash = hash6(f, fix6_far);
	struct be32 other = addr_get(&f->net, fix6_peer);

	assert_true(hash6(f, fix6_far) == hash); /* under another id */
	addr_put(&f->net, other);
}

/* Each bit of the secret changes half of the bits. */
static void the_secret_decides(void **state)
{
	struct fixture *f = *state;
	u32 changed = 0, port_same = 0;
	struct seen was, s;

	f->net.conf.tcp.port_min = PORTS_FIRST;
	f->net.conf.tcp.port_max = PORTS_FIRST + PORTS - 1;
	was = look(f, FIX_PEER, 80);
	for (u32 i = 0; i < 128; i++) {
		f->net.secret[i / 64] ^= 1ull << i % 64;
		s = look(f, FIX_PEER, 80);
		changed += (u32)__builtin_popcount(s.iss ^ was.iss);
		port_same += s.port == was.port;
		f->net.secret[i / 64] ^= 1ull << i % 64;
	}
	assert_half(changed, 128 * 32);
	assert_in_range(port_same, 0, 2);
}

/* The first port of each destination, and how far it is from the last one's:
 * who sees those to him does not know others. */
static void ports_of_destinations(void **state)
{
	struct fixture *f = *state;
	u32 at[PORT_BINS] = { 0 }, step[PORT_BINS] = { 0 }, last = 0;

	f->net.conf.tcp.port_min = PORTS_FIRST;
	f->net.conf.tcp.port_max = PORTS_FIRST + PORTS - 1;
	for (u32 i = 0; i < FLOWS; i++) {
		struct seen s =
			look(f, be32(0x0b000000 + i / 2), i % 2 ? 80 : 443);
		u32 port = s.port - PORTS_FIRST;

		at[port * PORT_BINS / PORTS]++;
		step[(port + PORTS - last) % PORTS * PORT_BINS / PORTS]++;
		last = port;
	}
	assert_even(at, PORT_BINS, FLOWS);
	assert_even(step, PORT_BINS, FLOWS);
}

/* ... and to one destination none comes again before it must. */
static void ports_of_one_destination(void **state)
{
	struct fixture *f = *state;
	static u8 used[PORTS];

	f->net.conf.tcp.port_min = PORTS_FIRST;
	f->net.conf.tcp.port_max = PORTS_FIRST + PORTS - 1;
	for (u32 i = 0; i < PORTS; i++) {
		u32 port = look(f, FIX_PEER, 80).port - PORTS_FIRST;

		assert_in_range(port, 0, PORTS - 1);
		assert_int_equal(used[port]++, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TCP_TEST(numbers_of_ports),
		TCP_TEST(numbers_of_addresses),
		FIX6_TEST(numbers_of_ipv6),
		FIX6_TEST(numbers_of_one_ipv6_host_stay),
		TCP_TEST(the_secret_decides),
		TCP_TEST(ports_of_destinations),
		TCP_TEST(ports_of_one_destination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
