/* SPDX-License-Identifier: MIT */
/* ix metrics: counters of running dataplanes for Prometheus and for a browser.
 * A program of its own, see tool.c. */
#include "cp/metrics.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>

static int usage(FILE *f, int status)
{
	fprintf(f,
		"Usage: ix metrics [OPTIONS]\n"
		"Counters of running dataplanes over HTTP: /metrics for "
		"Prometheus, and a\n"
		"status page for a browser. As JSON: /status.json there, and "
		"ix stat --json.\n\n"
		"  --listen ADDRESS:PORT  where [" WEB_LISTEN "]; port 0: one "
		"that is free\n"
		"  --once                 prints what /metrics has, and "
		"ends\n"
		"  --dir DIR              as the setting stat_dir\n"
		"  --help                 this text\n");
	return status;
}

struct options {
	struct web_conf conf;
	bool once;
};

/* 0, or the exit status + 1. */
static int parse(struct options *o, int argc, char **argv)
{
	static const struct option known[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "once", no_argument, NULL, 'o' },
		{ "dir", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	*o = (struct options){ .conf = { .listen = WEB_LISTEN, .dir = "" } };
	while ((c = getopt_long(argc, argv, "l:od:h", known, NULL)) != -1) {
		switch (c) {
		case 'l':
			o->conf.listen = optarg;
			break;
		case 'o':
			o->once = true;
			break;
		case 'd':
			o->conf.dir = optarg;
			break;
		case 'h':
			return usage(stdout, 0) + 1;
		default:
			return usage(stderr, EXIT_USAGE) + 1;
		}
	}
	return optind < argc ? usage(stderr, EXIT_USAGE) + 1 : 0;
}

static int print_once(const char *dir)
{
	static struct statfile_found found[STAT_PAGES];
	const struct stat_options o = { .dir = dir };

	metrics_write(stdout, found,
		      metrics_unique(found, stat_find(&o, found)));
	return fflush(stdout) ? EXIT_FAILURE : 0;
}

static int serve(const struct web_conf *conf)
{
	struct web *w;
	char why[256];
	sigset_t end;
	int sig, err;

	sigemptyset(&end);
	sigaddset(&end, SIGINT);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	err = web_start(&w, conf, why, sizeof(why));
	if (err) {
		fprintf(stderr, "ix: metrics: %s\n", why);
		return err == -EINVAL ? EXIT_USAGE : EXIT_FAILURE;
	}
	if (!web_is_local(w))
		fprintf(stderr,
			"ix: metrics: whoever reaches %s sees all "
			"counters\n",
			web_url(w));
	printf("%s\n", web_url(w));
	fflush(stdout);
	sigwait(&end, &sig);
	web_stop(w);
	return 0;
}

int main(int argc, char **argv)
{
	struct options o;
	int status = parse(&o, argc, argv);

	if (status)
		return status - 1;
	return o.once ? print_once(o.conf.dir) : serve(&o.conf);
}
