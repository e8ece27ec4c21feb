/* SPDX-License-Identifier: MIT */
/* The original's <ix/types.h>. */
#ifndef COMPAT_IX_TYPES_H
#define COMPAT_IX_TYPES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#endif
