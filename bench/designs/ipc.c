/* SPDX-License-Identifier: MIT */
/* Mailboxes: a UNIX datagram is a message. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "bench/designs/ipc.h"

enum { MAX_PARTS = 2 + MBUF_MAX_EXT };

int mailbox_open(int box[2])
{
	return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, box) ? -errno
								      : 0;
}

static bool put(int fd, struct iovec *parts, size_t n, bool wait)
{
	struct msghdr m = { .msg_iov = parts, .msg_iovlen = n };
	ssize_t sent;

	do
		sent = sendmsg(fd, &m, wait ? 0 : MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && errno != EAGAIN)
		raw_die("a mailbox is closed");
	return sent >= 0;
}

bool mailbox_put(const int box[2], const struct message *msg,
		 const struct mbuf *data, bool wait)
{
	struct iovec parts[MAX_PARTS] = {
		{ (void *)(uintptr_t)msg, sizeof(*msg) },
		{ data->data, data->len },
	};

	for (u32 i = 0; i < data->nr_ext; i++)
		parts[2 + i] =
			(struct iovec){ (void *)(uintptr_t)data->ext[i].addr,
					data->ext[i].len };
	return put(box[MAILBOX_IN], parts, 2u + data->nr_ext, wait);
}

bool mailbox_put_bytes(const int box[2], const struct message *msg,
		       const void *data, u32 len)
{
	struct iovec parts[] = {
		{ (void *)(uintptr_t)msg, sizeof(*msg) },
		{ (void *)(uintptr_t)data, len },
	};

	return put(box[MAILBOX_IN], parts, 2, true);
}

s64 mailbox_take(const int box[2], struct message *msg, void *data, u32 room,
		 bool wait)
{
	struct iovec parts[] = { { msg, sizeof(*msg) }, { data, room } };
	struct msghdr m = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t n = recvmsg(box[MAILBOX_OUT], &m, wait ? 0 : MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (n < (ssize_t)sizeof(*msg))
		raw_die("a mailbox is closed");
	return n - (s64)sizeof(*msg);
}
