/* SPDX-License-Identifier: MIT */
/* Loads tap_steer.bpf.c, whose object is part of our binary. Its table is
 * memory that the kernel and we have mapped. */
#include "nic/tap_steer.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include "base/mem.h"
#include "tap_steer.skel.h"

void tap_steer_set(struct tap_steer *s, const u8 owner[RSS_TABLE])
{
	_Static_assert(sizeof(s->bss->owner) == RSS_TABLE, "one for each");

	for (u32 g = 0; g < RSS_TABLE; g++)
		WRITE_ONCE(s->bss->owner[g], owner[g]);
}

static int load(struct tap_steer **out)
{
	libbpf_print_fn_t old = libbpf_set_print(NULL);
	int err = 0;

	*out = tap_steer__open_and_load();
	if (!*out)
		err = -errno;
	libbpf_set_print(old);
	return err;
}

int tap_steer_attach(struct tap_steer **out, int fd, const u8 owner[RSS_TABLE])
{
	int err = load(out), prog;

	if (err)
		return err;
	tap_steer_set(*out, owner);
	prog = bpf_program__fd((*out)->progs.steer);
	if (!ioctl(fd, TUNSETSTEERINGEBPF, &prog))
		return 0;
	err = -errno;
	tap_steer__destroy(*out);
	*out = NULL;
	return err;
}

void tap_steer_detach(struct tap_steer *s, int fd)
{
	int none = -1;

	if (!s)
		return;
	ioctl(fd, TUNSETSTEERINGEBPF, &none);
	tap_steer__destroy(s);
}
