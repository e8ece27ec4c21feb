/* SPDX-License-Identifier: MIT */
/* nic/rss.c: tables; what is asked of drivers, which refuse each something
 * else; and what the kernel says where there is no RSS. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "nic/nic_open.h"
#include "nic/rss.h"

enum {
	TOEPLITZ = 1, /* of ethtool's hfunc */
	XOR = 2,
	SYMMETRIC_XOR = 1, /* of its input_xfrm */
	MOST_ENTRIES = 512,
	KEY_ROOM = 64,
};
static const u64 all_fields =
	RXH_IP_SRC | RXH_IP_DST | RXH_L4_B_0_1 | RXH_L4_B_2_3;

/* Interface "fake0". */
static struct fake {
	u32 entries, key_size;
	u32 rings;
	bool no_key, no_function, no_fields; /* cannot be set */
	bool no_table;	 /* nor anything else, but the default again */
	bool configured; /* what the kernel knows: a table was set */
	struct state {
		u32 table[MOST_ENTRIES];
		u8 key[KEY_ROOM];
		u8 hfunc, xfrm;
		u64 udp4;
	} is;
} fake;

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

static int set_rxfh(const struct ethtool_rxfh *r)
{
	if (r->hfunc && (fake.no_function || r->hfunc > XOR))
		return -EOPNOTSUPP;
	if (r->rsvd8[0] != fake.is.xfrm && fake.no_function)
		return -EOPNOTSUPP;
	if (r->key_size && fake.no_key)
		return -EOPNOTSUPP;
	if ((r->key_size && r->key_size != fake.key_size) ||
	    (r->indir_size && r->indir_size != fake.entries))
		return -EINVAL;
	if (r->indir_size && fake.no_table)
		return -EOPNOTSUPP;
	fake.configured = r->indir_size != 0;
	for (u32 i = 0; !r->indir_size && i < fake.entries; i++)
		fake.is.table[i] = i % fake.rings;
	memcpy(fake.is.table, r->rss_config, r->indir_size * sizeof(u32));
	memcpy(fake.is.key, r->rss_config + r->indir_size, r->key_size);
	fake.is.xfrm = r->rsvd8[0];
	if (r->hfunc)
		fake.is.hfunc = r->hfunc;
	return 0;
}

static int get_rxfh(struct ethtool_rxfh *r)
{
	if (r->indir_size) {
		memcpy(r->rss_config, fake.is.table,
		       fake.entries * sizeof(u32));
		memcpy(r->rss_config + fake.entries, fake.is.key,
		       fake.key_size);
	}
	r->indir_size = fake.entries;
	r->key_size = fake.key_size;
	r->hfunc = fake.is.hfunc;
	r->rsvd8[0] = fake.is.xfrm;
	return 0;
}

static int rings(struct ethtool_rxnfc *n)
{
	n->data = fake.rings;
	return 0;
}

/* Of UDP over IPv4 alone can be said what is hashed. */
static int fields(struct ethtool_rxnfc *n)
{
	if (n->flow_type != UDP_V4_FLOW)
		return -EINVAL;
	if (n->cmd == ETHTOOL_GRXFH)
		n->data = fake.is.udp4;
	else if (fake.no_fields)
		return -EOPNOTSUPP;
	else
		fake.is.udp4 = n->data;
	return 0;
}

static int asked(void *data)
{
	switch (*(u32 *)data) {
	case ETHTOOL_GRSSH:
		return get_rxfh(data);
	case ETHTOOL_SRSSH:
		return set_rxfh(data);
	case ETHTOOL_GRXRINGS:
		return rings(data);
	default:
		return fields(data);
	}
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct ifreq *ifr;
	va_list ap;
	int err;

	va_start(ap, request);
	ifr = va_arg(ap, struct ifreq *);
	va_end(ap);
	if (request != SIOCETHTOOL || strcmp(ifr->ifr_name, "fake0"))
		return __real_ioctl(fd, request, ifr);
	err = asked(ifr->ifr_data);
	errno = -err;
	return err ? -1 : 0;
}

static void fake_init(u32 entries, u32 key_size, u8 hfunc)
{
	memset(&fake, 0, sizeof(fake));
	fake.entries = entries;
	fake.key_size = key_size;
	fake.rings = 4;
	fake.configured = true;
	fake.is.hfunc = hfunc;
	fake.is.udp4 = RXH_IP_SRC | RXH_IP_DST;
	for (u32 i = 0; i < entries; i++)
		fake.is.table[i] = i / 2 % 3;
	for (u32 i = 0; i < key_size; i++)
		fake.is.key[i] = (u8)(7 * i + 1);
}

/* As drivers do when a program is attached: with its queues set up anew the
 * table is another one, and so is what is hashed. */
static void attach(void)
{
	for (u32 i = 0; i < fake.entries; i++)
		fake.is.table[i] = i % fake.rings;
	if (!fake.no_fields)
		fake.is.udp4 = RXH_IP_SRC;
}

