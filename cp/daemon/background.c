/* SPDX-License-Identifier: MIT */
/* What cores are left, for work in the background. */
#include "cp/daemon/cpd.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The kernel's: an empty list would mean all. */
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

static int write_list(const char *dir, const char *list)
{
	char path[CPD_PATH];
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/cpuset.cpus", dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, list, strlen(list)) < 0)
		err = -errno;
	close(fd);
	return err;
}

void background_give(struct cpd *c, const struct core_set *free)
{
	static const struct core_set none;
	struct core_set s =
		memcmp(free, &none, sizeof(none)) ? *free : kernels(c);
	char list[1024];
	int err;

	if (!c->conf->background[0] || !memcmp(&s, &none, sizeof(s)) ||
	    !memcmp(&s, &c->background, sizeof(s)))
		return;
	c->background = s;
	cores_print(&s, list, sizeof(list));
	err = write_list(c->conf->background, list);
	if (err)
		fprintf(stderr, "ixcpd: %s/cpuset.cpus: %s: %s\n",
			c->conf->background, list, strerror(-err));
}
