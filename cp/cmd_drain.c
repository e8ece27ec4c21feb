/* SPDX-License-Identifier: MIT */
/* ix drain [PID|NAME]: a running dataplane takes no new connections; when the
 * old ones have ended, it is ended, too. */
#include "cp/ctl.h"
#include "cp/ix.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "dom/host/clock.h"

enum {
	EXIT_LEFT = 3, /* some connections did not end in time */
	TRIES = 5,
	STEP_MS = 100,	/* between two questions */
	END_MS = 20000, /* from SIGTERM to the end */
	SHOWN = 10,	/* connections that are left */
	NS_PER_MS = 1000000,
};

struct options {
	const char *dir, *who;
	u32 timeout_ms;
	bool keep, back, json;
	/* Connections, at the beginning and at the end; SYNs that were left to
	 * a successor, and who that is (0: nobody yet). */
	double had, left, unanswered, successor;
};

/* ---- what is left */

static cJSON *ask(int fd, bool drains, struct conf_err *e)
{
	cJSON *r = ctl_request("drain");

	cJSON_AddBoolToObject(r, "drains", drains);
	return ctl_ask(fd, r, e);
}

static void print_end(const cJSON *flow, const char *name)
{
	const cJSON *end = cJSON_GetObjectItemCaseSensitive(flow, name);
	char addr[64];

	fprintf(stderr, " %s:%.0f",
		ctl_show(ctl_get_text(end, "addr"), addr, sizeof(addr)),
		ctl_get_number(end, "port"));
}

/* A few: who wants to see all has ix flows. */
static bool print_some(const cJSON *flow, u32 n, void *arg)
{
	u32 *shown = arg;
	char state[16];

	(void)n;
	ctl_show(ctl_get_text(flow, "state"), state, sizeof(state));
	if (!strcmp(state, "time-wait"))
		return true;
	fprintf(stderr, "  %-12s", state);
	print_end(flow, "local");
	print_end(flow, "remote");
	fputc('\n', stderr);
	return ++*shown < SHOWN;
}

/* That they cannot be told is no reason to stay. */
static void tell_left(int fd, const struct options *o)
{
	struct conf_err e;
	u32 shown = 0;

	fprintf(stderr, "ix: %.0f connection%s left:\n", o->left,
		o->left > 1 ? "s are" : " is");
	if (ctl_each_flow(fd, ctl_request("flows"), print_some, &shown, &e))
		fprintf(stderr, "ix: %s\n", e.text);
}

/* A thread may be without a core for a while: it is asked again. */
static int look(int fd, struct options *o, bool drains, struct conf_err *e)
{
	cJSON *a = NULL;

	for (u32 i = 0; i < TRIES && !a; i++)
		a = ask(fd, drains, e);
	if (!a)
		return -EREMOTEIO;
	o->left = ctl_get_number(a, "connections");
	o->unanswered = ctl_get_number(a, "left");
	o->successor = ctl_get_number(a, "successor");
	cJSON_Delete(a);
	return 0;
}

/* Until there are none, or @until. */
static int await(int fd, struct options *o, u64 until, struct conf_err *e)
{
	const struct timespec step = { .tv_nsec = STEP_MS * NS_PER_MS };
	int err = look(fd, o, true, e);

	o->had = o->left;
	while (!err && o->left && host_clock_os() < until) {
		nanosleep(&step, NULL);
		err = look(fd, o, true, e);
	}
	return err;
}

/* ---- its end */

/* Of the process at the other end, which ctl_connect() has looked at. */
static int open_process(int fd, struct conf_err *e)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	long pid_fd = -1;

	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		pid_fd = syscall(SYS_pidfd_open, cred.pid, 0);
	return pid_fd >= 0 ? (int)pid_fd
			   : conf_error(e, -errno, "its process: %s",
					strerror(errno));
}

static int end(int pid_fd, struct conf_err *e)
{
	struct pollfd p = { .fd = pid_fd, .events = POLLIN };

	if (syscall(SYS_pidfd_send_signal, pid_fd, SIGTERM, NULL, 0))
		return conf_error(e, -errno, "its process: %s",
				  strerror(errno));
	if (poll(&p, 1, END_MS) != 1)
		return conf_error(e, -ETIMEDOUT,
				  "it was told to end, and does not");
	return 0;
}

