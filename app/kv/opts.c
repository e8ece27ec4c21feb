/* SPDX-License-Identifier: MIT */
#include "opts.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	MB = 1 << 20,
	MEMORY_MAX = 1 << 24, /* MB */
	ITEM_MIN = 1 << 10,
	ITEM_MAX = 1 << 30,
};

static const char usage[] =
	"usage: %s [-m megabytes] [-I max-item-bytes] [-M] [-p port]\n"
	"\n"
	"A memcached: text, meta and binary protocol. To be started by `ix "
	"run`.\n"
	"\n"
	"  -m, --memory-limit MB     memory for items (default 64)\n"
	"  -I, --max-item-size BYTES largest item, with key and header; k or "
	"m\n"
	"                            may follow (default 1m, least 1k, most "
	"1024m)\n"
	"  -M, --disable-evictions   when memory is full, answer with an "
	"error\n"
	"  -p, --port PORT           besides those given to `ix run` (default\n"
	"                            11211 if there are none)\n"
	"  -h, --help                this\n";

static const struct option options[] = {
	{ "memory-limit", required_argument, NULL, 'm' },
	{ "max-item-size", required_argument, NULL, 'I' },
	{ "disable-evictions", no_argument, NULL, 'M' },
	{ "port", required_argument, NULL, 'p' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void tell_usage(FILE *f)
{
	fprintf(f, usage, program_invocation_short_name);
}

static void wrong(const char *what, const char *text)
{
	fprintf(stderr, "kv: %s: %s\n", what, text);
	tell_usage(stderr);
	exit(2);
}

static size_t factor(const char **unit)
{
	switch (**unit) {
	case 'k':
	case 'K':
		++*unit;
		return 1 << 10;
	case 'm':
	case 'M':
		++*unit;
		return 1 << 20;
	default:
		return 1;
	}
}

/* A number between @least and @most, nothing else. */
static size_t number(const char *what, const char *text, bool units,
		     size_t least, size_t most)
{
	const char *end = text;
	unsigned long v = 0;
	size_t unit = 1;

	errno = 0;
	if (*text >= '0' && *text <= '9')
		v = strtoul(text, (char **)&end, 10);
	if (end != text && units)
		unit = factor(&end);
	if (end == text || *end || errno || v > most / unit || v * unit < least)
		wrong(what, text);
	return v * unit;
}

void kv_parse_opts(struct kv_opts *o, int argc, char **argv)
{
	int opt;

	*o = (struct kv_opts){ 64 * MB, MB, true, 0 };
	while ((opt = getopt_long(argc, argv, "m:I:Mp:h", options, NULL)) !=
	       -1) {
		switch (opt) {
		case 'm':
			o->memory = number("memory in MB", optarg, false, 1,
					   MEMORY_MAX) *
				    MB;
			break;
		case 'I':
			o->item_max = number("item size", optarg, true,
					     ITEM_MIN, ITEM_MAX);
			break;
		case 'M':
			o->evict = false;
			break;
		case 'p':
			o->port = (uint16_t)number("port", optarg, false, 1,
						   UINT16_MAX);
			break;
		case 'h':
			tell_usage(stdout);
			exit(0);
		default: /* getopt has said what is wrong */
			tell_usage(stderr);
			exit(2);
		}
	}
	if (optind < argc)
		wrong("unexpected argument", argv[optind]);
	if (o->memory < o->item_max)
		wrong("memory", "less than the largest item (-m, -I)");
}
