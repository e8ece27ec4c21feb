/* SPDX-License-Identifier: MIT */
/* ELF files, read into place. */
#include "lib/vm/load/load.h"

#include "base/errno.h"
#include "base/mem.h"
#include "lib/vm/load/sys.h"

enum {
	PT_LOADED = 1,
	PT_INTERPRETER = 3,
	ET_SHARED = 3,
	MAX_PHDRS = 64,
	PF_EXEC = 1,
	PF_WRITE = 2,
	PF_READ = 4,
};

struct elf_header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 size, phsize, phnum, shsize, shnum, shstr;
};

struct elf_part {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_file {
	s64 fd;
	struct elf_header h;
	struct elf_part part[MAX_PHDRS];
};

static int open_elf(const char *path, struct elf_file *f)
{
	const u8 magic[5] = { 0x7f, 'E', 'L', 'F', 2 };
	s64 size;

	f->fd = sys_open(path);
	if (f->fd < 0)
		return (int)f->fd;
	if (sys_pread(f->fd, &f->h, sizeof(f->h), 0) != sizeof(f->h) ||
	    memcmp(f->h.ident, magic, sizeof(magic)) ||
	    f->h.phsize != sizeof(f->part[0]) || f->h.phnum > MAX_PHDRS)
		return -EINVAL;
	size = f->h.phnum * (s64)sizeof(f->part[0]);
	return sys_pread(f->fd, f->part, (u64)size, f->h.phoff) == size
		       ? 0
		       : -EINVAL;
}

int load_interpreter(const char *program, char out[LOAD_PATH])
{
	struct elf_file f;
	int err = open_elf(program, &f);

	if (!err && f.h.type != ET_SHARED) /* at addresses that are not ours */
		return -EINVAL;
	for (int i = 0; !err && i < f.h.phnum; i++) {
		const struct elf_part *p = &f.part[i];

		if (p->type != PT_INTERPRETER || !p->filesz ||
		    p->filesz >= LOAD_PATH)
			continue;
		if (sys_pread(f.fd, out, p->filesz, p->offset) !=
		    (s64)p->filesz)
			err = -EINVAL;
		out[p->filesz] = 0;
		sys3(SYS_CLOSE, (u64)f.fd, 0, 0);
		return err;
	}
	return err ? err : -EINVAL;
}

static u64 extent(const struct elf_file *f)
{
	u64 end = 0;

	for (int i = 0; i < f->h.phnum; i++)
		if (f->part[i].type == PT_LOADED)
			end = max(end, f->part[i].vaddr + f->part[i].memsz);
	return end;
}

static int load_part(const struct elf_file *f, u64 base,
		     const struct elf_part *p)
{
	u64 at = (base + p->vaddr) & ~(u64)(LOAD_PAGE - 1);
	u64 end = load_pages(base + p->vaddr + p->memsz);
	u32 prot = (p->flags & PF_READ ? MAY_READ : 0) |
		   (p->flags & PF_WRITE ? MAY_WRITE : 0) |
		   (p->flags & PF_EXEC ? MAY_EXEC : 0);

	rights_lend(at, end - at);
	if (sys_pread(f->fd, (void *)(base + p->vaddr), p->filesz, p->offset) !=
	    (s64)p->filesz)
		return -EINVAL;
	return (int)rights_set(at, end - at, MAPPED | prot);
}

int load_elf(const char *path, struct load_elf *out)
{
	struct elf_file f;
	int err = open_elf(path, &f);
	s64 base = err ? err : space_take(extent(&f));

	if (base < 0)
		return (int)base;
	if (f.h.type != ET_SHARED)
		return -EINVAL;
	for (int i = 0; i < f.h.phnum && !err; i++)
		if (f.part[i].type == PT_LOADED)
			err = load_part(&f, (u64)base, &f.part[i]);
	if (err)
		return err;
	sys3(SYS_CLOSE, (u64)f.fd, 0, 0);
	*out = (struct load_elf){ .entry = (u64)base + f.h.entry,
				  .phdr = (u64)base + f.h.phoff,
				  .phnum = f.h.phnum };
	return 0;
}
