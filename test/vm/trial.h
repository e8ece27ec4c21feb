/* SPDX-License-Identifier: MIT */
/*
 * An application in ring 3 that tries what an honest one does, and what a
 * hostile one would.
 *
 *   trial.c    modes, what is told to whoever looks on: START HERE
 *   memory.c   an honest one's memory: malloc, files, page rights
 *   process.c  ... processes, threads, signals
 *   lies.c     what must fault
 *   odd.c      ... or be harmless
 */
#ifndef TEST_VM_TRIAL_H
#define TEST_VM_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "dom/process/shm.h"
#include "dom/vm/guest/layout.h"
#include "ix/ix.h"

extern struct ix_thread *thread;
extern int failed;

/* Prints a line. */
__attribute__((format(printf, 2, 3))) void check(bool ok, const char *fmt, ...);
/* A system call without arguments. */
long call(long nr);
/* Ring 0 knows the call, Linux does not. */
bool in_ring3(void);
/* The dataplane serves us, in ring 3 again. */
bool served(void);

/* The signal that comes of @tell(); 0: none. */
void catch_all(void);
int signal_of(void (*tell)(void));

void memory(void);
void processes(void);
/* @addresses: a file with addresses that D has mapped, which appears when we
 * have begun; NULL: none. */
void lies(const char *addresses);
void odd(void);

#endif
