/* SPDX-License-Identifier: MIT */
/* Reaching for D, and for the kernel, by system calls. */
#include "hostile.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

enum { KEEP_NS = 1500000000 }; /* longer than the dataplane keeps quiet */

#define DENIED(call) refused(#call, (call))

static bool signals(struct rogue *r)
{
	siginfo_t info = { .si_code = SI_QUEUE };
	pid_t d = r->dataplane;
	bool ok = true;

	for (pid_t tid = d; tid < d + 8; tid++) { /* some are D's threads */
		ok &= DENIED(kill(tid, 0));
		ok &= DENIED(syscall(SYS_tgkill, d, tid, 0));
		ok &= DENIED(syscall(SYS_tkill, tid, 0));
	}
	/* The owner of a file gets signals from it. */
	ok &= DENIED(fcntl(0, F_SETOWN, d));
	ok &= DENIED(fcntl(0, F_SETOWN, -d));
	ok &= DENIED(ioctl(0, 0x8901 /* FIOSETOWN */, &d));
	/* Nor is the terminal's Ctrl-C taken away from D. */
	ok &= DENIED(ioctl(0, 0x5410 /* TIOCSPGRP */, &d)) && errno == EPERM;
	ok &= DENIED(kill(-d, 0));
	ok &= DENIED(syscall(SYS_kill, (1ull << 32) + (uint64_t)d, 0));
	ok &= DENIED(syscall(SYS_rt_sigqueueinfo, d, SIGTERM, &info));
	ok &= DENIED(syscall(SYS_pidfd_send_signal, 3, 0, NULL, 0));
	/* D's child, which is to end with us, and not before. Where it is of
	 * the same user the kernel takes the signal and forgets it. */
	kill(1, SIGKILL);
	kill(1, SIGSTOP);
	kill(-1, SIGKILL);
	return ok;
}

static bool memory_of_d(struct rogue *r)
{
	char path[64], byte;
	struct iovec here = { &byte, 1 }, there = { (void *)4096, 1 };
	bool ok = true;

	ok &= DENIED(ptrace(PTRACE_ATTACH, r->dataplane, 0, 0));
	ok &= DENIED(ptrace(PTRACE_SEIZE, r->dataplane, 0, 0));
	ok &= DENIED(process_vm_readv(r->dataplane, &here, 1, &there, 1, 0));
	ok &= DENIED(process_vm_writev(r->dataplane, &here, 1, &there, 1, 0));
	for (int i = 0; i < 6; i++) {
		static const char *const names[] = { "mem", "fd/0", "maps" };

		snprintf(path, sizeof(path), "/proc/%d/%s",
			 i < 3 ? r->dataplane : 1 /* the keeper */,
			 names[i % 3]);
		ok &= refused(path, open(path, O_RDONLY));
	}
	return ok;
}

/* Every process that A can see is of its own life. */
static bool processes(struct rogue *r)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	bool ok = true;
	int n = 0;

	(void)r;
	while (proc && (e = readdir(proc)))
		n += atoi(e->d_name) > 0;
	if (proc)
		closedir(proc);
	ok &= n == 2; /* the keeper, and we */
	if (!ok)
		printf("hostile: /proc shows %d processes\n", n);
	ok &= getppid() == 1 && getpgrp() == 1;
	return ok;
}

/* By clone() and clone3(): a child with flags of its own, or -1. */
static int clone_with(uint64_t flags, bool three)
{
	uint64_t args[8] = { flags };
	long pid;

	if (three) {
		args[4] = SIGCHLD;
		pid = syscall(SYS_clone3, args, 64);
	} else {
		pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
	}
	if (!pid)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, __WALL);
	return (int)pid;
}

/* In namespaces of its own a process would have all rights in them. */
static bool namespaces(struct rogue *r)
{
	static const uint64_t flags[] = {
		CLONE_NEWUSER,
		CLONE_NEWPID,
		CLONE_NEWNS,
		CLONE_NEWIPC,
		CLONE_NEWNET,
		CLONE_NEWUTS,
		CLONE_PARENT,
		CLONE_NEWCGROUP,
		CLONE_NEWUSER | CLONE_NEWNET | CLONE_VFORK,
	};
	bool ok = true;

	(void)r;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		ok &= DENIED(clone_with(flags[i], false));
		ok &= DENIED(clone_with(flags[i], true));
		ok &= DENIED(unshare((int)flags[i]));
	}
	ok &= DENIED(clone_with(0x80, true)); /* CLONE_NEWTIME */
	ok &= DENIED(syscall(SYS_unshare, 0x80));
	ok &= DENIED(setns(open("/proc/1/ns/net", O_RDONLY), 0));
	ok &= DENIED(setns((int)syscall(SYS_pidfd_open, 1, 0), CLONE_NEWPID));
	ok &= DENIED(socket(AF_PACKET, SOCK_RAW, 0));
	ok &= DENIED(socket(AF_INET, SOCK_RAW, 1));
	return ok;
}

/* Threads of D may be slowed down by nobody but D. */
static bool priority_of_d(struct rogue *r)
{
	cpu_set_t set;
	bool ok = true;

	CPU_ZERO(&set);
	CPU_SET(1, &set);
	ok &= DENIED(setpriority(PRIO_PROCESS, (id_t)r->dataplane, 19));
	ok &= DENIED(sched_setaffinity(r->dataplane, sizeof(set), &set));
	ok &= DENIED(syscall(SYS_prlimit64, r->dataplane, RLIMIT_NOFILE,
			     &(struct rlimit){ 1, 1 }, NULL));
	return ok;
}

