/* SPDX-License-Identifier: MIT */
/*
 * The host side of a dataplane, common to all domains: from settings to
 * running elastic threads. What differs between domains, who calls the
 * application and where the batches lie, is theirs.
 *
 *   host.c    open: cores, memory, NIC, threads; close
 *   memory.c  memory: is there so much, and then at its place
 *   thread.c  one thread: struct dp and what it needs
 *   net.c     addresses and neighbours, from the settings or from Linux
 *   link.c    what has become of the NIC's link
 *   run.c     the loop around dp_step(): idling, stopping
 *   spin.c    spin or block?
 *   ask.c     what other threads ask of an elastic one
 *   move.c    flow groups from one thread to another, threads without any
 *   log.c     what has been reported
 *   capture.c memory for copies of packets
 *   load.c    what counters say of an interval
 *   follow.c  cores that follow the load, see follow.h
 *   queues.c  flow groups that follow their queues, see queues.h
 *   right.h   which capabilities are ours
 *   ctl.c     the control socket, see ctl.h
 */
#ifndef DOM_HOST_H
#define DOM_HOST_H

#include <pthread.h>

#include "conf/conf.h"
#include "dom/host/ask.h"
#include "dom/host/capture.h"
#include "dom/host/clock.h"
#include "dom/host/hugemem.h"
#include "dom/host/spin.h"
#include "dom/host/log.h"
#include "dom/host/statfile.h"
#include "nic/linux.h"
#include "nic/nic_open.h"

struct host;
struct ctl;

/* One elastic thread. */
struct host_thread {
	struct dp *dp; /* in mem; the thread's own since host_attach() */
	struct host *host;
	u32 index, core;
	pthread_t caller; /* drives it; 0: nobody, for now */
	pid_t tid;	  /* that attached */
	bool attached;
	bool ended;   /* dp_shutdown() is done, or being done */
	bool lingers; /* host_run_io() leaves host_detach() to its caller */

	/* idling */
	struct host_clock clock;
	u32 sleeping; /* read by the others: wake me by wake_fd */
	int wake_fd;  /* eventfd */
	/* What is announced to all, and the NIC leaves to Linux; or 0. */
	int arp_fd, nd_fd;
	u64 forwarded; /* dp->passed when the others were woken last */
	u32 awaited;   /* whoever drives a move from here sleeps on it */
	bool parked;   /* has no flow group: blocks when idle */
	bool serves;   /* it listens, which a predecessor has been told */
	struct host_spin spin;
	bool spin_told;
	bool patient; /* SCHED_BATCH, see spin.h */
	/* Wakes who is handed the core with the next events, while there is
	 * nothing else to do, so that these do not wait for the system call
	 * that it takes: which of his sleeps, or 0. NULL: nobody sleeps. */
	u32 (*rouse)(void *arg);
	void *rouse_arg;
	u32 roused;    /* what it said, until he has the core */
	bool hope;     /* the last spin has ended with work for him */
	u64 max_sleep; /* ns */
	u64 limit_ns;  /* between two looks at the network without the
			* application */
	u64 born;      /* all time since then is idle_ns or busy_ns */
	u64 life_at;   /* the application attached; 0: not yet */
	u64 worked_at; /* when there was work last */
	u64 chores_at; /* when chores() is due */

	struct host_ask ask; /* host_call() */

	struct statfile stat;
	void *mem; /* struct dp, dp_bytes() */
	size_t mem_len;
} ALIGNED(CACHE_LINE);

enum {
	HOST_NEIGHBOURS = 256,
	HOST_WANTED = 16,
	HOST_PAGE = 4096,
	HOST_LINE = 128, /* host_shared_text() */
};

/* With ports_only: the neighbours that Linux knew when it was last asked, and
 * those that it is to resolve. */
struct host_neighbours {
	pthread_mutex_t lock; /* all below: held for no longer than a copy */
	bool apart;	      /* read by a thread that is no elastic one */
	int n, nwanted;
	struct linux_neigh e[HOST_NEIGHBOURS];
	struct be128 wanted[HOST_WANTED]; /* IPv4 mapped */
};

/* What every thread finds flow groups by, and our flows, in a page of its own:
 * ring 0 of a guest has it, too. */
struct host_groups {
	u8 rss_key[RSS_KEY_LEN];
	u8 owner[RSS_TABLE]; /* as the NIC's group_owner, but for a moment
			      * during a move */
	struct flows flows;  /* nic->flows, if there are any */
} ALIGNED(HOST_PAGE);

/* Of the NIC, as far as we have heard. */
struct host_link {
	enum nic_link state;
	u64 downs;
	char text[192];
};

