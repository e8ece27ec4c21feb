/* SPDX-License-Identifier: MIT */
/* What D's main thread waits for: A's end, signals to ix, reports of elastic
 * threads, news of the NIC's link, and deadlines. */
#ifndef DOM_PROCESS_WATCH_H
#define DOM_PROCESS_WATCH_H

#include "dom/process/process.h"

enum { PROC_ATTACH_MS = 5000 }; /* a program that has not by then may never */

struct proc_watch {
	struct proc *p;
	int signal_fd;
	pid_t pid;    /* the keeper's, 0 between lives */
	int status;   /* of the last life */
	u64 born;     /* ms; 0: not yet */
	u64 deadline; /* ms; 0: A has not been asked to go */
	u64 expected; /* ms: A's first attachment; 0: it came, or it is said */
	bool leaving; /* no more restarts */
};

u64 proc_now_ms(void);

/* SIGINT, SIGTERM, SIGQUIT and SIGHUP are read from now on. 0 or -errno. */
int proc_watch_open(struct proc_watch *w);
/* With @deliver, pending signals take their default action. */
void proc_watch_close(struct proc_watch *w, bool deliver);

/* Until @fd is readable or has hung up. An A that has been told to end and does
 * not is killed. */
void proc_watch_wait(struct proc_watch *w, int fd);
/* For @ms, or until a signal comes. */
void proc_watch_sleep(struct proc_watch *w, u64 ms);
/* Ends the life that there is. */
void proc_watch_kill(const struct proc_watch *w);

/* life.c: one life of A, with fresh shared memory, user and threads: nothing of
 * a former life is left. The threads serve the network during the @pause (ms)
 * before A begins. Exit status, or -errno if A's program cannot be executed. */
int proc_live(struct proc_watch *w, char **argv, int settings_fd, u64 pause);
/* Says that @what failed by @err; returns the exit status. */
int proc_cannot(struct proc *p, const char *what, int err);

#endif
