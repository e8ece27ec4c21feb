/* SPDX-License-Identifier: MIT */
/*
 * Domain process: the dataplane D, which holds the NIC and all state, and the
 * application A, which has dropped its rights, are two processes. They share
 * the memory of shm.h and hand each core to and fro (handover.h).
 *
 *	D: main thread ------------- waits for A's end and for signals
 *	   elastic thread 0 <--+     core 0
 *	   elastic thread 1 <--|--+  core 1
 *	                       |  |
 *	A: attached thread 0 <-+  |  core 0
 *	   attached thread 1 <----+  core 1
 *	   others                    anywhere
 *
 * The keeper, process 1 of A's pid namespace, is A's parent (keeper.c). A life
 * is one run of A with all processes that it creates: it has its own user,
 * namespaces, control group and shared memory, and ends as a whole.
 *
 * D's side, functions by file:
 *
 *   run.c      from start to end, restarts
 *   watch.c    what the main thread waits for
 *   life.c     one life of A
 *   shm.c      the shared memory and its seals
 *   thread.c   an elastic thread: crossings, the time limit
 *   limit.c    ... what wakes it then
 *   report.c   what D says, and waits for nobody
 *   confine.c  which system calls it may make
 *   keeper.c   A: who starts it, and ends with it
 *   start.c    ... what is taken from it before it begins
 *   user.c     ... whom it runs as
 *   fence.c    ... what it sees of the machine
 *   cgroup.c   ... how much of it it may use
 *   seccomp.c  ... which system calls it may make
 *   deny.c     ... and with which arguments it may not
 *   fault.c    the counter page truncated
 *
 * A's side, libix-process.so: lib/process/.
 */
#ifndef DOM_PROCESS_H
#define DOM_PROCESS_H

#include <linux/filter.h>
#include <signal.h>
#include <sys/types.h>
#include <time.h>

#include "dom/host/host.h"
#include "dom/process/shm.h"

struct proc;
struct proc_thread;

/* Domain vm's part of it, NULL in domain process. */
struct proc_guest {
	const struct host_domain *domain;
	/* For one life: its shared memory is there, no thread yet. 0, or -errno
	 * with the reason. */
	int (*open)(struct proc *p, char *why, size_t why_len);
	void (*close)(struct proc *p);
	/* A crossing, PROC_ENTER or PROC_ANSWER: until the persona is wanted,
	 * 0, or -errno. */
	int (*enter)(struct proc_thread *t, bool answer);
};

/* The timer of one elastic thread, used by it and its signal handler only. */
struct proc_limit {
	timer_t timer;
	bool usable;
	volatile sig_atomic_t ticking, waiting;
	u64 next; /* expiry, while ticking; repeats follow */
};

struct proc_thread {
	struct proc *proc;
	struct host_thread *host;
	struct proc_turns *turns;
	struct proc_up *up;
	const struct proc_down *down;
	pthread_t id;
	pid_t tid;	/* 0: not yet started */
	bool done;	/* has ended, or is about to */
	bool attached;	/* to a thread of A: PROC_ATTACH to PROC_DETACH */
	bool came;	/* was attached in this life */
	u64 counted_at; /* the last overrun of proc_thread_look() */
	u64 looked_at;	/* without A: host->worked_at then */
	u64 next_look;	/* ... and when a timer or the limit wants the next */
	struct proc_limit limit;
	int err;	  /* why it could not start */
	u32 stuck_s;	  /* how long A has kept the core; 0: not too long */
	bool said;	  /* ... and the main thread has printed it */
	bool said_shared; /* printed: it does not have its core alone */
};

/* Whom A runs as. */
struct proc_user {
	bool change; /* else as who we are */
	bool own;    /* another one for each life, of [first, first + n) */
	bool barred; /* may not execute the program */
	uid_t uid;
	gid_t gid;
	u32 first, n;
	char text[96]; /* for people */
};

