/* SPDX-License-Identifier: MIT */
/* Opens AF_XDP on an interface: looks it over, steers its queues, attaches
 * the program, opens the sockets; or says what stands in the way. */
#include "nic/xdp_nic.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xdp/libxdp.h>

static struct xdp_nic *xdp_nic_of(struct nic *nic)
{
	return container_of(nic, struct xdp_nic, nic);
}

bool xdp_csum_partial(const struct xdp_nic *x)
{
	return !strcmp(x->nic.driver, "veth") ||
	       !strcmp(x->nic.driver, "tun") ||
	       (x->prog.generic && !strcmp(x->nic.driver, "virtio_net"));
}

/* In copy mode the kernel takes a page for each further descriptor: dearer than
 * our own copy of a packet. */
static bool gathers(const struct xdp_nic *x)
{
	if (!(x->bind_flags & XDP_BIND_SG))
		return false;
	return x->cfg.gather == NIC_GATHER_ON ||
	       (x->cfg.gather == NIC_GATHER_AUTO && x->nic.zero_copy);
}

/* What becomes of payload that is long enough: for people. */
static const char *payload(const struct xdp_nic *x)
{
	if (gathers(x))
		return "sent in place";
	return x->nic.large_fd ? "copied but for packets of many segments"
			       : "copied";
}

/* Capabilities are those of the interface, the same for all queues. */
void xdp_set_caps(struct xdp_nic *x)
{
	u32 caps = 0;

	if (gathers(x))
		caps |= NIC_GATHER;
	if (xdp_csum_partial(x))
		caps |= NIC_RX_CSUM_PARTIAL;
	if (x->nic.large_fd)
		caps |= NIC_TSO;
	for (u32 i = 0; i < x->nic.nqueues; i++) {
		x->queues[i].q.q.caps = caps;
		x->queues[i].q.large_fd = x->nic.large_fd;
	}
}

int xdp_no_socket(int err, const struct xdp_nic *x,
		  const struct nic_config *cfg, char *why, size_t why_len)
{
	switch (err) {
	case -EBUSY:
		return nic_fail(err, why, why_len,
				"a queue of %s is in use by another AF_XDP "
				"program: stop it first",
				x->ifname);
	case -EPERM:
	case -EACCES:
		return nic_fail(err, why, why_len,
				"AF_XDP sockets are not permitted: run as "
				"root, or with CAP_NET_RAW and CAP_NET_ADMIN");
	case -ENOBUFS:
	case -ENOMEM:
		return nic_fail(err, why, why_len,
				"the kernel may not lock %zu MB of packet "
				"memory: raise \"ulimit -l\", or run with "
				"CAP_IPC_LOCK, or ask for less memory",
				cfg->umem_len >> 20);
	case -EAFNOSUPPORT:
		return nic_fail(err, why, why_len,
				"this kernel has no AF_XDP "
				"(CONFIG_XDP_SOCKETS)");
	}
	if (cfg->mode == NIC_ZEROCOPY)
		return nic_fail(err, why, why_len,
				"driver \"%s\" of %s has no zero-copy AF_XDP "
				"(%s): allow copy mode",
				x->nic.driver, x->ifname, strerror(-err));
	if (cfg->gather == NIC_GATHER_ON)
		return nic_fail(err, why, why_len,
				"no multi-buffer AF_XDP on %s (Linux 6.6; %s): "
				"\"--xdp_gather off\"",
				x->ifname, strerror(-err));
	if (xdp_needs_frags(x->nic.mtu))
		return nic_fail(err, why, why_len,
				"MTU %u of %s needs multi-buffer AF_XDP "
				"(Linux 6.6; %s): \"ip link set dev %s mtu "
				"1500\"",
				x->nic.mtu, x->ifname, strerror(-err),
				x->ifname);
	return nic_fail(err, why, why_len, "cannot open AF_XDP on %s: %s",
			x->ifname, strerror(-err));
}

