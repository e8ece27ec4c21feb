/* SPDX-License-Identifier: MIT */
#include "dom/host/host.h"

#include <fcntl.h>
#include <stdio.h>
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

/* A second descriptor, through which nothing can be written. */
static int read_only(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

void host_capture_open(struct host *h)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	struct host_capture *c = &h->capture;
	int fd = memfd_create("ix-capture", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *mem = MAP_FAILED;

	*c = (struct host_capture){ .fd = -1 };
	if (fd < 0)
		return;
	if (!ftruncate(fd, (off_t)host_capture_len(h)) &&
	    !fcntl(fd, F_ADD_SEALS, seals))
		mem = mmap(NULL, host_capture_len(h), PROT_READ | PROT_WRITE,
			   MAP_SHARED, fd, 0);
	if (mem != MAP_FAILED)
		c->fd = read_only(fd);
	if (c->fd >= 0)
		c->mem = mem;
	else if (mem != MAP_FAILED)
		munmap(mem, host_capture_len(h));
	if (c->mem)
		madvise(mem, host_capture_len(h), MADV_DONTFORK);
	close(fd);
}

void host_capture_close(struct host *h)
{
	struct host_capture *c = &h->capture;

	if (!c->mem)
		return;
	munmap(c->mem, host_capture_len(h));
	close(c->fd);
	c->mem = NULL;
}

struct ix_capture *host_capture_ring(const struct host *h, u32 thread)
{
	return (struct ix_capture *)(h->capture.mem + thread * room());
}

void host_capture_fill(struct host *h, u64 size)
{
	for (u32 i = 0; i < h->nthreads; i++)
		memset(host_capture_ring(h, i), 0, IX_CAPTURE_DATA + size);
}

void host_capture_empty(struct host *h)
{
	madvise(h->capture.mem, host_capture_len(h), MADV_REMOVE);
}
