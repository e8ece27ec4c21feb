/* SPDX-License-Identifier: MIT */
/* The original's compiler words. */
#ifndef COMPAT_IX_COMPILER_H
#define COMPAT_IX_COMPILER_H

#ifndef likely
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

#ifndef __packed
#define __packed __attribute__((packed))
#endif
#ifndef __aligned
#define __aligned(x) __attribute__((aligned(x)))
#endif

#endif
