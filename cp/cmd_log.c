/* SPDX-License-Identifier: MIT */
/* ix log [PID|NAME]: what a dataplane has reported. */
#include "cp/ctl.h"
#include "cp/ix.h"
#include "cp/number.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FOLLOW_MS = 500 };
static const double LAST_TIME = 1e11; /* a year of four digits */

struct options {
	const char *dir, *who;
	u64 lines; /* 0: all */
	bool json, follow;
};

static void print_line(const cJSON *o)
{
	double at = ctl_get_number(o, "time");
	char when[32], text[512];
	struct tm tm = { 0 };
	time_t s;

	if (!(at >= 0 && at < LAST_TIME))
		at = 0;
	s = (time_t)at;
	localtime_r(&s, &tm);
	strftime(when, sizeof(when), "%F %T", &tm);
	printf("%s.%03d %s\n", when, (int)((at - (double)s) * 1000),
	       ctl_show(ctl_get_text(o, "text"), text, sizeof(text)));
}

static void print_json(const cJSON *o)
{
	char *text = cJSON_PrintUnformatted(o);

	puts(text ? text : "{}");
	free(text);
}

/* Lines from @from on, or if negative the last ones; where to go on. */
static double print_lines(const struct options *o, int fd, double from,
			  struct conf_err *e)
{
	cJSON *r = ctl_request("log"), *a;
	const cJSON *line;

	if (from >= 0)
		cJSON_AddNumberToObject(r, "from", from);
	else if (o->lines)
		cJSON_AddNumberToObject(r, "most", (double)o->lines);
	a = ctl_ask(fd, r, e);
	if (!a)
		return -1;
	cJSON_ArrayForEach(line, cJSON_GetObjectItemCaseSensitive(a, "lines"))
			o->json
		? print_json(line)
		: print_line(line);
	fflush(stdout);
	from = ctl_get_number(a, "next");
	cJSON_Delete(a);
	return from;
}

/* ---- the command */

static int usage(FILE *f, int status)
{
	fprintf(f, "Usage: ix log [OPTIONS] [PID|NAME]\n"
		   "What a dataplane has reported, the last 256 lines.\n\n"
		   "  -n, --lines N  only the last N of them\n"
		   "  --follow       and what it reports from now on, until it "
		   "ends\n"
		   "  --json         an object a line\n"
		   "  --dir DIR      as the setting stat_dir\n");
	return status;
}

/* 0, or the exit status + 1. */
static int parse(struct options *o, int argc, char **argv)
{
	static const struct option known[] = {
		{ "lines", required_argument, NULL, 'n' },
		{ "follow", no_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "dir", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	*o = (struct options){ .dir = "" };
	while ((c = getopt_long(argc, argv, "n:fjd:h", known, NULL)) != -1) {
		if (c == 'h')
			return usage(stdout, 0) + 1;
		if (c == '?')
			return usage(stderr, EXIT_USAGE) + 1;
		if (c == 'n' &&
		    !number_option("lines", optarg, 1, 256, &o->lines))
			return EXIT_USAGE + 1;
		o->follow |= c == 'f';
		o->json |= c == 'j';
		o->dir = c == 'd' ? optarg : o->dir;
	}
	if (optind + 1 < argc)
		return usage(stderr, EXIT_USAGE) + 1;
	o->who = argv[optind];
	return 0;
}

int cmd_log(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = FOLLOW_MS * 1000000 };
	struct options o;
	struct conf_err e;
	int err = parse(&o, argc, argv), fd;
	double next = -1;
	bool told;

	if (err)
		return err - 1;
	fd = ctl_connect_to(o.dir, o.who, &e);
	if (fd >= 0)
		next = print_lines(&o, fd, next, &e);
	told = next >= 0;
	while (o.follow && next >= 0) {
		nanosleep(&pause, NULL);
		next = print_lines(&o, fd, next, &e);
	}
	if (!told)
		fprintf(stderr, "ix: %s\n", e.text);
	if (fd >= 0)
		close(fd);
	return told ? 0 : 1;
}
