/* SPDX-License-Identifier: MIT */
/*
 * How libix reaches a dataplane: the one interface of the three domains, seen
 * from the application's side.
 *
 * ix_init() finds in the environment what `ix run` left there, and loads the
 * domain's part of the application:
 *
 *	libix-inline.so   the whole dataplane
 *	libix-process.so  ... which is another process: what is shared with it
 *	libix-vm.so       ... which is in ring 0, the application in ring 3
 */
#ifndef IX_DOM_H
#define IX_DOM_H

#include "ix/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One elastic thread as its application thread sees it. */
struct ix_port {
	struct ix_down *down;
	const struct ix_up *up;
	struct ix_domain *domain;
	int thread;
	void *priv; /* the domain's */
};

struct ix_domain {
	const char *name; /* "inline", "process", "vm" */
	int abi_version;  /* IX_ABI_VERSION */
	int nthreads;	  /* elastic threads granted */
	void *arena;	  /* registered memory: what SENDV may refer to */
	size_t arena_len;
	size_t page_size; /* of the arena, bytes */

	/* What ixev_init_thread() listens on by itself (settings `port`),
	 * zero-terminated. */
	const uint16_t *ports;

	/* Binds the calling thread to elastic thread @thread, and drives the
	 * port from now on. 0 or -errno. */
	int (*attach)(struct ix_domain *d, int thread, struct ix_port *port);

	/* Hands the batch in port->down over, waits for event conditions in
	 * port->up. 0, or -errno when the dataplane is gone or stops
	 * (-ESHUTDOWN: leave). */
	int (*run_io)(struct ix_port *port);

	/* The calling thread drives the port no longer; another one does, and
	 * calls take() before anything else. 0 or -errno (-EBUSY: the port is
	 * not the caller's). NULL: the domain does not mind. */
	int (*release)(struct ix_port *port);
	int (*take)(struct ix_port *port);

	/* Ends the elastic thread: its connections are aborted. 0, or -EBUSY as
	 * above, and nothing has changed. */
	int (*detach)(struct ix_port *port);

	void (*close)(struct ix_domain *d);
};

/* Exported by each domain's shared object. On failure returns -errno and
 * writes one line for the user to @why. */
__attribute__((visibility("default")))
int ix_domain_open(struct ix_domain **out, char *why, size_t why_len);

#ifdef __cplusplus
}
#endif

/* Environment set by `ix run`. */
#define IX_ENV_DOMAIN "IX_DOMAIN"     /* inline | process | vm */
#define IX_ENV_SETTINGS "IX_SETTINGS" /* fd of a file with all settings */
#define IX_ENV_LIBDIR "IX_LIBDIR"     /* where the domains' objects are */

#endif
