/* SPDX-License-Identifier: MIT */
/*
 * An echo server on io_uring, the way its authors recommend: one ring per core,
 * work only when the thread asks for it (DEFER_TASKRUN), one system call per
 * round for all that has come; accept and recv are asked for once and answer
 * many times (multishot); connections are registered files, never descriptors;
 * the kernel receives into a ring of buffers that it takes as it needs them,
 * and what came is sent from where it lies.
 *
 *   recv ---> buffer b, at the end of its connection's queue
 *             the queue's first is being sent, with MSG_WAITALL: in whole
 *   sent ---> b back to the kernel, the next of the queue is sent
 *
 * A connection that is sent more than it takes holds at most HOLD buffers: then
 * its recv is cancelled until they are sent. When all buffers are taken the
 * kernel ends a recv by ENOBUFS: the connection is hungry until some are back.
 * (So BUFFERS / HOLD clients that never read can stop the others: this is a
 * contender, not a public service.)
 */
#include "bench/linux_server.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum {
	ENTRIES = 2048, /* of the submission ring */
	COMPLETIONS = 4 * ENTRIES,
	SLOTS = 65536,	/* connections */
	BUFFERS = 1024, /* a power of two */
	BUF = 4096,
	GROUP = 0,     /* of buffers */
	HOLD = 64,     /* buffers, of one connection */
	NONE = 0xffff, /* no buffer, no slot */
};

enum op { ACCEPT, RECV, SEND, CANCEL, CLOSE };

struct conn {
	uint16_t first, last; /* received, not yet sent; NONE: nothing */
	uint16_t held;
	uint16_t hungry_next;
	bool receiving; /* a recv is in the kernel */
	bool cancelling;
	bool sending;
	bool ended; /* by the peer; what it sent before is answered */
	bool broken;
	bool hungry;
};

struct buffer {
	uint16_t next;
	uint32_t len;
};

struct server {
	const struct server_conf *conf;
	struct io_uring ring;
	struct io_uring_buf_ring *free;
	uint32_t given;	 /* to the kernel, this round */
	uint8_t *memory; /* BUFFERS of BUF bytes */
	struct buffer buffers[BUFFERS];
	struct conn *conns; /* by slot */
	uint16_t hungry;    /* first of a list; NONE: nobody */
	int listener;
};

/* user_data */
static uint64_t tag(enum op op, uint32_t slot)
{
	return (uint64_t)op << 32 | slot;
}

/* A full ring is handed to the kernel, which then has taken all. */
static struct io_uring_sqe *prepare(struct server *s)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&s->ring);

	while (!sqe) {
		io_uring_submit(&s->ring);
		sqe = io_uring_get_sqe(&s->ring);
	}
	return sqe;
}

static void ask_accept(struct server *s)
{
	struct io_uring_sqe *sqe = prepare(s);

	io_uring_prep_multishot_accept_direct(sqe, s->listener, NULL, NULL, 0);
	sqe->user_data = tag(ACCEPT, 0);
}

static void ask_recv(struct server *s, uint32_t slot)
{
	struct io_uring_sqe *sqe = prepare(s);

	io_uring_prep_recv_multishot(sqe, (int)slot, NULL, 0, 0);
	sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	sqe->user_data = tag(RECV, slot);
	s->conns[slot].receiving = true;
}

static void ask_cancel(struct server *s, uint32_t slot)
{
	struct io_uring_sqe *sqe = prepare(s);

	io_uring_prep_cancel64(sqe, tag(RECV, slot), 0);
	sqe->user_data = tag(CANCEL, slot);
	s->conns[slot].cancelling = true;
}

static void ask_close(struct server *s, uint32_t slot)
{
	struct io_uring_sqe *sqe = prepare(s);

	io_uring_prep_close_direct(sqe, slot);
	sqe->user_data = tag(CLOSE, slot);
}

static void ask_send(struct server *s, uint32_t slot)
{
	struct conn *c = &s->conns[slot];
	struct io_uring_sqe *sqe = prepare(s);

	io_uring_prep_send(sqe, (int)slot, s->memory + c->first * BUF,
			   s->buffers[c->first].len,
			   MSG_WAITALL | MSG_NOSIGNAL);
	sqe->flags |= IOSQE_FIXED_FILE;
	sqe->user_data = tag(SEND, slot);
	c->sending = true;
}

static void give_buffer(struct server *s, uint16_t b)
{
	io_uring_buf_ring_add(s->free, s->memory + b * BUF, BUF, b,
			      io_uring_buf_ring_mask(BUFFERS), (int)s->given++);
}

static void push(struct server *s, struct conn *c, uint16_t b, uint32_t len)
{
	s->buffers[b] = (struct buffer){ .next = NONE, .len = len };
	if (c->first == NONE)
		c->first = b;
	else
		s->buffers[c->last].next = b;
	c->last = b;
	c->held++;
}

static void pop(struct server *s, struct conn *c)
{
	uint16_t b = c->first;

	c->first = s->buffers[b].next;
	c->held--;
	give_buffer(s, b);
}

static void starve(struct server *s, uint32_t slot)
{
	struct conn *c = &s->conns[slot];

	c->hungry = true;
	c->hungry_next = s->hungry;
	s->hungry = (uint16_t)slot;
}

/* What the connection's state asks for next; after every completion. */
static void go_on(struct server *s, uint32_t slot)
{
	struct conn *c = &s->conns[slot];
	bool over = c->ended || c->broken;

	if (c->broken && !c->sending)
		while (c->first != NONE)
			pop(s, c);
	if (c->first != NONE && !c->sending)
		ask_send(s, slot);
	if (c->receiving && !c->cancelling && (c->held >= HOLD || c->broken))
		ask_cancel(s, slot);
	if (c->receiving || c->cancelling || c->hungry)
		return;
	if (!over && c->held < HOLD / 2)
		ask_recv(s, slot);
	else if (over && !c->sending)
		ask_close(s, slot);
}

