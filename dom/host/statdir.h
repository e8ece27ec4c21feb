/* SPDX-License-Identifier: MIT */
/*
 * Where counter pages and control sockets are, and whose a place is:
 *
 *   /run/ix                  of root, or of a user who was given it
 *   $XDG_RUNTIME_DIR/ix      as a rule /run/user/UID/ix
 *   /dev/shm/ix-UID          the user's; where somebody else sits on the name,
 *   /dev/shm/ix-UID-XXXXXX   one that is free
 *
 * UID is the user's number outside of user namespaces, where many may be 0. A
 * directory that does not belong to whom its name says is no place.
 */
#ifndef DOM_HOST_STATDIR_H
#define DOM_HOST_STATDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { STATDIR_PATH = 256, STATDIR_PLACES = 4, STATDIR_OWNERS = 256 };

/* How much of each owner's has been looked at: whoever makes a lot of files
 * hides nobody else's. All zero at first. */
struct statdir_quota {
	unsigned int n;
	struct {
		uid_t uid;
		unsigned int seen;
	} of[STATDIR_OWNERS];
};

/* @uid of our user namespace as the one around it has them; @uid where nothing
 * says so; -1: none there. */
uid_t statdir_outside(uid_t uid);

/* May @name in @at be looked at, of whose owner at most @each are? Root's and
 * ours always. It is counted. */
bool statdir_may_look(struct statdir_quota *q, int at, const char *name,
		      unsigned int each);

/* Where our own pages go: @dir, or if empty the first of the above that can be
 * had; made if absent. @out is set in any case, for a message. 0 or -errno. */
int statdir_choose(const char *dir, char out[STATDIR_PATH]);

/* What was made by statdir_choose("") is not to be left when it is empty. */
void statdir_tidy(const char *path);

/* Where statdir_choose("") may put them, but for /dev/shm; with @others: also
 * of other users. How many. */
int statdir_places(char out[STATDIR_PLACES][STATDIR_PATH], bool others);

/* @fd: of a directory, to be read and closed; @owner: its files may be theirs;
 * @shared: or root's, or ours. */
typedef void statdir_fn(int fd, const char *path, uid_t owner, bool shared,
			void *arg);

/* Calls @each for @dir, or if empty for every place that is what its name says,
 * ours first. */
void statdir_each(const char *dir, statdir_fn *each, void *arg);

/* Opens @name in @at, for reading, without waiting: no symbolic link, no other
 * file system, no device. Or -errno. */
int statdir_open(int at, const char *name, int flags);

#endif
