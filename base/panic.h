/* SPDX-License-Identifier: MIT */
/* What a broken invariant does. The core only calls it; what the core is
 * linked into defines it: panic_libc.c prints and aborts. */
#ifndef BASE_PANIC_H
#define BASE_PANIC_H

/* Never returns. @what: one line, "module: invariant". */
__attribute__((noreturn, cold)) void panic(const char *what);

#define invariant(cond)                                            \
	do {                                                       \
		if (__builtin_expect(!(cond), 0))                  \
			panic(__FILE__ ": " #cond);                \
	} while (0)

#endif
