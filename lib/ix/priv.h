/* SPDX-License-Identifier: MIT */
/*
 * Inside libix. Functions by file:
 *
 *   init.c   the domain: open, threads
 *   poll.c   the crossing, and a loop around it
 *   sendq.c  what a connection is to send
 *   arena.c  pages of the registered arena
 *   addr.c   addresses as text
 */
#ifndef LIB_IX_PRIV_H
#define LIB_IX_PRIV_H

#include "ix/ix.h"

enum { ARENA_PAGE = 4096 };

/* arena.c: @base..@base + @len is free from now on. -ENOMEM or 0. */
int arena_init(void *base, size_t len);
void arena_exit(void);

#endif
