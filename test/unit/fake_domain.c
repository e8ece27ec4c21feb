/* SPDX-License-Identifier: MIT */
/* See fake_domain.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fake_domain.h"

static struct fake *fake;
static const uint16_t ports[] = { 7, 0 };
static size_t arena_free;

static bool in_arena(uint64_t addr, uint32_t len)
{
	uint64_t base = (uintptr_t)fake->arena;

	return addr >= base && addr + len <= base + FAKE_ARENA;
}

/* Takes what fits into room, appending it to the handle's stream. */
static int64_t sendv(struct fake *f, const struct ix_down *down,
		     const struct ix_call *c)
{
	int64_t taken = 0;
	uint32_t i, n;

	if (!c->nsgs || c->nsgs > IX_MAX_SG_PER_CALL ||
	    c->handle >= FAKE_HANDLES)
		return -EINVAL;
	for (i = 0; i < c->nsgs; i++) {
		const struct ix_sg *sg = &down->sgs[c->sg + i];

		if (!sg->len || !in_arena(sg->addr, sg->len))
			return -EFAULT;
		n = f->room < sg->len ? (uint32_t)f->room : sg->len;
		memcpy(f->stream[c->handle] + f->taken[c->handle],
		       (void *)(uintptr_t)sg->addr, n);
		f->taken[c->handle] += n;
		f->room -= n;
		taken += n;
		if (n < sg->len)
			break;
	}
	return taken;
}

static int64_t give_back(struct fake *f, uint64_t handle, uint32_t n)
{
	if (handle >= FAKE_HANDLES || n > f->rx_out[handle]) {
		f->in_order = false;
		return -EINVAL;
	}
	f->rx_out[handle] -= n;
	return 0;
}

static int64_t answer(struct fake *f, const struct ix_down *down,
		      const struct ix_call *c)
{
	if (f->answer[c->op])
		return f->answer[c->op];
	switch (c->op) {
	case IX_SENDV:
		return give_back(f, c->handle, c->done) ? -EINVAL
							: sendv(f, down, c);
	case IX_RECV_DONE:
		return give_back(f, c->handle, c->bytes);
	case IX_UDP_SENDV:
		return down->sgs[c->sg].len;
	case IX_CONNECT:
	case IX_UDP_BIND:
	case IX_TIMER_SET:
		return (int64_t)f->next_handle++;
	default:
		return 0;
	}
}

static bool is_short(const struct ix_down *down, const struct ix_call *c,
		     int64_t result)
{
	uint32_t i, asked = 0;

	for (i = 0; c->op == IX_SENDV && i < c->nsgs; i++)
		asked += down->sgs[c->sg + i].len;
	return result < asked;
}

static int run_io(struct ix_port *port)
{
	struct ix_up *up = (struct ix_up *)port->up;
	struct ix_down *down = port->down;
	struct fake *f = fake;
	uint32_t i;

	if (f->run_io_error)
		return f->run_io_error;
	up->nshort = 0;
	for (i = 0; i < down->ncalls; i++) {
		const struct ix_call *c = &down->calls[i];

		f->log[f->nlog] = *c;
		up->results[i] = answer(f, down, c);
		up->nshort += is_short(down, c, up->results[i]);
		f->results[f->nlog++] = up->results[i];
	}
	up->nresults = down->ncalls;
	if (down->flags & IX_RUN_FLUSH) {
		f->flushes++;
		return 0;
	}
	f->crossings++;
	memcpy(up->events, f->events, f->nevents * sizeof(f->events[0]));
	up->nevents = f->nevents;
	up->now++;
	f->nevents = 0;
	return 0;
}

static int attach(struct ix_domain *d, int thread, struct ix_port *port)
{
	if (thread > 1)
		return -EINVAL;
	port->down = &fake->down[thread];
	port->up = &fake->up[thread];
	return 0;
}

static int pass(struct ix_port *port, int *count)
{
	if (!fake->pass_error)
		++*count;
	return fake->pass_error;
}

static int release(struct ix_port *port)
{
	return pass(port, &fake->released);
}

