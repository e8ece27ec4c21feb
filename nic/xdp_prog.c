/* SPDX-License-Identifier: MIT */
/* Loads and attaches the XDP program. Its object is part of our binary. */
#include "nic/xdp_owner.h"
#include "nic/xdp_prog.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <unistd.h>

#include "xdp_steer.skel.h"

void xdp_prog_ports(u64 out[XDP_PORT_WORDS], const struct nic_config *cfg)
{
	for (u32 port = 1; port <= UINT16_MAX; port++) {
		u64 bit = ports_has(&cfg->ports, (u16)port);

		out[port / 64] |= bit << (port % 64);
	}
}

void xdp_prog_addresses(struct xdp_steer__rodata *r,
			const struct nic_config *cfg)
{
	_Static_assert(ARRAY_SIZE(r->own4) == 1 + IP4_ALSO, "room for all");
	_Static_assert(ARRAY_SIZE(r->own6) == NIC_IP6, "room for all");

	r->own4[0] = cfg->ip.raw;
	for (u32 i = 0; i < cfg->nalso; i++)
		r->own4[1 + i] = cfg->also[i].ip.raw;
	r->nr_own6 = cfg->nip6;
	for (u32 i = 0; i < cfg->nip6; i++)
		memcpy(&r->own6[i], &cfg->ip6[i].ip, sizeof(r->own6[i]));
}

void xdp_prog_configure(struct xdp_steer *skel, const struct nic_config *cfg)
{
	xdp_prog_addresses(skel->rodata, cfg);
	skel->rodata->ports_only = cfg->ports_only;
	skel->rodata->shared = cfg->shared;
	if (cfg->shared)
		return; /* xdp_pair_enter() */
	xdp_prog_ports((u64 *)skel->rodata->our_ports, cfg);
	bpf_map__set_max_entries(skel->maps.queue_ports, 1);
}

void xdp_prog_forget(const struct xdp_prog *p, const struct nic_config *cfg)
{
	const u64 none[XDP_PORT_WORDS] = { 0 };

	for (u32 i = 0; cfg->shared && i < cfg->nqueues; i++) {
		u32 queue = cfg->first_queue + i;

		bpf_map_update_elem(p->ports_fd, &queue, none, BPF_ANY);
	}
}

static int load(struct xdp_prog *p, const struct nic_config *cfg, bool frags)
{
	libbpf_print_fn_t old = libbpf_set_print(NULL);
	int err;

	p->skel = xdp_steer__open();
	if (!p->skel) {
		err = -errno;
		goto out;
	}
	xdp_prog_configure(p->skel, cfg);
	if (frags)
		bpf_program__set_flags(p->skel->progs.steer,
				       BPF_F_XDP_HAS_FRAGS);
	err = xdp_steer__load(p->skel);
	if (err) {
		xdp_steer__destroy(p->skel);
		p->skel = NULL;
	} else {
		p->map_fd = bpf_map__fd(p->skel->maps.xsks);
		p->ports_fd = bpf_map__fd(p->skel->maps.queue_ports);
		p->pairs_fd = bpf_map__fd(p->skel->maps.pairs);
		p->sides_fd = bpf_map__fd(p->skel->maps.sides);
	}
out:
	libbpf_set_print(old);
	return err;
}

static int link_to(struct xdp_prog *p, int ifindex, u32 flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	int fd = bpf_link_create(bpf_program__fd(p->skel->progs.steer), ifindex,
				 BPF_XDP, &opts);

	p->link_fd = fd;
	p->generic = flags == XDP_FLAGS_SKB_MODE;
	return fd < 0 ? fd : 0;
}

static int no_load(int err, char *why, size_t why_len)
{
	if (err == -EPERM || err == -EACCES)
		return nic_fail(-EPERM, why, why_len,
				"loading an XDP program is not permitted: run "
				"as root, or with CAP_NET_ADMIN, CAP_NET_RAW "
				"and CAP_BPF; or use --nic tap:NAME");
	return nic_fail(err, why, why_len,
			"the kernel does not load our XDP program (%s): "
			"Linux 5.10 or newer with CONFIG_XDP_SOCKETS is needed",
			strerror(-err));
}

static int taken(const char *ifname, const struct linux_ifinfo *info, char *why,
		 size_t why_len)
{
	struct xdp_owner o;
	char who[64] = "";

	xdp_owner_find(&o, info->index);
	if (o.pid)
		snprintf(who, sizeof(who), ", process %d, %s", o.pid, o.comm);
	if (!strcmp(o.program, "steer"))
		return nic_fail(-EBUSY, why, why_len,
				"another dataplane of IX (XDP program id %u%s) "
				"has %s: stop it first, or take another "
				"interface",
				o.id, who, ifname);
	return nic_fail(-EBUSY, why, why_len,
			"another XDP program (id %u, \"%s\"%s) is attached to "
			"%s: stop its owner, or \"ip link set dev %s xdp off\"",
			o.id, o.program, who, ifname, ifname);
}

static int no_attach(int err, const char *ifname,
		     const struct linux_ifinfo *info, char *why, size_t why_len)
{
	switch (err) {
	case -EBUSY:
	case -EEXIST:
		return taken(ifname, info, why, why_len);
	case -ERANGE:
		return nic_fail(err, why, why_len,
				"the MTU of %s (%u) or of its peer is too "
				"large for XDP: \"ip link set dev %s mtu "
				"1500\" at both ends",
				ifname, info->mtu, ifname);
	case -ENOSPC:
		return nic_fail(err, why, why_len,
				"%s has fewer receive queues than its peer "
				"has transmit queues: make them equal by "
				"\"ethtool -L\"",
				ifname);
	default:
		return nic_fail(err, why, why_len,
				"cannot attach an XDP program to %s: %s",
				ifname, strerror(-err));
	}
}

int xdp_prog_attach(struct xdp_prog *p, const struct nic_config *cfg,
		    const char *ifname, const struct linux_ifinfo *info,
		    bool frags, char *why, size_t why_len)
{
	int err = load(p, cfg, frags);

	p->link_fd = -1;
	if (err)
		return no_load(err, why, why_len);
	err = cfg->generic ? -EOPNOTSUPP
			   : link_to(p, info->index, XDP_FLAGS_DRV_MODE);
	if (err && err != -EBUSY && err != -EEXIST && err != -EPERM &&
	    cfg->mode != NIC_ZEROCOPY) {
		/* Tell the driver's reason if generic mode fails too. */
		int generic = link_to(p, info->index, XDP_FLAGS_SKB_MODE);

		if (!generic || err == -EOPNOTSUPP)
			err = generic;
	}
	if (cfg->shared && (err == -EBUSY || err == -EEXIST)) {
		xdp_prog_detach(p);
		err = xdp_prog_join(p, cfg, info->index) ? -EBUSY : 0;
	}
	if (!err)
		return 0;
	xdp_prog_detach(p);
	return no_attach(err, ifname, info, why, why_len);
}

void xdp_prog_detach(struct xdp_prog *p)
{
	if (p->link_fd >= 0)
		close(p->link_fd);
	p->link_fd = -1;
	if (p->joined) {
		close(p->map_fd);
		close(p->ports_fd);
		close(p->pairs_fd);
		close(p->sides_fd);
		p->joined = false;
	}
	if (p->skel)
		xdp_steer__destroy(p->skel);
	p->skel = NULL;
}
