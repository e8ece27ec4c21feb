/* SPDX-License-Identifier: MIT */
/* ix move, cores, park [PID|NAME]: which elastic threads the flow groups of a
 * running dataplane belong to. */
#include "cp/ctl.h"
#include "cp/ix.h"
#include "cp/number.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_NUMBERS = 2 };

struct verb;

struct options {
	const struct verb *verb;
	const char *dir, *who, *groups; /* groups: NULL: all */
	u64 number[MOST_NUMBERS];
	int numbers;
	bool json, back;
};

/* What the three are, and what they take. */
static const struct verb {
	const char *name;
	int fewest, most; /* numbers */
	const char *keys[MOST_NUMBERS];
	const char *usage;
} verbs[] = {
	{ "move",
	  2,
	  2,
	  { "from", "to" },
	  "Usage: ix move [OPTIONS] [PID|NAME] FROM TO\n"
	  "Moves flow groups, with their connections, from one elastic thread "
	  "of a running\ndataplane to another, and tells who has how many.\n\n"
	  "  --groups LIST  these, such as 0-7,12; without it all of FROM\n" },
	{ "cores",
	  0,
	  1,
	  { "n" },
	  "Usage: ix cores [OPTIONS] [PID|NAME] [N]\n"
	  "Gives all flow groups of a running dataplane to its first N elastic "
	  "threads, and\nparks the others; without N, tells who has how "
	  "many.\n\n" },
	{ "park",
	  1,
	  1,
	  { "thread" },
	  "Usage: ix park [OPTIONS] [PID|NAME] THREAD\n"
	  "Gives the flow groups of an elastic thread to the others, and parks "
	  "it: it blocks.\n\n"
	  "  --back         it works again, with its share\n" },
};

static const struct verb *verb_of(const char *name)
{
	const struct verb *v = verbs;

	while (strcmp(v->name, name))
		v++;
	return v;
}

/* ---- asked and told */

static void print_threads(const cJSON *threads)
{
	const cJSON *t;

	printf("%-7s %5s %7s\n", "THREAD", "CORE", "GROUPS");
	cJSON_ArrayForEach(t, threads)
	{
		bool parked = cJSON_IsTrue(
			cJSON_GetObjectItemCaseSensitive(t, "parked"));

		printf("%-7.0f %5.0f %7.0f%s\n", ctl_get_number(t, "thread"),
		       ctl_get_number(t, "core"), ctl_get_number(t, "groups"),
		       parked ? "  parked" : "");
	}
}

static cJSON *request(const struct options *o)
{
	cJSON *r = ctl_request(o->numbers ? o->verb->name : "groups");

	for (int i = 0; i < o->numbers; i++)
		cJSON_AddNumberToObject(r, o->verb->keys[i],
					(double)o->number[i]);
	if (o->groups)
		cJSON_AddStringToObject(r, "groups", o->groups);
	if (o->back)
		cJSON_AddFalseToObject(r, "parked");
	return r;
}

/* A dataplane that was there before an upgrade has no verb of its own for who
 * only looks. */
static cJSON *look(int fd, const struct options *o, struct conf_err *e)
{
	cJSON *a = ctl_ask(fd, request(o), e);

	if (!a && !o->numbers && strstr(e->text, "there is no verb"))
		a = ctl_ask(fd, ctl_request("cores"), e);
	return a;
}

static int ask(int fd, void *arg, struct conf_err *e)
{
	const struct options *o = arg;
	cJSON *a = look(fd, o, e);
	const cJSON *threads = cJSON_GetObjectItemCaseSensitive(a, "threads");
	char *text = a && o->json ? cJSON_Print(threads) : NULL;

	if (text)
		puts(text);
	else if (a)
		print_threads(threads);
	free(text);
	cJSON_Delete(a);
	return a ? 0 : -EREMOTEIO;
}

/* ---- the commands */

static int usage(const struct verb *v, FILE *f, int status)
{
	fprintf(f,
		"%s"
		"  --json         a list of the threads\n"
		"  --dir DIR      as the setting stat_dir\n",
		v->usage);
	return status;
}

/* The last ones are numbers; who is meant may stand before them. */
static bool parse_words(const struct verb *v, struct options *o, int argc,
			char **argv)
{
	u64 n;

	if (argc > v->most ||
	    (argc && !number_in(argv[0], 0, UINT64_MAX, &n))) {
		o->who = *argv++;
		argc--;
	}
	if (argc < v->fewest || argc > v->most)
		return false;
	for (; o->numbers < argc; o->numbers++)
		if (!number_in(argv[o->numbers], 0, UINT64_MAX,
			       &o->number[o->numbers]))
			return false;
	return true;
}

/* 0, or the exit status + 1. */
static int parse(const struct verb *v, struct options *o, int argc, char **argv)
{
	static const struct option known[] = {
		{ "groups", required_argument, NULL, 'g' },
		{ "back", no_argument, NULL, 'b' },
		{ "json", no_argument, NULL, 'j' },
		{ "dir", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	*o = (struct options){ .verb = v, .dir = "" };
	while ((c = getopt_long(argc, argv, "g:bjd:h", known, NULL)) != -1) {
		if (c == 'h')
			return usage(v, stdout, 0) + 1;
		if (c == '?' || (c == 'g' && strcmp(v->name, "move") != 0) ||
		    (c == 'b' && strcmp(v->name, "park") != 0))
			return usage(v, stderr, EXIT_USAGE) + 1;
		o->groups = c == 'g' ? optarg : o->groups;
		o->back |= c == 'b';
		o->json |= c == 'j';
		o->dir = c == 'd' ? optarg : o->dir;
	}
	if (!parse_words(v, o, argc - optind, argv + optind))
		return usage(v, stderr, EXIT_USAGE) + 1;
	return 0;
}

int cmd_move(int argc, char **argv)
{
	struct options o;
	int err = parse(verb_of(argv[0]), &o, argc, argv);

	return err ? err - 1 : ctl_talk(o.dir, o.who, ask, &o);
}
