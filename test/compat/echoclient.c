/* SPDX-License-Identifier: MIT */
/*
 * The client to echoserver.c, in the original's manner, bad habits included:
 * the context is not initialised, the message is plain malloc() memory sent
 * with ixev_send_zc(). Sends COUNT messages, compares each, exits.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <ixev.h>
#include <net/ip.h>

enum { SENDING, RECEIVING };

static struct peer {
	struct ixev_ctx ctx;
	struct ip_tuple id;
	int mode;
	size_t done;
	char *out, *in;
} * peer;

static size_t size;
static unsigned long count, wanted;

static void die(const char *why)
{
	ixev_close(&peer->ctx);
	fprintf(stderr, "echoclient: %s\n", why);
	exit(1);
}

static void compare(void)
{
	if (memcmp(peer->in, peer->out, size))
		die("wrong answer");
	if (++count == wanted) {
		printf("%lu messages of %zu bytes\n", count, size);
		exit(0);
	}
	memset(peer->in, 0, size);
	peer->out[count % size]++;
}

static void handler(struct ixev_ctx *ctx, unsigned int reason)
{
	ssize_t ret;

	while (1) {
		if (peer->mode == SENDING)
			ret = ixev_send_zc(ctx, &peer->out[peer->done],
					   size - peer->done);
		else
			ret = ixev_recv(ctx, &peer->in[peer->done],
					size - peer->done);
		if (ret <= 0) {
			if (ret != -EAGAIN)
				die("connection closed");
			return;
		}
		peer->done += ret;
		if (peer->done < size)
			return;
		peer->done = 0;
		if (peer->mode == SENDING) {
			ixev_set_handler(ctx, IXEVIN, &handler);
			peer->mode = RECEIVING;
		} else {
			compare();
			ixev_set_handler(ctx, IXEVOUT, &handler);
			peer->mode = SENDING;
		}
	}
}

static struct ixev_ctx *client_accept(struct ip_tuple *id)
{
	return NULL;
}

static void client_release(struct ixev_ctx *ctx)
{
}

static void client_dialed(struct ixev_ctx *ctx, long ret)
{
	if (ret)
		die("cannot connect");
	peer->mode = SENDING;
	peer->done = 0;
	ixev_set_handler(ctx, IXEVOUT, &handler);
	handler(ctx, IXEVOUT);
}

static struct ixev_conn_ops client_ops = {
	.accept = &client_accept,
	.release = &client_release,
	.dialed = &client_dialed,
};

int main(int argc, char *argv[])
{
	unsigned char a, b, c, d;
	int ret;

	if (argc != 5 ||
	    sscanf(argv[1], "%hhu.%hhu.%hhu.%hhu", &a, &b, &c, &d) != 4) {
		fprintf(stderr, "usage: %s IP PORT SIZE COUNT\n", argv[0]);
		return 2;
	}
	peer = malloc(sizeof(*peer));
	memset(peer, 0xa5, sizeof(*peer)); /* as malloc() may leave it */
	peer->id.dst_ip = MAKE_IP_ADDR(a, b, c, d);
	peer->id.dst_port = atoi(argv[2]);
	size = atoi(argv[3]);
	wanted = atol(argv[4]);
	peer->out = calloc(1, size);
	peer->in = calloc(1, size);
	ixev_init(&client_ops);
	ret = ixev_init_thread();
	if (ret) {
		fprintf(stderr, "unable to init ixev\n");
		exit(1);
	}
	ixev_dial(&peer->ctx, &peer->id);
	while (1)
		ixev_wait();
}
