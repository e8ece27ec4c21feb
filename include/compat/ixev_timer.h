/* SPDX-License-Identifier: MIT */
/* The original IX's <ixev_timer.h>. */
#ifndef COMPAT_IXEV_TIMER_H
#define COMPAT_IXEV_TIMER_H

#include <sys/time.h>

#include "../ix/ixev.h"

#endif
