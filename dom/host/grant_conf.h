/* SPDX-License-Identifier: MIT */
/*
 * A dataplane of a user who may not open a NIC: ixcpd's rules say what he may
 * have, and a process of its own keeps that for him. By the daemon's socket:
 *
 *	{"do": "open", "threads": 1, "settings": {"nic": "tap:t0", ...}}
 *
 *	{"error": "...", "again": true}      the daemon: not, or not just now
 *	{"ok": true, "settings": {...}}      the keeper; then nic/keep_msg.h
 *
 *   grant_conf.c what is said
 *   grant_get.c  the dataplane's side
 *   follow.c     ... while it runs: see follow.h
 */
#ifndef DOM_HOST_GRANT_CONF_H
#define DOM_HOST_GRANT_CONF_H

#include <cjson/cJSON.h>

#include "conf/conf.h"

#define GRANT_DIR "/run/ix"
#define GRANT_THREADS "threads" /* how many: the daemon says which cores */

/* What it asks for, and is given instead: names of settings. Each side may be
 * older, and refuses what it does not know: what comes later is said only if
 * it is wanted. */
extern const char *const grant_asked[];
extern const char *const grant_given[];
extern const u32 grant_nasked, grant_ngiven;

/* {name: text} of @names. */
cJSON *grant_settings(const struct conf *c, const char *const *names, u32 n);
/* ... to @c; others are an error. 0, or -errno with the reason in @e. */
int grant_apply(struct conf *c, const cJSON *settings, const char *const *names,
		u32 n, struct conf_err *e);

/* Asks the daemon if that has to be, and @c says so: the connection to the
 * keeper, and @c is as it was granted; 0: we open the NIC ourselves; or -errno
 * with the reason in @why. */
int grant_get(struct conf *c, char *why, size_t why_len);

/* net.c: the groups of our addresses, where neighbours ask for them, since the
 * interface's filter knows Linux's own; as long as @fd, a packet socket, is
 * open. A keeper does it for who may have none. */
int host_join_groups(int fd, const struct conf *conf);

#endif
