/* SPDX-License-Identifier: MIT */
/*
 * Dataplanes that users run themselves, with a NIC that they may not open.
 *
 *	user's ix run                 we               ix keep, root
 *	open ... ---- connection ---> rule? claims?
 *	                              fork ----------> has it from now on, and
 *	queues  <------------------------------------- NAME.lock
 *
 * What it has, it has as long as both the user's process and the keeper live:
 * neither needs us. We know by the lock, like those who come after us.
 */
#include "cp/daemon/cpd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pid_libc.h"
#include "dom/host/grant_conf.h"
#include "nic/link_mark.h"

enum {
	GRACE_MS = 10000,  /* from SIGTERM to SIGKILL */
	LOOK_MS = 1000,	   /* between two looks for the keeper */
	SHORTEST_MS = 500, /* that one takes its place: opening costs us time */
};

/* ---- who asks */

/* A number is the process's only as long as that lives: its user is looked at
 * when we have hold of it. -1: it is not he who asks, or not from here. */
static int hold_process(const struct lines_peer *peer, struct conf_err *e)
{
	int fd = (int)syscall(SYS_pidfd_open, peer->pid, 0);
	struct pid_users users;
	struct stat own, his;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)peer->pid);
	if (fd < 0 || !pid_users(peer->pid, &users) ||
	    users.effective != peer->uid || stat("/proc/self/ns/net", &own) ||
	    stat(path, &his))
		conf_error(e, -ESRCH, "who asks has ended");
	else if (own.st_ino != his.st_ino)
		conf_error(e, -EXDEV, "ixcpd is in another network namespace");
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* ---- a dataplane of it */

/* The kernel knows whether it has a keeper. */
static bool is_kept(const struct cpd *c, struct plane *p)
{
	return p->state != PLANE_DOWN && spawn_lock(c, p) == -EBUSY;
}

/* It has ended, and somebody keeps what it had: for as long as he likes. */
static bool is_stuck(const struct cpd *c, const struct plane *p)
{
	return p->state == PLANE_STOPS && c->now >= p->due;
}

/* ... and gives it back about now. */
static bool is_over(const struct cpd *c, struct plane *p)
{
	return !is_stuck(c, p) && (p->state != PLANE_UP || !is_kept(c, p));
}

/* One user is to leave something to the others. 0, -EBUSY: he has his part;
 * -EAGAIN: but not for long. */
static int check_part(const struct cpd *c, const struct rule *r, uid_t uid,
		      struct conf_err *e)
{
	int err = -EBUSY;
	char user[16];
	u32 n = 0;

	snprintf(user, sizeof(user), "%u", uid);
	for (u32 i = 0; i < c->n; i++) {
		struct plane *p = c->plane[i];

		if (!p->granted || rule_of(c, p) != r ||
		    strcmp(p->conf->owner, user))
			continue;
		n++;
		if (is_over(c, p))
			err = -EAGAIN;
	}
	if (!r->each || n < r->each)
		return 0;
	return conf_error(e, err,
			  "%s grants one user %u at a time, which run already",
			  r->name, r->each);
}

/* The first that nobody runs as, to *@out. 0, -EBUSY: there is none; -EAGAIN:
 * but soon. */
static int new_plane(struct cpd *c, const struct rule *r, struct plane **out,
		     struct conf_err *e)
{
	int err = -EBUSY;

	for (u32 i = 1; i <= r->dataplanes; i++) {
		struct plane_conf *conf = calloc(1, sizeof(*conf));
		struct plane *p;

		if (!conf)
			break;
		snprintf(conf->name, sizeof(conf->name), "%s-%u", r->name, i);
		p = plane_find(c, conf->name);
		if (p) {
			if (is_over(c, p))
				err = -EAGAIN;
			free(conf);
			continue;
		}
		p = *out = plane_add(c, conf);
		if (!p)
			return conf_error(e, -EBUSY,
					  "ixcpd has %u dataplanes, and room "
					  "for no more",
					  c->n);
		if (!spawn_lock(c, p))
			return 0;
		plane_remove(c, p);
		err = -EAGAIN;
	}
	return conf_error(e, err, "%s grants %u at a time, which run already",
			  r->name, r->dataplanes);
}

