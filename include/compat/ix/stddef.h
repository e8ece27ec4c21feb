/* SPDX-License-Identifier: MIT */
/* The original's helper macros, for programs that counted on them. */
#ifndef COMPAT_IX_STDDEF_H
#define COMPAT_IX_STDDEF_H

#include <stddef.h>

#include "compiler.h"
#include "types.h"

#ifndef container_of
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr)-offsetof(type, member)))
#endif

#ifndef container_of_var
#define container_of_var(ptr, var, member) \
	container_of(ptr, __typeof__(*(var)), member)
#endif

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#endif

#ifndef min
#define min(a, b)                       \
	({                              \
		__typeof__(a) a_ = (a); \
		__typeof__(b) b_ = (b); \
		a_ < b_ ? a_ : b_;      \
	})
#endif

#ifndef max
#define max(a, b)                       \
	({                              \
		__typeof__(a) a_ = (a); \
		__typeof__(b) b_ = (b); \
		a_ > b_ ? a_ : b_;      \
	})
#endif

#ifndef align_up
#define align_up(x, a) (((x) + (a)-1) & ~((__typeof__(x))(a)-1))
#define align_down(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define div_up(x, d) (((x) + (d)-1) / (d))
#endif

#ifndef BUILD_ASSERT
#define BUILD_ASSERT(cond) _Static_assert(cond, #cond)
#endif

#endif
