/* SPDX-License-Identifier: MIT */
/* A question to a dataplane's control socket. It may answer late, or never. */
#include "cp/daemon/cpd.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_NS 2000000000ull

/* A full queue of connections is answered at once, too: EAGAIN. */
static int open_to(const char *dir, pid_t pid)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd, err;

	if ((size_t)snprintf(a.sun_path, sizeof(a.sun_path), "%s/%d.sock", dir,
			     (int)pid) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (const void *)&a, sizeof(a)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int ask(struct plane_ask *a, const char *dir, pid_t pid,
	       const char *what, const char *line, u64 now)
{
	size_t n = strlen(line);
	int fd = open_to(dir, pid);

	if (fd < 0)
		return fd;
	if (send(fd, line, n, MSG_NOSIGNAL) != (ssize_t)n) {
		close(fd);
		return -EPIPE;
	}
	*a = (struct plane_ask){ .fd = fd,
				 .what = what,
				 .deadline = now + PATIENCE_NS };
	return 0;
}

int plane_ask_cores(struct plane_ask *a, const char *dir, pid_t pid, u32 cores,
		    u64 now)
{
	char line[64];

	snprintf(line, sizeof(line), "{\"do\": \"cores\", \"n\": %u}\n", cores);
	return ask(a, dir, pid, "cores", line, now);
}

int plane_ask_drain(struct plane_ask *a, const char *dir, pid_t pid, u64 now)
{
	return ask(a, dir, pid, "drain", "{\"do\": \"drain\"}\n", now);
}

static int parse(const struct plane_ask *a, char *why, size_t why_len)
{
	const char *line = a->in;
	cJSON *answer = cJSON_Parse(line);
	const cJSON *error = cJSON_GetObjectItem(answer, "error");
	int err = cJSON_IsTrue(cJSON_GetObjectItem(answer, "ok")) ? 0 : -EPROTO;

	if (err)
		snprintf(why, why_len, "%s: %.128s", a->what,
			 cJSON_IsString(error) ? error->valuestring
					       : "no answer that we know");
	cJSON_Delete(answer);
	/* A dataplane may say anything, and this ends on a terminal. */
	for (; err && *why; why++)
		*why = *why < ' ' || *why > '~' ? '?' : *why;
	return err;
}

int plane_ask_answer(struct plane_ask *a, char *why, size_t why_len, u64 now)
{
	ssize_t n = recv(a->fd, a->in + a->n, sizeof(a->in) - 1 - a->n, 0);
	char *end;

	if (n > 0) {
		a->n += (u32)n;
		a->in[a->n] = 0;
		end = strchr(a->in, '\n');
		if (end)
			*end = 0;
		if (end)
			return parse(a, why, why_len);
	}
	if ((n > 0 && a->n + 1 < sizeof(a->in)) || (n < 0 && errno == EAGAIN)) {
		if (now < a->deadline)
			return -EAGAIN;
		snprintf(why, why_len, "%s: no answer", a->what);
		return -ETIMEDOUT;
	}
	snprintf(why, why_len, "%s: the control socket was closed", a->what);
	return -EPIPE;
}

void plane_ask_close(struct plane_ask *a)
{
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
}
