/* SPDX-License-Identifier: MIT */
/* Asks ixcpd for what we may not have by ourselves. */
#include "dom/host/grant_conf.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "dom/host/right.h"
#include "nic/keep_msg.h"

enum {
	LINE = 4096,
	AGAIN_MS = 200, /* between two tries */
	AGAIN_TRIES = 50,
};

/* ---- is it to be asked? */

/* One that an administrator has made for us needs no right. */
static bool is_there(const char *spec)
{
	char name[IF_NAMESIZE];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(spec, ","), spec);
	return if_nametoindex(name);
}

static bool needs_right(const struct conf *c)
{
	if (!strncmp(c->nic, "tap:", 4))
		return !is_there(c->nic + 4) && !right_held(CAP_NET_ADMIN);
	return !strncmp(c->nic, "xdp:", 4) && !right_held(CAP_NET_ADMIN);
}

/* The socket's path; false: we open the NIC ourselves. */
static bool find_daemon(const struct conf *c, struct sockaddr_un *a)
{
	bool any = !strcmp(c->daemon, "auto");

	a->sun_family = AF_UNIX;
	if (!strcmp(c->daemon, "none") || !strncmp(c->nic, "wire:", 5))
		return false;
	snprintf(a->sun_path, sizeof(a->sun_path), "%.90s/ixcpd.sock",
		 any ? GRANT_DIR : c->daemon);
	return !any || (needs_right(c) && !access(a->sun_path, W_OK));
}

/* ---- asking */

static int connect_to(const struct sockaddr_un *a)
{
	const struct timeval patience = { .tv_sec = KEEP_ASK_S };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!connect(fd, (const void *)a, sizeof(*a)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* Not one byte more than the line: what follows it is another protocol's. */
static int read_line(int fd, char line[LINE])
{
	for (u32 n = 0; n < LINE - 1; n++) {
		ssize_t got = recv(fd, line + n, 1, 0);

		if (got < 0 && errno == EINTR) {
			n--;
			continue;
		}
		if (got <= 0)
			return got ? -errno : -ECONNRESET;
		line[n + 1] = 0;
		if (line[n] == '\n')
			return 0;
	}
	return -EPROTO;
}

static int ask(int fd, const char *request, cJSON **answer)
{
	char line[LINE];
	int err = keep_send(fd, request, strlen(request), NULL, 0);

	/* Who does not want to be asked may have said why. */
	if (!err || err == -EPIPE)
		err = read_line(fd, line);
	if (err)
		return err;
	*answer = cJSON_Parse(line);
	return *answer ? 0 : -EPROTO;
}

static bool again(const cJSON *answer)
{
	return cJSON_IsTrue(cJSON_GetObjectItem(answer, "again"));
}

/* What is another's may be free soon: one of ours that has just ended. */
static int ask_patiently(int fd, const char *request, cJSON **answer)
{
	const struct timespec pause = { .tv_nsec = AGAIN_MS * 1000000l };
	int err = ask(fd, request, answer);

	for (int i = 0; !err && again(*answer) && i < AGAIN_TRIES; i++) {
		cJSON_Delete(*answer);
		*answer = NULL;
		nanosleep(&pause, NULL);
		err = ask(fd, request, answer);
	}
	return err;
}

static char *request_text(const struct conf *c)
{
	cJSON *r = cJSON_CreateObject();
	cJSON *settings = grant_settings(c, grant_asked, grant_nasked);
	char *text, *line = NULL;

	/* No other kind is asked for, and an older daemon knows none. */
	if (c->pages != PAGES_HUGE)
		cJSON_DeleteItemFromObject(settings, "pages");
	cJSON_AddStringToObject(r, "do", "open");
	cJSON_AddNumberToObject(r, GRANT_THREADS, c->cores.n);
	cJSON_AddItemToObject(r, "settings", settings);
	text = cJSON_PrintUnformatted(r);
	cJSON_Delete(r);
	if (text && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	return line;
}

/* Granted, or refused. */
static int understand(struct conf *c, const cJSON *answer, char *why,
		      size_t why_len)
{
	const char *no =
		cJSON_GetStringValue(cJSON_GetObjectItem(answer, "error"));
	struct conf_err e;

	if (no)
		return nic_fail(-EPERM, why, why_len, "ixcpd: %.400s", no);
	if (grant_apply(c, cJSON_GetObjectItem(answer, "settings"), grant_given,
			grant_ngiven, &e))
		return nic_fail(-EPROTO, why, why_len, "ixcpd: %s", e.text);
	/* Who has not asked for huge ones leaves them to who has. */
	if (c->pages == PAGES_AUTO)
		c->pages = PAGES_TRANSPARENT;
	return 0;
}

int grant_get(struct conf *c, char *why, size_t why_len)
{
	struct sockaddr_un a = { 0 };
	cJSON *answer = NULL;
	char *request;
	int fd, err;

	if (!find_daemon(c, &a))
		return 0;
	if (!c->quiet)
		fprintf(stderr, "ix: %s: ixcpd is asked for it (%s)\n", c->nic,
			a.sun_path);
	fd = connect_to(&a);
	if (fd < 0)
		return nic_fail(fd, why, why_len, "no daemon answers at %s: %s",
				a.sun_path, strerror(-fd));
	request = request_text(c);
	err = request ? ask_patiently(fd, request, &answer) : -ENOMEM;
	free(request);
	if (err)
		nic_fail(err, why, why_len, "ixcpd does not answer: %s",
			 strerror(-err));
	else
		err = understand(c, answer, why, why_len);
	cJSON_Delete(answer);
	if (!err)
		return fd;
	close(fd);
	return err;
}
