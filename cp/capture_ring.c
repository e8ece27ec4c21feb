/* SPDX-License-Identifier: MIT */
/* Reading a capture ring while the dataplane writes it. */
#include "cp/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* @len: of the whole of it in its file. */
static bool is_ring(const struct ix_capture *c, u64 len)
{
	return c->version == IX_CAPTURE_VERSION && c->snap &&
	       c->snap <= IX_CAPTURE_SNAP_MAX && c->size &&
	       !(c->size & (c->size - 1)) && c->size <= len - IX_CAPTURE_DATA;
}

int capture_open(struct capture_reader *r, int fd, u32 index, u32 n)
{
	struct stat st;
	size_t len;
	void *ring;
	int seals = fcntl(fd, F_GET_SEALS);
	struct ix_capture is;

	*r = (struct capture_reader){ 0 };
	/* Cut, it would be a SIGBUS. */
	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		return -EPROTO;
	if (fstat(fd, &st))
		return -errno;
	len = (size_t)st.st_size / n;
	if (len <= IX_CAPTURE_DATA || len % IX_CAPTURE_DATA)
		return -EPROTO;
	ring = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, (off_t)(index * len));
	if (ring == MAP_FAILED)
		return -errno;
	/* Once: whoever writes it may change it at any time. */
	memcpy(&is, ring, sizeof(is));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (!is_ring(&is, len)) {
		munmap(ring, len);
		return -EPROTO;
	}
	r->ring = ring;
	r->len = len;
	r->size = is.size;
	r->thread = is.thread;
	r->snap = is.snap;
	return 0;
}

void capture_close(struct capture_reader *r)
{
	if (r->ring)
		munmap((void *)r->ring, r->len);
	r->ring = NULL;
}

/* Copies what is at the position, as far as it makes sense. */
static bool copy(const struct capture_reader *r, struct ix_capture_record *rec,
		 u8 *data)
{
	u64 off = r->at & (r->size - 1);
	const u8 *from = (const u8 *)r->ring + IX_CAPTURE_DATA + off;

	memcpy(rec, from, sizeof(*rec));
	__atomic_thread_fence(__ATOMIC_ACQUIRE); /* what is judged is copied */
	if (rec->size < sizeof(*rec) || rec->size > r->size - off ||
	    rec->size % IX_CAPTURE_ALIGN || rec->kept > r->snap ||
	    rec->kept > rec->size - sizeof(*rec))
		return false;
	memcpy(data, from + sizeof(*rec), rec->kept);
	return true;
}

/* False: it has been overwritten, perhaps while it was copied. */
static bool take(const struct capture_reader *r, struct ix_capture_record *rec,
		 u8 *data)
{
	bool whole = copy(r, rec, data);

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return whole && READ_ONCE(r->ring->claimed) - r->at <= r->size;
}

bool capture_read(struct capture_reader *r, struct ix_capture_record *rec,
		  u8 *data)
{
	/* Aligned, a record's header is whole before the end. */
	u64 head = __atomic_load_n(&r->ring->head, __ATOMIC_ACQUIRE) &
		   ~(u64)(IX_CAPTURE_ALIGN - 1);

	if (head - r->at > r->size) /* lapped; or it is no head of a ring */
		r->at = head;
	while ((s64)(head - r->at) > 0) {
		if (!take(r, rec, data)) {
			r->at = head;
			continue;
		}
		r->at += rec->size;
		if (rec->kind == IX_CAPTURE_FILLER)
			continue;
		r->lost += rec->number - r->next;
		r->next = rec->number + 1;
		return true;
	}
	return false;
}

/* 0 if the dataplane has ended, and taken the memory back. */
u64 capture_left(const struct capture_reader *r)
{
	u64 packets = READ_ONCE(r->ring->packets);

	return packets > r->next ? packets - r->next : 0;
}

void capture_end(struct capture_reader *r)
{
	u64 left = capture_left(r);

	r->lost += left;
	r->next += left;
}
