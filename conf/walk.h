/* SPDX-License-Identifier: MIT */
/* Inside settings files in libconfig's syntax: file.c. */
#ifndef CONF_WALK_H
#define CONF_WALK_H

#include <libconfig.h>

#include "conf/conf.h"

/* Takes the value @v, called @name: "mtu", "tcp.rto_min". 0 or -errno with the
 * reason in @e, without the place. */
typedef int conf_value_fn(void *arg, const char *name,
			  const config_setting_t *v, struct conf_err *e);

/* Calls @fn for each value in @group and the groups in it, until an error,
 * which gets its file and line. */
int conf_walk(const config_setting_t *group, conf_value_fn *fn, void *arg,
	      struct conf_err *e);

/* @v as an option's text; an array or list becomes "a,b,c". 0 or -EINVAL. */
int conf_value_text(const config_setting_t *v, char *out, size_t len);

/* Reads and parses @path; @file is to be destroyed in any case. 0, -ENOENT or
 * -EINVAL with the reason in @e. */
int conf_open_file(config_t *file, const char *path, struct conf_err *e);

#endif
