/* SPDX-License-Identifier: MIT */
/* Whom the kernel counts packet memory for, and that we are ourselves again. */
#include "test.h"

#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nic/xdp_pin.h"

static void an_account_is_a_names(void **state)
{
	uid_t a = xdp_pin_account("web-1"), b = xdp_pin_account("web-2");

	assert_int_equal(a, xdp_pin_account("web-1"));
	assert_int_not_equal(a, b);
}

/* Not of foreign images' files, and what runs on them. */
static void accounts_are_nobodys(void **state)
{
	char name[16];

	for (u32 i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "r-%u", i);
		assert_in_range(xdp_pin_account(name), 0x78000000, 0x7ffdffff);
	}
}

/* What another daemon's users hide there is not for ours to suffer. */
static void an_account_is_a_networks(void **state)
{
	uid_t a = xdp_pin_account("web-1");

	if (unshare(CLONE_NEWNET))
		skip();
	assert_int_not_equal(a, xdp_pin_account("web-1"));
}

struct self {
	uid_t real, effective, saved;
	struct rlimit locked;
	struct __user_cap_data_struct caps[2];
};

static struct self look(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct self s = { 0 };

	assert_int_equal(getresuid(&s.real, &s.effective, &s.saved), 0);
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &s.locked), 0);
	assert_int_equal(syscall(SYS_capget, &h, s.caps), 0);
	return s;
}

static void who_pins_is_as_before(void **state)
{
	const struct xdp_pin pin = { xdp_pin_account("web-1"), 1 << 20 };
	struct self before = look(), after;
	int no_xdp[2];
	static u8 page[4096];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, no_xdp), 0);
	assert_true(xdp_pin(no_xdp[0], &pin, page, sizeof(page)) < 0);
	after = look();
	assert_memory_equal(&before, &after, sizeof(before));
	close(no_xdp[0]);
	close(no_xdp[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_account_is_a_names),
		cmocka_unit_test(accounts_are_nobodys),
		cmocka_unit_test(an_account_is_a_networks),
		cmocka_unit_test(who_pins_is_as_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
