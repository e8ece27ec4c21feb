/* SPDX-License-Identifier: MIT */
/* pingpong: options and the table. See pingpong.h. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pingpong.h"

static const char usage[] =
	"usage: ix run [OPTIONS] -- %1$s --server [--port N]\n"
	"       ix run [OPTIONS] -- %1$s --client IP [--port N] ...\n"
	"       %1$s --linux --server | --client IP ...\n"
	"Sends messages to and fro over TCP and tells the one-way time.\n"
	"  --server         send messages back\n"
	"  --client IP      measure against the server at IP\n"
	"  --port N         TCP port (default 5002)\n"
	"  --size N[,N...]  bytes per message (default 1 to 512K, doubling)\n"
	"  --iters N        messages per size (default by size)\n"
	"  --json           results as JSON\n"
	"  --linux          plain blocking Linux sockets, TCP_NODELAY\n"
	"  --busy-poll US   SO_BUSY_POLL (with --linux)\n"
	"  --help\n";

uint32_t pp_iters(const struct pp_options *o, uint32_t size)
{
	uint32_t n = (64u << 20) / size;

	if (o->iters)
		return o->iters;
	return n < 200 ? 200 : n > 10000 ? 10000 : n;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void pp_report(const struct pp_options *o, uint32_t size, uint64_t *rtt,
	       uint32_t n)
{
	static bool begun;
	double mean = 0, p50, p99, mbit;
	uint32_t i;

	for (i = 0; i < n; i++)
		mean += (double)rtt[i];
	qsort(rtt, n, sizeof(*rtt), by_value);
	mean /= 2e3 * n; /* one way, us */
	p50 = (double)rtt[n / 2] / 2e3;
	p99 = (double)rtt[(uint64_t)n * 99 / 100] / 2e3;
	mbit = size * 8.0 / mean;
	if (o->json) {
		printf("%s{\"size\": %u, \"iters\": %u, \"mean_us\": %.3f, "
		       "\"p50_us\": %.3f, \"p99_us\": %.3f, "
		       "\"mbit_s\": %.1f}",
		       begun ? ",\n " : "[", size, n, mean, p50, p99, mbit);
	} else {
		if (!begun)
			printf("%8s %8s %12s %10s %10s %10s\n", "bytes",
			       "iters", "one-way us", "p50", "p99", "Mbit/s");
		printf("%8u %8u %12.2f %10.2f %10.2f %10.1f\n", size, n, mean,
		       p50, p99, mbit);
	}
	fflush(stdout);
	begun = true;
}

/* A number from 1 to @max with an optional K, ended by @end; else 0. */
static uint32_t number(const char **s, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(*s, &end, 0);

	if (*end == 'K' || *end == 'k') {
		n *= 1024;
		end++;
	}
	if (end == *s || n < 1 || n > max)
		return 0;
	*s = end;
	return (uint32_t)n;
}

static uint32_t option_number(const char *name, const char *s,
			      unsigned long max)
{
	const char *at = s;
	uint32_t n = number(&at, max);

	if (n && !*at)
		return n;
	fprintf(stderr,
		"pingpong: --%s takes a number from 1 to %lu, not '%s'\n", name,
		max, s);
	exit(2);
}

static void parse_sizes(struct pp_options *o, const char *s)
{
	const char *at = s;

	for (o->nsizes = 0; o->nsizes < PP_MAX_SIZES; at++) {
		o->sizes[o->nsizes] = number(&at, PP_MAX_SIZE);
		if (!o->sizes[o->nsizes++])
			break;
		if (!*at)
			return;
		if (*at != ',')
			break;
	}
	fprintf(stderr,
		"pingpong: --size takes up to %d sizes from 1 to 512K, "
		"separated by commas, not '%s'\n",
		PP_MAX_SIZES, s);
	exit(2);
}

static void parse(struct pp_options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "server", no_argument, NULL, 's' },
		{ "client", required_argument, NULL, 'c' },
		{ "port", required_argument, NULL, 'p' },
		{ "size", required_argument, NULL, 'n' },
		{ "iters", required_argument, NULL, 'i' },
		{ "json", no_argument, NULL, 'j' },
		{ "linux", no_argument, NULL, 'l' },
		{ "busy-poll", required_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		switch (c) {
		case 's':
			o->server = true;
			break;
		case 'c':
			o->host = optarg;
			break;
		case 'p':
			o->port =
				(uint16_t)option_number("port", optarg, 65535);
			break;
		case 'n':
			parse_sizes(o, optarg);
			break;
		case 'i':
			o->iters = option_number("iters", optarg, 100000000);
			break;
		case 'j':
			o->json = true;
			break;
		case 'l':
			o->over_linux = true;
			break;
		case 'b':
			o->busy_poll =
				option_number("busy-poll", optarg, 1000000);
			break;
		case 'h':
			printf(usage, program_invocation_short_name);
			exit(0);
		default:
			exit(2);
		}
	}
	if (optind < argc || o->server == !!o->host) {
		fputs("pingpong: either --server or --client IP; "
		      "see --help\n",
		      stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct pp_options o = { .port = 5002 };
	uint32_t size;
	int status;

	for (size = 1; size <= PP_MAX_SIZE; size *= 2)
		o.sizes[o.nsizes++] = size;
	parse(&o, argc, argv);
	status = o.over_linux ? pp_run_linux(&o) : pp_run_ix(&o);
	if (o.json && o.host && !status)
		puts("]");
	return status;
}
