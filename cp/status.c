/* SPDX-License-Identifier: MIT */
/* What the status page reads: counter pages as they are. Rates are its
 * business. */
#include "cp/metrics.h"

static void write_counters(FILE *out)
{
	fprintf(out, "\"counters\": {");
	for (size_t c = 0; c < stat_nr_counters; c++) {
		fprintf(out,
			"%s\n \"%s\": {\"gauge\": %s, \"help\": ", c ? "," : "",
			stat_counters[c].name,
			stat_is_gauge(&stat_counters[c]) ? "true" : "false");
		stat_print_string(out, stat_counters[c].help);
		putc('}', out);
	}
	fprintf(out, "}");
}

/* Which thread each flow group belongs to; none: not known. */
static void write_groups(FILE *out, const struct statfile_page *page)
{
	u32 n = page->ngroups;

	fprintf(out, ", \"groups\": [");
	for (u32 i = 0; i < n && i < STATFILE_GROUPS; i++)
		fprintf(out, "%s%u", i ? "," : "", page->groups[i]);
	fprintf(out, "]}");
}

void status_write(FILE *out, const struct statfile_found *f, int n, double now)
{
	fprintf(out, "{\"time\": %.3f,\n", now);
	write_counters(out);
	fprintf(out, ",\n\"threads\": [");
	for (int i = 0; i < n; i++) {
		fprintf(out, "%s\n{\"page\": ", i ? "," : "");
		stat_print_json(out, &f[i]);
		write_groups(out, &f[i].page);
	}
	fprintf(out, "]}\n");
}