/* From queue @q on, if they are listed and can be had. */
static int claim_from(struct cpd *c, struct plane *p, const struct rule *r,
		      u32 q)
{
	for (u32 i = 0; i < p->conf->max_cores; i++)
		if (!rule_lists(r->queues, q + i))
			return -EBUSY;
	p->conf->ix.nic_queue = q;
	return plane_claim(c, p);
}

/* Those of another one of his, whose successor it is to be. */
static int claim_successor(struct cpd *c, struct plane *p, const struct rule *r)
{
	int err = -EBUSY;

	for (u32 i = 0; i < c->n && err; i++) {
		const struct plane *o = c->plane[i];

		if (o == p || !o->granted || rule_of(c, o) != r ||
		    strcmp(o->conf->owner, p->conf->owner))
			continue;
		err = claim_from(c, p, r, o->running.nic_queue);
	}
	return err;
}

/* Queues beside others: the first that are listed, and free. */
static int claim_queues(struct cpd *c, struct plane *p, const struct rule *r)
{
	int err = -EBUSY;

	snprintf(p->why, sizeof(p->why), "%s has no queues for %u cores",
		 r->name, p->conf->max_cores);
	p->conf->ix.nic_shared = true;
	if (p->may_succeed && !claim_successor(c, p, r))
		return 0;
	for (u32 q = 0; q < 64 && err; q++)
		err = claim_from(c, p, r, q);
	return err;
}

static bool ended(const struct plane *p)
{
	struct pollfd f = { .fd = p->pid_fd, .events = POLLIN };

	return p->pid_fd >= 0 && poll(&f, 1, 0) == 1;
}

bool grant_ends(const struct plane *p)
{
	return p->state == PLANE_STOPS || ended(p);
}

/* Does a user's dataplane give back what it has, about now? */
static bool one_ends(const struct cpd *c)
{
	for (u32 i = 0; i < c->n; i++) {
		const struct plane *p = c->plane[i];

		if (p->granted && !is_stuck(c, p) && grant_ends(p))
			return true;
	}
	return false;
}

/* How its cores follow its load. */
static void set_policy(struct plane *p, const struct rule *r)
{
	p->conf->max_cores = p->running.cores.n;
	p->conf->min_cores = min(r->min_cores, p->conf->max_cores);
	p->conf->latency_us = r->latency_us;
	p->conf->policy = r->policy;
	p->conf->priority = r->priority;
}

/* It begins on all that were asked for. */
static int claim(struct cpd *c, struct plane *p, const struct rule *r,
		 const struct wish *w, struct conf_err *e)
{
	int err;

	snprintf(p->conf->owner, sizeof(p->conf->owner), "%u", w->peer->uid);
	p->granted = true;
	p->conf->ix = w->conf;
	p->conf->ix.nic_queue = 0;
	p->may_succeed = w->conf.nic_shared;
	p->conf->min_cores = p->conf->max_cores = w->threads;
	err = r->queues[0] ? claim_queues(c, p, r) : plane_claim(c, p);
	if (!err)
		err = huge_claim(c, p);
	if (!err)
		set_policy(p, r);
	if (err && one_ends(c))
		err = -EAGAIN;
	return err ? conf_error(e, err, "%.250s", p->why) : 0;
}

/* ---- the keeper */

/* With when it began, by a clock that runs as long as the machine, and so at
 * least as long as its keeper. */
static int write_user(const struct cpd *c, const struct plane *p)
{
	char name[64], text[64];
	int fd, n = snprintf(text, sizeof(text), "%.15s %llu", p->conf->owner,
			     (unsigned long long)p->since);
	bool ok;

	spawn_file(p, "user", name);
	fd = openat(c->dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		    0644);
	ok = fd >= 0 && write(fd, text, (size_t)n) == n;
	if (fd >= 0)
		close(fd);
	return ok ? 0 : -errno;
}

static void remove_files(const struct cpd *c, const struct plane *p)
{
	static const char *const suffixes[] = { "user", "conf" };
	char name[64];

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		spawn_file(p, suffixes[i], name);
		unlinkat(c->dir_fd, name, 0);
	}
}

