/* SPDX-License-Identifier: MIT */
/*
 * The guest's address space and other constants, for C and assembler.
 *
 *	ring 3, user pages           ring 0, no user bit
 *	VM_APP      as A's mmap()    the same at D's address, read/write
 *	VM_ARENA    read/write       the same at D's address, read
 *	VM_FRAMES   read             the same at D's address, read/write
 *	VM_UP       read             the same at D's address, read/write
 *	VM_DOWN     read/write       the same at D's address, read
 *	                             struct dp and its tables, counters, NIC:
 *	                             at D's addresses
 *	                             page tables: at D's address, read
 *	                             VM_TEXT: this image, W^X
 *
 * Ring 3's part is at the same addresses in process A; ring 0 uses the
 * addresses of D, so that pointers are valid in both. Addresses of D lie above
 * ring 3's.
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

/* Segment selectors; the order of ring 3's is SYSRET's. */
#define VM_CS0 0x08
#define VM_DS0 0x10
#define VM_DS3 0x23
#define VM_CS3 0x2b
#define VM_TSS 0x30

/* Ring 0's own system calls, in RAX; other numbers are Linux's. To each vCPU
 * run_io is VM_RUN_IO + its number: a thread in ring 3 of another one is not
 * served by mistake. */
#define VM_LEAVE 0x100001
#define VM_NOTHING 0x100002
#define VM_RUN_IO 0x100100

/* Interrupt vector: flush the TLB. */
#define VM_FORGET 0x20

/* I/O port of ring 0's requests to D. */
#define VM_PORT 0x1f

/* Offsets in struct vm_cpu. */
#define VM_CPU_SELF 0
#define VM_CPU_STACK 8
#define VM_CPU_USER_RSP 16
#define VM_CPU_RUN_IO 24
#define VM_CPU_REGS 32
#define VM_CPU_ENTER_RIP 208
#define VM_CPU_ENTER_RSP 216

/* ... and in struct vm_regs. */
#define VM_VECTOR 120
#define VM_CS 144
#define VM_RSP 160

/* ... in struct ix_port. */
#define VM_PORT_PRIV 32

#define VM_MAGIC 0x30747365756778

/* Bytes of each of the 256 entries at guest_vectors. */
#define VM_VECTOR_BYTES 16

#endif
