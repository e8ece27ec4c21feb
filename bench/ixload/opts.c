/* SPDX-License-Identifier: MIT */
/* ixload's options: one table makes parser and help. */
#include "bench/ixload/load.h"
#include "bench/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ix/dom.h"
#include "ix/ix.h"

enum kind { FLAG, NUMBER, REAL, TIME, PROTO, BACKEND, HELP };

struct option_def {
	const char *name;
	char letter;
	const char *arg; /* NULL: none */
	enum kind kind;
	size_t field; /* in struct load_opts */
	double low, high;
	const char *help;
};

#define AT(f) offsetof(struct load_opts, f)

static const struct option_def defs[] = {
	{ "conns", 'c', "N", NUMBER, AT(conns), 1, 4e6,
	  "connections in all (1)" },
	{ "threads", 't', "N", NUMBER, AT(threads), 1, 64,
	  "threads (on IX: all granted; on Linux: 1)" },
	{ "proto", 'p', "NAME", PROTO, AT(proto), 0, 0,
	  "echo, udp, etc, usr, get (echo); see below" },
	{ "udp", 'u', NULL, FLAG, AT(udp), 0, 0, "same as --proto udp" },
	{ "size", 's', "BYTES", NUMBER, AT(size), 1, 16777216,
	  "of a message (64)" },
	{ "pipeline", 'P', "N", NUMBER, AT(pipeline), 1, 4096,
	  "requests in flight on a connection (1)" },
	{ "active", 0, "N", NUMBER, AT(active), 1, 4e6,
	  "requests under way in all, each on a connection chosen at\n"
	  "random; the other connections are idle" },
	{ "ports", 0, "N", NUMBER, AT(ports), 1, 1024,
	  "connections go to so many ports, from PORT on, in turn (1)" },
	{ "msgs-per-conn", 'm', "N", NUMBER, AT(msgs_per_conn), 1, 4e9,
	  "close a connection after so many and open the next" },
	{ "rst", 0, NULL, FLAG, AT(rst), 0, 0,
	  "close by reset instead of FIN" },
	{ "rate", 'r', "N", REAL, AT(rate), 1e-3, 1e9,
	  "open loop: N messages a second in all, Poisson arrivals,\n"
	  "latency counted from the intended time" },
	{ "step", 0, "X", REAL, AT(step), 1e-3, 1e3,
	  "X times as many from the middle of the measured time on" },
	{ "nap", 0, "SECONDS", TIME, AT(nap), 0, 1,
	  "on IX: sleep for so long between two looks at what is to be sent\n"
	  "and what has come, and leave the core to others (0)" },
	{ "duration", 'd', "SECONDS", TIME, AT(duration), 0.01, 1e6,
	  "that are measured (5)" },
	{ "warmup", 'w', "SECONDS", TIME, AT(warmup), 0, 1e4,
	  "before them (1)" },
	{ "each", 0, "SECONDS", TIME, AT(each), 0.001, 1e6,
	  "the p99 of each so many of them, too" },
	{ "records", 'n', "N", NUMBER, AT(records), 1, 1e8,
	  "memcached: keys in use, all stored first (10000)" },
	{ "get-ratio", 0, "X", REAL, AT(get_ratio), 0, 1,
	  "memcached: share of GETs instead of the mix's" },
	{ "redis", 0, NULL, FLAG, AT(redis), 0, 0,
	  "etc, usr, get in redis's protocol instead of memcached's" },
	{ "timeout", 0, "SECONDS", TIME, AT(timeout), 1e-3, 1e4,
	  "for an answer (5; UDP 0.1)" },
	{ "connect-timeout", 0, "SECONDS", TIME, AT(connect_timeout), 0.01, 1e4,
	  "until all connections must be open (10)" },
	{ "ramp", 0, "N", NUMBER, AT(ramp), 1, 4e6,
	  "connections being opened at a time, per thread (128)" },
	{ "backend", 'b', "NAME", BACKEND, AT(backend), 0, 0,
	  "ix or linux (ix when started by `ix run`)" },
	{ "busy-poll", 0, "US", NUMBER, AT(busy_poll_us), 0, 1e6,
	  "Linux: never sleep, let sockets poll the NIC for US us" },
	{ "seed", 0, "N", NUMBER, AT(seed), 0, 4e9, "of all random choices" },
	{ "json", 'j', NULL, FLAG, AT(json), 0, 0,
	  "print one JSON object instead of text" },
	{ "quiet", 'q', NULL, FLAG, AT(quiet), 0, 0, "no progress line" },
	{ "help", 'h', NULL, HELP, 0, 0, 0, "this text" },
};

