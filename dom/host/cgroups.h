/* SPDX-License-Identifier: MIT */
/* Linux's control groups: where ours are, and what memory they leave us. */
#ifndef DOM_HOST_CGROUPS_H
#define DOM_HOST_CGROUPS_H

#include "base/types.h"

/* Our group in the hierarchy of @controller ("": v2): "/a/b" into @out. */
bool cgroups_own(const char *controller, char *out, size_t len);

/* Mount point of @controller's hierarchy ("": v2). */
bool cgroups_mount(const char *controller, char *out, size_t len);

/* Bytes that the group @own below @mount, and those around it, leave: what is
 * only cached counts as free. UINT64_MAX: no limit. */
u64 cgroups_left(const char *mount, const char *own);

/* The same of our own group, v2 or v1. */
u64 cgroups_memory(void);

#endif
