/* SPDX-License-Identifier: MIT */
/*
 * AF_XDP, beside another dataplane that has the sockets of our queues: what is
 * ours comes by a TAP device for each queue, to which the program sends it, and
 * goes by a packet socket of the interface.
 *
 *	              xsks -> socket        the other one's
 *	ix0 -- steer <
 *	  ^           sides -> TAP -> fd
 *	  `---- packet socket <------ us
 *
 * The devices end with us, however we end, and the program finds them no more.
 */
#include "nic/xdp_nic.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { QUEUE_LEN = 4096 }; /* packets */

int xdp_open_large(struct xdp_nic *x)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET,
				    .sll_ifindex = x->index };
	int fd, err, yes = 1;

	fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &yes, sizeof(yes)) &&
	    !bind(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		x->nic.large_fd = fd;
		return 0;
	}
	err = -errno;
	close(fd);
	return err;
}

/* Up, and ready for all that the interface may receive. */
static int configure(struct ifreq *ifr, int mtu)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;

	if (fd < 0)
		return -errno;
	ifr->ifr_mtu = mtu;
	if (ioctl(fd, SIOCSIFMTU, ifr))
		err = -errno;
	ifr->ifr_qlen = QUEUE_LEN;
	if (!err && ioctl(fd, SIOCSIFTXQLEN, ifr))
		err = -errno;
	ifr->ifr_flags = IFF_UP | IFF_NOARP;
	if (!err && ioctl(fd, SIOCSIFFLAGS, ifr))
		err = -errno;
	if (!err && ioctl(fd, SIOCGIFINDEX, ifr))
		err = -errno;
	close(fd);
	return err;
}

/* The index of a new device, a queue of which is *@fd. */
static int make_device(int *fd, int mtu)
{
	struct ifreq ifr = { .ifr_name = "ixside%d",
			     .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int err;

	*fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (*fd < 0 || ioctl(*fd, TUNSETIFF, &ifr))
		return -errno;
	err = configure(&ifr, mtu);
	return err ? err : ifr.ifr_ifindex;
}

static int open_side(struct xdp_nic *x, const struct nic_config *cfg, u32 i)
{
	struct tap_q *q = &x->queues[i].side;
	int index = make_device(&q->fd, x->nic.mtu);
	u32 queue = cfg->first_queue + i;

	if (index < 0)
		return index;
	q->out_fd = x->nic.large_fd;
	q->parts = tap_frames(x->nic.mtu);
	q->q.ops = &tap_ops;
	q->q.mtu = x->nic.mtu;
	q->q.caps = NIC_GATHER | NIC_TX_CSUM;
	if (xdp_csum_partial(x))
		q->q.caps |= NIC_RX_CSUM_PARTIAL;
	if (cfg->tso)
		q->q.caps |= NIC_TSO;
	memcpy(q->q.mac, x->nic.mac, 6);
	x->nic.q[i] = &q->q;
	x->nic.fd[i] = q->fd;
	return bpf_map_update_elem(x->prog.sides_fd, &queue, &index, BPF_ANY);
}

int xdp_sides_open(struct xdp_nic *x, const struct nic_config *cfg)
{
	int err = xdp_needs_frags(x->nic.mtu) ? -EMSGSIZE : xdp_open_large(x);

	for (u32 i = 0; i < x->nic.nqueues && !err; i++)
		err = open_side(x, cfg, i);
	/* Nothing is registered, and calls are made all the time. */
	x->nic.hosted = true;
	x->nic.suspend = NULL;
	x->nic.resume = NULL;
	x->nic.update_drops = NULL;
	return err;
}

void xdp_sides_close(struct xdp_nic *x)
{
	for (u32 i = 0; i < x->nic.nqueues; i++)
		if (x->queues[i].side.fd > 0)
			close(x->queues[i].side.fd);
}
