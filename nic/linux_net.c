/* SPDX-License-Identifier: MIT */
/* What Linux knows about IPv4 on an interface, asked by rtnetlink: needed
 * where Linux keeps the address and resolves neighbours for us. */
#include "nic/linux.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	DUMP_BUF = 32768, /* what the kernel fills at most per datagram */
	USABLE = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE |
		 NUD_PERMANENT,
};

typedef void dump_fn(const struct nlmsghdr *nh, void *arg);

static int send_dump(int fd, int type)
{
	struct {
		struct nlmsghdr nh;
		struct rtgenmsg gen;
	} req = {
		.nh = {
			.nlmsg_len = sizeof(req),
			.nlmsg_type = (u16)type,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.gen = { .rtgen_family = AF_INET },
	};

	return send(fd, &req, sizeof(req), 0) < 0 ? -errno : 0;
}

/* 1: dump is complete. */
static int read_dump(int fd, char *buf, dump_fn *each, void *arg)
{
	ssize_t got = recv(fd, buf, DUMP_BUF, 0);
	unsigned len = (unsigned)got;

	if (got < 0)
		return errno == EINTR ? 0 : -errno;
	for (struct nlmsghdr *nh = (void *)buf; NLMSG_OK(nh, len);
	     nh = NLMSG_NEXT(nh, len)) {
		if (nh->nlmsg_type == NLMSG_DONE)
			return 1;
		if (nh->nlmsg_type == NLMSG_ERROR)
			return ((struct nlmsgerr *)NLMSG_DATA(nh))->error;
		each(nh, arg);
	}
	return 0;
}

/* Calls @each for every object of a table. */
static int dump(int type, dump_fn *each, void *arg)
{
	char buf[DUMP_BUF] ALIGNED(8);
	int fd, err;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	err = send_dump(fd, type);
	while (!err)
		err = read_dump(fd, buf, each, arg);
	close(fd);
	return err < 0 ? err : 0;
}

/* The attribute's data if it is present with @len bytes, else NULL. */
static const void *attr(const struct nlmsghdr *nh, size_t hdr_len, int type,
			size_t len)
{
	size_t skip = NLMSG_LENGTH(hdr_len);
	unsigned left = (unsigned)(nh->nlmsg_len - NLMSG_ALIGN(skip));
	const struct rtattr *a =
		(const void *)((const char *)nh + NLMSG_ALIGN(skip));

	if (nh->nlmsg_len < skip)
		return NULL;
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == type && RTA_PAYLOAD(a) == len)
			return RTA_DATA(a);
	}
	return NULL;
}

struct neigh_dump {
	int ifindex, n, max;
	struct linux_neigh *out;
};

static void add_neigh(const struct nlmsghdr *nh, void *arg)
{
	struct neigh_dump *d = arg;
	const struct ndmsg *nd = NLMSG_DATA(nh);
	const void *ip = attr(nh, sizeof(*nd), NDA_DST, 4);
	const void *mac = attr(nh, sizeof(*nd), NDA_LLADDR, 6);

	if (nh->nlmsg_type != RTM_NEWNEIGH || nd->ndm_ifindex != d->ifindex)
		return;
	if (!(nd->ndm_state & USABLE) || !ip || !mac || d->n == d->max)
		return;
	memcpy(&d->out[d->n].ip, ip, 4);
	memcpy(d->out[d->n].mac, mac, 6);
	d->n++;
}

int linux_neighbours(const char *ifname, struct linux_neigh *out, int max)
{
	struct neigh_dump d = { .max = max, .out = out };
	int err;

	d.ifindex = (int)if_nametoindex(ifname);
	if (!d.ifindex)
		return -ENODEV;
	err = dump(RTM_GETNEIGH, add_neigh, &d);
	return err ? err : d.n;
}

/* NTF_USE: the kernel resolves it as if it had a packet to send. */
int linux_resolve(const char *ifname, struct be32 ip)
{
	struct {
		struct nlmsghdr nh;
		struct ndmsg nd;
		struct rtattr dst;
		struct be32 ip;
	} req = {
		.nh = {
			.nlmsg_len = sizeof(req),
			.nlmsg_type = RTM_NEWNEIGH,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE,
		},
		.nd = {
			.ndm_family = AF_INET,
			.ndm_ifindex = (int)if_nametoindex(ifname),
			.ndm_flags = NTF_USE,
		},
		.dst = { RTA_LENGTH(sizeof(ip)), NDA_DST },
		.ip = ip,
	};
	int fd, err;

	if (!req.nd.ndm_ifindex)
		return -ENODEV;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	err = send(fd, &req, sizeof(req), 0) < 0 ? -errno : 0;
	close(fd);
	return err;
}

struct addr_dump {
	int ifindex;
	bool found;
	struct be32 ip, mask, gw;
	u32 metric; /* of gw */
};

static void add_addr(const struct nlmsghdr *nh, void *arg)
{
	struct addr_dump *d = arg;
	const struct ifaddrmsg *ifa = NLMSG_DATA(nh);
	const void *ip = attr(nh, sizeof(*ifa), IFA_LOCAL, 4);

	if (nh->nlmsg_type != RTM_NEWADDR || d->found || !ip ||
	    (int)ifa->ifa_index != d->ifindex)
		return;
	memcpy(&d->ip, ip, 4);
	d->mask =
		be32(ifa->ifa_prefixlen ? ~0u << (32 - ifa->ifa_prefixlen) : 0);
	d->found = true;
}

/* Default routes of the main table over our interface: the lowest metric. */
static void add_route(const struct nlmsghdr *nh, void *arg)
{
	struct addr_dump *d = arg;
	const struct rtmsg *rt = NLMSG_DATA(nh);
	const int *oif = attr(nh, sizeof(*rt), RTA_OIF, sizeof(*oif));
	const void *gw = attr(nh, sizeof(*rt), RTA_GATEWAY, 4);
	const u32 *metric = attr(nh, sizeof(*rt), RTA_PRIORITY, 4);

	if (nh->nlmsg_type != RTM_NEWROUTE || rt->rtm_dst_len ||
	    rt->rtm_table != RT_TABLE_MAIN)
		return;
	if (!gw || !oif || *oif != d->ifindex)
		return;
	if (d->gw.raw && (metric ? *metric : 0) >= d->metric)
		return;
	memcpy(&d->gw, gw, 4);
	d->metric = metric ? *metric : 0;
}

int linux_addr(const char *ifname, struct be32 *ip, struct be32 *mask,
	       struct be32 *gw)
{
	struct addr_dump d = { .ifindex = (int)if_nametoindex(ifname) };
	int err;

	if (!d.ifindex)
		return -ENODEV;
	err = dump(RTM_GETADDR, add_addr, &d);
	if (!err)
		err = dump(RTM_GETROUTE, add_route, &d);
	if (err)
		return err;
	if (ip)
		*ip = d.ip;
	if (mask)
		*mask = d.mask;
	if (gw)
		*gw = d.gw;
	return d.found ? 0 : -EADDRNOTAVAIL;
}
