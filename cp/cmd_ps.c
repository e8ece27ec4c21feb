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

static void print_header(void)
{
	printf("%-15s %7s %-10s %-15s %-8s %-16s %7s %6s %8s %7s\n", "NAME",
	       "PID", "USER", "PROGRAM", "DOMAIN", "NIC", "THREADS", "HUGE",
	       "CONNS", "UP");
}

static void print_row(const struct row *r)
{
	char user[32], up[32] = "-", program[64] = "-", domain[16] = "-",
		       nic[64] = "-", huge[32] = "-";
	const char *path;

	if (r->about) {
		print_time(ctl_get_number(r->about, "uptime_ms"), up);
		path = ctl_get_text(r->about, "program");
		/* Without the folder, which --json has. */
		ctl_show(path ? basename(path) : NULL, program,
			 sizeof(program));
		ctl_show(ctl_get_text(r->about, "domain"), domain,
			 sizeof(domain));
		ctl_show(ctl_get_text(r->about, "nic"), nic, sizeof(nic));
		snprintf(huge, sizeof(huge), "%.0f",
			 ctl_get_number(r->about, "huge_pages"));
	}
	printf("%-15s %7d %-10s %-15s %-8s %-16s %7u %6s %8" PRIu64 " %7s\n",
	       r->first->page.name, (int)r->first->pid,
	       user_of(r->first->owner, user), program, domain, nic, r->threads,
	       huge, r->conns, up);
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

static void print_all(const struct options *o, const struct statfile_found *f,
		      int n)
{
	bool first = true;

	if (o->json)
		putchar('[');
	for (int i = 0, used; i < n; i += used, first = false) {
		struct row r = row_of(&f[i], n - i, &used);

		if (first && !o->json)
			print_header();
		o->json ? print_json(&r, first) : print_row(&r);
		cJSON_Delete(r.about);
	}
	if (o->json)
		printf("]\n");
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
	if (n || o.json)
		print_all(&o, found, n);
	return n ? 0 : 1;
}
