/* SPDX-License-Identifier: MIT */
/* dom/host/statfile.c: pages are found while their writer lives, and no longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dom/host/statfile.h"

static char dir[] = "/tmp/t_statfile.XXXXXX";

static void live(void **state)
{
	struct statfile f[2];
	struct statfile_found found[4];

	assert_int_equal(statfile_create(&f[1], dir, 1), 0);
	assert_int_equal(statfile_create(&f[0], dir, 0), 0);
	f[1].page->stat.rx_packets = 7;
	snprintf(f[0].page->name, sizeof(f[0].page->name), "me");
	assert_int_equal(statfile_list(dir, found, 4), 2);
	assert_int_equal(found[0].thread, 0);
	assert_int_equal(found[1].thread, 1);
	assert_int_equal(found[1].pid, getpid());
	assert_int_equal(found[1].page->stat.rx_packets, 7);
	assert_string_equal(found[0].page->name, "me");
	f[1].page->stat.rx_packets++;
	assert_int_equal(found[1].page->stat.rx_packets, 8);
	statfile_unmap(found, 2);
	assert_int_equal(statfile_list(dir, found, 1), 1);
	statfile_unmap(found, 1);
	statfile_remove(&f[0]);
	assert_int_equal(statfile_list(dir, found, 4), 1);
	statfile_unmap(found, 1);
	statfile_remove(&f[1]);
	statfile_remove(&f[1]);
	assert_int_equal(statfile_list(dir, found, 4), 0);
}

/* A writer that just died leaves its file; the next look removes it. */
static void stale(void **state)
{
	struct statfile_found found[4];
	struct statfile f;
	char path[64];
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(statfile_create(&f, dir, 3) ? 1 : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	snprintf(path, sizeof(path), "%s/%d.3", dir, (int)pid);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(statfile_list(dir, found, 4), 0);
	assert_int_not_equal(access(path, F_OK), 0);
}

/* What else lies in the directory is left alone. */
static void foreign(void **state)
{
	struct statfile_found found[4];
	char path[64];

	snprintf(path, sizeof(path), "%s/12.x", dir);
	fclose(fopen(path, "w"));
	assert_int_equal(statfile_list(dir, found, 4), 0);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	assert_int_equal(statfile_list("/nonexistent", found, 4), 0);
}

static int cleanup(void **state)
{
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(live),
		cmocka_unit_test(stale),
		cmocka_unit_test(foreign),
	};

	if (!mkdtemp(dir))
		return 1;
	return cmocka_run_group_tests(tests, NULL, cleanup);
}