/* In a child of a child, which nobody need wait for. */
static _Noreturn void become(char **argv, const int fds[3])
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR);

	for (int i = 0; i < 3; i++)
		fcntl(fds[i], F_SETFD, 0);
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	execv(argv[0], argv);
	fprintf(stderr, "ixcpd: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static int start_keeper(const struct cpd *c, struct plane *p, int conn)
{
	const int fds[3] = { conn, p->pid_fd, p->lock_fd };
	char ix[PATH_MAX], settings[CPD_PATH + 80], text[3][16];
	char *argv[] = { ix,	  (char *)"keep", settings,	 text[0],
			 text[1], p->conf->owner, p->conf->name, NULL };
	int n = snprintf(text[2], sizeof(text[2]), "%d\n", (int)p->pid);
	pid_t child;

	spawn_find_ix(c, ix);
	snprintf(settings, sizeof(settings), "%s/ixcpd/%s.conf", c->dir,
		 p->conf->name);
	snprintf(text[0], sizeof(text[0]), "%d", conn);
	snprintf(text[1], sizeof(text[1]), "%d", p->pid_fd);
	if (ftruncate(p->lock_fd, 0) ||
	    pwrite(p->lock_fd, text[2], (size_t)n, 0) != n)
		return -EIO;
	fflush(NULL);
	child = fork();
	if (child < 0)
		return -errno;
	if (!child && fork())
		_exit(0);
	if (!child)
		become(argv, fds);
	waitpid(child, NULL, 0);
	close(p->lock_fd);
	p->lock_fd = -1;
	return 0;
}

static void say(const struct plane *p, const char *what)
{
	fprintf(stderr, "ixcpd: %s (user %s, process %d): %s\n", p->conf->name,
		p->conf->owner, (int)p->pid, what);
}

static int begin(struct cpd *c, struct plane *p, const struct lines_peer *peer,
		 struct conf_err *e)
{
	int err;

	p->fixed = p->wanted = true;
	p->pid = peer->pid;
	p->pid_fd = hold_process(peer, e);
	if (p->pid_fd < 0)
		return -ESRCH;
	p->has = p->wants = p->running.cores.n;
	p->since = c->now;
	err = spawn_write_settings(c, p);
	if (!err)
		err = write_user(c, p);
	if (!err)
		err = start_keeper(c, p, peer->fd);
	if (err)
		return conf_error(e, err, "starting a keeper: %s",
				  strerror(-err));
	p->state = PLANE_UP;
	p->due = c->now;
	plane_watch(c, p);
	say(p, "granted");
	huge_say(c, p);
	return 0;
}

static void forget(struct cpd *c, struct plane *p)
{
	remove_files(c, p);
	if (p->pid_fd >= 0)
		close(p->pid_fd);
	plane_remove(c, p);
}

void grant_change(struct cpd *c, struct plane *p)
{
	const struct rule *r = rule_of(c, p);

	if (!r)
		return;
	set_policy(p, r);
	cores_change(c, p);
}

/* ---- asked for */

static int grant(struct cpd *c, const struct rule *r, struct wish *w,
		 struct conf_err *e)
{
	struct plane *p = NULL;
	int err = rule_check(r, w, e);

	if (!err)
		err = conf_check(&w->conf, e);
	if (!err)
		err = rule_check_rights(r, e);
	if (!err)
		err = check_part(c, r, w->peer->uid, e);
	if (err)
		return err;
	err = new_plane(c, r, &p, e);
	if (err)
		return err;
	err = claim(c, p, r, w, e);
	if (!err)
		err = begin(c, p, w->peer, e);
	if (err)
		forget(c, p);
	return err;
}

/* Of several rules the first that can be had; else what is only another's
 * now is the better reason. */
int grant_open(struct cpd *c, const struct lines_peer *peer, u32 threads,
	       const cJSON *settings, struct conf_err *e)
{
	static struct wish asked, w;
	struct conf_err why;
	int err = -EPERM, reason = err;

	asked.peer = peer;
	asked.threads = threads;
	conf_init(&asked.conf);
	if (grant_apply(&asked.conf, settings, grant_asked, grant_nasked, e))
		return -EINVAL;
	conf_error(e, err, "no rule grants you %.200s", asked.conf.nic);
	for (u32 i = 0; i < c->conf->nrules && err; i++) {
		const struct rule *r = c->conf->rule[i];

		if (!rule_is_for(r, peer) || !rule_has_nic(r, asked.conf.nic))
			continue;
		w = asked;
		err = grant(c, r, &w, &why);
		if (reason == -EPERM) {
			reason = err;
			*e = why;
		}
	}
	return err ? reason : 0;
}

/* ---- while it runs */

static void signal_it(const struct plane *p, int sig)
{
	syscall(SYS_pidfd_send_signal, p->pid_fd, sig, NULL, 0);
}

static void enter(struct cpd *c, struct plane *p, enum plane_state s)
{
	p->state = s;
	p->due = c->now + (s == PLANE_STOPS ? GRACE_MS : 0) * (u64)CPD_MS;
}

/* What a keeper has left who was killed, and somebody has made stay. The lock
 * has to be ours: then it is nobody's. */
void grant_sweep(const struct cpd *c, struct plane *p)
{
	char name[64], mark[LINK_MARK];
	int n = 0;

	spawn_file(p, "lock", name);
	if (!spawn_lock(c, p) && !link_mark_of(c->dir_fd, name, mark))
		n = link_sweep(mark);
	if (n > 0)
		fprintf(stderr,
			"ixcpd: %s: %d devices removed, whose keeper was "
			"killed\n",
			p->conf->name, n);
}

static void take_up(struct cpd *c, struct plane *p)
{
	int err = spawn_find(c, p);

	if (err == -ESRCH) {
		grant_sweep(c, p);
		enter(c, p, PLANE_DOWN);
	}
	if (err)
		return;
	if (spawn_settings(c, p))
		say(p, "its settings cannot be read");
	p->memory = plane_memory(&p->running, p->running.cores.n);
	p->huge = plane_huge_pages(&p->running, p->running.cores.n);
	p->has = p->wants = p->running.cores.n;
	p->fixed = true;
	grant_change(c, p);
	enter(c, p, PLANE_UP);
	plane_watch(c, p);
	say(p, "found again");
}

static void look(struct cpd *c, struct plane *p)
{
	if (ended(p)) {
		close(p->pid_fd);
		p->pid_fd = -1;
		enter(c, p, PLANE_STOPS);
	}
	if (p->state == PLANE_UP && !p->wanted) {
		signal_it(p, SIGTERM);
		enter(c, p, PLANE_STOPS);
	}
	if (p->pid_fd >= 0 && p->state == PLANE_STOPS && c->now >= p->due)
		signal_it(p, SIGKILL);
	/* While all is well not each time. */
	if (p->state == PLANE_UP && c->now < p->due)
		return;
	if (p->state == PLANE_UP)
		p->due = c->now + LOOK_MS * (u64)CPD_MS;
	if (is_kept(c, p))
		return;
	grant_sweep(c, p);
	say(p, "given back");
	enter(c, p, PLANE_DOWN);
}

bool grant_step(struct cpd *c, struct plane *p)
{
	if (p->state == PLANE_FOUND)
		take_up(c, p);
	else if (p->state != PLANE_DOWN)
		look(c, p);
	if (p->state != PLANE_DOWN ||
	    c->now - p->since < SHORTEST_MS * (u64)CPD_MS)
		return true;
	forget(c, p);
	return false;
}

/* An older daemon has written no time; and none is after now. */
static u64 since(const char *text, u64 now)
{
	char *end = NULL;
	u64 at = text ? strtoull(text, &end, 10) : 0;

	return end == text || *end ? now : min(at, now);
}

void grant_find(const struct cpd *c, struct plane *p)
{
	char name[64], text[64], *began = text;
	ssize_t n = -1;
	int fd;

	spawn_file(p, "user", name);
	fd = openat(c->dir_fd, name, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		n = read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (n <= 0 || p->declared)
		return;
	text[n] = 0;
	p->granted = true;
	snprintf(p->conf->owner, sizeof(p->conf->owner), "%s",
		 strsep(&began, " "));
	p->since = since(began, c->now);
}
