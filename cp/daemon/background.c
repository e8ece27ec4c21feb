/* SPDX-License-Identifier: MIT */
/* What cores are left, for work in the background. It is stopped while there is
 * none: a group with an empty list has all of them. */
#include "cp/daemon/cpd.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
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

/* Said once for each change, however often it is tried. */
static bool tell(const struct cpd *c, const char *file, const char *text,
		 bool say)
{
	int err = write_to(c->conf->background, file, text);

	if (err && say)
		fprintf(stderr, "ixcpd: %s/%s: %s: %s\n", c->conf->background,
			file, text, strerror(-err));
	return !err;
}

/* Groups of the first version of cgroups have no such file: they keep what they
 * had. */
static bool can_stop(const struct cpd *c)
{
	char path[CPD_PATH];

	snprintf(path, sizeof(path), "%s/cgroup.freeze", c->conf->background);
	return !access(path, F_OK);
}

static bool stop(const struct cpd *c, bool stopped, bool say)
{
	return !can_stop(c) ||
	       tell(c, "cgroup.freeze", stopped ? "1" : "0", say);
}

static bool empty(const struct core_set *s)
{
	static const struct core_set none;

	return !memcmp(s, &none, sizeof(none));
}

/* It goes on when its cores are what they should be. */
static bool give(const struct cpd *c, const struct core_set *s, bool say)
{
	char list[1024];

	if (empty(s))
		return stop(c, true, say);
	cores_print(s, list, sizeof(list));
	return tell(c, "cpuset.cpus", list, say) && stop(c, false, say);
}

void background_give(struct cpd *c, const struct core_set *free)
{
	struct core_set s = empty(free) ? kernels(c) : *free;
	bool same = c->tried && !memcmp(&s, &c->background, sizeof(s));

	if (!c->conf->background[0] || (same && c->gave))
		return;
	c->background = s;
	c->tried = true;
	c->gave = give(c, &s, !same);
}

void background_leave(struct cpd *c)
{
	if (c->tried)
		stop(c, false, true);
	c->tried = false;
}

void background_end(const struct cpd *c)
{
	if (c->tried && empty(&c->background) && can_stop(c))
		fprintf(stderr,
			"ixcpd: %s: stays stopped: no core is left for it\n",
			c->conf->background);
}

/* Its own place in the second version's hierarchy, or one above. */
static bool holds_us(const struct stat *group, char *place)
{
	char path[CPD_PATH], *end = place + strlen(place);
	struct stat st;

	for (; end; end = strrchr(place, '/')) {
		*end = 0;
		snprintf(path, sizeof(path), "/sys/fs/cgroup%s", place);
		if (!stat(path, &st) && st.st_dev == group->st_dev &&
		    st.st_ino == group->st_ino)
			return true;
	}
	return false;
}

bool background_is_ours(const char *dir)
{
	char line[CPD_PATH];
	struct stat group;
	bool ours = false;
	FILE *f;

	if (!dir[0] || stat(dir, &group))
		return false;
	f = fopen("/proc/self/cgroup", "re");
	if (!f)
		return false;
	while (!ours && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		ours = !strncmp(line, "0::", 3) && holds_us(&group, line + 3);
	}
	fclose(f);
	return ours;
}
