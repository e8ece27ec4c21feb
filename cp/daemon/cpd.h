/* SPDX-License-Identifier: MIT */
/*
 * ixcpd: starts, watches and restarts dataplanes, and shares the cores out
 * among them. One thread; all state is in struct cpd.
 *
 *   main.c        arguments, signals, the loop
 *   settings.c    /etc/ix/ixcpd.conf
 *   claim.c       who has what of the machine
 *   plane.c       one dataplane: started, up, stopped, started again
 *   spawn.c       ... its process: begun, and found again by who comes after us
 *   sample.c      ... its counters, as a policy wants them
 *   plane_ask.c   ... its control socket
 *   cores.c       policies and shares, carried out
 *   grant.c       what users have, without rights, for dataplanes of their own
 *   rule.c        ... as rules say
 *   heard.c       ... what those have to do
 *   background.c  what cores are left
 *   freq.c        how fast they are
 *   huge.c        huge pages: how many there are
 *   verb.c        requests of /run/ix/ixcpd.sock
 *
 * Files, in the directory DIR (/run/ix), where counter pages are, too:
 *
 *   DIR/ixcpd.sock       requests
 *   DIR/ixcpd/lock       of the daemon: there is one
 *   DIR/ixcpd/NAME.lock  its lock is held by who runs as NAME: by us while
 *                        nobody does; else by the dataplane alone, whose pid is
 *                        in it. So the kernel knows, and nobody else need
 *                        remember, whether a dataplane runs
 *   DIR/ixcpd/NAME.user  it is a user's own, who is in it, and since when. Its
 *                        lock is held by the keeper of its NIC
 *   DIR/ixcpd/NAME.conf  settings that it was started with
 *   DIR/ixcpd/NAME.program
 *                        ... what its owner chose, if he may: arguments, each
 *                        with a zero behind
 *   DIR/ixcpd/NAME.down  it was stopped, and is not to be started by itself
 *   DIR/ixcpd/NAME.policy
 *                        what its cores follow, where somebody has chosen
 */
#ifndef CP_DAEMON_CPD_H
#define CP_DAEMON_CPD_H

#include <cjson/cJSON.h>
#include <limits.h>

#include "cp/daemon/claim.h"
#include "dom/host/lines.h"
#include "dom/host/load.h"
#include "dom/host/statfile.h"

enum {
	CPD_PATH = 512,
	CPD_MS = 1000000, /* ns */
	CPD_SAMPLE_MS = 10,
	CPD_CALM_MS = 20, /* while nobody whose cores follow has much to do */
	CPD_REFUSALS = 5, /* in a row: it cannot change its cores */
};

/* ---- plane_ask.c: one request at a time, waited for by nobody */

enum { ASK_ANSWER = 1024 };

struct plane_ask {
	int fd;		  /* -1: nothing is asked */
	const char *what; /* is, for people */
	u64 deadline;
	u32 n;
	char in[ASK_ANSWER];
};

/* Asks the dataplane @pid to run on its first @cores cores. 0 or -errno. */
int plane_ask_cores(struct plane_ask *a, const char *dir, pid_t pid, u32 cores,
		    u64 now);
/* ... to take no new connections. */
int plane_ask_drain(struct plane_ask *a, const char *dir, pid_t pid, u64 now);
/* What has come: 0, done; -EAGAIN, not yet; or -errno with the reason in
 * @why. */
int plane_ask_answer(struct plane_ask *a, char *why, size_t why_len, u64 now);
void plane_ask_close(struct plane_ask *a);

/* ---- sample.c */

/* Of a thread. */
struct sample {
	int fd; /* of its page */
	struct load_mark mark;
};

struct sampler {
	u32 n;
	u64 at; /* ns */
	struct sample thread[IX_MAX_THREADS];
};