static int check_if(struct xdp_nic *x, struct linux_ifinfo *info, char *why,
		    size_t why_len)
{
	u32 first = x->cfg.first_queue, needed = first + x->nic.nqueues;
	char names[160];
	int err = linux_ifinfo(x->ifname, info);

	if (err == -ENODEV) {
		linux_ifnames(names, sizeof(names));
		return nic_fail(err, why, why_len,
				"no interface \"%s\"; there are: %s", x->ifname,
				names);
	}
	if (err)
		return nic_fail(err, why, why_len, "cannot ask for %s: %s",
				x->ifname, strerror(-err));
	if (info->loopback)
		return nic_fail(-EINVAL, why, why_len,
				"%s is the loopback interface: Linux does not "
				"look for neighbours there; make a veth pair, "
				"or use --nic tap:NAME",
				x->ifname);
	if (!info->up)
		return nic_fail(-ENETDOWN, why, why_len,
				"%s is down: \"ip link set dev %s up\"",
				x->ifname, x->ifname);
	if (info->rx_queues < needed || info->tx_queues < needed)
		return nic_fail(-ERANGE, why, why_len,
				"%s has %u receive and %u transmit queues, %u "
				"threads%s need one of each: \"ethtool -L %s "
				"combined %u\" (or rx %u tx %u)",
				x->ifname, info->rx_queues, info->tx_queues,
				x->nic.nqueues,
				first ? " behind others' queues" : "",
				x->ifname, needed, needed, needed);
	return 0;
}

static int set_groups(struct nic *nic)
{
	return rss_set_table(xdp_nic_of(nic)->ifname, nic->group_owner);
}

static int no_steering(const struct xdp_nic *x, u32 queues, char *why,
		       size_t why_len)
{
	u32 n = x->nic.nqueues;

	return nic_fail(-ERANGE, why, why_len,
			"%s has %u receive queues for %u threads, and its "
			"driver cannot steer packets: \"ethtool -L %s "
			"combined %u\" (or rx %u)",
			x->ifname, queues, n, x->ifname, n, n);
}

/* The table is not ours alone where it is shared: who shares it has divided
 * it. */
static bool steers(const struct xdp_nic *x, const struct linux_ifinfo *info)
{
	return info->rx_queues != 1 && !x->cfg.shared;
}

/* With more hardware queues than ours, packets on the others would be lost:
 * they must be kept away by the indirection table. */
static int set_rss(struct xdp_nic *x, const struct linux_ifinfo *info,
		   char *why, size_t why_len)
{
	if (!steers(x, info))
		return 0;
	if (!rss_apply(x->ifname, x->nic.rss_key, x->nic.group_owner,
		       x->nic.nqueues, &x->rss)) {
		x->nic.apart = x->rss.apart;
		x->nic.rss_control = true;
		x->nic.set_groups = set_groups;
		return 0;
	}
	if (info->rx_queues == x->nic.nqueues)
		return 0;
	return no_steering(x, info->rx_queues, why, why_len);
}

void xdp_describe(struct xdp_nic *x)
{
	char from[32] = "";

	if (x->cfg.shared)
		snprintf(from, sizeof(from), " from %u on, shared",
			 x->cfg.first_queue);
	snprintf(x->nic.detail, sizeof(x->nic.detail),
		 "%s (%s): AF_XDP, %s mode, %s, %u queue%s%s, MTU %u%s%s%s%s, "
		 "payload %s",
		 x->ifname, x->nic.driver[0] ? x->nic.driver : "no driver name",
		 x->prog.generic ? "generic" : "driver",
		 x->nic.zero_copy ? "zero copy" : "copy", x->nic.nqueues,
		 x->nic.nqueues == 1 ? "" : "s", from, x->nic.mtu,
		 x->bind_flags & XDP_BIND_SG ? ", multi-buffer" : "",
		 x->nic.nqueues > 1 && !x->nic.rss_control ? ", no RSS control"
							   : "",
		 x->rss.unknown_hash ? ", hash unknown" : "",
		 x->queues[0].q.busy_poll ? ", busy poll" : "", payload(x));
}

