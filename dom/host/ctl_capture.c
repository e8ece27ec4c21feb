/* SPDX-License-Identifier: MIT */
/* Copies of packets for one who looks, as long as the connection is there that
 * asked for them (ix pcap). */
#include "dom/host/ctl.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

struct begin {
	struct ix_capture *ring;
	u64 size;
	u32 thread, snap;
};

static void begin(struct dp *dp, void *arg, u64 now)
{
	const struct begin *b = arg;

	(void)now;
	capture_init(&dp->capture, b->ring, b->size, b->thread, b->snap);
}

static void end(struct dp *dp, void *arg, u64 now)
{
	(void)arg;
	(void)now;
	dp->capture.ring = NULL;
}

/* True: nobody writes any more, and the memory is given back. An application
 * inline that keeps its core keeps its ring, too, until somebody looks again.
 */
static bool end_all(struct ctl_request *r)
{
	struct host *h = r->host;
	bool ended = true;

	for (u32 i = 0; i < h->nthreads; i++)
		if (READ_ONCE(h->threads[i].dp->capture.ring) &&
		    ctl_call(r, i, end, NULL))
			ended = false;
	if (ended)
		host_capture_end(h);
	return ended;
}

/* The first thread that does not answer; nthreads: all do. */
static u32 begin_all(struct ctl_request *r, u64 size, u32 snap)
{
	u32 i;

	for (i = 0; i < r->host->nthreads; i++) {
		struct begin b = { .ring = host_capture_ring(r->host, i),
				   .size = size,
				   .thread = i,
				   .snap = snap };

		if (ctl_call(r, i, begin, &b))
			break;
	}
	return i;
}

static u64 power_of_two(u64 n)
{
	return 1ull << (63 - __builtin_clzll(n));
}

static int begin_or_end(struct ctl_request *r, u64 size, u32 snap)
{
	struct host *h = r->host;
	int fd;

	if (!end_all(r))
		return ctl_refuse(r, -ETIMEDOUT, "a thread does not answer");
	fd = host_capture_begin(h, size);
	if (fd < 0)
		return ctl_refuse(r, fd, "no memory for its packets: %s",
				  strerror(-fd));
	if (begin_all(r, size, snap) < h->nthreads) {
		close(fd);
		end_all(r);
		return ctl_refuse(r, -ETIMEDOUT, "a thread does not answer");
	}
	r->pass->fd[r->pass->n++] = fd;
	return 0;
}

int ctl_capture(struct ctl_request *r)
{
	struct host_capture *c = &r->host->capture;
	u64 size, snap;
	int err;

	if (!ctl_number(r, "snap", 1, IX_CAPTURE_SNAP_MAX, IX_CAPTURE_SNAP_MAX,
			&snap) ||
	    !ctl_number(r, "bytes", HOST_CAPTURE_LEAST, HOST_CAPTURE_MOST,
			HOST_CAPTURE_LEAST, &size))
		return -ERANGE;
	if (!c->mem)
		return ctl_refuse(r, -ENOSYS,
				  "its packets cannot be looked at "
				  "in this domain");
	if (c->by)
		return ctl_refuse(r, -EBUSY,
				  "somebody looks at its packets "
				  "already");
	err = begin_or_end(r, power_of_two(size), (u32)snap);
	if (err)
		return err;
	c->by = r->peer->id;
	cJSON_AddNumberToObject(r->out, "threads", r->host->nthreads);
	return 0;
}

void ctl_capture_gone(void *ctl, u64 id)
{
	struct ctl *c = ctl;
	struct ctl_request r = { .ctl = c, .host = c->host };

	if (c->host->capture.by != id)
		return;
	c->host->capture.by = 0;
	end_all(&r);
}
