/* SPDX-License-Identifier: MIT */
/* ix up|down|restart NAME..., ix policy NAME POLICY, ix daemon: what the daemon
 * is asked. */
#include "cp/ctl.h"
#include "cp/ix.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	WAIT_MS = 20000, /* until something is up, or down */
	LOOK_MS = 50,
};

struct asking {
	const char *dir;
	bool json, no_wait;
	int fd;
};

/* ---- the socket */

static int open_daemon(struct asking *a)
{
	char path[120];

	snprintf(path, sizeof(path), "%.90s/ixcpd.sock", a->dir);
	a->fd = ctl_connect_at(path);
	if (a->fd >= 0)
		return 0;
	fprintf(stderr, "ix: no daemon answers at %s: %s\n", path,
		strerror(-a->fd));
	return -1;
}

/* The answer, to be deleted; NULL: it was no, or none came, which is said. */
static cJSON *ask(struct asking *a, cJSON *request)
{
	struct conf_err e;
	cJSON *answer = ctl_ask(a->fd, request, &e);

	if (!answer)
		fprintf(stderr, "ix: %s\n", e.text);
	return answer;
}

static cJSON *request(const char *verb, const char *name)
{
	cJSON *r = ctl_request(verb);

	if (name)
		cJSON_AddStringToObject(r, "name", name);
	return r;
}

/* ---- waiting */

static const cJSON *plane(const cJSON *status, const char *name)
{
	const cJSON *p;

	cJSON_ArrayForEach(
		p, cJSON_GetObjectItem(
			   status,
			   "dataplanes")) if (!strcmp(ctl_get_text(p, "name"),
						      name)) return p;
	return NULL;
}

/* Has it come to @state, or to one from which it will not by itself? */
static int settled(const cJSON *p, const char *name, const char *state)
{
	const char *is = ctl_get_text(p, "state");

	if (!strcmp(is, state) || (!p && !strcmp(state, "down")))
		return 1;
	if (strcmp(is, "refused") && strcmp(is, "waits"))
		return 0;
	if (!strcmp(is, "waits") && !ctl_get_text(p, "why")[0])
		return 0;
	fprintf(stderr, "ix: %s: %s: %s\n", name, is, ctl_get_text(p, "why"));
	return -1;
}

static int await(struct asking *a, const char *name, const char *state)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000l };
	int done = 0;

	for (int ms = 0; ms < WAIT_MS && !done; ms += LOOK_MS) {
		cJSON *status = ask(a, request("status", NULL));

		done = status ? settled(plane(status, name), name, state) : -1;
		if (!strcmp(ctl_get_text(plane(status, name), "state"),
			    "drains"))
			ms = 0; /* that has a limit of its own */
		cJSON_Delete(status);
		if (!done)
			nanosleep(&pause, NULL);
	}
	if (!done)
		fprintf(stderr, "ix: %s: not %s after %d s\n", name, state,
			WAIT_MS / 1000);
	return done == 1 ? 0 : 1;
}

/* ---- commands */

static int usage(FILE *f, int status)
{
	fprintf(f,
		"Usage: ix up|down|restart [OPTIONS] NAME...\n"
		"       ix policy [OPTIONS] NAME latency|energy|background|"
		"fixed|auto\n"
		"       ix daemon [OPTIONS] [reload]\n"
		"Dataplanes that ixcpd runs: begun, ended, what their number "
		"of cores follows;\n"
		"a table of them; its settings read anew.\n\n"
		"  --json     of daemon: all that it says\n"
		"  --no-wait  not until it is done\n"
		"  --dir DIR  where the daemon's socket is [/run/ix]\n");
	return status;
}

