/* SPDX-License-Identifier: MIT */
/*
 * Prometheus's text exposition format, version 0.0.4. Names follow from the
 * list of counters, by Prometheus's conventions:
 *
 *   rx_packets                ix_rx_packets_total
 *   idle_ns                   ix_idle_seconds_total
 *   mbufs_total, a gauge      ix_mbufs
 *   drop_REASON, all          ix_drops_total{reason="REASON"}
 */
#include "cp/metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- pages */

static int by_pid_thread_owner(const void *a, const void *b)
{
	const struct statfile_found *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	return (x->owner > y->owner) - (x->owner < y->owner);
}

int metrics_unique(struct statfile_found *f, int n)
{
	int kept = 0;

	if (n)
		qsort(f, (size_t)n, sizeof(*f), by_pid_thread_owner);
	for (int i = 0; i < n; i++) {
		if (!kept || f[kept - 1].pid != f[i].pid ||
		    f[kept - 1].thread != f[i].thread)
			f[kept++] = f[i];
	}
	return kept;
}

/* ---- names */

enum { NAME = 64 };

static bool cut_suffix(char *s, const char *suffix)
{
	size_t len = strlen(s), n = strlen(suffix);

	if (len < n || strcmp(s + len - n, suffix))
		return false;
	s[len - n] = 0;
	return true;
}

static bool is_ns(const struct stat_counter *c)
{
	char name[NAME];

	snprintf(name, sizeof(name), "%s", c->name);
	return cut_suffix(name, "_ns");
}

static void name_of(const struct stat_counter *c, char out[NAME])
{
	bool gauge = stat_is_gauge(c), ns;

	snprintf(out, NAME - 24, "ix_%s", c->name);
	ns = cut_suffix(out, "_ns");
	if (gauge)
		cut_suffix(out, "_total");
	strcat(out, ns ? "_seconds" : "");
	strcat(out, gauge ? "" : "_total");
}

/* Without what the type or the unit of the name says already. */
static void print_help(FILE *out, const struct stat_counter *c)
{
	const char *text = c->help;
	size_t len;

	text += strncmp(text, "gauge: ", 7) ? 0 : 7;
	len = strlen(text);
	if (is_ns(c) && len > 4 && !strcmp(text + len - 4, ", ns"))
		len -= 4;
	fprintf(out, "%.*s", (int)len, text);
}

/* ---- samples */

/* Texts are printable ASCII: a label's value is quoted as JSON's. */
static void print_process(FILE *out, const struct statfile_found *f)
{
	fprintf(out, "{dataplane=");
	stat_print_string(out, f->page.name);
	fprintf(out, ",pid=\"%d\"", (int)f->pid);
}

static void print_thread(FILE *out, const struct statfile_found *f)
{
	print_process(out, f);
	fprintf(out, ",thread=\"%u\"", f->thread);
}

static void print_value(FILE *out, const struct statfile_found *f,
			const struct stat_counter *c)
{
	const u64 second = 1000000000, v = stat_value(f, c);

	if (is_ns(c))
		fprintf(out, " %" PRIu64 ".%09" PRIu64 "\n", v / second,
			v % second);
	else
		fprintf(out, " %" PRIu64 "\n", v);
}

static void write_counter(FILE *out, const struct stat_counter *c,
			  const struct statfile_found *f, int n)
{
	char name[NAME];

	name_of(c, name);
	fprintf(out, "# HELP %s ", name);
	print_help(out, c);
	fprintf(out, "\n# TYPE %s %s\n", name,
		stat_is_gauge(c) ? "gauge" : "counter");
	for (int i = 0; i < n; i++) {
		fputs(name, out);
		print_thread(out, &f[i]);
		putc('}', out);
		print_value(out, &f[i], c);
	}
}

static void write_drops(FILE *out, const struct statfile_found *f, int n)
{
	fprintf(out, "# HELP ix_drops_total packets thrown away, by reason: "
		     "see drop_REASON of ix stat --all\n"
		     "# TYPE ix_drops_total counter\n");
	for (size_t c = 0; c < stat_nr_counters; c++) {
		if (!stat_is_drop(&stat_counters[c]))
			continue;
		for (int i = 0; i < n; i++) {
			fprintf(out, "ix_drops_total");
			print_thread(out, &f[i]);
			fprintf(out, ",reason=\"%s\"}",
				stat_counters[c].name + strlen("drop_"));
			print_value(out, &f[i], &stat_counters[c]);
		}
	}
}

/* ---- histograms */

static void print_bucket(FILE *out, const struct statfile_found *f,
			 const char *name, const char *le, u64 n)
{
	fprintf(out, "%s_bucket", name);
	print_thread(out, f);
	fprintf(out, ",le=\"%s\"} %" PRIu64 "\n", le, n);
}

/* Bucket i holds batches of 1 << i to (2 << i) - 1 packets. */
static void write_batches(FILE *out, const struct statfile_found *f, int n)
{
	const char *name = "ix_rx_batch_packets";

	fprintf(out,
		"# HELP %s packets in a loop iteration that received some\n"
		"# TYPE %s histogram\n",
		name, name);
	for (int i = 0; i < n; i++) {
		const struct ix_stat *s = &f[i].page.stat;
		u64 sum = 0;
		char le[16];

		for (int b = 0; b < IX_BATCH_BUCKETS; b++) {
			sum += s->rx_batch[b];
			snprintf(le, sizeof(le), "%d", (2 << b) - 1);
			print_bucket(out, &f[i], name, le, sum);
		}
		print_bucket(out, &f[i], name, "+Inf", sum);
		fprintf(out, "%s_sum", name);
		print_thread(out, &f[i]);
		fprintf(out, "} %" PRIu64 "\n%s_count", s->rx_packets, name);
		print_thread(out, &f[i]);
		fprintf(out, "} %" PRIu64 "\n", sum);
	}
}

/* ---- what does not count */

static void write_info(FILE *out, const struct statfile_found *f, int n)
{
	fprintf(out, "# HELP ix_dataplane_info a running dataplane, and what "
		     "is in force in it\n"
		     "# TYPE ix_dataplane_info gauge\n");
	for (int i = 0; i < n; i++) {
		if (i && f[i].pid == f[i - 1].pid)
			continue;
		fprintf(out, "ix_dataplane_info");
		print_process(out, &f[i]);
		fprintf(out, ",user=\"%u\",about=", f[i].owner);
		stat_print_string(out, f[i].page.about);
		fprintf(out, "} 1\n");
	}
	fprintf(out, "# HELP ix_thread_info an elastic thread, and its core\n"
		     "# TYPE ix_thread_info gauge\n");
	for (int i = 0; i < n; i++) {
		fprintf(out, "ix_thread_info");
		print_thread(out, &f[i]);
		fprintf(out, ",core=\"%u\"} 1\n", f[i].page.core);
	}
}

void metrics_write(FILE *out, const struct statfile_found *f, int n)
{
	write_info(out, f, n);
	for (size_t c = 0; c < stat_nr_counters; c++) {
		if (!stat_is_drop(&stat_counters[c]))
			write_counter(out, &stat_counters[c], f, n);
	}
	write_drops(out, f, n);
	write_batches(out, f, n);
}
