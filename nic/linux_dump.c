/* SPDX-License-Identifier: MIT */
#include "nic/linux_dump.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DUMP_BUF = 32768 }; /* what the kernel fills at most per datagram */

static int send_dump(int fd, int type, int family)
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
		.gen = { .rtgen_family = (u8)family },
	};

	return send(fd, &req, sizeof(req), 0) < 0 ? -errno : 0;
}

/* 1: dump is complete. */
static int read_dump(int fd, char *buf, linux_dump_fn *each, void *arg)
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

int linux_dump(int type, int family, linux_dump_fn *each, void *arg)
{
	char buf[DUMP_BUF] ALIGNED(8);
	int fd, err;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	err = send_dump(fd, type, family);
	while (!err)
		err = read_dump(fd, buf, each, arg);
	close(fd);
	return err < 0 ? err : 0;
}

static const struct rtattr *find(const void *from, unsigned left, int type)
{
	for (const struct rtattr *a = from; RTA_OK(a, left);
	     a = RTA_NEXT(a, left)) {
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
	}
	return NULL;
}

const struct rtattr *linux_find_attr(const struct nlmsghdr *nh, size_t hdr_len,
				     int type)
{
	size_t skip = NLMSG_ALIGN(NLMSG_LENGTH(hdr_len));

	if (nh->nlmsg_len < skip)
		return NULL;
	return find((const char *)nh + skip, (unsigned)(nh->nlmsg_len - skip),
		    type);
}

const struct rtattr *linux_nested_attr(const struct rtattr *outer, int type)
{
	return outer ? find(RTA_DATA(outer), (unsigned)RTA_PAYLOAD(outer), type)
		     : NULL;
}

const void *linux_attr(const struct nlmsghdr *nh, size_t hdr_len, int type,
		       size_t len)
{
	const struct rtattr *a = linux_find_attr(nh, hdr_len, type);

	return a && RTA_PAYLOAD(a) == len ? RTA_DATA(a) : NULL;
}

int linux_request(const void *req, size_t len)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct {
		struct nlmsghdr nh;
		struct nlmsgerr e;
	} answer;
	int err;

	if (fd < 0)
		return -errno;
	err = send(fd, req, len, 0) < 0 ? -errno : 0;
	/* A refusal is there by now. */
	if (!err &&
	    recv(fd, &answer, sizeof(answer), MSG_DONTWAIT) == sizeof(answer) &&
	    answer.nh.nlmsg_type == NLMSG_ERROR)
		err = answer.e.error;
	close(fd);
	return err;
}
