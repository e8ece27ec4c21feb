/* SPDX-License-Identifier: MIT */
/* Is an interface there, and its link up? */
#include "nic/linux.h"
#include "nic/linux_dump.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int linux_link_news(void)
{
	const struct sockaddr_nl links = { .nl_family = AF_NETLINK,
					   .nl_groups = RTMGRP_LINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_ROUTE);
	int err;

	if (fd < 0)
		return -errno;
	if (!bind(fd, (const void *)&links, sizeof(links)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* What has been lost was news, too. */
bool linux_link_changed(int fd)
{
	char first[64];
	bool any = false;

	while (recv(fd, first, sizeof(first), 0) >= 0 || errno == ENOBUFS)
		any = true;
	return any;
}

int linux_link_delete(int index)
{
	struct {
		struct nlmsghdr nh;
		struct ifinfomsg info;
	} req = {
		.nh = { .nlmsg_len = sizeof(req),
			.nlmsg_type = RTM_DELLINK,
			.nlmsg_flags = NLM_F_REQUEST },
		.info = { .ifi_index = index },
	};

	return linux_request(&req, sizeof(req));
}

int linux_link(int index)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;
	struct ifreq ifr = { .ifr_ifindex = index };

	if (fd < 0)
		return -errno;
	if (ioctl(fd, SIOCGIFNAME, &ifr) || ioctl(fd, SIOCGIFFLAGS, &ifr))
		err = -errno;
	close(fd);
	if (err)
		return err;
	return (ifr.ifr_flags & IFF_UP) && (ifr.ifr_flags & IFF_RUNNING);
}
