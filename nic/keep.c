/* SPDX-License-Identifier: MIT */
/*
 * The keeper of a NIC that somebody else uses, who may do no more with it than
 * its descriptors let him. What he says is believed only as far as it is about
 * his own memory and flows.
 */
#include "nic/keep_flows.h"
#include "nic/keep_msg.h"
#include "nic/link_mark.h"
#include "nic/linux.h"
#include "nic/xdp_pass.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
	LARGE_PAGE = 2 << 20,
	PAUSE_NS = 10 * 1000 * 1000, /* between two requests */
	LEFT_MIN_MS = 10,	     /* ... looks whether sockets are left */
	LEFT_MAX_MS = 2000,
	LINGER_US = 5000, /* of a connection that was passed to us */
};

enum sockets { NONE, PASSED, BOUND, BESIDE };

struct keep {
	int conn;
	const int *until;
	const struct keep_holder *holder;
	struct nic_config cfg;
	struct xdp_pin pin;
	bool tap;
	struct nic *nic; /* NULL: not opened yet */
	int index;	 /* of a TAP device that has been made for it */
	enum sockets sockets;
	struct xdp_sockets passed;
	struct keep_flows flows;
};

/* ---- memory: only pinned by us, never looked at */

static u64 rounded(u64 n)
{
	return (n + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
}

/* Memory, not a file whose pages somebody brings when he likes to, or which he
 * may cut off; of the length that was granted; and his already, so that it is
 * he whom the kernel charges for it. */
static int check_memory(const struct keep *k, const struct keep_request *q,
			const int *fds, char *why)
{
	const int needed = F_SEAL_SHRINK | F_SEAL_GROW;
	const u64 frames = rounded(k->cfg.frames_len);
	const u64 most[KEEP_MEMORY] = { frames, k->pin.most - frames };

	for (int i = 0; i < KEEP_MEMORY; i++) {
		int seals = fds[i] < 0 ? -1 : fcntl(fds[i], F_GET_SEALS);
		struct stat st;

		if (seals < 0 || (seals & needed) != needed ||
		    fstat(fds[i], &st))
			return nic_fail(-EINVAL, why, NIC_WHY,
					"packet memory: two sealed memfds are "
					"wanted");
		if (q->len[i] > most[i] || q->len[i] % NIC_PAGE ||
		    (u64)st.st_size != q->len[i] || !q->len[i])
			return nic_fail(-EINVAL, why, NIC_WHY,
					"packet memory: %llu bytes, where at "
					"most %llu are granted",
					(unsigned long long)q->len[i],
					(unsigned long long)most[i]);
		if ((u64)st.st_blocks * 512 < q->len[i])
			return nic_fail(-EINVAL, why, NIC_WHY,
					"packet memory is not there yet");
	}
	return 0;
}

/* Address space, aligned for the largest pages; NULL: none. */
static u8 *reserve(size_t len)
{
	u8 *p = mmap(NULL, len + LARGE_PAGE, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	u8 *at = (u8 *)rounded((u64)p);

	if (p == MAP_FAILED)
		return NULL;
	if (at > p)
		munmap(p, (size_t)(at - p));
	munmap(at + len, (size_t)(p + LARGE_PAGE - at));
	return at;
}

/* One behind the other; NULL: no. */
static u8 *map_memory(const struct keep_request *q, const int *fds)
{
	size_t len = q->len[0] + q->len[1], at = 0;
	u8 *base = reserve(len);

	for (int i = 0; base && i < KEEP_MEMORY; at += q->len[i++]) {
		if (mmap(base + at, q->len[i], PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fds[i], 0) != MAP_FAILED)
			continue;
		munmap(base, len);
		return NULL;
	}
	return base;
}

/* ---- requests: 0, or -errno with the reason in @why */

static int open_tap(struct keep *k, char *why)
{
	struct linux_ifinfo info;
	char name[32];
	int err;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(k->cfg.spec + 4, ","),
		 k->cfg.spec + 4);
	if (k->nic || (!k->cfg.shared && !linux_ifinfo(name, &info)))
		return nic_fail(-EBUSY, why, NIC_WHY,
				"TAP device %s is there already", name);
	err = nic_open(&k->cfg, &k->nic, why, NIC_WHY);
	if (err || linux_ifinfo(name, &info))
		return err;
	k->index = info.index;
	/* Of one that is shared none is the owner: who comes next has it. */
	err = k->cfg.mark && !k->cfg.shared ? link_mark(k->index, k->cfg.mark)
					    : 0;
	return err ? nic_fail(err, why, NIC_WHY, "TAP device %s: %s", name,
			      strerror(-err))
		   : 0;
}

static int open_sockets(struct keep *k, const struct keep_request *q,
			const int *fds, char *why)
{
	struct nic_config cfg = k->cfg;
	int err;

	cfg.umem = map_memory(q, fds);
	cfg.frames_len = q->len[0];
	cfg.umem_len = q->len[0] + q->len[1];
	if (!cfg.umem)
		return nic_fail(-errno, why, NIC_WHY, "packet memory: %s",
				strerror(errno));
	err = xdp_pass_sockets(k->nic, &cfg, &k->pin, why, NIC_WHY);
	munmap(cfg.umem, cfg.umem_len);
	if (!err)
		k->sockets = PASSED;
	return err;
}

static int open_xdp(struct keep *k, const struct keep_request *q,
		    const int *fds, char *why)
{
	int err = k->sockets != NONE
			  ? nic_fail(-EPROTO, why, NIC_WHY, "not now")
			  : check_memory(k, q, fds, why);

	if (!err && !k->nic)
		err = xdp_pass_open(&k->cfg, &k->nic, why, NIC_WHY);
	if (err)
		return err;
	if (!xdp_pass_beside(k->nic))
		return open_sockets(k, q, fds, why);
	k->sockets = BESIDE;
	return 0;
}

static int bind_xdp(struct keep *k, char *why)
{
	if (k->sockets != PASSED)
		return nic_fail(-EPROTO, why, NIC_WHY, "not now");
	k->sockets = BOUND;
	return xdp_pass_bind(k->nic, why, NIC_WHY);
}

static int suspend(struct keep *k, char *why)
{
	int err;

	/* Who has not bound them would have others made as often as he likes,
	 * and no queue is busy for it. */
	if (k->tap || !k->nic || k->sockets == PASSED || k->sockets == BESIDE)
		return nic_fail(-EPROTO, why, NIC_WHY, "not now");
	k->sockets = NONE;
	err = xdp_pass_suspend(k->nic, &k->passed);
	return err ? nic_fail(err, why, NIC_WHY,
			      "somebody keeps a socket that was passed")
		   : 0;
}

static int set_groups(struct keep *k, const struct keep_request *q, char *why)
{
	bool ok = k->nic && k->nic->set_groups;
	int err;

	for (u32 i = 0; ok && i < RSS_TABLE; i++)
		ok = q->group_owner[i] < k->nic->nqueues;
	if (!ok)
		return nic_fail(-EINVAL, why, NIC_WHY, "no such flow groups");
	memcpy(k->nic->group_owner, q->group_owner, sizeof(q->group_owner));
	err = k->nic->set_groups(k->nic);
	return err ? nic_fail(err, why, NIC_WHY, "%s", strerror(-err)) : 0;
}

/* There is a thread for each queue. */
static int ask_cores(struct keep *k, const struct keep_request *q,
		     struct keep_reply *r)
{
	if (!k->nic || !q->cores || q->cores > k->nic->nqueues)
		return nic_fail(-EINVAL, r->why, NIC_WHY, "no such cores");
	k->holder->ask_cores(k->holder->arg, q, r);
	return 0;
}

static int take_flows(struct keep *k, int *fds, char *why)
{
	int err = !k->nic || !k->nic->flows || fds[1] >= 0 ? -EPROTO : 0;

	if (!err)
		err = keep_flows_take(&k->flows, k->nic, fds[0]);
	if (!err)
		fds[0] = -1; /* kept */
	return err ? nic_fail(err, why, NIC_WHY, "no such table of flows") : 0;
}

static int pass(struct keep *k, bool back, struct keep_reply *r)
{
	if (k->flows.fd < 0)
		return nic_fail(-EPROTO, r->why, NIC_WHY, "not now");
	r->successor = keep_flows_pass(&k->flows, k->nic, back, k->until);
	return 0;
}

static bool takes_fds(const struct keep *k, u32 what)
{
	return what == KEEP_FLOWS || (what == KEEP_OPEN && !k->tap);
}

static int obey(struct keep *k, const struct keep_request *q, int *fds,
		struct keep_reply *r)
{
	char *why = r->why;

	if (q->version != KEEP_VERSION)
		return nic_fail(-EPROTO, why, NIC_WHY,
				"ixcpd is of another version of IX");
	if (fds[0] >= 0 && !takes_fds(k, q->what))
		return nic_fail(-EPROTO, why, NIC_WHY,
				"descriptors are not asked for");
	switch (q->what) {
	case KEEP_OPEN:
		return k->tap ? open_tap(k, why) : open_xdp(k, q, fds, why);
	case KEEP_BIND:
		return bind_xdp(k, why);
	case KEEP_SUSPEND:
		return suspend(k, why);
	case KEEP_GROUPS:
		return set_groups(k, q, why);
	case KEEP_LOAD:
		return ask_cores(k, q, r);
	case KEEP_FLOWS:
		return take_flows(k, fds, why);
	case KEEP_PASS:
		return pass(k, q->back, r);
	}
	return nic_fail(-EPROTO, why, NIC_WHY, "not understood");
}

/* ---- answers */

static void describe(const struct nic *nic, struct keep_reply *r)
{
	r->nqueues = nic->nqueues;
	r->mtu = nic->mtu;
	r->zero_copy = nic->zero_copy;
	r->rss_control = nic->rss_control;
	r->apart = (u8)nic->apart;
	memcpy(r->mac, nic->mac, sizeof(r->mac));
	memcpy(r->driver, nic->driver, sizeof(r->driver));
	memcpy(r->detail, nic->detail, sizeof(r->detail));
	memcpy(r->rss_key, nic->rss_key, sizeof(r->rss_key));
	memcpy(r->group_owner, nic->group_owner, sizeof(r->group_owner));
	if (!nic->flows)
		return;
	r->flows = nic->flows->mask + 1;
	r->place = nic->flows->place;
	r->flow_key = nic->flows->key;
}

static int serve(struct keep *k)
{
	struct keep_reply r = { 0 };
	struct keep_request q;
	int fds[KEEP_MEMORY], err;
	bool pass;

	err = keep_receive(k->conn, &q, sizeof(q), fds, KEEP_MEMORY);
	if (err)
		return err;
	r.err = obey(k, &q, fds, &r);
	/* Who has been refused may have sent anything: not before our end. */
	if (!r.err)
		keep_close_fds(fds, KEEP_MEMORY);
	pass = !r.err && q.what == KEEP_OPEN;
	if (k->nic) {
		describe(k->nic, &r);
		r.index = k->index;
	}
	if (k->nic && !k->tap)
		xdp_pass_describe(k->nic, &r);
	err = keep_send(k->conn, &r, sizeof(r), pass ? k->nic->fd : NULL,
			pass ? k->nic->nqueues : 0);
	return err ? err : r.err;
}

/* ---- until the end */

/* Has something been said? False: it is over. What he writes down is looked at
 * meanwhile. */
static bool await(struct keep *k, const int until[2])
{
	struct pollfd p[] = {
		{ .fd = until[0], .events = POLLIN },
		{ .fd = until[1], .events = POLLIN },
		{ .fd = k->conn, .events = POLLIN },
	};
	int n;

	do {
		n = poll(p, ARRAY_SIZE(p), keep_flows_ms(&k->flows, k->nic));
		if (!n)
			keep_flows_look(&k->flows, k->nic);
	} while (!n || (n < 0 && errno == EINTR));
	return !p[0].revents && !p[1].revents && (p[2].revents & POLLIN);
}

static void take_back(struct keep *k)
{
	bool last = !k->nic || !k->nic->leave || k->nic->leave(k->nic);

	if (k->index && last)
		linux_link_delete(k->index);
	if (k->nic && !k->tap)
		xdp_pass_close(k->nic, &k->passed);
	else
		nic_close(k->nic);
}

/* Has somebody a socket that was passed? */
static bool left(const struct keep *k)
{
	return k->passed.watch >= 0 && xdp_left(&k->passed);
}

/* Nothing: that there is one ends the wait for a connection that lingers. */
static void ring(int signal)
{
	(void)signal;
}

static void close_opened(const struct keep *k, const int until[2])
{
	DIR *fds = opendir("/proc/self/fd");
	struct dirent *e;

	while (fds && (e = readdir(fds))) {
		int fd = atoi(e->d_name);

		if (fd > STDERR_FILENO && fd != dirfd(fds) &&
		    fd != k->passed.watch && fd != until[1] &&
		    (fd == k->conn || fcntl(fd, F_GETFD) & FD_CLOEXEC))
			close(fd);
	}
	if (fds)
		closedir(fds);
}

/* He may have passed one to us: with a request that was refused, one that
 * nobody has read, or in a message in a socket of those. So all goes that we
 * have not begun with, as it would at our end, when nothing lingers. */
static void close_passed(const struct keep *k, const int until[2])
{
	const struct sigaction a = { .sa_handler = ring };
	const struct itimerval off = { 0 }, on = { { .tv_usec = LINGER_US },
						   { .tv_usec = LINGER_US } };

	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &on, NULL);
	close_opened(k, until);
	setitimer(ITIMER_REAL, &off, NULL);
}

