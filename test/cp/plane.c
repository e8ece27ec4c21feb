/* SPDX-License-Identifier: MIT */
/*
 * A dataplane as far as ixcpd sees one, called as `ix` is:
 *
 *	plane run --conf FILE -- WHAT
 *
 * It has counter pages, a control socket with the verb `cores`, and no network.
 * A line goes to DIR/starts when it begins: "NAME PID". Every STEP_MS it reads
 * DIR/NAME.load, thousandths of a core, and counts as if its threads had that
 * to do. On how many cores it runs is in DIR/NAME.runs. WHAT:
 *
 *	serve       until SIGTERM
 *	stubborn    ... and takes no notice of that
 *	slow        takes SLOW_MS to leave cores
 *	fixed       without `cores`
 *	shy         refuses that once
 *	silent      takes requests and answers none
 *	fail        ends at once with status 3
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"
#include "dom/host/clock.h"
#include "dom/host/lines.h"
#include "dom/host/statfile.h"

enum { STEP_MS = 2, SLOW_MS = 100 };

struct plane {
	struct conf conf;
	const char *what;
	struct statfile stat[IX_MAX_THREADS];
	struct lines lines;
	u32 n, runs; /* threads, and those that are not parked */
	bool refused;
	u64 now; /* ns */
};

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	stop = 1;
}

/* ---- the socket */

static void tell_runs(const struct plane *p)
{
	char path[STATDIR_PATH + 80];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.runs", p->conf.stat_dir,
		 p->conf.name);
	f = fopen(path, "we");
	if (!f)
		exit(1);
	fprintf(f, "%u", p->runs);
	fclose(f);
}

static bool trusts(void *arg, uid_t uid)
{
	return true;
}

static char *answer(void *arg, const struct lines_peer *peer, const char *line,
		    size_t len, struct lines_fds *pass)
{
	struct plane *p = arg;
	unsigned int n;

	if (!strcmp(p->what, "silent"))
		return strdup("");
	if (!strcmp(p->what, "shy") && !p->refused) {
		p->refused = true;
		return strdup("{\"error\":\"not now\"}");
	}
	if (strcmp(p->what, "fixed") &&
	    sscanf(line, "{\"do\": \"cores\", \"n\": %u}", &n) == 1 && n &&
	    n <= p->n) {
		if (n < p->runs && !strcmp(p->what, "slow"))
			usleep(SLOW_MS * 1000);
		p->now = host_clock_os(); /* not counted as work */
		p->runs = n;
		tell_runs(p);
		return strdup("{\"ok\":true}");
	}
	return strdup("{\"error\":\"there is no such verb\"}");
}

static int open_socket(struct plane *p)
{
	char path[STATDIR_PATH + 32];

	snprintf(path, sizeof(path), "%s/%d.sock", p->conf.stat_dir,
		 (int)getpid());
	p->lines =
		(struct lines){ .trusts = trusts, .answer = answer, .arg = p };
	p->lines.fd = lines_listen(path);
	return p->lines.fd < 0 ? p->lines.fd : 0;
}

/* ---- counters */

static u32 load(const struct plane *p)
{
	char path[STATDIR_PATH + 80];
	u32 mcores = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.load", p->conf.stat_dir,
		 p->conf.name);
	f = fopen(path, "re");
	if (f && fscanf(f, "%u", &mcores) != 1)
		mcores = 0;
	if (f)
		fclose(f);
	return mcores;
}

static void count(struct plane *p)
{
	u64 now = host_clock_os(), ns = now - p->now;
	u32 busy = min(load(p) / p->runs, 1000u);

	p->now = now;
	for (u32 i = 0; i < p->n; i++) {
		struct ix_stat *s = &p->stat[i].page->stat;

		if (i >= p->runs)
			continue;
		s->busy_ns += ns * busy / 1000;
	}
}

static int open_pages(struct plane *p)
{
	for (u32 i = 0; i < p->n; i++) {
		int err = statfile_create(&p->stat[i], p->conf.stat_dir, i);
		struct statfile_page *page = p->stat[i].page;

		if (err)
			return err;
		page->nthreads = p->n;
		page->core = p->conf.cores.core[i];
		snprintf(page->name, sizeof(page->name), "%s", p->conf.name);
	}
	for (u32 i = 0; i < p->n; i++) {
		p->stat[i].page->stat.asleep = 1; /* busy_ns is up to date */
		strcpy(p->stat[i].page->about, "a fake");
	}
	return 0;
}

/* ---- life */

static void record(const struct plane *p)
{
	char path[STATDIR_PATH + 16], line[128];
	int n, fd;

	snprintf(path, sizeof(path), "%s/starts", p->conf.stat_dir);
	n = snprintf(line, sizeof(line), "%s %d\n", p->conf.name,
		     (int)getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, line, (size_t)n) != n)
		exit(1);
	close(fd);
}

int main(int argc, char **argv)
{
	static struct plane p;
	struct conf_err e;

	if (argc < 6 || strcmp(argv[1], "run") || strcmp(argv[2], "--conf") ||
	    strcmp(argv[4], "--"))
		return 2;
	conf_init(&p.conf);
	if (conf_read_file(&p.conf, argv[3], &e)) {
		fprintf(stderr, "plane: %s\n", e.text);
		return 2;
	}
	p.what = argv[5];
	p.n = p.runs = p.conf.cores.n;
	record(&p);
	if (!strcmp(p.what, "fail"))
		return 3;
	signal(SIGTERM, strcmp(p.what, "stubborn") ? on_term : SIG_IGN);
	p.now = host_clock_os();
	if (open_socket(&p) || open_pages(&p))
		return 1;
	while (!stop) {
		lines_wait(&p.lines, NULL, 0, STEP_MS, host_clock_os());
		lines_serve(&p.lines, host_clock_os());
		count(&p);
	}
	for (u32 i = 0; i < p.n; i++)
		statfile_remove(&p.stat[i]);
	lines_close(&p.lines);
	return 0;
}
