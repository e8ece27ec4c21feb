/* SPDX-License-Identifier: MIT */
/*
 * One control group per life limits the application's memory, processes and CPU
 * time. Memory that belongs to no process, such as unmapped memfds and the page
 * cache, is charged to it as well.
 *
 *	cgroup v2	one, below the nearest ancestor of our group that
 *			delegates all available controllers (a group that has
 *			processes cannot)
 *	cgroup v1	below our group, one for each controller
 *
 * The name is ix-PID-NAMESPACE, with D's PID in its pid namespace: another
 * container that shares the hierarchy may use the same PID. A limit that cannot
 * be set is reported and is not an error: ordinary users cannot make groups.
 */
#include "dom/host/available.h"
#include "dom/host/cgroups.h"
#include "dom/process/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CPU_PERIOD_US = 100000 };

/* ---- places */

static int write_file(const char *dir, const char *file, const char *text)
{
	char path[PROC_CGROUP_PATH + 64];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return proc_fence_write(path, text);
}

static bool has_word(const char *path, const char *word)
{
	FILE *f = fopen(path, "re");
	char got[64];
	bool found = false;

	while (f && !found && fscanf(f, "%63s", got) == 1)
		found = !strcmp(got, word);
	if (f)
		fclose(f);
	return found;
}

static bool hands_down(const char *dir, const char *controller)
{
	char path[PROC_CGROUP_PATH + 64];

	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", dir);
	return has_word(path, controller);
}

/* The number of controllers needed that @dir delegates; its ancestors delegate
 * at least those. */
static u32 controllers(const char *dir, const struct conf *c)
{
	return hands_down(dir, "memory") + hands_down(dir, "pids") +
	       (c->app_cpu && hands_down(dir, "cpu"));
}

/* v2: searched from our own group upwards; "" if there is none. A process is in
 * one group, so all limits are set in one place. */
static void find_v2(struct proc_cgroup *g, const struct conf *c)
{
	char mount[128], own[PROC_CGROUP_PATH - 160];
	u32 most;

	if (!cgroups_mount("", mount, sizeof(mount)) ||
	    !cgroups_own("", own, sizeof(own)))
		return;
	most = controllers(mount, c);
	if (!strcmp(own, "/"))
		*own = 0;
	while (most) {
		snprintf(g->v2, sizeof(g->v2), "%s%s", mount, own);
		if (!*own || controllers(g->v2, c) == most)
			return;
		*strrchr(own, '/') = 0;
	}
}

/* v1. A container may see only its own subtree, as the root. */
static bool place_v1(const char *controller, char *out, size_t len)
{
	char mount[128], own[PROC_CGROUP_PATH - 160];

	if (!cgroups_mount(controller, mount, sizeof(mount)) ||
	    !cgroups_own(controller, own, sizeof(own)))
		return false;
	snprintf(out, len, "%s%s", mount, strcmp(own, "/") ? own : "");
	if (access(out, W_OK))
		snprintf(out, len, "%s", mount);
	return true;
}

/* ---- groups */

/* Of the pids that we know. */
static unsigned long namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) ? 0 : st.st_ino;
}

/* Removes groups left behind by a D that died; they have no processes. */
static void sweep(const char *dir)
{
	const unsigned long ours = namespace();
	DIR *d = opendir(dir);
	struct dirent *e;
	unsigned long ns;
	int pid;

	while (d && (e = readdir(d)))
		if (sscanf(e->d_name, "ix-%d-%lu", &pid, &ns) == 2 &&
		    ns == ours && kill(pid, 0) && errno == ESRCH)
			unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	if (d)
		closedir(d);
}

/* The group in @place, made if it is new: its directory. */
static const char *group(struct proc_cgroup *g, const char *place, int *err)
{
	char *dir = g->dir[g->n];

	snprintf(dir, sizeof(g->dir[0]), "%s/ix-%d-%lu", place, (int)getpid(),
		 namespace());
	for (u32 i = 0; i < g->n; i++)
		if (!strcmp(g->dir[i], dir))
			return g->dir[i];
	sweep(place);
	*err = mkdir(dir, 0755) && errno != EEXIST ? -errno : 0;
	if (*err)
		return NULL;
	g->n++;
	return dir;
}

