/* SPDX-License-Identifier: MIT */
/* How the original's servers begin: a thread on each core, all alike. */
#ifndef COMPAT_CORES_H
#define COMPAT_CORES_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <ix.h>

/* The main thread, too: returns if @server does. */
static inline void on_all_cores(void *(*server)(void *))
{
	pthread_t tid;
	int i, n = sys_nrcpus();

	if (n < 1) {
		fprintf(stderr, "got invalid cpu count %d\n", n);
		exit(1);
	}
	sys_spawnmode(true);
	for (i = 1; i < n; i++)
		if (pthread_create(&tid, NULL, server, NULL))
			exit(1);
	server(NULL);
}

#endif
