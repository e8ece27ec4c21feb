/* SPDX-License-Identifier: MIT */
/* dom/host/stat*.c: pages are found while their writer lives, and no longer;
 * what others put there is harmless. As root also with other users' pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/types.h"
#include "dom/host/statfile.h"

enum { USER = 4242, MOST = 1024, MOST_EACH = 128 };

static char dir[] = "/tmp/t_statfile.XXXXXX";
static struct statfile_found found[MOST];

static int lock(int fd, short type)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLK, &l);
}

/* Nobody else may write it, and so lock it, whatever the umask is. */
static void only_its_owner_writes_it(void **state)
{
	struct statfile f;
	struct stat st;

	umask(0);
	assert_int_equal(statfile_create(&f, dir, 0), 0);
	assert_int_equal(stat(f.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	statfile_remove(&f);
	umask(077);
	assert_int_equal(statfile_create(&f, dir, 0), 0);
	assert_int_equal(stat(f.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	statfile_remove(&f);
	assert_int_equal(umask(022), 077);
}

static void live(void **state)
{
	struct statfile f[2];

	assert_int_equal(statfile_create(&f[1], dir, 1), 0);
	assert_int_equal(statfile_create(&f[0], dir, 0), 0);
	f[1].page->stat.rx_packets = 7;
	snprintf(f[0].page->name, sizeof(f[0].page->name), "me");
	assert_int_equal(statfile_list(dir, found, 4), 2);
	assert_int_equal(found[0].thread, 0);
	assert_int_equal(found[1].thread, 1);
	assert_int_equal(found[1].pid, getpid());
	assert_int_equal(found[1].owner, geteuid());
	assert_int_equal(found[1].page.stat.rx_packets, 7);
	assert_string_equal(found[0].page.name, "me");
	assert_int_equal(statfile_list(dir, found, 1), 1);
	statfile_remove(&f[0]);
	assert_int_equal(statfile_list(dir, found, 4), 1);
	statfile_remove(&f[1]);
	statfile_remove(&f[1]);
	assert_int_equal(statfile_list(dir, found, 4), 0);
	assert_int_equal(access(dir, F_OK), 0); /* it was asked for */
}

/* A writer that just died leaves its file; the next look removes it. */
static void stale(void **state)
{
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

/* A child makes a page and ends, but can still be found: who may only read the
 * page holds all the locks that there are. */
static void locked_by_a_reader(void **state)
{
	struct statfile f;
	char path[64];
	siginfo_t ended;
	int status, fd;
	pid_t pid = fork();

	if (!pid)
		_exit(statfile_create(&f, dir, 0) ? 1 : 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT),
			 0);
	snprintf(path, sizeof(path), "%s/%d.0", dir, (int)pid);
	fd = open(path, O_RDONLY);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	assert_int_equal(lock(fd, F_RDLCK), 0);
	assert_int_equal(lock(fd, F_WRLCK), -1);
	assert_int_equal(statfile_list(dir, found, 4), 0);
	assert_int_not_equal(access(path, F_OK), 0);
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* ... nor is one believed that others may write. */
static void writable_by_others(void **state)
{
	static const mode_t bad[] = { 0664, 0646, 0622 };
	struct statfile f;

	assert_int_equal(statfile_create(&f, dir, 0), 0);
	assert_int_equal(statfile_list(dir, found, 4), 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(fchmod(f.fd, bad[i]), 0);
		assert_int_equal(statfile_list(dir, found, 4), 0);
	}
	statfile_remove(&f);
}

/* What else lies in the directory is left alone, and not waited for. */
static void foreign(void **state)
{
	static const char *const names[] = { "12.x", "13.0", "14.0", "15.0" };
	char path[4][64];

	for (int i = 0; i < 4; i++)
		snprintf(path[i], sizeof(path[i]), "%s/%s", dir, names[i]);
	fclose(fopen(path[0], "w"));
	assert_int_equal(mkfifo(path[1], 0644), 0);
	assert_int_equal(symlink("/dev/zero", path[2]), 0);
	assert_int_equal(mkdir(path[3], 0755), 0);
	alarm(10);
	assert_int_equal(statfile_list(dir, found, 4), 0);
	alarm(0);
	rmdir(path[3]);
	for (int i = 0; i < 3; i++)
		assert_int_equal(unlink(path[i]), 0);
	assert_int_equal(statfile_list("/nonexistent", found, 4), 0);
}

/* A page is cut when it has been found, and before. */
static void truncated(void **state)
{
	struct statfile f;

	assert_int_equal(statfile_create(&f, dir, 0), 0);
	f.page->stat.rx_packets = 5;
	assert_int_equal(statfile_list(dir, found, 1), 1);
	assert_int_equal(ftruncate(f.fd, 0), 0);
	assert_int_equal(found[0].page.stat.rx_packets, 5);
	assert_int_equal(statfile_list(dir, found, 1), 0);
	assert_int_equal(ftruncate(f.fd, 100), 0);
	assert_int_equal(statfile_list(dir, found, 1), 0);
	statfile_remove(&f);
}

/* Escapes would do to a terminal what they like; no end, no bound. */
static void text(void **state)
{
	struct statfile f;
	struct statfile_page *p = &found[0].page;

	assert_int_equal(statfile_create(&f, dir, 0), 0);
	memset(f.page->name, 'n', sizeof(f.page->name));
	snprintf(f.page->about, sizeof(f.page->about), "a\33[2J\n\x9b\x7f b");
	assert_int_equal(statfile_list(dir, found, 1), 1);
	assert_int_equal(strlen(p->name), sizeof(p->name) - 1);
	assert_string_equal(p->about, "a?[2J??? b");
	statfile_remove(&f);
}

/* ---- other users: a child makes a page as one of them, and keeps it until
 * end() */

static struct {
	pid_t pid;
	int ready, go;
	char dir[STATDIR_PATH]; /* where its page is */
} child;

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;

	close(fd);
	return ok;
}

/* Root of a user namespace, as every user may be. */
static bool own_namespace(void)
{
	char map[32];

	snprintf(map, sizeof(map), "0 %u 1", (unsigned int)geteuid());
	prctl(PR_SET_DUMPABLE, 1); /* its files in /proc are its own */
	return !unshare(CLONE_NEWUSER) &&
	       write_file("/proc/self/uid_map", map) && !geteuid();
}

static int in_child(uid_t uid, bool namespace, int ready, int go)
{
	struct statfile f;
	char c;

	unsetenv("XDG_RUNTIME_DIR");
	if (setgid(uid) || setuid(uid))
		return 2;
	if (namespace && !own_namespace())
		return 77;
	if (statfile_create(&f, "", 0))
		return 3;
	snprintf(f.page->name, sizeof(f.page->name), "theirs");
	if (write(ready, f.dir, sizeof(f.dir)) != sizeof(f.dir) ||
	    read(go, &c, 1)) /* end(), and the end of the pipe */
		return 4;
	statfile_remove(&f);
	return access(f.dir, F_OK) ? 0 : 5;
}

/* False: it has ended already. */
static bool begin(uid_t uid, bool namespace)
{
	int ready[2], go[2];

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	child.pid = fork();
	if (!child.pid) {
		alarm(30);
		close(go[1]);
		_exit(in_child(uid, namespace, ready[1], go[0]));
	}
	close(ready[1]);
	close(go[0]);
	child.ready = ready[0];
	child.go = go[1];
	return read(child.ready, child.dir, sizeof(child.dir)) ==
	       sizeof(child.dir);
}

/* Its exit status: 0, and its directory is gone. */
static int end(void)
{
	int status;

	close(child.go);
	close(child.ready);
	assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* How many pages of the child's there are in @in, or anywhere. */
static int of_child(const char *in)
{
	int n = statfile_list(in, found, MOST), of = 0;

	for (int i = 0; i < n; i++) {
		if (found[i].pid != child.pid || found[i].thread)
			continue;
		assert_int_equal(found[i].owner, USER);
		of++;
	}
	return of;
}

static void need_root(void)
{
	if (geteuid()) {
		print_message("skipped: needs root\n");
		skip();
	}
}

/* Found, and whose it is, where the directory is theirs. */
static void of_another(void **state)
{
	need_root();
	assert_true(begin(USER, false));
	assert_string_equal(child.dir, "/dev/shm/ix-4242");
	assert_int_equal(of_child(""), 1);
	assert_int_equal(of_child(child.dir), 0); /* asked for: root's only */
	assert_int_equal(end(), 0);
	assert_int_equal(of_child(""), 0);
}

/* Somebody sits on the name: another one is taken, and found. */
static void name_is_taken(void **state)
{
	need_root();
	assert_int_equal(mkdir("/dev/shm/ix-4242", 0755), 0);
	assert_true(begin(USER, false));
	assert_int_equal(strncmp(child.dir, "/dev/shm/ix-4242-", 17), 0);
	assert_int_equal(of_child(""), 1);
	assert_int_equal(end(), 0);
	assert_int_equal(rmdir("/dev/shm/ix-4242"), 0);
}

/* Root of its own namespace is a user outside, and gets in nobody's way. */
static void root_of_a_namespace(void **state)
{
	need_root();
	if (!begin(USER, true)) {
		assert_int_equal(end(), 77);
		print_message("skipped: no user namespaces\n");
		skip();
	}
	assert_string_equal(child.dir, "/dev/shm/ix-4242");
	assert_int_equal(of_child(""), 1);
	assert_int_equal(end(), 0);
}

/* A page as @owner's about @pid, in @in, with somebody alive behind it. */
static int forge(const char *in, pid_t pid, uid_t owner, char path[64])
{
	struct statfile_page page = { .stat.version = IX_STAT_VERSION };
	int fd;

	snprintf(path, 64, "%s/%d.0", in, (int)pid);
	fd = open(path, O_RDWR | O_CREAT, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, &page, sizeof(page)), sizeof(page));
	assert_int_equal(fchown(fd, owner, owner), 0);
	assert_int_equal(lock(fd, F_WRLCK), 0);
	return fd;
}

static int of_init(const char *in)
{
	int n = statfile_list(in, found, MOST), of = 0;

	for (int i = 0; i < n; i++)
		of += found[i].pid == 1;
	return of;
}

/* Whose it is not: another's file among root's, a directory that is not whose
 * its name says, another's process, one that there is not. */
static void false_names(void **state)
{
	static char user[] = "/dev/shm/ix-4242", other[] = "/dev/shm/ix-4243";
	char path[3][64];
	int fd[3];

	need_root();
	assert_int_equal(mkdir(user, 0755), 0);
	assert_int_equal(mkdir(other, 0755), 0);
	assert_int_equal(chown(user, USER, USER), 0);
	assert_int_equal(chown(other, USER, USER), 0);
	fd[0] = forge(dir, 1, USER, path[0]);
	assert_int_equal(of_init(dir), 0);
	assert_int_equal(chown(path[0], 0, 0), 0);
	assert_int_equal(of_init(dir), 1); /* root's word */
	fd[1] = forge(user, 1, USER, path[1]);
	fd[2] = forge(other, 1, USER, path[2]);
	assert_int_equal(of_init(""), 0);
	close(fd[0]);
	assert_int_equal(of_init(dir), 0);
	assert_int_not_equal(access(path[0], F_OK), 0);
	for (int i = 1; i < 3; i++) {
		close(fd[i]);
		unlink(path[i]);
	}
	assert_int_equal(rmdir(user), 0);
	assert_int_equal(rmdir(other), 0);
	assert_int_equal(chown(dir, USER, USER), 0);
	close(forge(dir, getpid(), 0, path[0]));
	assert_int_equal(statfile_list(dir, found, MOST), 0);
	assert_int_equal(chown(dir, 0, 0), 0);
	unlink(path[0]);
}

/* A process of @uid's, and how many pages about it in @in. */
static pid_t bystander(uid_t uid, const char *in, int fd[64], u32 n)
{
	char name[64], path[64];
	pid_t pid = fork();

	if (!pid) {
		if (setuid(uid))
			_exit(1);
		alarm(10);
		pause();
	}
	for (u32 i = n; i--;) {
		fd[i] = forge(in, pid, uid, path);
		snprintf(name, sizeof(name), "%s/%d.%u", in, (int)pid, i);
		assert_int_equal(rename(path, name), 0);
	}
	return pid;
}

static int listed(uid_t owner)
{
	int n = statfile_list("", found, MOST), of = 0;

	for (int i = 0; i < n; i++)
		of += found[i].owner == owner;
	return of;
}

static void flood_names(const char *what, int n)
{
	char path[64];

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/dev/shm/ix-4243-%d", i);
		if (!strcmp(what, "make")) {
			assert_int_equal(mkdir(path, 0755), 0);
			assert_int_equal(chown(path, USER + 2, USER + 2), 0);
		} else {
			assert_int_equal(rmdir(path), 0);
		}
	}
}

/* Who makes pages, processes and directories without end hides nobody else. */
static void floods(void **state)
{
	static char user[] = "/dev/shm/ix-4242", other[] = "/dev/shm/ix-4243";
	static int fd[4][64];
	pid_t pid[4];

	need_root();
	assert_int_equal(mkdir(user, 0755), 0);
	assert_int_equal(chown(user, USER, USER), 0);
	assert_int_equal(mkdir(other, 0755), 0);
	assert_int_equal(chown(other, USER + 1, USER + 1), 0);
	pid[3] = bystander(USER, user, fd[3], 1);
	for (int i = 0; i < 3; i++)
		pid[i] = bystander(USER + 1, other, fd[i], 64);
	flood_names("make", 5000);
	usleep(100000); /* until they are who they are */
	assert_int_equal(listed(USER), 1);
	assert_int_equal(listed(USER + 1), MOST_EACH);
	flood_names("remove", 5000);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(kill(pid[i], SIGKILL), 0);
		assert_int_equal(waitpid(pid[i], NULL, 0), pid[i]);
		for (int k = 0; k < 64 && fd[i][k]; k++)
			close(fd[i][k]);
	}
	assert_int_equal(system("rm -r /dev/shm/ix-4242 /dev/shm/ix-4243"), 0);
}

/* One process has one name for each of its pages. */
static void other_spellings(void **state)
{
	static const char *const as[] = { "0%d.0", "+%d.0", " %d.0", "%d.00",
					  "%d.+0" };
	struct statfile f;
	char name[64], path[128];

	assert_int_equal(statfile_create(&f, dir, 0), 0);
	for (size_t i = 0; i < sizeof(as) / sizeof(*as); i++) {
		snprintf(name, sizeof(name), as[i], (int)getpid());
		snprintf(path, sizeof(path), "%s/%s", dir, name);
		assert_int_equal(link(f.path, path), 0);
		assert_int_equal(statfile_list(dir, found, MOST), 1);
		assert_int_equal(unlink(path), 0);
	}
	statfile_remove(&f);
}

static int cleanup(void **state)
{
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_its_owner_writes_it),
		cmocka_unit_test(live),
		cmocka_unit_test(stale),
		cmocka_unit_test(locked_by_a_reader),
		cmocka_unit_test(writable_by_others),
		cmocka_unit_test(foreign),
		cmocka_unit_test(truncated),
		cmocka_unit_test(text),
		cmocka_unit_test(of_another),
		cmocka_unit_test(name_is_taken),
		cmocka_unit_test(root_of_a_namespace),
		cmocka_unit_test(false_names),
		cmocka_unit_test(floods),
		cmocka_unit_test(other_spellings),
	};

	if (!mkdtemp(dir))
		return 1;
	/* Of a run that was cut short, by a planted bug say. */
	if (system("rm -rf /dev/shm/ix-4242 /dev/shm/ix-4242-* "
		   "/dev/shm/ix-4243 /dev/shm/ix-4243-*"))
		return 1;
	return cmocka_run_group_tests(tests, NULL, cleanup);
}
