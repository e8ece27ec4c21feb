/* SPDX-License-Identifier: MIT */
#include "dom/host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t room(void)
{
	return IX_CAPTURE_DATA + HOST_CAPTURE_MOST;
}

size_t host_capture_len(const struct host *h)
{
	return h->nthreads * room();
}

/* Addresses without pages: nobody writes there. */
static void *reserve(void *at, size_t len, int how)
{
	void *mem =
		mmap(at, len, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | how, -1, 0);

	if (mem != MAP_FAILED)
		madvise(mem, len, MADV_DONTFORK);
	return mem;
}

void host_capture_open(struct host *h)
{
	void *mem = reserve(NULL, host_capture_len(h), 0);

	h->capture =
		(struct host_capture){ .mem = mem == MAP_FAILED ? NULL : mem };
}

void host_capture_close(struct host *h)
{
	struct host_capture *c = &h->capture;

	if (c->mem)
		munmap(c->mem, host_capture_len(h));
	c->mem = NULL;
}

struct ix_capture *host_capture_ring(const struct host *h, u32 thread)
{
	return (struct ix_capture *)(h->capture.mem + thread * room());
}

/* From here on it is written through our mapping alone: whoever has the
 * descriptor, or opens it anew, can neither write nor map it to be written. */
static int map_sealed(struct host *h, int fd)
{
	const int seals =
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
	size_t len = host_capture_len(h);
	void *mem = h->capture.mem;

	if (ftruncate(fd, (off_t)len) ||
	    mmap(mem, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		 0) == MAP_FAILED)
		return -errno;
	madvise(mem, len, MADV_DONTFORK);
	return fcntl(fd, F_ADD_SEALS, seals) ? -errno : 0;
}

int host_capture_begin(struct host *h, u64 size)
{
	int fd = memfd_create("ix-capture", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err = fd < 0 ? -errno : map_sealed(h, fd);

	if (err) {
		host_capture_end(h);
		if (fd >= 0)
			close(fd);
		return err;
	}
	for (u32 i = 0; i < h->nthreads; i++)
		memset(host_capture_ring(h, i), 0, IX_CAPTURE_DATA + size);
	return fd;
}

void host_capture_end(struct host *h)
{
	reserve(h->capture.mem, host_capture_len(h), MAP_FIXED);
}
