/* SPDX-License-Identifier: MIT */
/* What cores are left, for work in the background. It is stopped while there is
 * none: a group with an empty list has all of them. */
#include "cp/daemon/cpd.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The kernel's. */
static struct core_set kernels(const struct cpd *c)
{
	const struct conf_cores *given = &c->conf->cores;
	struct core_set s = { 0 };
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return s;
	for (u32 i = 0; i < given->n; i++)
		if (given->core[i] < CPU_SETSIZE)
			CPU_CLR(given->core[i], &set);
	for (u32 i = 0; i < POLICY_CORES && i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			core_add(&s, i);
	return s;
}

static int write_to(const char *dir, const char *file, const char *text)
{
	char path[CPD_PATH];
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static void tell(const struct cpd *c, const char *file, const char *text)
{
	int err = write_to(c->conf->background, file, text);

	if (err)
		fprintf(stderr, "ixcpd: %s/%s: %s: %s\n", c->conf->background,
			file, text, strerror(-err));
}

/* Groups of the first version of cgroups have no such file: they keep what they
 * had. */
static void stop(const struct cpd *c, bool stopped)
{
	char path[CPD_PATH];

	snprintf(path, sizeof(path), "%s/cgroup.freeze", c->conf->background);
	if (!access(path, F_OK))
		tell(c, "cgroup.freeze", stopped ? "1" : "0");
}

static bool empty(const struct core_set *s)
{
	static const struct core_set none;

	return !memcmp(s, &none, sizeof(none));
}

void background_give(struct cpd *c, const struct core_set *free)
{
	struct core_set s = empty(free) ? kernels(c) : *free;
	char list[1024];

	if (!c->conf->background[0] ||
	    (c->gave && !memcmp(&s, &c->background, sizeof(s))))
		return;
	c->background = s;
	c->gave = true;
	if (!empty(&s)) {
		cores_print(&s, list, sizeof(list));
		tell(c, "cpuset.cpus", list);
	}
	stop(c, empty(&s));
}
