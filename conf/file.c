/* SPDX-License-Identifier: MIT */
/* The settings file, in libconfig's syntax. A value is turned into text and
 * then goes the way of a command-line option. */
#include "conf/conf.h"

#include <errno.h>
#include <libconfig.h>
#include <string.h>

/* An array or list of scalars becomes "a,b,c". */
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

/* "tcp.rto_min": the names of all groups around it, and its own. */
static void full_name(const config_setting_t *v, char *out, size_t len)
{
	const config_setting_t *group = config_setting_parent(v);
	size_t used = 0;

	if (group && !config_setting_is_root(group)) {
		full_name(group, out, len);
		used = strlen(out);
		used += (size_t)snprintf(out + used, len - used, ".");
	}
	if (used < len)
		snprintf(out + used, len - used, "%s", config_setting_name(v));
}

static int read_setting(struct conf *c, const config_setting_t *v,
			struct conf_err *e)
{
	char name[128], text[CONF_TEXT];
	struct conf_err why;
	int err;

	full_name(v, name, sizeof(name));
	if (config_setting_is_aggregate(v))
		err = text_of_list(v, text, sizeof(text));
	else
		err = text_of(v, text, sizeof(text));
	if (err)
		conf_error(&why, err, "%s: not a value", name);
	else
		err = conf_set(c, name, text, &why);
	if (err)
		return conf_error(e, err, "%s:%u: %.300s",
				  config_setting_source_file(v),
				  config_setting_source_line(v), why.text);
	return 0;
}

static int read_group(struct conf *c, const config_setting_t *group,
		      struct conf_err *e)
{
	unsigned int n = (unsigned int)config_setting_length(group);
	int err = 0;

	for (unsigned int i = 0; i < n && !err; i++) {
		const config_setting_t *v = config_setting_get_elem(group, i);

		if (config_setting_is_group(v))
			err = read_group(c, v, e);
		else
			err = read_setting(c, v, e);
	}
	return err;
}

int conf_read_file(struct conf *c, const char *path, struct conf_err *e)
{
	config_t file;
	int err;

	config_init(&file);
	if (config_read_file(&file, path)) {
		err = read_group(c, config_root_setting(&file), e);
	} else if (config_error_type(&file) == CONFIG_ERR_FILE_IO) {
		err = conf_error(e, -ENOENT, "%.300s: cannot be read", path);
	} else {
		err = conf_error(
			e, -EINVAL, "%.300s:%d: %s", config_error_file(&file),
			config_error_line(&file), config_error_text(&file));
	}
	config_destroy(&file);
	return err;
}