/* The pages of the @n threads of process @pid in @dir. 0 or -errno. */
int sampler_open(struct sampler *s, const char *dir, pid_t pid, u32 n, u64 now);
/* The interval since the last call, of the first @n threads. */
void sampler_take(struct sampler *s, u32 n, u64 now, struct policy_load *l);
void sampler_close(struct sampler *s);
/* Connections that there are now, TIME-WAIT excluded. */
u64 sampler_conns(const struct sampler *s);
/* Has the dataplane @pid said that it serves? */
bool sampler_ready(const char *dir, pid_t pid);

/* ---- plane.c */

enum plane_state {
	PLANE_DOWN,
	PLANE_REFUSED, /* what it needs is another's */
	PLANE_WAITS,   /* it has ended; begins again at `due` */
	PLANE_ROOM,    /* others give cores back for it */
	PLANE_FOUND,   /* somebody holds its lock; who, will be known soon */
	PLANE_STARTS,  /* a process that does not serve yet */
	PLANE_UP,
	PLANE_DRAINS, /* its connections come to their end */
	PLANE_STOPS,
	PLANE_STATES
};

struct plane {
	struct plane_conf *conf; /* as declared now */
	bool declared;		 /* false: no longer */
	bool wanted;
	bool held;	  /* stopped by somebody: not started by itself */
	bool marked;	  /* ... and there is a NAME.down that says so */
	bool again;	  /* stopped to be started */
	bool granted;	  /* a user's: grant.c */
	bool may_succeed; /* ... who wants it to succeed another one */
	enum plane_state state;
	u8 given; /* policy of the settings */
	u8 chose; /* ... + 1, that somebody has chosen instead; 0: nobody */
	u8 kept;  /* ... and that NAME.policy says */
	char why[256]; /* what went wrong last */

	/* what runs, or is about to */
	struct conf running; /* settings, cores included */
	u64 memory;
	u32 huge; /* pages */
	pid_t pid;
	int pid_fd, lock_fd;	 /* -1: none */
	u64 since, due, backoff; /* ns */
	u32 starts;

	/* its cores */
	u32 has;     /* threads that run */
	u32 asked;   /* ... are to, and may by now; 0: nothing is asked */
	bool told;   /* ... for sure: not one found again */
	u32 wants;   /* by its policy */
	u32 khz;     /* ... of each; 0: what they can */
	bool fixed;  /* it cannot change that */
	u32 refused; /* times in a row */
	u64 ask_at;  /* ns: not before */
	struct policy policy;
	struct policy_load load;
	struct sampler sampler;
	struct plane_ask ask;
	struct plane_ask drain; /* PLANE_DRAINS: that it is to */

	/* a user's says by itself what it has to do, and is answered: heard.c
	 */
	u64 heard_at; /* ns */
	u64 ask_by;   /* ns: until when it has to say that it does as asked */
};

struct cpd {
	struct cpd_conf *conf;
	const char *path; /* of the settings */
	char dir[CPD_PATH];
	int dir_fd; /* DIR/ixcpd */
	int lock_fd, epoll_fd, signal_fd;
	struct lines lines;
	u64 now; /* ns */
	u64 sampled_at;
	bool leaving;
	u32 n;
	struct plane *plane[CPD_PLANES];
	struct core_set background; /* what it was to be given last, */
	bool tried, gave;	    /* if anything; and was */
	bool paces;		    /* somebody wants cores slow */
	u32 paced[POLICY_CORES];    /* kHz + 1, 1: all it can; 0: not known */
};

/* A new one of @conf, which becomes its own. NULL: no room. */
struct plane *plane_add(struct cpd *c, struct plane_conf *conf);
struct plane *plane_find(const struct cpd *c, const char *name);
/* Frees it; its process, if there is one, is nobody's. */
void plane_remove(struct cpd *c, struct plane *p);
/* Reads the settings and declares what they say; what runs goes on. 0, or
 * -errno with the reason in @e: nothing has changed. */
int plane_declare(struct cpd *c, struct conf_err *e);

/* Is there a process? */
static inline bool plane_runs(const struct plane *p)
{
	return p->state >= PLANE_STARTS;
}

