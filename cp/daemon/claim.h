/* SPDX-License-Identifier: MIT */
/* Who has what of the machine: ports, NICs, addresses, cores, memory, huge
 * pages. Pure. */
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
	u32 huge;	   /* pages */
	u32 touched;	   /* ... of them, by its process */
};

struct claim_limits {
	const struct conf_cores *cores;
	u64 memory;
};

/* Huge pages, as the kernel counts them. */
struct huge_pages {
	u64 total, free;
	u64 promised; /* of the free ones to who has mapped them */
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

/* Those that may be given away beside the @n claims of @all. */
u64 claim_huge_left(const struct claim *all, u32 n, const struct huge_pages *h);
/* Are there so many? 0, or -EBUSY with who has them in @e; -EAGAIN: it is not
 * known yet. */
int claim_huge(u32 wanted, const struct claim *others, u32 n,
	       const struct huge_pages *h, struct conf_err *e);

#endif
