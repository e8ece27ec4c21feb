/* SPDX-License-Identifier: MIT */
/* The original IX's <mempool.h>. */
#ifndef COMPAT_MEMPOOL_H
#define COMPAT_MEMPOOL_H

#include <assert.h>

#include "ix/mem.h"
#include "ix/mempool.h"

#endif
