/* SPDX-License-Identifier: MIT */
/* What Linux lets this thread do. */
#ifndef DOM_HOST_RIGHT_H
#define DOM_HOST_RIGHT_H

#include <linux/capability.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Has it @cap of the first 32, such as CAP_NET_ADMIN, in effect? */
static inline bool right_held(unsigned int cap)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { 0 };

	return !syscall(SYS_capget, &h, d) && d[0].effective >> cap & 1;
}

#endif
