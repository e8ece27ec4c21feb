/* SPDX-License-Identifier: MIT */
/* dom/host/lines.c: what clients send, and how, harms nobody but themselves.
 * The time is the test's. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "dom/host/lines.h"

static char dir[] = "/tmp/t_lines.XXXXXX", path[64];
static struct lines l;
static u64 now;
static u32 answers, goers;
static bool trust; /* our user, for who connects now */
static bool refuses;
static size_t padding; /* of answers */
static int passed = -1;

static bool trusts(void *arg, uid_t uid)
{
	return trust;
}

/* "you said LINE" */
static char *answer(void *arg, const struct lines_peer *peer, const char *line,
		    size_t len, struct lines_fds *pass)
{
	char *out = NULL;

	answers++;
	assert_int_equal(strlen(line), len);
	assert_int_equal(peer->uid, geteuid());
	assert_int_not_equal(peer->id, 0);
	if (refuses)
		return NULL;
	if (passed >= 0)
		pass->fd[pass->n++] = passed;
	assert_true(asprintf(&out, "you said %s%*s", line, (int)padding, "") >
		    0);
	return out;
}

static void gone(void *arg, u64 id)
{
	goers++;
}

static int setup(void **state)
{
	l = (struct lines){ .trusts = trusts, .answer = answer, .gone = gone };
	l.fd = lines_listen(path);
	assert_true(l.fd >= 0);
	now = 1000000000;
	answers = goers = 0;
	padding = 0;
	trust = true;
	refuses = false;
	return 0;
}

static int teardown(void **state)
{
	u32 n = l.n, before = goers;

	lines_close(&l);
	assert_int_equal(goers - before, n);
	return 0;
}

/* Rounds, until there is nothing to do. */
static void serve(void)
{
	for (int i = 0; i < 30; i++) {
		lines_wait(&l, NULL, 0, 0, now);
		lines_serve(&l, now);
	}
}

