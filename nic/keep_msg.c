/* SPDX-License-Identifier: MIT */
#include "nic/keep_msg.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_FDS = 253 }; /* SCM_MAX_FD: what the kernel passes at once */

union control {
	struct cmsghdr h;
	char room[CMSG_SPACE(MESSAGE_FDS * sizeof(int))];
};

static int send_first(int fd, const void *msg, size_t len, const int *fds,
		      u32 n)
{
	union control control = { .h = { .cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS,
					 .cmsg_len =
						 CMSG_LEN(n * sizeof(int)) } };
	struct iovec iov = { (void *)(uintptr_t)msg, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t sent;

	if (n) {
		memcpy(CMSG_DATA(&control.h), fds, n * sizeof(int));
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
	}
	sent = sendmsg(fd, &m, MSG_NOSIGNAL);
	return sent < 0 ? -errno : (int)sent;
}

int keep_send(int fd, const void *msg, size_t len, const int *fds, u32 n)
{
	for (size_t at = 0; at < len;) {
		int sent = send_first(fd, (const u8 *)msg + at, len - at, fds,
				      at ? 0 : n);

		if (sent == -EINTR)
			continue;
		if (sent < 0)
			return sent;
		at += (size_t)sent;
	}
	return 0;
}

void keep_close_fds(const int *fds, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Descriptors that have come to @fds, of which @at are taken: how many then, or
 * would be. */
static u32 take(struct msghdr *m, int *fds, u32 at, u32 most)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int got;

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			memcpy(&got, CMSG_DATA(h) + i * sizeof(int),
			       sizeof(got));
			if (at < most)
				fds[at] = got;
			at++;
		}
	}
	return at;
}

static time_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

int keep_receive(int fd, void *msg, size_t len, int *fds, u32 most)
{
	union control control;
	time_t begun = 0;
	u32 n = 0;
	int err = 0;

	for (u32 i = 0; i < most; i++)
		fds[i] = -1;
	for (size_t at = 0; at < len && !err;) {
		struct iovec iov = { (u8 *)msg + at, len - at };
		struct msghdr m = { .msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = &control,
				    .msg_controllen = sizeof(control) };
		/* A confined thread may not do more. */
		ssize_t got = most ? recvmsg(fd, &m, MSG_CMSG_CLOEXEC)
				   : recv(fd, iov.iov_base, iov.iov_len, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			err = got ? -errno : -ECONNRESET;
		if (got > 0 && most)
			n = take(&m, fds, n, most);
		if (n > most)
			err = -EPROTO;
		at += got > 0 ? (size_t)got : 0;
		/* Who sends it byte by byte keeps us from all else. */
		if (at < len && !begun)
			begun = now_s();
		else if (at < len && now_s() - begun > KEEP_SLOW_S)
			err = -ETIMEDOUT;
	}
	return err;
}
