/* SPDX-License-Identifier: MIT */
/*
 * Frames into net_rx(), on a dataplane that has something to lose: a listener,
 * a connection that has sent data, one half closed, one with timestamps, one
 * just opening from each side, one to a neighbour who is being asked for, a UDP
 * socket. The application is well behaved:
 * it answers every event.
 */
#include "fuzz.h"

enum { UDP_PORT = 53 };

/* One of each kind, see above. */
static void populate(struct rig *r)
{
	struct rig_peer p;
	struct ix_call *c;
	u64 h;

	rig_call(r, IX_UDP_BIND)->port = UDP_PORT;
	c = rig_call(r, IX_CONNECT);
	c->port = 4000;
	c->ip = addr_of_ipv4(rig_peer_ip);
	c = rig_call(r, IX_CONNECT);
	c->port = 4000;
	c->ip = addr_of_ipv4(be32(be32_host(rig_peer_ip) + 1));
	rig_run(r);
	h = rig_accept(r, &p, 1);
	rig_send(r, h, 0, 3000);
	rig_run(r);
	h = rig_accept(r, &p, 2);
	c = rig_call(r, IX_CLOSE);
	c->handle = h;
	c->how = IX_CLOSE_WRITE;
	rig_run(r);
	h = rig_accept_ts(r, &p, 3);
	rig_send(r, h, 0, 300);
	rig_run(r);
	p = (struct rig_peer){ .sport = 9, .dport = RIG_PORT, .seq = 99 };
	rig_inject_tcp(r, &p, TCP_SYN, NULL, 0);
	rig_poll(r);
	rig_poll(r);
}

static void answer(struct rig *r, const struct ix_event *e)
{
	struct ix_call *c;

	switch (e->type) {
	case IX_EV_KNOCK:
		c = rig_call(r, e->port & 1 ? IX_ACCEPT : IX_REJECT);
		c->handle = e->handle;
		break;
	case IX_EV_RECV:
		c = rig_call(r, e->len ? IX_RECV_DONE : IX_CLOSE);
		c->handle = e->handle;
		c->bytes = e->len;
		if (e->len)
			rig_send(r, e->handle, e->len, e->len);
		break;
	case IX_EV_UDP_RECV:
		c = rig_call(r, IX_UDP_RECV_DONE);
		c->handle = e->handle;
		c->addr = e->addr;
		break;
	}
}

static void application(struct rig *r)
{
	fuzz_check_events(r);
	for (u32 i = 0; i < r->up.nevents && r->down.ncalls < 500; i++)
		answer(r, &r->up.events[i]);
	rig_run(r);
	fuzz_check_events(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct rig *r = fuzz_rig(&in);

	populate(r);
	while (in.left) {
		u8 op = fuzz_8(&in);

		switch (op & 7) {
		case 0:
			fuzz_raw(r, &in);
			break;
		case 1:
			fuzz_ip(r, &in);
			break;
		case 2:
			fuzz_time(r, &in);
			break;
		case 4:
			fuzz_ip6(r, &in);
			break;
		default:
			fuzz_segment(r, &in);
		}
		if (op & 0x80) /* the next one comes in the same batch */
			continue;
		rig_poll(r);
		application(r);
	}
	rig_end(r);
	return 0;
}
