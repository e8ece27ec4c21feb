/* SPDX-License-Identifier: MIT */
/*
 * Does /dev/kvm run rings 0 and 3 as a processor does? Some nested or
 * paravirtual ones emulate ring 0, slowly or incompletely. Tried with the guest
 * kernel itself and a small program in ring 3 that makes system calls and
 * accesses that must fault.
 */
#include "dom/vm/vm.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	CROSSINGS = 20000,
	MAX_CROSSINGS_NS = 1000000000, /* 50 us each */
	LIMIT_NS = 500000000,	       /* without an exit */
	LIMIT_SIGNAL = SIGUSR2,
	CALL = 39, /* of Linux's: any */
	ANSWER = 4711,
	KEPT = 0x5eed,
	PF = 14,
	GP = 13,
	/* error codes of a page fault */
	PF_PRESENT = 1,
	PF_WRITE = 2,
	PF_USER = 4,
	PF_EXEC = 16,
};

/* Ring 3's program, in a page at VM_APP, followed by a read-only one. Each
 * label is an entry point. */
__asm__(".pushsection .rodata\n"
	".balign 4096\n"
	"probe_page:\n"
	"probe_cross:\n" /* IRETQ has brought us here */
	"	mov $20000, %ebx\n"
	"	mov $0x5eed, %edx\n"
	"	movq %rdx, %xmm7\n"
	"1:	mov $0x100002, %eax\n" /* VM_NOTHING */
	"	syscall\n"
	"	dec %ebx\n"
	"	jnz 1b\n"
	"	mov $39, %eax\n"
	"	syscall\n"
	"	movq %xmm7, %rsi\n"
	"	mov %rax, %rdi\n"
	"	mov $0x100001, %eax\n" /* VM_LEAVE */
	"	syscall\n"
	"probe_privileged:\n"
	"	cli\n"
	"probe_port:\n"
	"	out %al, $0x1f\n" /* VM_PORT */
	"probe_interrupt:\n"
	"	int $0x80\n"
	"probe_peek:\n" /* the address is put at 4088 */
	"	mov probe_page+4088(%rip), %rax\n"
	"probe_peek_at:\n"
	"	mov (%rax), %rax\n"
	"probe_text:\n"
	"	mov $0xffffffff80001000, %rax\n"
	"	jmp *%rax\n"
	"probe_poke:\n"
	"	lea probe_page+4096(%rip), %rax\n"
	"probe_poke_at:\n"
	"	mov %eax, (%rax)\n"
	"probe_exec:\n"
	"	jmp probe_page+4096\n"
	"	.balign 4096\n"
	".popsection\n");

extern const u8 probe_page[], probe_cross[], probe_privileged[], probe_port[],
	probe_interrupt[], probe_peek[], probe_peek_at[], probe_text[],
	probe_poke[], probe_poke_at[], probe_exec[];

struct probe {
	struct vm vm;
	u8 *pages; /* what ring 3 has */
};

/* ---- what ring 3 has */

static int add_pages(struct probe *p)
{
	struct vm_mem *m = &p->vm.mem;
	u64 secret = (u64)p->vm.cpus[0].own;
	s64 gpa;
	int err;

	p->pages = mmap(NULL, 2 * VM_PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->pages == MAP_FAILED) {
		p->pages = NULL;
		return -errno;
	}
	memcpy(p->pages, probe_page, VM_PAGE);
	memcpy(p->pages + VM_PAGE - sizeof(secret), &secret, sizeof(secret));
	gpa = vm_mem_add(m, p->pages, 2 * VM_PAGE);
	if (gpa < 0)
		return (int)gpa;
	err = vm_mem_map(m, VM_APP, (u64)gpa, VM_PAGE, VM_USER | VM_EXEC);
	if (!err)
		err = vm_mem_map(m, VM_APP + VM_PAGE, (u64)gpa + VM_PAGE,
				 VM_PAGE, VM_USER);
	return err;
}

static u64 place(const u8 *label)
{
	return VM_APP + (u64)(label - probe_page);
}

/* ---- running it */

static struct kvm_run *limited; /* signal handlers take no argument */

static void on_limit(int sig)
{
	(void)sig;
	limited->immediate_exit = 1;
}

/* Runs until ring 0 asks for something: that, or -errno. */
static int go(struct probe *p, char *why, size_t why_len)
{
	struct vm_vcpu *c = &p->vm.cpus[0];

	if (ioctl(c->fd, KVM_RUN, 0)) {
		if (errno != EINTR)
			return vm_fail(why, why_len, "KVM_RUN");
		snprintf(why, why_len, "the guest did not answer in time");
		return -ETIMEDOUT;
	}
	if (c->run->exit_reason == KVM_EXIT_IO && c->run->io.port == VM_PORT)
		return (int)c->own->cpu.want;
	snprintf(why, why_len, "the guest stopped with KVM's exit %u",
		 c->run->exit_reason);
	return -EIO;
}

static int expect(struct probe *p, u32 want, const char *what, char *why,
		  size_t why_len)
{
	int got = go(p, why, why_len);
	char text[128];

	if (got == (int)want)
		return 0;
	if (got >= 0)
		snprintf(
			why, why_len, "ring 0 came with %d (vector %llu)", got,
			(unsigned long long)p->vm.cpus[0].own->cpu.regs.vector);
	snprintf(text, sizeof(text), "%.127s", why);
	snprintf(why, why_len, "%s: %s", what, text);
	return got < 0 ? got : -EIO;
}

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

