/* SPDX-License-Identifier: MIT */
/* The original's <ix/mem.h>: page sizes. */
#ifndef COMPAT_IX_MEM_H
#define COMPAT_IX_MEM_H

#include "stddef.h"

#define PGSIZE_4KB (1 << 12)
#define PGSIZE_2MB (1 << 21)
#define PGSIZE_1GB (1 << 30)

#endif