/* The same limit in the syntax of both versions. */
struct limit {
	const char *controller, *file_v2, *file_v1;
	char value[64], value_v1[64];
};

static int set(struct proc_cgroup *g, const struct limit *l)
{
	char place[PROC_CGROUP_PATH - 32];
	bool v2 = g->v2[0] && hands_down(g->v2, l->controller);
	const char *dir;
	int err = 0;

	if (v2)
		snprintf(place, sizeof(place), "%s", g->v2);
	else if (!place_v1(l->controller, place, sizeof(place)))
		return -ENOENT;
	dir = group(g, place, &err);
	if (!dir)
		return err;
	return write_file(dir, v2 ? l->file_v2 : l->file_v1,
			  v2 || !l->value_v1[0] ? l->value : l->value_v1);
}

static void say(struct proc_cgroup *g, int err, const char *what,
		const char *have)
{
	size_t n = strlen(g->text);
	const char *comma = n ? ", " : "";

	if (!err)
		snprintf(g->text + n, sizeof(g->text) - n, "%s%s %s", comma,
			 what, have);
	else
		snprintf(g->text + n, sizeof(g->text) - n,
			 "%s%s not limited (%s)", comma, what,
			 err == -ENOENT ? "no cgroup" : strerror(-err));
}

static void limit_memory(struct proc_cgroup *g, const struct conf *c)
{
	struct limit l = { "memory", "memory.max", "memory.limit_in_bytes", "",
			   "" };
	/* Where that is counted. */
	struct limit swap = { "memory", "memory.swap.max",
			      "memory.memsw.limit_in_bytes", "0", "" };
	u64 bytes = c->app_memory;
	char have[32];

	if (!bytes)
		bytes = available_machine() / 4 * 3 + c->arena;
	snprintf(l.value, sizeof(l.value), "%lu", bytes);
	snprintf(swap.value_v1, sizeof(swap.value_v1), "%lu", bytes);
	snprintf(have, sizeof(have), "%lu MB", bytes >> 20);
	say(g, set(g, &l), "memory", have);
	set(g, &swap);
}

static void limit_threads(struct proc_cgroup *g, const struct conf *c)
{
	struct limit l = { "pids", "pids.max", "pids.max", "", "" };

	snprintf(l.value, sizeof(l.value), "%u", c->app_threads);
	say(g, set(g, &l), "threads", l.value);
}

static void limit_cpu(struct proc_cgroup *g, const struct conf *c)
{
	struct limit l = { "cpu", "cpu.max", "cpu.cfs_quota_us", "", "" };
	u64 quota = (u64)c->app_cpu * (CPU_PERIOD_US / 100);
	char have[32];

	if (!c->app_cpu)
		return;
	snprintf(l.value, sizeof(l.value), "%lu %u", quota, CPU_PERIOD_US);
	snprintf(l.value_v1, sizeof(l.value_v1), "%lu", quota);
	snprintf(have, sizeof(have), "%u %%", c->app_cpu);
	say(g, set(g, &l), "CPU", have);
}

void proc_cgroup_open(struct proc_cgroup *g, const struct conf *c)
{
	memset(g, 0, sizeof(*g));
	find_v2(g, c);
	limit_memory(g, c);
	limit_threads(g, c);
	limit_cpu(g, c);
}

int proc_cgroup_enter(const struct proc_cgroup *g)
{
	int err = 0;

	for (u32 i = 0; i < g->n && !err; i++)
		err = write_file(g->dir[i], "cgroup.procs", "0");
	return err;
}

void proc_cgroup_close(struct proc_cgroup *g)
{
	for (u32 i = 0; i < g->n; i++)
		rmdir(g->dir[i]);
	g->n = 0;
}