/* What it sees of the machine. */
struct proc_fence {
	int namespaces;	    /* CLONE_NEW*; 0: they cannot be had */
	int landlock;	    /* the kernel's version of it, <= 0: none */
	const char *socket; /* D's, to be hidden; NULL: none yet */
	bool other_user;    /* A is not as who we are */
	uid_t uid;	    /* to be mapped in a user namespace */
	gid_t gid;
	char text[128]; /* for people */
};

enum { PROC_CGROUP_PATH = 512, PROC_CGROUPS = 3 };

struct proc_cgroup {
	u32 n; /* one, or one for each controller */
	char dir[PROC_CGROUPS + 1][PROC_CGROUP_PATH];
	char v2[PROC_CGROUP_PATH - 32]; /* below it one is made; "": none */
	char text[160];			/* for people */
};

/* Why A did not begin. The step is a text of D's program, whose copy the child
 * is; NULL: exec. */
struct proc_failure {
	const char *step;
	int err;
};

/* What an elastic thread has tried to write to stderr. */
struct proc_words {
	u32 state; /* 0: taken, 1: being written, 2: to be said */
	u32 len;
	char text[512];
};

struct proc {
	struct host *host;
	const char *program; /* for messages */
	struct proc_user user;
	struct proc_fence fence;
	struct proc_cgroup cgroup;
	struct proc_info *info; /* the up memfd, writable here alone */
	struct proc_turns *turns;
	const struct proc_down *down; /* follows them */
	int up_fd, down_fd;
	const struct proc_guest *guest;
	struct vm_life *vm;	     /* guest->open() */
	int app_fd;		     /* A's own memory; 0: its own affair */
	int vcpu_fd[IX_MAX_THREADS]; /* 0: none */
	int alive[2];	    /* pipe: A has the first end, nobody writes */
	u64 linger_ns;	    /* at the end: to close connections properly */
	int report_fd;	    /* eventfd: proc_reports() is to be called */
	timer_t impatience; /* of proc_say() */
	struct proc_words words;
	u32 unsaid;   /* messages that stderr has not taken */
	u32 nthreads; /* of these run */
	struct proc_thread threads[IX_MAX_THREADS];
	struct sock_fprog filters[2];	/* proc_seccomp_build() */
	struct sock_fprog own, control; /* proc_confine_build() */
};

/* Runs @argv on a dataplane of its own, until it ends or a signal tells us to;
 * people know it as @program. @settings_fd stays open in it. What goes wrong
 * before it runs is said on stderr. Returns the exit status. */
int proc_run(const struct conf *conf, const char *program, char **argv,
	     int settings_fd, const struct proc_guest *guest);

/* Is everything there that the domain needs? 0, or -errno with the reason. */
int proc_probe(char *why, size_t why_len);

/* shm.c: fresh memory for one life of A. 0 or -errno. */
int proc_shm_open(struct proc *p);
void proc_shm_close(struct proc *p);

/* thread.c: starts all elastic threads; 0 or -errno, then stop them. */
int proc_threads_start(struct proc *p);
/* For who waits for A in another way (proc_guest.enter): the network is looked
 * after if it is time to, and A's stay since @began counted. When it is time
 * again. */
u64 proc_thread_look(struct proc_thread *t, u64 began);
/* Has A attached to one of them in this life? */
bool proc_threads_came(const struct proc *p);
/* Makes them end their connections, and leave. */
void proc_threads_stop(struct proc *p);
/* A handler for the signal that proc_threads_stop() uses. */
void proc_threads_signal(void);

/* limit.c: for the calling thread, which must not block the signal; @limit in
 * ns. If there is no timer to be had, waits are limited by timeouts. */
#define PROC_LIMIT_SIGNAL SIGUSR2
void proc_limit_open(struct proc_limit *l, u64 limit);
void proc_limit_close(struct proc_limit *l);
/* A wait begins at @now that must end at @due. True: a tick will interrupt it
 * then or before; false: it needs a timeout. */
