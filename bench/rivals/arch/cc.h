/* SPDX-License-Identifier: MIT */
/* What lwIP asks of a compiler and a machine. */
#ifndef BENCH_LWIP_CC_H
#define BENCH_LWIP_CC_H

#include <stdlib.h>

#define LWIP_PLATFORM_ASSERT(what) abort()
#define LWIP_PLATFORM_DIAG(what)
#define LWIP_RAND() ((u32_t)rand())

#endif
