/* SPDX-License-Identifier: MIT */
/* What a dataplane without rights and its NIC's keeper say to each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "nic/keep_msg.h"

struct pair {
	int fd[2];
};

enum { US, THEM };

static int begin(void **state)
{
	static struct pair p;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p.fd), 0);
	*state = &p;
	return 0;
}

static int end(void **state)
{
	struct pair *p = *state;

	close(p->fd[US]);
	close(p->fd[THEM]);
	return 0;
}

/* The lowest number that is free: no descriptor has been left behind below. */
static int next_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static void descriptors(void **state)
{
	struct pair *p = *state;
	char msg[] = "four", got[sizeof(msg)];
	const int sent[] = { 0, 1, 2 };
	int fds[2], before = next_fd();

	assert_int_equal(keep_send(p->fd[THEM], msg, sizeof(msg), sent, 1), 0);
	assert_int_equal(keep_receive(p->fd[US], got, sizeof(got), fds, 2), 0);
	assert_string_equal(got, msg);
	assert_true(fcntl(fds[0], F_GETFD) == FD_CLOEXEC);
	assert_int_equal(fds[1], -1);
	close(fds[0]);

	assert_int_equal(keep_send(p->fd[THEM], msg, sizeof(msg), sent, 3), 0);
	assert_int_equal(keep_receive(p->fd[US], got, sizeof(got), fds, 2),
			 -EPROTO);
	assert_int_equal(fcntl(fds[1] + 1, F_GETFD), FD_CLOEXEC);
	close(fds[0]);
	close(fds[1]);
	close(fds[1] + 1);
	assert_int_equal(next_fd(), before);
}

static void ends_in_the_middle(void **state)
{
	struct pair *p = *state;
	char got[8];
	int fds[2], sent = 0, before = next_fd();

	assert_int_equal(keep_send(p->fd[THEM], "half", 4, &sent, 1), 0);
	assert_int_equal(shutdown(p->fd[THEM], SHUT_WR), 0);
	assert_int_equal(keep_receive(p->fd[US], got, sizeof(got), fds, 2),
			 -ECONNRESET);
	assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	close(fds[0]);
	assert_int_equal(next_fd(), before);
}

static atomic_bool over;

static void *drip(void *arg)
{
	const struct timespec pause = { .tv_nsec = 200 * 1000 * 1000 };
	const struct pair *p = arg;

	while (!over && send(p->fd[THEM], "x", 1, MSG_NOSIGNAL) == 1)
		nanosleep(&pause, NULL);
	return NULL;
}

/* Each byte comes in time, and the whole never would. */
static void byte_by_byte(void **state)
{
	struct pair *p = *state;
	const struct timeval patience = { .tv_sec = 2 };
	char got[40];
	time_t began = time(NULL);
	pthread_t thread;
	int fds[2];

	setsockopt(p->fd[US], SOL_SOCKET, SO_RCVTIMEO, &patience,
		   sizeof(patience));
	over = false;
	assert_int_equal(pthread_create(&thread, NULL, drip, p), 0);
	assert_int_equal(keep_receive(p->fd[US], got, sizeof(got), fds, 2),
			 -ETIMEDOUT);
	assert_true(time(NULL) - began >= KEEP_SLOW_S);
	over = true;
	pthread_join(thread, NULL);
}

#define GRANT_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		GRANT_TEST(descriptors),
		GRANT_TEST(ends_in_the_middle),
		GRANT_TEST(byte_by_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
