/* SPDX-License-Identifier: MIT */
/* The original IX's <ixev.h>: compile with -Iinclude/compat -Iinclude. */
#ifndef COMPAT_IXEV_H
#define COMPAT_IXEV_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ix.h>
#include <ix/ixev.h>

#endif
