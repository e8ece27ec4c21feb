/* SPDX-License-Identifier: MIT */
/* AF_XDP: the system calls. */
#include "nic/xdp_exit.h"

#include <errno.h>
#include <sys/socket.h>

#include "nic/sleep.h"
#include "nic/vnet.h"

enum {
	BUSY_POLL_US = 20,	   /* any value above 0 enables it */
	BUSY_POLL_BUDGET = 64,	   /* packets per system call */
	OPT_PREFER_BUSY_POLL = 69, /* SO_PREFER_BUSY_POLL */
	OPT_BUSY_POLL_BUDGET = 70, /* SO_BUSY_POLL_BUDGET */
};

/* Errors mean "not now" (EAGAIN, EBUSY, ENOBUFS) or a link that is down, or
 * gone: the rings keep the packets, and the next kick tries again. */
static void sys_send(struct xdp_q *q)
{
	q->down = sendto(q->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 &&
		  (errno == ENETDOWN || errno == ENXIO);
}

static void sys_recv(struct xdp_q *q)
{
	recvfrom(q->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

static void sys_poll(struct xdp_q *q, u64 ns)
{
	nic_sleep(&q->q, q->fd, ns);
}

/* In place: the kernel makes a copy, the only one. What a queue behind it has
 * no room for (ENOBUFS) is lost, as on any wire. */
static bool sys_large(struct xdp_q *q, const struct mbuf *m)
{
	bool ok = vnet_write(q->large_fd, m) >= 0;

	q->down = !ok && (errno == ENETDOWN || errno == ENXIO);
	if (!ok && errno == EAGAIN)
		return false;
	q->q.nr_tx_lost += !ok;
	return true;
}

const struct xdp_exits xdp_syscalls = {
	.send = sys_send,
	.recv = sys_recv,
	.poll = sys_poll,
	.large = sys_large,
};

void xdp_busy_poll(int fd)
{
	int prefer = 1, us = BUSY_POLL_US, budget = BUSY_POLL_BUDGET;

	setsockopt(fd, SOL_SOCKET, OPT_PREFER_BUSY_POLL, &prefer,
		   sizeof(prefer));
	setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &us, sizeof(us));
	setsockopt(fd, SOL_SOCKET, OPT_BUSY_POLL_BUDGET, &budget,
		   sizeof(budget));
}
