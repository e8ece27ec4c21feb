/* SPDX-License-Identifier: MIT */
/* The `ix` command: what its subcommands share. */
#ifndef CP_IX_H
#define CP_IX_H

#include "conf/conf.h"

enum { EXIT_USAGE = 2 }; /* wrong arguments or settings */

/* A subcommand: @argv[0] is its name. Returns the exit status. */
typedef int command_fn(int argc, char **argv);

command_fn cmd_run;  /* cmd_run.c */
command_fn cmd_stat; /* cmd_stat.c */
command_fn cmd_conf; /* cmd_conf.c */
command_fn cmd_keep; /* cmd_keep.c: for ixcpd, not for people */
command_fn cmd_tool; /* tool.c: another program, ix-NAME */
command_fn cmd_up, cmd_policy, cmd_daemon; /* cmd_daemon.c */

/* By the control socket: ctl.h. */
command_fn cmd_ps;    /* cmd_ps.c */
command_fn cmd_flows; /* cmd_flows.c */
command_fn cmd_set;   /* cmd_set.c */
command_fn cmd_log;   /* cmd_log.c */
command_fn cmd_move;  /* cmd_move.c: move, cores, park */
command_fn cmd_drain; /* cmd_drain.c */

/* A way to run the application behind (or without) wall 2; domain.c. */
struct domain {
	const char *name;
	const char *wall; /* what wall 2 is, for people */
	/* Can it be had here? 0, or -errno with the reason in @e. NULL: not
	 * part of this build. */
	int (*probe)(const struct conf *c, struct conf_err *e);
	/* Starts @argv under it: returns only on failure (-errno, reason in
	 * @e), or with the application's exit status. */
	int (*run)(const struct conf *c, char **argv, struct conf_err *e);
};

/* The domain that @c asks for; of auto the strongest that can be had. NULL
 * with the reason in @e. */
const struct domain *domain_choose(const struct conf *c, struct conf_err *e);

#endif
