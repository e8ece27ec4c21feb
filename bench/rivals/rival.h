/* SPDX-License-Identifier: MIT */
/*
 * Somebody else's TCP stack as the server of bench/insns.c: an echo on its own
 * interface, on the wire where our dataplane would be. Which one it is the
 * build decides, see bench/rivals.md.
 *
 *   insns.c: 64 clients           lwip.c; none.c: there is none
 *        |                               |
 *   our dataplane ====== wire ====== that stack
 */
#ifndef BENCH_RIVAL_H
#define BENCH_RIVAL_H

#include "nic/wire.h"

/* In a shared object, which shows nothing else: names like tcp_connect() are
 * ours as well. */
#pragma GCC visibility push(default)

/* The stack with address @ip and netmask @mask, and its server on @port. If
 * there is none in this build, or it does not start, it says so and exits. */
void rival_open(struct wire_queue *w, u32 ip, u32 mask, u16 port);

/* All frames that are there are one batch, which it answers; and what its
 * timers have to do. */
void rival_turn(struct wire_queue *w, u64 now);

#pragma GCC visibility pop

#endif