enum { NDEFS = sizeof(defs) / sizeof(defs[0]), MAX_PARTS = 1000 };

static const struct load_proto *const protos[] = {
	&proto_echo, &proto_udp, &proto_etc, &proto_usr, &proto_get, NULL,
};

static void help_line(const struct option_def *d)
{
	const char *text = d->help, *end;
	char left[40];

	if (d->letter)
		snprintf(left, sizeof(left), "-%c, --%s %s", d->letter, d->name,
			 d->arg ? d->arg : "");
	else
		snprintf(left, sizeof(left), "    --%s %s", d->name,
			 d->arg ? d->arg : "");
	while ((end = strchr(text, '\n'))) {
		printf("  %-28s %.*s\n", left, (int)(end - text), text);
		left[0] = 0;
		text = end + 1;
	}
	printf("  %-28s %s\n", left, text);
}

static void help(void)
{
	puts("usage: ixload [options] ADDRESS:PORT\n"
	     "       ix run [options of ix] -- ixload [options] ADDRESS:PORT\n"
	     "\n"
	     "Loads a server and measures it, on IX itself or, with the same "
	     "options, on\nLinux sockets.\n");
	for (int i = 0; i < NDEFS; i++)
		help_line(&defs[i]);
	puts("\nProtocols:");
	for (int i = 0; protos[i]; i++)
		printf("  %-5s %s\n", protos[i]->name, protos[i]->help);
	puts("\nExit status: 0 all right; 1 nothing worked, or an answer was "
	     "wrong; 2 usage.");
}

static int find_proto(struct load_opts *o, const char *name)
{
	for (int i = 0; protos[i]; i++) {
		if (!strcmp(protos[i]->name, name)) {
			o->proto = protos[i];
			o->udp = o->proto == &proto_udp;
			return 0;
		}
	}
	return -EINVAL;
}

static int find_backend(struct load_opts *o, const char *name)
{
	if (!strcmp(name, "ix"))
		o->backend = &backend_ix;
	else if (!strcmp(name, "linux"))
		o->backend = &backend_linux;
	else
		return -EINVAL;
	return 0;
}

static void store(void *field, enum kind kind, double value)
{
	switch (kind) {
	case REAL:
		*(double *)field = value;
		break;
	case TIME:
		*(uint64_t *)field = (uint64_t)(value * 1e9);
		break;
	default:
		*(uint32_t *)field = (uint32_t)value;
	}
}

static int set_number(struct load_opts *o, const struct option_def *d,
		      const char *arg)
{
	char *end;
	double value = strtod(arg, &end);

	if (end == arg || *end || !(value >= d->low && value <= d->high)) {
		fprintf(stderr, "ixload: --%s %s: wants %g to %g\n", d->name,
			arg, d->low, d->high);
		return -EINVAL;
	}
	if (d->field == AT(seed))
		o->seed = (uint64_t)value;
	else
		store((char *)o + d->field, d->kind, value);
	return 0;
}

static int set(struct load_opts *o, const struct option_def *d, const char *arg)
{
	int err;

	switch (d->kind) {
	case FLAG:
		*(bool *)((char *)o + d->field) = true;
		return 0;
	case PROTO:
		err = find_proto(o, arg);
		break;
	case BACKEND:
		err = find_backend(o, arg);
		break;
	default:
		return set_number(o, d, arg);
	}
	if (err)
		fprintf(stderr, "ixload: --%s %s: see --help\n", d->name, arg);
	return err;
}

/* The same for both back ends. */
static void set_target(struct load_opts *o, const struct addrinfo *found)
{
	const void *to = found->ai_addr;

	memcpy(&o->to, to, found->ai_addrlen);
	o->to_len = found->ai_addrlen;
	if (found->ai_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = to;

		memcpy(&o->ip, &in6->sin6_addr, sizeof(o->ip));
		o->port = ntohs(in6->sin6_port);
	} else {
		const struct sockaddr_in *in = to;

		o->ip = ix_addr_v4(ntohl(in->sin_addr.s_addr));
		o->port = ntohs(in->sin_port);
	}
}

