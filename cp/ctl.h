/* SPDX-License-Identifier: MIT */
/* Asking a dataplane by its control socket (dom/host/ctl.h). It may be another
 * user's, and lie: who answers is looked at first; time and length are bounded;
 * what it says is text to be shown by ctl_show() alone. */
#ifndef CP_CTL_H
#define CP_CTL_H

#include <cjson/cJSON.h>
#include <stdio.h>

#include "conf/conf.h"
#include "dom/host/statfile.h"

enum { CTL_PAGES = 1024 };

/* Live pages of dataplanes called @who (name or pid; NULL: all) in @dir (empty:
 * everywhere), by owner, pid and thread. How many; at most CTL_PAGES. */
int ctl_find_pages(const char *dir, const char *who,
		   struct statfile_found *out);

/* A connection to the process whose page @f is: its descriptor, or -errno with
 * the reason in @e. */
int ctl_connect(const struct statfile_found *f, struct conf_err *e);

/* To the one that is called @who, if there is just one. */
int ctl_connect_to(const char *dir, const char *who, struct conf_err *e);

/* To that one: connects, calls @fn, and says on stderr what went wrong. The
 * exit status: @fn returns 0, or -errno with the reason in @e. */
int ctl_talk(const char *dir, const char *who,
	     int (*fn)(int fd, void *arg, struct conf_err *e), void *arg);

/* A connection to the socket at @path, or -errno. */
int ctl_connect_at(const char *path);

/* Sends @request and frees it: the answer, to be freed, or NULL with the reason
 * in @e: also what the dataplane gives as one. */
cJSON *ctl_ask(int fd, cJSON *request, struct conf_err *e);

/* ... @passed: -1, then the descriptor that came with the answer, if one did.
 */
cJSON *ctl_ask_for(int fd, cJSON *request, int *passed, struct conf_err *e);

/* The connections that @request, of verb flows, which it frees, is about: @fn
 * is called with each, and how many there were before, until it says false. 0,
 * or -errno with the reason in @e. */
int ctl_each_flow(int fd, cJSON *request,
		  bool (*fn)(const cJSON *flow, u32 n, void *arg), void *arg,
		  struct conf_err *e);

/* {"do": @verb} */
cJSON *ctl_request(const char *verb);

/* Numbers and texts of an answer; 0 and "" if they are not there. */
double ctl_get_number(const cJSON *o, const char *name);
const char *ctl_get_text(const cJSON *o, const char *name);

/* To @out, for people; "-" if an older one does not say it. */
const char *ctl_show_number(const cJSON *o, const char *name, char out[32]);
/* @text to @out with what is not printable replaced. */
const char *ctl_show(const char *text, char *out, size_t len);

#endif
