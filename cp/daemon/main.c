/* SPDX-License-Identifier: MIT */
/* ixcpd [OPTIONS]: arguments, signals, the loop. */
#include "cp/daemon/cpd.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dom/host/clock.h"

enum {
	EXIT_USAGE = 2,
	BUSY_MS = 20, /* while something begins or ends */
	QUIET_MS = 1000,
	LOCK_MS = 2000, /* for who was there before to be gone */
	LOCK_STEP_MS = 10,
};

static int usage(FILE *f, int status)
{
	fprintf(f, "Usage: ixcpd [OPTIONS]\n"
		   "Starts and watches the dataplanes of a settings file, and "
		   "shares cores out among\n"
		   "them: ixcpd(8), ixcpd.conf(5).\n\n"
		   "  --conf FILE  the settings [/etc/ix/ixcpd.conf]\n"
		   "  --dir DIR    where its socket and all counter pages are "
		   "[/run/ix]\n"
		   "  --check      are the settings correct? Starts nothing\n"
		   "  --help       this text\n");
	return status;
}

/* ---- the loop */

static void reload(struct cpd *c)
{
	struct conf_err e;

	if (plane_declare(c, &e))
		fprintf(stderr, "ixcpd: %s\n", e.text);
}

static void on_signal(struct cpd *c)
{
	struct signalfd_siginfo si;

	while (read(c->signal_fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGHUP)
			reload(c);
		else
			c->leaving = true;
	}
}

static bool has_ended(const struct plane *p)
{
	struct pollfd f = { .fd = p->pid_fd, .events = POLLIN };

	return plane_runs(p) && poll(&f, 1, 0) == 1;
}

static int patience(const struct cpd *c)
{
	u32 pace = cores_pace(c);
	bool busy = false;

	for (u32 i = 0; i < c->n; i++) {
		const struct plane *p = c->plane[i];

		busy |= (p->state != PLANE_DOWN && p->state != PLANE_UP) ||
			p->ask.fd >= 0;
	}
	if (pace && (!busy || pace < BUSY_MS))
		return (int)pace;
	return busy ? BUSY_MS : QUIET_MS;
}

/* False: it is no more. */
static bool step(struct cpd *c, struct plane *p)
{
	if (p->granted)
		return grant_step(c, p);
	if (has_ended(p))
		plane_ended(c, p);
	plane_step(c, p);
	if (p->state != PLANE_DOWN || p->declared)
		return true;
	plane_remove(c, p);
	return false;
}

/* Who runs already has what it has before anybody begins; else in the order of
 * the settings: who comes first is served first. */
static void step_all(struct cpd *c)
{
	for (u32 i = 0; i < c->n;)
		i += c->plane[i]->state != PLANE_FOUND || step(c, c->plane[i]);
	for (u32 i = 0; i < c->n;)
		i += step(c, c->plane[i]);
	cores_step(c);
}

static void loop(struct cpd *c)
{
	const int fds[] = { c->epoll_fd, c->signal_fd };

	step_all(c);
	while (!c->leaving) {
		u32 ready = lines_wait(&c->lines, fds, ARRAY_SIZE(fds),
				       patience(c), host_clock_os());

		c->now = host_clock_os();
		if (ready & 2)
			on_signal(c);
		lines_serve(&c->lines, c->now);
		step_all(c);
	}
}

/* ---- start */

static int fail(const char *what, int err)
{
	fprintf(stderr, "ixcpd: %s: %s\n", what, strerror(-err));
	return err;
}

static int open_dir(struct cpd *c)
{
	char path[CPD_PATH + 16];
	struct stat st;

	snprintf(path, sizeof(path), "%s/ixcpd", c->dir);
	if ((mkdir(c->dir, 0755) && errno != EEXIST) ||
	    (mkdir(path, 0755) && errno != EEXIST))
		return fail(path, -errno);
	c->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->dir_fd < 0 || fstat(c->dir_fd, &st))
		return fail(path, -errno);
	/* Whoever may read a lock may hold it. */
	if (st.st_uid != geteuid() || fchmod(c->dir_fd, 0700))
		return fail(path, -EPERM);
	return 0;
}

