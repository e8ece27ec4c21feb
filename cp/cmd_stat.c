/* SPDX-License-Identifier: MIT */
/* ix stat [PID|NAME]: counters of running dataplanes. */
#include "cp/ix.h"
#include "cp/number.h"
#include "cp/stat.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- for people: counter, one column per thread */

static bool any_nonzero(const struct statfile_found *f, int n,
			const struct stat_counter *c)
{
	for (int i = 0; i < n; i++)
		if (stat_value(&f[i], c))
			return true;
	return false;
}

static bool has_batches(const struct statfile_found *f)
{
	for (int i = 0; i < IX_BATCH_BUCKETS; i++)
		if (f->page.stat.rx_batch[i])
			return true;
	return false;
}

/* Buckets of the batch sizes: "1-1: 5, 2-3: 7". */
static void print_batches(const struct statfile_found *f)
{
	const char *comma = "";

	if (!has_batches(f))
		return;
	printf("  packets per iteration of thread %u:", f->thread);
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

/* What ps calls it: `ix`, or in domain inline `ix:` and the program's name. It
 * chooses its name, and so may others for it. */
static void print_comm(pid_t pid)
{
	char path[32], comm[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	f = fopen(path, "re");
	if (f && fgets(comm, sizeof(comm), f)) {
		comm[strcspn(comm, "\n")] = 0;
		for (char *c = comm; *c; c++)
			*c = isprint((unsigned char)*c) ? *c : '?';
		printf(" (%s)", comm);
	}
	if (f)
		fclose(f);
}

static void print_process(const struct statfile_found *f, int n, bool all)
{
	printf("%s, process %d", f->page.name, (int)f->pid);
	print_comm(f->pid);
	if (f->owner != geteuid())
		print_owner(f->owner);
	printf(": %s\n", f->page.about);
	printf("  %-24s", "thread (core)");
	for (int i = 0; i < n; i++)
		printf(" %9u (%u)", f[i].thread, f[i].page.core);
	putchar('\n');
	for (size_t c = 0; c < stat_nr_counters; c++) {
		if (!all && !any_nonzero(f, n, &stat_counters[c]))
			continue;
		printf("  %-24s", stat_counters[c].name);
		for (int i = 0; i < n; i++)
			printf(" %13" PRIu64,
			       stat_value(&f[i], &stat_counters[c]));
		printf("  %s\n", stat_counters[c].help);
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

static void print_json(const struct statfile_found *f, int n)
{
	putchar('[');
	for (int i = 0; i < n; i++) {
		printf("%s", i ? ",\n " : "");
		stat_print_json(stdout, &f[i]);
	}
	printf("]\n");
}

static int usage(FILE *f, int status)
{
	fprintf(f, "Usage: ix stat [OPTIONS] [PID|NAME]\n"
		   "Counters of running dataplanes, one column per elastic "
		   "thread.\n\n"
		   "  --all         also those that are zero; with --watch all "
		   "that change\n"
		   "  --json        an array with one object per thread\n"
		   "  --watch[=MS]  a table of rates, a line a thread every MS "
		   "milliseconds [1000],\n"
		   "                until it ends\n"
		   "  --dir DIR     as the setting stat_dir\n");
	return status;
}

static bool parse_ms(const char *text, unsigned int *ms)
{
	u64 n = 1000;
	bool ok = !text || number_in(text, STAT_WATCH_MIN, STAT_WATCH_MAX, &n);

	*ms = (unsigned int)n;
	if (ok)
		return true;
	fprintf(stderr, "ix: --watch=%s: milliseconds are from %d to %d\n",
		text, STAT_WATCH_MIN, STAT_WATCH_MAX);
	return false;
}

/* 0, or the exit status + 1. */
static int parse(struct stat_options *o, int argc, char **argv)
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

	*o = (struct stat_options){ .dir = "" };
	while ((c = getopt_long(argc, argv, "ajw::d:h", known, NULL)) != -1) {
		switch (c) {
		case 'a':
			o->all = true;
			break;
		case 'j':
			o->json = true;
			break;
		case 'w':
			if (!parse_ms(optarg, &o->watch))
				return EXIT_USAGE + 1;
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
	static struct statfile_found found[STAT_PAGES];
	struct stat_options o;
	int n = parse(&o, argc, argv);

	if (n)
		return n - 1;
	n = stat_find(&o, found);
	if (o.json)
		print_json(found, n);
	else if (!n)
		fprintf(stderr, "ix: no dataplane%s%s is running\n",
			o.who ? " called " : "", o.who ? o.who : "");
	else if (o.watch)
		stat_watch(&o, found, n);
	else
		print_text(found, n, o.all);
	return n ? 0 : 1;
}
