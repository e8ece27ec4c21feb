/* SPDX-License-Identifier: MIT */
/* ix conf: settings files. */
#include "cp/ix.h"

#include <string.h>

static int usage(FILE *f, int status)
{
	fprintf(f, "Usage: ix conf --dump [FILE]    a settings file with all "
		   "settings: the defaults,\n"
		   "                                or those of FILE\n"
		   "       ix conf --check FILE     is FILE correct and "
		   "complete?\n");
	return status;
}

static int dump(const char *path)
{
	struct conf c;
	struct conf_err e;

	conf_init(&c);
	if (path && conf_read_file(&c, path, &e)) {
		fprintf(stderr, "ix: %s\n", e.text);
		return EXIT_USAGE;
	}
	conf_dump(&c, stdout);
	return 0;
}

static int check(const char *path)
{
	struct conf c;
	struct conf_err e;
	int err;

	conf_init(&c);
	err = conf_read_file(&c, path, &e);
	if (err) {
		fprintf(stderr, "ix: %s\n", e.text);
		return EXIT_USAGE;
	}
	if (conf_check(&c, &e)) {
		fprintf(stderr, "ix: %s: %s\n", path, e.text);
		return EXIT_USAGE;
	}
	printf("%s: ok\n", path);
	return 0;
}

int cmd_conf(int argc, char **argv)
{
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return usage(stdout, 0);
	if (argc >= 2 && argc <= 3 && !strcmp(argv[1], "--dump"))
		return dump(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "--check"))
		return check(argv[2]);
	return usage(stderr, EXIT_USAGE);
}
