/* SPDX-License-Identifier: MIT */
/* Domain process from start to end: D, the lives of A one after the other, and
 * signals. */
#include "dom/process/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	NS_PER_MS = 1000000,
	GRACE_MS = 2000, /* from SIGTERM to SIGKILL */
	SAME_MS = 500,
	ASK_MS = 1000,	  /* Linux about its neighbours */
	LINGER_MS = 1000, /* for connections to close */
	BACKOFF_MIN_MS = 10,
	BACKOFF_MAX_MS = 5000,
	NOT_RUN = 126, /* exit statuses, as a shell's */
	SIGNALLED = 128,
	ATTACH_MS = 5000, /* a program that has not by then may never */
};

/* The main thread's view of it all. */
struct watch {
	struct proc *p;
	int signal_fd;
	pid_t pid;    /* the keeper's, 0 between lives */
	int status;   /* of the last life */
	u64 born;     /* ms; 0: not yet */
	u64 deadline; /* ms; 0: A has not been asked to go */
	u64 expected; /* ms: A's first attachment; 0: it came, or it is said */
	bool leaving; /* no more restarts */
};

static u64 now_ms(void)
{
	return host_clock_os() / NS_PER_MS;
}

/* ---- signals to ix */

/* Without a namespace A would outlive the keeper. */
static void kill_life(const struct watch *w)
{
	kill(w->pid, w->p->fence.namespaces ? SIGKILL : PROC_END_SIGNAL);
}

/* A, in a process group of its own, gets none from the terminal. */
static void pass_on(struct watch *w)
{
	struct signalfd_siginfo si;

	if (read(w->signal_fd, &si, sizeof(si)) != sizeof(si))
		return;
	w->leaving = true;
	if (!w->pid)
		return;
	if (w->deadline) { /* again, or only another copy of it? */
		if (now_ms() > w->deadline - GRACE_MS + SAME_MS)
			kill_life(w);
		return;
	}
	w->deadline = now_ms() + GRACE_MS;
	kill(w->pid, (int)si.ssi_signo);
}

static int open_signals(struct watch *w)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	w->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	return w->signal_fd < 0 ? -errno : 0;
}

/* A signal before there was anything to end, as to any other program. */
static void release_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* ---- one life of A */

static int timeout(const struct watch *w)
{
	u64 now = now_ms(), next = w->deadline ? w->deadline : w->expected;

	if (!next)
		return -1;
	return next > now ? (int)(next - now) : 0;
}

/* A program that is not linked with libix, say: nobody answers its peers. */
static void expect(struct watch *w)
{
	if (!w->expected || now_ms() < w->expected)
		return;
	w->expected = 0;
	if (!w->leaving && !proc_threads_came(w->p))
		proc_say(
			w->p,
			"ix: %s has not attached to its dataplane for %d s: is "
			"it linked with libix, and does it call it?\n",
			w->p->program, ATTACH_MS / 1000);
}

/* What the keeper has said of A; it was killed, or A with it, if nothing. */
static int status_of(int status_fd)
{
	int status;

	if (read(status_fd, &status, sizeof(status)) != sizeof(status))
		status = SIGKILL;
	return status;
}

/* What concerns the main thread, for at most @ms (-1: any time). True: @fd,
 * which may be -1, can be read, or says that nothing comes. */
static bool look_out(struct watch *w, int fd, int ms)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = w->signal_fd, .events = POLLIN },
		{ .fd = w->p->report_fd, .events = POLLIN },
	};
	bool asks = w->p->host->conf.dp.net.ports_only;

	if (asks && (ms < 0 || ms > ASK_MS))
		ms = ASK_MS;
	if (poll(fds, ARRAY_SIZE(fds), ms) < 0)
		return false;
	if (asks)
		host_read_neighbours(w->p->host);
	if (fds[1].revents)
		pass_on(w);
	if (fds[2].revents)
		proc_reports(w->p);
	return fds[0].revents;
}

/* Until @fd can be read; whoever does not go when told to is killed. */
static void await(struct watch *w, int fd)
{
	while (!look_out(w, fd, timeout(w))) {
		expect(w);
		if (w->deadline && now_ms() >= w->deadline) {
			kill_life(w);
			w->deadline = 0;
		}
	}
}

/* The pipe is closed by the exec, or says why there was none. Until then A may
 * be stopped, if others of its user are about. */
static struct proc_failure await_exec(struct watch *w, int exec_fd)
{
	struct proc_failure f;

	await(w, exec_fd);
	if (read(exec_fd, &f, sizeof(f)) != sizeof(f))
		return (struct proc_failure){ 0 };
	return f;
}

/* Until all of the life has ended; A's status as wait() tells it. */
static int await_end(struct watch *w, int status_fd)
{
	int pid_fd = (int)syscall(SYS_pidfd_open, w->pid, 0);

	if (pid_fd < 0) /* nobody would tell us */
		kill_life(w);
	else
		await(w, pid_fd);
	waitpid(w->pid, NULL, 0);
	close(pid_fd);
	w->pid = 0;
	return status_of(status_fd);
}

static int cannot(struct proc *p, const char *what, int err)
{
	proc_say(p, "ix: %s: %s: %s\n", p->program, what, strerror(-err));
	return 1;
}

