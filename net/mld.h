/* SPDX-License-Identifier: MIT */
/* Multicast listener discovery (RFC 3810, RFC 2710): that we listen to the
 * solicited-node groups of our addresses, so that switches which look (RFC
 * 4541) hand us neighbours' questions. The groups stay as they are. */
#ifndef NET_MLD_H
#define NET_MLD_H

#include "base/timer.h"

struct net;
struct pkt;

/* A query, its checksum good. */
void mld_in(struct net *net, const struct pkt *p, u64 now);

void mld_timer(void *net, struct timer *t, u64 now);

#endif
