/* SPDX-License-Identifier: MIT */
/* The shared memory of crossings. Each side maps the other's part read-only;
 * seals keep A from mapping D's part writable, and from truncating memory that
 * D has mapped. */
#include "dom/process/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	FUTURE_WRITE = 0x10, /* F_SEAL_FUTURE_WRITE, Linux 5.1 */
	SIZE_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL,
};

/* Maps a new memfd with @prot and then seals it; seals do not affect existing
 * mappings. */
static void *make(const char *name, size_t len, int prot, int seals, int *fd)
{
	void *p;

	*fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return NULL;
	if (ftruncate(*fd, (off_t)len))
		return NULL;
	p = mmap(NULL, len, prot, MAP_SHARED | MAP_POPULATE, *fd, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (!fcntl(*fd, F_ADD_SEALS, seals | SIZE_SEALS))
		return p;
	munmap(p, len);
	return NULL;
}

static void *read_only(void *p, size_t len)
{
	return mprotect(p, len, PROT_READ) ? NULL : p;
}

static void describe(struct proc *p)
{
	const struct host *h = p->host;
	struct proc_info *info = p->info;
	const u16 *ports = h->conf.ports.port;

	*info = (struct proc_info){
		.version = PROC_VERSION,
		.abi_version = IX_ABI_VERSION,
		.nthreads = h->nthreads,
		.pid = (u32)getpid(),
		.frames_len = h->mem.frames.len,
		.arena_len = h->mem.arena.len,
		.page_size = h->mem.page_size,
	};
	for (u32 i = 0; ports[i] && i < PROC_MAX_PORTS - 1; i++)
		info->ports[i] = ports[i];
	for (u32 i = 0; i < h->nthreads; i++)
		info->core[i] = (u16)h->threads[i].core;
}

int proc_shm_open(struct proc *p)
{
	u32 n = p->host->nthreads;

	p->alive[0] = p->alive[1] = p->up_fd = p->down_fd = -1;
	p->info = make("ix-up", proc_up_bytes(n), PROT_READ | PROT_WRITE,
		       FUTURE_WRITE, &p->up_fd);
	p->turns = make("ix-down", proc_down_bytes(n), PROT_READ | PROT_WRITE,
			0, &p->down_fd);
	if (p->turns) /* only A writes what follows the turns */
		p->down = read_only((u8 *)p->turns + PROC_TURNS,
				    proc_down_bytes(n) - PROC_TURNS);
	if (!p->info || !p->down || pipe2(p->alive, O_CLOEXEC)) {
		int err = errno ? -errno : -ENOMEM;

		proc_shm_close(p);
		return err;
	}
	describe(p);
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void proc_shm_close(struct proc *p)
{
	u32 n = p->host->nthreads;

	if (p->info)
		munmap(p->info, proc_up_bytes(n));
	if (p->turns)
		munmap(p->turns, proc_down_bytes(n));
	p->info = NULL;
	p->turns = NULL;
	p->down = NULL;
	close_fd(&p->up_fd);
	close_fd(&p->down_fd);
	close_fd(&p->alive[0]);
	close_fd(&p->alive[1]);
}

int proc_probe(char *why, size_t why_len)
{
	int fd, err = 0;
	void *p = make("ix-probe", PROC_PAGE, PROT_READ | PROT_WRITE,
		       FUTURE_WRITE, &fd);

	if (!p) {
		err = errno ? -errno : -ENOSYS;
		snprintf(why, why_len,
			 "sealed memory, memfd with F_SEAL_FUTURE_WRITE "
			 "(Linux 5.1): %s",
			 strerror(-err));
	} else {
		munmap(p, PROC_PAGE);
	}
	close_fd(&fd);
	return err;
}
