/* SPDX-License-Identifier: MIT */
/* Gratuitous ARP of other hosts. The XDP program takes only frames to our own
 * address, so they are read from a packet socket. */
#include "nic/linux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	ARP_SENDER = 28, /* protocol addresses in a frame */
	ARP_TARGET = 38,
	IP6_NEXT = 20,
	IP6_DST = 38,
	ICMP6_TYPE = 54,
	ICMP6 = 58,
	GROUP_OF_LINK = 0xff020000, /* ff02::, first word */
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
	struct sock_filter adverts[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, IP6_NEXT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ICMP6, 0, 6),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, IP6_DST),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, GROUP_OF_LINK, 0, 4),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ICMP6_TYPE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ROUTER_ADVERT, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NEIGHBOUR_ADVERT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ETH_FRAME_LEN),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};

	return listen_to(ifname, ETH_P_IPV6, adverts, ARRAY_SIZE(adverts));
}