static bool kernel(struct rogue *r)
{
	char attr[128] = { 0 };
	bool ok = true;

	(void)r;
	ok &= DENIED(syscall(SYS_bpf, 0, attr, sizeof(attr)));
	ok &= DENIED(syscall(SYS_perf_event_open, attr, 0, -1, -1, 0));
	ok &= DENIED(syscall(SYS_io_uring_setup, 8, attr));
	ok &= DENIED(syscall(SYS_userfaultfd, 0));
	ok &= DENIED(syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, 0));
	ok &= DENIED(syscall(SYS_unshare, 0x10000000));
	ok &= DENIED(syscall(SYS_keyctl, 0, 0));
	ok &= DENIED(syscall(SYS_kexec_load, 0, 0, 0, 0));
	ok &= DENIED(syscall(SYS_init_module, attr, 1, ""));
	ok &= DENIED(syscall(SYS_reboot, 1, 2, 3, 0));
	ok &= DENIED(syscall(SYS_setns, 0, 0));
	ok &= DENIED(syscall(1000)); /* the future */
	return ok;
}

/* Of a TAP device that was made for D's user, who may be A's, a queue could be
 * had by A as well: by the filter alone it is not. */
static bool queues(struct rogue *r)
{
	struct ifreq ifr = { .ifr_name = "ix0" };
	int tun = open("/dev/net/tun", O_RDWR);
	bool ok = true;

	(void)r;
	for (int i = 0; i < 4; i++) {
		ifr.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
					(i & 1 ? IFF_MULTI_QUEUE : 0));
		ok &= DENIED(syscall(SYS_ioctl, tun,
				     TUNSETIFF | (i & 2 ? 1ull << 32 : 0),
				     &ifr)) &&
		      errno == EPERM;
	}
	close(tun);
	return ok;
}

static bool status_says(const char *want)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	bool found = false;

	while (f && fgets(line, sizeof(line), f))
		found |= !strncmp(line, want, strlen(want));
	if (f)
		fclose(f);
	if (!found)
		printf("hostile: /proc/self/status does not say %s\n", want);
	return found;
}

static bool rights(struct rogue *r)
{
	bool ok = true;

	(void)r;
	ok &= status_says("CapEff:\t0000000000000000");
	ok &= status_says("CapPrm:\t0000000000000000");
	ok &= status_says("CapAmb:\t0000000000000000");
	ok &= status_says("NoNewPrivs:\t1");
	ok &= status_says("Seccomp:\t2");
	ok &= !geteuid() || DENIED(setuid(0));
	return ok;
}

/* 0 1 2, settings, alive, and what this program keeps; a child that execs has
 * only the former. */
static bool inherited(struct rogue *r)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		for (int i = 0; i < 5; i++)
			close(r->fds[i]);
		execl("/bin/sh", "sh", "-c",
		      "for f in /proc/self/fd/*; do case $(readlink $f) in "
		      "*ix-up*|*ix-down*|*ix-frames*|*ix-arena*) exit 1;; "
		      "esac; done",
		      NULL);
		_exit(2);
	}
	waitpid(pid, &status, 0);
	return status == 0;
}

/* A child has the memory, but no rights that its parent has not. It may speak
 * for its parent; here it only listens and dies. */
static bool children(struct rogue *r)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid) {
			volatile char sum = *(char *)(uintptr_t)r->received;

			memset(r->mem, sum, 4096);
			r->t->port.down->ncalls = 99;
			abort();
		}
		waitpid(pid, NULL, 0);
	}
	return true;
}

/* ... or crosses in its parent's place, and dies of it at any moment. Its turns
 * are none of its parent's. */
static bool children_cross(struct rogue *r)
{
	for (unsigned int i = 0; i < 20; i++) {
		pid_t pid = fork();

		while (!pid) {
			ix_call_append(r->t, IX_RECV_DONE, i, 0, 1);
			if (ix_flush(r->t))
				_exit(1);
		}
		usleep(1000 + i * 100);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		ix_flush(r->t); /* perhaps the child's last turn again */
		if (ix_flush(r->t))
			return false;
	}
	return true;
}

/* The dataplane wants to say that we keep our core; it may not wait until it
 * can. */
static bool stopped_stderr(struct rogue *r)
{
	uint64_t until = now_ns() + KEEP_NS;

	(void)r;
	shut_stderr();
	while (now_ns() < until)
		usleep(10000);
	return true;
}

const struct lie lies_sys[] = {
	{ "signals to the dataplane", signals },
	{ "the dataplane's memory", memory_of_d },
	{ "the dataplane's priority", priority_of_d },
	{ "processes of others", processes },
	{ "new namespaces", namespaces },
	{ "the kernel", kernel },
	{ "queues of the NIC", queues },
	{ "capabilities and users", rights },
	{ "descriptors left after exec", inherited },
	{ "stderr stopped or full", stopped_stderr },
	{ "children that crash", children },
	{ "children that cross", children_cross },
	{ 0 },
};