/* It can be set, and is as it was afterwards. @unknown: is what it has then a
 * hash that we do not compute? With which key do we? */
static void apply(const u8 key[RSS_KEY_LEN], bool unknown)
{
	struct rss_saved saved = { 0 };
	struct state was = fake.is;
	u8 owner[RSS_TABLE], told[RSS_KEY_LEN];

	for (u32 g = 0; g < RSS_TABLE; g++)
		owner[g] = (u8)(g % 3);
	memcpy(told, rss_symmetric_key, RSS_KEY_LEN);
	assert_int_equal(rss_save("fake0", &saved), 0);
	attach();
	assert_int_equal(rss_apply("fake0", told, owner, 3, &saved), 0);
	assert_int_equal(saved.apart, min(fake.entries, (u32)RSS_TABLE));
	assert_memory_equal(told, key, RSS_KEY_LEN);
	assert_int_equal(saved.unknown_hash, unknown);
	for (u32 i = 0; i < fake.entries; i++)
		assert_int_equal(fake.is.table[i], i % RSS_TABLE % 3);
	for (u32 g = 0; g < RSS_TABLE; g++)
		assert_int_equal(owner[g], fake.is.table[g % fake.entries]);
	if (!unknown) {
		assert_memory_equal(fake.is.key, key, RSS_KEY_LEN);
		assert_true(fake.is.hfunc <= TOEPLITZ);
		assert_int_equal(fake.is.xfrm, 0);
	}
	if (!fake.no_fields)
		assert_int_equal(fake.is.udp4, all_fields);
	rss_restore("fake0", &saved);
	assert_memory_equal(&fake.is, &was, sizeof(was));
	assert_int_equal(saved.table_size, 0);
	assert_true(fake.configured);
}

static void test_default(void **state)
{
	struct nic nic = { .nqueues = 3 };

	nic_rss_default(&nic);
	assert_memory_equal(nic.rss_key, rss_symmetric_key, RSS_KEY_LEN);
	for (u32 g = 0; g < RSS_TABLE; g++)
		assert_int_equal(nic.group_owner[g], g % 3);
	assert_false(nic.rss_control);
}

/* Any table size that is a multiple: hash % size % 128 is the group. */
static void test_fill_large(void **state)
{
	static u32 table[4 * RSS_TABLE];
	u8 owner[RSS_TABLE];

	for (u32 g = 0; g < RSS_TABLE; g++)
		owner[g] = (u8)(g * 7 % 5);
	assert_true(rss_fill(table, ARRAY_SIZE(table), owner));
	for (u32 i = 0; i < ARRAY_SIZE(table); i++)
		assert_int_equal(table[i], owner[i % RSS_TABLE]);
}

static void test_fill_small(void **state)
{
	u8 owner[RSS_TABLE];
	u32 table[64];

	for (u32 g = 0; g < RSS_TABLE; g++)
		owner[g] = (u8)(g % 4);
	assert_true(rss_fill(table, 64, owner));
	owner[64] = 3; /* shares an entry with group 0 */
	assert_false(rss_fill(table, 64, owner));
}

static void test_no_control(void **state)
{
	u8 key[RSS_KEY_LEN], owner[RSS_TABLE] = { 0 };
	struct rss_saved saved = { 0 };

	memcpy(key, rss_symmetric_key, RSS_KEY_LEN);
	assert_int_equal(rss_save("lo", &saved), -EOPNOTSUPP);
	assert_int_equal(rss_apply("lo", key, owner, 1, &saved), -EOPNOTSUPP);
	assert_int_equal(rss_set_table("lo", owner), -EOPNOTSUPP);
	assert_int_equal(rss_save("nix0", &saved), -ENODEV);
	assert_int_equal(saved.table_size, 0);
	rss_restore("lo", &saved);
}

/* Keys that are longer are ours repeated. */
static void test_apply(void **state)
{
	fake_init(128, 40, TOEPLITZ);
	apply(rss_symmetric_key, false);
	fake_init(512, 52, TOEPLITZ);
	apply(rss_symmetric_key, false);
	for (u32 i = 0; i < 52; i++)
		assert_int_equal(fake.is.key[i], (u8)(7 * i + 1));
}

/* A driver that is older than hfunc, and one that takes none. */
static void test_silent_function(void **state)
{
	fake_init(128, 40, 0);
	fake.no_function = true;
	apply(rss_symmetric_key, false);
	fake_init(128, 40, TOEPLITZ);
	fake.no_function = true;
	apply(rss_symmetric_key, false);
}

static void test_other_function(void **state)
{
	fake_init(128, 40, XOR);
	apply(rss_symmetric_key, false);
	fake_init(128, 40, TOEPLITZ);
	fake.is.xfrm = SYMMETRIC_XOR;
	apply(rss_symmetric_key, false);
}

