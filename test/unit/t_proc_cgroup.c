/* SPDX-License-Identifier: MIT */
/* Where control groups are made: a tree like that of cgroup v2, in files. */
#include <fcntl.h>
#include <mntent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "dom/process/process.h"

static char tree[] = "/tmp/ix-cgroup-XXXXXX";
static struct proc_cgroup g;
static struct conf conf;

/* ---- instead of the kernel; files are large ones here, fopen() is fopen64()
 */

static void put(const char *dir, const char *file, const char *text)
{
	char path[PROC_CGROUP_PATH + 64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static const char *get(const char *dir, const char *file)
{
	static char line[128];
	char path[PROC_CGROUP_PATH + 64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "r");
	line[0] = 0;
	if (f) {
		line[fread(line, 1, sizeof(line) - 1, f)] = 0;
		fclose(f);
	}
	return line;
}

FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode)
{
	char ours[64];

	snprintf(ours, sizeof(ours), "%s.own", tree);
	return __real_fopen64(strcmp(path, "/proc/self/cgroup") ? path : ours,
			      mode);
}

FILE *__wrap_setmntent(const char *path, const char *mode);
FILE *__wrap_setmntent(const char *path, const char *mode)
{
	char ours[64];

	(void)path;
	snprintf(ours, sizeof(ours), "%s.mounts", tree);
	return __real_fopen64(ours, mode);
}

/* A new group has its files at once. */
int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode)
{
	static const char *const files[] = {
		"memory.max", "memory.swap.max", "pids.max",
		"cpu.max",    "cgroup.procs",	 "cgroup.subtree_control"
	};

	if (__real_mkdir(path, mode))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		put(path, files[i], "");
	return 0;
}

/* ---- */

static char *at(const char *path)
{
	static char full[PROC_CGROUP_PATH];

	snprintf(full, sizeof(full), "%s%s", tree, path);
	return full;
}

static void we_are_in(const char *path)
{
	char line[128], own[64];

	snprintf(own, sizeof(own), "%s.own", tree);
	snprintf(line, sizeof(line), "1:name=systemd:/x\n0::%s\n", path);
	put("", own, line);
}

static int make_tree(void **state)
{
	char path[64], line[128];

	(void)state;
	strcpy(tree + sizeof(tree) - sizeof("XXXXXX"), "XXXXXX");
	assert_non_null(mkdtemp(tree));
	snprintf(path, sizeof(path), "%s.mounts", tree);
	snprintf(line, sizeof(line), "cgroup2 %s cgroup2 rw 0 0\n", tree);
	put("", path, line);
	put(tree, "cgroup.subtree_control", "cpuset cpu io memory pids\n");
	__wrap_mkdir(at("/user"), 0755);
	put(at("/user"), "cgroup.subtree_control", "cpu memory pids\n");
	__wrap_mkdir(at("/user/u"), 0755);
	put(at("/user/u"), "cgroup.subtree_control", "memory pids\n");
	__wrap_mkdir(at("/user/u/session"), 0755);
	return 0;
}

static int remove_tree(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s %s.own %s.mounts", tree,
		 tree, tree);
	return system(command);
}

static void open_in(const char *own, u32 cpu)
{
	conf_init(&conf);
	conf.app_memory = 1 << 20;
	conf.app_threads = 7;
	conf.app_cpu = cpu;
	we_are_in(own);
	proc_cgroup_open(&g, &conf);
}

static void expect_one_below(const char *path)
{
	char want[PROC_CGROUP_PATH + 32];

	assert_int_equal(g.n, 1);
	snprintf(want, sizeof(want), "%s/ix-%d-", at(path), (int)getpid());
	assert_memory_equal(g.dir[0], want, strlen(want));
	assert_string_equal(get(g.dir[0], "memory.max"), "1048576");
	assert_string_equal(get(g.dir[0], "memory.swap.max"), "0");
	assert_string_equal(get(g.dir[0], "pids.max"), "7");
	assert_int_equal(proc_cgroup_enter(&g), 0);
	assert_string_equal(get(g.dir[0], "cgroup.procs"), "0");
	assert_null(strstr(g.text, "not limited"));
}

static void nearest(void **state)
{
	(void)state;
	open_in("/user/u/session", 0);
	expect_one_below("/user/u");
}

/* A process is in one group: it must have all limits. */
static void one_for_all_limits(void **state)
{
	(void)state;
	open_in("/user/u/session", 50);
	expect_one_below("/user");
	assert_string_equal(get(g.dir[0], "cpu.max"), "50000 100000");
}

static void at_the_top(void **state)
{
	(void)state;
	open_in("/", 50);
	expect_one_below("");
	/* A container's root, above which there is nothing to be seen. */
	open_in("/../elsewhere", 50);
	expect_one_below("");
}

static void what_is_not_there_is_said(void **state)
{
	(void)state;
	put(tree, "cgroup.subtree_control", "pids\n");
	put(at("/user"), "cgroup.subtree_control", "pids\n");
	put(at("/user/u"), "cgroup.subtree_control", "\n");
	open_in("/user/u/session", 50);
	assert_int_equal(g.n, 1);
	assert_string_equal(get(g.dir[0], "pids.max"), "7");
	assert_non_null(strstr(g.text, "memory not limited (no cgroup)"));
	assert_non_null(strstr(g.text, "CPU not limited (no cgroup)"));
	put(tree, "cgroup.subtree_control", "\n");
	put(at("/user"), "cgroup.subtree_control", "\n");
	open_in("/user/u/session", 0);
	assert_int_equal(g.n, 0);
	assert_non_null(strstr(g.text, "threads not limited (no cgroup)"));
}

/* Groups of other pid namespaces, whose numbers mean nothing to us, stay. */
static void sweeps_its_own(void **state)
{
	char mine[PROC_CGROUP_PATH], theirs[PROC_CGROUP_PATH];
	struct stat st;

	(void)state;
	assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
	snprintf(mine, sizeof(mine), "%s/user/ix-99999999-%lu", tree,
		 (unsigned long)st.st_ino);
	snprintf(theirs, sizeof(theirs), "%s/user/ix-99999999-%lu", tree,
		 (unsigned long)st.st_ino + 1);
	assert_int_equal(__real_mkdir(mine, 0755), 0);
	assert_int_equal(__real_mkdir(theirs, 0755), 0);
	open_in("/user", 0);
	assert_int_equal(access(mine, F_OK), -1);
	assert_int_equal(access(theirs, F_OK), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_tree, remove_tree)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(nearest),	      TEST(one_for_all_limits),
		TEST(at_the_top),     TEST(what_is_not_there_is_said),
		TEST(sweeps_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
