/* SPDX-License-Identifier: MIT */
/*
 * The control socket of a dataplane: PID.sock beside its counter pages
 * (statdir.h), served by a thread of its own that is no elastic one. What it
 * asks or changes of a running dataplane goes by host_call().
 *
 *   request   {"do": "flows", "thread": 0}	one line, a JSON object
 *   answer    {"ok": true, ...}		one line
 *	       {"error": "WHAT IS WRONG"}
 *
 * Everybody who can connect may look; root and the user who has started the
 * dataplane may change it, but for an application that cannot be told from them
 * (ctl_bar()). lines.h bounds what clients can take.
 *
 *   ctl.c          socket and thread, who may what
 *   lines.c        ... clients
 *   ctl_verb.c     the table of verbs; from a line to its answer
 *   ctl_about.c    what there is, what it has reported
 *   ctl_flows.c    connections
 *   ctl_set.c      settings
 *   ctl_move.c     flow groups and threads
 *   ctl_drain.c    the end in peace
 *   ctl_capture.c  copies of packets
 */
#ifndef DOM_HOST_CTL_H
#define DOM_HOST_CTL_H

#include "dom/host/follow.h"
#include "dom/host/host.h"
#include "dom/host/lines.h"
#include "dom/host/queues.h"

struct cJSON;

struct ctl {
	struct host *host;
	pthread_t thread;
	int stop_fd; /* eventfd */
	uid_t owner; /* who has started it */
	uid_t barred;
	bool bars;
	u64 called_at; /* ns: the last ctl_call() */
	struct follow follow;
	struct queues queues;
	/* Held by the thread while it may allocate: ctl_hold(). */
	pthread_mutex_t busy;
	struct lines lines;
	char path[STATDIR_PATH + 32];
};

/* Starts it. 0, or -errno with the reason in @why: the dataplane goes on
 * without. @confine, which may be NULL, takes the thread's rights, on it. */
int ctl_open(struct host *h, int (*confine)(void *arg), void *arg, char *why,
	     size_t why_len);
/* NULL is harmless, in h->ctl. */
void ctl_close(struct host *h);
/* Its thread ends soon; ctl_close() is to follow. */
void ctl_end(struct host *h);

/* From now on nobody who is @uid may change anything: an application is that
 * user, too, and can connect. Before it is started. */
void ctl_bar(struct host *h, uid_t uid);

/* Around a fork() by system call: libc's memory is not in use meanwhile. */
void ctl_hold(struct host *h);
void ctl_release(struct host *h);

/* ---- inside */

struct ctl_request {
	struct ctl *ctl;
	struct host *host;
	const struct lines_peer *peer;
	struct lines_fds *pass; /* with the answer */
	const struct cJSON *in;
	struct cJSON *out;
};

/* 0: r->out has the answer, to which "ok" is added; or as ctl_refuse(). */
typedef int ctl_fn(struct ctl_request *r);

struct ctl_verb {
	const char *name;
	bool changes;	  /* needs the right to */
	const char *keys; /* what it takes besides "do", with a blank behind
			   * each */
	ctl_fn *fn;
};

extern const struct ctl_verb ctl_verbs[];
extern const size_t ctl_nr_verbs;

/* {"error": ...} is the answer; returns @err. */
__attribute__((format(printf, 3, 4))) int ctl_refuse(struct ctl_request *r,
						     int err, const char *fmt,
						     ...);

/* The number r->in has as @name, @def if it has none. False, and refused: it is
 * no whole number from @low to @high. */
bool ctl_number(struct ctl_request *r, const char *name, u64 low, u64 high,
		u64 def, u64 *out);
/* ... text, NULL if there is none. */
bool ctl_text(struct ctl_request *r, const char *name, const char **out);

/* host_call(), but not so often that elastic threads have less to do for the
 * network: waits a moment where it is. */
int ctl_call(struct ctl_request *r, u32 thread, host_call_fn *fn, void *arg);

/* The answer to a line, as lines.answer. */
char *ctl_answer(void *ctl, const struct lines_peer *peer, const char *line,
		 size_t len, struct lines_fds *pass);

/* For @peer's uid. */
bool ctl_may_change(void *ctl, uid_t uid);

/* ctl_capture.c: as lines.gone. */
void ctl_capture_gone(void *ctl, u64 id);

/* ctl_about.c, ctl_flows.c, ctl_set.c, ctl_capture.c */
ctl_fn ctl_about, ctl_log, ctl_list_verbs, ctl_flows, ctl_get, ctl_set,
	ctl_capture;
/* ctl_move.c */
ctl_fn ctl_groups, ctl_move, ctl_cores, ctl_park;
/* ctl_drain.c */
ctl_fn ctl_drain;

#endif
