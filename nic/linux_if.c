/* SPDX-License-Identifier: MIT */
/* What an interface is: index, MAC, MTU, driver, queues. */
#include "nic/linux.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nic/linux_dump.h"

static int query(int fd, const char *ifname, unsigned long request,
		 struct ifreq *ifr)
{
	memset(ifr, 0, sizeof(*ifr));
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", ifname);
	return ioctl(fd, request, ifr) ? -errno : 0;
}

static int query_ethtool(int fd, const char *ifname, void *cmd)
{
	struct ifreq ifr = { .ifr_data = cmd };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	return ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
}

static void query_driver(int fd, const char *ifname, struct linux_ifinfo *info)
{
	struct ethtool_drvinfo drv = { .cmd = ETHTOOL_GDRVINFO };

	if (!query_ethtool(fd, ifname, &drv))
		snprintf(info->driver, sizeof(info->driver), "%.31s",
			 drv.driver);
}

/* A multi-queue TAP device's. */
static void read_tun_queues(const struct nlmsghdr *nh, void *arg)
{
	const struct ifinfomsg *i = NLMSG_DATA(nh);
	struct linux_ifinfo *info = arg;
	const struct rtattr *n;

	if (nh->nlmsg_type != RTM_NEWLINK || i->ifi_index != info->index)
		return;
	n = linux_find_attr(nh, sizeof(*i), IFLA_LINKINFO);
	n = linux_nested_attr(n, IFLA_INFO_DATA);
	n = linux_nested_attr(n, IFLA_TUN_NUM_QUEUES);
	if (n && RTA_PAYLOAD(n) == sizeof(u32))
		memcpy(&info->rx_queues, RTA_DATA(n), sizeof(u32));
	info->tx_queues = info->rx_queues;
}

/* Drivers without channels have one queue; TAP, which has them in kernels
 * younger than Debian 12's only, tells it otherwise. */
static void query_queues(int fd, const char *ifname, struct linux_ifinfo *info)
{
	struct ethtool_channels ch = { .cmd = ETHTOOL_GCHANNELS };

	info->rx_queues = info->tx_queues = 1;
	if (!strcmp(info->driver, "tun")) {
		linux_dump(RTM_GETLINK, AF_UNSPEC, read_tun_queues, info);
		return;
	}
	if (query_ethtool(fd, ifname, &ch))
		return;
	info->rx_queues = ch.rx_count + ch.combined_count;
	info->tx_queues = ch.tx_count + ch.combined_count;
}

int linux_ifinfo(const char *ifname, struct linux_ifinfo *info)
{
	struct ifreq ifr;
	int fd, err;

	memset(info, 0, sizeof(*info));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = query(fd, ifname, SIOCGIFINDEX, &ifr);
	if (err)
		goto out;
	info->index = ifr.ifr_ifindex;
	err = query(fd, ifname, SIOCGIFHWADDR, &ifr);
	if (err)
		goto out;
	memcpy(info->mac, ifr.ifr_hwaddr.sa_data, 6);
	err = query(fd, ifname, SIOCGIFMTU, &ifr);
	if (err)
		goto out;
	info->mtu = (u32)ifr.ifr_mtu;
	err = query(fd, ifname, SIOCGIFFLAGS, &ifr);
	if (err)
		goto out;
	info->up = ifr.ifr_flags & IFF_UP;
	info->loopback = ifr.ifr_flags & IFF_LOOPBACK;
	query_driver(fd, ifname, info);
	query_queues(fd, ifname, info);
out:
	close(fd);
	return err;
}

void linux_ifnames(char *out, size_t len)
{
	struct if_nameindex *all = if_nameindex();
	size_t used = 0;

	out[0] = 0;
	for (struct if_nameindex *i = all; i && i->if_index; i++) {
		int n = snprintf(out + used, len - used, "%s%s",
				 used ? ", " : "", i->if_name);

		if (n < 0 || used + (size_t)n >= len)
			break;
		used += (size_t)n;
	}
	if (all)
		if_freenameindex(all);
}
