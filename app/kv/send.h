/* SPDX-License-Identifier: MIT */
/* Sending what the protocol gathered: text is copied, ranges of items go in
 * place, and the items stay referenced until acknowledged. What a connection
 * does not take is kept in its backlog. */
#ifndef APP_KV_SEND_H
#define APP_KV_SEND_H

#include "ix/ixev.h"
#include "proto.h"

struct kv_backlog;

/* Sends and empties w->out; @b, NULL before, gets what is left. 0, -EAGAIN
 * (there is a backlog) or -ENOMEM (some output is lost: abort). */
int kv_send(struct kv_worker *w, struct ixev_ctx *ctx, struct kv_backlog **b);

/* Goes on with the backlog; frees it when done. 0 or -EAGAIN. */
int kv_send_backlog(struct kv_worker *w, struct ixev_ctx *ctx,
		    struct kv_backlog **b);

/* Forgets it. */
void kv_backlog_drop(struct kv_worker *w, struct kv_backlog **b);

#endif
