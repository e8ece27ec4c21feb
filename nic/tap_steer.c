/* SPDX-License-Identifier: MIT */
/* Loads tap_steer.bpf.c, whose object is part of our binary. Its variables are
 * memory that the kernel and we have mapped. */
#include "nic/tap_steer.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/mem.h"
#include "nic/nic_open.h"
#include "tap_steer.skel.h"

enum {
	FLOWS_LEAST = 4096, /* a multiple of a page's */
	FLOWS_MOST = 1 << 22,
	ROOM = 4, /* entries for one */
};

void tap_steer_set(struct tap_steering *s, const u8 owner[RSS_TABLE])
{
	_Static_assert(sizeof(s->vars->owner[0]) == RSS_TABLE, "one for each");
	_Static_assert(sizeof(*s->vars) <= NIC_PAGE, "flow_parts()");

	for (u32 g = 0; g < RSS_TABLE; g++)
		WRITE_ONCE(s->vars->owner[s->place][g], owner[g]);
}

static u32 entries_for(u32 flows)
{
	u32 n = FLOWS_LEAST;

	while (n < FLOWS_MOST && n < (u64)flows * ROOM)
		n *= 2;
	return n;
}

static int load(struct tap_steer **out, u32 flows)
{
	libbpf_print_fn_t old = libbpf_set_print(NULL);
	int err = 0;

	*out = tap_steer__open();
	if (!*out)
		err = -errno;
	if (!err && flows)
		err = bpf_map__set_max_entries((*out)->maps.flows,
					       entries_for(flows));
	if (!err)
		err = tap_steer__load(*out);
	libbpf_set_print(old);
	return err;
}

static int map_flows(struct tap_steering *s, u32 entries)
{
	void *at;

	s->flows_len = entries * sizeof(u64);
	at = mmap(NULL, s->flows_len, PROT_READ | PROT_WRITE, MAP_SHARED,
		  bpf_map__fd(s->skel->maps.flows), 0);
	if (at == MAP_FAILED)
		return -errno;
	s->flows.entry = at;
	if (getrandom(&s->flows.key, sizeof(s->flows.key), 0) !=
	    sizeof(s->flows.key))
		return -EIO;
	s->vars->key = s->flows.key;
	s->flows.mask = s->vars->mask = entries - 1;
	s->flows.heir = (const u32 *)&s->vars->heir;
	s->vars->shared = true;
	return 0;
}

int tap_steer_attach(struct tap_steering *s, int fd, u32 nqueues, u32 flows,
		     u64 kin, int ifindex)
{
	int err = load(&s->skel, flows), prog;

	if (err)
		goto fail;
	s->vars = s->skel->bss;
	s->place = 0;
	s->vars->count[0] = nqueues;
	s->vars->kin = kin;
	err = flows ? map_flows(s, entries_for(flows)) : 0;
	if (err)
		goto fail;
	for (u32 i = 0; i < nqueues; i++)
		s->vars->queue[0][i] = s->vars->alone[0][i] = (u8)i;
	tap_share_mark(s, ifindex);
	prog = bpf_program__fd(s->skel->progs.steer);
	if (!ioctl(fd, TUNSETSTEERINGEBPF, &prog))
		return 0;
	err = -errno;
fail:
	if (s->flows.entry)
		munmap(s->flows.entry, s->flows_len);
	tap_steer__destroy(s->skel);
	*s = (struct tap_steering){ 0 };
	return err;
}

/* Who is still there needs the program: it goes with the device. */
void tap_steer_detach(struct tap_steering *s, int fd)
{
	int none = -1;

	if (!s->vars)
		return;
	if (tap_share_leave(s))
		ioctl(fd, TUNSETSTEERINGEBPF, &none);
	if (s->flows.entry)
		munmap(s->flows.entry, s->flows_len);
	if (s->skel)
		tap_steer__destroy(s->skel);
	else
		munmap(s->vars, sizeof(*s->vars));
	*s = (struct tap_steering){ 0 };
}
