/* SPDX-License-Identifier: MIT */
/* rtnetlink: reading a table of the kernel's, and asking for something. */
#ifndef NIC_LINUX_DUMP_H
#define NIC_LINUX_DUMP_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/types.h"

typedef void linux_dump_fn(const struct nlmsghdr *nh, void *arg);

/* Calls @each for every object of the table that RTM_GET... @type asks for, of
 * AF_INET or AF_INET6, or AF_UNSPEC. 0 or -errno. */
int linux_dump(int type, int family, linux_dump_fn *each, void *arg);

/* NULL: it is not there, or @outer is not. */
const struct rtattr *linux_find_attr(const struct nlmsghdr *nh, size_t hdr_len,
				     int type);
const struct rtattr *linux_nested_attr(const struct rtattr *outer, int type);

/* The attribute's data if it is present with @len bytes, else NULL. */
const void *linux_attr(const struct nlmsghdr *nh, size_t hdr_len, int type,
		       size_t len);

/* Sends one message, of @len bytes. 0 or -errno, the kernel's refusal, too. */
int linux_request(const void *req, size_t len);

#endif
