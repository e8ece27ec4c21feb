/* SPDX-License-Identifier: MIT */
/* ix ps: the dataplanes of this machine, from their counter pages and, if they
 * answer, what they say of themselves. */
#include "cp/ctl.h"
#include "cp/ix.h"

#include <getopt.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double LAST_MS = 1e15; /* of a time that can be told */

struct options {
	const char *dir, *who;
	bool json;
};

/* One dataplane. */
struct row {
	const struct statfile_found *first; /* page, of its thread 0 */
	u32 threads;
	u64 conns;
	cJSON *about; /* NULL: it does not answer */
};

/* ---- from the pages */

static bool same(const struct statfile_found *a, const struct statfile_found *b)
{
	return a->pid == b->pid && a->owner == b->owner;
}

static cJSON *ask(const struct statfile_found *f)
{
	struct conf_err e;
	int fd = ctl_connect(f, &e);
	cJSON *about;

	if (fd < 0)
		return NULL;
	about = ctl_ask(fd, ctl_request("about"), &e);
	close(fd);
	return about;
}

/* The dataplane whose pages are first of the @n at @f; *@used of them. */
static struct row row_of(const struct statfile_found *f, int n, int *used)
{
	struct row r = { .first = f, .about = ask(f) };
	int i;

	for (i = 0; i < n && same(f, &f[i]); i++) {
		r.threads++;
		r.conns += f[i].page.stat.tcp_conns;
	}
	*used = i;
	return r;
}

/* ---- for people */

static const char *user_of(uid_t uid, char out[32])
{
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		snprintf(out, 32, "%.31s", pw->pw_name);
	else
		snprintf(out, 32, "%u", uid);
	return out;
}

