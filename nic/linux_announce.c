/* SPDX-License-Identifier: MIT */
/* Gratuitous ARP of other hosts, and what IPv6 tells or asks all. The XDP
 * program takes only frames to our own address, so they are read from packet
 * sockets. */
#include "nic/linux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	ARP_SENDER = 28, /* protocol addresses in a frame */
	ARP_TARGET = 38,
	IP6_NEXT = 20,
	IP6_DST = 38,
	ICMP6_TYPE = 54,
	ALERTED_TYPE = ICMP6_TYPE + 8, /* behind a hop-by-hop header */
	HOP_BY_HOP = 0,
	ICMP6 = 58,
	GROUP_OF_LINK = 0xff020000, /* ff02::, first word */
	LISTENER_QUERY = 130,
	ROUTER_ADVERT = 134,
	NEIGHBOUR_ADVERT = 136,
};

/* What passes the @n instructions of @filter, of @protocol. */
static int listen_to(const char *ifname, u16 protocol,
		     struct sock_filter *filter, u16 n)
{
	struct sock_fprog prog = { n, filter };
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)if_nametoindex(ifname),
	};
	/* Opened without a protocol: no frame arrives before the filter is in
	 * place. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
			sizeof(prog)) &&
	    !bind(fd, (struct sockaddr *)&at, sizeof(at)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int linux_announcements(const char *ifname)
{
	struct sock_filter same[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARP_SENDER),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARP_TARGET),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ETH_FRAME_LEN),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};

	return listen_to(ifname, ETH_P_ARP, same, ARRAY_SIZE(same));
}

int linux_announcements6(const char *ifname)
{
	enum { YES = 10, NO };
#define IF(at, what, yes, no) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, what, (yes) - (at)-1, (no) - (at)-1)
	struct sock_filter heard[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, IP6_DST),
		IF(1, GROUP_OF_LINK, 2, NO),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, IP6_NEXT),
		IF(3, ICMP6, 4, 7),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ICMP6_TYPE),
		IF(5, ROUTER_ADVERT, YES, 6),
		IF(6, NEIGHBOUR_ADVERT, YES, NO),
		IF(7, HOP_BY_HOP, 8, NO),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ALERTED_TYPE),
		IF(9, LISTENER_QUERY, YES, NO),
		BPF_STMT(BPF_RET | BPF_K, ETH_FRAME_LEN),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
#undef IF

	return listen_to(ifname, ETH_P_IPV6, heard, ARRAY_SIZE(heard));
}

int linux_join(int fd, const char *ifname, const u8 mac[6])
{
	struct packet_mreq group = {
		.mr_ifindex = (int)if_nametoindex(ifname),
		.mr_type = PACKET_MR_MULTICAST,
		.mr_alen = 6,
	};

	memcpy(group.mr_address, mac, 6);
	return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &group,
			  sizeof(group))
		       ? -errno
		       : 0;
}
