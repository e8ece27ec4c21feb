/* SPDX-License-Identifier: MIT */
/* Who has a queue: one dataplane, or one and its successor. */
#include "nic/xdp_pair.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "nic/linux.h"
#include "nic/xdp_nic.h"

enum {
	HEAD_WORDS = 512, /* PAIR_FLOWS */
	FLOWS_LEAST = 4096,
	FLOWS_MOST = 1 << 22,
	ROOM = 4, /* entries for one */
};

_Static_assert(sizeof(struct xdp_pair_head) <= HEAD_WORDS * sizeof(u64), "");

static void forget(struct xdp_pair *s)
{
	if (s->head)
		munmap(s->head, s->len);
	if (s->made_fd)
		close(s->made_fd);
	*s = (struct xdp_pair){ 0 };
}

static int map_pair(struct xdp_pair *s, int fd, size_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	s->head = at;
	s->len = len;
	s->flows.entry = (u64 *)at + HEAD_WORDS;
	s->flows.heir = (const u32 *)&s->head->heir;
	return 0;
}

static bool lives(const struct xdp_pair *s, u32 place)
{
	return linux_lives(load_acquire(&s->head->places[place].who));
}

/* ---- who is there */

/* That of @queue, mapped; nothing if there is none. */
static int find(struct xdp_pair *s, const struct xdp_prog *p, u32 queue)
{
	struct bpf_map_info info = { 0 };
	u32 id, len = sizeof(info);
	int fd, err;

	if (bpf_map_lookup_elem(p->pairs_fd, &queue, &id))
		return 0;
	fd = bpf_map_get_fd_by_id(id);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	if (!err)
		err = map_pair(s, fd, (size_t)info.max_entries * sizeof(u64));
	close(fd);
	return err;
}

static bool same_ports(const struct xdp_prog *p, const struct nic_config *cfg)
{
	u64 ours[XDP_PORT_WORDS] = { 0 }, theirs[XDP_PORT_WORDS];

	xdp_prog_ports(ours, cfg);
	return !bpf_map_lookup_elem(p->ports_fd, &cfg->first_queue, theirs) &&
	       !memcmp(ours, theirs, sizeof(ours));
}

/* Who has one of our queues, and is alive, is to have all of them, no others,
 * and our ports, and be of our kin. */
static int look(struct xdp_pair *s, const struct xdp_prog *p,
		const struct nic_config *cfg, u32 queue)
{
	int err = find(s, p, queue);

	if (err || !s->head)
		return err;
	if (!lives(s, 0) && !lives(s, 1)) {
		forget(s);
		return 0;
	}
	if (s->head->kin == cfg->kin && s->head->first == cfg->first_queue &&
	    s->head->nqueues == cfg->nqueues && same_ports(p, cfg))
		return 0;
	forget(s);
	return -EBUSY;
}

/* Leaves that of the first queue mapped. */
static int look_at_all(struct xdp_pair *s, const struct xdp_prog *p,
		       const struct nic_config *cfg)
{
	int err = 0;

	for (u32 i = cfg->nqueues; i-- && !err;) {
		forget(s);
		err = look(s, p, cfg, cfg->first_queue + i);
	}
	return err;
}

/* ---- a place */

static u32 entries_for(const struct nic_config *cfg)
{
	u64 flows = (u64)cfg->nqueues * cfg->conns * ROOM;
	u32 n = FLOWS_LEAST;

	while (n < FLOWS_MOST && n < flows)
		n *= 2;
	return n;
}

/* Whose is known from now on: we have the sockets. */
static int tell_program(const struct xdp_pair *s, const struct xdp_prog *p,
			const struct nic_config *cfg)
{
	u64 ports[XDP_PORT_WORDS] = { 0 };
	int err = 0;

	xdp_prog_ports(ports, cfg);
	for (u32 i = 0; i < cfg->nqueues && !err; i++) {
		u32 queue = cfg->first_queue + i;

		xdp_side_forget(p, queue);
		err = bpf_map_update_elem(p->ports_fd, &queue, ports, BPF_ANY);
		if (!err)
			err = bpf_map_update_elem(p->pairs_fd, &queue,
						  &s->made_fd, BPF_ANY);
	}
	return err;
}

