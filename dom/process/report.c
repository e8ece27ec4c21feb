/* SPDX-License-Identifier: MIT */
/*
 * What D prints once A runs, on the stderr that A shares: A can stop the
 * terminal, or fill the pipe and never read it. So
 *
 *	elastic threads   write nothing: they store a message and notify the
 *			  main thread. Writes by panic(), by libc before it
 *			  aborts, or by a sanitizer raise SIGSYS (confine.c),
 *			  whose handler does the same with the text
 *	main thread       writes without blocking: what does not fit is dropped
 *			  and counted, and the count is printed later
 */
#include "dom/process/process.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

enum {
	LINE = 512,
	PATIENCE_NS = 5000000,
	LAST_MS = 100,
	BY_FILTER = 1, /* the kernel's SYS_SECCOMP */
};

static struct proc *speaker; /* signal handlers take no argument */

/* SIGPIPE must not kill D, nor SIGTTOU stop it: A could make D a background
 * process of the terminal. A gets a mask of its own (start.c). */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigaddset(&set, SIGTTOU);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* ---- last words */

static bool becomes(struct proc_words *w, u32 from, u32 to)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	for (int i = 0; i < LAST_MS; i++) {
		u32 is = from;

		if (__atomic_compare_exchange_n(&w->state, &is, to, false,
						__ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED))
			return true;
		nanosleep(&ms, NULL);
	}
	return false;
}

/* Waits until they have been printed, since D may be about to abort; with a
 * time limit. */
static void hand_over(struct proc *p, const char *text, size_t len)
{
	struct proc_words *w = &p->words;

	if (!becomes(w, 0, 1))
		return;
	w->len = (u32)min(len, sizeof(w->text));
	memcpy(w->text, text, w->len);
	store_release(&w->state, 2);
	proc_report(p);
	becomes(w, 0, 0);
}

static void on_refused(int sig, siginfo_t *si, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	const struct iovec *iov = (const void *)r[REG_RSI];
	int err = errno;

	(void)sig;
	if (si->si_code != BY_FILTER) /* somebody's kill() */
		return;
	if (speaker && si->si_syscall == SYS_write)
		hand_over(speaker, (const void *)iov, (size_t)r[REG_RDX]);
	else if (speaker && si->si_syscall == SYS_writev)
		for (long i = 0; i < r[REG_RDX]; i++)
			hand_over(speaker, iov[i].iov_base, iov[i].iov_len);
	r[REG_RAX] = -EPERM;
	errno = err;
}

static void say_words(struct proc *p)
{
	if (load_acquire(&p->words.state) != 2)
		return;
	proc_say(p, "%.*s", (int)p->words.len, p->words.text);
	store_release(&p->words.state, 0);
}

int proc_reports_open(struct proc *p)
{
	struct sigaction a = { .sa_sigaction = on_refused,
			       .sa_flags = SA_SIGINFO };
	struct sigevent e = { .sigev_notify = SIGEV_THREAD_ID,
			      .sigev_signo = SIGUSR1 };

	speaker = p;
	sigaction(SIGSYS, &a, NULL);
	block_signals();
	e._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	p->report_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (p->report_fd < 0 ||
	    timer_create(CLOCK_MONOTONIC, &e, &p->impatience))
		return -errno;
	return 0;
}

/* ---- writing */

static void impatient(struct proc *p, long ns)
{
	const struct itimerspec often = { { 0, ns }, { 0, ns } };

	timer_settime(p->impatience, 0, &often, NULL);
}

/* A descriptor reported writable may block all the same: then a timer's signal
 * ends the call. A regular file takes as long as its disk. */
static bool write_now(struct proc *p, const char *text, size_t len)
{
	struct pollfd err = { .fd = STDERR_FILENO, .events = POLLOUT };
	ssize_t n;

	if (poll(&err, 1, 0) != 1 || !(err.revents & POLLOUT))
		return false;
	impatient(p, PATIENCE_NS);
	n = write(STDERR_FILENO, text, len);
	impatient(p, 0);
	return n == (ssize_t)len;
}

static bool say_lost(struct proc *p)
{
	char line[LINE];
	int n = snprintf(line, sizeof(line),
			 "\nix: messages lost, for stderr was stopped or full: "
			 "%u\n",
			 p->unsaid);

	if (p->unsaid && write_now(p, line, (size_t)n))
		p->unsaid = 0;
	return !p->unsaid;
}

void proc_say(struct proc *p, const char *fmt, ...)
{
	char line[LINE];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (p->host)
		log_add(&p->host->log, line);
	if (!say_lost(p) ||
	    !write_now(p, line, min((size_t)n, sizeof(line) - 1)))
		p->unsaid++;
}

void proc_reports_close(struct proc *p)
{
	speaker = NULL;
	say_lost(p);
	timer_delete(p->impatience);
	close(p->report_fd);
}

/* ---- from elastic threads */

void proc_report(struct proc *p)
{
	u64 one = 1;

	if (write(p->report_fd, &one, sizeof(one)) < 0)
		return; /* the eventfd is full: it is readable anyway */
}

static void report(struct proc *p, struct proc_thread *t)
{
	u32 stuck = load_acquire(&t->stuck_s);
	char line[HOST_LINE];

	if (stuck && !t->said)
		proc_say(p,
			 "ix: thread %u: %s has kept its core for %u s; its "
			 "connections are looked after\n",
			 t->host->index, p->program, stuck);
	else if (!stuck && t->said)
		proc_say(p, "ix: thread %u: %s goes on\n", t->host->index,
			 p->program);
	t->said = stuck;
	if (READ_ONCE(t->host->spin_told) && !t->said_shared) {
		t->said_shared = true;
		host_shared_text(t->host, line, sizeof(line));
		proc_say(p, "%s", line);
	}
}

void proc_reports(struct proc *p)
{
	u64 rings;

	if (read(p->report_fd, &rings, sizeof(rings)) < 0)
		return; /* nobody */
	say_words(p);
	for (u32 i = 0; i < p->nthreads; i++)
		report(p, &p->threads[i]);
}