static void test_fixed_function(void **state)
{
	u8 key[RSS_KEY_LEN];

	fake_init(128, 40, XOR);
	fake.no_function = true;
	memcpy(key, fake.is.key, sizeof(key));
	apply(key, true);
	fake_init(128, 40, TOEPLITZ);
	fake.is.xfrm = SYMMETRIC_XOR;
	fake.no_function = true;
	apply(key, true);
}

/* Its own key is ours then; nobody knows one that it does not tell. */
static void test_fixed_key(void **state)
{
	u8 key[RSS_KEY_LEN];

	fake_init(128, 40, TOEPLITZ);
	fake.no_key = true;
	memcpy(key, fake.is.key, sizeof(key));
	apply(key, false);
	fake_init(128, 0, TOEPLITZ);
	apply(rss_symmetric_key, true);
	fake_init(128, 16, TOEPLITZ);
	apply(rss_symmetric_key, true);
}

/* Of a table that is smaller than ours an entry is several groups'. */
static void test_few_entries(void **state)
{
	fake_init(64, 40, TOEPLITZ);
	apply(rss_symmetric_key, false);
}

/* None of these is changed, nor what we believe of it. */
static void odd(u32 entries, u32 nqueues)
{
	u8 key[RSS_KEY_LEN], owner[RSS_TABLE], all[RSS_TABLE];
	struct rss_saved saved = { 0 };
	static u32 table[MOST_ENTRIES];
	struct state was;

	fake_init(entries, 40, TOEPLITZ);
	was = fake.is;
	for (u32 g = 0; g < RSS_TABLE; g++)
		owner[g] = all[g] = (u8)(g % nqueues);
	memcpy(key, rss_symmetric_key, RSS_KEY_LEN);
	assert_int_equal(rss_save("fake0", &saved), 0);
	assert_false(rss_controls(&saved, nqueues));
	assert_int_equal(rss_apply("fake0", key, owner, nqueues, &saved),
			 -EOPNOTSUPP);
	assert_memory_equal(&fake.is, &was, sizeof(was));
	assert_memory_equal(owner, all, sizeof(all));
	memset(all, 0, sizeof(all));
	if (entries >= nqueues)
		assert_false(rss_fill(table, entries, all));
	rss_restore("fake0", &saved);
}

static void test_odd_sizes(void **state)
{
	odd(96, 2);
	odd(48, 2);
	odd(192, 2);
	odd(4, 6);
}

/* What cannot be set leaves owners as they were. */
static void test_no_table(void **state)
{
	u8 key[RSS_KEY_LEN], owner[RSS_TABLE], was[RSS_TABLE];
	struct rss_saved saved = { 0 };

	fake_init(64, 40, TOEPLITZ);
	fake.no_table = true;
	for (u32 g = 0; g < RSS_TABLE; g++)
		owner[g] = was[g] = (u8)(g % 3);
	memcpy(key, rss_symmetric_key, RSS_KEY_LEN);
	assert_int_equal(rss_save("fake0", &saved), 0);
	assert_true(rss_controls(&saved, 3));
	assert_int_equal(rss_apply("fake0", key, owner, 3, &saved),
			 -EOPNOTSUPP);
	assert_memory_equal(owner, was, sizeof(was));
	/* The kernel makes a table again at least. */
	rss_restore("fake0", &saved);
	assert_false(fake.configured);
}

/* Nobody had set one: with a table of somebody's `ethtool -L` refuses fewer
 * queues. */
static void test_default_again(void **state)
{
	u8 key[RSS_KEY_LEN], owner[RSS_TABLE] = { 0 };
	struct rss_saved saved = { 0 };
	struct state was;

	fake_init(128, 40, TOEPLITZ);
	attach();
	fake.configured = false;
	was = fake.is;
	memcpy(key, rss_symmetric_key, RSS_KEY_LEN);
	assert_int_equal(rss_save("fake0", &saved), 0);
	assert_int_equal(rss_apply("fake0", key, owner, 1, &saved), 0);
	assert_true(fake.configured);
	rss_restore("fake0", &saved);
	assert_false(fake.configured);
	assert_memory_equal(&fake.is, &was, sizeof(was));
}

static void test_fixed_fields(void **state)
{
	fake_init(128, 40, TOEPLITZ);
	fake.no_fields = true;
	apply(rss_symmetric_key, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_fill_large),
		cmocka_unit_test(test_fill_small),
		cmocka_unit_test(test_no_control),
		cmocka_unit_test(test_apply),
		cmocka_unit_test(test_silent_function),
		cmocka_unit_test(test_other_function),
		cmocka_unit_test(test_fixed_function),
		cmocka_unit_test(test_fixed_key),
		cmocka_unit_test(test_few_entries),
		cmocka_unit_test(test_odd_sizes),
		cmocka_unit_test(test_no_table),
		cmocka_unit_test(test_default_again),
		cmocka_unit_test(test_fixed_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