/* 0, or the exit status + 1. */
static int parse(struct asking *a, int argc, char **argv)
{
	static const struct option known[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "no-wait", no_argument, NULL, 'n' },
		{ "dir", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	*a = (struct asking){ .dir = "/run/ix" };
	while ((c = getopt_long(argc, argv, "jnd:h", known, NULL)) != -1) {
		switch (c) {
		case 'j':
			a->json = true;
			break;
		case 'n':
			a->no_wait = true;
			break;
		case 'd':
			a->dir = optarg;
			break;
		case 'h':
			return usage(stdout, 0) + 1;
		default:
			return usage(stderr, EXIT_USAGE) + 1;
		}
	}
	return 0;
}

static int count(char **argv)
{
	int n = 0;

	while (argv[n])
		n++;
	return n;
}

static int change(struct asking *a, const char *verb, const char *name,
		  char **program)
{
	cJSON *r = request(verb, name), *answer;

	if (program)
		cJSON_AddItemToObject(
			r, "program",
			cJSON_CreateStringArray((const char *const *)program,
						count(program)));
	answer = ask(a, r);

	if (!answer)
		return 1;
	cJSON_Delete(answer);
	if (a->no_wait)
		return 0;
	return await(a, name, strcmp(verb, "down") ? "up" : "down");
}

/* What stands behind "--" is a program's. */
static int count_own(int argc, char **argv)
{
	int n = 0;

	while (n < argc && strcmp(argv[n], "--"))
		n++;
	return n;
}

int cmd_up(int argc, char **argv)
{
	static struct asking a;
	int n = count_own(argc, argv), status = parse(&a, n, argv);
	char **program = n + 1 < argc ? argv + n + 1 : NULL;

	if (status)
		return status - 1;
	if (optind == n)
		return usage(stderr, EXIT_USAGE);
	if (open_daemon(&a))
		return 1;
	for (int i = optind; i < n; i++)
		status |= change(&a, argv[0], argv[i],
				 i + 1 == n ? program : NULL);
	return status;
}

int cmd_policy(int argc, char **argv)
{
	static struct asking a;
	int status = parse(&a, argc, argv);
	cJSON *r;

	if (status)
		return status - 1;
	if (optind + 2 != argc)
		return usage(stderr, EXIT_USAGE);
	if (open_daemon(&a))
		return 1;
	r = request("policy", argv[optind]);
	cJSON_AddStringToObject(r, "policy", argv[optind + 1]);
	r = ask(&a, r);
	cJSON_Delete(r);
	return r ? 0 : 1;
}

static void print_table(const cJSON *status)
{
	char huge[32], left[32];
	const cJSON *p;

	printf("cores %s, free %s; huge pages %s, free %s\n",
	       ctl_get_text(status, "cores"),
	       ctl_get_text(status, "free")[0] ? ctl_get_text(status, "free")
					       : "none",
	       ctl_show_number(status, "huge_pages", huge),
	       ctl_show_number(status, "huge_free", left));
	printf("%-16s %-15s %8s %-10s %-10s %6s %6s %6s  %s\n", "name", "state",
	       "pid", "policy", "cores", "busy", "delay", "huge", "");
	cJSON_ArrayForEach(p, cJSON_GetObjectItem(status, "dataplanes"))
		printf("%-16s %-15s %8.0f %-10s %-10s %5.0f%% %4.0fus %6s  "
		       "%s\n",
		       ctl_get_text(p, "name"), ctl_get_text(p, "state"),
		       ctl_get_number(p, "pid"), ctl_get_text(p, "policy"),
		       ctl_get_text(p, "cores"), ctl_get_number(p, "busy") / 10,
		       ctl_get_number(p, "delay_us"),
		       ctl_show_number(p, "huge_pages", huge),
		       ctl_get_text(p, "why"));
}

static void print_json(const cJSON *answer)
{
	char *line = cJSON_PrintUnformatted(answer);

	puts(line ? line : "{}");
	free(line);
}

int cmd_daemon(int argc, char **argv)
{
	static struct asking a;
	int status = parse(&a, argc, argv);
	cJSON *answer;

	if (status)
		return status - 1;
	if (optind + 1 < argc ||
	    (optind < argc && strcmp(argv[optind], "reload")))
		return usage(stderr, EXIT_USAGE);
	if (open_daemon(&a))
		return 1;
	answer = ask(&a, request(optind < argc ? "reload" : "status", NULL));
	if (answer && a.json)
		print_json(answer);
	else if (answer && optind == argc)
		print_table(answer);
	cJSON_Delete(answer);
	return answer ? 0 : 1;
}
