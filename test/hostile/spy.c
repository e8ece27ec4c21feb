/* SPDX-License-Identifier: MIT */
/*
 * What a hostile application does with its processes and memory before, or
 * instead of, becoming a server. tenants.py runs it.
 *
 *	spy orphans ONCE PROGRAM...	if there is no such file: makes it, and
 *					children that write all shared memory
 *					when it is empty no more
 *	spy pass SOCKET PROGRAM...	gives its memfds to who listens there
 *	spy look PID...			tries what one could do to processes
 *	spy memory | shm | files | forks | cpu
 *					takes all it can, and stays
 *	spy alone PID			what is allowed where A must be one
 *					process; PID is of the same user
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	UP,
	DOWN,
	FRAMES,
	ARENA,
	NSHARED,
	ORPHANS = 8,
	SPINNERS = 4,
	LIFE_S = 30
};

static int shared[NSHARED];

static bool find_shared(void)
{
	const char *env = getenv("IX_PROCESS");

	return env && sscanf(env, "%d %d %d %d", &shared[UP], &shared[DOWN],
			     &shared[FRAMES], &shared[ARENA]) == NSHARED;
}

static char *map(int fd, size_t *len)
{
	struct stat st;
	char *p;

	if (fstat(fd, &st))
		return NULL;
	*len = (size_t)st.st_size;
	p = mmap(NULL, *len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* Until it is killed, or LIFE_S: other's sends, turns and batches, when
 * @once is empty no more. */
static _Noreturn void scribble(const char *once, unsigned int seed)
{
	size_t arena_len, down_len;
	char *arena = map(shared[ARENA], &arena_len);
	char *down = map(shared[DOWN], &down_len);
	struct stat st;

	for (int i = 1; i < 65; i++)
		signal(i, SIG_IGN);
	setsid();
	alarm(0);
	for (time_t end = time(NULL) + LIFE_S; time(NULL) < end;) {
		usleep(1000);
		if (stat(once, &st) || !st.st_size)
			continue;
		for (int i = 0; i < 1000 && arena && down; i++) {
			arena[(size_t)rand_r(&seed) % arena_len] ^= 1;
			down[(size_t)rand_r(&seed) % down_len] ^= 1;
		}
		if (down)
			syscall(SYS_futex, down + 64, FUTEX_WAKE, 9, 0, 0, 0);
	}
	_exit(0);
}

static int orphans(const char *once)
{
	int fd = open(once, O_CREAT | O_EXCL, 0600);

	if (fd < 0)
		return 0;
	for (unsigned int i = 0; i < ORPHANS; i++) {
		pid_t pid = fork();

		if (!pid) {
			if (!fork())
				scribble(once, i);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	return 0;
}

static int pass(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(shared))];
	} control = { .h = { .cmsg_level = SOL_SOCKET,
			     .cmsg_type = SCM_RIGHTS,
			     .cmsg_len = CMSG_LEN(sizeof(shared)) } };
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	memcpy(CMSG_DATA(&control.h), shared, sizeof(shared));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
		return -1;
	return sendmsg(fd, &m, 0) == 1 ? 0 : -1;
}

/* ---- other processes */

static int done; /* what should not have worked */

static void expect_refused(const char *what, long pid, long got)
{
	if (got < 0)
		return;
	printf("spy: %s of %ld worked\n", what, pid);
	done++;
}

static void look_at(pid_t pid)
{
	char path[64];
	cpu_set_t all;

	CPU_ZERO(&all);
	CPU_SET(0, &all);
	for (int i = 0; i < 4; i++) {
		static const char *const names[] = { "mem", "maps", "environ",
						     "fd" };

		snprintf(path, sizeof(path), "/proc/%d/%s", pid, names[i]);
		expect_refused(path, pid, open(path, O_RDONLY));
	}
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	expect_refused("writing memory", pid, open(path, O_RDWR));
	expect_refused("ptrace", pid, ptrace(PTRACE_SEIZE, pid, 0, 0));
	expect_refused("priority", pid,
		       setpriority(PRIO_PROCESS, (id_t)pid, 19));
	expect_refused("core", pid, sched_setaffinity(pid, sizeof(all), &all));
	expect_refused("signal", pid, kill(pid, 0));
}

