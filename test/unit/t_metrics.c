/* SPDX-License-Identifier: MIT */
/* cp/metrics.c: series are unique whatever others write to their pages, names
 * come from others, and the histogram is one. That a whole page is well formed:
 * test/e2e/prom.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cp/metrics.h"

static struct statfile_found page(pid_t pid, unsigned int thread, uid_t owner,
				  const char *name)
{
	struct statfile_found f = { .owner = owner,
				    .pid = pid,
				    .thread = thread };

	snprintf(f.page.name, sizeof(f.page.name), "%s", name);
	return f;
}

static char *written(const struct statfile_found *f, int n)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	metrics_write(out, f, n);
	fclose(out);
	return text;
}

static void has(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	if (!at || (at != text && at[-1] != '\n'))
		fail_msg("no line %s", line);
	assert_null(strstr(at + 1, line));
}

/* Another user's page of the same process and thread is not believed. */
static void unique(void **state)
{
	struct statfile_found f[] = {
		page(7, 1, 0, "kv"),	   page(7, 0, 1000, "kv"),
		page(9, 0, 1000, "other"), page(7, 0, 0, "kv"),
		page(9, 0, 1000, "twice"),
	};

	assert_int_equal(metrics_unique(f, 5), 3);
	assert_int_equal(f[0].pid, 7);
	assert_int_equal(f[0].thread, 0);
	assert_int_equal(f[0].owner, 0);
	assert_int_equal(f[1].thread, 1);
	assert_int_equal(f[2].pid, 9);
	assert_int_equal(metrics_unique(f, 0), 0);
}

static void names_and_units(void **state)
{
	struct statfile_found f = page(7, 2, 1000, "kv");
	struct ix_stat *s = &f.page.stat;
	char *text;

	s->rx_packets = UINT64_MAX;
	s->idle_ns = 12000000034;
	s->mbufs_total = 512;
	s->drop_late = 3;
	f.page.core = 5;
	text = written(&f, 1);
	has(text,
	    "ix_rx_packets_total{dataplane=\"kv\",pid=\"7\",thread=\"2\"} "
	    "18446744073709551615\n");
	has(text, "ix_idle_seconds_total{dataplane=\"kv\",pid=\"7\","
		  "thread=\"2\"} 12.000000034\n");
	has(text, "# HELP ix_idle_seconds_total time spent idle\n");
	has(text, "ix_mbufs{dataplane=\"kv\",pid=\"7\",thread=\"2\"} 512\n");
	has(text, "# TYPE ix_mbufs gauge\n");
	has(text, "# HELP ix_tcp_conns connections now, TIME-WAIT included\n");
	has(text, "ix_drops_total{dataplane=\"kv\",pid=\"7\",thread=\"2\","
		  "reason=\"late\"} 3\n");
	has(text, "ix_thread_info{dataplane=\"kv\",pid=\"7\",thread=\"2\","
		  "core=\"5\"} 1\n");
	free(text);
}

static void quoted(void **state)
{
	struct statfile_found f = page(7, 0, 0, "a\"b\\c} 1");
	char *text = written(&f, 1);

	has(text, "ix_kicks_total{dataplane=\"a\\\"b\\\\c} 1\",pid=\"7\","
		  "thread=\"0\"} 0\n");
	free(text);
}

/* le: the largest batch of a bucket; cumulative. */
static void histogram(void **state)
{
	struct statfile_found f = page(7, 0, 0, "kv");
	char *text;

	f.page.stat.rx_batch[0] = 5;
	f.page.stat.rx_batch[2] = 2;
	f.page.stat.rx_packets = 15;
	f.page.stat.rx_delay[9] = 3; /* 512 ns to 1023 ns */
	f.page.stat.rx_delay[IX_DELAY_BUCKETS - 1] = 1;
	f.page.stat.rx_delay_ns = 5000003000;
	text = written(&f, 1);
#define BATCH "ix_rx_batch_packets"
#define KV "dataplane=\"kv\",pid=\"7\",thread=\"0\""
	has(text, "# TYPE " BATCH " histogram\n");
	has(text, BATCH "_bucket{" KV ",le=\"1\"} 5\n");
	has(text, BATCH "_bucket{" KV ",le=\"3\"} 5\n");
	has(text, BATCH "_bucket{" KV ",le=\"7\"} 7\n");
	has(text, BATCH "_bucket{" KV ",le=\"+Inf\"} 7\n");
	has(text, BATCH "_sum{" KV "} 15\n");
	has(text, BATCH "_count{" KV "} 7\n");
#define DELAY "ix_rx_delay_seconds"
	has(text, DELAY "_bucket{" KV ",le=\"0.000001023\"} 3\n");
	has(text, DELAY "_bucket{" KV ",le=\"0.000000511\"} 0\n");
	has(text, DELAY "_bucket{" KV ",le=\"2.147483647\"} 3\n");
	has(text, DELAY "_bucket{" KV ",le=\"+Inf\"} 4\n");
	has(text, DELAY "_sum{" KV "} 5.000003000\n");
	has(text, DELAY "_count{" KV "} 4\n");
	free(text);
}

/* What others write to a page does not lead out of it. */
static void status(void **state)
{
	struct statfile_found f = page(7, 0, 0, "</script>\"");
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	f.page.ngroups = UINT32_MAX;
	f.page.groups[STATFILE_GROUPS - 1] = 9;
	status_write(out, &f, 1, 1.5);
	fclose(out);
	assert_non_null(strstr(text, "\"name\": \"</script>\\\"\""));
	assert_non_null(strstr(text, ",0,9]}]}\n"));
	assert_memory_equal(text, "{\"time\": 1.500,", 15);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unique), cmocka_unit_test(names_and_units),
		cmocka_unit_test(quoted), cmocka_unit_test(histogram),
		cmocka_unit_test(status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
