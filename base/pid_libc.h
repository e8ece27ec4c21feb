/* SPDX-License-Identifier: MIT */
/* What /proc says of a process. */
#ifndef BASE_PID_LIBC_H
#define BASE_PID_LIBC_H

#include <stdbool.h>
#include <sys/types.h>

struct pid_users {
	uid_t real;	 /* who may signal it */
	uid_t effective; /* whom it acts as */
};

/* Of process @pid, to *@users. False: there is none, or it is not for us to
 * see. */
bool pid_users(pid_t pid, struct pid_users *users);

#endif
