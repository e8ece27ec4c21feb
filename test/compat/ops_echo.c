/* SPDX-License-Identifier: MIT */
/*
 * A TCP echo server on the original's low level (struct ix_ops), as it would
 * have been written for it: sends from the receive buffers, gives them back
 * when the peer has acknowledged, reads the results in the batch.
 */
#include <assert.h>

#include <ix.h>
#include <ix/list.h>

#include "cores.h"

/* An overflowing batch would lose results. */
enum { BATCH_DEPTH = 4096, MAX_PIECES = 8192 };

struct conn {
	struct list_node node;
	hid_t handle;
	bool sending; /* a sendv is in the batch */
	bool dead;
	unsigned int head, tail; /* pieces not yet taken */
	struct sg_entry out[MAX_SG_ENTRIES];
	struct sg_entry pieces[MAX_PIECES];
};

static __thread struct list_head conns;

static void send_more(struct conn *c)
{
	unsigned int n = 0;

	if (c->sending)
		return;
	while (n < MAX_SG_ENTRIES && c->head + n != c->tail) {
		c->out[n] = c->pieces[(c->head + n) % MAX_PIECES];
		n++;
	}
	if (!n)
		return;
	c->sending = true;
	if (n == 1)
		ix_tcp_send(c->handle, c->out[0].base, c->out[0].len);
	else
		ix_tcp_sendv(c->handle, c->out, n);
}

static void end(struct conn *c)
{
	ix_tcp_close(c->handle);
	list_del(&c->node);
	free(c);
}

/* @len bytes went out of the pieces. */
static void taken(struct conn *c, size_t len)
{
	struct sg_entry *e;

	c->sending = false;
	while (len) {
		assert(c->head != c->tail);
		e = &c->pieces[c->head % MAX_PIECES];
		if (len < e->len) {
			e->base = (char *)e->base + len;
			e->len -= len;
			return;
		}
		len -= e->len;
		c->head++;
	}
}

static void tcp_knock(hid_t handle, struct ip_tuple *id)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c) {
		ix_tcp_reject(handle);
		return;
	}
	c->handle = handle;
	list_add_tail(&conns, &c->node);
	ix_tcp_accept(handle, (unsigned long)c);
}

static void tcp_recv(hid_t handle, unsigned long cookie, void *addr, size_t len)
{
	struct conn *c = (struct conn *)cookie;

	assert(c->handle == handle && c->tail - c->head < MAX_PIECES);
	c->pieces[c->tail++ % MAX_PIECES] = (struct sg_entry){ addr, len };
	send_more(c);
}

static void tcp_sent(hid_t handle, unsigned long cookie, size_t len)
{
	struct conn *c = (struct conn *)cookie;

	assert(c->handle == handle);
	ix_tcp_recv_done(handle, len);
	send_more(c);
}

static void tcp_dead(hid_t handle, unsigned long cookie)
{
	struct conn *c = (struct conn *)cookie;

	assert(c->handle == handle && !c->dead);
	c->dead = true;
}

static struct ix_ops ops = {
	.tcp_knock = tcp_knock,
	.tcp_recv = tcp_recv,
	.tcp_sent = tcp_sent,
	.tcp_dead = tcp_dead,
};

static void read_results(void)
{
	unsigned long i;

	for (i = 0; i < karr->len; i++) {
		struct bsys_ret *r = (struct bsys_ret *)&karr->descs[i];

		if (r->sysnr == KSYS_TCP_SEND || r->sysnr == KSYS_TCP_SENDV)
			taken((struct conn *)r->cookie,
			      r->ret > 0 ? (size_t)r->ret : 0);
		else if (r->ret)
			printf("call %lu: %ld\n", (unsigned long)r->sysnr,
			       r->ret);
		if (r->ret == -RET_CLOSED || r->ret == -RET_BADH)
			((struct conn *)r->cookie)->head =
				((struct conn *)r->cookie)->tail;
	}
	karr->len = 0;
}

static void end_dead(void)
{
	struct conn *c, *next;

	list_for_each_safe (&conns, c, next, node) {
		if (c->dead && c->head == c->tail && !c->sending)
			end(c);
	}
}

static void *server_main(void *arg)
{
	list_head_init(&conns);
	if (ix_init(&ops, BATCH_DEPTH)) {
		fprintf(stderr, "cannot init ix\n");
		exit(1);
	}
	while (1) {
		ix_poll();
		read_results();
		ix_handle_events();
		end_dead();
	}
	return NULL;
}

int main(void)
{
	on_all_cores(server_main);
	return 0;
}
