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

enum { SENDER = 28, TARGET = 38 }; /* protocol addresses in an ARP frame */

int linux_announcements(const char *ifname)
{
	struct sock_filter same[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SENDER),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, TARGET),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ETH_FRAME_LEN),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog filter = { ARRAY_SIZE(same), same };
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ARP),
		.sll_ifindex = (int)if_nametoindex(ifname),
	};
	/* Opened without a protocol: no frame arrives before the filter is in
	 * place. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter,
			sizeof(filter)) &&
	    !bind(fd, (struct sockaddr *)&at, sizeof(at)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}