/* "ADDRESS:PORT", "[ADDRESS]:PORT": the port; its colon becomes an end, and the
 * brackets go. NULL: there is none. */
static char *split(char **host)
{
	char *port = strrchr(*host, ':');

	if (!port)
		return NULL;
	*port++ = 0;
	if (**host == '[' && port[-2] == ']') {
		port[-2] = 0;
		++*host;
	}
	return port;
}

/* ADDRESS:PORT or ADDRESS PORT */
static int parse_target(struct load_opts *o, int argc, char **argv)
{
	struct addrinfo want = { .ai_family = AF_UNSPEC,
				 .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	char text[256], *host = text, *port;
	int err;

	if (argc < 1 || argc > 2) {
		fputs("ixload: where to? ADDRESS:PORT (see --help)\n", stderr);
		return -EINVAL;
	}
	snprintf(text, sizeof(text), "%s", argv[0]);
	port = argc == 2 ? argv[1] : split(&host);
	err = getaddrinfo(host, port ? port : "", &want, &found);
	if (err || !port || !atoi(port)) {
		fprintf(stderr, "ixload: %s: %s\n", argv[0],
			err && port ? gai_strerror(err) : "no port given");
		return -EINVAL;
	}
	set_target(o, found);
	freeaddrinfo(found);
	return 0;
}

static void set_defaults(struct load_opts *o)
{
	*o = (struct load_opts){
		.conns = 1,
		.size = 64,
		.pipeline = 1,
		.ports = 1,
		.ramp = 128,
		.records = 10000,
		.get_ratio = -1,
		.duration = 5 * NS_PER_SEC,
		.warmup = NS_PER_SEC,
		.connect_timeout = 10 * NS_PER_SEC,
		.seed = 1,
		.proto = &proto_echo,
	};
	o->backend = getenv(IX_ENV_DOMAIN) ? &backend_ix : &backend_linux;
}

/* What follows from the rest. */
static int complete(struct load_opts *o)
{
	if (o->udp)
		o->proto = &proto_udp;
	if (o->udp && o->backend == &backend_ix)
		o->backend = &backend_ix_udp;
	if (!o->timeout)
		o->timeout = o->udp ? NS_PER_SEC / 10 : 5 * NS_PER_SEC;
	if (o->threads > o->conns) {
		fputs("ixload: more threads than connections\n", stderr);
		return -EINVAL;
	}
	if (o->active && (o->rate > 0 || o->udp || o->active < o->threads)) {
		fputs("ixload: --active is for TCP without --rate, and at "
		      "least "
		      "one for each thread\n",
		      stderr);
		return -EINVAL;
	}
	if (o->step > 0 && !(o->rate > 0)) {
		fputs("ixload: --step is for --rate\n", stderr);
		return -EINVAL;
	}
	if (load_parts(o) > MAX_PARTS) {
		fprintf(stderr, "ixload: --each: at most %d of them\n",
			MAX_PARTS);
		return -EINVAL;
	}
	if (o->port + o->ports > 65536) {
		fputs("ixload: --ports: there are no ports above 65535\n",
		      stderr);
		return -EINVAL;
	}
	return 0;
}

int load_parse(struct load_opts *o, int argc, char **argv)
{
	struct option longs[NDEFS + 1] = { 0 };
	char letters[3 * NDEFS + 1], *p = letters;
	int c;

	for (int i = 0; i < NDEFS; i++) {
		longs[i] = (struct option){ defs[i].name, !!defs[i].arg, NULL,
					    256 + i };
		if (defs[i].letter)
			*p++ = defs[i].letter;
		if (defs[i].letter && defs[i].arg)
			*p++ = ':';
	}
	*p = 0;
	set_defaults(o);
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		int i = c - 256;

		for (i = c >= 256 ? i : 0; c < 256 && i < NDEFS; i++)
			if (defs[i].letter == c)
				break;
		if (c == '?')
			return 2;
		if (defs[i].kind == HELP) {
			help();
			return 1;
		}
		if (set(o, &defs[i], optarg))
			return 2;
	}
	if (parse_target(o, argc - optind, argv + optind) || complete(o))
		return 2;
	return 0;
}
