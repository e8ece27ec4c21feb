/* SPDX-License-Identifier: MIT */
/* The settings file, in libconfig's syntax. A value is turned into text and
 * then goes the way of a command-line option. */
#include "conf/walk.h"

#include <errno.h>
#include <string.h>

static int text_of(const config_setting_t *v, char *out, size_t len)
{
	switch (config_setting_type(v)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		snprintf(out, len, "%lld", config_setting_get_int64(v));
		return 0;
	case CONFIG_TYPE_BOOL:
		snprintf(out, len, "%s",
			 config_setting_get_bool(v) ? "true" : "false");
		return 0;
	case CONFIG_TYPE_STRING:
		snprintf(out, len, "%s", config_setting_get_string(v));
		return 0;
	case CONFIG_TYPE_FLOAT:
		snprintf(out, len, "%g", config_setting_get_float(v));
		return 0;
	default:
		return -EINVAL;
	}
}

static int text_of_list(const config_setting_t *v, char *out, size_t len)
{
	unsigned int n = (unsigned int)config_setting_length(v);
	size_t used = 0;

	*out = 0;
	for (unsigned int i = 0; i < n; i++) {
		if (i && used + 1 < len)
			out[used++] = ',';
		if (text_of(config_setting_get_elem(v, i), out + used,
			    len - used))
			return -EINVAL;
		used += strlen(out + used);
	}
	return 0;
}

int conf_value_text(const config_setting_t *v, char *out, size_t len)
{
	return config_setting_is_aggregate(v) ? text_of_list(v, out, len)
					      : text_of(v, out, len);
}

/* ---- groups */

struct walk {
	const config_setting_t *top;
	conf_value_fn *fn;
	void *arg;
};

/* "tcp.rto_min": the names of all groups around it, below the top, and its
 * own. */
static void full_name(const struct walk *w, const config_setting_t *v,
		      char *out, size_t len)
{
	const config_setting_t *group = config_setting_parent(v);
	size_t used = 0;

	if (group && group != w->top) {
		full_name(w, group, out, len);
		used = strlen(out);
		used += (size_t)snprintf(out + used, len - used, ".");
	}
	if (used < len)
		snprintf(out + used, len - used, "%s", config_setting_name(v));
}

static int walk_value(const struct walk *w, const config_setting_t *v,
		      struct conf_err *e)
{
	struct conf_err why;
	char name[128];
	int err;

	full_name(w, v, name, sizeof(name));
	err = w->fn(w->arg, name, v, &why);
	if (err)
		return conf_error(e, err, "%s:%u: %.300s",
				  config_setting_source_file(v),
				  config_setting_source_line(v), why.text);
	return 0;
}

static int walk_group(const struct walk *w, const config_setting_t *group,
		      struct conf_err *e)
{
	unsigned int n = (unsigned int)config_setting_length(group);
	int err = 0;

	for (unsigned int i = 0; i < n && !err; i++) {
		const config_setting_t *v = config_setting_get_elem(group, i);

		err = config_setting_is_group(v) ? walk_group(w, v, e)
						 : walk_value(w, v, e);
	}
	return err;
}

int conf_walk(const config_setting_t *group, conf_value_fn *fn, void *arg,
	      struct conf_err *e)
{
	struct walk w = { group, fn, arg };

	return walk_group(&w, group, e);
}

/* ---- files */

int conf_open_file(config_t *file, const char *path, struct conf_err *e)
{
	config_init(file);
	if (config_read_file(file, path))
		return 0;
	if (config_error_type(file) == CONFIG_ERR_FILE_IO)
		return conf_error(e, -ENOENT, "%.300s: cannot be read", path);
	return conf_error(e, -EINVAL, "%.300s:%d: %s", config_error_file(file),
			  config_error_line(file), config_error_text(file));
}

static int take_setting(void *c, const char *name, const config_setting_t *v,
			struct conf_err *e)
{
	char text[CONF_TEXT];

	if (conf_value_text(v, text, sizeof(text)))
		return conf_error(e, -EINVAL, "%s: not a value", name);
	return conf_set(c, name, text, e);
}

int conf_read_file(struct conf *c, const char *path, struct conf_err *e)
{
	config_t file;
	int err = conf_open_file(&file, path, e);

	if (!err)
		err = conf_walk(config_root_setting(&file), take_setting, c, e);
	config_destroy(&file);
	return err;
}