/* A process that one before us was beginning when it was killed has the lock
 * until it becomes a dataplane. */
static bool take_lock(int fd)
{
	const struct timespec pause = { .tv_nsec = LOCK_STEP_MS * CPD_MS };
	u32 tries = LOCK_MS / LOCK_STEP_MS;

	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (!tries--)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* There is one: a second one would share out the same cores. */
static int be_the_only_one(struct cpd *c)
{
	c->lock_fd =
		openat(c->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (c->lock_fd < 0)
		return fail("lock", -errno);
	if (take_lock(c->lock_fd))
		return 0;
	fprintf(stderr, "ixcpd: another one runs in %s\n", c->dir);
	return -EBUSY;
}

static int open_signals(struct cpd *c)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	c->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return c->signal_fd < 0 || c->epoll_fd < 0 ? fail("signals", -errno)
						   : 0;
}

static int open_socket(struct cpd *c)
{
	char path[CPD_PATH + 16];

	snprintf(path, sizeof(path), "%s/ixcpd.sock", c->dir);
	c->lines = (struct lines){ .trusts = verb_trusts,
				   .answer = verb_answer,
				   .arg = c };
	c->lines.fd = lines_listen(path);
	return c->lines.fd < 0 ? fail(path, c->lines.fd) : 0;
}

/* Nothing could be started: better said at once than by each dataplane. */
static int check_ix(const struct cpd *c)
{
	char ix[PATH_MAX];
	int err = spawn_find_ix(c, ix);

	if (err)
		fprintf(stderr, "ixcpd: ix: %s: %s\n", ix, strerror(-err));
	return err;
}

static int begin(struct cpd *c)
{
	struct conf_err e;
	int err = open_dir(c);

	if (!err)
		err = be_the_only_one(c);
	if (!err)
		err = open_signals(c);
	if (err)
		return err;
	c->now = host_clock_os();
	err = plane_declare(c, &e);
	if (err) {
		fprintf(stderr, "ixcpd: %s\n", e.text);
		return err;
	}
	err = check_ix(c);
	if (err)
		return err;
	spawn_find_all(c);
	return open_socket(c);
}

static int check(struct cpd *c)
{
	struct conf_err e;
	int err = cpd_conf_read(&c->conf, c->path, &e);

	if (err) {
		fprintf(stderr, "ixcpd: %s\n", e.text);
		return EXIT_USAGE;
	}
	err = check_ix(c);
	if (!err)
		printf("%s: ok, %u dataplanes\n", c->path, c->conf->nplanes);
	cpd_conf_free(c->conf);
	return err ? EXIT_USAGE : 0;
}

/* 0, or the exit status + 1. */
static int parse(struct cpd *c, int argc, char **argv, bool *only_check)
{
	static const struct option known[] = {
		{ "conf", required_argument, NULL, 'c' },
		{ "dir", required_argument, NULL, 'd' },
		{ "check", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int o;

	while ((o = getopt_long(argc, argv, "c:d:h", known, NULL)) != -1) {
		switch (o) {
		case 'c':
			c->path = optarg;
			break;
		case 'd':
			snprintf(c->dir, sizeof(c->dir), "%.250s", optarg);
			break;
		case 'k':
			*only_check = true;
			break;
		case 'h':
			return usage(stdout, 0) + 1;
		default:
			return usage(stderr, EXIT_USAGE) + 1;
		}
	}
	return optind < argc ? usage(stderr, EXIT_USAGE) + 1 : 0;
}

int main(int argc, char **argv)
{
	static struct cpd c = { .path = "/etc/ix/ixcpd.conf",
				.dir = "/run/ix" };
	bool only_check = false;
	int status = parse(&c, argc, argv, &only_check);

	if (status)
		return status - 1;
	if (only_check)
		return check(&c);
	if (begin(&c))
		return EXIT_FAILURE;
	loop(&c);
	/* Dataplanes go on: whoever comes after us finds them. */
	lines_close(&c.lines);
	background_end(&c);
	return EXIT_SUCCESS;
}
