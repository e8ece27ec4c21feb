/* SPDX-License-Identifier: MIT */
#include "cp/ctl.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "dom/host/clock.h"

enum {
	ANSWER_MAX = 1 << 20,
	PATIENCE_MS = 5000,
	NS_PER_MS = 1000000,
};

/* ---- which */

static bool called(const struct statfile_found *f, const char *who)
{
	char *end;
	long pid = who ? strtol(who, &end, 10) : 0;

	return !who || !strcmp(f->page.name, who) ||
	       (*who && !*end && pid == f->pid);
}

int ctl_find_pages(const char *dir, const char *who, struct statfile_found *out)
{
	int n = statfile_list(dir, out, CTL_PAGES), kept = 0;

	for (int i = 0; i < n; i++)
		if (called(&out[i], who))
			out[kept++] = out[i];
	return kept;
}

/* ... of their first threads alone. */
static int find(const char *dir, const char *who, struct statfile_found *out)
{
	int n = ctl_find_pages(dir, who, out), kept = 0;

	for (int i = 0; i < n; i++)
		if (!out[i].thread)
			out[kept++] = out[i];
	return kept;
}

/* ---- connection */

static bool ready(int fd, short events, u64 until)
{
	struct pollfd p = { .fd = fd, .events = events };
	u64 now = host_clock_os() / NS_PER_MS;

	return now < until && poll(&p, 1, (int)(until - now)) == 1;
}

static u64 patience(void)
{
	return host_clock_os() / NS_PER_MS + PATIENCE_MS;
}

/* A full backlog is -EAGAIN. */
int ctl_connect_at(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const struct timespec pause = { .tv_nsec = 10 * NS_PER_MS };
	u64 until = patience();
	int fd, err = 0;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	while (connect(fd, (const void *)&a, sizeof(a))) {
		err = -errno;
		if (err != -EAGAIN || host_clock_os() / NS_PER_MS > until) {
			close(fd);
			return err;
		}
		nanosleep(&pause, NULL);
	}
	return fd;
}

/* Is it the process of the page, and of its user? */
static bool is_true(int fd, const struct statfile_found *f)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) &&
	       cred.pid == f->pid && (!f->owner || cred.uid == f->owner);
}

int ctl_connect(const struct statfile_found *f, struct conf_err *e)
{
	char path[STATDIR_PATH + 32];
	int fd;

	snprintf(path, sizeof(path), "%s/%d.sock", f->dir, (int)f->pid);
	fd = ctl_connect_at(path);
	if (fd < 0)
		return conf_error(e, fd, "%s: %s", path, strerror(-fd));
	if (is_true(fd, f))
		return fd;
	close(fd);
	return conf_error(e, -EPERM, "%s: not the dataplane's", path);
}

int ctl_connect_to(const char *dir, const char *who, struct conf_err *e)
{
	static struct statfile_found found[CTL_PAGES];
	int n = find(dir, who, found);

	if (n == 1)
		return ctl_connect(&found[0], e);
	if (!n)
		return conf_error(e, -ESRCH, "no dataplane%s%.64s is running",
				  who ? " called " : "", who ? who : "");
	return conf_error(e, -EINVAL,
			  "%d dataplanes%s%.64s: say which by its pid (ix ps)",
			  n, who ? " are called " : " are running",
			  who ? who : "");
}

int ctl_talk(const char *dir, const char *who,
	     int (*fn)(int fd, void *arg, struct conf_err *e), void *arg)
{
	struct conf_err e;
	int fd = ctl_connect_to(dir, who, &e);
	int err = fd < 0 ? fd : fn(fd, arg, &e);

	if (err)
		fprintf(stderr, "ix: %s\n", e.text);
	if (fd >= 0)
		close(fd);
	return err ? 1 : 0;
}

/* ---- question and answer */

static int put(int fd, const char *text, size_t len, u64 until)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n < 0 && !ready(fd, POLLOUT, until))
			return -ETIMEDOUT;
		text += max(n, (ssize_t)0);
		len -= (size_t)max(n, (ssize_t)0);
	}
	return 0;
}

/* As recv(). A descriptor that comes along goes to *@passed, which is -1
 * before: one, since there is room for no more. */
static ssize_t take(int fd, char *buf, size_t len, int *passed)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec v = { buf, len };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t n;

	if (passed && *passed < 0) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_LEN(sizeof(int));
	}
	n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(passed, CMSG_DATA(c), sizeof(int));
	return n;
}

