/* SPDX-License-Identifier: MIT */
/* ix flows [PID|NAME]: connections of a dataplane, as `ss -ti` shows those of
 * Linux. */
#include "cp/ctl.h"
#include "cp/ix.h"
#include "cp/number.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
	const char *dir, *who;
	const char *state, *addr;
	u64 port;
	bool json;
};

/* ---- for people: two lines a connection */

static void print_end(const cJSON *flow, const char *name)
{
	const cJSON *end = cJSON_GetObjectItemCaseSensitive(flow, name);
	char addr[48], text[64];

	ctl_show(ctl_get_text(end, "addr"), addr, sizeof(addr));
	snprintf(text, sizeof(text),
		 strchr(addr, ':') ? "[%s]:%.0f" : "%s:%.0f", addr,
		 ctl_get_number(end, "port"));
	printf(" %-22s", text);
}

/* A number that is not zero, with its name and unit. */
static void print_if(const cJSON *o, const char *name, const char *label,
		     const char *unit)
{
	double n = ctl_get_number(o, name);

	if (n)
		printf(" %s:%.0f%s", label, n, unit);
}

static void print_ms(const cJSON *o, const char *label, const char *a,
		     const char *b)
{
	if (!ctl_get_number(o, a))
		return;
	printf(" %s:%.3f", label, ctl_get_number(o, a) / 1000);
	if (b)
		printf("/%.3f", ctl_get_number(o, b) / 1000);
	printf("ms");
}

static void print_options(const cJSON *o)
{
	const cJSON *i;
	char text[16];

	cJSON_ArrayForEach(i, cJSON_GetObjectItemCaseSensitive(o, "options"))
	{
		const char *name = cJSON_GetStringValue(i);

		if (!name)
			continue;
		printf(" %s", ctl_show(name, text, sizeof(text)));
		if (!strcmp(name, "wscale"))
			printf(":%.0f,%.0f", ctl_get_number(o, "wscale_snd"),
			       ctl_get_number(o, "wscale_rcv"));
	}
}

static void print_details(const cJSON *o)
{
	char cc[16];

	printf("        %s", ctl_show(ctl_get_text(o, "cc"), cc, sizeof(cc)));
	print_options(o);
	print_ms(o, "rtt", "srtt_us", "rttvar_us");
	print_ms(o, "rto", "rto_us", NULL);
	print_if(o, "mss", "mss", "");
	print_if(o, "cwnd", "cwnd", "");
	print_if(o, "ssthresh", "ssthresh", "");
	print_if(o, "snd_wnd", "snd_wnd", "");
	print_if(o, "rcv_wnd", "rcv_wnd", "");
	print_if(o, "in_flight", "unacked", "");
	print_if(o, "lost", "lost", "");
	print_if(o, "resent", "retrans", "");
	print_if(o, "timeouts", "backoff", "");
	print_if(o, "holes", "holes", "");
	print_if(o, "rcv_buffers", "buffers", "");
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "recovery")))
		printf(" recovery");
	print_if(o, "last_tx_ms", "lastsnd", "ms");
	print_if(o, "last_rx_ms", "lastrcv", "ms");
	putchar('\n');
}

static void print_header(void)
{
	printf("%-12s %6s %9s %9s %-22s %-22s\n", "STATE", "THREAD", "RECV-Q",
	       "SEND-Q", "LOCAL", "PEER");
}

static void print_flow(const cJSON *o)
{
	char state[16];

	printf("%-12s %6.0f %9.0f %9.0f",
	       ctl_show(ctl_get_text(o, "state"), state, sizeof(state)),
	       ctl_get_number(o, "thread"), ctl_get_number(o, "rcv_queued"),
	       ctl_get_number(o, "snd_queued"));
	print_end(o, "local");
	print_end(o, "remote");
	putchar('\n');
	print_details(o);
}

/* ---- all of them */

/* Which ones. */
static cJSON *request(const struct options *o)
{
	cJSON *r = ctl_request("flows");

	if (o->state)
		cJSON_AddStringToObject(r, "state", o->state);
	if (o->addr)
		cJSON_AddStringToObject(r, "addr", o->addr);
	if (o->port)
		cJSON_AddNumberToObject(r, "port", (double)o->port);
	return r;
}