/* Does it have its cores and all else? */
static inline bool plane_claims(const struct plane *p)
{
	return p->state >= PLANE_ROOM && p->state != PLANE_FOUND;
}

/* Everything that it is to have, p->conf->ix, to p->running, if nobody has it;
 * huge pages apart. 0, or -errno with the reason in p->why. */
int plane_claim(struct cpd *c, struct plane *p);
/* All that others than @p have; how many. */
u32 plane_claims_beside(const struct cpd *c, const struct plane *p,
			struct claim out[CPD_PLANES]);
/* The loop goes round when its process ends. */
void plane_watch(struct cpd *c, const struct plane *p);

const char *plane_state_name(enum plane_state s);

/* Whatever is due. */
void plane_step(struct cpd *c, struct plane *p);
/* Its process has ended. */
void plane_ended(struct cpd *c, struct plane *p);

/* ---- spawn.c */

/* Takes NAME.lock: 0, it is ours, and nobody runs as NAME; -EBUSY: somebody
 * does; or -errno. */
int spawn_lock(const struct cpd *c, struct plane *p);
/* Who holds it: p->pid and p->pid_fd. -EAGAIN: not known yet; -ESRCH: nobody
 * any more, and the lock is ours. */
int spawn_find(const struct cpd *c, struct plane *p);
/* Begins p->running under the lock, which goes to the new process. 0 or
 * -errno. */
int spawn(const struct cpd *c, struct plane *p);
/* "NAME.@suffix" */
void spawn_file(const struct plane *p, const char *suffix, char out[64]);
/* p->running to NAME.conf. 0 or -errno. */
int spawn_write_settings(const struct cpd *c, const struct plane *p);
/* The ix command: its path, and 0, or -errno if it cannot be run. */
int spawn_find_ix(const struct cpd *c, char out[PATH_MAX]);
/* What NAME.conf says, to p->running. 0 or -errno. */
int spawn_settings(const struct cpd *c, struct plane *p);
/* NAME.program: to p->conf, if there is one and its owner may choose. */
void spawn_program(const struct cpd *c, struct plane *p);
/* Planes for all locks that are held, declared or not. */
void spawn_find_all(struct cpd *c);
/* NAME.down: made, or removed. */
void spawn_mark(const struct cpd *c, struct plane *p, bool down);
bool spawn_marked(const struct cpd *c, const struct plane *p);
/* NAME.policy: what p->chose says, or removed. */
void spawn_keep_policy(const struct cpd *c, struct plane *p);
/* What it says, as p->chose. */
u8 spawn_kept_policy(const struct cpd *c, const struct plane *p);

/* ---- rule.c */

/* What somebody asks for. */
struct wish {
	const struct lines_peer *peer;
	u32 threads; /* 0: as many as may be */
	struct conf conf;
};

/* By which @p was granted: RULE-N is a dataplane's. NULL: it is no more. */
const struct rule *rule_of(const struct cpd *c, const struct plane *p);
bool rule_is_for(const struct rule *r, const struct lines_peer *peer);
/* "tap:NAME" is enough to name a device whose address the rule has. */
bool rule_has_nic(const struct rule *r, const char *nic);
/* Can we grant anything by it? 0, or -ENOTSUP with the reason in @e. */
int rule_check_rights(const struct rule *r, struct conf_err *e);
/* Does it grant all of @w, which is made as it is to be had? 0, or -errno with
 * what it does not in @e. */
int rule_check(const struct rule *r, struct wish *w, struct conf_err *e);

/* ---- grant.c */

/* What @settings ask for on @threads cores (0: as many as may be) is given to
 * @peer, if a rule says so: his connection is a keeper's then, 0. Or -errno
 * with the reason in @e: -EAGAIN, perhaps soon. */
int grant_open(struct cpd *c, const struct lines_peer *peer, u32 threads,
	       const cJSON *settings, struct conf_err *e);
