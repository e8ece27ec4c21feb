/* SPDX-License-Identifier: MIT */
/* The name that later programs for the original used for <mempool.h>. */
#ifndef COMPAT_IX_MEMPOOL_H
#define COMPAT_IX_MEMPOOL_H

#include "../../ix/mempool.h"
#include "stddef.h"

#endif
