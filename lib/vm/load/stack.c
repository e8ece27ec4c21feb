/* SPDX-License-Identifier: MIT */
/* The program's initial stack as the kernel would build it, but in VM_APP: ours
 * is not in the guest. */
#include "lib/vm/load/load.h"

#include "base/errno.h"
#include "base/mem.h"
#include "lib/vm/load/sys.h"

enum {
	STACK = 8 << 20,
	RANDOM = 16, /* bytes at AT_RANDOM */
	AT_PHDR = 3,
	AT_PHNUM = 5,
	AT_BASE = 7,
	AT_ENTRY = 9,
	AT_PLATFORM = 15,
	AT_RANDOM = 25,
	AT_HWCAP2 = 26,
	AT_EXECFN = 31,
	AT_VDSO = 33,
	HWCAP2_FSGSBASE = 2, /* ring 3 does not write FS by itself */
};

static u64 text_len(const char *s)
{
	u64 n = 0;

	while (s[n])
		n++;
	return n + 1;
}

static u64 put(u64 *top, const void *p, u64 len)
{
	*top -= len;
	memcpy((void *)*top, p, len);
	return *top;
}

static u64 put_text(u64 *top, const char *s)
{
	return put(top, s, text_len(s));
}

/* Entries of the auxiliary vector that differ for ld.so, or point into our
 * stack. False: omitted. The vDSO is not in the guest's memory; without it libc
 * uses system calls, and ring 0 answers those for the time. */
static bool change(u64 *top, u64 type, u64 *value, const struct load_elf *elf)
{
	switch (type) {
	case AT_PHDR:
		*value = elf->phdr;
		break;
	case AT_PHNUM:
		*value = elf->phnum;
		break;
	case AT_ENTRY:
		*value = elf->entry;
		break;
	case AT_BASE:
		*value = 0;
		break;
	case AT_HWCAP2:
		*value &= ~(u64)HWCAP2_FSGSBASE;
		break;
	case AT_RANDOM:
		*value = put(top, (const void *)*value, RANDOM);
		break;
	case AT_PLATFORM:
	case AT_EXECFN:
		*value = put_text(top, (const char *)*value);
		break;
	case AT_VDSO:
		return false;
	}
	return true;
}

static u64 count(char **list)
{
	u64 n = 0;

	while (list[n])
		n++;
	return n;
}

u64 load_stack(const struct load_stack *from, char **argv, u64 argc,
	       const struct load_elf *elf)
{
	enum { MOST = 8192 };
	static u64 words[MOST]; /* from argc to the end of the vector */
	u64 nenv = count(from->env), n = 0, top;
	s64 base = space_take(STACK);

	if (base < 0 || argc + nenv > MOST / 2 ||
	    rights_set((u64)base, STACK, MAPPED | MAY_READ | MAY_WRITE))
		return 0;
	top = (u64)base + STACK;
	words[n++] = argc;
	for (u64 i = 0; i < argc; i++)
		words[n++] = put_text(&top, argv[i]);
	words[n++] = 0;
	for (u64 i = 0; i < nenv; i++)
		words[n++] = put_text(&top, from->env[i]);
	words[n++] = 0;
	for (const u64 *a = from->aux; a[0] && n < MOST - 4; a += 2) {
		words[n] = a[0];
		words[n + 1] = a[1];
		if (change(&top, words[n], &words[n + 1], elf))
			n += 2;
	}
	words[n++] = 0;
	words[n++] = 0;
	top = ((top - n * sizeof(u64)) & ~(u64)15) + n * sizeof(u64);
	put(&top, words, n * sizeof(u64));
	return top;
}
