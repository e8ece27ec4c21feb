/* SPDX-License-Identifier: MIT */
/*
 * A client on the original's low level: ops_client IP PORT. Connections to an
 * echo server that send from the arena and from the heap;
 * refused ones; wrong handles; timers; datagrams from a port of its
 * own, in batches that overflow. Exits 0 when all has come back as it was sent.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <ix.h>
#include <net/ip.h>

enum {
	BATCH_DEPTH = 4096, /* results of a batch that overflows are lost */
	SMALL_DEPTH = 7,
	CONNS = 20,
	BYTES = 300000,
	DATAGRAMS = 40,
	UDP_PORT = 4000,
	TICKS = 3,
};

struct conn {
	hid_t handle;
	const char *data;
	size_t asked, sent, received; /* asked: of the dataplane, by now */
	bool sending, ended;
	struct ip_tuple id;
};

static struct conn conns[CONNS];
static struct ip_tuple closed_port, udp_id;
static int done, refused, ticks, datagrams_back, datagrams_sent;
static int tick_id, never_id;
static bool told_never;
static bool tidy; /* sets karr->len = 0: some did, some did not */
static char datagram[DATAGRAMS][1000];

static void send_more(struct conn *c)
{
	size_t n = BYTES - c->sent;

	if (c->sending || !n)
		return;
	c->sending = true;
	ix_tcp_send(c->handle, (char *)c->data + c->sent,
		    n < 50000 ? n : 50000);
}

static void tcp_connected(hid_t handle, unsigned long cookie, long ret)
{
	struct conn *c = (struct conn *)cookie;

	if (!c) {
		assert(ret == -RET_CONNREFUSED);
		refused++;
		return;
	}
	assert(!ret && (!c->handle || c->handle == handle));
	c->handle = handle;
	send_more(c);
}

static void tcp_recv(hid_t handle, unsigned long cookie, void *addr, size_t len)
{
	struct conn *c = (struct conn *)cookie;

	assert(c->handle == handle && len <= BYTES - c->received);
	if (memcmp(addr, c->data + c->received, len)) {
		fprintf(stderr, "wrong bytes at %zu\n", c->received);
		exit(1);
	}
	c->received += len;
	ix_tcp_recv_done(handle, len);
	if (c->received == BYTES) {
		ix_tcp_close(handle);
		c->ended = true;
		done++;
	}
}

static void tcp_sent(hid_t handle, unsigned long cookie, size_t len)
{
	send_more((struct conn *)cookie);
}

static void tcp_dead(hid_t handle, unsigned long cookie)
{
	fprintf(stderr, "died after %zu bytes\n",
		((struct conn *)cookie)->received);
	exit(1);
}

static void udp_recv(void *addr, size_t len, struct ip_tuple *id)
{
	int i = *(unsigned char *)addr;

	assert(id->src_ip == udp_id.dst_ip && id->src_port == udp_id.dst_port);
	assert(id->dst_port == UDP_PORT && i < DATAGRAMS);
	assert(len == sizeof(datagram[0]));
	assert(!memcmp(addr, datagram[i], len));
	ix_udp_recv_done(addr);
	datagrams_back++;
}

static void udp_sent(unsigned long cookie)
{
	assert(cookie == (unsigned long)datagrams_sent + 1);
	datagrams_sent++;
}

static void timer_event(unsigned long cookie)
{
	if (cookie == (unsigned long)&told_never)
		told_never = true;
	else if (++ticks < TICKS)
		assert(!sys_timer_ctl(tick_id, 1000));
}

static struct ix_ops ops = {
	.udp_recv = udp_recv,
	.udp_sent = udp_sent,
	.tcp_connected = tcp_connected,
	.tcp_recv = tcp_recv,
	.tcp_sent = tcp_sent,
	.tcp_dead = tcp_dead,
	.timer_event = timer_event,
};

static void read_results(void)
{
	unsigned long i;

	for (i = 0; i < karr->len; i++) {
		struct bsys_ret *r = (struct bsys_ret *)&karr->descs[i];
		struct conn *c = (struct conn *)r->cookie;

		if (r->sysnr != KSYS_TCP_SEND) {
			assert(r->sysnr == KSYS_TCP_CONNECT ? r->ret > 0
							    : !r->ret);
			continue;
		}
		assert(r->ret >= 0);
		c->sending = false;
		c->sent += (size_t)r->ret;
	}
	if (tidy)
		karr->len = 0;
}

static void poll_once(void)
{
	ix_poll();
	read_results();
	ix_handle_events();
}

