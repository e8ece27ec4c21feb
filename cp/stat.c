/* SPDX-License-Identifier: MIT */
/* Counter pages, for whoever shows them. */
#include "cp/stat.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COUNTER(name_, help_) \
	{ #name_, help_, offsetof(struct ix_stat, name_) },
const struct stat_counter stat_counters[] = { IX_COUNTERS(COUNTER) };
#undef COUNTER

const size_t stat_nr_counters = ARRAY_SIZE(stat_counters);

static bool wanted(const struct statfile_found *f, const char *who)
{
	return !who || f->pid == atoi(who) || !strcmp(f->page.name, who);
}

int stat_find(const struct stat_options *o, struct statfile_found *out)
{
	int n = statfile_list(o->dir, out, STAT_PAGES), kept = 0;

	for (int i = 0; i < n; i++) {
		if (wanted(&out[i], o->who))
			out[kept++] = out[i];
	}
	return kept;
}

bool stat_is_gauge(const struct stat_counter *c)
{
	return !strncmp(c->help, "gauge", 5);
}

bool stat_is_drop(const struct stat_counter *c)
{
	return !strncmp(c->name, "drop_", 5);
}

/* @s is printable ASCII. */
void stat_print_string(FILE *out, const char *s)
{
	putc('"', out);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			putc('\\', out);
		putc(*s, out);
	}
	putc('"', out);
}

static void print_buckets(FILE *out, const char *name, const uint64_t *b, int n)
{
	fprintf(out, ", \"%s\": [", name);
	for (int i = 0; i < n; i++)
		fprintf(out, "%s%" PRIu64, i ? ", " : "", b[i]);
	putc(']', out);
}

void stat_print_json(FILE *out, const struct statfile_found *f)
{
	fprintf(out,
		"{\"pid\": %d, \"user\": %u, \"thread\": %u, \"core\": %u, "
		"\"name\": ",
		(int)f->pid, f->owner, f->thread, f->page.core);
	stat_print_string(out, f->page.name);
	fprintf(out, ", \"about\": ");
	stat_print_string(out, f->page.about);
	for (size_t c = 0; c < stat_nr_counters; c++)
		fprintf(out, ", \"%s\": %" PRIu64, stat_counters[c].name,
			stat_value(f, &stat_counters[c]));
	print_buckets(out, "rx_batch", f->page.stat.rx_batch, IX_BATCH_BUCKETS);
	print_buckets(out, "rx_delay", f->page.stat.rx_delay, IX_DELAY_BUCKETS);
	putc('}', out);
}