bool proc_limit_begin(struct proc_limit *l, u64 now, u64 due);
/* ... and goes on with a timeout. */
void proc_limit_stop(struct proc_limit *l);
static inline void proc_limit_end(struct proc_limit *l)
{
	l->waiting = 0;
}

/* report.c: from main thread's first step to its last. 0 or -errno. */
int proc_reports_open(struct proc *p);
void proc_reports_close(struct proc *p);
/* Main thread only, instead of fprintf(stderr) as soon as A has run. */
__attribute__((format(printf, 2, 3))) void proc_say(struct proc *p,
						    const char *fmt, ...);
/* ... says what elastic threads have to report, when report_fd is readable. */
void proc_reports(struct proc *p);
/* Any thread: there is something to report. */
void proc_report(struct proc *p);

/* confine.c: p->own, for D's elastic threads, and p->control; the NIC is open.
 * 0 or -errno. */
int proc_confine_build(struct proc *p);
void proc_confine_free(struct proc *p);
/* From now on the calling thread has only those system calls. 0 or -errno. */
int proc_confine(const struct proc *p);
/* ... the control thread: for ctl_open(). */
int proc_confine_control(void *p);

/* fault.c: D survives a truncated counter file of @h; NULL: no more. */
void proc_faults_survive(struct host *h);

/* What the caller can read of a life. */
struct proc_life {
	int exec_fd;   /* at A's begin: nothing, or a proc_failure */
	int status_fd; /* when the keeper has ended: A's status as of wait() */
};

/* start.c: a life begins. The keeper's pid, or -errno. */
pid_t proc_start(struct proc *p, char **argv, int settings_fd,
		 struct proc_life *life);
void proc_life_close(struct proc_life *life);
/* ... in the child: A's rights, and exec. */
_Noreturn void proc_become(const struct proc *p, char **argv, int settings_fd,
			   int exec_fd);
/* Once, in D: what A finds in its environment. */
void proc_environment(const struct proc *p);

/* keeper.c: what D's child does. Told by this signal, it kills A. */
#define PROC_END_SIGNAL SIGUSR1
_Noreturn void proc_keep(const struct proc *p, char **argv, int settings_fd,
			 int exec_fd, int status_fd);

/* user.c: from the setting @user. 0, or -errno with the reason. */
int proc_user_find(struct proc_user *u, const char *user, const char *program,
		   char *why, size_t why_len);
/* ... for the next life. 0 or -errno. */
int proc_user_life(struct proc_user *u);

/* fence.c: what namespaces and Landlock can be had. */
void proc_fence_find(struct proc_fence *f, bool other_user);
/* fork() into them: 0 in the child, its pid, or -errno. */
pid_t proc_fence_fork(const struct proc_fence *f);
/* In the child: mounts; in A: Landlock. 0 or -errno. */
int proc_fence_settle(const struct proc_fence *f);
/* A word to the kernel, into a file that is there. 0 or -errno. */
int proc_fence_write(const char *path, const char *text);
int proc_fence_landlock(const struct proc_fence *f);

/* cgroup.c: a group with the limits of the settings; what cannot be had is
 * said in the text. A child enters; it is removed when all have left. */
void proc_cgroup_open(struct proc_cgroup *g, const struct conf *c);
int proc_cgroup_enter(const struct proc_cgroup *g);
void proc_cgroup_close(struct proc_cgroup *g);

/* seccomp.c: p->filters from the default list and the file that the
 * settings name; D's threads must run. 0, or -errno with the reason. */
int proc_seccomp_build(struct proc *p, char *why, size_t why_len);
void proc_seccomp_free(struct proc *p);
/* A filter (scmp_filter_ctx) as a program for the kernel. 0 or -errno. */
int proc_seccomp_export(struct sock_fprog *out, void *filter);
/* deny.c: adds conditions to @filter (scmp_filter_ctx), which allows
 * everything else. */
int proc_seccomp_conditions(const struct proc *p, void *filter);
/* ... in the process itself: signals to nobody but itself. 0 or -errno. */
int proc_seccomp_self(void);

#endif
