/* SPDX-License-Identifier: MIT */
/*
 * AF_XDP for a process without rights. The kernel pins memory for who
 * registers it, maps rings only while a socket is not bound, and binds a socket
 * for whoever has it, but once. So:
 *
 *	keeper                                    dataplane
 *	registers its memory, sizes the rings
 *	                          -- sockets -->  maps the rings
 *	binds, if nobody has      <-- BIND -----
 *	... and enters them into the map
 */
#ifndef NIC_XDP_PASS_H
#define NIC_XDP_PASS_H

#include "nic/keep_msg.h"
#include "nic/xdp_expel.h"
#include "nic/xdp_pin.h"

/* The interface and its program, without sockets: packets go on to Linux. 0 or
 * -errno with the reason in @why, as all of them. */
int xdp_pass_open(const struct nic_config *cfg, struct nic **out, char *why,
		  size_t why_len);
/* Has another one the sockets? Then nic->fd are side doors: nothing follows. */
bool xdp_pass_beside(const struct nic *nic);

/* nic->fd, not bound yet; @cfg: where its memory is mapped, until this
 * returns, and @pin who has it pinned. */
int xdp_pass_sockets(struct nic *nic, const struct nic_config *cfg,
		     const struct xdp_pin *pin, char *why, size_t why_len);
/* From now on packets come to them. */
int xdp_pass_bind(struct nic *nic, char *why, size_t why_len);

/* No more packets, and our copies of the sockets are closed, to @s. Processes
 * of the user that have others after that are ended: they would keep queues
 * that others are to have, and memory beyond what was granted. 0, or -EBUSY:
 * somebody still has some. */
int xdp_pass_suspend(struct nic *nic, struct xdp_sockets *s);
/* ... for good: xdp_left() says whether somebody has. */
void xdp_pass_close(struct nic *nic, struct xdp_sockets *s);

/* What only AF_XDP has. */
void xdp_pass_describe(const struct nic *nic, struct keep_reply *r);

#endif
