/* SPDX-License-Identifier: MIT */
/*
 * What A executes in domain vm instead of its program. It loads ld.so, which
 * loads the program, into memory that the guest has as well, and serves all
 * later calls that map memory from there. Freestanding; its own memory is not
 * in the guest.
 *
 *   start.S  the first and the last instruction
 *   load.c   main(): START HERE
 *   elf.c    loads ld.so
 *   stack.c  arguments, environment, auxiliary vector
 *   space.c  allocates address space in VM_APP
 *   rights.c page rights, in the process and in the guest
 *   fork.c   copies VM_APP for a child
 *   trap.c   system calls trapped by seccomp: mmap() and the like
 *   sys.h    system calls without libc
 */
#ifndef LIB_VM_LOAD_H
#define LIB_VM_LOAD_H

#include "base/types.h"
#include "dom/vm/guest/layout.h"

enum { LOAD_PAGE = 4096, LOAD_PATH = 4096 };

/* Bytes of the whole pages that @len bytes take. */
static inline u64 load_pages(u64 len)
{
	return (len + LOAD_PAGE - 1) & ~(u64)(LOAD_PAGE - 1);
}

/* The initial stack, from the kernel. */
struct load_stack {
	u64 argc;
	char **argv, **env;
	const u64 *aux; /* pairs, to AT_NULL */
};

/* ---- elf.c: of ld.so in memory */
struct load_elf {
	u64 entry, phdr, phnum;
};

/* The path of @program's interpreter to @out. 0 or -errno; -EINVAL: it has
 * none, or fixed addresses. */
int load_interpreter(const char *program, char out[LOAD_PATH]);
/* An ELF file to a place of its own. 0 or -errno. */
int load_elf(const char *path, struct load_elf *out);

/* ---- stack.c: ld.so's, for @argv. Its RSP; 0: no memory */
u64 load_stack(const struct load_stack *from, char **argv, u64 argc,
	       const struct load_elf *elf);

/* ---- space.c, with its lock held. Memory is zero when given, and nobody may
 * touch it before rights_set(). Addresses, or -errno */
void space_lock(void);
void space_unlock(void);
void space_init(void);
s64 space_take(u64 len);
s64 space_take_at(u64 at, u64 len); /* what was there is gone */
s64 space_give(u64 at, u64 len);
/* mremap(2): its flags. */
s64 space_resize(u64 at, u64 len, u64 new_len, u64 flags, u64 new_at);
s64 space_break(u64 at);
bool space_has(u64 at, u64 len);
bool space_is_free(u64 at, u64 len);
s64 space_clear(u64 at, u64 len); /* of what is mapped */
void space_copy(u64 to, u64 at, u64 len);

/* ---- rights.c, for whole pages of VM_APP: MAY_*, or 0, and */
enum {
	MAPPED = 8,	  /* given to the program */
	KEPT_SHARED = 16, /* ... also after fork() */
};
struct proc_rights;

/* 0 or -errno, as all. */
s64 rights_set(u64 at, u64 len, u32 prot);
/* MAY_* of what is mapped; -ENOMEM: not all of it is. */
s64 rights_change(u64 at, u64 len, u32 prot);
/* Where the first pages of [@at, @end), which have the same rights, end. */
u64 rights_run(u64 at, u64 end, u32 *prot);
/* For us to read and write, in the process; and back. */
s64 rights_lend(u64 at, u64 len);
void rights_restore(u64 at, u64 len);
/* Who is told of rights in the guest; NULL: nobody. */
void rights_guest(struct proc_rights *r);

/* ---- fork.c: clone() without CLONE_VM, by its arguments; with the lock held,
 * which the child's copy of us has, too */
struct load_call {
	u64 nr, a, b, c, d, e, f;
};
s64 fork_make(const struct load_call *k);

/* ---- trap.c: from now on. 0 or -errno */
int trap_start(void);
/* ... its return from a signal, start.S. */
void trap_restore(void);

/* ---- start.S; load_on_stack() calls @f with RSP at @top */
_Noreturn void load_jump(u64 rip, u64 rsp);
_Noreturn void load_main(u64 *stack);
s64 load_on_stack(s64 (*f)(void), void *top);

#endif
