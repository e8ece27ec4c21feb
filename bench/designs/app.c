/* SPDX-License-Identifier: MIT */
/* The application: echo by calls to the network server, each of which is a
 * message there, a sleep, and a message back. */
#include <errno.h>

#include "bench/designs/ipc.h"

/* Returns the bytes of the answer. */
static u32 call(const struct mailboxes *box, struct message *msg, void *data,
		u32 len, u32 room)
{
	s64 n;

	mailbox_put_bytes(box->server, msg, data, len);
	do
		n = mailbox_take(box->app, msg, data, room, true);
	while (n == -EAGAIN);
	return (u32)n;
}

void serve_echo(const struct mailboxes *box)
{
	static u8 data[MBUF_ROOM];

	for (;;) {
		struct message msg = { .type = APP_RECV };
		u32 n = call(box, &msg, data, 0, sizeof(data));

		msg.type = n ? APP_SEND : APP_CLOSE;
		call(box, &msg, data, n, 0);
	}
}
