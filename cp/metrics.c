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

static void print_number(FILE *out, u64 v, bool ns)
{
	const u64 second = 1000000000;

	if (ns)
		fprintf(out, " %" PRIu64 ".%09" PRIu64 "\n", v / second,
			v % second);
	else
		fprintf(out, " %" PRIu64 "\n", v);
}

static void print_value(FILE *out, const struct statfile_found *f,
			const struct stat_counter *c)
{
	print_number(out, stat_value(f, c), is_ns(c));
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

/* Bucket i holds what is from 1 << i to (2 << i) - 1, in ns or packets. */
static const struct histogram {
	const char *name, *help;
	size_t buckets, sum; /* of struct ix_stat */
	u32 n;
	bool open; /* the last one also has what is beyond */
	bool ns;
} histograms[] = {
	{ "ix_rx_batch_packets",
	  "packets in a loop iteration that received some",
	  offsetof(struct ix_stat, rx_batch),
	  offsetof(struct ix_stat, rx_packets), IX_BATCH_BUCKETS, false,
	  false },
	{ "ix_rx_delay_seconds",
	  "what packets may have waited in the NIC's queue: the time since the "
	  "poll before",
	  offsetof(struct ix_stat, rx_delay),
	  offsetof(struct ix_stat, rx_delay_ns), IX_DELAY_BUCKETS, true, true },
};

static void print_bucket(FILE *out, const struct statfile_found *f,
			 const struct histogram *h, u32 i, u64 n)
{
	u64 top = (2ull << i) - 1;

	fprintf(out, "%s_bucket", h->name);
	print_thread(out, f);
	if (h->ns)
		fprintf(out, ",le=\"%.9f\"} %" PRIu64 "\n", (double)top / 1e9,
			n);
	else
		fprintf(out, ",le=\"%" PRIu64 "\"} %" PRIu64 "\n", top, n);
}

static void write_thread(FILE *out, const struct statfile_found *f,
			 const struct histogram *h)
{
	const char *stat = (const char *)&f->page.stat;
	const u64 *buckets = (const u64 *)(stat + h->buckets);
	u64 n = 0;

	for (u32 i = 0; i < h->n; i++) {
		n += buckets[i];
		if (i + 1 < h->n || !h->open)
			print_bucket(out, f, h, i, n);
	}
	fprintf(out, "%s_bucket", h->name);
	print_thread(out, f);
	fprintf(out, ",le=\"+Inf\"} %" PRIu64 "\n%s_sum", n, h->name);
	print_thread(out, f);
	putc('}', out);
	print_number(out, *(const u64 *)(stat + h->sum), h->ns);
	fprintf(out, "%s_count", h->name);
	print_thread(out, f);
	fprintf(out, "} %" PRIu64 "\n", n);
}

static void write_histogram(FILE *out, const struct histogram *h,
			    const struct statfile_found *f, int n)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s histogram\n", h->name, h->help,
		h->name);
	for (int i = 0; i < n; i++)
		write_thread(out, &f[i], h);
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
	for (size_t h = 0; h < ARRAY_SIZE(histograms); h++)
		write_histogram(out, &histograms[h], f, n);
}