/* Many crossings; registers and results must arrive. */
static int cross(struct probe *p, char *why, size_t why_len)
{
	struct vm_cpu *cpu = &p->vm.cpus[0].own->cpu;
	int err = expect(p, VM_WANT_START, "boot", why, why_len);
	u64 began = now_ns();

	cpu->enter.rip = place(probe_cross);
	if (!err)
		err = expect(p, VM_WANT_LINUX, "IRETQ, SYSCALL and SYSRET", why,
			     why_len);
	if (err)
		return err;
	began = now_ns() - began;
	if (began > MAX_CROSSINGS_NS) {
		snprintf(why, why_len, "a crossing takes %llu ns",
			 (unsigned long long)began / CROSSINGS);
		return -ETIME;
	}
	cpu->answer = ANSWER;
	err = cpu->regs.rax == CALL && cpu->regs.rdx == KEPT && !cpu->regs.rbx
		      ? 0
		      : -EIO;
	if (!err)
		err = expect(p, VM_WANT_AWAY, "SYSRET", why, why_len);
	if (!err && (cpu->regs.rdi != ANSWER || cpu->regs.rsi != KEPT))
		err = -EIO;
	if (err == -EIO && !why[0])
		snprintf(why, why_len, "SYSCALL and SYSRET lose registers");
	return err;
}

/* Each of these must fault, with this vector, error code and address. */
static int fault(struct probe *p, char *why, size_t why_len)
{
	const u64 secret = (u64)p->vm.cpus[0].own;
	const struct {
		const char *what;
		const u8 *enter, *at;		 /* NULL: @rip */
		u64 rip, vector, error, address; /* of page faults */
	} cases[] = {
		{ "CLI in ring 3", probe_privileged, probe_privileged, 0, GP, 0,
		  0 },
		{ "OUT in ring 3", probe_port, probe_port, 0, GP, 0, 0 },
		{ "INT in ring 3", probe_interrupt, probe_interrupt, 0, GP, 0,
		  0 },
		{ "ring 3 reads ring 0's memory", probe_peek, probe_peek_at, 0,
		  PF, PF_PRESENT | PF_USER, secret },
		{ "ring 3 jumps to ring 0's text", probe_text, NULL,
		  VM_TEXT + VM_PAGE, PF, PF_PRESENT | PF_USER | PF_EXEC,
		  VM_TEXT + VM_PAGE },
		{ "ring 3 writes to what is read-only", probe_poke,
		  probe_poke_at, 0, PF, PF_PRESENT | PF_WRITE | PF_USER,
		  VM_APP + VM_PAGE },
		{ "ring 3 executes data", probe_exec, NULL, VM_APP + VM_PAGE,
		  PF, PF_PRESENT | PF_USER | PF_EXEC, VM_APP + VM_PAGE },
	};
	struct vm_cpu *cpu = &p->vm.cpus[0].own->cpu;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		u64 rip = cases[i].at ? place(cases[i].at) : cases[i].rip;
		int err;

		cpu->enter.rip = place(cases[i].enter);
		err = expect(p, VM_WANT_FAULT, cases[i].what, why, why_len);
		if (err)
			return err;
		if (cpu->regs.vector == cases[i].vector &&
		    cpu->regs.rip == rip &&
		    (!cases[i].address || (cpu->regs.error == cases[i].error &&
					   cpu->cr2 == cases[i].address)))
			continue;
		snprintf(why, why_len,
			 "%s: exception %llu, error %llx at %llx (%llx)",
			 cases[i].what, (unsigned long long)cpu->regs.vector,
			 (unsigned long long)cpu->regs.error,
			 (unsigned long long)cpu->regs.rip,
			 (unsigned long long)cpu->cr2);
		return -EIO;
	}
	return 0;
}

/* ---- with a limit */

static int limited_run(struct probe *p, char *why, size_t why_len)
{
	struct sigaction old, a = { .sa_handler = on_limit };
	struct sigevent e = { .sigev_notify = SIGEV_THREAD_ID,
			      .sigev_signo = LIMIT_SIGNAL };
	const struct itimerspec ticks = { { 0, LIMIT_NS }, { 2, 0 } };
	sigset_t signal, before;
	timer_t timer;
	int err;

	limited = p->vm.cpus[0].run;
	e._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	sigaction(LIMIT_SIGNAL, &a, &old);
	if (timer_create(CLOCK_MONOTONIC, &e, &timer))
		return vm_fail(why, why_len, "timer");
	sigemptyset(&signal);
	sigaddset(&signal, LIMIT_SIGNAL);
	sigprocmask(SIG_UNBLOCK, &signal, &before); /* as we were started */
	timer_settime(timer, 0, &ticks, NULL);
	err = cross(p, why, why_len);
	if (!err)
		err = fault(p, why, why_len);
	timer_delete(timer);
	sigprocmask(SIG_SETMASK, &before, NULL);
	sigaction(LIMIT_SIGNAL, &old, NULL);
	return err;
}

int vm_probe(char *why, size_t why_len)
{
	struct probe p = { 0 };
	int err;

	why[0] = 0;
	err = vm_open(&p.vm, 1, why, why_len);
	if (!err && add_pages(&p))
		err = vm_fail(why, why_len, "guest memory");
	if (!err)
		err = vm_boot(&p.vm, &p.vm.cpus[0], why, why_len);
	if (!err)
		err = limited_run(&p, why, why_len);
	vm_close(&p.vm);
	if (p.pages)
		munmap(p.pages, 2 * VM_PAGE);
	return err;
}
