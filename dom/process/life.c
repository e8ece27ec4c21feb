/* SPDX-License-Identifier: MIT */
/* One life of A: shared memory, threads, the process, and its end. */
#include "dom/process/watch.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	NS_PER_MS = 1000000,
	LINGER_MS = 1000, /* for connections to close */
	SIGNALLED = 128,  /* exit status, as a shell's */
};

/* A's status from the keeper; if it has sent none, it was killed, with A. */
static int status_of(int status_fd)
{
	int status;

	if (read(status_fd, &status, sizeof(status)) != sizeof(status))
		status = SIGKILL;
	return status;
}

/* A successful exec closes the pipe; else it carries the reason. This may take
 * any time: other processes of A's user can stop A. */
static struct proc_failure await_exec(struct proc_watch *w, int exec_fd)
{
	struct proc_failure f;

	proc_watch_wait(w, exec_fd);
	if (read(exec_fd, &f, sizeof(f)) != sizeof(f))
		return (struct proc_failure){ 0 };
	return f;
}

/* Waits until all processes of the life have exited. A's wait() status. */
static int await_end(struct proc_watch *w, int status_fd)
{
	int pid_fd = (int)syscall(SYS_pidfd_open, w->pid, 0);

	if (pid_fd < 0) /* without it we could not wait */
		proc_watch_kill(w);
	else
		proc_watch_wait(w, pid_fd);
	waitpid(w->pid, NULL, 0);
	close(pid_fd);
	w->pid = 0;
	return status_of(status_fd);
}

int proc_cannot(struct proc *p, const char *what, int err)
{
	proc_say(p, "ix: %s: %s: %s\n", p->program, what, strerror(-err));
	return 1;
}

static int refuse(struct proc *p, const char *why)
{
	proc_say(p, "ix: %s: %s\n", p->program, why);
	return 1;
}

/* A failed exec is reported by the caller (-errno), all else here. */
static int failed(struct proc_watch *w, const struct proc_failure *f)
{
	waitpid(w->pid, NULL, 0);
	w->pid = 0;
	return f->step ? proc_cannot(w->p, f->step, f->err) : f->err;
}

static void tell_crash(const struct proc_watch *w, int status)
{
	if (WIFSIGNALED(status) && !w->leaving)
		proc_say(w->p, "ix: %s was ended by signal %d (%s)\n",
			 w->p->program, WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
}

/* The exit status. Connections are closed in order only if A was told to end
 * and did. */
static int ended(struct proc_watch *w, int status)
{
	if (w->leaving && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
		w->p->linger_ns = LINGER_MS * (u64)NS_PER_MS;
	tell_crash(w, status);
	if (WIFSIGNALED(status))
		return SIGNALLED + WTERMSIG(status);
	return WEXITSTATUS(status);
}

static void note_life(struct host *h, bool runs)
{
	WRITE_ONCE(h->app_lives, h->app_lives + runs);
	WRITE_ONCE(h->app_runs, runs);
}

/* The process: started, waited for. */
static int live(struct proc_watch *w, char **argv, int settings_fd, u64 pause)
{
	struct proc_failure f;
	struct proc_life life;
	int status = 0;
	pid_t pid;

	proc_watch_sleep(w, pause);
	if (w->leaving)
		return w->status;
	pid = proc_start(w->p, argv, settings_fd, &life);
	if (pid < 0)
		return proc_cannot(w->p, "process", pid);
	w->pid = pid;
	w->deadline = 0;
	f = await_exec(w, life.exec_fd);
	w->born = proc_now_ms();
	w->expected = w->born + PROC_ATTACH_MS;
	if (!f.err) {
		note_life(w->p->host, true);
		status = await_end(w, life.status_fd);
		note_life(w->p->host, false);
	}
	proc_life_close(&life);
	return f.err ? failed(w, &f) : ended(w, status);
}

int proc_live(struct proc_watch *w, char **argv, int settings_fd, u64 pause)
{
	struct proc *p = w->p;
	char why[NIC_WHY] = "";
	int err = proc_user_life(&p->user), status = w->status;

	if (err)
		return proc_cannot(p, "user", err);
	err = proc_shm_open(p);
	if (err)
		return proc_cannot(p, "shared memory", err);
	p->linger_ns = 0;
	err = p->guest ? p->guest->open(p, why, sizeof(why)) : 0;
	if (err) {
		status = refuse(p, why);
		proc_shm_close(p);
		return status;
	}
	err = proc_threads_start(p);
	if (err)
		status = proc_cannot(p, "threads", err);
	else if (proc_seccomp_build(p, why, sizeof(why)))
		status = refuse(p, why);
	else
		status = live(w, argv, settings_fd, pause);
	proc_threads_stop(p);
	proc_seccomp_free(p);
	if (p->guest)
		p->guest->close(p);
	proc_shm_close(p);
	return status;
}