static int refuse(struct proc *p, const char *why)
{
	proc_say(p, "ix: %s: %s\n", p->program, why);
	return 1;
}

/* Only the exec's failure is the caller's to tell. */
static int failed(struct watch *w, const struct proc_failure *f)
{
	waitpid(w->pid, NULL, 0);
	w->pid = 0;
	return f->step ? cannot(w->p, f->step, f->err) : f->err;
}

static void tell_crash(const struct watch *w, int status)
{
	if (WIFSIGNALED(status) && !w->leaving)
		proc_say(w->p, "ix: %s was ended by signal %d (%s)\n",
			 w->p->program, WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
}

/* Sleeps, unless a signal comes. */
static void back_off(struct watch *w, u64 ms)
{
	u64 until = now_ms() + ms, now;

	while ((now = now_ms()) < until && !w->leaving)
		look_out(w, -1, (int)(until - now));
}

/* The exit status. Connections are closed properly only if A was told to go,
 * and went. */
static int ended(struct watch *w, int status)
{
	if (w->leaving && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
		w->p->linger_ns = LINGER_MS * (u64)NS_PER_MS;
	tell_crash(w, status);
	if (WIFSIGNALED(status))
		return SIGNALLED + WTERMSIG(status);
	return WEXITSTATUS(status);
}

static int live(struct watch *w, char **argv, int settings_fd, u64 pause)
{
	struct proc_failure f;
	struct proc_life life;
	int status = 0;
	pid_t pid;

	back_off(w, pause);
	if (w->leaving)
		return w->status;
	pid = proc_start(w->p, argv, settings_fd, &life);
	if (pid < 0)
		return cannot(w->p, "process", pid);
	w->pid = pid;
	w->deadline = 0;
	f = await_exec(w, life.exec_fd);
	w->born = now_ms();
	w->expected = w->born + ATTACH_MS;
	if (!f.err)
		status = await_end(w, life.status_fd);
	proc_life_close(&life);
	return f.err ? failed(w, &f) : ended(w, status);
}

/* With fresh shared memory, user and threads: nothing of a former life is
 * left. The threads serve the network during the @pause before A begins. Exit
 * status, or -errno if A's program cannot be executed. */
static int begin(struct watch *w, char **argv, int settings_fd, u64 pause)
{
	struct proc *p = w->p;
	char why[NIC_WHY] = "";
	int err = proc_user_life(&p->user), status = w->status;

	if (err)
		return cannot(p, "user", err);
	err = proc_shm_open(p);
	if (err)
		return cannot(p, "shared memory", err);
	p->linger_ns = 0;
	err = proc_threads_start(p);
	if (err)
		status = cannot(p, "threads", err);
	else if (proc_seccomp_build(p, why, sizeof(why)))
		status = refuse(p, why);
	else
		status = live(w, argv, settings_fd, pause);
	proc_threads_stop(p);
	proc_seccomp_free(p);
	proc_shm_close(p);
	return status;
}

/* D itself only reads the arena, whatever it was registered for; a child must
 * not make D's memory copy-on-write, not even for the moment before exec. */
static int narrow(struct host *h)
{
	for (u32 i = 0; i < h->nthreads; i++)
		madvise(h->threads[i].mem, h->threads[i].mem_len,
			MADV_DONTFORK);
	return mprotect(h->mem.arena.base, h->mem.arena.len, PROT_READ) ? -errno
									: 0;
}

/* ---- restarts */

static int lives(struct watch *w, char **argv, int settings_fd)
{
	struct proc *p = w->p;
	u64 pause = BACKOFF_MIN_MS;
	int err;

	for (;;) {
		w->status = begin(w, argv, settings_fd, w->born ? pause : 0);
		if (w->status <= 0 || w->leaving || !p->host->conf.restart)
			return w->status;
		if (now_ms() - w->born > pause) /* it worked for a while */
			pause = BACKOFF_MIN_MS;
		else
			pause = min(2 * pause, (u64)BACKOFF_MAX_MS);
		proc_say(p, "ix: %s ended with status %d; starting again\n",
			 p->program, w->status);
		err = host_renew(p->host);
		if (!err)
			err = narrow(p->host);
		if (err)
			return cannot(p, "fresh memory", err);
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
		err = host_open(&p->host, conf, &domain, why, sizeof(why));
	if (err) {
		fprintf(stderr, "ix: %s\n", why);
		return err;
	}
	proc_faults_survive(p->host);
	proc_fence_find(&p->fence);
	proc_cgroup_open(&p->cgroup, conf);
	p->host->neighbours.apart = true;
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

int proc_run(const struct conf *conf, char **argv, int settings_fd)
{
	struct proc p = { .program = argv[0] };
	struct watch w = { .p = &p };
	int err, status = 1;

	if (open_signals(&w) || proc_reports_open(&p))
		return 1;
	proc_threads_signal();
	proc_environment();
	err = open_host(&p, conf);
	if (!err)
		status = lives(&w, argv, settings_fd);
	else if (p.user.barred)
		status = NOT_RUN;
	proc_faults_survive(NULL);
	proc_cgroup_close(&p.cgroup);
	host_close(p.host);
	proc_confine_free(&p);
	proc_reports_close(&p);
	close(w.signal_fd);
	if (err == -EINTR)
		release_signals();
	return status;
}
