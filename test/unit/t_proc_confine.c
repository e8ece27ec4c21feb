/* SPDX-License-Identifier: MIT */
/* What a thread of D can still ask of the kernel once it is confined. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "dom/process/process.h"

static struct proc p;
static struct host host;
static struct nic nic;
static char said[4096];
static int dup_of_err;

/* ---- in the thread: no assertions, which would write */

struct result {
	const char *what;
	long got;
	int err;
};

static struct result results[64];
static u32 nresults;

static void note(const char *what, long got)
{
	results[nresults++] = (struct result){ what, got, errno };
}

#define TRY(call) note(#call, (call))

static void refused(void)
{
	static char text[16];
	struct iovec iov = { text, 1 };

	TRY(write(0, text, 1));
	TRY(write(1, text, 1));
	TRY(write(p.alive[1], text, 1));
	TRY(syscall(SYS_write, (u64)p.report_fd | 1ull << 32, text, 8));
	TRY(writev(1, &iov, 1));
	TRY(writev(p.alive[1], &iov, 1));
	TRY(read(0, text, 1));
	TRY(read(p.alive[0], text, 1));
	TRY(open("/etc/passwd", O_RDONLY));
	TRY(socket(AF_NETLINK, SOCK_RAW, 0));
	TRY(sendto(p.alive[1], text, 1, 0, NULL, 0));
	TRY(fcntl(0, F_GETFL));
	TRY(ioctl(0, 0x5401 /* TCGETS */, text));
	TRY(close(0));
	TRY(syscall(SYS_fork));
	TRY(kill(getpid(), 0));
	TRY(syscall(SYS_tgkill, 1, 1, 0));
	TRY(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		 -1, 0) != MAP_FAILED
		    ? 0
		    : -1);
	TRY(mmap(NULL, 4096, PROT_READ, MAP_SHARED, nic.fd[0], 0) != MAP_FAILED
		    ? 0
		    : -1);
	TRY(syscall(SYS_execve, "/bin/true", NULL, NULL));
}

static void allowed(void)
{
	struct pollfd none = { .fd = -1 };
	struct timespec ts = { .tv_nsec = 1000 };
	u64 one = 1;
	struct iovec iov = { &one, sizeof(one) };
	u32 word = 0;

	TRY(write(p.report_fd, &one, sizeof(one)));
	TRY(write(host.threads[0].wake_fd, &one, sizeof(one)));
	TRY(read(host.threads[0].wake_fd, &one, sizeof(one)));
	TRY(writev(nic.fd[0], &iov, 1));
	TRY(readv(nic.fd[0], &iov, 1));
	TRY(ppoll(&none, 1, &ts, NULL));
	TRY(nanosleep(&ts, NULL));
	TRY(syscall(SYS_futex, &word, FUTEX_WAKE, 1));
	TRY(mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED
		    ? 0
		    : -1);
}

/* ... and the thread that reads what any user sends. */
static void control_refused(void)
{
	static char text[16];

	TRY(write(0, text, 1));
	TRY(write(p.alive[1], text, 1));
	TRY(write(p.report_fd, text, 8));
	TRY(read(0, text, 1));
	TRY(open("/etc/passwd", O_RDONLY));
	TRY(socket(AF_UNIX, SOCK_STREAM, 0));
	TRY(syscall(SYS_connect, 0, text, 0));
	TRY(unlink("/nonexistent"));
	TRY(ioctl(0, 0x5401 /* TCGETS */, text));
	TRY(syscall(SYS_fork));
	TRY(kill(getpid(), 0));
	TRY(syscall(SYS_tgkill, 1, 1, 0));
	TRY(mprotect(text, 1, PROT_EXEC));
	TRY(ftruncate(1, 4096));
	TRY(fcntl(1, F_SETFL, 0));
	TRY(mmap(NULL, 4096, PROT_READ, MAP_SHARED, dup_of_err, 0) == MAP_FAILED
		    ? -1
		    : 0);
	TRY(mmap(host.capture.mem, host_capture_len(&host) + 4096, PROT_READ,
		 MAP_SHARED, dup_of_err, 0) == MAP_FAILED
		    ? -1
		    : 0);
	TRY(syscall(SYS_execve, "/bin/true", NULL, NULL));
}

