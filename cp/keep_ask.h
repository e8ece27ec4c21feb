/* SPDX-License-Identifier: MIT */
/* `ix keep` asks the daemon how many cores a user's dataplane is to run on. */
#ifndef CP_KEEP_ASK_H
#define CP_KEEP_ASK_H

#include "nic/keep_msg.h"

struct keep_ask {
	const char *name; /* the dataplane's, for the daemon */
	char path[300];	  /* of its socket */
	int fd;		  /* -1: none; who comes after it is found */
};

/* As keep_holder.ask_cores; @arg: struct keep_ask. */
void keep_ask_cores(void *arg, const struct keep_request *q,
		    struct keep_reply *r);

#endif
