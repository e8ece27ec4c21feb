/* SPDX-License-Identifier: MIT */
/*
 * A dataplane and its successor on one TAP device.
 *
 *	queues of the device   0 1 ...    2 3 ...
 *	                       place 0    place 1       who comes second
 *
 * When the one that was there before has ended, Linux has numbered the other
 * one's queues anew: where one is given back, the last one of all goes. They
 * are given back in the order in which they were opened, also when the kernel
 * closes them. (Should it be otherwise: packets come to another thread first,
 * and are forwarded.)
 */
#include "nic/linux.h"
#include "nic/nic_open.h"
#include "nic/tap_steer.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap_steer.skel.h"

enum { MAPS = 8 };

static u64 own_netns(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) ? 0 : st.st_ino;
}

void tap_share_mark(struct tap_steering *s, int ifindex)
{
	s->vars->who[s->place] = linux_life();
	s->vars->netns = own_netns();
	/* Found by it, and then all else is there. */
	store_release((u32 *)&s->vars->ifindex, (u32)ifindex);
}

/* ---- found by the kernel's list of programs */

static void *map_memory(int fd, size_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* A map of a program by its name's end: that of .bss begins with the
 * object's. */
static void take_map(struct tap_steering *s, int fd)
{
	struct bpf_map_info info = { 0 };
	u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return;
	if (strstr(info.name, ".bss") && info.value_size == sizeof(*s->vars))
		s->vars = map_memory(fd, sizeof(*s->vars));
	if (strcmp(info.name, "flows"))
		return;
	s->flows_len = (size_t)info.max_entries * sizeof(u64);
	s->flows.entry = map_memory(fd, s->flows_len);
	s->flows.mask = info.max_entries - 1;
}

static void forget(struct tap_steering *s)
{
	if (s->vars)
		munmap(s->vars, sizeof(*s->vars));
	if (s->flows.entry)
		munmap(s->flows.entry, s->flows_len);
	*s = (struct tap_steering){ 0 };
}

/* Where everybody may load programs, its maps can say anything. */
static bool is_trusted(const struct bpf_prog_info *info)
{
	return !info->created_by_uid || info->created_by_uid == geteuid();
}

static bool take_maps(struct tap_steering *s, int prog_fd, int ifindex)
{
	u32 ids[MAPS] = { 0 };
	struct bpf_prog_info info = { .nr_map_ids = MAPS,
				      .map_ids = (u64)(uintptr_t)ids };
	u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &len) ||
	    strcmp(info.name, "steer") ||
	    info.type != BPF_PROG_TYPE_SOCKET_FILTER || !is_trusted(&info))
		return false;
	for (u32 i = 0; i < min(info.nr_map_ids, (u32)MAPS); i++) {
		int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd < 0)
			continue;
		take_map(s, fd);
		close(fd);
	}
	if (s->vars && s->flows.entry && s->vars->shared &&
	    load_acquire((u32 *)&s->vars->ifindex) == (u32)ifindex &&
	    s->vars->netns == own_netns())
		return true;
	forget(s);
	return false;
}

static bool find(struct tap_steering *s, int ifindex)
{
	u32 id = 0;

	while (!bpf_prog_get_next_id(id, &id)) {
		int fd = bpf_prog_get_fd_by_id(id);
		bool found = fd >= 0 && take_maps(s, fd, ifindex);

		if (fd >= 0)
			close(fd);
		if (found)
			return true;
	}
	return false;
}

/* ---- places */

static u64 *place_of(const struct tap_steering *s, u32 place)
{
	return (u64 *)&s->vars->who[place];
}

static bool lives(const struct tap_steering *s, u32 place)
{
	return linux_lives(load_acquire(place_of(s, place)));
}

/* One of the two. Whose queues are left on the device is there, and the other
 * place, which several may want now, is free. */
static int claim(struct tap_steering *s, u32 others)
{
	u32 other = lives(s, 1);
	bool there = lives(s, other);

	if (others != (there ? s->vars->count[other] : 0))
		return -EBUSY;
	if (!there) /* before anybody can join beside us */
		s->vars->count[other] = 0;
	if (!linux_claim(place_of(s, !other)))
		return -EBUSY;
	s->place = s->flows.place = !other;
	return 0;
}

int tap_share_join(struct tap_steering *s, int ifindex, u32 others, u64 kin)
{
	u32 other;

	if (!find(s, ifindex))
		return -ENOENT;
	if (s->vars->kin != kin) {
		forget(s);
		return -EPERM;
	}
	if (claim(s, others)) {
		forget(s);
		return -EBUSY;
	}
	other = !s->place;
	s->flows.heir = (const u32 *)&s->vars->heir;
	s->flows.key = s->vars->key;
	s->vars->count[s->place] = 0;
	s->vars->serving[s->place] = 0;
	s->vars->heir = others ? other : s->place;
	for (u32 i = 0; i < NIC_MAX_QUEUES; i++)
		s->vars->queue[other][i] = s->vars->alone[other][i];
	flows_clear(&s->flows, s->place);
	if (!others)
		flows_clear(&s->flows, other);
	return 0;
}

/* Where our queues, which are the last, are when the @others before them have
 * been given back. */
static void foresee(struct tap_steering *s, u32 others, u32 nqueues)
{
	const volatile u8 *theirs = s->vars->queue[!s->place];
	u32 at[2 * NIC_MAX_QUEUES], n = others + nqueues;

	for (u32 i = 0; i < n; i++)
		at[i] = i;
	for (u32 i = 0; i < others; i++, n--) {
		u32 k = 0;

		while (k + 1 < n && at[k] != theirs[i])
			k++;
		at[k] = at[n - 1];
	}
	for (u32 i = 0; i < n; i++)
		if (at[i] >= others)
			s->vars->alone[s->place][at[i] - others] = (u8)i;
}

void tap_share_enter(struct tap_steering *s, u32 others, u32 nqueues)
{
	for (u32 i = 0; i < nqueues; i++)
		s->vars->queue[s->place][i] = (u8)(others + i);
	foresee(s, others, nqueues);
	WRITE_ONCE(s->vars->count[s->place], nqueues);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* tap_share_leave() */
	if (!lives(s, !s->place))
		s->vars->heir = s->place;
}

bool tap_share_leave(struct tap_steering *s)
{
	/* It may be another one's by now. */
	if (s->left)
		return s->last;
	s->left = true;
	s->vars->count[s->place] = 0;
	s->vars->serving[s->place] = 0;
	store_release(place_of(s, s->place), 0);
	/* Who enters now sees that we have gone, or we that he is there. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (READ_ONCE(s->vars->count[!s->place]))
		s->vars->heir = !s->place;
	s->last = !lives(s, !s->place);
	return s->last;
}

/* ---- what the two tell each other */

void tap_share_serves(struct tap_steering *s, u32 i)
{
	__atomic_fetch_or(&s->vars->serving[s->place], 1ull << i,
			  __ATOMIC_RELEASE);
}

u32 tap_share_pass(struct tap_steering *s, bool back)
{
	u32 other = !s->place, n = s->vars->count[other];
	u64 all = n ? ~0ull >> (64 - n) : 0;

	if (back)
		s->vars->heir = s->place;
	if (back || !n || load_acquire(&s->vars->serving[other]) != all)
		return 0;
	s->vars->heir = other;
	return s->vars->pid[other];
}
