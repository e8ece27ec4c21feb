/* SPDX-License-Identifier: MIT */
/* ix stat [PID|NAME]: counters of running dataplanes. */
#include "cp/ix.h"
#include "dom/host/statfile.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PAGES = 1024 };

struct counter {
	const char *name, *help;
	size_t offset;
};

#define COUNTER(name_, help_) \
	{ #name_, help_, offsetof(struct ix_stat, name_) },
static const struct counter counters[] = { IX_COUNTERS(COUNTER) };
#undef COUNTER

struct options {
	const char *who; /* pid or name; NULL: all */
	const char *dir;
	bool json, all;
	unsigned int watch; /* ms between reports; 0: one */
};

static u64 value(const struct statfile_found *f, const struct counter *c)
{
	return *(const u64 *)((const char *)&f->page.stat + c->offset);
}

static bool wanted(const struct statfile_found *f, const char *who)
{
	return !who || f->pid == atoi(who) || !strcmp(f->page.name, who);
}

static int find(const struct options *o, struct statfile_found *out)
{
	int n = statfile_list(o->dir, out, MAX_PAGES), kept = 0;

	for (int i = 0; i < n; i++) {
		if (wanted(&out[i], o->who))
			out[kept++] = out[i];
	}
	return kept;
}

/* ---- for people: counter, one column per thread */

static bool any_nonzero(const struct statfile_found *f, int n,
			const struct counter *c)
{
	for (int i = 0; i < n; i++)
		if (value(&f[i], c))
			return true;
	return false;
}

/* Buckets of the batch sizes: "1-1: 5, 2-3: 7". */
static void print_batches(const struct statfile_found *f)
{
	const char *comma = "";

	printf("  packets per iteration:");
	for (int i = 0; i < IX_BATCH_BUCKETS; i++) {
		u64 n = f->page.stat.rx_batch[i];

		if (!n)
			continue;
		printf("%s %d-%d: %" PRIu64, comma, 1 << i, (2 << i) - 1, n);
		comma = ",";
	}
	putchar('\n');
}

static void print_owner(uid_t uid)
{
	const struct passwd *user = getpwuid(uid);

	if (user)
		printf(" of user %s", user->pw_name);
	else
		printf(" of user %u", uid);
}

static void print_process(const struct statfile_found *f, int n, bool all)
{
	printf("%s, process %d", f->page.name, (int)f->pid);
	if (f->owner != geteuid())
		print_owner(f->owner);
	printf(": %s\n", f->page.about);
	printf("  %-24s", "thread (core)");
	for (int i = 0; i < n; i++)
		printf(" %9u (%u)", f[i].thread, f[i].page.core);
	putchar('\n');
	for (size_t c = 0; c < ARRAY_SIZE(counters); c++) {
		if (!all && !any_nonzero(f, n, &counters[c]))
			continue;
		printf("  %-24s", counters[c].name);
		for (int i = 0; i < n; i++)
			printf(" %13" PRIu64, value(&f[i], &counters[c]));
		printf("  %s\n", counters[c].help);
	}
	for (int i = 0; i < n; i++)
		print_batches(&f[i]);
}

static void print_text(const struct statfile_found *f, int n, bool all)
{
	for (int i = 0; i < n;) {
		int m = 1;

		while (i + m < n && f[i + m].pid == f[i].pid &&
		       f[i + m].owner == f[i].owner)
			m++;
		print_process(f + i, m, all);
		i += m;
	}
}

/* ---- for programs */

/* @s is printable ASCII. */
static void print_json_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void print_json_thread(const struct statfile_found *f)
{
	printf("{\"pid\": %d, \"user\": %u, \"thread\": %u, \"core\": %u, "
	       "\"name\": ",
	       (int)f->pid, f->owner, f->thread, f->page.core);
	print_json_string(f->page.name);
	printf(", \"about\": ");
	print_json_string(f->page.about);
	for (size_t c = 0; c < ARRAY_SIZE(counters); c++)
		printf(", \"%s\": %" PRIu64, counters[c].name,
		       value(f, &counters[c]));
	printf(", \"rx_batch\": [");
	for (int i = 0; i < IX_BATCH_BUCKETS; i++)
		printf("%s%" PRIu64, i ? ", " : "", f->page.stat.rx_batch[i]);
	printf("]}");
}

static void print_json(const struct statfile_found *f, int n)
{
	putchar('[');
	for (int i = 0; i < n; i++) {
		printf("%s", i ? ",\n " : "");
		print_json_thread(&f[i]);
	}
	printf("]\n");
}

/* ---- --watch: what has changed, per second */

static bool is_gauge(const struct counter *c)
{
	return !strncmp(c->help, "gauge", 5);
}

static void print_change(const struct statfile_found *f,
			 const struct statfile_found *old, double s)
{
	printf("%s %d.%u:", f->page.name, (int)f->pid, f->thread);
	for (size_t c = 0; c < ARRAY_SIZE(counters); c++) {
		u64 now = value(f, &counters[c]);
		u64 before = value(old, &counters[c]);

		if (is_gauge(&counters[c]))
			printf(" %s=%" PRIu64, counters[c].name, now);
		else if (now != before)
			printf(" %s=%.0f/s", counters[c].name,
			       (double)(now - before) / s);
	}
	putchar('\n');
	fflush(stdout);
}

/* The same thread's page among @n others, or NULL: it is new. */
static const struct statfile_found *same(const struct statfile_found *f,
					 const struct statfile_found *old,
					 int n)
{
	for (int i = 0; i < n; i++) {
		if (old[i].owner == f->owner && old[i].pid == f->pid &&
		    old[i].thread == f->thread)
			return &old[i];
	}
	return NULL;
}

/* Until all of them have ended. */
static void watch(const struct options *o, struct statfile_found *f, int n)
{
	struct timespec pause = { o->watch / 1000,
				  (long)(o->watch % 1000) * 1000000 };
	static struct statfile_found old[MAX_PAGES];

	while (n) {
		int before = n;

		memcpy(old, f, sizeof(*f) * (size_t)n);
		nanosleep(&pause, NULL);
		n = find(o, f);
		for (int i = 0; i < n; i++) {
			const struct statfile_found *was =
				same(&f[i], old, before);

			if (was)
				print_change(&f[i], was, o->watch / 1000.0);
		}
	}
}

static int usage(FILE *f, int status)
{
	fprintf(f, "Usage: ix stat [OPTIONS] [PID|NAME]\n"
		   "Counters of running dataplanes, one column per elastic "
		   "thread.\n\n"
		   "  --all         also those that are zero\n"
		   "  --json        an array with one object per thread\n"
		   "  --watch[=MS]  rates, every MS milliseconds [1000], until "
		   "it ends\n"
		   "  --dir DIR     as the setting stat_dir\n");
	return status;
}

/* 0, or the exit status + 1. */
static int parse(struct options *o, int argc, char **argv)
{
	static const struct option known[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "json", no_argument, NULL, 'j' },
		{ "watch", optional_argument, NULL, 'w' },
		{ "dir", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	*o = (struct options){ .dir = "" };
	while ((c = getopt_long(argc, argv, "ajw::d:h", known, NULL)) != -1) {
		switch (c) {
		case 'a':
			o->all = true;
			break;
		case 'j':
			o->json = true;
			break;
		case 'w':
			o->watch = optarg ? (unsigned int)atoi(optarg) : 1000;
			o->watch = max(o->watch, 10u);
			break;
		case 'd':
			o->dir = optarg;
			break;
		case 'h':
			return usage(stdout, 0) + 1;
		default:
			return usage(stderr, EXIT_USAGE) + 1;
		}
	}
	if (optind + 1 < argc)
		return usage(stderr, EXIT_USAGE) + 1;
	o->who = argv[optind];
	return 0;
}

int cmd_stat(int argc, char **argv)
{
	static struct statfile_found found[MAX_PAGES];
	struct options o;
	int n = parse(&o, argc, argv);

	if (n)
		return n - 1;
	n = find(&o, found);
	if (o.json)
		print_json(found, n);
	else if (!n)
		fprintf(stderr, "ix: no dataplane%s%s is running\n",
			o.who ? " called " : "", o.who ? o.who : "");
	else if (o.watch)
		watch(&o, found, n);
	else
		print_text(found, n, o.all);
	return n ? 0 : 1;
}
