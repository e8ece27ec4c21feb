/* SPDX-License-Identifier: MIT */
/*
 * /etc/ix/ixcpd.conf: what the daemon may give away, and the dataplanes that it
 * is to run.
 *
 *   settings.def  the daemon's own settings, a line each
 *   settings.c    the file; all else in a dataplane's group is one of ix's
 */
#ifndef CP_DAEMON_SETTINGS_H
#define CP_DAEMON_SETTINGS_H

#include "conf/conf.h"
#include "cp/policy.h"

enum {
	CPD_PLANES = 64,
	CPD_NAME = 33,
	CPD_ARGS = 64,	      /* of a program */
	CPD_ARG_BYTES = 4096, /* all of them together */
	CPD_USERS = 256,
	CPD_RULES = 32,
};

/* What users may have for dataplanes of their own. */
struct rule {
	char name[CPD_NAME - 3]; /* RULE-N is a dataplane's */
	char user[CPD_USERS], group[CPD_USERS];
	char nic[256];
	struct conf_addrs ip;
	char ports[CPD_USERS], queues[64]; /* lists: see rule_lists() */
	u32 min_cores, cores;		   /* of a dataplane */
	u32 latency_us;
	u8 policy; /* enum policy_kind */
	u32 priority;
	u64 memory;	/* of a dataplane */
	u32 huge_pages; /* ... of it */
	u32 dataplanes; /* at a time */
	u32 each;	/* ... of one user; 0: as many */
};

/* A declared dataplane. */
struct plane_conf {
	char name[CPD_NAME];
	u32 argc;
	char *argv[CPD_ARGS + 1]; /* into args */
	char args[CPD_ARG_BYTES];
	u32 min_cores, max_cores;
	u64 memory; /* of all of it; 0: what its other settings come to */
	u32 latency_us;
	u8 policy; /* enum policy_kind */
	u32 priority;
	u32 drain_ms;
	char owner[CPD_USERS]; /* users who may start, stop and change it */
	bool start;	       /* with the daemon */
	bool any_program;      /* the owner chooses it */
	struct conf ix;	       /* for `ix run`, but for cores */
};

struct cpd_conf {
	struct conf_cores cores; /* n == 0: all but the first */
	u64 memory;		 /* 0: three quarters of the machine's */
	char ix[256];		 /* the command; empty: beside ours */
	char admins[CPD_USERS];	 /* users who may do everything, besides root */
	char background[256];	 /* directory of a cgroup; empty: none */
	char cpufreq[256];	 /* Linux's directory of cores */
	char hugepages[256];	 /* ... of 2 MB pages */
	u32 nrules;
	struct rule *rule[CPD_RULES]; /* each of malloc() */
	u32 nplanes;
	struct plane_conf *plane[CPD_PLANES]; /* each of malloc() */
};

/* Reads @path into a new one. 0, or -errno with the reason in @e. */
int cpd_conf_read(struct cpd_conf **out, const char *path, struct conf_err *e);
/* With its planes. */
void cpd_conf_free(struct cpd_conf *c);

/* One more argument of the program; false: there is no room. */
bool plane_argument(struct plane_conf *p, const char *text);

/* May this be a dataplane's name? It is one of files, too. */
bool cpd_name_ok(const char *name);

/* RULE-N is a dataplane that a rule has granted: how long is RULE? 0: @name is
 * of none. */
size_t rule_part(const char *name);

/* Is @n in @list, "80,8000-8099"? */
bool rule_lists(const char *list, u32 n);

/* Is user @name one of @list, "root,alice"? */
bool cpd_listed(const char *list, const char *name);

/* Bytes of the dataplane's own memory with so many threads: buffers, tables. */
u64 plane_own_memory(const struct conf *c, u32 threads);
/* ... of all of it, as its settings say. */
u64 plane_memory(const struct conf *c, u32 threads);
/* ... in huge pages: how many; 0, unless that is asked for. */
u32 plane_huge_pages(const struct conf *c, u32 threads);

#endif