/* Has its process ended, or is it to? */
bool grant_ends(const struct plane *p);
/* Whatever is due. False: it is over. */
bool grant_step(struct cpd *c, struct plane *p);
/* Its lock was found: is it one of those? */
void grant_find(const struct cpd *c, struct plane *p);
/* Its lock is nobody's: removes devices that were made for it. */
void grant_sweep(const struct cpd *c, struct plane *p);
/* The rules have changed. */
void grant_change(struct cpd *c, struct plane *p);

/* ---- heard.c */

/* A user's dataplane runs on as many cores as @l has threads, and what they
 * have had to do is that. It may lie. */
void heard_load(struct cpd *c, struct plane *p, const struct policy_load *l);
/* How many it is to run on, 0: as it is; and ms until it is to say more. */
u32 heard_cores(const struct plane *p, u32 *ms);
/* It is to run on @cores: it will hear when it says something. */
void heard_ask(struct cpd *c, struct plane *p, u32 cores);
/* Whatever is due. */
void heard_step(struct cpd *c, struct plane *p);

/* ---- cores.c */

/* May @p begin, or do others run on the cores that it is sure of? */
bool cores_are_free(const struct cpd *c, const struct plane *p);
/* It is up: with all of its threads, until it is told otherwise. */
void cores_begin(struct cpd *c, struct plane *p);
void cores_end(struct plane *p);
/* Its cores follow its load from now on. */
void cores_follow(struct cpd *c, struct plane *p);
/* Do they? */
bool cores_follows(const struct plane *p);
/* Threads that run, or are about to. */
u32 cores_occupied(const struct plane *p);
/* It has not done what was asked, for the reason @why. */
void cores_refused(struct cpd *c, struct plane *p, const char *why);
/* p->load is of now: what its policy says, and what that comes to for all. */
void cores_decide(struct cpd *c, struct plane *p);
/* The settings have changed. */
void cores_change(struct cpd *c, struct plane *p);
/* Once an interval: counters, policies, shares, and what they come to. */
void cores_step(struct cpd *c);
/* Does anybody's number of cores follow its load? Then ms between two looks,
 * else 0. */
u32 cores_pace(const struct cpd *c);

/* "2-4,7" */
void cores_print(const struct core_set *s, char *out, size_t len);
/* Those that may be given away, and nobody has. */
struct core_set cores_free(const struct cpd *c);

/* ---- background.c */

/* Gives @free to the background group, if they have changed; if there is none,
 * what dataplanes may not have; it is stopped if that is none, too. */
void background_give(struct cpd *c, const struct core_set *free);

/* The settings have another group, or none: this one is not stopped for ever. */
void background_leave(struct cpd *c);

/* The daemon ends, its dataplanes do not: says what becomes of the group. */
void background_end(const struct cpd *c);

/* Is the daemon in the group @dir, or in one below it? Then it would stop itself. */
bool background_is_ours(const char *dir);

/* ---- freq.c */

/* Frequencies of @core, ascending: how many, 0 if it has none to choose. */
u32 freq_list(const struct cpd *c, u32 core, u32 khz[POLICY_FREQS]);
/* Each core's, by its number; 0: as fast as it can. */
void freq_give(struct cpd *c, const u32 khz[POLICY_CORES]);

/* ---- huge.c */

/* Those of p->running, to p->huge, if nobody has them. 0; -EBUSY or -EAGAIN
 * with the reason in p->why. */
int huge_claim(const struct cpd *c, struct plane *p);
/* Those that nobody has, and *@total. */
u64 huge_left(const struct cpd *c, u64 *total);
/* How many a process has touched, as @status says, a file of /proc. */
u32 huge_in_status(const char *status);
/* What @p has been given, for people. */
void huge_say(const struct cpd *c, const struct plane *p);

/* ---- verb.c */

bool verb_trusts(void *cpd, uid_t uid);
/* Is user @uid one of @list, by name or number? */
bool verb_named(const char *list, uid_t uid);
char *verb_answer(void *cpd, const struct lines_peer *peer, const char *line,
		  size_t len, struct lines_fds *pass);

#endif
