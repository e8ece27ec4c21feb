/* SPDX-License-Identifier: MIT */
#include "bench/rivals/rival.h"

#include <stdio.h>
#include <stdlib.h>

void rival_open(struct wire_queue *w, u32 ip, u32 mask, u16 port)
{
	fputs("no other stack in this build: meson configure BUILD "
	      "-Dlwip=DIRECTORY, see bench/rivals.md\n",
	      stderr);
	exit(1);
}

void rival_turn(struct wire_queue *w, u64 now)
{
}