/* We are the first; or one of several who think so, of whom the kernel gives
 * one the sockets. */
static int make(struct xdp_pair *s, const struct nic_config *cfg)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts,
		    .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	u32 entries = entries_for(cfg), n = HEAD_WORDS + entries;
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ix_pair", sizeof(u32),
				sizeof(u64), n, &opts);
	int err;

	if (fd < 0)
		return fd;
	s->made_fd = fd;
	err = map_pair(s, fd, n * sizeof(u64));
	if (err)
		return err;
	s->head->mask = entries - 1;
	s->head->first = cfg->first_queue;
	s->head->nqueues = cfg->nqueues;
	s->head->kin = cfg->kin;
	s->head->places[0].who = linux_life();
	if (getrandom(&s->head->key, sizeof(s->head->key), 0) !=
	    sizeof(s->head->key))
		return -EIO;
	return 0;
}

static int join(struct xdp_pair *s)
{
	u32 other = lives(s, 1);

	/* Several may want it now. */
	if (!linux_claim(&s->head->places[!other].who))
		return -EBUSY;
	s->place = s->flows.place = !other;
	s->beside = s->head->holder == other;
	WRITE_ONCE(s->head->places[s->place].serving, 0);
	WRITE_ONCE(s->head->heir, other);
	flows_clear(&s->flows, s->place);
	return 0;
}

int xdp_pair_enter(struct xdp_pair *s, const struct xdp_prog *p,
		   const struct nic_config *cfg)
{
	int err = look_at_all(s, p, cfg);

	if (!err)
		err = s->head ? join(s) : make(s, cfg);
	if (err) {
		forget(s);
		return err;
	}
	s->head->pid[s->place] = cfg->pid ? cfg->pid : (u64)getpid();
	s->flows.mask = (u32)s->head->mask;
	s->flows.key = s->head->key;
	return 0;
}

int xdp_pair_ready(struct xdp_pair *s, const struct xdp_prog *p,
		   const struct nic_config *cfg)
{
	int err = s->made_fd ? tell_program(s, p, cfg) : 0;

	if (s->made_fd)
		close(s->made_fd);
	s->made_fd = 0;
	return err;
}

bool xdp_pair_last(struct xdp_pair *s)
{
	struct xdp_pair_place *other =
		s->head ? &s->head->places[!s->place] : NULL;

	s->alone = s->alone || !other || linux_claim(&other->who);
	return s->alone;
}

void xdp_pair_leave(struct xdp_pair *s)
{
	struct xdp_pair_head *h = s->head;

	if (!h)
		return;
	WRITE_ONCE(h->places[s->place].serving, 0); /* nor the next one's */
	store_release(&h->places[s->place].who, 0);
	if (s->alone)
		store_release(&h->places[!s->place].who, 0);
	if (h->places[!s->place].who)
		WRITE_ONCE(h->heir, !s->place);
	forget(s);
}

/* ---- what the two tell each other */

void xdp_pair_serves(struct xdp_pair *s, u32 i)
{
	__atomic_fetch_or(&s->head->places[s->place].serving, 1ull << i,
			  __ATOMIC_RELEASE);
}

u32 xdp_pair_pass(struct xdp_pair *s, bool back)
{
	const struct xdp_pair_place *other = &s->head->places[!s->place];
	u64 all = ~0ull >> (64 - s->head->nqueues);

	if (back)
		WRITE_ONCE(s->head->heir, s->place);
	if (back || !other->who || load_acquire(&other->serving) != all)
		return 0;
	WRITE_ONCE(s->head->heir, !s->place);
	return (u32)s->head->pid[!s->place];
}