/* ---- for programs */

static void tell(const struct options *o, bool drains, bool ended, u64 since)
{
	cJSON *a = cJSON_CreateObject();
	char *text;

	cJSON_AddBoolToObject(a, "drains", drains);
	cJSON_AddBoolToObject(a, "ended", ended);
	cJSON_AddNumberToObject(a, "connections", o->had);
	cJSON_AddNumberToObject(a, "left", o->left);
	cJSON_AddNumberToObject(a, "unanswered", o->unanswered);
	if (o->successor)
		cJSON_AddNumberToObject(a, "successor", o->successor);
	cJSON_AddNumberToObject(
		a, "ms", (double)((host_clock_os() - since) / NS_PER_MS));
	text = cJSON_PrintUnformatted(a);
	printf("%s\n", text ? text : "{}");
	free(text);
	cJSON_Delete(a);
}

/* ---- all of it */

static int drain(int fd, void *arg, struct conf_err *e)
{
	struct options *o = arg;
	u64 began = host_clock_os();
	u64 until = began + (u64)o->timeout_ms * NS_PER_MS;
	int pid_fd = open_process(fd, e);
	int err = pid_fd < 0 ? pid_fd : await(fd, o, until, e);

	if (!err && o->left)
		tell_left(fd, o);
	if (!err && !o->keep)
		err = end(pid_fd, e);
	if (pid_fd >= 0)
		close(pid_fd);
	if (!err && o->json)
		tell(o, true, !o->keep, began);
	return err;
}

/* None are left behind by it. */
static int take_back(int fd, void *arg, struct conf_err *e)
{
	struct options *o = arg;
	u64 began = host_clock_os();
	int err = look(fd, o, false, e);

	o->had = o->left;
	if (!err && o->json)
		tell(o, false, false, began);
	o->left = 0;
	return err;
}

/* ---- the command */

static int usage(FILE *f, int status)
{
	fprintf(f, "Usage: ix drain [OPTIONS] [PID|NAME]\n"
		   "A running dataplane takes no new connections; when the old "
		   "ones have ended, or the\ntime is over, it is ended.\n\n"
		   "  --timeout TIME  that they have; 60s if not given\n"
		   "  --keep          do not end it\n"
		   "  --back          it takes new connections again\n"
		   "  --json          an object with what has become of them\n"
		   "  --dir DIR       as the setting stat_dir\n");
	return status;
}

static bool parse_time(const char *text, u32 *ms)
{
	static const struct setting timeout = { .name = "timeout",
						.size = sizeof(*ms),
						.type = CONF_DURATION,
						.max = UINT32_MAX,
						.arg = "ms" };
	struct conf_err e;

	if (!conf_types[CONF_DURATION].parse(&timeout, ms, text, &e))
		return true;
	fprintf(stderr, "ix: %s\n", e.text);
	return false;
}

/* 0, or the exit status + 1. */
static int parse(struct options *o, int argc, char **argv)
{
	static const struct option known[] = {
		{ "timeout", required_argument, NULL, 't' },
		{ "keep", no_argument, NULL, 'k' },
		{ "back", no_argument, NULL, 'b' },
		{ "json", no_argument, NULL, 'j' },
		{ "dir", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	*o = (struct options){ .dir = "", .timeout_ms = 60000 };
	while ((c = getopt_long(argc, argv, "t:kbjd:h", known, NULL)) != -1) {
		if (c == 'h')
			return usage(stdout, 0) + 1;
		if (c == '?')
			return usage(stderr, EXIT_USAGE) + 1;
		if (c == 't' && !parse_time(optarg, &o->timeout_ms))
			return EXIT_USAGE + 1;
		o->keep |= c == 'k';
		o->back |= c == 'b';
		o->json |= c == 'j';
		o->dir = c == 'd' ? optarg : o->dir;
	}
	if (argc - optind > 1)
		return usage(stderr, EXIT_USAGE) + 1;
	o->who = argv[optind];
	return 0;
}

int cmd_drain(int argc, char **argv)
{
	struct options o;
	int status = parse(&o, argc, argv);

	if (status)
		return status - 1;
	status = ctl_talk(o.dir, o.who, o.back ? take_back : drain, &o);
	return status || !o.left ? status : EXIT_LEFT;
}