/* Until then the grant is in use: by who has a socket, and what the kernel
 * keeps for it. A signal is root's, who knows better. */
static void await_others(struct keep *k, const int until[2])
{
	struct pollfd p = { .fd = until[1], .events = POLLIN };
	int ms = LEFT_MIN_MS;

	if (left(k))
		close_passed(k, until);
	while (left(k) && !poll(&p, 1, ms)) {
		xdp_expel(&k->passed);
		ms = min(2 * ms, LEFT_MAX_MS);
	}
}

int grant_keep(int conn, const struct nic_config *cfg,
	       const struct keep_holder *holder, const int until[2])
{
	u64 frames = rounded(cfg->frames_len);
	const struct timeval patience = { .tv_sec = KEEP_SLOW_S };
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct keep k = { .conn = conn,
			  .until = until,
			  .holder = holder,
			  .cfg = *cfg,
			  .pin = { xdp_pin_account(holder->name),
				   frames + rounded(cfg->umem_len -
						    cfg->frames_len) },
			  .tap = !strncmp(cfg->spec, "tap:", 4),
			  .passed = { .uid = holder->uid, .watch = -1 },
			  .flows = { .fd = -1 } };
	int err = k.tap ? 0 : xdp_watch_open(&k.passed);

	if (!k.tap && !xdp_pin_counts(&k.pin))
		fprintf(stderr,
			"ix keep: %s: memory that is pinned for it cannot be "
			"counted\n",
			holder->name);
	/* The daemon has accepted it, who never waits. */
	fcntl(conn, F_SETFL, 0);
	setsockopt(conn, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(conn, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	/* Each of them may hold locks that all of Linux's network has. */
	while (!err && await(&k, until)) {
		err = serve(&k);
		nanosleep(&pause, NULL);
		/* Who has always something to say, too. */
		keep_flows_look(&k.flows, k.nic);
	}
	keep_flows_close(&k.flows);
	take_back(&k);
	await_others(&k, until);
	if (k.passed.watch >= 0)
		close(k.passed.watch);
	return err == -ECONNRESET ? 0 : err;
}
