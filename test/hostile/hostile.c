/* SPDX-License-Identifier: MIT */
/* The echo, and one lie after the other; then the echo until SIGTERM. Exit
 * status 0: all lies were refused. */
#include "hostile.h"

#include "dom/process/shm.h"

#include <fcntl.h>
#include <pthread.h>
#include <termios.h>
#include <time.h>

enum {
	SLOT_BYTES = 16384,
	BETWEEN_MS = 20,
	PATIENCE = 6000, /* 10 ms each; an emulated machine is slow */
};

/* Cookie of a connection that is hoarded. */
#define HOARDED (1ull << 40)

/* An echo connection. Received bytes are copied to a piece of the arena, and
 * given back when the peer has acknowledged them: at most SLOT_BYTES are under
 * way, for a peer that asks no more. */
struct slot {
	bool used;
	uint64_t handle;
	char *mem;
	uint32_t at;
};

static struct slot slots[SLOTS];
struct hoarded hoarded;
static struct rogue rogue;

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

bool refused(const char *what, int64_t got)
{
	if (got < 0)
		return true;
	printf("hostile: %s was believed: %lld\n", what, (long long)got);
	return false;
}

int64_t result(struct rogue *r)
{
	int last = (int)r->t->ncalls - 1;

	if (ix_flush(r->t) || r->t->port.up->nresults != (uint32_t)last + 1)
		return -ENETDOWN;
	return ix_result(r->t, last);
}

/* ---- the echo */

static void room(struct rogue *r)
{
	if (r->t->ncalls > IX_MAX_CALLS - 8)
		ix_flush(r->t);
}

static struct slot *slot_new(uint64_t handle)
{
	for (int i = 1; i < SLOTS; i++) {
		struct slot *s = &slots[i];

		if (s->used)
			continue;
		s->used = true;
		s->handle = handle;
		if (!s->mem)
			s->mem = ix_alloc_pages(SLOT_BYTES);
		return s->mem ? s : NULL;
	}
	return NULL;
}

static void echo(struct rogue *r, struct slot *s, const struct ix_event *e)
{
	uint32_t len = e->len;

	if (s->at + len > SLOT_BYTES)
		s->at = 0;
	r->other = e->addr;
	memcpy(s->mem + s->at, (const void *)(uintptr_t)e->addr, len);
	ix_send(r->t, s->handle, s->mem + s->at, len);
	ix_recv_done(r->t, s->handle, len);
	s->at += len;
}

static void knock(struct rogue *r, const struct ix_event *e)
{
	struct slot *s;

	if (e->local_port == OWN_PORT && !r->knocked) {
		r->knocked = e->handle;
		return;
	}
	if (e->local_port == HOARD_PORT && r->hoards) {
		ix_accept(r->t, e->handle, HOARDED);
		return;
	}
	s = e->local_port == ECHO_PORT ? slot_new(e->handle) : NULL;
	if (s)
		ix_accept(r->t, e->handle, (uint64_t)(s - slots));
	else
		ix_reject(r->t, e->handle);
}

/* Keeps all of it, until the connection is aborted. */
static void hoard(const struct ix_event *e)
{
	uint32_t i;

	hoarded.bytes += e->len;
	for (i = 0; i < hoarded.n && hoarded.handle[i] != e->handle; i++)
		;
	if (i == hoarded.n && i < SLOTS)
		hoarded.handle[hoarded.n++] = e->handle;
}

static void end(struct rogue *r, const struct ix_event *e, bool dead)
{
	if (!dead)
		ix_close(r->t, e->handle, IX_CLOSE_ALL);
	else if (e->cookie && e->cookie < SLOTS)
		slots[e->cookie].used = false;
}

static void handle(struct rogue *r, const struct ix_event *e)
{
	room(r);
	if (e->type == IX_EV_KNOCK) {
		knock(r, e);
	} else if (e->type == IX_EV_RECV && e->len && e->cookie &&
		   e->cookie < SLOTS) {
		echo(r, &slots[e->cookie], e);
	} else if (e->type == IX_EV_RECV && e->handle == r->own && e->len) {
		r->received = e->addr;
		r->got += e->len;
	} else if (e->type == IX_EV_RECV && e->cookie == HOARDED && e->len) {
		if (r->hoards)
			hoard(e);
		else
			ix_abort(r->t, e->handle);
	} else if (e->type == IX_EV_RECV || e->type == IX_EV_DEAD) {
		end(r, e, e->type == IX_EV_DEAD);
	}
}

bool serve(struct rogue *r, int ms)
{
	uint64_t until = now_ns() + (uint64_t)ms * 1000000;

	do {
		if (ix_poll_io(r->t))
			return false;
		for (uint32_t i = 0; i < ix_nevents(r->t); i++)
			handle(r, ix_event(r->t, i));
	} while (now_ns() < until);
	return !ix_flush(r->t);
}

bool is_true(struct rogue *r, uint64_t handle)
{
	bool found = handle == r->own || handle == r->knocked;

	for (int i = 1; i < SLOTS; i++)
		found |= slots[i].used && slots[i].handle == handle;
	return found;
}

/* ---- the lies */

/* Before ix_init() closes them. */
static void keep_fds(struct rogue *r)
{
	const char *env = getenv("IX_PROCESS");
	int fd[5];

	if (!env || sscanf(env, "%d %d %d %d %d", &fd[0], &fd[1], &fd[2],
			   &fd[3], &fd[4]) != 5)
		exit(77);
	for (int i = 0; i < 5; i++)
		r->fds[i] = dup(fd[i]);
}

