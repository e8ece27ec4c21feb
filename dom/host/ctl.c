/* SPDX-License-Identifier: MIT */
#include "dom/host/ctl.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	STACK = 1 << 22,    /* nested JSON is parsed by recursion */
	PAUSE_NS = 1000000, /* between two calls of elastic threads */
};

struct start {
	struct ctl *ctl;
	int (*confine)(void *arg);
	void *arg;
	u32 done; /* 1: begun, else -errno; 0: not yet */
};

/* ---- who may what */

bool ctl_may_change(void *arg, uid_t uid)
{
	const struct ctl *c = arg;

	if (READ_ONCE(c->bars) && uid == READ_ONCE(c->barred))
		return false;
	return !uid || uid == c->owner;
}

void ctl_bar(struct host *h, uid_t uid)
{
	if (!h->ctl)
		return;
	WRITE_ONCE(h->ctl->barred, uid);
	WRITE_ONCE(h->ctl->bars, true);
}

/* ---- the thread */

void ctl_hold(struct host *h)
{
	if (h->ctl)
		pthread_mutex_lock(&h->ctl->busy);
}

void ctl_release(struct host *h)
{
	if (h->ctl)
		pthread_mutex_unlock(&h->ctl->busy);
}

static void pause_until(u64 due)
{
	u64 now = host_clock_os();
	struct timespec ts = { .tv_nsec = (long)(due - now) };

	if (now < due)
		nanosleep(&ts, NULL);
}

int ctl_call(struct ctl_request *r, u32 thread, host_call_fn *fn, void *arg)
{
	struct ctl *c = r->ctl;
	int err;

	pthread_mutex_unlock(&c->busy);
	pause_until(c->called_at + PAUSE_NS);
	err = host_call(&r->host->threads[thread], fn, arg);
	c->called_at = host_clock_os();
	pthread_mutex_lock(&c->busy);
	return err;
}

/* Is it to end? */
static bool await(struct ctl *c)
{
	u64 now = host_clock_os();
	u32 load = (u32)follow_wait(&c->follow, now); /* -1: last of all */
	u32 queues = (u32)queues_wait(&c->queues, now);

	return lines_wait(&c->lines, &c->stop_fd, 1, (int)min(load, queues),
			  now);
}

static void *control_thread(void *arg)
{
	struct start *s = arg;
	struct ctl *c = s->ctl;
	int err = s->confine ? s->confine(s->arg) : 0;

	store_release(&s->done, err ? (u32)err : 1);
	while (!err && !await(c)) {
		pthread_mutex_lock(&c->busy);
		lines_serve(&c->lines, host_clock_os());
		pthread_mutex_unlock(&c->busy);
		follow_step(&c->follow, c->host, host_clock_os());
		queues_step(&c->queues, c->host, host_clock_os());
	}
	return NULL;
}

/* No signal is its affair. */
static int start(struct ctl *c, struct start *s)
{
	struct timespec ms = { .tv_nsec = 1000000 };
	pthread_attr_t attr;
	sigset_t all, old;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGSYS);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = -pthread_create(&c->thread, &attr, control_thread, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (err)
		return err;
	pthread_setname_np(c->thread, "ix-control");
	while (!load_acquire(&s->done))
		nanosleep(&ms, NULL);
	if (s->done == 1)
		return 0;
	pthread_join(c->thread, NULL);
	return (int)s->done;
}

/* ---- start and stop */

static int listen_at(struct ctl *c)
{
	const struct statfile *f = &c->host->threads[0].stat;

	snprintf(c->path, sizeof(c->path), "%s/%d.sock", f->dir, (int)getpid());
	c->lines.fd = lines_listen(c->path);
	return c->lines.fd < 0 ? c->lines.fd : 0;
}

int ctl_open(struct host *h, int (*confine)(void *arg), void *arg, char *why,
	     size_t why_len)
{
	struct ctl *c = calloc(1, sizeof(*c));
	struct start s = { .ctl = c, .confine = confine, .arg = arg };
	int err;

	if (!c)
		return host_fail(-ENOMEM, why, why_len, "control socket");
	*c = (struct ctl){ .host = h,
			   .owner = getuid(),
			   .lines = { .fd = -1,
				      .trusts = ctl_may_change,
				      .answer = ctl_answer,
				      .gone = ctl_capture_gone,
				      .arg = c },
			   .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	follow_begin(&c->follow, h, host_clock_os());
	queues_begin(&c->queues, h, host_clock_os());
	err = c->stop_fd < 0 ? -errno : listen_at(c);
	if (!err)
		err = start(c, &s);
	if (!err) {
		h->ctl = c;
		return 0;
	}
	host_fail_at(err, why, why_len, "control socket", c->path);
	lines_close(&c->lines);
	unlink(c->path);
	close(c->stop_fd);
	free(c);
	return err;
}

void ctl_end(struct host *h)
{
	u64 one = 1;

	if (h->ctl && write(h->ctl->stop_fd, &one, sizeof(one)) < 0)
		return; /* it is told already */
}

void ctl_close(struct host *h)
{
	struct ctl *c = h ? h->ctl : NULL;

	if (!c)
		return;
	ctl_end(h);
	pthread_join(c->thread, NULL);
	unlink(c->path);
	c->lines.gone = NULL; /* no thread is left to be asked */
	lines_close(&c->lines);
	close(c->stop_fd);
	free(c);
	h->ctl = NULL;
}