static long one_call(uint64_t sysnr, uint64_t handle, uint64_t b)
{
	struct bsys_desc d;

	bsys_desc_fill(&d, sysnr, handle, b, 1, 0);
	assert(!sys_bcall(&d, 1));
	assert(d.sysnr == sysnr);
	return ((struct bsys_ret *)&d)->ret;
}

static void wrong_calls(void)
{
	hid_t none[] = { 0, -1, 1, 1l << 24, conns[0].handle + (1l << 24) };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(none); i++) {
		uint64_t h = (uint64_t)none[i];

		assert(one_call(KSYS_TCP_CLOSE, h, 0) == -RET_BADH);
		assert(one_call(KSYS_TCP_ACCEPT, h, 0) == -RET_BADH);
		assert(one_call(KSYS_TCP_SEND, h, (uintptr_t)datagram) ==
		       -RET_BADH);
	}
	assert(one_call(KSYS_TCP_REJECT, (uint64_t)conns[0].handle, 0) ==
	       -RET_BADH);
	assert(one_call(KSYS_UDP_RECV_DONE, (uintptr_t)datagram, 0) ==
	       -RET_INVAL);
	assert(one_call(KSYS_NR, 0, 0) == -RET_NOSYS);
}

static void run_tcp(uint32_t ip, uint16_t port)
{
	char *arena = ix_alloc_pages(1), *heap = malloc(BYTES);
	uint32_t x = 1;
	int i;

	assert(arena && heap && BYTES <= PGSIZE_2MB);
	for (i = 0; i < BYTES; i++) {
		x = x * 1103515245 + 12345;
		arena[i] = heap[i] = (char)(x >> 24);
	}
	closed_port = (struct ip_tuple){ .dst_ip = ip, .dst_port = 1 };
	ix_tcp_connect(&closed_port, 0);
	for (i = 0; i < CONNS; i++) {
		conns[i].id =
			(struct ip_tuple){ .dst_ip = ip, .dst_port = port };
		conns[i].data = i % 2 ? arena : heap;
		ix_tcp_connect(&conns[i].id, (unsigned long)&conns[i]);
	}
	while (!conns[0].handle)
		poll_once();
	wrong_calls();
	while (done < CONNS || !refused)
		poll_once();
	assert(refused == 1);
	ix_free_pages(arena, 1);
	free(heap);
}

static void run_timers(void)
{
	tick_id = sys_timer_init(&ticks);
	never_id = sys_timer_init(&told_never);
	assert(tick_id >= 0 && never_id >= 0 && tick_id != never_id);
	assert(sys_timer_ctl(never_id + 1, 1) < 0);
	assert(!sys_timer_ctl(tick_id, 1000));
	assert(!sys_timer_ctl(never_id, 1000));
	assert(!sys_timer_ctl(never_id, 3600 * 1000000ull)); /* instead */
	while (ticks < TICKS)
		poll_once();
	assert(!told_never);
}

static void run_udp(uint32_t ip, uint16_t port)
{
	int i;

	udp_id = (struct ip_tuple){ .dst_ip = ip,
				    .src_port = UDP_PORT,
				    .dst_port = port };
	for (i = 0; i < DATAGRAMS; i++) {
		memset(datagram[i], 'a' + i % 26, sizeof(datagram[i]));
		datagram[i][0] = (char)i;
		ix_udp_send(datagram[i], sizeof(datagram[i]), &udp_id,
			    (unsigned long)i + 1);
	}
	while (datagrams_back < DATAGRAMS || datagrams_sent < DATAGRAMS)
		poll_once();
}

int main(int argc, char *argv[])
{
	unsigned char a, b, c, d;
	uint32_t ip;

	if (argc != 4 ||
	    sscanf(argv[2], "%hhu.%hhu.%hhu.%hhu", &a, &b, &c, &d) != 4) {
		fprintf(stderr, "usage: %s tcp|udp IP PORT\n", argv[0]);
		return 2;
	}
	ip = MAKE_IP_ADDR(a, b, c, d);
	assert(ix_init(NULL, 1) < 0);
	if (ix_init(&ops, argv[1][0] == 't' ? BATCH_DEPTH : SMALL_DEPTH)) {
		fprintf(stderr, "cannot init ix\n");
		return 1;
	}
	tidy = argv[1][0] == 't';
	if (tidy)
		run_tcp(ip, (uint16_t)atoi(argv[3]));
	else
		run_udp(ip, (uint16_t)atoi(argv[3]));
	run_timers();
	printf("%d connections, %d datagrams\n", done, datagrams_back);
	return 0;
}
