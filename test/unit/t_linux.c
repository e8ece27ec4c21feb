/* SPDX-License-Identifier: MIT */
/* nic/linux_net.c, linux_if.c and linux_ports.c: what Linux says about an
 * interface of a network namespace of our own. */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "nic/linux.h"

static const struct be32 ip_7 = { 0x0700090a };
static const struct be128 ip6_1 = { .b = { 0xfd, 9, [15] = 1 } };
static const struct be128 ip6_7 = { .b = { 0xfd, 9, [15] = 7 } };

static void test_addr(void **state)
{
	struct be32 ip, mask, gw;

	assert_int_equal(linux_addr("h0", &ip, &mask, &gw), 0);
	assert_int_equal(be32_host(ip), 0x0a090001);
	assert_int_equal(be32_host(mask), 0xffffff00);
	assert_int_equal(be32_host(gw), 0x0a0900fe);
	assert_int_equal(linux_addr("h0", NULL, NULL, NULL), 0);
	assert_int_equal(linux_addr("h1", &ip, &mask, &gw), -EADDRNOTAVAIL);
	assert_int_equal(gw.raw, 0);
	assert_int_equal(linux_addr("h9", &ip, &mask, &gw), -ENODEV);
}

/* Not what is on its way out. */
static void test_addr6(void **state)
{
	struct ip6_prefix p[4];
	struct be128 gw;
	int n = linux_addr6("h0", p, 4, &gw), global = 0;

	assert_int_equal(n, 2);
	for (int i = 0; i < n; i++) {
		if (ip6_is_link_local(p[i].ip))
			continue;
		global++;
		assert_true(be128_equal(p[i].ip, ip6_1));
		assert_int_equal(p[i].bits, 64);
	}
	assert_int_equal(global, 1);
	assert_int_equal(gw.b[15], 0xfe);
	assert_int_equal(linux_addr6("h0", p, 1, &gw), 1);
	assert_int_equal(linux_addr6("h1", p, 4, &gw), 0);
	assert_true(ip6_is_zero(gw));
	assert_int_equal(linux_addr6("h9", p, 4, &gw), -ENODEV);
}

static bool knows(const char *ip)
{
	char command[80];

	snprintf(command, sizeof(command),
		 "ip neigh show %s dev h0 | grep -q .", ip);
	return !system(command);
}

/* Nobody answers, but the kernel asks. */
static void test_resolve(void **state)
{
	struct be128 ip6_77 = ip6_7;

	ip6_77.b[15] = 0x77;
	assert_false(knows("fd09::77"));
	assert_int_equal(linux_resolve("h0", ip6_77), 0);
	assert_true(knows("fd09::77"));
	assert_int_equal(
		linux_resolve("h0", ip6_mapped((struct be32){ 0x4d00090a })),
		0);
	assert_true(knows("10.9.0.77"));
	assert_int_equal(linux_resolve("h9", ip6_77), -ENODEV);
}

static void test_neighbours(void **state)
{
	static const u8 mac[6] = { 2, 0, 0, 0, 0, 7 };
	struct linux_neigh n[4];
	bool v4 = false, v6 = false;

	assert_int_equal(linux_neighbours("h0", n, 4), 3);
	for (int i = 0; i < 3; i++) {
		bool is_v4 = be128_equal(n[i].ip, ip6_mapped(ip_7));
		bool is_v6 = be128_equal(n[i].ip, ip6_7);

		if (is_v4 || is_v6)
			assert_memory_equal(n[i].mac, mac, 6);
		v4 |= is_v4;
		v6 |= is_v6;
	}
	assert_true(v4 && v6);
	assert_int_equal(linux_neighbours("h0", n, 1), 1);
	assert_int_equal(linux_neighbours("h1", n, 4), 0);
	assert_int_equal(linux_neighbours("h9", n, 4), -ENODEV);
}

static void test_ifinfo(void **state)
{
	struct linux_ifinfo info;
	char names[64], cut[3];

	assert_int_equal(linux_ifinfo("h0", &info), 0);
	assert_true(info.up);
	assert_true(info.index > 0);
	assert_int_equal(info.mtu, 1400);
	assert_int_equal(info.mac[5], 1);
	assert_string_equal(info.driver, "veth");
	assert_int_equal(info.rx_queues, 2);
	assert_int_equal(info.tx_queues, 2);
	assert_int_equal(linux_ifinfo("h1", &info), 0);
	assert_false(info.up);
	assert_int_equal(linux_ifinfo("h9", &info), -ENODEV);
	linux_ifnames(names, sizeof(names));
	assert_non_null(strstr(names, "h0"));
	linux_ifnames(cut, sizeof(cut));
	assert_true(strlen(cut) < sizeof(cut));
}

