/* SPDX-License-Identifier: MIT */
/*
 * Counters of running dataplanes over HTTP, for Prometheus and for a browser.
 * All from counter pages: nothing is asked of a dataplane.
 *
 *   metrics.c        the pages as Prometheus's text
 *   status.c         ... as JSON for the status page, status.html
 *   web.c            the server: a thread of its own
 *   web_listen.c     ... its address
 *   web_answer.c     ... and its answers
 *   cmd_metrics.c    ix-metrics, which `ix metrics` becomes
 */
#ifndef CP_METRICS_H
#define CP_METRICS_H

#include <stdio.h>

#include "cp/stat.h"

/* Each series once: pages of one process and thread are those of the lowest
 * user, root first, whatever others call theirs. Sorts; returns how many of @n
 * are left. */
int metrics_unique(struct statfile_found *f, int n);

/* @f: as metrics_unique() leaves them. */
void metrics_write(FILE *out, const struct statfile_found *f, int n);

/* The same, the time, and what the counters mean. @now: seconds, of any clock
 * that only goes forward. */
void status_write(FILE *out, const struct statfile_found *f, int n, double now);

struct web;

#define WEB_LISTEN "127.0.0.1:9940"

struct web_conf {
	const char *listen; /* ADDRESS:PORT, [ADDRESS]:PORT; port 0: any */
	const char *dir;    /* as the setting stat_dir */
};

/* Serves in a thread of its own until web_stop(). 0, or -errno with the reason
 * in @why. */
int web_start(struct web **out, const struct web_conf *conf, char *why,
	      size_t why_len);
void web_stop(struct web *w);

/* http://ADDRESS:PORT/ of who was started. */
const char *web_url(const struct web *w);

/* Only this machine reaches it. */
bool web_is_local(const struct web *w);

#endif