static void feed_hungry(struct server *s)
{
	uint16_t slot = s->hungry;

	s->hungry = NONE;
	while (slot != NONE) {
		struct conn *c = &s->conns[slot];
		uint16_t next = c->hungry_next;

		c->hungry = false;
		go_on(s, slot);
		slot = next;
	}
}

static void accepted(struct server *s, const struct io_uring_cqe *cqe)
{
	if (!(cqe->flags & IORING_CQE_F_MORE))
		ask_accept(s);
	if (cqe->res < 0)
		return;
	s->conns[cqe->res] = (struct conn){ .first = NONE, .last = NONE };
	go_on(s, (uint32_t)cqe->res);
}

static void received(struct server *s, uint32_t slot,
		     const struct io_uring_cqe *cqe)
{
	struct conn *c = &s->conns[slot];

	if (!(cqe->flags & IORING_CQE_F_MORE))
		c->receiving = false;
	if (cqe->res > 0)
		push(s, c, (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT),
		     (uint32_t)cqe->res);
	else if (!cqe->res)
		c->ended = true;
	else if (cqe->res == -ENOBUFS)
		starve(s, slot);
	else if (cqe->res != -ECANCELED)
		c->broken = true;
}

static void sent(struct server *s, uint32_t slot,
		 const struct io_uring_cqe *cqe)
{
	struct conn *c = &s->conns[slot];

	c->sending = false;
	if (cqe->res != (int)s->buffers[c->first].len)
		c->broken = true;
	pop(s, c);
}

static void complete(struct server *s, const struct io_uring_cqe *cqe)
{
	uint32_t slot = (uint32_t)cqe->user_data;
	enum op op = (enum op)(cqe->user_data >> 32);

	if (op == ACCEPT)
		accepted(s, cqe);
	if (op == ACCEPT || op == CLOSE)
		return;
	if (op == RECV)
		received(s, slot, cqe);
	else if (op == SEND)
		sent(s, slot, cqe);
	else
		s->conns[slot].cancelling = false;
	go_on(s, slot);
}

/* Buffers are given back in one go: the kernel looks at the ring's tail. */
static void round_trip(struct server *s)
{
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;

	io_uring_submit_and_wait(&s->ring, 1);
	io_uring_for_each_cqe(&s->ring, head, cqe)
	{
		complete(s, cqe);
		n++;
	}
	io_uring_cq_advance(&s->ring, n);
	if (!s->given)
		return;
	io_uring_buf_ring_advance(s->free, (int)s->given);
	s->given = 0;
	feed_hungry(s);
}

static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int open_buffers(struct server *s)
{
	size_t ring = BUFFERS * sizeof(struct io_uring_buf);
	struct io_uring_buf_reg reg = { .ring_entries = BUFFERS,
					.bgid = GROUP };
	int err;

	s->free = map(ring);
	s->memory = map((size_t)BUFFERS * BUF);
	if (!s->free || !s->memory)
		return -ENOMEM;
	reg.ring_addr = (uint64_t)(uintptr_t)s->free;
	err = io_uring_register_buf_ring(&s->ring, &reg, 0);
	if (err)
		return err;
	io_uring_buf_ring_init(s->free);
	for (uint16_t b = 0; b < BUFFERS; b++)
		give_buffer(s, b);
	io_uring_buf_ring_advance(s->free, BUFFERS);
	s->given = 0;
	return 0;
}

/* As many as may be. */
static unsigned int slots(void)
{
	struct rlimit files = { SLOTS, SLOTS };

	getrlimit(RLIMIT_NOFILE, &files);
	return files.rlim_cur < SLOTS ? (unsigned int)files.rlim_cur
				      : SLOTS - 1;
}

/* DEFER_TASKRUN is of Linux 6.1. */
static int open_ring(struct server *s)
{
	struct io_uring_params p = { .flags = IORING_SETUP_CQSIZE |
					      IORING_SETUP_SINGLE_ISSUER |
					      IORING_SETUP_DEFER_TASKRUN,
				     .cq_entries = COMPLETIONS };
	int err = io_uring_queue_init_params(ENTRIES, &s->ring, &p);

	if (err == -EINVAL) {
		p = (struct io_uring_params){ .flags = IORING_SETUP_CQSIZE,
					      .cq_entries = COMPLETIONS };
		err = io_uring_queue_init_params(ENTRIES, &s->ring, &p);
	}
	if (!err)
		err = io_uring_register_files_sparse(&s->ring, slots());
	return err ? err : open_buffers(s);
}

static void serve(const struct server_conf *conf)
{
	struct server *s = calloc(1, sizeof(*s));

	if (!s || !(s->conns = calloc(SLOTS, sizeof(*s->conns))))
		server_die(conf, "memory");
	s->conf = conf;
	s->hungry = NONE;
	errno = -open_ring(s);
	if (errno)
		server_die(conf, "io_uring with multishot (Linux 6.0)");
	s->listener = server_listen(conf, 0, SOCK_STREAM);
	if (s->listener < 0)
		server_die(conf, "listen");
	ask_accept(s);
	for (;;)
		round_trip(s);
}

int main(int argc, char **argv)
{
	struct server_conf conf = {
		.name = "uring_echo", .port = 7, .ports = 1, .threads = 1
	};

	if (!server_parse(&conf, "pt", argc, argv))
		return 2;
	server_run(&conf, serve);
	return 1;
}
