/* SPDX-License-Identifier: MIT */
#include "net_fixture6.h"

#include "base/errno.h"
#include "base/mem.h"

/* 2001:db8:2::@n */
static struct be128 nth(u32 n)
{
	struct be128 ip = fix6_ip;

	ip.b[5] = 2;
	ip.w[3] = be32(n).raw;
	return ip;
}

static u32 holders(const struct fixture *f, struct be32 id)
{
	return f->net.addrs.addrs[be32_host(id) - 1].holders;
}

static void equal_addresses_equal_ids(void **state)
{
	struct fixture *f = *state;
	struct be32 a = addr_get(&f->net, nth(1)),
		    b = addr_get(&f->net, nth(2));

	assert_true(addr_is_v6(a));
	assert_true(a.raw != b.raw);
	assert_int_equal(addr_get(&f->net, nth(1)).raw, a.raw);
	assert_int_equal(addr_find(&f->net, nth(1)).raw, a.raw);
	assert_int_equal(addr_find(&f->net, nth(2)).raw, b.raw);
	assert_int_equal(addr_find(&f->net, nth(3)).raw, 0);
	assert_int_equal(holders(f, a), 2);
	assert_true(be128_equal(*addr_ip6(&f->net.addrs, a), nth(1)));
	assert_true(be128_equal(addr_to_ip6(&f->net, b), nth(2)));
	addr_put(&f->net, a);
	addr_put(&f->net, a);
	addr_put(&f->net, b);
}

static void lives_as_long_as_held(void **state)
{
	struct fixture *f = *state;
	struct be32 a = addr_get(&f->net, nth(1));

	addr_hold(&f->net, a);
	addr_put(&f->net, a);
	assert_int_equal(addr_find(&f->net, nth(1)).raw, a.raw);
	addr_put(&f->net, a);
	assert_int_equal(addr_find(&f->net, nth(1)).raw, 0);
	/* The place is the next one's, the old address is not found by it. */
	assert_int_equal(addr_get(&f->net, nth(2)).raw, a.raw);
	assert_int_equal(addr_find(&f->net, nth(1)).raw, 0);
	assert_int_equal(addr_find(&f->net, nth(2)).raw, a.raw);
	addr_put(&f->net, a);
}

static void full(void **state)
{
	struct fixture *f = *state;
	struct be32 id[FIX6_ADDRS - FIX6_OWN];

	for (int round = 0; round < 3; round++) {
		for (u32 i = 0; i < ARRAY_SIZE(id); i++) {
			id[i] = addr_get(&f->net, nth(i));
			assert_true(addr_is_v6(id[i]));
		}
		assert_int_equal(addr_get(&f->net, nth(1000)).raw, 0);
		assert_int_equal(fix6_held(f), ARRAY_SIZE(id));
		for (u32 i = 0; i < ARRAY_SIZE(id); i++) /* one known goes on */
			assert_int_equal(addr_get(&f->net, nth(i)).raw,
					 id[i].raw);
		for (u32 i = 0; i < 2 * ARRAY_SIZE(id); i++)
			addr_put(&f->net, id[i * 7 % ARRAY_SIZE(id)]);
		assert_int_equal(fix6_held(f), 0);
	}
}

/* Against a list of what is held, in random order, all in few buckets. */
static void random_order(void **state)
{
	struct fixture *f = *state;
	u32 held[100] = { 0 }, nheld = 0;
	u64 seed = 5;

	for (u32 n = 0; n < 20000; n++) {
		u32 i = test_random(&seed) % ARRAY_SIZE(held);
		struct be32 id = addr_find(&f->net, nth(i));

		assert_int_equal(id.raw != 0, held[i] != 0);
		if (id.raw)
			assert_true(be128_equal(*addr_ip6(&f->net.addrs, id),
						nth(i)));
		if (held[i] && n % 2) {
			addr_put(&f->net, id);
			nheld -= !--held[i];
		} else if (addr_get(&f->net, nth(i)).raw) {
			nheld += !held[i]++;
		} else {
			assert_int_equal(nheld, FIX6_ADDRS - FIX6_OWN);
		}
		assert_int_equal(fix6_held(f), nheld);
	}
	for (u32 i = 0; i < ARRAY_SIZE(held); i++) {
		while (held[i]--)
			addr_put(&f->net, addr_find(&f->net, nth(i)));
	}
}

