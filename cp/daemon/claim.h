/* SPDX-License-Identifier: MIT */
/* Who has what of the machine: ports, NICs, addresses, cores, memory. Pure. */
#ifndef CP_DAEMON_CLAIM_H
#define CP_DAEMON_CLAIM_H

#include <sys/types.h>

#include "cp/daemon/settings.h"

/* What a dataplane has, or is to have. */
struct claim {
	const char *name;
	pid_t pid;		 /* 0: not yet */
	const struct conf *conf; /* its cores in the order in which they run */
	u32 min_cores;		 /* those that are never taken away */
	u32 threads;		 /* queues, too */
	u64 memory;
	const char *owner; /* of what a rule has granted, RULE-N; else NULL */
	bool ends;	   /* ... and is given back about now */
	bool may_succeed;  /* ... and may be another one's successor */
};

struct claim_limits {
	const struct conf_cores *cores;
	u64 memory;
};

/* May @c be had beside the @n @others? 0, or -EBUSY with who has it in @e. */
int claim_check(const struct claim *c, const struct claim *others, u32 n,
		const struct claim_limits *l, struct conf_err *e);

/* Cores for @c, at most @most, into *@out: first those that nobody uses, then
 * those that others give back soonest; never what another one is sure of. 0,
 * or -EBUSY with who has them in @e. */
int claim_cores(const struct claim *c, u32 most, const struct claim *others,
		u32 n, const struct claim_limits *l, struct conf_cores *out,
		struct conf_err *e);

#endif
