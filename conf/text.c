/* SPDX-License-Identifier: MIT */
/* Settings as text: help, settings file, and one per line. */
#include "conf/conf.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

void conf_print(const struct conf *c, const struct setting *s, char *out,
		size_t len)
{
	conf_types[s->type].print(s, (const char *)c + s->offset, out, len);
}

/* Words of @text, wrapped at 79 columns, each line behind @prefix. */
static void wrap(FILE *f, const char *text, const char *prefix, int indent)
{
	int used = 80;

	while (*text) {
		int n = (int)strcspn(text, " ");

		if (used + n + 1 > 79) {
			fprintf(f, "%s%s", used < 80 ? "\n" : "", prefix);
			used = indent;
		}
		fprintf(f, " %.*s", n, text);
		used += n + 1;
		text += n;
		text += strspn(text, " ");
	}
	fputc('\n', f);
}

static const char *value_name(const struct setting *s)
{
	switch (s->type) {
	case CONF_BOOL:
		return "true|false";
	case CONF_DURATION:
		return "TIME";
	default:
		return s->arg;
	}
}

static void help_one(const struct setting *s, FILE *f)
{
	char text[512], limit[2][32] = { "", "" };

	if (s->max) {
		conf_types[s->type].print(s, &s->min, limit[0],
					  sizeof(limit[0]));
		conf_types[s->type].print(s, &s->max, limit[1],
					  sizeof(limit[1]));
	}
	snprintf(text, sizeof(text), "%s%s%s%s%s [%s]", s->help,
		 s->max ? ". From " : "", limit[0], s->max ? " to " : "",
		 limit[1], s->def[0] ? s->def : "none");
	fprintf(f, "  --%s %s\n", s->name, value_name(s));
	wrap(f, text, "        ", 8);
}

void conf_help(FILE *f)
{
	for (size_t i = 0; i < conf_nr_settings; i++)
		help_one(&conf_settings[i], f);
}

/* ---- as a settings file */

static bool is_quoted(const struct setting *s)
{
	return s->type != CONF_BOOL && s->type != CONF_U32;
}

/* Length of the group's name, 0 if @s is in none. */
static size_t group_len(const struct setting *s)
{
	const char *dot = strchr(s->name, '.');

	return dot ? (size_t)(dot - s->name) : 0;
}

static bool same_group(const struct setting *a, const struct setting *b)
{
	return group_len(a) == group_len(b) &&
	       !strncmp(a->name, b->name, group_len(a));
}

static void dump_one(const struct conf *c, const struct setting *s, FILE *f)
{
	size_t group = group_len(s);
	const char *indent = group ? "\t" : "";
	const char *quote = is_quoted(s) ? "\"" : "";
	char value[CONF_TEXT];

	conf_print(c, s, value, sizeof(value));
	wrap(f, s->help, group ? "\t#" : "#", 9);
	fprintf(f, "%s%s = %s%s%s;\n", indent,
		s->name + (group ? group + 1 : 0), quote, value, quote);
}

void conf_dump(const struct conf *c, FILE *f)
{
	const struct setting *s = conf_settings, *end = s + conf_nr_settings;

	for (; s < end; s++) {
		bool first = s == conf_settings || !same_group(s, s - 1);
		bool last = s + 1 == end || !same_group(s, s + 1);

		if (group_len(s) && first)
			fprintf(f, "%.*s: {\n", (int)group_len(s), s->name);
		dump_one(c, s, f);
		if (group_len(s) && last)
			fprintf(f, "};\n");
	}
}

/* ---- one per line */

int conf_write_lines(const struct conf *c, FILE *f)
{
	char value[CONF_TEXT];

	for (size_t i = 0; i < conf_nr_settings; i++) {
		conf_print(c, &conf_settings[i], value, sizeof(value));
		fprintf(f, "%s = %s\n", conf_settings[i].name, value);
	}
	return fflush(f) || ferror(f) ? -EIO : 0;
}

/* Cuts white space off both ends. */
static char *strip(char *s)
{
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	*end = 0;
	return s;
}

static int read_line(struct conf *c, char *line, struct conf_err *e)
{
	char *eq;

	line = strip(line);
	if (!*line || *line == '#')
		return 0;
	eq = strchr(line, '=');
	if (!eq)
		return conf_error(e, -EINVAL, "\"%s\" is not NAME = VALUE",
				  line);
	*eq = 0;
	return conf_set(c, strip(line), strip(eq + 1), e);
}

int conf_read_lines(struct conf *c, FILE *f, const char *where,
		    struct conf_err *e)
{
	char line[CONF_TEXT + 64];

	for (int n = 1; fgets(line, sizeof(line), f); n++) {
		struct conf_err why;
		int err = read_line(c, line, &why);

		if (err)
			return conf_error(e, err, "%s:%d: %.400s", where, n,
					  why.text);
	}
	return ferror(f) ? conf_error(e, -EIO, "%s: cannot be read", where) : 0;
}
