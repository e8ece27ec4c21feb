/* SPDX-License-Identifier: MIT */
/* The table of settings: defaults, set by name, arguments. */
#include "conf/conf.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define SETTING(name_, member, type_, def_, min_, max_, arg_, help_, live_) \
	{                                                                   \
		.name = name_,                                              \
		.offset = offsetof(struct conf, member),                    \
		.size = sizeof(((struct conf *)0)->member),                 \
		.type = CONF_##type_,                                       \
		.def = def_,                                                \
		.min = min_,                                                \
		.max = max_,                                                \
		.arg = arg_,                                                \
		.help = help_,                                              \
		.live = live_,                                              \
	},
#define S(...) SETTING(__VA_ARGS__, false)
#define L(...) SETTING(__VA_ARGS__, true)

const struct setting conf_settings[] = {
#include "conf/conf.def"
};
#undef S
#undef L
#undef SETTING

const size_t conf_nr_settings = ARRAY_SIZE(conf_settings);

int conf_error(struct conf_err *e, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return err;
}

static char fold(char c)
{
	return c == '-' ? '_' : c;
}

static bool same_name(const char *a, const char *b)
{
	while (*a && fold(*a) == fold(*b)) {
		a++;
		b++;
	}
	return !*a && !*b;
}

static bool begins(const char *name, const char *with)
{
	while (*with && fold(*name) == fold(*with)) {
		name++;
		with++;
	}
	return !*with;
}

const struct setting *conf_find(const char *name)
{
	for (size_t i = 0; i < conf_nr_settings; i++)
		if (same_name(conf_settings[i].name, name))
			return &conf_settings[i];
	return NULL;
}

/* Edits (insert, delete, replace) that turn @a into @b: Levenshtein, one row
 * at a time. */
static size_t distance(const char *a, const char *b)
{
	enum { LONGEST = 64 };
	size_t row[LONGEST + 1], nb = strlen(b);

	if (strlen(a) > LONGEST || nb > LONGEST)
		return LONGEST;
	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < nb; j++) {
			size_t replace = diagonal + (fold(a[i]) != fold(b[j]));

			diagonal = row[j + 1];
			row[j + 1] = min(replace, min(row[j], row[j + 1]) + 1);
		}
	}
	return row[nb];
}

static const char *last_part(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : name;
}

/* Also finds rto_min for tcp.rto_min: a forgotten group. */
static const char *nearest(const char *name)
{
	const char *best = NULL;
	size_t best_d = strlen(name) / 3 + 2;

	for (size_t i = 0; i < conf_nr_settings; i++) {
		const char *s = conf_settings[i].name;
		size_t d = min(distance(name, s),
			       distance(name, last_part(s)) + 1);

		if (d < best_d) {
			best_d = d;
			best = s;
		}
	}
	return best;
}

/* "tcp.rto" is the beginning of three: @out "a, b or c". False: of none. */
static bool completions(const char *name, char *out, size_t len)
{
	enum { MOST = 6 };
	const char *found[MOST + 1];
	size_t n = 0, used = 0;

	for (size_t i = 0; i < conf_nr_settings && n <= MOST; i++)
		if (begins(conf_settings[i].name, name))
			found[n++] = conf_settings[i].name;
	for (size_t i = 0; i < min(n, (size_t)MOST) && used < len; i++)
		used += (size_t)snprintf(out + used, len - used, "%s%s",
					 !i	      ? ""
					 : i + 1 == n ? " or "
						      : ", ",
					 found[i]);
	if (n > MOST && used < len)
		snprintf(out + used, len - used, " or another");
	return n;
}

static int unknown(const char *name, struct conf_err *e)
{
	const char *s = nearest(name);
	char list[256];

	if (*name && completions(name, list, sizeof(list)))
		return conf_error(e, -ENOENT,
				  "there is no setting %s; did you mean %s?",
				  name, list);
	if (s)
		return conf_error(e, -ENOENT,
				  "there is no setting %s; did you mean %s?",
				  name, s);
	return conf_error(e, -ENOENT,
			  "there is no setting %s; ix run --help lists them",
			  name);
}

static int set(struct conf *c, const struct setting *s, const char *text,
	       struct conf_err *e)
{
	return conf_types[s->type].parse(s, (char *)c + s->offset, text, e);
}

void conf_init(struct conf *c)
{
	struct conf_err e;

	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < conf_nr_settings; i++)
		if (set(c, &conf_settings[i], conf_settings[i].def, &e))
			panic(e.text);
}

int conf_set(struct conf *c, const char *name, const char *text,
	     struct conf_err *e)
{
	const struct setting *s = conf_find(name);

	return s ? set(c, s, text, e) : unknown(name, e);
}

/* May @text follow a bool option as its value? `--ports_only -- prog` has
 * none, nor has `--ports_only --mtu 1500`. */
static bool is_bool_word(const char *text)
{
	const struct setting any = { .name = "", .type = CONF_BOOL, .arg = "" };
	struct conf_err e;
	bool b;

	return !conf_types[CONF_BOOL].parse(&any, &b, text, &e);
}

int conf_arg(struct conf *c, int argc, char **argv, struct conf_err *e)
{
	const char *eq = strchrnul(argv[0], '=');
	const struct setting *s;
	char name[64];
	int err;

	if (strncmp(argv[0], "--", 2))
		return conf_error(e, -EINVAL, "\"%s\" is not an option",
				  argv[0]);
	snprintf(name, sizeof(name), "%.*s", (int)(eq - argv[0] - 2),
		 argv[0] + 2);
	s = conf_find(name);
	if (!s)
		return unknown(name, e);
	if (*eq)
		return (err = set(c, s, eq + 1, e)) ? err : 1;
	if (s->type == CONF_BOOL && (argc < 2 || !is_bool_word(argv[1])))
		return (err = set(c, s, "true", e)) ? err : 1;
	if (argc < 2)
		return conf_error(e, -EINVAL, "--%s: a value is missing", name);
	return (err = set(c, s, argv[1], e)) ? err : 2;
}
