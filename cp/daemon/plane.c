/* SPDX-License-Identifier: MIT */
/*
 * One dataplane.
 *
 *	           wanted, all can be had             it serves
 *	  DOWN -------> ROOM -------> STARTS ----------------> UP
 *	   ^ \           cores are      |                      |
 *	   |  \ REFUSED  given back     | ends                 | ends
 *	   |   (again every second)     v                      |
 *	   |<-- not wanted -- WAITS <---+----------------------+
 *	   |                  (ever longer)                    | not wanted
 *	   +------- STOPS <------- DRAINS <--------------------+
 *	                         at most `drain`
 *
 *	FOUND: after us, somebody else looks: its lock is held.
 */
#include "cp/daemon/cpd.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	RETRY_MS = 1000,      /* of what was refused */
	ROOM_MS = 1000,	      /* for others to give cores back */
	BACKOFF_MIN_MS = 100, /* between an end and the next beginning */
	BACKOFF_MAX_MS = 30000,
	WORKED_MS = 10000, /* it did: the next end is a first one */
	GRACE_MS = 10000,  /* from SIGTERM to SIGKILL */
};

static const char *const names[PLANE_STATES] = {
	[PLANE_DOWN] = "down",	 [PLANE_REFUSED] = "refused",
	[PLANE_WAITS] = "waits", [PLANE_ROOM] = "waits for cores",
	[PLANE_FOUND] = "found", [PLANE_STARTS] = "starts",
	[PLANE_UP] = "up",	 [PLANE_DRAINS] = "drains",
	[PLANE_STOPS] = "stops",
};

const char *plane_state_name(enum plane_state s)
{
	return names[s];
}

static void enter(struct cpd *c, struct plane *p, enum plane_state s)
{
	p->state = s;
	p->since = c->now;
}

/* For people, once. */
static void say(const struct plane *p, const char *what)
{
	fprintf(stderr, "ixcpd: %s: %s%s%s\n", p->conf->name, what,
		p->why[0] ? ": " : "", p->why);
}

/* ---- which there are */

struct plane *plane_find(const struct cpd *c, const char *name)
{
	for (u32 i = 0; i < c->n; i++)
		if (!strcmp(c->plane[i]->conf->name, name))
			return c->plane[i];
	return NULL;
}

struct plane *plane_add(struct cpd *c, struct plane_conf *conf)
{
	struct plane *p = c->n < CPD_PLANES ? calloc(1, sizeof(*p)) : NULL;

	if (!p) {
		free(conf);
		return NULL;
	}
	p->conf = conf;
	p->pid_fd = p->lock_fd = p->ask.fd = p->drain.fd = -1;
	c->plane[c->n++] = p;
	return p;
}

void plane_remove(struct cpd *c, struct plane *p)
{
	u32 i = 0;

	while (c->plane[i] != p)
		i++;
	c->n--;
	memmove(&c->plane[i], &c->plane[i + 1], (c->n - i) * sizeof(p));
	if (p->lock_fd >= 0)
		close(p->lock_fd);
	free(p->conf);
	free(p);
}

static void declare(struct cpd *c, struct plane_conf *conf)
{
	struct plane *p = plane_find(c, conf->name);
	char name[CPD_NAME];

	if (p) {
		free(p->conf);
		p->conf = conf;
		p->declared = true;
		p->given = conf->policy;
		p->chose = 0;
		spawn_program(c, p);
		cores_change(c, p);
		return;
	}
	snprintf(name, sizeof(name), "%s", conf->name);
	p = plane_add(c, conf);
	if (!p) {
		fprintf(stderr,
			"ixcpd: %s: there is no room beside %u dataplanes: "
			"reload the settings when one has ended\n",
			name, c->n);
		return;
	}
	p->declared = true;
	spawn_program(c, p);
	p->given = conf->policy;
	p->chose = p->kept = spawn_kept_policy(c, p);
	if (p->chose)
		conf->policy = p->chose - 1;
	p->held = p->marked = spawn_marked(c, p);
	p->wanted = conf->start && !p->held;
}

/* "auto": all but the first. */
static void find_cores(struct conf_cores *cores)
{
	cpu_set_t set;

	if (cores->n || sched_getaffinity(0, sizeof(set), &set))
		return;
	for (u32 i = 0, seen = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set) && seen++ && cores->n < IX_MAX_THREADS)
			cores->core[cores->n++] = (u16)i;
}

/* Whoever asks for it is told; who administers it is to know before. */
static void tell_of_rights(const struct cpd *c)
{
	struct conf_err e;

	for (u32 i = 0; i < c->conf->nrules; i++)
		if (rule_check_rights(c->conf->rule[i], &e))
			fprintf(stderr, "ixcpd: rule %s\n", e.text);
}

