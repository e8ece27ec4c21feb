/* SPDX-License-Identifier: MIT */
/* Inside the types of settings: type.c, addr.c. */
#ifndef CONF_TYPE_H
#define CONF_TYPE_H

#include "conf/conf.h"

/* type.c */

/* "NAME: "TEXT" is not a ...": -EINVAL. */
int conf_wrong(const struct setting *s, const char *text, struct conf_err *e);

/* Digits at *@text; *@text moves behind them. False: none, or too many. */
bool conf_take_number(const char **text, u64 *v);

/* addr.c: members of struct conf_type */
#define CONF_TYPE_FUNCTIONS(name)                                          \
	int conf_parse_##name(const struct setting *s, void *field,        \
			      const char *text, struct conf_err *e);       \
	void conf_print_##name(const struct setting *s, const void *field, \
			       char *out, size_t len);

CONF_TYPE_FUNCTIONS(addrs)
CONF_TYPE_FUNCTIONS(gateway)
CONF_TYPE_FUNCTIONS(mac)
CONF_TYPE_FUNCTIONS(ports)
CONF_TYPE_FUNCTIONS(cores)
CONF_TYPE_FUNCTIONS(arp)
#undef CONF_TYPE_FUNCTIONS

#endif
