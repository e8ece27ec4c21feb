/* SPDX-License-Identifier: MIT */
/*
 * A thread's way from its process to ring 3 and back. What a function call
 * preserves is saved on its stack on this side and restored on the other:
 *
 *	rsp -> control words of x87 and SSE, r15 r14 r13 r12 rbx rbp, return
 */
#include "dom/vm/guest/layout.h"

	.text
	.globl vm_to_ring3, vm_from_ring3, vm_run_io, vm_go_on, vm_repeat
	.globl vm_clone, vm_resume
	.hidden vm_to_ring3, vm_from_ring3, vm_run_io, vm_go_on, vm_repeat
	.hidden vm_clone, vm_resume

.macro put
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	sub $8, %rsp
	stmxcsr (%rsp)
	fnstcw 4(%rsp)
.endm

vm_to_ring3:
	put
	mov %rsp, %rax
	mov %rsi, %rsp
	mov %rax, %rsi
	call vm_persona_run
	ud2

vm_from_ring3:
	put
	mov %rsp, %rdi
	mov $VM_LEAVE, %eax
	syscall
	/* returned, with ENOSYS: we were not in ring 3 */

vm_resume:
	fldcw 4(%rsp)
	ldmxcsr (%rsp)
	add $8, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	ret

vm_go_on:
	mov %rdi, %rsp
	jmp vm_resume

vm_run_io:
	mov VM_PORT_PRIV(%rdi), %rax
	syscall
	ret

vm_repeat:
	mov %rdi, %rsp
	mov $15, %eax /* rt_sigreturn */
	syscall
	ud2

/* %rdi: number and arguments of a call that makes a thread or process, which
 * begins with the signal frame at %rsi. */
vm_clone:
	push %rbx
	mov %rsi, %rbx
	mov %rdi, %rax
	mov 8(%rax), %rdi
	mov 16(%rax), %rsi
	mov 24(%rax), %rdx
	mov 32(%rax), %r10
	mov 40(%rax), %r8
	mov 48(%rax), %r9
	mov (%rax), %rax
	syscall
	test %rax, %rax
	jz 1f
	pop %rbx
	ret
1:	mov %rbx, %rdi
	jmp vm_repeat

	.section .note.GNU-stack, "", @progbits