/* The kernel's counts since the socket was made. */
static void update_drops(struct nic *nic)
{
	for (u32 i = 0; i < nic->nqueues; i++) {
		struct xdp_statistics st;
		socklen_t len = sizeof(st);
		struct xdp_q *q = &xdp_nic_of(nic)->queues[i].q;

		memset(&st, 0, sizeof(st));
		if (!getsockopt(q->fd, SOL_XDP, XDP_STATISTICS, &st, &len))
			xdp_count_lost(&xdp_nic_of(nic)->queues[i], &st);
	}
}

static void xdp_close(struct nic *nic)
{
	struct xdp_nic *x = xdp_nic_of(nic);

	xdp_pair_leave(&x->pair);
	xdp_prog_detach(&x->prog);
	xdp_sockets_close(x);
	xdp_sides_close(x);
	rss_restore(x->ifname, &x->rss);
	if (x->nic.large_fd)
		close(x->nic.large_fd);
	free(x->queues);
	free(x);
}

int xdp_tell_program(struct xdp_nic *x)
{
	int err = 0;

	for (u32 i = 0; !err && i < x->nic.nqueues; i++) {
		u32 queue = x->cfg.first_queue + i;

		err = bpf_map_update_elem(x->prog.map_fd, &queue, &x->nic.fd[i],
					  BPF_ANY);
	}
	return err;
}

static void suspend(struct nic *nic)
{
	struct xdp_nic *x = xdp_nic_of(nic);

	update_drops(nic);
	for (u32 i = 0; i < nic->nqueues; i++)
		x->queues[i].lost = 0;
	xdp_sockets_close(x);
}

static int resume(struct nic *nic)
{
	struct xdp_nic *x = xdp_nic_of(nic);
	int err = xdp_sockets_open(x, &x->cfg);

	return err ? err : xdp_tell_program(x);
}

/* Away, be it to another namespace, it has let go of our sockets. */
static enum nic_link xdp_link(struct nic *nic)
{
	int up = linux_link(xdp_nic_of(nic)->index);

	if (up == -ENODEV)
		return NIC_GONE;
	return up ? NIC_UP : NIC_DOWN;
}