struct host {
	const struct host_domain *domain;
	struct conf conf; /* with what follows from it worked out */
	struct hugemem mem;
	struct nic *nic;
	struct host_groups *groups;
	struct dp_shared *shared; /* NULL: there is one thread */
	size_t shared_len;
	u64 secret[2];
	pthread_mutex_t moving; /* held by who moves flow groups */
	u32 nthreads;
	int kick_signal; /* ends what an elastic thread waits in; 0: none of
			  * ours */
	struct host_thread threads[IX_MAX_THREADS];
	struct host_neighbours neighbours;
	struct host_link link;
	int grant_fd;  /* to who keeps the NIC for us; 0: it is ours */
	int report_fd; /* eventfd, written when a thread has something to report
			* to people; 0: nobody reads it */
	char about[1024]; /* what is in force, one line */

	struct host_capture capture;
	struct ctl *ctl;     /* NULL: none */
	struct log log;	     /* what has been reported */
	u64 opened_at;	     /* ns, host_clock_os() */
	const char *program; /* for people; NULL: see conf.name */
	bool app_runs;	     /* an application does, as far as we know; */
	u32 app_lives;	     /* ... so many have */
};

/* What a domain says about itself. */
struct host_domain {
	const char *name; /* "inline" */
	const char *wall; /* what wall 2 is: "none" */
	bool shared;	  /* region as memfds */
};

/* Builds everything; no thread runs yet. The calling thread is moved from
 * core to core meanwhile, so that memory lies near its thread. 0 or -errno
 * with the reason in @why. */
int host_open(struct host **out, const struct conf *conf,
	      const struct host_domain *domain, char *why, size_t why_len);

/* All threads have ended or will not call in again. NULL is harmless. */
void host_close(struct host *h);

/* Pins the calling thread, which from now on runs elastic thread @index, to
 * its core. @down, @up: the batch as the dataplane sees it. 0 or -errno:
 * -ESHUTDOWN, it has ended with all others. */
int host_attach(struct host *h, u32 index, const struct ix_down *down,
		struct ix_up *up);

/* The calling thread drives it no longer; another one does from now on: 0, or
 * -ESHUTDOWN if it is too late, -EBUSY. */
void host_release(struct host_thread *t);
int host_take(struct host_thread *t);

/* On the elastic thread: it takes the core from others again (spin.h), for what
 * it does besides, or for @now + SPIN_HASTE_NS at least. */
void host_impatient(struct host_thread *t);
void host_hasten(struct host_thread *t, u64 now);

/* One crossing: executes the batch, returns with event conditions in
 * dp->up, or with IX_RUN_FLUSH at once. 0, or -ESHUTDOWN after
 * host_stop(): connections have been aborted then. */
int host_run_io(struct host_thread *t);

/* Goes on with a crossing that ring 0 of a guest has begun, until event
 * conditions, or *@end is set. As host_run_io(). */
int host_run_on(struct host_thread *t, const u32 *end);

/* @fn is run on the elastic thread, between two iterations: also while it idles
 * or serves the network without its application. 0, or -ETIMEDOUT if it has not
 * begun in time (an application inline keeps the core, or nobody has attached),
 * and then it never will. Not to be called on elastic threads. */
int host_call(struct host_thread *t, host_call_fn *fn, void *arg);

/* On the elastic thread: such a call waits; it is made. */
static inline bool host_called(const struct host_thread *t)
{
	return host_ask_waits(&t->ask);
}

static inline void host_answer(struct host_thread *t, u64 now)
{
	if (host_called(t))
		host_ask_answer(&t->ask, t->dp, now);
}

struct dp_groups;

/* Flow groups of thread @from go to thread @to, while traffic runs. Waits until
 * they are there, at most a few seconds. 0, or -errno and nothing has changed:
 * -EOPNOTSUPP (one thread, or a program that cannot), -EINVAL (not @from's),
 * -ENOBUFS (no room there), -ETIMEDOUT (the application did not cross), what
 * the NIC's table answers. Not to be called on elastic threads. */
int host_move(struct host *h, u32 from, u32 to, const struct dp_groups *g);
/* All flow groups to the first @n threads, evenly, as few moves as that takes;
 * the others are parked. */
int host_cores(struct host *h, u32 n);
/* All flow groups of thread @i to the others that have some: it is parked; or
 * with @parked false, its share comes back. */
int host_park(struct host *h, u32 i, bool parked);
/* How many flow groups @thread has; the first @most of them. */
u32 host_count_groups(const struct host *h, u32 thread);
struct dp_groups host_groups_of(const struct host *h, u32 thread, u32 most);
/* Between two lives: what moves comes to its end. All threads have detached. */
void host_end_moves(struct host *h);

