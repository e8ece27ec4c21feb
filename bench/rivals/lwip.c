/* SPDX-License-Identifier: MIT */
/*
 * lwIP 2.1 and later, without threads (NO_SYS), by its raw interface: a frame
 * is copied once out of the wire's ring and once into it; what comes is
 * answered within the call that tells of it, so that the ACK rides on it.
 */
#include "bench/rivals/rival.h"

#include <lwip/etharp.h>
#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/sys.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct netif netif;
static u64 clock_ns;

u32_t sys_now(void)
{
	return (u32_t)(clock_ns / 1000000);
}

static void fail(const char *what)
{
	fprintf(stderr, "lwip: %s\n", what);
	exit(1);
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	if (!p)
		return tcp_close(pcb);
	for (struct pbuf *q = p; q; q = q->next)
		if (tcp_write(pcb, q->payload, q->len, TCP_WRITE_FLAG_COPY))
			fail("no room for an answer");
	tcp_recved(pcb, p->tot_len);
	pbuf_free(p);
	return ERR_OK; /* tcp_input() sends what was written */
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
	if (err)
		return err;
	tcp_nagle_disable(pcb);
	tcp_recv(pcb, on_recv);
	return ERR_OK;
}

static err_t send_frame(struct netif *n, struct pbuf *p)
{
	struct wire_queue *w = n->state;
	u8 *to = ring_take(&w->tx[0], p->tot_len);

	if (!to)
		fail("the wire is full");
	pbuf_copy_partial(p, to, p->tot_len, 0);
	return ERR_OK;
}

static err_t init_netif(struct netif *n)
{
	struct wire_queue *w = n->state;

	memcpy(n->hwaddr, w->q.mac, sizeof(n->hwaddr));
	n->hwaddr_len = sizeof(n->hwaddr);
	n->mtu = w->q.mtu;
	n->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP |
		   NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
	n->output = etharp_output;
	n->linkoutput = send_frame;
	return ERR_OK;
}

void rival_open(struct wire_queue *w, u32 ip, u32 mask, u16 port)
{
	ip4_addr_t addr = { lwip_htonl(ip) }, net = { lwip_htonl(mask) };
	struct tcp_pcb *pcb;

	lwip_init();
	if (!netif_add(&netif, &addr, &net, IP4_ADDR_ANY4, w, init_netif,
		       netif_input))
		fail("no interface");
	netif_set_default(&netif);
	netif_set_up(&netif);
	pcb = tcp_new();
	if (!pcb || tcp_bind(pcb, IP_ADDR_ANY, port))
		fail("no port");
	pcb = tcp_listen(pcb);
	if (!pcb)
		fail("nobody listens");
	tcp_accept(pcb, on_accept);
}

void rival_turn(struct wire_queue *w, u64 now)
{
	struct ring_frame f;

	clock_ns = now;
	while (ring_peek(&w->rx[0], &f)) {
		struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16)f.len, PBUF_POOL);

		if (!p)
			fail("no buffer");
		pbuf_take(p, f.data, (u16)f.len);
		ring_next(&w->rx[0], &f);
		if (netif.input(p, &netif))
			pbuf_free(p);
	}
	ring_release(&w->rx[0]);
	sys_check_timeouts();
	ring_publish(&w->tx[0]);
}
