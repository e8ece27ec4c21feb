/* SPDX-License-Identifier: MIT */
/*
 * Bounds a system call that waits for as long as somebody else has said: the
 * last close of a TCP connection that lingers, in the context of who reads or
 * drops the message that it was passed in. Such a wait ends at a signal.
 *
 *	hurry_begin(&h);
 *	n = recv(fd, ...);	// HURRY_NS at most, if it waits so
 *	hurry_end(&h);
 *
 * For one thread. The signal is HURRY_SIGNAL; it is blocked, or not, as before
 * afterwards.
 */
#ifndef DOM_HOST_HURRY_H
#define DOM_HOST_HURRY_H

#include <signal.h>
#include <stdbool.h>
#include <time.h>

#define HURRY_SIGNAL (SIGRTMAX - 1)
#define HURRY_NS 5000000

/* Zeroed: not used yet. NULL in its place: there is no need to hurry. */
struct hurry {
	bool made;
	timer_t timer;
	sigset_t before;
};

void hurry_begin(struct hurry *h);
void hurry_end(struct hurry *h);

void hurry_free(struct hurry *h);

#endif