static void control_allowed(void)
{
	u64 one = 1;
	void *memory = malloc(1 << 20);
	int rings = host_capture_begin(&host, HOST_CAPTURE_LEAST);

	TRY(rings);
	host_capture_end(&host);
	TRY(close(rings));
	TRY(write(host.threads[0].wake_fd, &one, sizeof(one)));
	TRY(syscall(SYS_tgkill, getpid(), gettid(), 0));
	TRY(close(dup_of_err));
	TRY(memory ? 0 : -1);
	free(memory);
}

static bool control; /* the control thread's filter */

static void *confined(void *arg)
{
	void (*tries)(void) = arg;

	note("proc_confine()",
	     control ? proc_confine_control(&p) : proc_confine(&p));
	tries();
	return NULL;
}

/* ---- around it */

/* cmocka has a handler for SIGSYS, until the test function begins. */
static void begin(void)
{
	proc_threads_signal();
	p = (struct proc){ .program = "test", .host = &host };
	assert_int_equal(proc_reports_open(&p), 0);
	assert_int_equal(pipe(p.alive), 0);
	nic.fd[0] = eventfd(0, EFD_NONBLOCK);
	host.nic = &nic;
	host.nthreads = 1;
	host.threads[0].wake_fd = eventfd(0, EFD_NONBLOCK);
	host_capture_open(&host);
	assert_non_null(host.capture.mem);
	assert_int_equal(proc_confine_build(&p), 0);
	nresults = 0;
}

static void end(void)
{
	proc_confine_free(&p);
	host_capture_close(&host);
	proc_reports_close(&p);
	close(p.alive[0]);
	close(p.alive[1]);
	close(nic.fd[0]);
	close(host.threads[0].wake_fd);
}

/* Runs @tries in a thread, as the main thread of D; what is said meanwhile goes
 * to `said`. */
static void run(void (*tries)(void))
{
	int fd[2], err = dup(STDERR_FILENO);
	pthread_t id;
	ssize_t n;

	begin();
	assert_int_equal(pipe(fd), 0);
	dup2(fd[1], STDERR_FILENO);
	assert_int_equal(pthread_create(&id, NULL, confined, (void *)tries), 0);
	while (pthread_tryjoin_np(id, NULL)) {
		struct pollfd ring = { .fd = p.report_fd, .events = POLLIN };

		poll(&ring, 1, 1);
		proc_reports(&p);
	}
	dup2(err, STDERR_FILENO);
	close(err);
	close(fd[1]);
	n = read(fd[0], said, sizeof(said) - 1);
	said[max(n, 0)] = 0;
	close(fd[0]);
	end();
	assert_int_equal(results[0].got, 0);
}

static void none_of_it(void (*tries)(void))
{
	run(tries);
	assert_true(nresults > 10);
	for (u32 i = 1; i < nresults; i++)
		if (results[i].got != -1 || results[i].err != EPERM)
			fail_msg("%s: %ld, errno %d", results[i].what,
				 results[i].got, results[i].err);
	assert_string_equal(said, "");
}

static void what_it_may_not(void **state)
{
	none_of_it(refused);
	control = true;
	none_of_it(control_refused);
	control = false;
}

static void all_of_it(void (*tries)(void))
{
	run(tries);
	for (u32 i = 1; i < nresults; i++)
		if (results[i].got < 0)
			fail_msg("%s: %s", results[i].what,
				 strerror(results[i].err));
}

static void what_it_may(void **state)
{
	all_of_it(allowed);
	control = true;
	dup_of_err = dup(STDERR_FILENO);
	all_of_it(control_allowed);
	control = false;
}

static void speak(void)
{
	struct iovec iov[] = { { (void *)"three ", 6 }, { (void *)"four", 4 } };

	TRY(write(2, "one ", 4));
	fprintf(stderr, "two %s", "");
	TRY(writev(2, iov, 2));
}

/* It writes to stderr: that fails, and the main thread says it. */
static void last_words(void **state)
{
	run(speak);
	assert_int_equal(results[1].got, -1);
	assert_int_equal(results[1].err, EPERM);
	assert_int_equal(results[2].got, -1);
	assert_string_equal(said, "one two three four");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_may_not),
		cmocka_unit_test(what_it_may),
		cmocka_unit_test(last_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
