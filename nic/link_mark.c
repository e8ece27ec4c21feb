/* SPDX-License-Identifier: MIT */
#include "nic/link_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "nic/linux.h"
#include "nic/linux_dump.h"

struct sweep {
	const char *mark;
	int swept;
};

int link_mark_of(int dir, const char *file, char out[LINK_MARK])
{
	struct stat st;

	if (fstatat(dir, file, &st, 0))
		return -errno;
	snprintf(out, LINK_MARK, "ix keep %u:%u:%llu", major(st.st_dev),
		 minor(st.st_dev), (unsigned long long)st.st_ino);
	return 0;
}

int link_mark(int index, const char *mark)
{
	struct {
		struct nlmsghdr nh;
		struct ifinfomsg info;
		struct rtattr alias;
		char text[LINK_MARK];
	} req = {
		.nh = { .nlmsg_len = sizeof(req),
			.nlmsg_type = RTM_SETLINK,
			.nlmsg_flags = NLM_F_REQUEST },
		.info = { .ifi_index = index },
		.alias = { .rta_type = IFLA_IFALIAS },
	};
	size_t n = strnlen(mark, LINK_MARK - 1);

	memcpy(req.text, mark, n);
	req.alias.rta_len = (u16)RTA_LENGTH(n);
	req.nh.nlmsg_len -= (u32)(LINK_MARK - RTA_ALIGN(n));
	return linux_request(&req, req.nh.nlmsg_len);
}

static bool is_text(const struct rtattr *a, const char *text)
{
	size_t n = strlen(text), has = a ? RTA_PAYLOAD(a) : 0;

	return has >= n && has <= n + 1 && !memcmp(RTA_DATA(a), text, n) &&
	       (has == n || !((const char *)RTA_DATA(a))[n]);
}

static void sweep_one(const struct nlmsghdr *nh, void *arg)
{
	const struct ifinfomsg *info = NLMSG_DATA(nh);
	struct sweep *s = arg;

	if (nh->nlmsg_type == RTM_NEWLINK &&
	    is_text(linux_find_attr(nh, sizeof(*info), IFLA_IFALIAS),
		    s->mark) &&
	    is_text(linux_nested_attr(
			    linux_find_attr(nh, sizeof(*info), IFLA_LINKINFO),
			    IFLA_INFO_KIND),
		    "tun") &&
	    !linux_link_delete(info->ifi_index))
		s->swept++;
}

int link_sweep(const char *mark)
{
	struct sweep s = { .mark = mark };
	int err = linux_dump(RTM_GETLINK, AF_UNSPEC, sweep_one, &s);

	return err ? err : s.swept;
}
