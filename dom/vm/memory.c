/* SPDX-License-Identifier: MIT */
/*
 * Guest memory: KVM memory slots, one for each part of D's memory that the
 * guest has, and the page tables. The tables are built once; later only ring
 * 3's rights on VM_APP change. Ring 0 has them mapped read-only.
 *
 *	 bits of an address   47-39  38-30  29-21  20-12  11-0
 *	                      level3 level2 level1 level0
 *	                                      |
 *	                                      +-> 2 MB pages where aligned
 */
#include "dom/vm/vm.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

enum {
	PRESENT = 1 << 0,
	SEEN = 1 << 5 | 1 << 6, /* accessed, dirty: preset */
	LARGE = 1 << 7,
	TABLE = PRESENT | SEEN | VM_WRITE | VM_USER, /* of an entry for one */
	ENTRIES = 512,
	SHIFT = 12, /* of level 0 */
	BITS = 9,   /* a level */
};

#define NO_EXEC (1ull << 63)
#define ADDRESS 0x000ffffffffff000ull
/* Above all fixed addresses of a PC. */
#define FIRST_GPA (1ull << 32)

s64 vm_mem_add(struct vm_mem *m, const void *base, size_t len)
{
	struct kvm_userspace_memory_region r = {
		.slot = m->slots,
		.userspace_addr = (u64)base,
		.memory_size = (len + VM_PAGE - 1) & ~(u64)(VM_PAGE - 1),
	};

	/* The same offset within 2 MB as in D: large pages are possible. */
	r.guest_phys_addr = m->next + (u64)base % VM_LARGE;
	if (ioctl(m->vm_fd, KVM_SET_USER_MEMORY_REGION, &r))
		return -errno;
	m->slots++;
	m->next = (r.guest_phys_addr + r.memory_size + VM_LARGE - 1) &
		  ~(u64)(VM_LARGE - 1);
	return (s64)r.guest_phys_addr;
}

int vm_mem_open(struct vm_mem *m, int vm_fd)
{
	const size_t len = VM_TABLES_BYTES;
	s64 gpa;

	*m = (struct vm_mem){ .vm_fd = vm_fd, .next = FIRST_GPA, .used = 1 };
	m->tables = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->tables == MAP_FAILED) {
		m->tables = NULL;
		return -errno;
	}
	madvise(m->tables, len, MADV_DONTFORK);
	gpa = vm_mem_add(m, m->tables, len);
	m->tables_at = (u64)gpa;
	return gpa < 0 ? (int)gpa : 0;
}

void vm_mem_close(struct vm_mem *m)
{
	if (m->tables)
		munmap(m->tables, VM_TABLES_BYTES);
}

/* The table that @entry refers to, allocated if need be; NULL: none left.
 * Rights are restricted in the last level only. */
static u64 *next_table(struct vm_mem *m, u64 *entry)
{
	if (!*entry) {
		if (m->used == VM_TABLES)
			return NULL;
		*entry = (m->tables_at + m->used++ * VM_PAGE) | TABLE;
	}
	return m->tables + ((*entry & ADDRESS) - m->tables_at) / sizeof(u64);
}

static u64 *find_entry(struct vm_mem *m, u64 at, int level)
{
	u64 *table = m->tables;

	for (int l = 3;; l--) {
		u64 *entry = &table[at >> (SHIFT + l * BITS) & (ENTRIES - 1)];

		if (l == level)
			return entry;
		table = next_table(m, entry);
		if (!table)
			return NULL;
	}
}

int vm_mem_map(struct vm_mem *m, u64 at, u64 gpa, size_t len, u32 rights)
{
	u64 flags = PRESENT | SEEN | (rights & (VM_WRITE | VM_USER)) |
		    (rights & VM_EXEC ? 0 : NO_EXEC);
	u64 end = at + ((len + VM_PAGE - 1) & ~(u64)(VM_PAGE - 1));

	while (at < end) {
		bool large = !((at | gpa) % VM_LARGE) && end - at >= VM_LARGE;
		u64 *entry = find_entry(m, at, large), n;

		if (!entry)
			return -ENOMEM;
		if (*entry)
			return -EEXIST;
		*entry = gpa | flags | (large ? LARGE : 0);
		n = large ? VM_LARGE : VM_PAGE;
		at += n;
		gpa += n;
	}
	return 0;
}

/* ---- VM_APP: each 2 MB of it are mapped by one large page, or by a table of 4
 * KB pages that is reserved for it, at the end of the tables: nothing is
 * allocated */

static u64 app_flags(u32 prot)
{
	if (!prot)
		return 0;
	return PRESENT | SEEN | VM_USER | (prot & PROT_WRITE ? VM_WRITE : 0) |
	       (prot & PROT_EXEC ? 0 : NO_EXEC);
}

/* Replaces a large page by its table of 4 KB pages with the same rights, unless
 * that is done already. Returns the table. */
static u64 *split(struct vm_mem *m, u64 *entry, u64 at)
{
	u64 page = VM_TABLES + (at - VM_APP) / VM_LARGE, old = *entry;
	u64 *table = m->tables + page * ENTRIES;

	if (old && !(old & LARGE))
		return table;
	for (u64 i = 0; i < ENTRIES; i++)
		table[i] = old ? (old & ~(u64)LARGE) + i * VM_PAGE : 0;
	store_release(entry, (m->tables_at + page * VM_PAGE) | TABLE);
	return table;
}

/* A heap grows by small steps. */
static void join(u64 *entry, const u64 *table)
{
	for (u64 i = 0; i < ENTRIES; i++)
		if (table[i] != table[0] + i * VM_PAGE)
			return;
	store_release(entry, table[0] | LARGE);
}

/* Within 2 MB. */
static int protect_part(struct vm_mem *m, u64 gpa, u64 at, u64 len, u64 flags)
{
	u64 *entry = find_entry(m, at, 1), *table;

	if (!entry)
		return -ENOMEM;
	gpa += at - VM_APP;
	if (len == VM_LARGE) {
		store_release(entry, flags ? gpa | flags | LARGE : 0);
		return 0;
	}
	table = split(m, entry, at);
	for (u64 i = at / VM_PAGE % ENTRIES, off = 0; off < len; off += VM_PAGE)
		store_release(&table[i++], flags ? (gpa + off) | flags : 0);
	if (flags)
		join(entry, table);
	return 0;
}

int vm_mem_protect(struct vm_mem *m, u64 gpa, u64 at, u64 len, u32 prot)
{
	int err = 0;

	while (len && !err) {
		u64 n = min(len, VM_LARGE - at % VM_LARGE);

		err = protect_part(m, gpa, at, n, app_flags(prot));
		at += n;
		len -= n;
	}
	return err;
}

int vm_mem_share(struct vm_mem *m, const void *base, size_t len, u32 rights)
{
	s64 gpa = vm_mem_add(m, base, len);

	return gpa < 0 ? (int)gpa
		       : vm_mem_map(m, (u64)base, (u64)gpa, len, rights);
}
