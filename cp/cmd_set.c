/* SPDX-License-Identifier: MIT */
/* ix set [PID|NAME] [NAME=VALUE...]: settings of a running dataplane. */
#include "cp/ctl.h"
#include "cp/ix.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
	const char *dir, *who;
	char **set; /* NAME=VALUE, until NULL */
	bool json, all;
};

/* ---- told */

static void print_settings(const cJSON *settings, bool all)
{
	const cJSON *i;
	char name[64], value[512];

	cJSON_ArrayForEach(i, settings)
	{
		bool live = cJSON_IsTrue(
			cJSON_GetObjectItemCaseSensitive(i, "live"));

		if (!live && !all)
			continue;
		printf("%-24s %s%s\n", ctl_show(i->string, name, sizeof(name)),
		       ctl_show(ctl_get_text(i, "value"), value, sizeof(value)),
		       live ? "" : "  (only at start)");
	}
}

static int tell(int fd, void *arg, struct conf_err *e)
{
	const struct options *o = arg;
	cJSON *a = ctl_ask(fd, ctl_request("get"), e);
	const cJSON *settings = cJSON_GetObjectItemCaseSensitive(a, "settings");
	char *text = a && o->json ? cJSON_Print(settings) : NULL;

	if (text)
		puts(text);
	else if (a)
		print_settings(settings, o->all);
	free(text);
	cJSON_Delete(a);
	return a ? 0 : -EREMOTEIO;
}

/* ---- changed */

/* One that a dataplane does not know of itself: where is it changed? */
static bool is_daemons(char **set)
{
	for (; *set; set++)
		if (!strncmp(*set, "policy=", strlen("policy=")))
			return true;
	return false;
}

static int change(int fd, void *arg, struct conf_err *e)
{
	const struct options *o = arg;
	cJSON *r, *settings, *a;

	if (is_daemons(o->set))
		return conf_error(e, -EINVAL,
				  "policy: is ixcpd's: ix policy NAME POLICY");
	r = ctl_request("set");
	settings = cJSON_AddObjectToObject(r, "settings");
	for (char **s = o->set; *s; s++) {
		char *value = strchr(*s, '=');

		*value = 0;
		cJSON_AddStringToObject(settings, *s, value + 1);
	}
	a = ctl_ask(fd, r, e);
	cJSON_Delete(a);
	return a ? 0 : -EREMOTEIO;
}

/* ---- the command */

static int usage(FILE *f, int status)
{
	const char *comma = "";
	int used = 80;

	fprintf(f,
		"Usage: ix set [OPTIONS] [PID|NAME] [SETTING=VALUE...]\n"
		"Changes settings of a running dataplane; without any, tells "
		"what they are.\n\n"
		"  --all      also those that are fixed at the start\n"
		"  --json     an object with all settings\n"
		"  --dir DIR  as the setting stat_dir\n\n"
		"All of them are changed, or none is. ix run --help explains "
		"them. Live are:");
	for (size_t i = 0; i < conf_nr_settings; i++) {
		const struct setting *s = &conf_settings[i];
		int n = (int)strlen(s->name) + 2;

		if (!s->live)
			continue;
		fprintf(f, "%s%s%s", comma, used + n > 78 ? "\n  " : " ",
			s->name);
		used = used + n > 78 ? n + 2 : used + n;
		comma = ",";
	}
	fputc('\n', f);
	return status;
}

/* 0, or the exit status + 1. */
static int parse(struct options *o, int argc, char **argv)
{
	static const struct option known[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "json", no_argument, NULL, 'j' },
		{ "dir", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	*o = (struct options){ .dir = "" };
	while ((c = getopt_long(argc, argv, "ajd:h", known, NULL)) != -1) {
		if (c == 'h')
			return usage(stdout, 0) + 1;
		if (c == '?')
			return usage(stderr, EXIT_USAGE) + 1;
		o->all |= c == 'a';
		o->json |= c == 'j';
		o->dir = c == 'd' ? optarg : o->dir;
	}
	if (argv[optind] && !strchr(argv[optind], '='))
		o->who = argv[optind++];
	o->set = argv + optind;
	for (char **s = o->set; *s; s++)
		if (!strchr(*s, '=') || **s == '=')
			return usage(stderr, EXIT_USAGE) + 1;
	return 0;
}

int cmd_set(int argc, char **argv)
{
	struct options o;
	int err = parse(&o, argc, argv);

	return err ? err - 1
		   : ctl_talk(o.dir, o.who, *o.set ? change : tell, &o);
}
