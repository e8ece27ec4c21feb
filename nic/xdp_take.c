/* SPDX-License-Identifier: MIT */
/* AF_XDP by sockets that have been opened for us: their rings are mapped, then
 * they are bound for us. */
#include "nic/keep_msg.h"
#include "nic/linux.h"
#include "nic/xdp_nic.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RINGS = 4 };

static struct xdp_nic *xdp_nic_of(struct nic *nic)
{
	return container_of(nic, struct xdp_nic, nic);
}

/* ---- rings */

struct where {
	struct xdp_ring *ring;
	const struct xdp_ring_offset *off;
	u64 page; /* offset of mmap() that means this ring */
	u32 entries;
	size_t size; /* of one */
};

static int map_ring(int fd, const struct where *w)
{
	size_t len = w->off->desc + w->entries * w->size;
	u8 *at = mmap(NULL, len, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_POPULATE, fd, (off_t)w->page);

	if (at == MAP_FAILED)
		return -errno;
	*w->ring = (struct xdp_ring){
		.producer = (u32 *)(at + w->off->producer),
		.consumer = (u32 *)(at + w->off->consumer),
		.flags = (u32 *)(at + w->off->flags),
		.entries = at + w->off->desc,
		.mask = w->entries - 1,
	};
	return 0;
}

static int map_queue(struct xdp_q *q, int fd, const struct keep_reply *r)
{
	struct xdp_mmap_offsets off;
	socklen_t len = sizeof(off);
	const struct where all[RINGS] = {
		{ &q->fill, &off.fr, XDP_UMEM_PGOFF_FILL_RING, r->fill,
		  sizeof(u64) },
		{ &q->comp, &off.cr, XDP_UMEM_PGOFF_COMPLETION_RING, r->tx,
		  sizeof(u64) },
		{ &q->rx, &off.rx, XDP_PGOFF_RX_RING, r->rx,
		  sizeof(struct xdp_frame) },
		{ &q->tx, &off.tx, XDP_PGOFF_TX_RING, r->tx,
		  sizeof(struct xdp_frame) },
	};
	int err = 0;

	if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &len))
		return -errno;
	for (int i = 0; i < RINGS && !err; i++)
		err = map_ring(fd, &all[i]);
	return err;
}

static void unmap_ring(struct xdp_ring *r, size_t entry)
{
	struct nic_part pages = xdp_ring_pages(r, entry);

	if (r->producer)
		munmap(pages.base, pages.len);
	*r = (struct xdp_ring){ 0 };
}

static void close_queue(struct xdp_nic *x, u32 i)
{
	struct xdp_q *q = &x->queues[i].q;

	unmap_ring(&q->fill, sizeof(u64));
	unmap_ring(&q->comp, sizeof(u64));
	unmap_ring(&q->rx, sizeof(struct xdp_frame));
	unmap_ring(&q->tx, sizeof(struct xdp_frame));
	free(q->sent_at);
	q->sent_at = NULL;
	if (x->nic.fd[i] > 0)
		close(x->nic.fd[i]);
	x->nic.fd[i] = 0;
}

static void close_queues(struct xdp_nic *x)
{
	for (u32 i = 0; i < x->nic.nqueues; i++)
		close_queue(x, i);
}

/* ---- opening */

static void adopt(struct xdp_nic *x, const struct keep_reply *r)
{
	x->index = r->index;
	x->bind_flags = r->bind_flags;
	x->prog.generic = r->generic;
	x->nic.mtu = r->mtu;
	x->nic.zero_copy = r->zero_copy;
	memcpy(x->nic.mac, r->mac, sizeof(r->mac));
	memcpy(x->nic.driver, r->driver, sizeof(r->driver));
	memcpy(x->nic.detail, r->detail, sizeof(r->detail));
}

/* From the moment on when they are bound packets come: all else is ready. */
static int open_queues(struct xdp_nic *x, const struct keep_reply *r,
		       const int *fds, char *why, size_t why_len)
{
	struct keep_reply bound;
	int err = 0;

	for (u32 i = 0; i < x->nic.nqueues; i++)
		x->nic.fd[i] = fds[i];
	for (u32 i = 0; i < x->nic.nqueues && !err; i++)
		err = map_queue(&x->queues[i].q, fds[i], r);
	if (err)
		return nic_fail(err, why, why_len, "mapping the rings: %s",
				strerror(-err));
	err = grant_ask(x->cfg.grant_fd, KEEP_BIND, &x->cfg, &bound, NULL, 0,
			why, why_len);
	if (err)
		return err;
	adopt(x, &bound);
	for (u32 i = 0; i < x->nic.nqueues && !err; i++)
		err = xdp_queue_init(x, &x->cfg, i);
	xdp_set_caps(x);
	return err ? nic_fail(err, why, why_len, "out of memory") : 0;
}

static void close_nic(struct nic *nic)
{
	struct xdp_nic *x = xdp_nic_of(nic);

	close_queues(x);
	free(x->queues);
	free(x);
}

static void suspend(struct nic *nic)
{
	struct xdp_nic *x = xdp_nic_of(nic);
	struct keep_reply r;
	char why[NIC_WHY];

	nic->update_drops(nic);
	for (u32 i = 0; i < nic->nqueues; i++)
		x->queues[i].lost = 0;
	/* Before: the keeper ends who has a socket after. */
	close_queues(x);
	pthread_mutex_lock(&nic->kept.asking);
	grant_ask(x->cfg.grant_fd, KEEP_SUSPEND, &x->cfg, &r, NULL, 0, why,
		  sizeof(why));
	pthread_mutex_unlock(&nic->kept.asking);
}

static int resume(struct nic *nic)
{
	struct xdp_nic *x = xdp_nic_of(nic);
	int fds[KEEP_FDS], err;
	struct keep_reply r;
	char why[NIC_WHY];

	memcpy(x->cfg.memfd, nic->kept.memfd, sizeof(x->cfg.memfd));
	pthread_mutex_lock(&nic->kept.asking);
	err = grant_ask(x->cfg.grant_fd, KEEP_OPEN, &x->cfg, &r, fds, KEEP_FDS,
			why, sizeof(why));
	if (!err)
		err = open_queues(x, &r, fds, why, sizeof(why));
	pthread_mutex_unlock(&nic->kept.asking);
	return err;
}

int xdp_take(const struct nic_config *cfg, const struct keep_reply *r,
	     const int *fds, struct nic **out, char *why, size_t why_len)
{
	struct xdp_nic *x = xdp_alloc(cfg, cfg->spec + strlen("xdp:"));
	int err;

	if (!x) {
		keep_close_fds(fds, cfg->nqueues);
		return nic_fail(-ENOMEM, why, why_len, "out of memory");
	}
	adopt(x, r);
	x->nic.suspend = suspend;
	x->nic.resume = resume;
	x->nic.close = close_nic;
	if (r->beside) {
		xdp_sides_take(x, cfg, fds);
		*out = &x->nic;
		return 0;
	}
	err = open_queues(x, r, fds, why, why_len);
	if (err)
		close_nic(&x->nic);
	else
		*out = &x->nic;
	return err;
}
