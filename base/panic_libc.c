/* SPDX-License-Identifier: MIT */
/* panic() of programs: the broken invariant to stderr, then a core dump. */
#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"

void panic(const char *what)
{
	fprintf(stderr, "panic: %s\n", what);
	abort();
}