/* Packets were forwarded: wakes the other threads. */
void host_wake_others(struct host_thread *t);
/* ... and whoever drives a move that has got on. */
void host_move_got_on(struct host_thread *t);

/* Aborts the thread's connections. Harmless if done. */
void host_detach(struct host_thread *t);

/* While the application keeps the core: receives, acknowledges, retransmits
 * without it. Returns the ns until a timer is due; 0: more work waits. */
u64 host_overrun(struct host_thread *t);

/* Without an application, before it attaches or after dp_renew(): the same,
 * then blocks until a packet, a timer, or for @most ns. */
void host_serve(struct host_thread *t, u64 most);

/* Closes the thread's connections, each after what it has queued, and goes on
 * until that is done, at most @ns. host_detach() must follow. */
void host_linger(struct host_thread *t, u64 ns);

/* After host_stop(), when all threads have detached: ready for another
 * application, with fresh shared memory. The NIC has stayed open. 0 or
 * -errno. */
int host_renew(struct host *h);

/* Before the process ends: stops all threads, waits a moment for them to
 * leave, and ends those that do not. Called on any thread. */
void host_end_threads(struct host *h);

/* Asks all threads of the process to end. From any thread or signal. */
void host_stop(void);
bool host_stopping(void);

/* SIGINT and SIGTERM call host_stop(), unless the program handles or ignores
 * them; the second one kills. */
void host_catch_signals(void);

/* ---- inside */

/* Receive and transmit buffers of one thread, in h->mem.frames. */
static inline size_t host_frames_len(const struct host *h)
{
	return (size_t)h->conf.dp.mbufs * MBUF_SIZE;
}

static inline u8 *host_frames(const struct host *h, u32 thread)
{
	return h->mem.frames.base + thread * host_frames_len(h);
}

/* host.c: the calling thread to @core. 0 or -errno. */
int host_pin(u32 core);

/* memory.c: checked, mapped, resident; -EINTR: a signal that the domain blocks
 * has come meanwhile. */
int host_open_memory(struct host *h, const struct host_domain *domain,
		     char *why, size_t why_len);
/* ... shared memory of which nobody else has a part. 0 or -errno. */
int host_renew_memory(struct host *h);

/* thread.c: the counter page says whose each flow group is. */
void host_publish_groups(struct host_thread *t);

/* ... bytes of t->mem. */
size_t host_thread_bytes(const struct conf *conf);

/* "WHAT: reason of @err" to @why; returns @err. */
int host_fail(int err, char *why, size_t why_len, const char *what);

/* The same about a file. */
int host_fail_at(int err, char *why, size_t why_len, const char *what,
		 const char *path);

/* Moves the calling thread to the elastic thread's core, so that what it
 * touches first lies near it. host_close_thread() also of a half open one. */
int host_open_thread(struct host *h, u32 i, const struct host_clock *clock,
		     char *why, size_t why_len);
void host_close_thread(struct host_thread *t);
/* On the elastic thread: its part of live settings. */
void host_configure(struct host_thread *t, const struct conf *conf);

/* run.c: what is told once of a core that others want, too. */
void host_shared_text(const struct host_thread *t, char *line, size_t len);

/* host.c: of @c, what is not memory. */
struct nic_config host_nic_config(const struct conf *c);

/* net.c: own address, gateway into conf->dp.net before the NIC is
 * opened; fixed neighbours afterwards. */
int host_address(struct conf *conf, char *why, size_t why_len);
int host_neighbours(struct host_thread *t, u64 now, char *why, size_t why_len);
/* On the elastic thread: fixed ones. 0; or -errno, and all is as before. */
int host_change_neighbours(struct dp *dp, const struct conf_arp *from,
			   const struct conf_arp *to, char *why,
			   size_t why_len);

/* link.c: what has become of the NIC's link since this was asked last, a line
 * to be told, or NULL. On the thread that calls host_read_neighbours(). When it
 * is gone, h->link.state, the dataplane is to end. */
const char *host_link_news(struct host *h);

/* With ports_only: what Linux knows of its neighbours, and that it is to find
 * out about those that we want to know: answers to ARP go to Linux. It may take
 * its time: elastic threads call host_read_neighbours() only if there is no
 * other thread that does. */
void host_read_neighbours(struct host *h);
/* What has been read, and announcements that the NIC has left to Linux; what is
 * wanted is left for host_read_neighbours(). Waits for nobody. */
void host_follow_neighbours(struct host_thread *t, u64 now);

#endif