static void ipv4_is_not_counted(void **state)
{
	struct fixture *f = *state;

	addr_hold(&f->net, FIX_PEER);
	addr_put(&f->net, FIX_PEER);
	addr_put(&f->net, FIX_PEER);
	addr_put(&f->net, be32(0));
	assert_false(addr_is_v6(be32(0)));
	assert_false(addr_is_v6(be32(0x01000000)));
	assert_true(addr_is_v6(be32(0x00ffffff)));
}

static struct ix_addr abi(struct be128 ip)
{
	struct ix_addr a;

	memcpy(&a, &ip, sizeof(a));
	return a;
}

static void from_the_application(void **state)
{
	struct fixture *f = *state;
	struct ix_addr a = abi(nth(1)), v4 = addr_of_ipv4(FIX_PEER), back;
	struct be32 ip;

	assert_int_equal(addr_from_abi(&f->net, &a, &ip), 0);
	assert_int_equal(holders(f, ip), 1);
	back = addr_to_abi(&f->net, ip);
	assert_memory_equal(&back, &a, sizeof(a));
	addr_put(&f->net, ip);
	assert_int_equal(addr_from_abi(&f->net, &v4, &ip), 0);
	assert_int_equal(ip.raw, FIX_PEER.raw);
	back = addr_to_abi(&f->net, ip);
	assert_memory_equal(&back, &v4, sizeof(v4));
	a = abi(fix6_nowhere);
	assert_int_equal(addr_from_abi(&f->net, &a, &ip), 0);
	assert_int_equal(ip.raw, 0);
	v4 = addr_of_ipv4(be32(0));
	assert_int_equal(addr_from_abi(&f->net, &v4, &ip), 0);
	assert_int_equal(ip.raw, 0);
}

/* What would be an id that the application does not hold. */
static void no_ids_from_the_application(void **state)
{
	static const u32 ids[] = { 1, 2, 3, FIX6_ADDRS, 0x00ffffff };
	struct fixture *f = *state;
	struct be32 ip;

	for (u32 i = 0; i < ARRAY_SIZE(ids); i++) {
		struct ix_addr a = addr_of_ipv4(be32(ids[i]));

		assert_int_equal(addr_from_abi(&f->net, &a, &ip), -EINVAL);
	}
}

static void refused(void **state)
{
	struct fixture *f = *state;
	struct ix_addr a = abi(nth(1));
	u32 max = f->net.addrs.max;
	struct be32 ip;

	f->net.addrs.max = f->net.addrs.nused;
	assert_int_equal(addr_from_abi(&f->net, &a, &ip), -ENOBUFS);
	f->net.addrs.max = 0;
	assert_int_equal(addr_from_abi(&f->net, &a, &ip), -EAFNOSUPPORT);
	assert_int_equal(addr_find(&f->net, fix6_ip).raw, 0);
	assert_int_equal(addr_bytes(0), 0);
	f->net.addrs.max = max;
}

/* A flow's hash is its addresses', whatever ids they have at the time. */
static void hash_is_not_of_ids(void **state)
{
	struct fixture *f = *state;
	struct be32 own = f->net.ip6.own[0].id, a = addr_get(&f->net, nth(1)),
		    b;
	u64 hash = addr_flow_hash(&f->net, flow_make(a, own, be16(1), be16(2)));
	u32 group =
		net_flow_group(&f->net, flow_make(a, own, be16(1), be16(2)));

	b = addr_get(&f->net, nth(2));
	assert_true(hash != addr_flow_hash(&f->net, flow_make(b, own, be16(1),
							      be16(2))));
	addr_put(&f->net, b);
	addr_put(&f->net, a);
	b = addr_get(&f->net, nth(2));
	a = addr_get(&f->net, nth(1));
	assert_int_equal(
		addr_flow_hash(&f->net, flow_make(a, own, be16(1), be16(2))),
		hash);
	assert_int_equal(
		net_flow_group(&f->net, flow_make(a, own, be16(1), be16(2))),
		group);
	addr_put(&f->net, a);
	addr_put(&f->net, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIX6_TEST(equal_addresses_equal_ids),
		FIX6_TEST(lives_as_long_as_held),
		FIX6_TEST(full),
		FIX6_TEST(random_order),
		FIX6_TEST(ipv4_is_not_counted),
		FIX6_TEST(from_the_application),
		FIX6_TEST(no_ids_from_the_application),
		FIX6_TEST(refused),
		FIX6_TEST(hash_is_not_of_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
