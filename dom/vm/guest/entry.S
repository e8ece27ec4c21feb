/* SPDX-License-Identifier: MIT */
/*
 * Entry into ring 0 and return to ring 3.
 *
 * Boot, from nothing to the application:
 *
 *	1. D lays out memory and page tables, and copies this image (memory.c)
 *	2. D writes GDT, IDT and TSS (boot.c)
 *	3. D sets the vCPU's registers: long mode, paging, SMEP and SMAP, the MSRs
 *	   of SYSCALL; GS base is the vCPU's struct vm_cpu
 *	4. guest_boot, on ring 0's stack, calls guest_main()
 *	5. guest_main() binds the core to the code here, and asks D where to enter
 *	6. an application attaches: D answers with RIP and RSP
 *	7. guest_enter: IRETQ to ring 3
 *
 * Interrupts are disabled in ring 0 and enabled in ring 3, which tells D in which
 * of them it has stopped the vCPU. The guest's only interrupt is VM_FORGET.
 *
 * On return to ring 3 no register holds a value of ring 0's: registers that calls
 * do not preserve are cleared, and ring 0 uses neither AVX nor x87.
 */
#include "dom/vm/guest/layout.h"

#define CPU(field) %gs:VM_CPU_##field

	.text
	.globl guest_boot, guest_syscall, guest_vectors, guest_enter
	.globl guest_forget

	.section .head, "a"
	.quad VM_MAGIC /* struct vm_image */
	.quad guest_boot, guest_syscall, guest_vectors, guest_forget

	.text
/* Started by D, with RSP set. */
guest_boot:
	mov CPU(SELF), %rdi
	call guest_main
	ud2

/* struct vm_regs, from vector down. */
.macro push_all
	.irp r, rdi, rsi, rdx, rcx, rax, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15
	push %\r
	.endr
.endm

.macro pop_all
	.irp r, r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi
	pop %\r
	.endr
.endm

.macro clear_vectors
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	pxor %xmm\n, %xmm\n
	.endr
.endm

/*
 * SYSCALL saves RIP in RCX and RFLAGS in R11, nothing else. RCX is the address
 * behind an instruction in a user page, hence canonical: SYSRET cannot fault.
 */
	.balign 64
guest_syscall:
	swapgs
	mov %rsp, CPU(USER_RSP)
	mov CPU(STACK), %rsp
	cmp CPU(RUN_IO), %rax
	jne other
	push CPU(USER_RSP)
	push %r11
	push %rcx
	mov CPU(SELF), %rdi
	sub $8, %rsp
	call guest_run_io
	add $8, %rsp
	xor %edx, %edx
	xor %esi, %esi
	xor %edi, %edi
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	clear_vectors
	pop %rcx
	pop %r11
	pop %rsp
	swapgs
	sysretq

/* Other calls preserve all registers but RAX, RCX and R11, as Linux does. Vector
 * registers are not saved: nothing here uses them. */
other:
	mov CPU(SELF), %rsp
	lea (VM_CPU_REGS + VM_VECTOR)(%rsp), %rsp
	push_all
	mov CPU(STACK), %rsp
	mov CPU(SELF), %rdi
	mov CPU(USER_RSP), %rax
	mov %rax, (VM_CPU_REGS + VM_RSP)(%rdi)
	call guest_call
	mov CPU(SELF), %rsp
	lea VM_CPU_REGS(%rsp), %rsp
	pop_all
	mov CPU(USER_RSP), %rsp
	swapgs
	sysretq

/*
 * To ring 3 at cpu->enter (%rdi: cpu), with all registers cleared; but for the
 * upper halves of vector registers, which only ring 3 has written. FNINIT drops
 * an x87 exception that has moved to the process with its thread.
 */
guest_enter:
	mov CPU(STACK), %rsp
	fninit
	push $VM_DS3
	push VM_CPU_ENTER_RSP(%rdi)
	push $0x202 /* interrupts on */
	push $VM_CS3
	push VM_CPU_ENTER_RIP(%rdi)
	clear_vectors
	.irp r, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13
	xor %\r, %\r
	.endr
	xor %r14, %r14
	xor %r15, %r15
	swapgs
	iretq

/*
 * Exceptions. The processor has pushed SS to RIP, and for some an error code: from
 * ring 3 to the end of cpu->regs (TSS), from ring 0 to the current stack.
 */
	.balign VM_VECTOR_BYTES
guest_vectors:
	.set n, 0
	.rept 256
	.balign VM_VECTOR_BYTES
	.if n != 8 && n != 17 && n != 21 && n != 29 && n != 30 && (n < 10 || n > 14)
	push $0
	.endif
	push $n
	jmp exception
	.set n, n + 1
	.endr

/* VM_FORGET, in ring 3: flushes the TLB, as after another processor's shootdown
 * interrupt. */
guest_forget:
	push %rax
	mov %cr3, %rax
	mov %rax, %cr3
	pop %rax
	iretq

exception:
	push_all
	mov %rsp, %rsi
	testb $3, VM_CS(%rsp)
	jz 1f
	swapgs
	mov CPU(STACK), %rsp
1:	and $-16, %rsp
	push $2 /* flags were ring 3's: clear DF, and AC, which disables SMAP */
	popfq
	mov CPU(SELF), %rdi
	call guest_trap
	ud2

	.section .note.GNU-stack, "", @progbits
