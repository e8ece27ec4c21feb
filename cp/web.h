/* SPDX-License-Identifier: MIT */
/* Inside the HTTP server, web*.c. */
#ifndef CP_WEB_H
#define CP_WEB_H

#include <microhttpd.h>

#include "cp/metrics.h"

struct web_address {
	char url[96];
	bool local;
};

/* A listening socket, or -errno with the reason. */
int web_listen(struct web_address *out, const char *where, char *why,
	       size_t why_len);

/* What it shows. */
struct web_source {
	char dir[STATDIR_PATH];
	bool local; /* served to this machine only */
	struct statfile_found pages[STAT_PAGES];
};

/* Of CLOCK_MONOTONIC. */
double web_seconds(void);

/* libmicrohttpd's handler; @source: struct web_source. */
enum MHD_Result web_answer(void *source, struct MHD_Connection *c,
			   const char *path, const char *method,
			   const char *version, const char *upload,
			   size_t *upload_len, void **request);

#endif
