/* SPDX-License-Identifier: MIT */
/*
 * An HTTP/1.1 server with one answer. Connections persist and requests may be
 * pipelined; a request is what ends with an empty line (GET, HEAD: no bodies).
 */
#include <errno.h>
#include <stdlib.h>

#include <ix/ixev.h>

static const char answer[] = "HTTP/1.1 200 OK\r\n"
			     "Content-Type: text/plain\r\n"
			     "Content-Length: 14\r\n"
			     "\r\n"
			     "Hello from IX\n";

struct conn {
	struct ixev_ctx ctx;  /* first: it is what the handlers get */
	unsigned int matched; /* of "\r\n\r\n" */
};

/* The bytes of @data up to the end of the request, or all @len of them. */
static size_t request(struct conn *c, const char *data, size_t len)
{
	static const char end[] = "\r\n\r\n";
	size_t i;

	for (i = 0; i < len && c->matched < 4; i++) {
		if (data[i] == end[c->matched])
			c->matched++;
		else
			c->matched = data[i] == '\r';
	}
	return i;
}

static void on_event(struct ixev_ctx *ctx, unsigned int reason)
{
	struct conn *c = (struct conn *)ctx;
	const char *data;
	size_t len;

	while ((data = ixev_recv_peek(ctx, &len)) && !ixev_error(ctx)) {
		if (ixev_send_room(ctx) < sizeof(answer))
			return; /* the request stays where it is */
		ixev_recv_zc(ctx, request(c, data, len));
		if (c->matched == 4) {
			ixev_send(ctx, answer, sizeof(answer) - 1);
			c->matched = 0;
		}
	}
	if (ixev_recv(ctx, &len, 1) != -EAGAIN) /* FIN, or it failed */
		ixev_close(ctx); /* after all that was accepted */
}

static struct ixev_ctx *on_accept(struct ip_tuple *id)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	ixev_ctx_init(&c->ctx);
	ixev_set_handler(&c->ctx, IXEVIN | IXEVOUT | IXEVHUP, on_event);
	return &c->ctx;
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
