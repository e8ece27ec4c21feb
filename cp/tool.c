/* SPDX-License-Identifier: MIT */
/* Commands that need libraries which a dataplane shall not have in it (HTTP and
 * what that brings, packet filters): ix-NAME, a program beside the modules. */
#include "cp/ix.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Seen from the directory of `ix`: build tree, installed. */
static const char *const dirs[] = { ".", IX_MODULES };

static int find(const char *name, char out[PATH_MAX])
{
	char self[PATH_MAX], path[2 * PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *dir;

	if (n < 0)
		return -errno;
	self[n] = 0;
	dir = dirname(self);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s/ix-%s", dir, dirs[i], name);
		if (!access(path, X_OK) && realpath(path, out))
			return 0;
	}
	return -ENOENT;
}

int cmd_tool(int argc, char **argv)
{
	const char *name = argv[0] + strspn(argv[0], "-");
	char path[PATH_MAX];
	int err = find(name, path);

	(void)argc;
	if (!err) {
		execv(path, argv);
		err = -errno;
	}
	fprintf(stderr, "ix: ix-%s: %s\n", name, strerror(-err));
	return EXIT_FAILURE;
}
