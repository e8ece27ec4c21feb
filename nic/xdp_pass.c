/* SPDX-License-Identifier: MIT */
/* AF_XDP sockets for somebody else: the kernel's own calls, since libxdp would
 * map their rings, and bind them, at once. */
#include "nic/xdp_pass.h"
#include "nic/xdp_exit.h"
#include "nic/xdp_nic.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_xdp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct xdp_nic *xdp_nic_of(struct nic *nic)
{
	return container_of(nic, struct xdp_nic, nic);
}

int xdp_pass_open(const struct nic_config *cfg, struct nic **out, char *why,
		  size_t why_len)
{
	struct xdp_nic *x;
	int err = xdp_attach(cfg, cfg->spec + strlen("xdp:"), &x, why, why_len);

	if (err)
		return err;
	for (u32 i = 0; i < x->nic.nqueues; i++)
		x->nic.fd[i] = -1;
	if (x->pair.beside)
		err = xdp_open_beside(x, cfg, why, why_len);
	if (err)
		xdp_pass_close(&x->nic, &(struct xdp_sockets){ 0 });
	else
		*out = &x->nic;
	return err;
}

bool xdp_pass_beside(const struct nic *nic)
{
	return container_of((struct nic *)(uintptr_t)nic, struct xdp_nic, nic)
		->pair.beside;
}

/* ---- sockets */

static void close_sockets(struct xdp_nic *x)
{
	for (u32 i = 0; i < x->nic.nqueues; i++) {
		u32 queue = x->cfg.first_queue + i;

		bpf_map_delete_elem(x->prog.map_fd, &queue);
		if (x->nic.fd[i] >= 0)
			close(x->nic.fd[i]);
		x->nic.fd[i] = -1;
	}
	x->nr_bound = 0;
}

static int set_ring(int fd, int name, u32 entries)
{
	return setsockopt(fd, SOL_XDP, name, &entries, sizeof(entries)) ? -errno
									: 0;
}

static int set_rings(int fd, const struct nic_config *cfg)
{
	int err = set_ring(fd, XDP_UMEM_FILL_RING, xdp_fill_size(cfg));

	if (!err)
		err = set_ring(fd, XDP_UMEM_COMPLETION_RING, xdp_tx_size(cfg));
	if (!err)
		err = set_ring(fd, XDP_RX_RING, xdp_rx_size(cfg));
	if (!err)
		err = set_ring(fd, XDP_TX_RING, xdp_tx_size(cfg));
	return err;
}

/* It can be bound to no other one then, except by who might open his own. Linux
 * looks at it since July 2023. */
static int set_interface(int fd, int index)
{
	return setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &index,
			  sizeof(index))
		       ? -errno
		       : 0;
}

/* The first has the memory, which the others share when they are bound. */
static int make(struct xdp_nic *x, const struct nic_config *cfg,
		const struct xdp_pin *pin, u32 i)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	x->nic.fd[i] = fd;
	err = set_interface(fd, x->index);
	if (!err && !i)
		err = xdp_pin(fd, pin, cfg->umem, cfg->umem_len);
	if (!err)
		err = set_rings(fd, cfg);
	xdp_widen(fd, xdp_tx_size(cfg));
	return err;
}

int xdp_pass_sockets(struct nic *nic, const struct nic_config *cfg,
		     const struct xdp_pin *pin, char *why, size_t why_len)
{
	struct xdp_nic *x = xdp_nic_of(nic);
	int err = 0;

	for (u32 i = 0; !err && i < nic->nqueues; i++)
		err = make(x, cfg, pin, i);
	if (!err)
		return 0;
	close_sockets(x);
	if (err == -ENOBUFS)
		return nic_fail(err, why, why_len,
				"packet memory: what was granted before is "
				"still pinned, by sockets that somebody keeps");
	return xdp_no_socket(err, x, cfg, why, why_len);
}

/* From where one before has got to: sockets are bound once. */
static int bind_all(struct xdp_nic *x, const struct nic_config *cfg)
{
	for (; x->nr_bound < x->nic.nqueues; x->nr_bound++) {
		u32 i = x->nr_bound;
		struct sockaddr_xdp a = {
			.sxdp_family = AF_XDP,
			.sxdp_flags =
				(u16)(i ? XDP_SHARED_UMEM : x->bind_flags),
			.sxdp_ifindex = (u32)x->index,
			.sxdp_queue_id = cfg->first_queue + i,
			.sxdp_shared_umem_fd = (u32)x->nic.fd[0],
		};

		if (bind(x->nic.fd[i], (void *)&a, sizeof(a)))
			return -errno;
	}
	return 0;
}

int xdp_pass_bind(struct nic *nic, char *why, size_t why_len)
{
	struct xdp_nic *x = xdp_nic_of(nic);
	int err = xdp_try_modes(x, &x->cfg, bind_all);

	if (err)
		return xdp_no_socket(err, x, &x->cfg, why, why_len);
	for (u32 i = 0; i < nic->nqueues; i++)
		if (x->cfg.busy_poll && nic->zero_copy)
			xdp_busy_poll(nic->fd[i]);
	err = xdp_tell_program(x);
	if (!err && x->cfg.shared)
		err = xdp_pair_ready(&x->pair, &x->prog, &x->cfg);
	xdp_describe(x);
	return err ? nic_fail(err, why, why_len,
			      "cannot enter a socket of %s into the XDP map: "
			      "%s",
			      x->ifname, strerror(-err))
		   : 0;
}

void xdp_pass_describe(const struct nic *nic, struct keep_reply *r)
{
	const struct xdp_nic *x =
		container_of((struct nic *)(uintptr_t)nic, struct xdp_nic, nic);

	r->index = x->index;
	r->beside = x->pair.beside;
	r->bind_flags = x->bind_flags;
	r->generic = x->prog.generic;
	r->fill = xdp_fill_size(&x->cfg);
	r->rx = xdp_rx_size(&x->cfg);
	r->tx = xdp_tx_size(&x->cfg);
}

/* ---- the end */

static int let_go(struct nic *nic, struct xdp_sockets *s)
{
	int err = 0;

	for (u32 i = 0; i < nic->nqueues && !err; i++)
		if (nic->fd[i] >= 0)
			err = xdp_watch(s, nic->fd[i]);
	close_sockets(xdp_nic_of(nic));
	return err;
}

int xdp_pass_suspend(struct nic *nic, struct xdp_sockets *s)
{
	int err = let_go(nic, s);

	xdp_expel(s);
	if (!err && xdp_left(s))
		err = -EBUSY;
	if (!err)
		s->n = 0;
	return err;
}

void xdp_pass_close(struct nic *nic, struct xdp_sockets *s)
{
	struct xdp_nic *x = xdp_nic_of(nic);

	if (x->pair.beside)
		xdp_sides_delete(x);
	else
		let_go(nic, s);
	if (xdp_pair_last(&x->pair))
		xdp_prog_forget(&x->prog, &x->cfg);
	nic->close(nic);
	xdp_expel(s);
}
