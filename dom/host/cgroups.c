/* SPDX-License-Identifier: MIT */
/* Linux's control groups: where ours are, and what memory they leave us. */
#include "dom/host/cgroups.h"

#include <inttypes.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>

enum { PATH = 512 };

/* /proc/self/cgroup: "5:memory:/a/b", "0::/a/b". */
bool cgroups_own(const char *controller, char *out, size_t len)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[512], *names, *path, *name;
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		names = strchr(line, ':');
		path = names ? strchr(names + 1, ':') : NULL;
		if (!path)
			continue;
		*path++ = 0;
		names++;
		found = !*names && !*controller;
		while (!found && (name = strsep(&names, ",")))
			found = *name && !strcmp(name, controller);
		if (found)
			snprintf(out, len, "%s", path);
	}
	if (f)
		fclose(f);
	return found;
}

bool cgroups_mount(const char *controller, char *out, size_t len)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	bool found = false;

	while (f && !found && (m = getmntent(f))) {
		if (*controller)
			found = !strcmp(m->mnt_type, "cgroup") &&
				hasmntopt(m, controller);
		else
			found = !strcmp(m->mnt_type, "cgroup2");
		if (found)
			snprintf(out, len, "%s", m->mnt_dir);
	}
	if (f)
		endmntent(f);
	return found;
}

/* ---- memory */

/* The number in @dir/@file, of the line that begins with @key; "max", or no
 * such file or line: @otherwise. */
static u64 number(const char *dir, const char *file, const char *key,
		  u64 otherwise)
{
	char path[PATH + 64], line[128];
	size_t skip = strlen(key);
	bool found = false;
	FILE *f;
	u64 v;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = !strncmp(line, key, skip) &&
			sscanf(line + skip, "%" SCNu64, &v) == 1;
	if (f)
		fclose(f);
	return found ? v : otherwise;
}

static u64 left_by(const char *dir)
{
	u64 limit = number(dir, "memory.max", "", UINT64_MAX);
	u64 used = number(dir, "memory.current", "", 0);
	u64 cache = number(dir, "memory.stat", "inactive_file ", 0);

	limit = number(dir, "memory.limit_in_bytes", "", limit);
	used = number(dir, "memory.usage_in_bytes", "", used);
	cache = number(dir, "memory.stat", "total_inactive_file ", cache);
	used -= min(used, cache);
	if (limit >= (u64)INT64_MAX / 4096 * 4096) /* v1's word for none */
		return UINT64_MAX;
	return limit - min(limit, used);
}

u64 cgroups_left(const char *mount, const char *own)
{
	char dir[PATH];
	size_t root = strlen(mount);
	u64 left = UINT64_MAX;

	snprintf(dir, sizeof(dir), "%s%s", mount, strcmp(own, "/") ? own : "");
	for (;;) {
		left = min(left, left_by(dir));
		if (strlen(dir) <= root)
			return left;
		*strrchr(dir, '/') = 0;
	}
}

u64 cgroups_memory(void)
{
	static const char *const hierarchies[] = { "", "memory" };
	char mount[128], own[PATH - 160];
	u64 left = UINT64_MAX;

	for (size_t i = 0; i < ARRAY_SIZE(hierarchies); i++)
		if (cgroups_mount(hierarchies[i], mount, sizeof(mount)) &&
		    cgroups_own(hierarchies[i], own, sizeof(own)))
			left = min(left, cgroups_left(mount, own));
	return left;
}