static int no_print(enum libxdp_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

struct xdp_nic *xdp_alloc(const struct nic_config *cfg, const char *arg)
{
	struct xdp_nic *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->queues =
		aligned_alloc(NIC_PAGE, cfg->nqueues * sizeof(x->queues[0]));
	if (!x->queues) {
		free(x);
		return NULL;
	}
	memset(x->queues, 0, cfg->nqueues * sizeof(x->queues[0]));
	snprintf(x->ifname, sizeof(x->ifname), "%s", arg);
	x->prog.link_fd = -1;
	x->nic.nqueues = cfg->nqueues;
	x->nic.close = xdp_close;
	x->nic.link = xdp_link;
	x->nic.update_drops = update_drops;
	x->nic.suspend = suspend;
	x->nic.resume = resume;
	x->nic.parts = xdp_queue_parts;
	x->cfg = *cfg;
	for (u32 i = 0; i < cfg->nqueues; i++)
		x->nic.q[i] = &x->queues[i].q.q;
	nic_rss_default(&x->nic);
	return x;
}

static u32 flow_parts(struct nic *nic, struct nic_part out[NIC_PARTS])
{
	struct xdp_pair *s = &xdp_nic_of(nic)->pair;

	out[0] = (struct nic_part){ s->head, s->len };
	return 1;
}

static void serves(struct nic *nic, u32 i)
{
	xdp_pair_serves(&xdp_nic_of(nic)->pair, i);
}

static u32 pass(struct nic *nic, bool back)
{
	return xdp_pair_pass(&xdp_nic_of(nic)->pair, back);
}

static int no_pair(int err, const struct xdp_nic *x, char *why, size_t why_len)
{
	return nic_fail(err, why, why_len,
			"nic_shared: what dataplanes on %s have in common: %s",
			x->ifname, strerror(-err));
}

static int tell_pair(struct xdp_nic *x, const struct nic_config *cfg, char *why,
		     size_t why_len)
{
	int err = xdp_pair_ready(&x->pair, &x->prog, cfg);

	return err ? no_pair(err, x, why, why_len) : 0;
}

static int enter_pair(struct xdp_nic *x, const struct nic_config *cfg,
		      char *why, size_t why_len)
{
	int err = xdp_pair_enter(&x->pair, &x->prog, cfg);

	if (err == -EBUSY)
		return nic_fail(err, why, why_len,
				"queues of %s are others', or are had by a "
				"dataplane and its successor already: one of "
				"them is to end first",
				x->ifname);
	if (err)
		return no_pair(err, x, why, why_len);
	x->nic.flows = &x->pair.flows;
	x->nic.flow_parts = flow_parts;
	x->nic.serves = serves;
	x->nic.pass = pass;
	return 0;
}

/* Where another one has the sockets, Linux's way out and in is ours. */
int xdp_open_beside(struct xdp_nic *x, const struct nic_config *cfg, char *why,
		    size_t why_len)
{
	int err = xdp_sides_open(x, cfg);

	if (err)
		return nic_fail(err, why, why_len,
				"a TAP device beside the sockets of %s: %s",
				x->ifname, strerror(-err));
	snprintf(x->nic.detail, sizeof(x->nic.detail),
		 "%s (%s): TAP to the end, beside another dataplane's AF_XDP, "
		 "%u queue%s from %u on, shared, MTU %u",
		 x->ifname, x->nic.driver, x->nic.nqueues,
		 x->nic.nqueues == 1 ? "" : "s", cfg->first_queue, x->nic.mtu);
	return 0;
}

static int open_own(struct xdp_nic *x, const struct nic_config *cfg, char *why,
		    size_t why_len)
{
	int err = xdp_sockets_open(x, cfg);

	if (err)
		return xdp_no_socket(err, x, cfg, why, why_len);
	/* AF_XDP takes no packet above the MTU. Over veth, whose transmission
	 * is finished when the call returns, in whatever order calls are made,
	 * a packet socket does, and the kernel hands it over uncut to who takes
	 * it so. Elsewhere its packets would go by other queues than ours, and
	 * overtake. Without it all goes in segments. */
	if (cfg->tso && !strcmp(x->nic.driver, "veth") && !x->nic.zero_copy)
		xdp_open_large(x);
	xdp_set_caps(x);
	err = xdp_tell_program(x);
	if (err)
		return nic_fail(err, why, why_len,
				"cannot enter a socket of %s into the XDP "
				"map: %s",
				x->ifname, strerror(-err));
	xdp_describe(x);
	return 0;
}

/* Is all that comes on so many queues whose it should be, without a table? */
static bool needs_no_table(const struct xdp_nic *x, u32 queues)
{
	return x->cfg.shared || queues == 1 || queues == x->nic.nqueues;
}

/* Seen beforehand, an interface that is in use stays as it is. */
static int check_steering(const struct xdp_nic *x, u32 queues, char *why,
			  size_t why_len)
{
	if (needs_no_table(x, queues) || rss_controls(&x->rss, x->nic.nqueues))
		return 0;
	return no_steering(x, queues, why, why_len);
}

static int attach_driver(struct xdp_nic *x, const struct nic_config *cfg,
			 struct linux_ifinfo *info, char *why, size_t why_len)
{
	u32 before = info->rx_queues;
	int err = xdp_prog_attach(&x->prog, cfg, x->ifname, info,
				  xdp_needs_frags(x->nic.mtu), why, why_len);

	if (err)
		return err;
	err = linux_ifinfo(x->ifname, info);
	if (err)
		return nic_fail(err, why, why_len, "cannot ask for %s: %s",
				x->ifname, strerror(-err));
	/* How those who share it have divided it says nothing of more. */
	if (cfg->shared && info->rx_queues > before)
		return no_steering(x, info->rx_queues, why, why_len);
	return set_rss(x, info, why, why_len);
}

/* With a program drivers set up their queues anew: some forget the table then,
 * and virtio_net receives on the queues too that the program is to send on.
 * Where those cannot be kept empty, Linux runs the program, without the driver.
 */
static int attach_prog(struct xdp_nic *x, const struct nic_config *cfg,
		       struct linux_ifinfo *info, char *why, size_t why_len)
{
	u32 before = info->rx_queues;
	struct nic_config generic = *cfg;
	int err;

	if (!cfg->shared)
		rss_save(x->ifname, &x->rss);
	err = check_steering(x, before, why, why_len);
	if (err) {
		rss_forget(&x->rss);
		return err;
	}
	err = attach_driver(x, cfg, info, why, why_len);
	/* Whoever has the interface may be changing its table. */
	if (err == -EBUSY)
		rss_forget(&x->rss);
	if (err != -ERANGE || info->rx_queues <= before ||
	    !needs_no_table(x, before) || cfg->mode == NIC_ZEROCOPY)
		return err;
	xdp_prog_detach(&x->prog);
	info->rx_queues = before;
	generic.generic = true;
	err = xdp_prog_attach(&x->prog, &generic, x->ifname, info,
			      xdp_needs_frags(x->nic.mtu), why, why_len);
	return err ? err : set_rss(x, info, why, why_len);
}

static int attach(struct xdp_nic *x, const struct nic_config *cfg, char *why,
		  size_t why_len)
{
	struct linux_ifinfo info;
	int err = check_if(x, &info, why, why_len);

	if (err)
		return err;
	x->nic.mtu = (u16)min(info.mtu, (u32)UINT16_MAX);
	x->index = info.index;
	memcpy(x->nic.mac, info.mac, 6);
	memcpy(x->nic.driver, info.driver, sizeof(x->nic.driver));
	err = attach_prog(x, cfg, &info, why, why_len);
	if (err)
		return err;
	return cfg->shared ? enter_pair(x, cfg, why, why_len) : 0;
}

/* Into an interface with its program, in this order: sockets bind to a running
 * driver queue, the program finds sockets in its map, and packets flow from
 * then on. */
static int start(struct xdp_nic *x, const struct nic_config *cfg, char *why,
		 size_t why_len)
{
	int err = x->pair.beside ? xdp_open_beside(x, cfg, why, why_len)
				 : open_own(x, cfg, why, why_len);

	if (!err && cfg->shared)
		err = tell_pair(x, cfg, why, why_len);
	return err;
}

int xdp_attach(const struct nic_config *cfg, const char *arg,
	       struct xdp_nic **out, char *why, size_t why_len)
{
	struct xdp_nic *x = xdp_alloc(cfg, arg);
	int err;

	if (!x)
		return nic_fail(-ENOMEM, why, why_len, "out of memory");
	err = attach(x, cfg, why, why_len);
	if (err)
		xdp_close(&x->nic);
	else
		*out = x;
	return err;
}

int xdp_open(const struct nic_config *cfg, const char *arg, struct nic **out,
	     char *why, size_t why_len)
{
	libxdp_print_fn_t old = libxdp_set_print(no_print);
	struct xdp_nic *x = NULL;
	int err = xdp_attach(cfg, arg, &x, why, why_len);

	if (!err) {
		err = start(x, cfg, why, why_len);
		*out = &x->nic;
	}
	libxdp_set_print(old);
	if (err && x)
		xdp_close(&x->nic);
	return err;
}
