/* SPDX-License-Identifier: MIT */
/* Sends back what comes: cc echo.c $(pkg-config --cflags --libs ix) */
#include <errno.h>
#include <stdlib.h>

#include <ix/ixev.h>

static void on_event(struct ixev_ctx *ctx, unsigned int reason)
{
	const void *data;
	ssize_t n;
	size_t len;

	while ((data = ixev_recv_peek(ctx, &len))) {
		n = ixev_send(ctx, data, len);
		if (n == -EAGAIN)
			return; /* IXEVOUT tells when to go on */
		if (n < 0)
			break;
		ixev_recv_zc(ctx, (size_t)n);
	}
	if (ixev_recv(ctx, &len, 1) != -EAGAIN) /* FIN, or it failed */
		ixev_close(ctx);
}

static struct ixev_ctx *on_accept(struct ip_tuple *id)
{
	struct ixev_ctx *ctx = malloc(sizeof(*ctx));

	if (!ctx)
		return NULL; /* rejects it */
	ixev_ctx_init(ctx);
	ixev_set_handler(ctx, IXEVIN | IXEVOUT | IXEVHUP, on_event);
	return ctx;
}

static void on_release(struct ixev_ctx *ctx)
{
	free(ctx);
}

int main(void)
{
	static struct ixev_conn_ops ops = { .accept = on_accept,
					    .release = on_release };

	return ixev_init(&ops) || ixev_init_thread() || ixev_loop();
}
