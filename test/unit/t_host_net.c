/* SPDX-License-Identifier: MIT */
/* nic/host_net.c and nic/host_if.c: what Linux says about an interface of a
 * network namespace of our own. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "nic/nic_host.h"

static const struct be32 ip_7 = { 0x0700090a };

static void test_addr(void **state)
{
	struct be32 ip, mask, gw;

	assert_int_equal(nic_host_addr("h0", &ip, &mask, &gw), 0);
	assert_int_equal(be32_host(ip), 0x0a090001);
	assert_int_equal(be32_host(mask), 0xffffff00);
	assert_int_equal(be32_host(gw), 0x0a0900fe);
	assert_int_equal(nic_host_addr("h0", NULL, NULL, NULL), 0);
	assert_int_equal(nic_host_addr("h1", &ip, &mask, &gw), -EADDRNOTAVAIL);
	assert_int_equal(gw.raw, 0);
	assert_int_equal(nic_host_addr("h9", &ip, &mask, &gw), -ENODEV);
}

static void test_neighbours(void **state)
{
	static const u8 mac[6] = { 2, 0, 0, 0, 0, 7 };
	struct nic_neigh n[4];

	assert_int_equal(nic_host_neighbours("h0", n, 4), 2);
	if (n[0].ip.raw != ip_7.raw)
		n[0] = n[1];
	assert_int_equal(n[0].ip.raw, ip_7.raw);
	assert_memory_equal(n[0].mac, mac, 6);
	assert_int_equal(nic_host_neighbours("h0", n, 1), 1);
	assert_int_equal(nic_host_neighbours("h1", n, 4), 0);
	assert_int_equal(nic_host_neighbours("h9", n, 4), -ENODEV);
}

static void test_ifinfo(void **state)
{
	struct nic_ifinfo info;
	char names[64], cut[3];

	assert_int_equal(nic_ifinfo("h0", &info), 0);
	assert_true(info.up);
	assert_true(info.index > 0);
	assert_int_equal(info.mtu, 1400);
	assert_int_equal(info.mac[5], 1);
	assert_string_equal(info.driver, "veth");
	assert_int_equal(info.rx_queues, 2);
	assert_int_equal(info.tx_queues, 2);
	assert_int_equal(nic_ifinfo("h1", &info), 0);
	assert_false(info.up);
	assert_int_equal(nic_ifinfo("h9", &info), -ENODEV);
	nic_ifnames(names, sizeof(names));
	assert_non_null(strstr(names, "h0"));
	nic_ifnames(cut, sizeof(cut));
	assert_true(strlen(cut) < sizeof(cut));
}

static bool make_namespace(void)
{
	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return false;
	return !system(
		"exec 2>/dev/null; "
		"ip link add h0 address 02:00:00:00:00:01 mtu 1400 "
		"numrxqueues 2 numtxqueues 2 type veth peer name h1 && "
		"ip addr add 10.9.0.1/24 dev h0 && ip link set h0 up && "
		"ip neigh add 10.9.0.7 lladdr 02:00:00:00:00:07 dev h0 && "
		"ip neigh add 10.9.0.8 lladdr 02:00:00:00:00:08 dev h0 && "
		"ip route add default via 10.9.0.254");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addr),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_ifinfo),
	};

	if (!make_namespace()) {
		print_message("skipped: no network namespace of our own\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