static bool await(struct rogue *r, uint64_t *what)
{
	for (int i = 0; i < PATIENCE && !*what; i++)
		if (!serve(r, 10))
			return false;
	return *what != 0;
}

/* Two connections to OWN_PORT: one to be stale soon, one to play with. */
static bool open_own(struct rogue *r)
{
	for (int i = 0; i < 2; i++) {
		if (!await(r, &r->knocked))
			return false;
		ix_accept(r->t, r->knocked, 0);
		if (result(r))
			return false;
		r->own = r->knocked;
		r->knocked = 0;
		if (!await(r, &r->received))
			return false;
		if (i == 0) {
			r->stale = r->own;
			r->received = r->got = 0;
			ix_abort(r->t, r->stale);
			if (result(r))
				return false;
		}
	}
	return true;
}

static bool open_all(struct rogue *r)
{
	keep_fds(r);
	if (pread(r->fds[0], &r->dataplane, sizeof(r->dataplane),
		  offsetof(struct proc_info, pid)) != sizeof(r->dataplane))
		return false;
	if (ix_init())
		return false;
	r->t = ix_attach(0);
	r->mem = ix_alloc_pages(65536);
	if (!r->t || !r->mem)
		return false;
	ix_listen(r->t, NULL, ECHO_PORT, 128);
	if (result(r))
		return false;
	ix_listen(r->t, NULL, OWN_PORT, 128);
	return !result(r) && open_own(r);
}

static int tell_all(struct rogue *r, const struct lie *lies)
{
	int believed = 0;

	for (; lies->name; lies++) {
		uint64_t from = now_ns();
		bool ok = lies->tell(r);

		printf("%s: %s (%.0f ms)\n", ok ? "refused" : "BELIEVED",
		       lies->name, (double)(now_ns() - from) / 1e6);
		fflush(stdout);
		believed += !ok;
		if (!serve(r, BETWEEN_MS)) {
			printf("BELIEVED: the dataplane is gone\n");
			exit(1);
		}
	}
	return believed;
}

void shut_stderr(void)
{
	static const char fill[4096];
	int flags = fcntl(2, F_GETFL);

	if (isatty(2)) {
		tcflow(2, TCOOFF);
		return;
	}
	fcntl(2, F_SETFL, flags | O_NONBLOCK);
	while (lseek(2, 0, SEEK_CUR) < 0 && write(2, fill, sizeof(fill)) > 0)
		;
	fcntl(2, F_SETFL, flags);
}

/* Attached, with peers, it becomes another program: as one that never crosses,
 * and then ends. Meanwhile nobody can write to stderr. */
static int become(struct rogue *r)
{
	printf("hostile: becomes another program\n");
	shut_stderr();
	execl("/bin/sleep", "sleep", "8", NULL);
	return 1;
}

static void *come_and_go(void *arg)
{
	struct ix_thread *t = ix_attach(1);

	if (t)
		ix_detach(t);
	return t;
}

/* One thread detaches at once, others never attach: what comes to theirs is
 * the dataplane's to answer. */
static int leave(struct rogue *r)
{
	pthread_t id;
	void *came = NULL;

	if (!pthread_create(&id, NULL, come_and_go, NULL))
		pthread_join(id, &came);
	printf("hostile: %s\n", came ? "has left a thread" : "cannot leave");
	while (came && serve(r, BETWEEN_MS))
		;
	return !came;
}

/* Which of all it may have: "tcp 7 20000-20009". */
static void say_ports(struct rogue *r, const char *what,
		      bool (*have)(struct rogue *r, uint16_t port))
{
	uint32_t first = 0;

	printf("%s", what);
	for (uint32_t port = 1; port <= 65536; port++) {
		bool ours = port < 65536 && have(r, (uint16_t)port);

		if (ours && !first)
			first = port;
		if (ours || !first)
			continue;
		printf(first == port - 1 ? " %u" : " %u-%u", first, port - 1);
		first = 0;
	}
	printf("\n");
}

static bool may_listen(struct rogue *r, uint16_t port)
{
	ix_listen(r->t, NULL, port, 1);
	if (result(r))
		return false;
	ix_unlisten(r->t, NULL, port);
	result(r);
	return true;
}

static bool may_bind(struct rogue *r, uint16_t port)
{
	int64_t handle;

	ix_udp_bind(r->t, 0, NULL, port);
	handle = result(r);
	if (handle < 0)
		return false;
	ix_udp_unbind(r->t, (uint64_t)handle);
	result(r);
	return true;
}

/* Alone, without peers. */
static int ports(struct rogue *r)
{
	if (ix_init() || !(r->t = ix_attach(0)))
		return 1;
	say_ports(r, "tcp", may_listen);
	say_ports(r, "udp", may_bind);
	return 0;
}

int main(int argc, char **argv)
{
	struct rogue *r = &rogue;
	int believed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "ports"))
		return ports(r);
	if (!open_all(r)) {
		printf("hostile: cannot begin: %s\n", strerror(errno));
		return 1;
	}
	if (argc > 1 && !strcmp(argv[1], "exec"))
		return become(r);
	if (argc > 1 && !strcmp(argv[1], "leave"))
		return leave(r);
	believed += tell_all(r, lies_mem);
	believed += tell_all(r, lies_call);
	believed += tell_all(r, lies_flood);
	believed += tell_all(r, lies_race);
	believed += tell_all(r, lies_futex);
	believed += tell_all(r, lies_sys);
	printf("hostile: %d believed\n", believed);
	while (serve(r, BETWEEN_MS)) /* until it is told to end */
		;
	return believed != 0;
}
