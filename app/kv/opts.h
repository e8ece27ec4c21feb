/* SPDX-License-Identifier: MIT */
/* The command line of kv: memcached's options, as far as they mean something
 * here. */
#ifndef APP_KV_OPTS_H
#define APP_KV_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kv_opts {
	size_t memory;	 /* bytes for items */
	size_t item_max; /* bytes */
	bool evict;
	uint16_t port; /* 0: those of `ix run`, or the usual one */
};

/* Ends the program if it was asked for help (0), or in a wrong way (2). */
void kv_parse_opts(struct kv_opts *o, int argc, char **argv);

#endif
