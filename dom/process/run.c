/* SPDX-License-Identifier: MIT */
/* Domain process from start to end: D, and A's lives one after the other. */
#include "dom/host/ctl.h"
#include "dom/process/watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	BACKOFF_MIN_MS = 10,
	BACKOFF_MAX_MS = 5000,
	NOT_RUN = 126, /* exit status, as a shell's */
};

/* D only reads the arena, although registering it with the NIC needed a
 * writable mapping. Without MADV_DONTFORK a fork would make D's memory
 * copy-on-write, and each page would cost a fault. */
static int narrow(struct host *h)
{
	if (h->shared)
		madvise(h->shared, h->shared_len, MADV_DONTFORK);
	for (u32 i = 0; i < h->nthreads; i++)
		madvise(h->threads[i].mem, h->threads[i].mem_len,
			MADV_DONTFORK);
	return mprotect(h->mem.arena.base, h->mem.arena.len, PROT_READ) ? -errno
									: 0;
}

/* ---- restarts */

static int lives(struct proc_watch *w, char **argv, int settings_fd)
{
	struct proc *p = w->p;
	u64 pause = BACKOFF_MIN_MS;
	int err;

	for (;;) {
		w->status =
			proc_live(w, argv, settings_fd, w->born ? pause : 0);
		if (w->status <= 0 || w->leaving || !p->host->conf.restart)
			return w->status;
		if (proc_now_ms() - w->born > pause) /* it ran for a while */
			pause = BACKOFF_MIN_MS;
		else
			pause = min(2 * pause, (u64)BACKOFF_MAX_MS);
		proc_say(p, "ix: %s ended with status %d; starting again\n",
			 p->program, w->status);
		err = host_renew(p->host);
		if (!err)
			err = narrow(p->host);
		if (err)
			return proc_cannot(p, "fresh memory", err);
	}
}

/* ---- D */

static int open_host(struct proc *p, const struct conf *conf)
{
	static const struct host_domain domain = { "process",
						   "separate processes", true };
	char why[NIC_WHY];
	int err = proc_user_find(&p->user, conf->user, p->program, why,
				 sizeof(why));

	if (!err)
		err = host_open(&p->host, conf,
				p->guest ? p->guest->domain : &domain, why,
				sizeof(why));
	if (err) {
		fprintf(stderr, "ix: %s\n", why);
		return err;
	}
	proc_faults_survive(p->host);
	proc_fence_find(&p->fence, p->user.change);
	proc_cgroup_open(&p->cgroup, conf);
	p->host->neighbours.apart = true;
	p->host->report_fd = p->report_fd;
	p->host->kick_signal = SIGUSR1;
	err = narrow(p->host);
	if (!err)
		err = proc_confine_build(p);
	if (err)
		fprintf(stderr, "ix: dropping rights: %s\n", strerror(-err));
	else if (!conf->quiet)
		fprintf(stderr, "ix: %s; application: %s; %s; %s\n",
			p->host->about, p->user.text, p->fence.text,
			p->cgroup.text);
	return err;
}

/* Where A's user could be D's, A must not find the socket, or have no say. */
static void open_control(struct proc *p)
{
	char why[NIC_WHY];

	p->host->program = p->program;
	if (ctl_open(p->host, proc_confine_control, p, why, sizeof(why))) {
		proc_say(p, "ix: %s\n", why);
		return;
	}
	p->fence.socket = p->host->ctl->path;
	if (!p->user.own && !p->fence.namespaces)
		ctl_bar(p->host, p->user.change ? p->user.uid : geteuid());
}

int proc_run(const struct conf *conf, const char *program, char **argv,
	     int settings_fd, const struct proc_guest *guest)
{
	struct proc p = { .program = program, .guest = guest };
	struct proc_watch w = { .p = &p };
	int err, status = 1;

	if (proc_watch_open(&w) || proc_reports_open(&p))
		return 1;
	proc_threads_signal();
	proc_environment(&p);
	err = open_host(&p, conf);
	if (!err) {
		open_control(&p);
		status = lives(&w, argv, settings_fd);
		if (p.host->link.state == NIC_GONE)
			status = 1;
	} else if (p.user.barred)
		status = NOT_RUN;
	ctl_close(p.host);
	proc_faults_survive(NULL);
	proc_cgroup_close(&p.cgroup);
	host_close(p.host);
	proc_confine_free(&p);
	proc_reports_close(&p);
	/* A signal came before there was an application: its default action. */
	proc_watch_close(&w, err == -EINTR);
	return status;
}