int plane_declare(struct cpd *c, struct conf_err *e)
{
	struct cpd_conf *conf;
	int err = cpd_conf_read(&conf, c->path, e);

	if (err)
		return err;
	if (background_is_ours(conf->background)) {
		err = conf_error(e, -EINVAL, "background: ixcpd is in %s",
				 conf->background);
		cpd_conf_free(conf);
		return err;
	}
	find_cores(&conf->cores);
	for (u32 i = 0; i < c->n; i++)
		c->plane[i]->declared = false;
	for (u32 i = 0; i < conf->nplanes; i++)
		declare(c, conf->plane[i]);
	conf->nplanes = 0; /* whose they are now */
	if (c->conf) {
		if (strcmp(c->conf->background, conf->background))
			background_leave(c);
		cpd_conf_free(c->conf);
	}
	c->conf = conf;
	for (u32 i = 0; i < c->n; i++)
		if (c->plane[i]->granted)
			grant_change(c, c->plane[i]);
	tell_of_rights(c);
	return 0;
}

/* ---- begin */

static struct claim claim_of(const struct plane *p)
{
	u32 n = p->running.cores.n;

	return (struct claim){
		.name = p->conf->name,
		.pid = p->pid,
		.conf = &p->running,
		.min_cores = p->fixed || !p->conf->min_cores
				     ? n
				     : min(p->conf->min_cores, n),
		.threads = n,
		.memory = p->memory,
		.owner = p->granted ? p->conf->owner : NULL,
		.ends = p->granted && grant_ends(p),
		.may_succeed = p->may_succeed,
		.huge = p->huge,
	};
}

u32 plane_claims_beside(const struct cpd *c, const struct plane *p,
			struct claim out[CPD_PLANES])
{
	u32 n = 0;

	for (u32 i = 0; i < c->n; i++)
		if (c->plane[i] != p && plane_claims(c->plane[i]))
			out[n++] = claim_of(c->plane[i]);
	return n;
}

static u64 machine_memory(const struct cpd *c)
{
	u64 pages = (u64)sysconf(_SC_PHYS_PAGES);

	return c->conf->memory ? c->conf->memory
			       : pages * (u64)sysconf(_SC_PAGESIZE) / 4 * 3;
}

/* Who has not asked for them leaves them to who has. */
static void choose_pages(struct plane *p)
{
	if (p->running.pages == PAGES_AUTO)
		p->running.pages = PAGES_TRANSPARENT;
}

int plane_claim(struct cpd *c, struct plane *p)
{
	struct claim others[CPD_PLANES];
	struct claim_limits l = { &c->conf->cores, machine_memory(c) };
	struct claim own;
	struct conf_err e;
	int err;
	u32 n;

	p->running = p->conf->ix;
	snprintf(p->running.stat_dir, sizeof(p->running.stat_dir), "%.255s",
		 c->dir);
	p->memory = p->conf->memory
			    ? p->conf->memory
			    : plane_memory(&p->running, p->conf->max_cores);
	choose_pages(p);
	p->fixed = false;
	own = claim_of(p);
	own.min_cores = p->conf->min_cores;
	own.threads = p->conf->max_cores;
	n = plane_claims_beside(c, p, others);
	err = claim_check(&own, others, n, &l, &e);
	if (!err)
		err = claim_cores(&own, p->conf->max_cores, others, n, &l,
				  &p->running.cores, &e);
	if (err)
		snprintf(p->why, sizeof(p->why), "%.250s", e.text);
	return err;
}

static void refuse(struct cpd *c, struct plane *p)
{
	if (p->state != PLANE_REFUSED)
		say(p, "refused");
	enter(c, p, PLANE_REFUSED);
	p->due = c->now + RETRY_MS * (u64)CPD_MS;
}

void plane_watch(struct cpd *c, const struct plane *p)
{
	struct epoll_event e = { .events = EPOLLIN };

	epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, p->pid_fd, &e);
}

static void launch(struct cpd *c, struct plane *p)
{
	int err;

	if (!cores_are_free(c, p) && c->now - p->since < ROOM_MS * (u64)CPD_MS)
		return;
	err = spawn(c, p);
	if (!err && p->pid_fd < 0)
		err = -errno;
	if (err) {
		snprintf(p->why, sizeof(p->why), "%s", strerror(-err));
		refuse(c, p);
		return;
	}
	p->why[0] = 0;
	enter(c, p, PLANE_STARTS);
	plane_watch(c, p);
	huge_say(c, p);
}

static void begin(struct cpd *c, struct plane *p)
{
	int err = spawn_lock(c, p);

	if (err == -EBUSY) {
		enter(c, p, PLANE_FOUND);
		return;
	}
	if (err)
		snprintf(p->why, sizeof(p->why), "lock: %s", strerror(-err));
	else
		err = plane_claim(c, p);
	if (!err)
		err = huge_claim(c, p);
	if (err) {
		refuse(c, p);
		return;
	}
	enter(c, p, PLANE_ROOM);
	launch(c, p);
}

/* ---- found again */

static void take_up(struct cpd *c, struct plane *p)
{
	if (spawn_settings(c, p) || !p->running.cores.n)
		p->running = p->conf->ix;
	p->memory = p->conf->memory
			    ? p->conf->memory
			    : plane_memory(&p->running, p->running.cores.n);
	p->huge = plane_huge_pages(&p->running, p->running.cores.n);
	enter(c, p, PLANE_STARTS);
	plane_watch(c, p);
	say(p, "found again");
}

