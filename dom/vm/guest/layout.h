/* SPDX-License-Identifier: MIT */
/*
 * Addresses and numbers of the guest, for C and assembler.
 *
 *	ring 3, user pages           ring 0, no user bit
 *	VM_APP      as A's mmap()    the same at D's address, read/write
 *	VM_ARENA    read/write       the same at D's address, read
 *	VM_FRAMES   read             the same at D's address, read/write
 *	VM_UP       read             the same at D's address, read/write
 *	VM_DOWN     read/write       the same at D's address, read
 *	                             D's: struct dp and its tables, counters,
 *NIC VM_TEXT...: this image, write xor execute
 *
 * The application's side is at the same addresses in process A. What ring 0
 * uses is at the addresses that it has in D: whoever of the two has the
 * dataplane, its pointers are good. Addresses of D lie above all of ring 3's.
 */
#ifndef DOM_VM_GUEST_LAYOUT_H
#define DOM_VM_GUEST_LAYOUT_H

#define VM_APP 0x100000000000
#define VM_ARENA 0x200000000000
#define VM_FRAMES 0x300000000000
#define VM_UP 0x400000000000
#define VM_DOWN 0x500000000000
#define VM_USER_END 0x510000000000
#define VM_TEXT 0xffffffff80000000

#define VM_APP_BYTES 0x400000000 /* address space: 16 GB */

/* Segments. SYSRET wants ring 3's in this order. */
#define VM_CS0 0x08
#define VM_DS0 0x10
#define VM_DS3 0x23
#define VM_CS3 0x2b
#define VM_TSS 0x30

/* What ring 3 asks of ring 0, in RAX; other numbers are Linux's. */
#define VM_RUN_IO 0x100000
#define VM_LEAVE 0x100001
#define VM_NOTHING 0x100002

/* An interrupt, from D: forget cached translations. */
#define VM_FORGET 0x20

/* Ring 0 calls D by writing to it. */
#define VM_PORT 0x1f

/* Offsets in struct vm_cpu. */
#define VM_CPU_SELF 0
#define VM_CPU_STACK 8
#define VM_CPU_USER_RSP 16
#define VM_CPU_REGS 32
#define VM_CPU_ENTER_RIP 208
#define VM_CPU_ENTER_RSP 216

/* ... and in struct vm_regs. */
#define VM_VECTOR 120
#define VM_CS 144
#define VM_RSP 160

#define VM_MAGIC 0x30747365756778

/* Bytes of each of the 256 entries at guest_vectors. */
#define VM_VECTOR_BYTES 16

#endif