static bool print_json(const cJSON *flow, u32 n, void *arg)
{
	char *text = cJSON_PrintUnformatted(flow);

	(void)arg;
	printf("%s%s", n ? ",\n " : "", text ? text : "{}");
	free(text);
	return true;
}

static bool print_row(const cJSON *flow, u32 n, void *arg)
{
	(void)arg;
	if (!n)
		print_header();
	print_flow(flow);
	return true;
}

static int print_all(int fd, void *arg, struct conf_err *e)
{
	const struct options *o = arg;

	return ctl_each_flow(fd, request(o), o->json ? print_json : print_row,
			     NULL, e);
}

/* ---- the command */

static int usage(FILE *f, int status)
{
	fprintf(f, "Usage: ix flows [OPTIONS] [PID|NAME]\n"
		   "Connections of a dataplane, two lines each.\n\n"
		   "  --state STATE  only those: established, time-wait, ...\n"
		   "  --port PORT    ... with this port, at either end\n"
		   "  --addr ADDR    ... with this address, at either end\n"
		   "  --json         an array with one object for each\n"
		   "  --dir DIR      as the setting stat_dir\n");
	return status;
}

static bool parse_port(const char *text, u64 *port)
{
	if (number_in(text, 1, 65535, port))
		return true;
	fprintf(stderr, "ix: --port %s: ports are from 1 to 65535\n", text);
	return false;
}

/* Said here, not by the dataplane alone: there need be none to say that. */
static bool is_state(const char *text)
{
	static const char *const states[] = {
		"closed",     "syn-sent",   "syn-received", "established",
		"fin-wait-1", "fin-wait-2", "close-wait",   "closing",
		"last-ack",   "time-wait",
	};

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (!strcmp(text, states[i]))
			return true;
	fprintf(stderr,
		"ix: --state %s: states are such as established or "
		"time-wait\n",
		text);
	return false;
}

static bool is_address(const char *text)
{
	u8 ip[16];

	if (inet_pton(AF_INET, text, ip) == 1 ||
	    inet_pton(AF_INET6, text, ip) == 1)
		return true;
	fprintf(stderr, "ix: --addr %s: not an address\n", text);
	return false;
}

/* 0, or the exit status + 1. */
static int parse(struct options *o, int argc, char **argv)
{
	static const struct option known[] = {
		{ "state", required_argument, NULL, 's' },
		{ "port", required_argument, NULL, 'p' },
		{ "addr", required_argument, NULL, 'a' },
		{ "json", no_argument, NULL, 'j' },
		{ "dir", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	*o = (struct options){ .dir = "" };
	while ((c = getopt_long(argc, argv, "s:p:a:jd:h", known, NULL)) != -1) {
		switch (c) {
		case 's':
			o->state = optarg;
			if (!is_state(optarg))
				return EXIT_USAGE + 1;
			break;
		case 'p':
			if (!parse_port(optarg, &o->port))
				return EXIT_USAGE + 1;
			break;
		case 'a':
			o->addr = optarg;
			if (!is_address(optarg))
				return EXIT_USAGE + 1;
			break;
		case 'j':
			o->json = true;
			break;
		case 'd':
			o->dir = optarg;
			break;
		case 'h':
			return usage(stdout, 0) + 1;
		default:
			return usage(stderr, EXIT_USAGE) + 1;
		}
	}
	if (optind + 1 < argc)
		return usage(stderr, EXIT_USAGE) + 1;
	o->who = argv[optind];
	return 0;
}

static int print_list(int fd, void *arg, struct conf_err *e)
{
	int err;

	putchar('[');
	err = print_all(fd, arg, e);
	printf("]\n");
	return err;
}

int cmd_flows(int argc, char **argv)
{
	struct options o;
	int err = parse(&o, argc, argv);

	return err ? err - 1
		   : ctl_talk(o.dir, o.who, o.json ? print_list : print_all,
			      &o);
}
