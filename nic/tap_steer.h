/* SPDX-License-Identifier: MIT */
/* The indirection table of a TAP device: a program in the kernel that chooses
 * the queue of what Linux sends, by flow group. To load it CAP_BPF is needed.
 */
#ifndef NIC_TAP_STEER_H
#define NIC_TAP_STEER_H

#include "base/hash.h"

struct tap_steer; /* the program and its table */

/* For the device that @fd is a queue of. 0; or -errno, *@out is NULL then, and
 * the device chooses as it did. */
int tap_steer_attach(struct tap_steer **out, int fd, const u8 owner[RSS_TABLE]);

/* The packets that come from now on. Memory only: no right is needed. */
void tap_steer_set(struct tap_steer *s, const u8 owner[RSS_TABLE]);

/* The device, which may outlive us, chooses as before. NULL is harmless. */
void tap_steer_detach(struct tap_steer *s, int fd);

#endif