static void look(struct cpd *c, struct plane *p)
{
	switch (spawn_find(c, p)) {
	case 0:
		take_up(c, p);
		break;
	case -ESRCH:
		enter(c, p, PLANE_DOWN);
		break;
	}
}

/* ---- end */

static void stop(struct cpd *c, struct plane *p)
{
	syscall(SYS_pidfd_send_signal, p->pid_fd, SIGTERM, NULL, 0);
	p->due = c->now + GRACE_MS * (u64)CPD_MS;
	cores_end(p);
	enter(c, p, PLANE_STOPS);
}

/* Without its counters there is no end to be seen. */
static void drain(struct cpd *c, struct plane *p)
{
	if (!p->conf->drain_ms || !p->sampler.n ||
	    plane_ask_drain(&p->drain, c->dir, p->pid, c->now)) {
		stop(c, p);
		return;
	}
	p->due = c->now + p->conf->drain_ms * (u64)CPD_MS;
	enter(c, p, PLANE_DRAINS);
}

/* Its answer says that it does; who cannot is ended at once. */
static void drains(struct cpd *c, struct plane *p)
{
	int err = p->drain.fd >= 0 ? plane_ask_answer(&p->drain, p->why,
						      sizeof(p->why), c->now)
				   : 0;

	if (err == -EAGAIN)
		return;
	plane_ask_close(&p->drain);
	if (err)
		say(p, "is not drained");
	if (err || !sampler_conns(&p->sampler) || c->now >= p->due)
		stop(c, p);
}

static void insist(struct cpd *c, struct plane *p)
{
	if (c->now < p->due)
		return;
	syscall(SYS_pidfd_send_signal, p->pid_fd, SIGKILL, NULL, 0);
	p->due = c->now + GRACE_MS * (u64)CPD_MS;
}

/* How it ended, if it was our child. */
static void describe_end(struct plane *p)
{
	siginfo_t si = { 0 };

	if (waitid((idtype_t)P_PIDFD, (id_t)p->pid_fd, &si,
		   WEXITED | WNOHANG) ||
	    !si.si_pid)
		snprintf(p->why, sizeof(p->why), "ended");
	else if (si.si_code == CLD_EXITED)
		snprintf(p->why, sizeof(p->why), "ended with status %d",
			 si.si_status);
	else
		snprintf(p->why, sizeof(p->why), "ended by signal %d (%s)",
			 si.si_status, strsignal(si.si_status));
}

void plane_ended(struct cpd *c, struct plane *p)
{
	u64 lived = c->now - p->since;
	bool asked = p->state == PLANE_STOPS || p->state == PLANE_DRAINS;

	describe_end(p);
	plane_ask_close(&p->drain);
	cores_end(p);
	close(p->pid_fd);
	p->pid_fd = -1;
	p->pid = 0;
	if (asked || lived > WORKED_MS * (u64)CPD_MS)
		p->backoff = 0;
	p->backoff =
		asked ? 0
		      : min(max(2 * p->backoff, BACKOFF_MIN_MS * (u64)CPD_MS),
			    BACKOFF_MAX_MS * (u64)CPD_MS);
	p->due = c->now + p->backoff;
	if (asked)
		p->why[0] = 0;
	say(p, asked ? "stopped" : "failed");
	p->again = false;
	enter(c, p, p->wanted ? PLANE_WAITS : PLANE_DOWN);
}

/* ---- what is due */

static void serves(struct cpd *c, struct plane *p)
{
	if (!sampler_ready(c->dir, p->pid))
		return;
	enter(c, p, PLANE_UP);
	cores_begin(c, p);
	say(p, "up");
}

void plane_step(struct cpd *c, struct plane *p)
{
	bool wanted;

	/* What runs goes on, but does not begin again. */
	if (!p->declared && !plane_runs(p) && p->state != PLANE_FOUND)
		p->wanted = false;
	wanted = p->wanted && !p->again;
	if (p->marked != p->held)
		spawn_mark(c, p, p->held);
	if (p->kept != p->chose)
		spawn_keep_policy(c, p);
	switch (p->state) {
	case PLANE_REFUSED:
	case PLANE_WAITS:
		if (!p->wanted)
			enter(c, p, PLANE_DOWN);
		else if (c->now >= p->due)
			begin(c, p);
		break;
	case PLANE_DOWN:
		if (p->wanted)
			begin(c, p);
		break;
	case PLANE_ROOM:
		if (p->wanted)
			launch(c, p);
		else
			enter(c, p, PLANE_DOWN);
		break;
	case PLANE_FOUND:
		look(c, p);
		break;
	case PLANE_STARTS:
		if (wanted)
			serves(c, p);
		else
			stop(c, p);
		break;
	case PLANE_UP:
		if (!wanted)
			drain(c, p);
		break;
	case PLANE_DRAINS:
		drains(c, p);
		break;
	case PLANE_STOPS:
		insist(c, p);
		break;
	default:
		break;
	}
}
