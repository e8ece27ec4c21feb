/* SPDX-License-Identifier: MIT */
/* Processes, threads and signals as an ordinary program has them. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trial.h"

extern char **environ;

static int status_of(pid_t pid)
{
	int status = -1;

	return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

/* ---- fork() */

static int number = 1;
static int *shared; /* MAP_SHARED */

/* In the child: its memory is its own, what was mapped shared is not; it can do
 * what a program does. */
static int child(char *heap, char *read_only, pid_t parent)
{
	int in_stack = 5;

	if (number != 1 || heap[100] != 9 || in_ring3())
		return 1;
	if (ix_poll_io(thread) != -ECHILD)
		return 5;
	number = 2;
	heap[100] = 8;
	*shared = 42;
	catch_all();
	heap = malloc(1 << 20);
	if (!heap || getppid() != parent)
		return 2;
	memset(heap, in_stack, 1 << 20);
	if (mprotect(read_only, 4096, PROT_READ | PROT_WRITE))
		return 3;
	*read_only = 1;
	if (system("exit 3") != 3 << 8)
		return 4;
	return 77;
}

static void forks(void)
{
	char *heap = malloc(300000), *page;
	pid_t pid, self = getpid();
	int status;

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	heap[100] = 9;
	check(served(), "in ring 3");
	pid = fork();
	if (!pid)
		_exit(child(heap, page, self));
	check(in_ring3(), "fork() leaves the parent in ring 3");
	status = status_of(pid);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 77,
	      "a child: status %x", (unsigned)status);
	check(number == 1 && heap[100] == 9 && !*page,
	      "which has not written its parent's memory");
	check(*shared == 42, "but what both share");
	for (int i = 0; i < 5; i++) {
		pid = fork();
		if (!pid)
			_exit(fork() ? wait(&status) < 0 : number + i);
		status = status_of(pid);
		check(!status, "a grandchild: %x", (unsigned)status);
	}
	pid = fork();
	if (!pid)
		abort();
	status = status_of(pid);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
	      "a child that aborts");
	free(heap);
}

static void *fork_there(void *arg)
{
	pid_t pid = fork();

	if (!pid)
		_exit(4);
	*(int *)arg = status_of(pid);
	return NULL;
}

/* ---- exec */

static void programs(void)
{
	char *args[] = { (char *)"bash", (char *)"-c", (char *)"exit 6", NULL };
	char line[64] = "";
	pthread_t id;
	int status = -1;
	pid_t pid;
	FILE *f;

	check(!system("exit 0"), "system()");
	check(!posix_spawn(&pid, "/bin/bash", NULL, NULL, args, environ) &&
		      status_of(pid) == 6 << 8,
	      "posix_spawn()");
	pid = vfork();
	if (!pid) {
		execv("/bin/bash", args);
		_exit(1);
	}
	check(status_of(pid) == 6 << 8, "vfork() and exec");
	pid = fork();
	if (!pid) {
		execv("/bin/bash", args);
		_exit(1);
	}
	check(status_of(pid) == 6 << 8, "fork() and exec");
	f = popen("echo hello", "r");
	check(f && fgets(line, sizeof(line), f) && !strcmp(line, "hello\n") &&
		      !pclose(f),
	      "popen()");
	check(!pthread_create(&id, NULL, fork_there, &status) &&
		      !pthread_join(id, NULL) && status == 4 << 8,
	      "fork() in another thread");
}

/* ---- threads */

static void *elsewhere(void *arg)
{
	return in_ring3() ? NULL : arg;
}

static void threads(void)
{
	pthread_t t[8];
	void *ret;
	int right = 0;

	for (intptr_t i = 0; i < 8; i++)
		if (pthread_create(&t[i], NULL, elsewhere, (void *)(i + 1)))
			t[i] = 0;
	for (intptr_t i = 0; i < 8; i++)
		right += t[i] && !pthread_join(t[i], &ret) &&
			 ret == (void *)(i + 1);
	check(right == 8, "%d threads, in the process", right);
}

/* ---- signals */

static volatile sig_atomic_t got;
static sigjmp_buf back;

static void note(int sig)
{
	got = sig;
}

static void leap(int sig)
{
	got = sig;
	siglongjmp(back, 1);
}

static void signals(void)
{
	sigset_t set, old;

	signal(SIGUSR1, note);
	check(served() && !raise(SIGUSR1) && got == SIGUSR1 && in_ring3(),
	      "raise(): handled, in ring 3 again");
	got = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	raise(SIGUSR1);
	check(!got, "a blocked signal waits");
	sigprocmask(SIG_SETMASK, &old, NULL);
	check(got == SIGUSR1, "until it is not blocked");
	got = 0;
	signal(SIGALRM, note);
	alarm(1);
	check(pause() < 0 && errno == EINTR && got == SIGALRM,
	      "alarm() and pause()");
	signal(SIGUSR2, leap);
	for (int i = 0; i < 3; i++) {
		got = 0;
		if (!sigsetjmp(back, 1))
			raise(SIGUSR2);
		check(got == SIGUSR2 && served() && in_ring3(),
		      "out of a handler by siglongjmp()");
	}
}

void processes(void)
{
	threads();
	forks();
	programs();
	signals();
}
