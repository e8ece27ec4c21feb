/* SPDX-License-Identifier: MIT */
/* Proportional rate reduction (RFC 6937), with the slow-start reduction bound
 * where more was lost than the window is reduced by. */
#include "net/tcp_int.h"
#include "net/tcp_loss.h"

u32 tcp_prr_take(struct tcp_prr *p, u32 delivered, u32 pipe, u32 ssthresh,
		 u32 mss)
{
	u32 kept, due;

	p->delivered += delivered;
	if (pipe > ssthresh) {
		u64 n = (u64)p->delivered * ssthresh + p->flight - 1;

		due = (u32)(n / p->flight);
		return due > p->out ? due - p->out : 0;
	}
	kept = p->delivered > p->out ? p->delivered - p->out : 0;
	return min(ssthresh - pipe, max(kept, delivered) + mss);
}
