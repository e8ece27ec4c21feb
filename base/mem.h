/* SPDX-License-Identifier: MIT */
/* The four functions that compilers call by themselves; base/mem.c defines
 * them for the freestanding core. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/types.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
