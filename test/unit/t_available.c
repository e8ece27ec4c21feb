/* SPDX-License-Identifier: MIT */
/* dom/host/available.c, cgroups.c: what memory there is, and is it enough. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dom/host/available.h"
#include "dom/host/cgroups.h"

enum { MB = 1 << 20 };

static char why[256];

static int check(struct available a, struct available_need n)
{
	why[0] = 0;
	return available_check(&a, &n, why, sizeof(why));
}

static void says(const char *words)
{
	if (!strstr(why, words))
		fail_msg("no \"%s\" in \"%s\"", words, why);
}

/* All of it, and a 16th stays Linux's. */
static void machine(void **state)
{
	struct available a = { 160 * MB, UINT64_MAX, 0 };
	struct available_need n = { .frames = 50 * MB,
				    .arena = 60 * MB,
				    .private = 40 * MB };

	assert_int_equal(check(a, n), 0);
	n.arena = 62 * MB;
	assert_int_equal(check(a, n), -ENOMEM);
	says("no 152 MB of memory, 150 MB available: arena 62 MB, packet "
	     "buffers (mbufs) 50 MB");
	says("40 MB");
}

static void group(void **state)
{
	struct available a = { 1600 * MB, 160 * MB, 0 };

	assert_int_equal(check(a, (struct available_need){ .arena = 150 * MB }),
			 0);
	assert_int_equal(check(a, (struct available_need){ .arena = 151 * MB }),
			 -ENOMEM);
	says("left in our control group");
}

/* A part is in huge pages or not; private memory never is. */
static void huge(void **state)
{
	struct available a = { 16 * MB, UINT64_MAX, 100 * MB };
	struct available_need n = { 10 * MB, 90 * MB, 15 * MB,
				    HUGEMEM_WANT_ANY };

	assert_int_equal(check(a, n), 0);
	n.want = HUGEMEM_WANT_HUGE;
	assert_int_equal(check(a, n), 0);
	n.private = 16 * MB;
	assert_int_equal(check(a, n), -ENOMEM);
	n.private = 0;
	n.want = HUGEMEM_WANT_THP;
	assert_int_equal(check(a, n), -ENOMEM);
	n.want = HUGEMEM_WANT_SMALL;
	assert_int_equal(check(a, n), -ENOMEM);
	n.want = HUGEMEM_WANT_HUGE;
	n.arena = 92 * MB;
	assert_int_equal(check(a, n), -ENOMEM);
	says("102 MB of huge page memory asked for, 100 MB reserved and free");
	says("vm.nr_hugepages=51");
	n.want = HUGEMEM_WANT_ANY;
	assert_int_equal(check(a, n), -ENOMEM);
	n.arena = 15 * MB; /* both fit */
	assert_int_equal(check(a, n), 0);
}

static void here(void **state)
{
	struct available a;

	available_read(&a);
	assert_true(a.machine > 64 * MB);
	assert_int_equal(a.huge % HUGEMEM_ALIGN, 0);
	print_message("machine %lu MB, group %lu MB, huge pages %lu MB\n",
		      a.machine >> 20, a.group >> 20, a.huge >> 20);
}

/* ---- control groups */

static char dir[] = "/tmp/t_available.XXXXXX";

static void put(const char *file, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void make(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void groups(void **state)
{
	make("a");
	make("a/b");
	assert_true(cgroups_left(dir, "/a/b") == UINT64_MAX);
	put("a/b/memory.max", "max\n");
	put("a/b/memory.current", "100\n");
	assert_true(cgroups_left(dir, "/a/b") == UINT64_MAX);
	put("a/memory.max", "10000\n");
	put("a/memory.current", "4000\n");
	assert_int_equal(cgroups_left(dir, "/a/b"), 6000);
	put("a/memory.stat", "anon 1\ninactive_file 500\nactive_file 7\n");
	assert_int_equal(cgroups_left(dir, "/a/b"), 6500);
	put("a/b/memory.max", "50\n");
	assert_int_equal(cgroups_left(dir, "/a/b"), 0);
	assert_int_equal(cgroups_left(dir, "/a"), 6500);
	assert_true(cgroups_left(dir, "/") == UINT64_MAX);
}

static void groups_v1(void **state)
{
	make("c");
	put("c/memory.limit_in_bytes", "9223372036854771712\n");
	put("c/memory.usage_in_bytes", "3000\n");
	assert_true(cgroups_left(dir, "/c") == UINT64_MAX);
	put("c/memory.limit_in_bytes", "8000\n");
	put("c/memory.stat", "inactive_file 1\ntotal_inactive_file 200\n");
	assert_int_equal(cgroups_left(dir, "/c"), 5200);
}

static int cleanup(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(machine), cmocka_unit_test(group),
		cmocka_unit_test(huge),	   cmocka_unit_test(here),
		cmocka_unit_test(groups),  cmocka_unit_test(groups_v1),
	};

	if (!mkdtemp(dir))
		return 1;
	return cmocka_run_group_tests(tests, NULL, cleanup);
}
