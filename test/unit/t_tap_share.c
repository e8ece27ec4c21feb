/* SPDX-License-Identifier: MIT */
/*
 * A dataplane and its successor on one TAP device: several who want to be it
 * at a time, and who is not believed. In a network namespace of our own;
 * skipped without the right to load programs.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "nic/nic_open.h"
#include "nic/tap_steer.h"
#include "tap_steer.skel.h"

enum { COMERS = 4, ROUNDS = 40, NOBODY = 65534 };

static struct shared {
	u32 go, opened, refused, said, leave, places;
	char why[NIC_WHY];
} * shared;

static int open_of(u64 kin, const char *ifname, struct nic **nic,
		   char why[NIC_WHY])
{
	char spec[32];
	struct nic_config cfg = { .spec = spec,
				  .nqueues = 1,
				  .shared = true,
				  .kin = kin,
				  .conns = 100 };

	snprintf(spec, sizeof(spec), "tap:%s", ifname);
	return nic_open(&cfg, nic, why, NIC_WHY);
}

static int open_shared(const char *ifname, struct nic **nic, char why[NIC_WHY])
{
	return open_of(0, ifname, nic, why);
}

static struct nic *open_first(const char *ifname)
{
	char why[NIC_WHY];
	struct nic *nic;

	if (open_shared(ifname, &nic, why))
		fail_msg("%s", why);
	return nic;
}

/* The first one ends when somebody has just joined it. */
static struct nic *ends;

int __real_tap_share_join(struct tap_steering *s, int ifindex, u32 others,
			  u64 kin);
int __wrap_tap_share_join(struct tap_steering *s, int ifindex, u32 others,
			  u64 kin);

int __wrap_tap_share_join(struct tap_steering *s, int ifindex, u32 others,
			  u64 kin)
{
	int err = __real_tap_share_join(s, ifindex, others, kin);

	nic_close(ends);
	ends = NULL;
	return err;
}

static void count(u32 *n)
{
	__atomic_fetch_add(n, 1, __ATOMIC_SEQ_CST);
}

/* In a process of its own: opens it when told so, and ends when told so. */
static void come(const char *ifname)
{
	char why[NIC_WHY] = "";
	struct nic *nic;
	int err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	count(&shared->said);
	while (!load_acquire(&shared->go))
		;
	err = open_shared(ifname, &nic, why);
	if (!err) {
		nic->serves(nic, 0);
		__atomic_fetch_or(&shared->places, 1u << nic->flows->place,
				  __ATOMIC_SEQ_CST);
	} else {
		memcpy(shared->why, why, sizeof(why));
	}
	count(err ? &shared->refused : &shared->opened);
	while (!load_acquire(&shared->leave))
		usleep(1000);
	if (!err)
		nic_close(nic);
	_exit(err && err != -EBUSY);
}

static void all_come(const char *ifname, pid_t pid[COMERS])
{
	*shared = (struct shared){ 0 };
	for (u32 i = 0; i < COMERS; i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (!pid[i])
			come(ifname);
	}
	while (load_acquire(&shared->said) < COMERS)
		sched_yield();
	store_release(&shared->go, 1);
	while (load_acquire(&shared->opened) + load_acquire(&shared->refused) <
	       COMERS)
		usleep(1000);
}

static void all_leave(const pid_t pid[COMERS])
{
	int status;

	store_release(&shared->leave, 1);
	for (u32 i = 0; i < COMERS; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
}

/* One of them is. The others hear why not, and have changed nothing: it is
 * known to listen. */
static void test_successors(void **state)
{
	struct nic *first = open_first("ixs0");
	pid_t pid[COMERS];

	for (u32 i = 0; i < ROUNDS; i++) {
		u32 successor, is_one = 0;

		all_come("ixs0", pid);
		assert_int_equal(shared->opened, 1);
		assert_non_null(strstr(shared->why, "successor"));
		successor = first->pass(first, false);
		for (u32 k = 0; k < COMERS; k++)
			is_one += (u32)pid[k] == successor;
		assert_int_equal(is_one, 1);
		first->pass(first, true);
		all_leave(pid);
	}
	nic_close(first);
}

/* Nobody has it before: one at most has it then, and perhaps another one is its
 * successor already. */
static void test_firsts(void **state)
{
	pid_t pid[COMERS];

	for (u32 i = 0; i < ROUNDS; i++) {
		char why[NIC_WHY];
		struct nic *next;
		int err;

		all_come("ixs1", pid);
		assert_int_equal(shared->opened, shared->places == 3   ? 2
						 : shared->places == 0 ? 0
								       : 1);
		err = open_shared("ixs1", &next, why);
		assert_int_equal(err, shared->opened == 2 ? -EBUSY : 0);
		if (!err)
			nic_close(next);
		all_leave(pid);
	}
}

/* Of a device that outlives them both were killed: it can be had again. */
static void test_killed(void **state)
{
	struct nic *nic = open_first("ixs2");
	pid_t pid[COMERS];

	assert_int_equal(ioctl(nic->fd[0], TUNSETPERSIST, 1), 0);
	nic_close(nic);
	for (u32 i = 0; i < 3; i++) {
		all_come("ixs2", pid);
		for (u32 k = 0; k < COMERS; k++) {
			assert_int_equal(kill(pid[k], SIGKILL), 0);
			assert_int_equal(waitpid(pid[k], NULL, 0), pid[k]);
		}
		nic = open_first("ixs2");
		assert_int_equal(*nic->flows->heir, nic->flows->place);
		nic_close(nic);
	}
	nic = open_first("ixs2");
	assert_int_equal(ioctl(nic->fd[0], TUNSETPERSIST, 0), 0);
	nic_close(nic);
}

/* ---- a liar */

/* Another user, who may load programs all the same. */
static bool be_nobody(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3];

	if (prctl(PR_SET_KEEPCAPS, 1) ||
	    syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY) ||
	    syscall(SYS_capget, &h, d))
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(d); i++)
		d[i].effective = d[i].permitted;
	return !syscall(SYS_capset, &h, d);
}

