/* SPDX-License-Identifier: MIT */
/*
 * ixload: the load generator. This file starts the threads, leads them
 * through the phases and sees to it that the whole thing ends in time,
 * whatever the server or the dataplane does.
 *
 *	OPEN      all connections, or as many as come up in --connect-timeout
 *	PRELOAD   memcached: every record is stored once
 *	RUN       warm-up, then the measured time
 *	(DRAIN)   threads by themselves: last answers
 */
#include "bench/ixload/load.h"
#include "bench/clock.h"
#include "ix/ix.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	MAX_THREADS = 64,
	POLL_NS = 10000000,
	GRACE_SEC = 5, /* after the run should be over */
	PRELOAD_SEC = 60,
};

struct run {
	struct load_opts opts;
	struct load_ctl ctl;
	struct load_thread *threads[MAX_THREADS];
	pthread_t ids[MAX_THREADS];
	int errors[MAX_THREADS];
	uint32_t started;
};

struct start {
	struct run *run;
	uint32_t index;
};

static void *thread_main(void *arg)
{
	struct start *s = arg;
	struct run *run = s->run;
	struct load_thread *t = run->threads[s->index];
	int err = run->opts.backend->thread_init(t);

	if (!err && run->opts.proto->thread_init)
		err = run->opts.proto->thread_init(t);
	run->errors[s->index] = err;
	free(s);
	if (!err)
		run->opts.backend->loop(t);
	__atomic_store_n(&t->done, LOAD_STOP + 1, __ATOMIC_RELEASE);
	return NULL;
}

static int start_thread(struct run *run, uint32_t i)
{
	struct load_thread *t = calloc(1, sizeof(*t));
	struct start *s = malloc(sizeof(*s));
	int err = t && s ? load_thread_init(t, &run->ctl, &run->opts, i)
			 : -ENOMEM;

	if (err)
		return err;
	run->threads[i] = t;
	*s = (struct start){ run, i };
	err = -pthread_create(&run->ids[i], NULL, thread_main, s);
	if (!err)
		run->started++;
	return err;
}

static void set_phase(struct run *run, enum load_phase phase)
{
	__atomic_store_n(&run->ctl.phase, phase, __ATOMIC_RELEASE);
}

/* Until all threads are through with @phase. False: @until has come, or a
 * thread ended. */
static bool wait_for(struct run *run, enum load_phase phase, uint64_t until)
{
	struct timespec pause = clock_timespec(POLL_NS);
	bool tty = !run->opts.quiet && !run->opts.json && isatty(2);
	uint64_t shown = clock_ns();

	for (;;) {
		uint64_t now = clock_ns();
		uint32_t ready = 0, ended = 0;

		for (uint32_t i = 0; i < run->started; i++) {
			uint32_t done = __atomic_load_n(&run->threads[i]->done,
							__ATOMIC_ACQUIRE);

			ready += done > (uint32_t)phase;
			ended += done > LOAD_STOP;
		}
		if (ready == run->started)
			return phase == LOAD_STOP || !ended;
		if (now >= until || (ended && phase != LOAD_STOP))
			return false;
		if (tty && now - shown >= NS_PER_SEC) {
			load_progress(run->threads, run->started, now);
			shown = now;
		}
		nanosleep(&pause, NULL);
	}
}

static uint32_t count_open(struct run *run)
{
	uint32_t open = 0;

	for (uint32_t i = 0; i < run->started; i++)
		open += __atomic_load_n(&run->threads[i]->open,
					__ATOMIC_RELAXED);
	return open;
}

static int some_errno(struct run *run)
{
	for (uint32_t i = 0; i < run->started; i++)
		if (run->errors[i])
			return -run->errors[i];
	for (uint32_t i = 0; i < run->started; i++)
		if (run->threads[i]->first_errno)
			return run->threads[i]->first_errno;
	return 0;
}