/* A line into @buf, zero-terminated: its length, or -errno. */
static ssize_t get_line(int fd, char *buf, int *passed, u64 until)
{
	size_t used = 0;

	while (used < ANSWER_MAX) {
		ssize_t n = take(fd, buf + used, ANSWER_MAX - used, passed);
		char *end;

		if (!n)
			return -ECONNRESET;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n < 0 && !ready(fd, POLLIN, until))
			return -ETIMEDOUT;
		if (n < 0)
			continue;
		end = memchr(buf + used, '\n', (size_t)n);
		used += (size_t)n;
		if (!end)
			continue;
		*end = 0;
		return end - buf;
	}
	return -EMSGSIZE;
}

static cJSON *exchange(int fd, const char *line, int *passed,
		       struct conf_err *e)
{
	u64 until = patience();
	char *buf = malloc(ANSWER_MAX);
	cJSON *answer = NULL;
	ssize_t n = buf ? put(fd, line, strlen(line), until) : -ENOMEM;

	/* Who does not want to be asked may have said why. */
	if (!n || n == -EPIPE)
		n = get_line(fd, buf, passed, until);
	if (n >= 0) {
		answer = cJSON_ParseWithLengthOpts(buf, (size_t)n + 1, NULL,
						   true);
		n = answer ? 0 : -EBADMSG;
	}
	free(buf);
	if (n)
		conf_error(e, (int)n, "no answer: %s", strerror((int)-n));
	return answer;
}

/* With a newline; NULL: no memory. */
static char *print_line(const cJSON *o)
{
	char *text = cJSON_PrintUnformatted(o), *line = NULL;

	if (!text || asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	return line;
}

cJSON *ctl_ask(int fd, cJSON *request, struct conf_err *e)
{
	return ctl_ask_for(fd, request, NULL, e);
}

cJSON *ctl_ask_for(int fd, cJSON *request, int *passed, struct conf_err *e)
{
	char *line = print_line(request), text[400];
	cJSON *answer = line ? exchange(fd, line, passed, e) : NULL;

	if (!line)
		conf_error(e, -ENOMEM, "no memory");
	cJSON_Delete(request);
	free(line);
	if (!cJSON_HasObjectItem(answer, "error"))
		return answer;
	conf_error(e, -EREMOTEIO, "%s",
		   ctl_show(ctl_get_text(answer, "error"), text, sizeof(text)));
	cJSON_Delete(answer);
	return NULL;
}

cJSON *ctl_request(const char *verb)
{
	cJSON *r = cJSON_CreateObject();

	cJSON_AddStringToObject(r, "do", verb);
	return r;
}

/* ---- connections, which are told in pieces */

struct place {
	double thread, from;
};

static cJSON *ask_from(int fd, const cJSON *request, struct place at,
		       struct conf_err *e)
{
	cJSON *r = cJSON_Duplicate(request, true);

	cJSON_AddNumberToObject(r, "thread", at.thread);
	cJSON_AddNumberToObject(r, "from", at.from);
	return ctl_ask(fd, r, e);
}

/* The dataplane says where to go on, always further on: a thread's connections
 * are told from the first to the last, and then the next thread's. */
static bool go_on(const cJSON *answer, struct place *at)
{
	struct place next = { ctl_get_number(answer, "thread"),
			      ctl_get_number(answer, "from") };
	bool more = cJSON_HasObjectItem(answer, "thread") &&
		    (next.thread > at->thread ||
		     (next.thread == at->thread && next.from > at->from)) &&
		    next.thread < IX_MAX_THREADS;

	*at = next;
	return more;
}

int ctl_each_flow(int fd, cJSON *request,
		  bool (*fn)(const cJSON *flow, u32 n, void *arg), void *arg,
		  struct conf_err *e)
{
	struct place at = { 0 };
	bool more = true;
	u32 n = 0;

	while (more) {
		cJSON *a = ask_from(fd, request, at, e);
		const cJSON *flow;

		if (!a) {
			cJSON_Delete(request);
			return -EREMOTEIO;
		}
		cJSON_ArrayForEach(flow,
				   cJSON_GetObjectItemCaseSensitive(a, "flows"))
			more = more && fn(flow, n++, arg);
		more = go_on(a, &at) && more;
		cJSON_Delete(a);
	}
	cJSON_Delete(request);
	return 0;
}

/* ---- answers */

double ctl_get_number(const cJSON *o, const char *name)
{
	const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsNumber(n) ? n->valuedouble : 0;
}

const char *ctl_show_number(const cJSON *o, const char *name, char out[32])
{
	const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, name);

	snprintf(out, 32, cJSON_IsNumber(n) ? "%.0f" : "-",
		 ctl_get_number(o, name));
	return out;
}

const char *ctl_get_text(const cJSON *o, const char *name)
{
	const char *t =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));

	return t ? t : "";
}

const char *ctl_show(const char *text, char *out, size_t len)
{
	size_t n = 0;

	for (; text[n] && n + 1 < len; n++)
		out[n] = text[n] < ' ' || text[n] > '~' ? '?' : text[n];
	out[n] = 0;
	return out;
}