/* His program is on no device, and says what ours would. */
static void lie(const char *ifname)
{
	struct tap_steer *s = be_nobody() ? tap_steer__open() : NULL;
	struct stat st;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!s || bpf_map__set_max_entries(s->maps.flows, 4096) ||
	    tap_steer__load(s) || stat("/proc/self/ns/net", &st))
		_exit(1);
	s->bss->mask = 4095;
	s->bss->shared = s->bss->count[0] = 1;
	s->bss->ifindex = if_nametoindex(ifname);
	s->bss->netns = st.st_ino;
	s->bss->who[0] = (u64)getpid();
	count(&shared->said);
	for (;;)
		pause();
}

/* A queue of it, which has several; or -errno. */
static int plain_queue(const char *ifname)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
					  IFF_MULTI_QUEUE };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	int err;

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	if (!ioctl(fd, TUNSETIFF, &ifr))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static void test_liar(void **state)
{
	int fd = plain_queue("ixs3");
	char why[NIC_WHY] = "";
	struct nic *nic;
	pid_t pid;

	assert_true(fd >= 0);
	*shared = (struct shared){ 0 };
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		lie("ixs3");
	while (!load_acquire(&shared->said) && !waitpid(pid, NULL, WNOHANG))
		usleep(1000);
	assert_true(shared->said);
	assert_int_equal(open_shared("ixs3", &nic, why), -EBUSY);
	assert_non_null(strstr(why, "another program"));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(fd);
}

/* Nobody else has a queue of a device that was made for us: he would get what
 * comes to that number when ours is gone. */
static void test_stranger(void **state)
{
	struct nic *nic = open_first("ixs4");
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		_exit(setresuid(NOBODY, NOBODY, NOBODY) ||
		      plain_queue("ixs4") != -EPERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	nic_close(nic);
}

static void is_refused(u64 kin, const char *ifname)
{
	char why[NIC_WHY] = "";
	struct nic *nic;

	assert_int_equal(open_of(kin, ifname, &nic, why), -EBUSY);
	assert_non_null(strstr(why, "another program"));
}

/* Two users' are not beside each other, nor beside root's, nor on a device that
 * was there; and the last of two knows that it is. */
static void test_kin(void **state)
{
	char why[NIC_WHY];
	struct nic *nic[2];
	int fd;

	assert_int_equal(open_of(7, "ixs5", &nic[0], why), 0);
	is_refused(0, "ixs5");
	is_refused(8, "ixs5");
	assert_int_equal(open_of(7, "ixs5", &nic[1], why), 0);
	assert_false(nic[0]->leave(nic[0]));
	nic_close(nic[0]);
	assert_true(nic[1]->leave(nic[1]));
	nic_close(nic[1]);
	nic[0] = open_first("ixs6");
	is_refused(7, "ixs6");
	nic_close(nic[0]);
	fd = plain_queue("ixs7");
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
	close(fd);
	is_refused(7, "ixs7");
	fd = plain_queue("ixs7");
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 0), 0);
	close(fd);
}

/* Linux makes it anew for who has joined it, and then it is nobody's. */
static void test_ending(void **state)
{
	static const u64 kin[] = { 0, 7 };

	for (u32 i = 0; i < ARRAY_SIZE(kin); i++) {
		char why[NIC_WHY] = "";
		struct nic *nic;

		assert_int_equal(open_of(kin[i], "ixs8", &ends, why), 0);
		assert_int_equal(open_of(kin[i], "ixs8", &nic, why), -EBUSY);
		assert_non_null(strstr(why, "ending: try again"));
		assert_null(ends);
		assert_int_equal(if_nametoindex("ixs8"), 0);
		assert_int_equal(open_of(kin[i], "ixs8", &nic, why), 0);
		assert_true(nic->leave(nic));
		nic_close(nic);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_successors),
		cmocka_unit_test(test_firsts),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_liar),
		cmocka_unit_test(test_stranger),
		cmocka_unit_test(test_kin),
		cmocka_unit_test(test_ending),
	};
	struct tap_steer *prog;

	libbpf_set_print(NULL);
	prog = tap_steer__open_and_load();
	tap_steer__destroy(prog);
	if (!prog || unshare(CLONE_NEWNET)) {
		print_message("skipped: may not load programs, or make "
			      "network namespaces\n");
		return 77;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