static int dial(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(a.sun_path, path);
	if (connect(fd, (const void *)&a, sizeof(a))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int client(void)
{
	int fd = dial();

	if (fd >= 0)
		serve();
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
			 strlen(text));
	serve();
}

static char heard[1 << 20];

/* What has come for @fd; NULL: the end. */
static const char *hear(int fd)
{
	ssize_t n = recv(fd, heard, sizeof(heard) - 1, 0);

	heard[max(n, (ssize_t)0)] = 0;
	return n > 0 || (n < 0 && errno == EAGAIN) ? heard : NULL;
}

static void requests(void **state)
{
	int fd = client();

	say(fd, "hello\n");
	assert_string_equal(hear(fd), "you said hello\n");
	say(fd, "in ");
	assert_string_equal(hear(fd), "");
	say(fd, "parts\nand more");
	assert_string_equal(hear(fd), "you said in parts\n");
	say(fd, "\n\nx\n");
	assert_string_equal(hear(fd),
			    "you said and more\nyou said \nyou said x\n");
	close(fd);
	serve();
	assert_int_equal(l.n, 0);
	assert_int_equal(goers, 1);
}

/* Who sends and closes its half is answered, too. */
static void half_closed(void **state)
{
	int fd = client();

	send(fd, "hello\n", 6, 0);
	shutdown(fd, SHUT_WR);
	serve();
	assert_string_equal(hear(fd), "you said hello\n");
	assert_null(hear(fd));
	assert_int_equal(l.n, 0);
	close(fd);
}

static void refused(void **state)
{
	int fd = client();

	refuses = true;
	say(fd, "hello\n");
	assert_null(hear(fd));
	close(fd);
}

static void too_long(void **state)
{
	char line[LINES_REQUEST + 1];
	int fd = client();

	memset(line, 'x', sizeof(line));
	line[LINES_REQUEST - 1] = '\n';
	line[LINES_REQUEST] = 0;
	say(fd, line);
	assert_int_equal(strlen(hear(fd)), LINES_REQUEST + 9);
	line[LINES_REQUEST - 1] = 'x';
	say(fd, line);
	assert_non_null(strstr(hear(fd), "too long"));
	assert_null(hear(fd));
	assert_int_equal(answers, 1);
	close(fd);
}

/* A half line, and an answer that is not read, have their time; who just waits
 * has all of it. */
static void slow(void **state)
{
	int half = client(), deaf = client(), idle = client();

	padding = sizeof(heard) * 2;
	say(deaf, "hello\n");
	padding = 0;
	say(half, "hel");
	assert_int_equal(l.n, 3);
	assert_int_equal(lines_wait(&l, NULL, 0, 0, now), 0);
	now += LINES_SLOW_NS - 1;
	serve();
	assert_int_equal(l.n, 3);
	now += 1;
	serve();
	assert_int_equal(l.n, 1);
	assert_null(hear(half));
	say(idle, "hello\n");
	assert_string_equal(hear(idle), "you said hello\n");
	close(half);
	close(deaf);
	close(idle);
}

/* No more requests are read from who does not read answers. */
static void deaf(void **state)
{
	int fd = client();

	padding = sizeof(heard) * 2;
	for (int i = 0; i < 100; i++)
		send(fd, "hello\n", 6, MSG_NOSIGNAL);
	serve();
	assert_int_equal(answers, 1);
	close(fd);
}

/* Of those who are not trusted everyone has a few, beside those who are. */
static void crowd(void **state)
{
	int fds[LINES_OF_USER + LINES_CLIENTS], last, trusted;

	trust = false;
	for (int i = 0; i < LINES_OF_USER; i++)
		fds[i] = client();
	assert_int_equal(l.n, LINES_OF_USER);
	last = client();
	assert_string_equal(hear(last), "{\"error\": \"8 connections of one "
					"user at a time\"}\n");
	assert_null(hear(last));
	assert_int_equal(l.n, LINES_OF_USER);
	close(last);

	trust = true;
	now++;
	for (u32 i = LINES_OF_USER; i < ARRAY_SIZE(fds); i++, now++)
		fds[i] = client();
	assert_int_equal(l.n, ARRAY_SIZE(fds));
	trusted = client();
	say(trusted, "hello\n");
	assert_string_equal(hear(trusted), "you said hello\n");
	assert_int_equal(l.n, ARRAY_SIZE(fds));
	assert_null(hear(fds[LINES_OF_USER]));
	for (int i = 0; i < LINES_OF_USER; i++)
		assert_string_equal(hear(fds[i]), "");
	for (u32 i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	close(trusted);
	serve();
	assert_int_equal(l.n, 0);
}

/* Room is made for a trusted one among such; others have theirs. */
static void full_house(void **state)
{
	int fds[LINES_CLIENTS], fd;

	for (int i = 0; i < LINES_CLIENTS; i++, now++)
		fds[i] = client();
	fd = client();
	say(fd, "hello\n");
	assert_string_equal(hear(fd), "you said hello\n");
	assert_null(hear(fds[0]));
	assert_string_equal(hear(fds[1]), "");
	trust = false;
	close(fds[0]);
	fds[0] = client();
	say(fds[0], "hello\n");
	assert_string_equal(hear(fds[0]), "you said hello\n");
	assert_string_equal(hear(fds[1]), "");
	for (int i = 0; i < LINES_CLIENTS; i++)
		close(fds[i]);
	close(fd);
}

/* Of all places, where some have come to be trusted since they came, the ones
 * that those have too many of are made room in. */
static void converted(void **state)
{
	int fds[LINES_PLACES], fd;

	for (int i = 0; i < LINES_CLIENTS; i++, now++)
		fds[i] = client();
	for (int i = LINES_CLIENTS; i < LINES_PLACES; i++, now++) {
		trust = false;
		fds[i] = client();
		trust = true;
		say(fds[i], "hello\n");
	}
	assert_int_equal(l.n, LINES_PLACES);
	trust = false;
	fd = client();
	say(fd, "hello\n");
	assert_string_equal(hear(fd), "you said hello\n");
	assert_int_equal(l.n, LINES_PLACES);
	assert_null(hear(fds[0]));
	for (int i = 0; i < LINES_PLACES; i++)
		close(fds[i]);
	close(fd);
}

static void descriptors(void **state)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { heard, sizeof(heard) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	int fd = client(), other = eventfd(3, 0), got;
	u64 count;

	passed = dup(other);
	say(fd, "give\n");
	assert_int_equal(fcntl(passed, F_GETFD), -1); /* the server's */
	assert_int_equal(recvmsg(fd, &m, 0), strlen("you said give\n"));
	assert_int_equal(control.h.cmsg_type, SCM_RIGHTS);
	memcpy(&got, CMSG_DATA(&control.h), sizeof(got));
	assert_int_equal(read(got, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 3);
	passed = -1;
	close(got);
	close(other);
	close(fd);
}

/* Others' descriptors are waited for, too, and everybody may connect. */
static void waiting(void **state)
{
	int fds[] = { eventfd(0, 0), -1, eventfd(1, 0) };
	struct stat st;

	assert_int_equal(lines_wait(&l, fds, 3, 1000, now), 4);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	close(fds[0]);
	close(fds[2]);
	memset(heard, 'x', 200);
	heard[200] = 0;
	assert_int_equal(lines_listen(heard), -ENAMETOOLONG);
	assert_int_equal(lines_listen("/nonexistent/s"), -ENOENT);
}

static ssize_t pass_to(int fd, int what)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(what))];
	} control = { .h = { .cmsg_level = SOL_SOCKET,
			     .cmsg_type = SCM_RIGHTS,
			     .cmsg_len = CMSG_LEN(sizeof(what)) } };
	struct iovec text = { (char[]){ "x\n" }, 2 };
	struct msghdr m = { .msg_iov = &text,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };

	memcpy(CMSG_DATA(&control.h), &what, sizeof(what));
	return sendmsg(fd, &m, MSG_NOSIGNAL);
}

