/* SPDX-License-Identifier: MIT */
/* What Linux knows about IP on an interface, asked by rtnetlink: needed where
 * Linux keeps the address and resolves neighbours for us. */
#include "nic/linux.h"
#include "nic/linux_dump.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	USABLE = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE |
		 NUD_PERMANENT,
	/* Not to be spoken from, or not for long (RFC 4862, 8981). */
	UNFIT = IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED |
		IFA_F_TEMPORARY,
	DISCARD = 9, /* a port where all is thrown away */
};

struct neigh_dump {
	int ifindex, n, max;
	struct linux_neigh *out;
};

static void add_neigh(const struct nlmsghdr *nh, void *arg)
{
	struct neigh_dump *d = arg;
	const struct ndmsg *nd = NLMSG_DATA(nh);
	const struct be32 *ip = linux_attr(nh, sizeof(*nd), NDA_DST, 4);
	const struct be128 *ip6 = linux_attr(nh, sizeof(*nd), NDA_DST, 16);
	const void *mac = linux_attr(nh, sizeof(*nd), NDA_LLADDR, 6);

	if (nh->nlmsg_type != RTM_NEWNEIGH || nd->ndm_ifindex != d->ifindex)
		return;
	if (!(nd->ndm_state & USABLE) || !(ip || ip6) || !mac || d->n == d->max)
		return;
	d->out[d->n].ip = ip ? ip6_mapped(*ip) : *ip6;
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
	err = linux_dump(RTM_GETNEIGH, AF_INET, add_neigh, &d);
	if (!err)
		err = linux_dump(RTM_GETNEIGH, AF_INET6, add_neigh, &d);
	return err ? err : d.n;
}

/* What anybody may: a packet. */
static int send_packet(struct be128 ip)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(DISCARD),
				  .sin_addr = { ip.w[3] } };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons(DISCARD) };
	bool v4 = ip6_is_mapped(ip);
	int fd = socket(v4 ? AF_INET : AF_INET6,
			SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ssize_t n;

	if (fd < 0)
		return -errno;
	memcpy(&in6.sin6_addr, &ip, sizeof(ip));
	n = sendto(fd, NULL, 0, 0, v4 ? (void *)&in : (void *)&in6,
		   v4 ? sizeof(in) : sizeof(in6));
	close(fd);
	return n < 0 ? -errno : 0;
}

/* NTF_USE: the kernel resolves it as if it had a packet to send. */
int linux_resolve(const char *ifname, struct be128 ip)
{
	bool v4 = ip6_is_mapped(ip);
	u32 len = v4 ? sizeof(struct be32) : sizeof(ip);
	struct {
		struct nlmsghdr nh;
		struct ndmsg nd;
		struct rtattr dst;
		struct be128 ip; /* the last; of IPv4 its first bytes */
	} req = {
		.nh = {
			.nlmsg_len = offsetof(__typeof__(req), ip) + len,
			.nlmsg_type = RTM_NEWNEIGH,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE,
		},
		.nd = {
			.ndm_family = v4 ? AF_INET : AF_INET6,
			.ndm_ifindex = (int)if_nametoindex(ifname),
			.ndm_flags = NTF_USE,
		},
		.dst = { (u16)RTA_LENGTH(len), NDA_DST },
	};

	int err;

	if (!req.nd.ndm_ifindex)
		return -ENODEV;
	if (v4)
		memcpy(&req.ip, &ip.w[3], len);
	else
		req.ip = ip;
	err = linux_request(&req, req.nh.nlmsg_len);
	return err == -EPERM ? send_packet(ip) : err;
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
	const void *ip = linux_attr(nh, sizeof(*ifa), IFA_LOCAL, 4);

	if (nh->nlmsg_type != RTM_NEWADDR || d->found || !ip ||
	    (int)ifa->ifa_index != d->ifindex)
		return;
	memcpy(&d->ip, ip, 4);
	d->mask =
		be32(ifa->ifa_prefixlen ? ~0u << (32 - ifa->ifa_prefixlen) : 0);
	d->found = true;
}

/* The metric of a default route of the main table over @ifindex; -1: it is
 * none. */
static s64 default_metric(const struct nlmsghdr *nh, int ifindex)
{
	const struct rtmsg *rt = NLMSG_DATA(nh);
	const int *oif = linux_attr(nh, sizeof(*rt), RTA_OIF, sizeof(*oif));
	const u32 *metric = linux_attr(nh, sizeof(*rt), RTA_PRIORITY, 4);

	if (nh->nlmsg_type != RTM_NEWROUTE || rt->rtm_dst_len ||
	    rt->rtm_table != RT_TABLE_MAIN || !oif || *oif != ifindex)
		return -1;
	return metric ? *metric : 0;
}

/* The lowest metric. */
static void add_route(const struct nlmsghdr *nh, void *arg)
{
	struct addr_dump *d = arg;
	const void *gw = linux_attr(nh, sizeof(struct rtmsg), RTA_GATEWAY, 4);
	s64 metric = default_metric(nh, d->ifindex);

	if (!gw || metric < 0 || (d->gw.raw && metric >= d->metric))
		return;
	memcpy(&d->gw, gw, 4);
	d->metric = (u32)metric;
}

int linux_addr(const char *ifname, struct be32 *ip, struct be32 *mask,
	       struct be32 *gw)
{
	struct addr_dump d = { .ifindex = (int)if_nametoindex(ifname) };
	int err;

	if (!d.ifindex)
		return -ENODEV;
	err = linux_dump(RTM_GETADDR, AF_INET, add_addr, &d);
	if (!err)
		err = linux_dump(RTM_GETROUTE, AF_INET, add_route, &d);
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

/* ---- IPv6 */

struct addr6_dump {
	int ifindex, n, max;
	struct ip6_prefix *out;
	struct be128 gw;
	u32 metric; /* of gw */
};

static void add_addr6(const struct nlmsghdr *nh, void *arg)
{
	struct addr6_dump *d = arg;
	const struct ifaddrmsg *ifa = NLMSG_DATA(nh);
	const struct be128 *ip = linux_attr(nh, sizeof(*ifa), IFA_ADDRESS, 16);
	const u32 *flags = linux_attr(nh, sizeof(*ifa), IFA_FLAGS, 4);

	if (nh->nlmsg_type != RTM_NEWADDR || !ip || d->n == d->max ||
	    (int)ifa->ifa_index != d->ifindex ||
	    (flags ? *flags : ifa->ifa_flags) & UNFIT)
		return;
	d->out[d->n++] = (struct ip6_prefix){ *ip, ifa->ifa_prefixlen };
}

static void add_route6(const struct nlmsghdr *nh, void *arg)
{
	struct addr6_dump *d = arg;
	const void *gw = linux_attr(nh, sizeof(struct rtmsg), RTA_GATEWAY, 16);
	s64 metric = default_metric(nh, d->ifindex);

	if (!gw || metric < 0 || (!ip6_is_zero(d->gw) && metric >= d->metric))
		return;
	memcpy(&d->gw, gw, 16);
	d->metric = (u32)metric;
}

int linux_addr6(const char *ifname, struct ip6_prefix *out, int max,
		struct be128 *gw)
{
	struct addr6_dump d = { .ifindex = (int)if_nametoindex(ifname),
				.max = max,
				.out = out };
	int err;

	if (!d.ifindex)
		return -ENODEV;
	err = linux_dump(RTM_GETADDR, AF_INET6, add_addr6, &d);
	if (!err)
		err = linux_dump(RTM_GETROUTE, AF_INET6, add_route6, &d);
	*gw = d.gw;
	return err ? err : d.n;
}
