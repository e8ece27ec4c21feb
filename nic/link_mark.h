/* SPDX-License-Identifier: MIT */
/*
 * Interfaces that a keeper has made, and whose they are: what is passed lets
 * who has it have the device stay, and the keeper who would remove it may be
 * killed. So it is marked, as its alias, with a file whose lock is the keeper's
 * as long as that lives: who has the lock then removes what is marked so.
 */
#ifndef NIC_LINK_MARK_H
#define NIC_LINK_MARK_H

#include <stddef.h>

enum { LINK_MARK = 64 };

/* The mark of who has the lock of @file, relative to @dir: not its name, which
 * another daemon may have elsewhere. 0 or -errno. */
int link_mark_of(int dir, const char *file, char out[LINK_MARK]);
/* Puts it on the interface with this index. 0 or -errno. */
int link_mark(int index, const char *mark);
/* Removes all TUN and TAP devices with it. How many; or -errno. */
int link_sweep(const char *mark);

#endif
