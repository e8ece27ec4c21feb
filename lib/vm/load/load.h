/* SPDX-License-Identifier: MIT */
/*
 * What A executes in domain vm instead of its program: puts it, by way of
 * ld.so, into memory that the guest has, too, and sees to it that all that it
 * maps later lies there. Freestanding: its own memory is not in the guest.
 *
 *   start.S  the first and the last instruction
 *   load.c   main(): START HERE
 *   elf.c    ld.so into memory
 *   stack.c  arguments, environment, auxiliary vector
 *   space.c  address space: VM_APP's
 *   trap.c   mmap() and its kin, caught by seccomp
 *   sys.h    Linux
 */
#ifndef LIB_VM_LOAD_H
#define LIB_VM_LOAD_H

#include "base/types.h"
#include "dom/vm/guest/layout.h"

enum { LOAD_PAGE = 4096, LOAD_PATH = 4096 };

/* The stack as the kernel made it. */
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
 * none. */
int load_interpreter(const char *program, char out[LOAD_PATH]);
/* An ELF file to a place of its own. 0 or -errno. */
int load_elf(const char *path, struct load_elf *out);

/* ---- stack.c: ld.so's, for @argv. Its RSP; 0: no memory */
u64 load_stack(const struct load_stack *from, char **argv, u64 argc,
	       const struct load_elf *elf);

/* ---- space.c. Memory is zero when given. Addresses, or -errno */
void space_init(void);
s64 space_take(u64 len);
s64 space_take_at(u64 at, u64 len); /* what was there is gone */
s64 space_give(u64 at, u64 len);
s64 space_resize(u64 at, u64 len, u64 new_len, bool may_move);
s64 space_break(u64 at);
bool space_has(u64 at, u64 len);

/* ---- trap.c: from now on. 0 or -errno */
int trap_start(void);
/* ... its return from a signal, start.S. */
void trap_restore(void);

/* ---- start.S */
_Noreturn void load_jump(u64 rip, u64 rsp);
_Noreturn void load_main(u64 *stack);

#endif