/* "3d04h", "5h12m", "7m03s", "9s" */
static void print_time(double ms, char out[32])
{
	u64 s;

	if (!(ms >= 0 && ms < LAST_MS))
		ms = 0;
	s = (u64)(ms / 1000);
	if (s >= 86400)
		snprintf(out, 32, "%" PRIu64 "d%02" PRIu64 "h", s / 86400,
			 s / 3600 % 24);
	else if (s >= 3600)
		snprintf(out, 32, "%" PRIu64 "h%02" PRIu64 "m", s / 3600,
			 s / 60 % 60);
	else if (s >= 60)
		snprintf(out, 32, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else
		snprintf(out, 32, "%" PRIu64 "s", s);
}

enum {
	NAME,
	PID,
	USER,
	PROGRAM,
	DOMAIN,
	NIC,
	THREADS,
	HUGE,
	CONNS,
	UP,
	COLUMNS
};
enum { CELL = 64 };

static const struct column {
	const char *title;
	int width; /* at least; negative: from the left */
} columns[COLUMNS] = {
	[NAME] = { "NAME", -15 },     [PID] = { "PID", 7 },
	[USER] = { "USER", -10 },     [PROGRAM] = { "PROGRAM", -15 },
	[DOMAIN] = { "DOMAIN", -8 },  [NIC] = { "NIC", -16 },
	[THREADS] = { "THREADS", 7 }, [HUGE] = { "HUGE", 6 },
	[CONNS] = { "CONNS", 8 },     [UP] = { "UP", 7 },
};

struct line {
	char cell[COLUMNS][CELL];
};

static void show(const cJSON *about, const char *name, char out[CELL])
{
	ctl_show(ctl_get_text(about, name), out, CELL);
}

static void fill(struct line *l, const struct row *r)
{
	char(*cell)[CELL] = l->cell, user[32];

	for (int i = 0; i < COLUMNS; i++)
		strcpy(cell[i], "-");
	snprintf(cell[NAME], CELL, "%s", r->first->page.name);
	snprintf(cell[PID], CELL, "%d", (int)r->first->pid);
	snprintf(cell[USER], CELL, "%s", user_of(r->first->owner, user));
	snprintf(cell[THREADS], CELL, "%u", r->threads);
	snprintf(cell[CONNS], CELL, "%" PRIu64, r->conns);
	if (!r->about)
		return;
	/* Without the folder, which --json has. */
	ctl_show(basename(ctl_get_text(r->about, "program")), cell[PROGRAM],
		 CELL);
	show(r->about, "domain", cell[DOMAIN]);
	show(r->about, "nic", cell[NIC]);
	ctl_show_number(r->about, "huge_pages", cell[HUGE]);
	print_time(ctl_get_number(r->about, "uptime_ms"), cell[UP]);
}

static void print_line(const struct line *l, const int *width)
{
	for (int i = 0; i < COLUMNS; i++)
		printf("%s%*s", i ? " " : "", width[i], l->cell[i]);
	putchar('\n');
}

/* As wide as what is in them. */
static void print_table(const struct line *lines, int n)
{
	int width[COLUMNS];

	for (int i = 0; i < COLUMNS; i++) {
		int w = columns[i].width, most = abs(w);

		for (int k = 0; k < n; k++)
			most = max(most, (int)strlen(lines[k].cell[i]));
		width[i] = w < 0 ? -most : most;
	}
	for (int k = 0; k < n; k++)
		print_line(&lines[k], width);
}

/* ---- for programs */

static void print_json(const struct row *r, bool first)
{
	cJSON *o = r->about ? cJSON_Duplicate(r->about, true)
			    : cJSON_CreateObject();
	char *text;

	cJSON_DeleteItemFromObjectCaseSensitive(o, "ok");
	cJSON_DeleteItemFromObjectCaseSensitive(o, "pid");
	cJSON_DeleteItemFromObjectCaseSensitive(o, "name");
	cJSON_AddBoolToObject(o, "answers", r->about != NULL);
	cJSON_AddStringToObject(o, "name", r->first->page.name);
	cJSON_AddNumberToObject(o, "pid", r->first->pid);
	cJSON_AddNumberToObject(o, "user", r->first->owner);
	cJSON_AddNumberToObject(o, "connections", (double)r->conns);
	cJSON_AddStringToObject(o, "dir", r->first->dir);
	text = cJSON_PrintUnformatted(o);
	printf("%s%s", first ? "" : ",\n ", text ? text : "{}");
	free(text);
	cJSON_Delete(o);
}

/* ---- the command */

static int usage(FILE *f, int status)
{
	fprintf(f, "Usage: ix ps [OPTIONS] [PID|NAME]\n"
		   "The dataplanes that run on this machine.\n\n"
		   "  --json      an array with one object for each\n"
		   "  --dir DIR   as the setting stat_dir\n");
	return status;
}

/* 0, or the exit status + 1. */
static int parse(struct options *o, int argc, char **argv)
{
	static const struct option known[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "dir", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	*o = (struct options){ .dir = "" };
	while ((c = getopt_long(argc, argv, "jd:h", known, NULL)) != -1) {
		if (c == 'h')
			return usage(stdout, 0) + 1;
		if (c == '?')
			return usage(stderr, EXIT_USAGE) + 1;
		if (c == 'j')
			o->json = true;
		else
			o->dir = optarg;
	}
	if (optind + 1 < argc)
		return usage(stderr, EXIT_USAGE) + 1;
	o->who = argv[optind];
	return 0;
}

static void print_list(const struct statfile_found *f, int n)
{
	putchar('[');
	for (int i = 0, used; i < n; i += used) {
		struct row r = row_of(&f[i], n - i, &used);

		print_json(&r, !i);
		cJSON_Delete(r.about);
	}
	printf("]\n");
}

static void print_all(const struct statfile_found *f, int n)
{
	static struct line lines[1 + CTL_PAGES];
	int nlines = 1;

	for (int i = 0; i < COLUMNS; i++)
		strcpy(lines[0].cell[i], columns[i].title);
	for (int i = 0, used; i < n; i += used) {
		struct row r = row_of(&f[i], n - i, &used);

		fill(&lines[nlines++], &r);
		cJSON_Delete(r.about);
	}
	print_table(lines, nlines);
}

int cmd_ps(int argc, char **argv)
{
	static struct statfile_found found[CTL_PAGES];
	struct options o;
	int n = parse(&o, argc, argv);

	if (n)
		return n - 1;
	n = ctl_find_pages(o.dir, o.who, found);
	if (!n && !o.json)
		fprintf(stderr, "ix: no dataplane%s%s is running\n",
			o.who ? " called " : "", o.who ? o.who : "");
	if (o.json)
		print_list(found, n);
	else if (n)
		print_all(found, n);
	return n ? 0 : 1;
}
