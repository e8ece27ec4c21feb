/* SPDX-License-Identifier: MIT */
/* The original IX's <ixev.h>: compile with -Iinclude/compat. What differs
 * behind the same names: doc/porting.md. */
#ifndef COMPAT_IXEV_H
#define COMPAT_IXEV_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../ix/ixev.h"
#include "ix.h"

/* The original knew no end of stream: a connection that the peer had closed
 * was dead. Programs took 0 for impossible. */
static inline ssize_t ixev_compat_recv(struct ixev_ctx *ctx, void *addr,
				       size_t len)
{
	ssize_t n = ixev_recv(ctx, addr, len);

	return n || !len ? n : -EIO;
}
#define ixev_recv ixev_compat_recv

#endif
