/* SPDX-License-Identifier: MIT */
/* The original's <ix/errno.h>: its numbers are Linux's here. */
#ifndef COMPAT_IX_ERRNO_H
#define COMPAT_IX_ERRNO_H

#include <errno.h>

#endif
