/* SPDX-License-Identifier: MIT */
/* The table of domains, and how each starts the application. */
#include "cp/ix.h"
#include "dom/process/process.h"
#include "dom/vm/vm.h"
#include "ix/dom.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Directory of the domains' objects, seen from the directory of `ix`: build
 * tree, installed. */
static const char *const libdirs[] = { "../dom", IX_MODULES };

static int own_dir(char out[PATH_MAX])
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n < 0)
		return -errno;
	path[n] = 0;
	strcpy(out, dirname(path));
	return 0;
}

/* Where libix-@domain.so is; IX_LIBDIR, if it is set, goes first. */
static int find_libdir(const char *domain, char out[PATH_MAX],
		       struct conf_err *e)
{
	char dir[PATH_MAX], object[2 * PATH_MAX];
	int err = own_dir(dir);

	if (err)
		return conf_error(e, err, "/proc/self/exe: %s", strerror(-err));
	for (size_t i = 0; i < ARRAY_SIZE(libdirs); i++) {
		snprintf(object, sizeof(object), "%s/%s/libix-%s.so", dir,
			 libdirs[i], domain);
		if (access(object, R_OK))
			continue;
		*strrchr(object, '/') = 0;
		if (realpath(object, out))
			return 0;
	}
	return conf_error(e, -ENOENT,
			  "libix-%s.so is neither in the build tree nor "
			  "installed beside %s",
			  domain, dir);
}

/* All settings in a memfd that the program inherits, and that nobody who has
 * it can change for others; the fd or -errno. */
static int settings_fd(const struct conf *c)
{
	const int seals =
		F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
	int fd = memfd_create("ix-settings", MFD_ALLOW_SEALING);
	FILE *f = fd < 0 ? NULL : fdopen(dup(fd), "w");
	int err;

	if (!f)
		return -errno;
	err = conf_write_lines(c, f);
	if (fclose(f) && !err)
		err = -errno;
	if (!err && fcntl(fd, F_ADD_SEALS, seals))
		err = -errno;
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

static int set_environment(const char *domain, const struct conf *c,
			   struct conf_err *e)
{
	char libdir[PATH_MAX], number[16];
	int fd, err = 0;

	if (!getenv(IX_ENV_LIBDIR)) {
		err = find_libdir(domain, libdir, e);
		if (err)
			return err;
		setenv(IX_ENV_LIBDIR, libdir, 1);
	}
	fd = settings_fd(c);
	if (fd < 0)
		return conf_error(e, fd, "settings: %s", strerror(-fd));
	snprintf(number, sizeof(number), "%d", fd);
	setenv(IX_ENV_SETTINGS, number, 1);
	setenv(IX_ENV_DOMAIN, domain, 1);
	return 0;
}

static int inline_probe(const struct conf *c, struct conf_err *e)
{
	(void)c;
	(void)e;
	return 0;
}

/* The program itself loads the dataplane. */
static int inline_run(const struct conf *c, char **argv, struct conf_err *e)
{
	int err = set_environment("inline", c, e);

	if (err)
		return err;
	execvp(argv[0], argv);
	err = -errno;
	return conf_error(e, err, "%.300s: %s", argv[0], strerror(-err));
}

static int process_probe(const struct conf *c, struct conf_err *e)
{
	char why[256];
	int err = proc_probe(why, sizeof(why));

	(void)c;
	return err ? conf_error(e, err, "domain process: %s", why) : 0;
}

static int run_application(const struct conf *c, const char *program,
			   char **argv, const struct proc_guest *guest,
			   struct conf_err *e)
{
	int err = proc_run(c, program, argv, atoi(getenv(IX_ENV_SETTINGS)),
			   guest);

	if (err < 0)
		conf_error(e, err, "%.300s: %s%s", program, strerror(-err),
			   err == -EACCES ? " (see --user)" : "");
	return err;
}

/* This process becomes the dataplane. */
static int process_run(const struct conf *c, char **argv, struct conf_err *e)
{
	int err = set_environment("process", c, e);

	if (err)
		return err;
	return run_application(c, argv[0], argv, NULL, e);
}

static int vm_domain_probe(const struct conf *c, struct conf_err *e)
{
	char why[256];
	int err = vm_probe(why, sizeof(why));

	return err ? conf_error(e, err, "domain vm: %s", why) : 0;
}

/* The program's path, as execvp() would find it. */
static int find_path(const char *name, char out[PATH_MAX])
{
	const char *dirs = getenv("PATH");

	if (strchr(name, '/'))
		return snprintf(out, PATH_MAX, "%s", name) >= PATH_MAX
			       ? -ENAMETOOLONG
			       : 0;
	while (dirs && *dirs) {
		size_t n = strcspn(dirs, ":");

		snprintf(out, PATH_MAX, "%.*s/%s", (int)n, dirs, name);
		if (!access(out, X_OK))
			return 0;
		dirs += n + (dirs[n] == ':');
	}
	return -ENOENT;
}

/* What A executes puts the program where the guest has it: lib/vm/load/. */
static int vm_run(const struct conf *c, char **argv, struct conf_err *e)
{
	char loader[PATH_MAX], path[PATH_MAX];
	int err = set_environment("vm", c, e), n = 0;
	struct conf own = *c;
	char **all;

	if (!err && (err = find_path(argv[0], path)))
		conf_error(e, err, "%.300s: %s", argv[0], strerror(-err));
	if (err)
		return err;
	while (argv[n])
		n++;
	all = calloc((size_t)n + 3, sizeof(*all));
	if (!all)
		return conf_error(e, -ENOMEM, "no memory");
	if (!strncmp(own.nic, "xdp:", 4) && !own.ring_size)
		own.ring_size = VM_XDP_RING;
	snprintf(loader, sizeof(loader), "%s/ix-vmload", getenv(IX_ENV_LIBDIR));
	all[0] = loader;
	all[1] = argv[0];
	all[2] = path;
	memcpy(all + 3, argv + 1, (size_t)n * sizeof(*all));
	err = run_application(&own, argv[0], all, &vm_guest, e);
	free(all);
	return err;
}

/* Strongest wall first: the order in which auto tries them. */
static const struct domain domains[] = {
	{ "vm", "guest page tables", vm_domain_probe, vm_run },
	{ "process", "separate processes", process_probe, process_run },
	{ "inline", "none", inline_probe, inline_run },
};

static const char *wanted(const struct conf *c, char out[16])
{
	conf_print(c, conf_find("domain"), out, 16);
	return out;
}

const struct domain *domain_choose(const struct conf *c, struct conf_err *e)
{
	char name[16];

	wanted(c, name);
	for (size_t i = 0; i < ARRAY_SIZE(domains); i++) {
		const struct domain *d = &domains[i];
		bool named = !strcmp(name, d->name);

		if (!named && c->domain != DOMAIN_AUTO)
			continue;
		if (!d->probe(c, e))
			return d;
		if (!named && !c->quiet)
			fprintf(stderr, "ix: cannot have %s\n", e->text);
	}
	return NULL;
}
