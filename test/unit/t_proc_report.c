/* SPDX-License-Identifier: MIT */
/* D's messages on a stderr that another process stops, fills, or closes: they
 * are lost, and D goes on. What would hang hangs the test. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "dom/process/process.h"

enum { RACES = 20000, ROUND = 4096 };

static struct proc p;
static int real_stderr;

/* What has been said on a descriptor. */
static const char *heard(int fd)
{
	static char text[65536 * 2];
	ssize_t n = 0, got;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while ((got = read(fd, text + n, sizeof(text) - 1 - (size_t)n)) > 0)
		n += got;
	text[n] = 0;
	return text;
}

static void become_stderr(int fd)
{
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	close(fd);
}

static int setup(void **state)
{
	proc_threads_signal();
	real_stderr = dup(STDERR_FILENO);
	p = (struct proc){ .program = "test" };
	assert_int_equal(proc_reports_open(&p), 0);
	return 0;
}

static int teardown(void **state)
{
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	p.unsaid = 0;
	proc_reports_close(&p);
	return 0;
}

static void full_pipe(void **state)
{
	static const char fill[ROUND];
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	fcntl(fd[1], F_SETFL, O_NONBLOCK);
	while (write(fd[1], fill, sizeof(fill)) > 0)
		;
	fcntl(fd[1], F_SETFL, 0); /* A shares it, and these flags */
	become_stderr(fd[1]);
	proc_say(&p, "one %d\n", 1);
	proc_say(&p, "two\n");
	assert_int_equal(p.unsaid, 2);
	heard(fd[0]);
	proc_say(&p, "three\n");
	assert_int_equal(p.unsaid, 0);
	assert_string_equal(heard(fd[0]),
			    "\nix: messages lost, for stderr was stopped or "
			    "full: 2\nthree\n");
	close(fd[0]);
	proc_say(&p, "to nobody\n"); /* no SIGPIPE */
	assert_int_equal(p.unsaid, 1);
}

static void stopped_terminal(void **state)
{
	int pty = posix_openpt(O_RDWR | O_NOCTTY);
	struct termios raw;

	assert_true(pty >= 0 && !grantpt(pty) && !unlockpt(pty));
	become_stderr(open(ptsname(pty), O_RDWR | O_NOCTTY));
	tcgetattr(STDERR_FILENO, &raw);
	cfmakeraw(&raw);
	tcsetattr(STDERR_FILENO, TCSANOW, &raw);
	proc_say(&p, "before\n");
	assert_int_equal(tcflow(STDERR_FILENO, TCOOFF), 0);
	proc_say(&p, "meanwhile\n");
	assert_int_equal(p.unsaid, 1);
	assert_int_equal(tcflow(STDERR_FILENO, TCOON), 0);
	proc_say(&p, "after\n");
	assert_int_equal(p.unsaid, 0);
	assert_string_equal(heard(pty),
			    "before\n\nix: messages lost, for stderr was "
			    "stopped or full: 1\nafter\n");
	close(pty);
}

static void closed(void **state)
{
	close(STDERR_FILENO);
	proc_say(&p, "nobody\n");
	assert_int_equal(p.unsaid, 1);
}

static void *filler(void *arg)
{
	static const char fill[ROUND];
	int fd = *(int *)arg;

	while (write(fd, fill, sizeof(fill)) > 0)
		;
	return NULL;
}

/* Another one takes the room between the look for it and the write: the write
 * blocks then, and there is nobody else to read. */
static void races(void **state)
{
	char text[ROUND];
	pthread_t id;
	int fd[2], writer;

	assert_int_equal(pipe(fd), 0);
	writer = dup(fd[1]);
	become_stderr(fd[1]);
	assert_int_equal(pthread_create(&id, NULL, filler, &writer), 0);
	for (int i = 0; i < RACES; i++) {
		while (read(fd[0], text, sizeof(text)) < 0)
			;
		proc_say(&p, "%0300d\n", i);
	}
	close(fd[0]);
	pthread_join(id, NULL);
	close(writer);
}

/* A thread that has been stuck and goes on leaves word, and rings. */
static void from_threads(void **state)
{
	struct host_thread t = { .index = 3 };
	int fd[2];

	p.nthreads = 1;
	p.threads[0].host = &t;
	assert_int_equal(pipe(fd), 0);
	become_stderr(fd[1]);
	proc_reports(&p); /* nobody has rung */
	p.threads[0].stuck_s = 2;
	proc_report(&p);
	proc_reports(&p);
	proc_report(&p);
	proc_reports(&p);
	p.threads[0].stuck_s = 0;
	proc_report(&p);
	proc_reports(&p);
	assert_string_equal(heard(fd[0]),
			    "ix: thread 3: test has kept its core for 2 s; its "
			    "connections are looked after\n"
			    "ix: thread 3: test goes on\n");
	close(fd[0]);
}

/* The signal for refused calls, sent by somebody, with the number of one. */
static void not_refused(void **state)
{
	int fd[2];

	proc_reports_close(&p); /* the handler is cmocka's in a test */
	assert_int_equal(proc_reports_open(&p), 0);
	assert_int_equal(pipe(fd), 0);
	become_stderr(fd[1]);
	assert_int_equal(sigqueue(getpid(), SIGSYS,
				  (union sigval){ .sival_int = SYS_write }),
			 0);
	proc_reports(&p);
	assert_string_equal(heard(fd[0]), "");
	close(fd[0]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(full_pipe), T(stopped_terminal), T(closed),
		T(races),     T(from_threads),	   T(not_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
