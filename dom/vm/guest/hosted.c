/* SPDX-License-Identifier: MIT */
/* NICs whose fast path makes system calls (TAP, an impaired wire): D runs it,
 * on the same struct nicq and buffers. One exit per batch and direction. */
#include "dom/vm/guest/guest.h"

static int burst(enum vm_want want, struct mbuf **pkts, int n, u64 now)
{
	struct vm_burst b = { pkts, n, now };

	return (int)guest_ask(guest_cpu(), want, (u64)&b);
}

static int hosted_rx(struct nicq *q, struct mbuf **pkts, int n, u64 now)
{
	(void)q;
	return burst(VM_WANT_RX, pkts, n, now);
}

static int hosted_tx(struct nicq *q, struct mbuf **pkts, int n, u64 now)
{
	(void)q;
	return burst(VM_WANT_TX, pkts, n, now);
}

/* Done by D in rx() and tx(). */
static void nothing(struct nicq *q)
{
	(void)q;
}

/* No wait(): D waits in VM_WANT_EVENTS. */
const struct nicq_ops guest_hosted_ops = {
	.rx = hosted_rx,
	.tx = hosted_tx,
	.kick = nothing,
	.reclaim = nothing,
};