static int take(struct ix_port *port)
{
	return pass(port, &fake->taken_ports);
}

static int detach(struct ix_port *port)
{
	return fake->pass_error;
}

struct fake *fake_open(int nthreads)
{
	struct fake *f = calloc(1, sizeof(*f));
	int i;

	f->log = calloc(FAKE_LOG, sizeof(*f->log));
	f->results = calloc(FAKE_LOG, sizeof(*f->results));
	f->arena = mmap(NULL, FAKE_ARENA, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	f->rx = calloc(1, FAKE_RX);
	for (i = 0; i < FAKE_HANDLES; i++)
		f->stream[i] = mmap(NULL, FAKE_STREAM, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	f->domain = (struct ix_domain){
		.name = "fake",
		.abi_version = IX_ABI_VERSION,
		.nthreads = nthreads,
		.arena = f->arena,
		.arena_len = FAKE_ARENA,
		.page_size = 4096,
		.ports = ports,
		.attach = attach,
		.run_io = run_io,
		.release = release,
		.take = take,
		.detach = detach,
	};
	f->room = INT64_MAX;
	f->in_order = true;
	f->next_handle = 1000;
	fake = f;
	if (ix_init_domain(&f->domain))
		abort();
	arena_free = ix_free_bytes();
	return f;
}

size_t fake_close(struct fake *f)
{
	size_t lost = arena_free - ix_free_bytes();
	int i;

	ix_exit();
	for (i = 0; i < FAKE_HANDLES; i++)
		munmap(f->stream[i], FAKE_STREAM);
	munmap(f->arena, FAKE_ARENA);
	free(f->log);
	free(f->results);
	free(f->rx);
	free(f);
	return lost;
}

struct ix_event *fake_event(struct fake *f, uint16_t type, uint64_t handle,
			    uint64_t cookie)
{
	struct ix_event *ev = &f->events[f->nevents++];

	*ev = (struct ix_event){ .type = type,
				 .handle = handle,
				 .cookie = cookie };
	return ev;
}

void fake_knock(struct fake *f, uint64_t handle)
{
	struct ix_event *ev = fake_event(f, IX_EV_KNOCK, handle, 0);

	ev->ip = ix_addr_v4(0x0a000002);
	ev->port = (uint16_t)(10000 + handle);
	ev->local_port = 7;
}

void fake_recv(struct fake *f, uint64_t handle, void *ctx, const void *data,
	       uint32_t len)
{
	struct ix_event *ev = fake_event(f, IX_EV_RECV, handle, (uintptr_t)ctx);

	if (!data)
		return;
	if (f->rx_pos + len > FAKE_RX)
		f->rx_pos = 0;
	memcpy(f->rx + f->rx_pos, data, len);
	ev->addr = (uintptr_t)(f->rx + f->rx_pos);
	ev->len = len;
	f->rx_pos += len + 1; /* never contiguous */
	f->rx_out[handle] += len;
}

void fake_sent(struct fake *f, uint64_t handle, void *ctx, uint32_t len,
	       uint32_t room)
{
	struct ix_event *ev = fake_event(f, IX_EV_SENT, handle, (uintptr_t)ctx);

	ev->acked = len;
	ev->room = room;
}

void fake_dead(struct fake *f, uint64_t handle, void *ctx, int error)
{
	fake_event(f, IX_EV_DEAD, handle, (uintptr_t)ctx)->error =
		(uint32_t)error;
}

int fake_count(const struct fake *f, uint16_t op, uint64_t handle)
{
	uint32_t i;
	int n = 0;

	for (i = 0; i < f->nlog; i++)
		n += f->log[i].op == op &&
		     (!handle || f->log[i].handle == handle);
	return n;
}

const struct ix_call *fake_last(const struct fake *f, uint16_t op,
				uint64_t handle)
{
	uint32_t i;

	for (i = f->nlog; i-- > 0;) {
		if (f->log[i].op == op &&
		    (!handle || f->log[i].handle == handle))
			return &f->log[i];
	}
	return NULL;
}
