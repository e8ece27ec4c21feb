/* SPDX-License-Identifier: MIT */
/* ix run [OPTIONS] -- PROGRAM [ARGS]: a program on a dataplane. */
#include "cp/ix.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOT_RUN = 126, NOT_FOUND = 127 }; /* exit status, as a shell's */

static void usage(FILE *f)
{
	fprintf(f,
		"Usage: ix run [OPTIONS] [--] PROGRAM [ARGUMENTS]\n"
		"Runs PROGRAM, linked with libix, on a dataplane of its own.\n"
		"\n"
		"  --conf FILE\n"
		"         settings file; options here override it whatever the "
		"order.\n"
		"         ix conf --dump prints one with all settings\n"
		"  --help\n"
		"         this text\n"
		"\n"
		"Settings, with their defaults in brackets. "
		"Sizes take K, M, G; times us, ms, s.\n"
		"In a settings file a dot in a name is a group: "
		"tcp: { rto_min = \"50ms\"; };\n"
		"\n");
	conf_help(f);
}

/* What is not a setting. */
struct run {
	struct conf conf;
	const char *conf_file;
	bool help;
	char **program; /* argv of it */
};

/* Takes --conf and --help at argv[0]: arguments used, or 0. */
static int own_option(struct run *run, char **argv, struct conf_err *e)
{
	const char *a = argv[0];

	if (!strcmp(a, "--help") || !strcmp(a, "-h"))
		return run->help = true;
	if (!strncmp(a, "--conf=", 7)) {
		run->conf_file = a + 7;
		return 1;
	}
	if (strcmp(a, "--conf"))
		return 0;
	if (!argv[1])
		return conf_error(e, -EINVAL, "--conf: a file is missing");
	run->conf_file = argv[1];
	return 2;
}

/* All options into @run; run->program: what follows them. Called twice: the
 * first time finds the file, the second one overrides what it says. */
static int options(struct run *run, int argc, char **argv, struct conf_err *e)
{
	int i = 1;

	while (i < argc && argv[i][0] == '-' && strcmp(argv[i], "--")) {
		int used = own_option(run, argv + i, e);

		if (!used)
			used = conf_arg(&run->conf, argc - i, argv + i, e);
		if (used < 0)
			return used;
		i += used;
	}
	if (i < argc && !strcmp(argv[i], "--"))
		i++;
	run->program = argv + i;
	return 0;
}

static int settings(struct run *run, int argc, char **argv, struct conf_err *e)
{
	int err;

	conf_init(&run->conf);
	err = options(run, argc, argv, e);
	if (err || run->help)
		return err;
	if (run->conf_file) {
		conf_init(&run->conf);
		err = conf_read_file(&run->conf, run->conf_file, e);
		if (!err)
			err = options(run, argc, argv, e);
	}
	if (err)
		return err;
	if (!run->program[0])
		return conf_error(e, -EINVAL,
				  "which program? ix run [OPTIONS] "
				  "-- PROGRAM [ARGUMENTS]");
	return conf_check(&run->conf, e);
}

static int executable(const char *path)
{
	struct stat st;

	if (access(path, X_OK) || stat(path, &st))
		return -errno;
	return S_ISREG(st.st_mode) ? 0 : -EACCES;
}

/* Is there such a program, as execvp() will look for it? Asked before a NIC is
 * taken for it. 0 or -errno. */
static int find_program(const char *name)
{
	const char *dirs = getenv("PATH");
	char path[PATH_MAX];

	if (strchr(name, '/'))
		return executable(name);
	while (dirs && *dirs) {
		size_t n = strcspn(dirs, ":");

		snprintf(path, sizeof(path), "%.*s/%s", (int)n, dirs, name);
		if (!executable(path))
			return 0;
		dirs += n + (dirs[n] == ':');
	}
	return -ENOENT;
}

static void name_after_program(struct conf *c, const char *program)
{
	const char *slash = strrchr(program, '/');

	if (!c->name[0])
		snprintf(c->name, sizeof(c->name), "%s",
			 slash ? slash + 1 : program);
}

static int complain(const struct conf_err *e, int status)
{
	fprintf(stderr, "ix: %s\n", e->text);
	return status;
}

int cmd_run(int argc, char **argv)
{
	struct run run = { 0 };
	const struct domain *d;
	struct conf_err e;
	int err = settings(&run, argc, argv, &e);

	if (err)
		return complain(&e, EXIT_USAGE);
	if (run.help) {
		usage(stdout);
		return 0;
	}
	err = find_program(run.program[0]);
	if (err)
		conf_error(&e, err, "%.300s: %s", run.program[0],
			   strerror(-err));
	if (err)
		return complain(&e, err == -ENOENT ? NOT_FOUND : NOT_RUN);
	d = domain_choose(&run.conf, &e);
	if (!d)
		return complain(&e, 1);
	if (run.conf.domain == DOMAIN_AUTO && !run.conf.quiet)
		fprintf(stderr, "ix: wall 2: %s (%s)\n", d->wall, d->name);
	name_after_program(&run.conf, run.program[0]);
	err = d->run(&run.conf, run.program, &e);
	if (err >= 0)
		return err;
	return complain(&e, err == -ENOENT ? NOT_FOUND : NOT_RUN);
}
