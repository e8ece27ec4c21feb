/* SPDX-License-Identifier: MIT */
/* Numbers on a command line. */
#ifndef CP_NUMBER_H
#define CP_NUMBER_H

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/types.h"

/* Is @text a number from @least to @most? To *@out. */
static inline bool number_in(const char *text, u64 least, u64 most, u64 *out)
{
	char *end;

	*out = strtoul(text, &end, 10);
	return isdigit((unsigned char)*text) && !*end && *out >= least &&
	       *out <= most;
}

/* ... of option --@name: says so if not. */
static inline bool number_option(const char *name, const char *text, u64 least,
				 u64 most, u64 *out)
{
	if (number_in(text, least, most, out))
		return true;
	fprintf(stderr, "ix: --%s %s: from %" PRIu64 " to %" PRIu64 "\n", name,
		text, least, most);
	return false;
}

#endif
