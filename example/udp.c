/* SPDX-License-Identifier: MIT */
/* UDP: tells each who sends a datagram its address and port, as seen here. */
#include <stdio.h>

#include <ix/ix.h>
#include <ix/ixev.h>

static void on_datagram(struct ixev_udp *u, void *data, size_t len,
			const struct ix_addr *ip, uint16_t port)
{
	char text[IX_ADDR_STRLEN], line[IX_ADDR_STRLEN + 8];
	int n = snprintf(line, sizeof(line), "%s %u\n",
			 ix_addr_format(ip, text), port);

	/* Or -EAGAIN: no memory now. A datagram may get lost, this too. */
	ixev_udp_send(u, ip, port, line, (size_t)n);
	ixev_udp_recv_done(u, data);
}

int main(void)
{
	static struct ixev_conn_ops ops; /* no TCP */
	struct ixev_udp u;

	if (ixev_init(&ops) || ixev_init_thread())
		return 1;
	if (ixev_udp_bind(&u, NULL, ix_domain()->ports[0], on_datagram))
		return 1;
	return !!ixev_loop();
}
