/* SPDX-License-Identifier: MIT */
/* ix stat [PID|NAME]: counters of running dataplanes. */
#include "cp/ix.h"
#include "dom/host/statfile.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
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
	return READ_ONCE(
		*(const u64 *)((const char *)&f->page->stat + c->offset));
}

static bool wanted(const struct statfile_found *f, const char *who)
{
	return !who || f->pid == atoi(who) || !strcmp(f->page->name, who);
}

/* Only what is wanted; the rest is unmapped. */
static int find(const struct options *o, struct statfile_found *out)
{
	int n = statfile_list(o->dir, out, MAX_PAGES), kept = 0;

	for (int i = 0; i < n; i++) {
		if (wanted(&out[i], o->who))
			out[kept++] = out[i];
		else
			statfile_unmap(&out[i], 1);
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
		u64 n = READ_ONCE(f->page->stat.rx_batch[i]);

		if (!n)
			continue;
		printf("%s %d-%d: %" PRIu64, comma, 1 << i, (2 << i) - 1, n);
		comma = ",";
	}
	putchar('\n');
}

static void print_process(const struct statfile_found *f, int n, bool all)
{
	printf("%s, process %d: %s\n", f->page->name, (int)f->pid,
	       f->page->about);
	printf("  %-24s", "thread (core)");
	for (int i = 0; i < n; i++)
		printf(" %9u (%u)", f[i].thread, f[i].page->core);
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

		while (i + m < n && f[i + m].pid == f[i].pid)
			m++;
		print_process(f + i, m, all);
		i += m;
	}
}

/* ---- for programs */

static void print_json_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < ' ')
			printf("\\u%04x", *s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void print_json_thread(const struct statfile_found *f)
{
	printf("{\"pid\": %d, \"thread\": %u, \"core\": %u, \"name\": ",
	       (int)f->pid, f->thread, f->page->core);
	print_json_string(f->page->name);
	printf(", \"about\": ");
	print_json_string(f->page->about);
	for (size_t c = 0; c < ARRAY_SIZE(counters); c++)
		printf(", \"%s\": %" PRIu64, counters[c].name,
		       value(f, &counters[c]));
	printf(", \"rx_batch\": [");
	for (int i = 0; i < IX_BATCH_BUCKETS; i++)
		printf("%s%" PRIu64, i ? ", " : "",
		       READ_ONCE(f->page->stat.rx_batch[i]));
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

static void copy_values(const struct statfile_found *f, u64 *out)
{
	for (size_t c = 0; c < ARRAY_SIZE(counters); c++)
		out[c] = value(f, &counters[c]);
}

static bool is_gauge(const struct counter *c)
{
	return !strncmp(c->help, "gauge", 5);
}

static void print_change(const struct statfile_found *f, u64 *old, double s)
{
	printf("%s %d.%u:", f->page->name, (int)f->pid, f->thread);
	for (size_t c = 0; c < ARRAY_SIZE(counters); c++) {
		u64 now = value(f, &counters[c]);

		if (is_gauge(&counters[c]))
			printf(" %s=%" PRIu64, counters[c].name, now);
		else if (now != old[c])
			printf(" %s=%.0f/s", counters[c].name,
			       (double)(now - old[c]) / s);
		old[c] = now;
	}
	putchar('\n');
	fflush(stdout);
}

/* Until all of them have ended. */
static void watch(const struct options *o, struct statfile_found *f, int n)
{
	struct timespec pause = { o->watch / 1000,
				  (long)(o->watch % 1000) * 1000000 };
	u64(*old)[ARRAY_SIZE(counters)] = calloc((size_t)n, sizeof(*old));

	for (int i = 0; i < n && old; i++)
		copy_values(&f[i], old[i]);
	while (old && n && !access(f[0].path, F_OK)) {
		nanosleep(&pause, NULL);
		for (int i = 0; i < n; i++)
			print_change(&f[i], old[i], o->watch / 1000.0);
	}
	free(old);
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
	statfile_unmap(found, n);
	return n ? 0 : 1;
}
