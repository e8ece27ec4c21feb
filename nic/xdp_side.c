/* SPDX-License-Identifier: MIT */
/*
 * AF_XDP, beside another dataplane that has the sockets of our queues: what is
 * ours comes by a TAP device for each queue, to which the program sends it, and
 * goes by a packet socket of the interface.
 *
 *	              xsks -> socket        the other one's
 *	ix0 -- steer <
 *	  ^           sides -> TAP -> fd
 *	  |---- packet socket <------ us
 *	  `---- out <- TAP <--------- us, if we are a user's (xdp_side.bpf.c)
 *
 * The devices end with us, however we end, and the program finds them no more:
 * if we are a user's, with our keeper. Where that is killed first, and somebody
 * keeps the device, its way out is shut by the kernel, and it is removed by
 * ixcpd (link_mark.h), or by who has the queue next.
 */
#include "nic/link_mark.h"
#include "nic/linux.h"
#include "nic/xdp_nic.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "xdp_side.skel.h"

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

/* The index of a new device, a queue of which is *@fd. Whoever has been passed
 * that can have the device stay: it is to be nobody's else for that. */
static int make_device(int *fd, int mtu)
{
	struct ifreq ifr = { .ifr_name = "ixside%d",
			     .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int err;

	*fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (*fd < 0 || ioctl(*fd, TUNSETIFF, &ifr) ||
	    ioctl(*fd, TUNSETOWNER, geteuid()))
		return -errno;
	err = configure(&ifr, mtu);
	return err ? err : ifr.ifr_ifindex;
}

static void init_side(struct xdp_nic *x, const struct nic_config *cfg, u32 i,
		      int out_fd)
{
	struct tap_q *q = &x->queues[i].side;

	q->out_fd = out_fd;
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
}

static int open_door(struct xdp_side *skel)
{
	int map = bpf_map__fd(skel->maps.door);
	int prog = bpf_program__fd(skel->progs.leave);
	u32 first = 0;

	return bpf_map_update_elem(map, &first, &prog, BPF_ANY);
}

int xdp_side_load(struct xdp_side **out, u32 to, u32 mtu, u32 queue)
{
	struct xdp_side *skel = *out = xdp_side__open();
	int err;

	if (!skel)
		return -errno;
	skel->rodata->to = to;
	skel->rodata->mtu = mtu;
	skel->rodata->queue = queue;
	err = xdp_side__load(skel);
	return err ? err : open_door(skel);
}

/* A packet socket can be bound to any interface by who has it: for a user the
 * kernel takes what he writes to the device on to the interface. */
static int open_way_out(const struct xdp_nic *x, struct xdp_queue *xq,
			u32 queue)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = xq->side_index,
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts);
	libbpf_print_fn_t old = libbpf_set_print(NULL);
	int err;

	err = xdp_side_load(&xq->door, (u32)x->index, x->nic.mtu, queue);
	if (!err)
		err = bpf_tc_hook_create(&hook);
	if (!err) {
		opts.prog_fd = bpf_program__fd(xq->door->progs.out);
		err = bpf_tc_attach(&hook, &opts);
	}
	libbpf_set_print(old);
	return err;
}

/* A door that a keeper has left who was killed, and that somebody keeps. Linux
 * forgets a device that ends: what stands there is one of ours. */
void xdp_side_forget(const struct xdp_prog *p, u32 queue)
{
	int index;

	if (!bpf_map_lookup_elem(p->sides_fd, &queue, &index))
		linux_link_delete(index);
}

static int open_side(struct xdp_nic *x, const struct nic_config *cfg, u32 i)
{
	struct xdp_queue *xq = &x->queues[i];
	int index = make_device(&xq->side.fd, x->nic.mtu), err = 0;
	u32 queue = cfg->first_queue + i;

	if (index < 0)
		return index;
	xq->side_index = index;
	if (cfg->mark)
		err = link_mark(index, cfg->mark);
	if (!err && cfg->kin)
		err = open_way_out(x, xq, queue);
	init_side(x, cfg, i, cfg->kin ? xq->side.fd : x->nic.large_fd);
	if (err)
		return err;
	xdp_side_forget(&x->prog, queue);
	return bpf_map_update_elem(x->prog.sides_fd, &queue, &index, BPF_ANY);
}

/* Nothing is registered, and calls are made all the time. */
static void have_no_sockets(struct nic *nic)
{
	nic->hosted = true;
	nic->suspend = NULL;
	nic->resume = NULL;
	nic->update_drops = NULL;
}

int xdp_sides_open(struct xdp_nic *x, const struct nic_config *cfg)
{
	int err = xdp_needs_frags(x->nic.mtu) ? -EMSGSIZE : 0;

	if (!err && !cfg->kin)
		err = xdp_open_large(x);
	for (u32 i = 0; i < x->nic.nqueues && !err; i++)
		err = open_side(x, cfg, i);
	have_no_sockets(&x->nic);
	return err;
}

void xdp_sides_close(struct xdp_nic *x)
{
	for (u32 i = 0; i < x->nic.nqueues; i++) {
		if (x->queues[i].side.fd > 0)
			close(x->queues[i].side.fd);
		xdp_side__destroy(x->queues[i].door);
		x->queues[i].door = NULL;
	}
}

void xdp_sides_delete(struct xdp_nic *x)
{
	for (u32 i = 0; i < x->nic.nqueues; i++)
		if (x->queues[i].side_index)
			linux_link_delete(x->queues[i].side_index);
}

void xdp_sides_take(struct xdp_nic *x, const struct nic_config *cfg,
		    const int *fds)
{
	for (u32 i = 0; i < x->nic.nqueues; i++) {
		x->queues[i].side.fd = fds[i];
		init_side(x, cfg, i, fds[i]);
	}
	have_no_sockets(&x->nic);
}