/* ---- exhaustion; each stays a while, so that others can be watched */

static void take_memory(void)
{
	static char page[1 << 20];

	memset(page, 1, sizeof(page));
	for (int i = 0; i < 1 << 20; i++) {
		int fd = memfd_create("hoard", 0);

		if (fd < 0 ||
		    write(fd, page, sizeof(page)) != (ssize_t)sizeof(page))
			break;
	}
}

/* Its own, and a limit's: else the machine's would be full. */
static void take_shm(void)
{
	static char page[1 << 20];
	int fd = open("/dev/shm/ix-spy", O_CREAT | O_WRONLY, 0600);

	memset(page, 1, sizeof(page));
	for (int i = 0; i < 1 << 20; i++)
		if (write(fd, page, sizeof(page)) != (ssize_t)sizeof(page))
			break;
}

static void take_cpu(void)
{
	for (int i = 0; i < SPINNERS && fork(); i++)
		;
	for (time_t end = time(NULL) + LIFE_S; time(NULL) < end;)
		;
}

static void take_files(void)
{
	struct rlimit r;

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	for (int n = 0; n < 1 << 22; n++)
		if (eventfd(0, 0) < 0)
			break;
}

static void take_processes(void)
{
	int n = 0;

	while (n < 1 << 20) {
		pid_t pid = fork();

		if (!pid) {
			sleep(LIFE_S);
			_exit(0);
		}
		if (pid < 0)
			break;
		n++;
	}
	printf("spy: %d processes\n", n);
}

/* ---- one process only */

static void *thread(void *arg)
{
	*(bool *)arg = true;
	return NULL;
}

static void alone(pid_t neighbour)
{
	char path[64];
	bool ran = false;
	pthread_t t;

	snprintf(path, sizeof(path), "/proc/%d/mem", neighbour);
	expect_refused(path, neighbour, open(path, O_RDWR));
	snprintf(path, sizeof(path), "/proc/%d/environ", neighbour);
	expect_refused(path, neighbour, open(path, O_RDONLY));
	expect_refused("kill()", neighbour, kill(neighbour, 0));
	expect_refused("fork()", 0, fork());
	expect_refused("vfork()", 0, syscall(SYS_vfork));
	expect_refused("clone()", 0, syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
	expect_refused("clone3()", 0, syscall(SYS_clone3, NULL, 0));
	expect_refused("kill()", getppid(), kill(getppid(), 0));
	expect_refused("kill()", -1, kill(-1, 0));
	expect_refused("kill()", 0, kill(0, 0));
	if (kill(getpid(), 0) || pthread_create(&t, NULL, thread, &ran) ||
	    pthread_join(t, NULL) || !ran) {
		printf("spy: threads and signals to itself do not work\n");
		done++;
	}
}

static int stay(void)
{
	fflush(stdout);
	sleep(LIFE_S);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!find_shared())
		return 77;
	if (argc > 3 && !strcmp(what, "orphans"))
		orphans(argv[2]);
	else if (argc > 3 && !strcmp(what, "pass"))
		pass(argv[2]);
	else if (!strcmp(what, "memory"))
		return take_memory(), stay();
	else if (!strcmp(what, "shm"))
		return take_shm(), stay();
	else if (!strcmp(what, "cpu"))
		return take_cpu(), 0;
	else if (!strcmp(what, "files"))
		return take_files(), stay();
	else if (!strcmp(what, "forks"))
		return take_processes(), stay();
	else if (argc > 2 && !strcmp(what, "alone"))
		return alone(atoi(argv[2])), printf("spy: %d done\n", done),
		       done != 0;
	else {
		for (int i = 2; i < argc; i++)
			look_at(atoi(argv[i]));
		return printf("spy: %d done\n", done), done != 0;
	}
	execv(argv[3], argv + 3);
	return 126;
}