static const char *advice(int err)
{
	switch (err) {
	case ECONNREFUSED:
		return " (nothing listens there)";
	case ETIMEDOUT:
	case 0:
		return " (no answer: is the address right, is it filtered?)";
	case EHOSTUNREACH:
	case ENETUNREACH:
		return " (no route, or no answer to ARP)";
	case EADDRNOTAVAIL:
		return " (no local port left: fewer connections, or wait for "
		       "TIME-WAIT to pass)";
	case EMFILE:
		return " (too many open files: ulimit -n)";
	default:
		return "";
	}
}

static void explain(struct run *run, const char *what)
{
	const struct load_opts *o = &run->opts;
	bool v4 = ix_addr_is_v4(&o->ip);
	int err = some_errno(run);
	char ip[IX_ADDR_STRLEN];

	ix_addr_format(&o->ip, ip);
	fprintf(stderr, "ixload: %s %s%s%s:%u: %s%s\n", what, v4 ? "" : "[", ip,
		v4 ? "" : "]", o->port, err ? strerror(err) : "timed out",
		advice(err));
}

/* All connections up, or the time is over and some are. */
static int open_all(struct run *run)
{
	uint64_t until = clock_ns() + run->opts.connect_timeout;
	uint32_t open;

	if (wait_for(run, LOAD_OPEN, until))
		return 0;
	open = count_open(run);
	if (!open) {
		explain(run, "cannot connect to");
		return -ECONNREFUSED;
	}
	fprintf(stderr, "ixload: only %u of %u connections are open\n", open,
		run->opts.conns);
	explain(run, "the others to");
	return 0;
}

static int lead(struct run *run)
{
	const struct load_opts *o = &run->opts;
	int err = open_all(run);

	if (err)
		return err;
	if (o->proto->preload) {
		set_phase(run, LOAD_PRELOAD);
		if (!wait_for(run, LOAD_PRELOAD,
			      clock_ns() + PRELOAD_SEC * NS_PER_SEC)) {
			explain(run, "cannot store the records at");
			return -EIO;
		}
	}
	run->ctl.from = clock_ns() + o->warmup;
	run->ctl.to = run->ctl.from + o->duration;
	set_phase(run, LOAD_RUN);
	wait_for(run, LOAD_STOP, run->ctl.to + GRACE_SEC * NS_PER_SEC);
	return 0;
}

/* True when all threads have ended; one that hangs in the dataplane is left
 * behind, and the process ends without it. */
static bool join_all(struct run *run)
{
	struct timespec until;
	bool all = true;

	set_phase(run, LOAD_STOP);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += GRACE_SEC;
	for (uint32_t i = 0; i < run->started; i++)
		if (pthread_timedjoin_np(run->ids[i], NULL, &until))
			all = false;
	return all;
}

static int finish(struct run *run, int err)
{
	static struct load_result result;
	bool tty = !run->opts.quiet && !run->opts.json && isatty(2);
	bool joined = join_all(run);

	if (tty)
		fprintf(stderr, "\r%60s\r", "");
	if (!joined)
		fputs("ixload: a thread does not end; giving up on it\n",
		      stderr);
	if (err)
		return 1;
	err = load_collect(&result, run->threads, run->started);
	if (err)
		fprintf(stderr, "ixload: %s\n", strerror(-err));
	else
		err = load_report(&result, &run->opts, run->started);
	free(result.part);
	for (uint32_t i = 0; joined && i < run->started; i++)
		load_thread_free(run->threads[i]);
	return joined && err >= 0 ? err : 1;
}

int main(int argc, char **argv)
{
	static struct run run;
	int err = load_parse(&run.opts, argc, argv);

	if (err)
		return err == 1 ? 0 : err;
	err = run.opts.backend->init(&run.opts);
	if (err)
		return 1;
	err = run.opts.proto->init(&run.opts);
	for (uint32_t i = 0; !err && i < run.opts.threads; i++)
		err = start_thread(&run, i);
	if (err)
		fprintf(stderr, "ixload: cannot start: %s\n", strerror(-err));
	else
		err = lead(&run);
	err = finish(&run, err);
	fflush(NULL);
	_exit(err); /* no destructors under threads left behind */
}
