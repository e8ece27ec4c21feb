/* SPDX-License-Identifier: MIT */
/* nic/keep.c: a grant ends when nobody has one of its sockets, whom its user
 * has passed them to; here they are some of Linux's, and the keeper is a child.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "nic/keep_msg.h"
#include "nic/xdp_pass.h"

enum {
	NOBODY = 0x77777777, /* no process is */
	MOST = 2 << 20,
	STEP_MS = 10,
	STEPS = 500,
};

/* ---- its NIC */

static struct nic nic = { .nqueues = 1 };

int __wrap_xdp_pass_open(const struct nic_config *cfg, struct nic **out,
			 char *why, size_t why_len);
bool __wrap_xdp_pass_beside(const struct nic *n);
int __wrap_xdp_pass_sockets(struct nic *n, const struct nic_config *cfg,
			    const struct xdp_pin *pin, char *why,
			    size_t why_len);
void __wrap_xdp_pass_close(struct nic *n, struct xdp_sockets *s);
void __wrap_xdp_pass_describe(const struct nic *n, struct keep_reply *r);

int __wrap_xdp_pass_open(const struct nic_config *cfg, struct nic **out,
			 char *why, size_t why_len)
{
	*out = &nic;
	return 0;
}

bool __wrap_xdp_pass_beside(const struct nic *n)
{
	return false;
}

int __wrap_xdp_pass_sockets(struct nic *n, const struct nic_config *cfg,
			    const struct xdp_pin *pin, char *why,
			    size_t why_len)
{
	n->fd[0] = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return n->fd[0] < 0 ? -errno : 0;
}

void __wrap_xdp_pass_close(struct nic *n, struct xdp_sockets *s)
{
	xdp_watch(s, n->fd[0]);
	close(n->fd[0]);
}

void __wrap_xdp_pass_describe(const struct nic *n, struct keep_reply *r)
{
}

/* ---- the keeper, and its user */

struct kept {
	int conn[2], ended[2], told[2];
	int fd; /* a queue's */
	pid_t pid;
};

enum { ITS, OURS };

static _Noreturn void keep(struct kept *k)
{
	const struct nic_config cfg = { .spec = "xdp:m0",
					.nqueues = 1,
					.frames_len = MOST,
					.umem_len = 2 * MOST };
	const struct keep_holder holder = { .name = "m", .uid = NOBODY };

	close(k->conn[OURS]);
	close(k->ended[OURS]);
	close(k->told[OURS]);
	grant_keep(k->conn[ITS], &cfg, &holder,
		   (int[2]){ k->ended[ITS], k->told[ITS] });
	_exit(0);
}

static int memory(void)
{
	int fd = memfd_create("keep", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(fallocate(fd, 0, 0, NIC_PAGE), 0);
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
	return fd;
}

static int begin(void **state)
{
	static struct kept k;
	const struct keep_request q = { .version = KEEP_VERSION,
					.what = KEEP_OPEN,
					.len = { NIC_PAGE, NIC_PAGE } };
	int fds[KEEP_FDS], given[KEEP_MEMORY] = { memory(), memory() };
	struct keep_reply r;

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, k.conn), 0);
	assert_int_equal(pipe2(k.ended, O_CLOEXEC), 0);
	assert_int_equal(pipe2(k.told, O_CLOEXEC), 0);
	k.pid = fork();
	assert_true(k.pid >= 0);
	if (!k.pid)
		keep(&k);
	close(k.conn[ITS]);
	assert_int_equal(
		keep_send(k.conn[OURS], &q, sizeof(q), given, KEEP_MEMORY), 0);
	keep_close_fds(given, KEEP_MEMORY);
	assert_int_equal(
		keep_receive(k.conn[OURS], &r, sizeof(r), fds, KEEP_FDS), 0);
	assert_int_equal(r.err, 0);
	k.fd = fds[0];
	*state = &k;
	return 0;
}

/* Within @steps; it is no more then. */
static bool ends(struct kept *k, int steps)
{
	const struct timespec step = { .tv_nsec = STEP_MS * 1000 * 1000 };

	for (int i = 0; k->pid > 0 && i < steps; i++) {
		if (waitpid(k->pid, NULL, WNOHANG) == k->pid)
			k->pid = 0;
		else
			nanosleep(&step, NULL);
	}
	return !k->pid;
}

static int end(void **state)
{
	struct kept *k = *state;

	if (k->pid > 0 && !kill(k->pid, SIGKILL))
		waitpid(k->pid, NULL, 0);
	close(k->conn[OURS]);
	for (int i = 0; i < 2; i++) {
		close(k->ended[i]);
		close(k->told[i]);
	}
	return 0;
}

/* What no keeper does. */
static void ask_wrong(struct kept *k, const int *fds, u32 n)
{
	const struct keep_request q = { .version = KEEP_VERSION, .what = 7 };

	assert_int_equal(keep_send(k->conn[OURS], &q, sizeof(q), fds, n), 0);
}

/* ---- tests */

static void while_somebody_has_one(void **state)
{
	struct kept *k = *state;

	ask_wrong(k, NULL, 0);
	assert_false(ends(k, 50));
	close(k->fd);
	assert_true(ends(k, STEPS));
}

static void until_it_is_told(void **state)
{
	struct kept *k = *state;

	ask_wrong(k, NULL, 0);
	assert_false(ends(k, 50));
	assert_int_equal(write(k->told[OURS], "x", 1), 1);
	assert_true(ends(k, STEPS));
	close(k->fd);
}

static void not_if_that_is_the_keeper(void **state)
{
	struct kept *k = *state;

	ask_wrong(k, &k->fd, 1);
	close(k->fd);
	assert_true(ends(k, STEPS));
}

static void not_if_it_has_not_read_it(void **state)
{
	struct kept *k = *state;

	assert_int_equal(kill(k->pid, SIGSTOP), 0);
	assert_int_equal(waitpid(k->pid, NULL, WUNTRACED), k->pid);
	ask_wrong(k, NULL, 0);
	assert_int_equal(keep_send(k->conn[OURS], "x", 1, &k->fd, 1), 0);
	assert_int_equal(kill(k->pid, SIGCONT), 0);
	close(k->fd);
	assert_true(ends(k, STEPS));
}

/* In a socket that the keeper was passed. */
static void not_if_it_is_hidden_there(void **state)
{
	struct kept *k = *state;
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(keep_send(pair[0], "x", 1, &k->fd, 1), 0);
	ask_wrong(k, &pair[1], 1);
	close(k->fd);
	close(pair[0]);
	close(pair[1]);
	assert_true(ends(k, STEPS));
}

#define KEEP_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEEP_TEST(while_somebody_has_one),
		KEEP_TEST(until_it_is_told),
		KEEP_TEST(not_if_that_is_the_keeper),
		KEEP_TEST(not_if_it_has_not_read_it),
		KEEP_TEST(not_if_it_is_hidden_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
