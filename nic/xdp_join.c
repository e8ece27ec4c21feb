/* SPDX-License-Identifier: MIT */
/*
 * Several dataplanes on one interface: who comes first attaches the program,
 * who comes later takes hold of it.
 *
 *	interface -- link -- steer -- xsks         queue -> socket
 *	              ^  ^          |- sides        queue -> device
 *	        first |  | second   |- queue_ports  queue -> ports
 *	                            `- pairs        queue -> map of flows
 *
 * The kernel keeps the link until the last of them has ended, whichever way.
 */
#include "nic/xdp_prog.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <unistd.h>

#include "xdp_steer.skel.h"

enum { MAPS = 8 };

static int find_link(u32 program, int ifindex)
{
	u32 id = 0;

	while (!bpf_link_get_next_id(id, &id)) {
		struct bpf_link_info info = { 0 };
		u32 len = sizeof(info);
		int fd = bpf_link_get_fd_by_id(id);

		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &len) &&
		    info.type == BPF_LINK_TYPE_XDP && info.prog_id == program &&
		    info.xdp.ifindex == (u32)ifindex)
			return fd;
		close(fd);
	}
	return -ENOENT;
}

/* Is it to be shared, and for the same addresses? Constants of a program are a
 * map, too. */
static bool fits(int rodata_fd, const struct nic_config *cfg)
{
	struct xdp_steer__rodata c, want = { 0 };
	u32 zero = 0;

	xdp_prog_addresses(&want, cfg);
	return !bpf_map_lookup_elem(rodata_fd, &zero, &c) && c.shared &&
	       c.ports_only && c.nr_own6 == want.nr_own6 &&
	       !memcmp(c.own4, want.own4, sizeof(c.own4)) &&
	       !memcmp(c.own6, want.own6, sizeof(c.own6));
}

/* A map of the program by its name's end: that of .rodata begins with the
 * object's. Takes what it can use, closes the others. */
static void take_map(struct xdp_prog *p, const struct nic_config *cfg, int fd,
		     bool *ok)
{
	const struct {
		const char *name;
		int *fd;
	} maps[] = { { "xsks", &p->map_fd },
		     { "queue_ports", &p->ports_fd },
		     { "pairs", &p->pairs_fd },
		     { "sides", &p->sides_fd } };
	struct bpf_map_info info = { 0 };
	u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		info.name[0] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		if (!strcmp(info.name, maps[i].name)) {
			*maps[i].fd = fd;
			return;
		}
	}
	if (strstr(info.name, ".rodata") &&
	    info.value_size == sizeof(struct xdp_steer__rodata))
		*ok = fits(fd, cfg);
	close(fd);
}

static bool take_maps(struct xdp_prog *p, const struct nic_config *cfg,
		      int prog_fd)
{
	u32 ids[MAPS] = { 0 };
	struct bpf_prog_info info = { .nr_map_ids = MAPS,
				      .map_ids = (u64)(uintptr_t)ids };
	u32 len = sizeof(info);
	bool ok = false;

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &len) ||
	    strcmp(info.name, "steer"))
		return false;
	for (u32 i = 0; i < min(info.nr_map_ids, (u32)MAPS); i++) {
		int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd >= 0)
			take_map(p, cfg, fd, &ok);
	}
	return ok && p->map_fd >= 0 && p->ports_fd >= 0 && p->pairs_fd >= 0 &&
	       p->sides_fd >= 0;
}

int xdp_prog_join(struct xdp_prog *p, const struct nic_config *cfg, int ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, is);
	int prog_fd;
	bool ok;

	if (bpf_xdp_query(ifindex, 0, &is) || !is.prog_id)
		return -ENOENT;
	prog_fd = bpf_prog_get_fd_by_id(is.prog_id);
	if (prog_fd < 0)
		return -errno;
	p->joined = true;
	p->generic = is.attach_mode == XDP_ATTACHED_SKB;
	p->map_fd = p->ports_fd = p->pairs_fd = p->sides_fd = -1;
	p->link_fd = find_link(is.prog_id, ifindex);
	ok = p->link_fd >= 0 && take_maps(p, cfg, prog_fd);
	close(prog_fd);
	return ok ? 0 : -ENOENT;
}
