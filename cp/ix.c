/* SPDX-License-Identifier: MIT */
/* The `ix` command. */
#include "cp/ix.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static command_fn cmd_help, cmd_version;

static const struct command {
	const char *name;
	command_fn *fn;
	const char *help;
} commands[] = {
	{ "run", cmd_run, "run a program on a dataplane" },
	{ "ps", cmd_ps, "the dataplanes that run" },
	{ "stat", cmd_stat, "counters of running dataplanes" },
	{ "metrics", cmd_tool, "counters for Prometheus and for a browser" },
	{ "top", cmd_tool, "threads of all dataplanes, again and again" },
	{ "flows", cmd_flows, "connections of a dataplane" },
	{ "set", cmd_set, "settings of a running dataplane" },
	{ "log", cmd_log, "what a dataplane has reported" },
	{ "move", cmd_move, "flow groups to another thread" },
	{ "cores", cmd_move, "how many threads of a dataplane work" },
	{ "park", cmd_move, "one of them stops working, or begins again" },
	{ "drain", cmd_drain,
	  "no new connections; when the last has ended, it" },
	{ "pcap", cmd_tool, "packets of a dataplane, as pcapng" },
	{ "daemon", cmd_daemon, "what ixcpd runs, and with which cores" },
	{ "up", cmd_up, "start dataplanes of ixcpd" },
	{ "down", cmd_up, "stop them" },
	{ "restart", cmd_up, "stop and start them" },
	{ "policy", cmd_policy, "what their number of cores follows" },
	{ "keep", cmd_keep, NULL }, /* ixcpd's */
	{ "conf", cmd_conf, "print or check a settings file" },
	{ "help", cmd_help, "this text" },
	{ "version", cmd_version, "version of IX and of its interface" },
};

static void usage(FILE *f)
{
	fprintf(f, "Usage: ix COMMAND [ARGUMENTS]\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].help)
			fprintf(f, "  %-9s%s\n", commands[i].name,
				commands[i].help);
	fprintf(f, "\nix COMMAND --help tells more.\n");
}

static int cmd_help(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	usage(stdout);
	return 0;
}

static int cmd_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("ix %s, ABI %d\n", IX_VERSION, IX_ABI_VERSION);
	return 0;
}

/* What we open must not become the program's stdin, stdout or stderr, nor
 * stderr ours; and with SIGCHLD ignored waitpid() reports no child. */
static int settle(void)
{
	int fd;

	signal(SIGCHLD, SIG_DFL);
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	return fd < 0 ? -1 : close(fd);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	/* Not dumpable: no other process, not even one of the same user, may
	 * read the dataplane's memory or trace it. From the very start, before
	 * there is anything in it. */
	prctl(PR_SET_DUMPABLE, 0);
	if (settle())
		return EXIT_FAILURE;
	name += !strncmp(name, "--", 2) ? 2 : 0;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].fn(argc - 1, argv + 1);
	if (*name)
		fprintf(stderr, "ix: there is no command %s\n", argv[1]);
	usage(stderr);
	return EXIT_USAGE;
}
