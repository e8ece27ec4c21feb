/* SPDX-License-Identifier: MIT */
#include "nic/xdp_pin.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/if_xdp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/mbuf.h"

enum {
	/* Unused (systemd.io/UIDS-GIDS), beside the lives' (user.c), and below
	 * those of files of foreign images, 0x7ffe0000 on. */
	ACCOUNTS = 0x78000000,
	NR_ACCOUNTS = 1 << 26,
	/* The kernel lets go of memory some time after the last socket. */
	TRIES = 100,
	TRY_NS = 20 * 1000 * 1000,
};

static u32 mix(u32 h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (u8)*text) * 16777619u;
	return h;
}

/* A network's: another daemon's there may have a rule of that name. */
uid_t xdp_pin_account(const char *name)
{
	u32 h = mix(2166136261u, name); /* FNV-1a */
	char net[32];
	ssize_t n = readlink("/proc/self/ns/net", net, sizeof(net) - 1);

	net[n < 0 ? 0 : n] = 0;
	return ACCOUNTS + mix(h, net) % NR_ACCOUNTS;
}

/* Who has it is not counted for. */
static int set_unlimited(bool on)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];
	const u32 bit = 1u << CAP_IPC_LOCK;

	if (syscall(SYS_capget, &h, d))
		return -errno;
	d[0].effective = on ? d[0].effective | (bit & d[0].permitted)
			    : d[0].effective & ~bit;
	return syscall(SYS_capset, &h, d) ? -errno : 0;
}

static int register_memory(int fd, void *base, u64 len)
{
	const struct timespec pause = { .tv_nsec = TRY_NS };
	struct xdp_umem_reg reg = { .addr = (u64)(uintptr_t)base,
				    .len = len,
				    .chunk_size = MBUF_SIZE };
	int err = 0;

	for (int i = 0; i < TRIES; i++) {
		err = setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg))
			      ? -errno
			      : 0;
		if (err != -ENOBUFS)
			break;
		nanosleep(&pause, NULL);
	}
	return err;
}

/* Real only: the rights stay, and nobody is the account who could kill us. */
static int register_counted(int fd, const struct xdp_pin *pin, void *base,
			    u64 len)
{
	uid_t own = getuid();
	int err = 0;

	if (setresuid(pin->account, (uid_t)-1, (uid_t)-1))
		return -errno;
	err = set_unlimited(false);
	if (!err)
		err = register_memory(fd, base, len);
	set_unlimited(true);
	if (setresuid(own, (uid_t)-1, (uid_t)-1) && !err)
		err = -errno;
	return err;
}

static bool set_limit(u64 most, struct rlimit *usual)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_MEMLOCK, usual))
		return false;
	l.rlim_cur = most;
	l.rlim_max = max(usual->rlim_max, l.rlim_cur);
	return !setrlimit(RLIMIT_MEMLOCK, &l);
}

bool xdp_pin_counts(const struct xdp_pin *pin)
{
	struct rlimit usual;

	return set_limit(pin->most, &usual) &&
	       !setrlimit(RLIMIT_MEMLOCK, &usual);
}

int xdp_pin(int fd, const struct xdp_pin *pin, void *base, u64 len)
{
	struct rlimit usual;
	int err;

	if (!set_limit(pin->most, &usual))
		return register_memory(fd, base, len);
	err = register_counted(fd, pin, base, len);
	if (setrlimit(RLIMIT_MEMLOCK, &usual) && !err)
		err = -errno;
	return err;
}