/* A descriptor is never ours to drop. Linux before 6.16 cannot do that. */
static void not_burdened(void **state)
{
	int fd = client(), no = 0;

	if (setsockopt(fd, SOL_SOCKET, LINES_PASSRIGHTS, &no, sizeof(no))) {
		close(fd);
		skip();
	}
	assert_int_equal(pass_to(fd, fd), -1);
	assert_int_equal(errno, EPERM);
	close(fd);
}

/* A TCP connection whose peer reads nothing, and that lingers an hour. */
static int lingers(int *peer)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct linger hour = { 1, 3600 };
	socklen_t len = sizeof(a);
	int listening = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listening, (const void *)&a, len), 0);
	assert_int_equal(listen(listening, 1), 0);
	getsockname(listening, (void *)&a, &len);
	assert_int_equal(connect(fd, (const void *)&a, len), 0);
	*peer = accept(listening, NULL, NULL);
	close(listening);
	while (send(fd, heard, sizeof(heard), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hour, sizeof(hour)), 0);
	return fd;
}

/* Linux before 6.16: what was passed is ours to drop, read or refused unread.
 */
static void burdened(void **state)
{
	int fd[LINES_OF_USER + 1], peer[2], burden, yes = 1;

	setsockopt(l.fd, SOL_SOCKET, LINES_PASSRIGHTS, &yes, sizeof(yes));
	trust = false;
	alarm(30); /* ends who lingers, and fails */
	for (u32 i = 0; i <= LINES_OF_USER; i++) {
		fd[i] = dial();
		if (i && i < LINES_OF_USER)
			continue;
		burden = lingers(&peer[i > 0]);
		assert_int_equal(pass_to(fd[i], burden), 2);
		close(burden);
		serve();
	}
	alarm(0);
	assert_string_equal(hear(fd[0]), "you said x\n");
	assert_non_null(strstr(hear(fd[LINES_OF_USER]), "at a time"));
	assert_null(hear(fd[LINES_OF_USER]));
	for (u32 i = 0; i <= LINES_OF_USER; i++)
		close(fd[i]);
	close(peer[0]);
	close(peer[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(requests, setup, teardown),
		cmocka_unit_test_setup_teardown(half_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(slow, setup, teardown),
		cmocka_unit_test_setup_teardown(deaf, setup, teardown),
		cmocka_unit_test_setup_teardown(crowd, setup, teardown),
		cmocka_unit_test_setup_teardown(full_house, setup, teardown),
		cmocka_unit_test_setup_teardown(converted, setup, teardown),
		cmocka_unit_test_setup_teardown(descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(not_burdened, setup, teardown),
		cmocka_unit_test_setup_teardown(burdened, setup, teardown),
		cmocka_unit_test_setup_teardown(waiting, setup, teardown),
	};
	int failed;

	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/sock", dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	rmdir(dir);
	return failed;
}