static int taken_on(struct be128 ip, u16 port, const char *protocol)
{
	struct ports p = { .named = { 9, port } };
	const char *found;
	int got = linux_port_taken(ip, &p, &found);

	if (got)
		assert_string_equal(found, protocol);
	return got;
}

static int taken(u16 port, const char *protocol)
{
	struct be32 ip = { htonl(0x0a090001) };

	return taken_on(ip6_mapped(ip), port, protocol);
}

/* A socket of @type, on @addr and @port; closed by the caller. */
static int bound(int type, const char *addr, u16 port, bool only6)
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons(port) };
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port) };
	int v6 = inet_pton(AF_INET6, addr, &a6.sin6_addr);
	int only = only6;
	int fd = socket(v6 ? AF_INET6 : AF_INET, type, 0);

	assert_true(fd >= 0);
	if (v6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
		assert_int_equal(bind(fd, (void *)&a6, sizeof(a6)), 0);
	} else {
		assert_int_equal(inet_pton(AF_INET, addr, &a.sin_addr), 1);
		assert_int_equal(bind(fd, (void *)&a, sizeof(a)), 0);
	}
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void test_ports_taken(void **state)
{
	static const struct {
		const char *addr;
		bool only6, takes, takes6;
	} cases[] = {
		{ "0.0.0.0", false, true, false },
		{ "10.9.0.1", false, true, false },
		{ "127.0.0.1", false, false, false },
		{ "::", false, true, true },
		{ "::", true, false, true },
		{ "::1", false, false, false },
		{ "fd09::1", false, false, true },
		{ "::ffff:10.9.0.1", false, true, false },
	};

	assert_int_equal(taken(5000, ""), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int want = cases[i].takes ? 5000 : 0;
		int want6 = cases[i].takes6 ? 5000 : 0;
		int fd =
			bound(SOCK_STREAM, cases[i].addr, 5000, cases[i].only6);

		assert_int_equal(taken(5000, "TCP"), want);
		assert_int_equal(taken_on(ip6_1, 5000, "TCP"), want6);
		assert_int_equal(taken(5001, "TCP"), 0);
		close(fd);
		fd = bound(SOCK_DGRAM, cases[i].addr, 5000, cases[i].only6);
		assert_int_equal(taken(5000, "UDP"), want);
		assert_int_equal(taken_on(ip6_1, 5000, "UDP"), want6);
		close(fd);
	}
	assert_int_equal(taken(5000, ""), 0);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void test_ports_chosen(void **state)
{
	struct ports range = { .min = 40000, .max = 40010 };
	struct ports named = { .named = { 7, 40100 } };

	write_file("/proc/sys/net/ipv4/ip_local_port_range", "40005 50000");
	assert_int_equal(linux_port_chosen(&range), 40005);
	assert_int_equal(linux_port_chosen(&named), 40100);
	write_file("/proc/sys/net/ipv4/ip_local_reserved_ports",
		   "8,40005-40009,40100");
	assert_int_equal(linux_port_chosen(&range), 40010);
	assert_int_equal(linux_port_chosen(&named), 0);
	write_file("/proc/sys/net/ipv4/ip_local_port_range", "41000 50000");
	assert_int_equal(linux_port_chosen(&range), 0);
}

static bool make_namespace(void)
{
	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return false;
	return !system(
		"exec 2>/dev/null; ip link set lo up && "
		"ip link add h0 address 02:00:00:00:00:01 mtu 1400 "
		"numrxqueues 2 numtxqueues 2 type veth peer name h1 && "
		"ip addr add 10.9.0.1/24 dev h0 && ip link set h0 up && "
		"ip neigh add 10.9.0.7 lladdr 02:00:00:00:00:07 dev h0 && "
		"ip neigh add 10.9.0.8 lladdr 02:00:00:00:00:08 dev h0 && "
		"ip route add default via 10.9.0.254 && "
		"ip addr add fd09::1/64 dev h0 nodad && "
		"ip addr add fd09::2/64 dev h0 nodad preferred_lft 0 && "
		"ip addr add fe80::1/64 dev h0 nodad && "
		"ip neigh add fd09::7 lladdr 02:00:00:00:00:07 dev h0 && "
		"ip -6 route add default via fe80::fe dev h0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addr),
		cmocka_unit_test(test_addr6),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_ifinfo),
		cmocka_unit_test(test_ports_taken),
		cmocka_unit_test(test_ports_chosen),
	};

	if (!make_namespace()) {
		print_message("skipped: no network namespace of our own\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
