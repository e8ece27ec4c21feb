/* SPDX-License-Identifier: MIT */
/*
 * What lies behind the original's libix (<ix.h>, <syscall.h>) in our
 * libix.so, under names that do not clash with those of include/ix/ix.h.
 * All per thread. Programs use the original's names.
 */
#ifndef COMPAT_IX_LIBIX_H
#define COMPAT_IX_LIBIX_H

#include "syscall.h"

#pragma GCC visibility push(default)

/* Those that are NULL: what was received is given back, knocks are rejected,
 * dead connections closed, the rest is ignored. */
struct ix_ops {
	void (*udp_recv)(void *addr, size_t len, struct ip_tuple *id);
	void (*udp_sent)(unsigned long cookie);
	void (*tcp_connected)(hid_t handle, unsigned long cookie, long ret);
	void (*tcp_knock)(hid_t handle, struct ip_tuple *id);
	void (*tcp_recv)(hid_t handle, unsigned long cookie, void *addr,
			 size_t len);
	void (*tcp_sent)(hid_t handle, unsigned long cookie, size_t win_size);
	void (*tcp_dead)(hid_t handle, unsigned long cookie);
	void (*timer_event)(unsigned long cookie);
};

/* The calling thread's batch; NULL before ix_init(). */
extern __thread struct bsys_arr *ix_compat_karr;

int ix_compat_init(struct ix_ops *ops, int batch_depth);
int ix_compat_poll(void);
void ix_compat_flush(void);
void ix_compat_handle_events(void);
void *ix_compat_alloc_pages(int nrpages);
void ix_compat_free_pages(void *addr, int nrpages);

int ix_compat_bpoll(struct bsys_desc *d, unsigned int nr);
int ix_compat_bcall(struct bsys_desc *d, unsigned int nr);
struct bsys_arr *ix_compat_baddr(void);
int ix_compat_nrcpus(void);
int ix_compat_timer_init(void *addr);
int ix_compat_timer_ctl(int timer_id, uint64_t delay_us);

/* The batch's next descriptor; a full one is flushed. */
static inline struct bsys_desc *ix_compat_next(void)
{
	struct bsys_arr *k = ix_compat_karr;

	if (!k->ran && k->len >= k->max_len)
		ix_compat_flush();
	return __bsys_arr_next(k);
}

#pragma GCC visibility pop

#endif
