/* SPDX-License-Identifier: MIT */
/*
 * A server of lines on a UNIX stream socket, for one thread: a request is a
 * line, and so is its answer. What clients can take is bounded:
 *
 *   a request    LINES_REQUEST bytes, and LINES_SLOW_NS from its first byte to
 *		  its end; as long for an answer to be read
 *   clients      LINES_CLIENTS who are trusted, and as many who are not, of
 *		  whom one user has LINES_OF_USER, and is told so. Neither keep
 *		  the others out: the one goes that has been silent longest of
 *		  those who are as who comes
 *   turns        a request each, until it is answered and the answer read
 */
#ifndef DOM_HOST_LINES_H
#define DOM_HOST_LINES_H

#include <sys/types.h>

#include "base/types.h"
#include "dom/host/hurry.h"

enum {
	LINES_REQUEST = 4096,
	LINES_CLIENTS = 64,
	LINES_PLACES = 2 * LINES_CLIENTS,
	LINES_OF_USER = 8,
	LINES_WAITED = 4, /* descriptors that lines_wait() waits for besides */
	LINES_FDS = 1,	  /* that go with an answer, at most */
};

#define LINES_SLOW_NS 5000000000ull

/* Who asks, as the kernel knows it. */
struct lines_peer {
	u64 id; /* of the connection, never 0 */
	uid_t uid;
	gid_t gid;
	pid_t pid; /* that connected: it may have ended, and be another one's */
	int fd;	   /* to ask the kernel more; or, for who has it handed to him,
		    * beyond the answer, which is then NULL */
	bool trusted;
};

/* Descriptors that go with an answer (SCM_RIGHTS), and are closed here then. */
struct lines_fds {
	u32 n;
	int fd[LINES_FDS];
};

struct lines_client;

struct lines {
	int fd; /* listens */
	u32 n;
	u64 ids;   /* given */
	bool full; /* no descriptor was to be had: not asked for a while */
	struct hurry hurry; /* of what clients pass to us */
	struct lines_client *clients[LINES_PLACES];

	/* Decides who is trusted. */
	bool (*trusts)(void *arg, uid_t uid);
	/* The answer to @line (zero-terminated, @len bytes, without newline):
	 * of malloc(), without newline; NULL: the client is dropped. */
	char *(*answer)(void *arg, const struct lines_peer *peer,
			const char *line, size_t len, struct lines_fds *pass);
	/* This connection has ended; NULL: nobody wants to know. */
	void (*gone)(void *arg, u64 id);
	void *arg;
};

/* SO_PASSRIGHTS: off for all connections, on again for who has one handed to
 * him, and wants descriptors. */
enum { LINES_PASSRIGHTS = 83 };

/* A socket at @path, in place of what is there, that everybody may connect to:
 * its descriptor, or -errno. */
int lines_listen(const char *path);

/* Waits at most @ms (-1: for ever) until there is something to do, or one of
 * the @n descriptors @fds can be read, of which -1 is none: a bit each. Not
 * longer than a client's time. */
u32 lines_wait(struct lines *l, const int *fds, u32 n, int ms, u64 now);
/* ... and does it: waits for nobody. */
void lines_serve(struct lines *l, u64 now);

/* All clients' and the socket's end. */
void lines_close(struct lines *l);

#endif
