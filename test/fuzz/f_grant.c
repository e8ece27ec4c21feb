/* SPDX-License-Identifier: MIT */
/*
 * What a user says to the keeper of a NIC, whatever it is: requests of wrong
 * numbers and lengths, in any order, repeated, in pieces, cut off; with
 * descriptors that are missing, too many, of any kind. The NIC below is a model
 * that knows what may be done to it, and when. The first byte: a TAP device or
 * AF_XDP, shared or not, and what of it fails. A request is a record:
 *
 *	what | flags    HOW_*
 *	lengths         a byte each, see length()
 *	descriptors     how many, and a byte for each, see make_fd()
 *	HOW_CORES       how many run
 *	HOW_GROUPS      eight flow groups' queues, repeated; new flows are to be
 *	                ours again
 *	HOW_PIECE       how many bytes of it are a message of their own
 *	HOW_CUT         ... are sent at all
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/panic.h"
#include "fuzz.h"
#include "nic/keep_msg.h"
#include "nic/linux.h"
#include "nic/xdp_pass.h"

enum {
	QUEUES = 2,
	MOST = 2 << 20, /* granted of either memory */
	SIZE = 4 * NIC_PAGE,
	REQUESTS = 16,
	MOST_FDS = KEEP_FDS, /* of a request: more than are taken */
	INDEX = 4711,
	FDS = 1024,
	FLOWS = NIC_PAGE / sizeof(u64),
	OTHERS = 8, /* flows of the other place */
};

enum {
	TAP = 1,
	OPEN_FAILS = 2,
	SOCKETS_FAIL = 4,
	BIND_FAILS = 8,
	KEPT = 16,
	SHARED = 32, /* with a successor, or predecessor */
	BESIDE = 64, /* ... who has the sockets */
};
enum {
	HOW_VERSION = 8,
	HOW_GROUPS = 16,
	HOW_PIECE = 32,
	HOW_CUT = 64,
	HOW_CORES = 128
};

/* ---- the NIC */

static struct model {
	u8 how;
	struct nic nic;
	bool open, bound;
	bool kept;   /* a socket, when they were to be closed */
	bool device; /* TAP: there is one */
	u32 sockets;
	u64 entry[FLOWS];
	u32 heir;
	struct flows flows;
	size_t said, obeyed; /* bytes */
} model;

static void close_sockets(void)
{
	for (u32 i = 0; i < QUEUES; i++) {
		if (model.nic.fd[i] >= 0)
			close(model.nic.fd[i]);
		model.nic.fd[i] = -1;
	}
	model.sockets = 0;
	model.bound = false;
}

static void close_nic(struct nic *nic)
{
	invariant(nic == &model.nic && model.open);
	close_sockets();
	model.open = false;
}

static int set_groups(struct nic *nic)
{
	for (u32 i = 0; i < RSS_TABLE; i++)
		invariant(nic->group_owner[i] < QUEUES);
	return 0;
}

static u64 others(u32 i)
{
	return ((u64)i * 37 % FLOWS << 32) | FLOWS_USED | 1;
}

static void serves(struct nic *nic, u32 i)
{
	invariant(nic == &model.nic && model.open && i < QUEUES);
}

static u32 pass(struct nic *nic, bool back)
{
	invariant(nic == &model.nic && model.open && model.how & SHARED);
	model.heir = !back;
	return 1;
}

static void share(struct nic *nic)
{
	model.flows = (struct flows){ .entry = model.entry,
				      .mask = FLOWS - 1,
				      .heir = &model.heir };
	for (u32 i = 0; i < OTHERS; i++)
		model.entry[(others(i) >> 32)] = others(i);
	nic->flows = &model.flows;
	nic->serves = serves;
	nic->pass = pass;
}

static int open_model(struct nic **out)
{
	invariant(!model.open);
	if (model.how & OPEN_FAILS)
		return -EBUSY;
	model.open = true;
	model.nic = (struct nic){ .nqueues = QUEUES,
				  .fd = { -1, -1 },
				  .news_fd = -1,
				  .set_groups = set_groups,
				  .close = close_nic };
	if (model.how & SHARED)
		share(&model.nic);
	*out = &model.nic;
	return 0;
}

static void open_sockets(void)
{
	for (; model.sockets < QUEUES; model.sockets++)
		model.nic.fd[model.sockets] = dup(STDIN_FILENO);
}

/* As the kernel does when it pins it. */
static void pin(const u8 *p, u64 len)
{
	for (u64 i = 0; i < len; i += NIC_PAGE)
		(void)*(const volatile u8 *)(p + i);
}

int __wrap_nic_open(const struct nic_config *cfg, struct nic **out, char *why,
		    size_t why_len);
int __wrap_linux_ifinfo(const char *ifname, struct linux_ifinfo *info);
int __wrap_linux_link_delete(int index);
int __wrap_xdp_pass_open(const struct nic_config *cfg, struct nic **out,
			 char *why, size_t why_len);
bool __wrap_xdp_pass_beside(const struct nic *nic);
int __wrap_xdp_pass_sockets(struct nic *nic, const struct nic_config *cfg,
			    const struct xdp_pin *most, char *why,
			    size_t why_len);
int __wrap_xdp_pass_bind(struct nic *nic, char *why, size_t why_len);
int __wrap_xdp_pass_suspend(struct nic *nic, struct xdp_sockets *s);
void __wrap_xdp_pass_close(struct nic *nic, struct xdp_sockets *s);
void __wrap_xdp_pass_describe(const struct nic *nic, struct keep_reply *r);

int __wrap_nic_open(const struct nic_config *cfg, struct nic **out, char *why,
		    size_t why_len)
{
	int err = open_model(out);

	invariant(model.how & TAP && cfg->nqueues == QUEUES);
	if (err)
		return nic_fail(err, why, why_len, "model");
	open_sockets();
	model.device = true;
	return 0;
}

int __wrap_linux_ifinfo(const char *ifname, struct linux_ifinfo *info)
{
	invariant(!strcmp(ifname, "m0"));
	info->index = INDEX;
	return model.device ? 0 : -ENODEV;
}

int __wrap_linux_link_delete(int index)
{
	invariant(model.device && index == INDEX);
	model.device = false;
	return 0;
}

int __wrap_xdp_pass_open(const struct nic_config *cfg, struct nic **out,
			 char *why, size_t why_len)
{
	int err = open_model(out);

	invariant(!(model.how & TAP) && cfg->nqueues == QUEUES);
	if (!err && model.how & BESIDE)
		open_sockets();
	return err ? nic_fail(err, why, why_len, "model") : 0;
}

bool __wrap_xdp_pass_beside(const struct nic *nic)
{
	invariant(nic == &model.nic);
	return model.how & BESIDE;
}

int __wrap_xdp_pass_sockets(struct nic *nic, const struct nic_config *cfg,
			    const struct xdp_pin *most, char *why,
			    size_t why_len)
{
	invariant(nic == &model.nic && model.open);
	invariant(!model.sockets && !model.bound && !model.kept);
	invariant(cfg->frames_len && cfg->frames_len <= MOST);
	invariant(cfg->umem_len > cfg->frames_len &&
		  cfg->umem_len - cfg->frames_len <= MOST);
	invariant(cfg->umem_len % NIC_PAGE == 0);
	invariant(most->most == 2 * MOST);
	pin(cfg->umem, cfg->umem_len);
	if (model.how & SOCKETS_FAIL)
		return nic_fail(-ENOBUFS, why, why_len, "model");
	open_sockets();
	return 0;
}

int __wrap_xdp_pass_bind(struct nic *nic, char *why, size_t why_len)
{
	invariant(nic == &model.nic && model.sockets == QUEUES && !model.bound);
	invariant(!(model.how & BESIDE));
	if (model.how & BIND_FAILS)
		return nic_fail(-EBUSY, why, why_len, "model");
	model.bound = true;
	return 0;
}

int __wrap_xdp_pass_suspend(struct nic *nic, struct xdp_sockets *s)
{
	invariant(nic == &model.nic && s->uid == 7 && !(model.how & BESIDE));
	invariant(!model.sockets || model.bound || model.how & BIND_FAILS);
	close_sockets();
	model.kept = model.how & KEPT;
	return model.kept ? -EBUSY : 0;
}

void __wrap_xdp_pass_close(struct nic *nic, struct xdp_sockets *s)
{
	invariant(s->uid == 7);
	nic->close(nic);
}

void __wrap_xdp_pass_describe(const struct nic *nic, struct keep_reply *r)
{
	invariant(nic == &model.nic);
	r->fill = r->rx = r->tx = 64;
}

/* Cores that there are, whatever he says. */
static void ask_cores(void *arg, const struct keep_request *q,
		      struct keep_reply *r)
{
	invariant(arg == &model && model.open);
	invariant(q->cores && q->cores <= QUEUES);
	r->cores = QUEUES;
}

int __wrap_nanosleep(const struct timespec *t, struct timespec *left);

/* Between requests. */
int __wrap_nanosleep(const struct timespec *t, struct timespec *left)
{
	return 0;
}

/* ---- requests */

static u64 length(struct fuzz_in *in)
{
	static const u64 some[] = {
		SIZE,
		0,
		1,
		NIC_PAGE,
		SIZE - 1,
		2 * SIZE,
		1ull << 63,
		(u64)-NIC_PAGE,
		MOST + NIC_PAGE,
	};
	u8 k = fuzz_8(in);

	return k < ARRAY_SIZE(some) ? some[k] : fuzz_64(in);
}

/* Of @pages pages, of which @brought are there. */
static int memory(int flags, u32 pages, u32 brought, int seals)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);

	if (fd < 0)
		return dup(STDIN_FILENO);
	if (ftruncate(fd, (off_t)pages * NIC_PAGE) ||
	    (brought && fallocate(fd, 0, 0, (off_t)brought * NIC_PAGE)))
		panic("f_grant: no memory");
	fcntl(fd, F_ADD_SEALS, seals);
	return fd;
}

/* Of the length of a table, with flows of both places and others in it. */
static int table(void)
{
	int fd = memory(0, 2, 2, F_SEAL_SHRINK | F_SEAL_GROW);
	u64 t[2 * FLOWS];

	for (u32 i = 0; i < ARRAY_SIZE(t); i++)
		t[i] = flows_hash(model.said + i, 0);
	for (u32 i = 0; i < OTHERS; i++)
		t[FLOWS + i] = others(i) & ~1ull;
	if (pwrite(fd, t, sizeof(t), 0) != sizeof(t))
		panic("f_grant: no table");
	return fd;
}

static int pipe_end(void)
{
	int fds[2];

	if (pipe(fds))
		panic("f_grant: no pipe");
	close(fds[1]);
	return fds[0];
}

static int make_fd(u8 kind, int own)
{
	const int kept = F_SEAL_SHRINK | F_SEAL_GROW;
	const u32 all = SIZE / NIC_PAGE, most = MOST / NIC_PAGE;

	switch (kind % 16) {
	case 1:
		return memory(0, all, all, 0);
	case 2:
		return memory(0, all, 0, kept);
	case 3:
		return table();
	case 4:
		return memory(0, most + 1, most + 1, kept);
	case 5:
		return memory(0, all, all, kept | F_SEAL_WRITE);
	case 6:
		return memory(0, all, all, F_SEAL_GROW);
	case 7:
		return memory(0, 1, 1, kept);
	case 8:
		return memory(MFD_HUGETLB, most, 0, kept);
	case 9:
		return pipe_end();
	case 10:
		return open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	case 11:
		return open("/dev/zero", O_RDWR | O_CLOEXEC);
	case 12:
		return epoll_create1(EPOLL_CLOEXEC);
	case 13:
		return dup(own);
	case 14:
		return open("/", O_PATH | O_CLOEXEC);
	case 15:
		return memory(0, all, all, kept | F_SEAL_SEAL);
	}
	return memory(0, all, all, kept);
}

static void say(int fd, const u8 *bytes, size_t len, const int *fds, u32 n)
{
	if (len && !keep_send(fd, bytes, len, fds, n))
		model.said += len;
}

static void request(struct fuzz_in *in, int fd)
{
	u8 how = fuzz_8(in);
	struct keep_request q = { .version = KEEP_VERSION, .what = how & 7 };
	u32 piece = 0, end = sizeof(q), n, first;
	int fds[MOST_FDS];

	for (u32 i = 0; i < KEEP_MEMORY; i++)
		q.len[i] = length(in);
	n = fuzz_8(in) % (MOST_FDS + 1);
	for (u32 i = 0; i < n; i++)
		fds[i] = make_fd(fuzz_8(in), fd);
	if (how & HOW_VERSION)
		q.version = fuzz_32(in);
	if (how & HOW_CORES)
		q.cores = fuzz_32(in);
	q.back = how & HOW_GROUPS;
	if (how & HOW_GROUPS) {
		for (u32 i = 0; i < RSS_TABLE; i++)
			q.group_owner[i] =
				i < 8 ? fuzz_8(in) : q.group_owner[i - 8];
	}
	if (how & HOW_PIECE)
		piece = fuzz_8(in) % sizeof(q);
	if (how & HOW_CUT)
		end = fuzz_8(in) % sizeof(q);
	piece = min(piece, end);
	first = piece ? n / 2 : 0;
	say(fd, (u8 *)&q, piece, fds, first);
	say(fd, (u8 *)&q + piece, end - piece, fds + first, n - first);
	keep_close_fds(fds, n);
}

/* ---- answers */

/* Each is whole, says why not, and passes queues only of what was opened. */
static void check_answers(int fd)
{
	struct keep_reply r;
	int fds[KEEP_FDS];

	while (!keep_receive(fd, &r, sizeof(r), fds, KEEP_FDS)) {
		bool passed = fds[0] >= 0;

		invariant(memchr(r.why, 0, sizeof(r.why)));
		invariant(!r.err == !r.why[0] && r.err <= 0);
		invariant(!passed ||
			  (!r.err && fds[QUEUES - 1] >= 0 && fds[QUEUES] < 0));
		if (!r.err)
			model.obeyed += sizeof(struct keep_request);
		keep_close_fds(fds, KEEP_FDS);
	}
}

/* Nothing has become the other one's. */
static void check_flows(void)
{
	for (u32 i = 0; i < FLOWS; i++) {
		u64 e = model.entry[i];
		bool known = !(e & FLOWS_USED) || !(e & FLOWS_PLACE);

		for (u32 k = 0; k < OTHERS && !known; k++)
			known = e == others(k);
		invariant(known);
	}
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* What it has not closed, whoever was refused; how many. */
static u32 close_left(const bool *before)
{
	u32 n = 0;

	for (int fd = 0; fd < FDS; fd++) {
		if (before[fd] || !is_open(fd))
			continue;
		close(fd);
		n++;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct nic_config cfg = { .nqueues = QUEUES,
				  .frames_len = MOST,
				  .umem_len = 2 * MOST };
	const struct keep_holder holder = { "m", 7, ask_cores, &model };
	int until[2], conn[2];
	bool before[FDS];

	for (int fd = 0; fd < FDS; fd++)
		before[fd] = is_open(fd);
	model = (struct model){ .how = fuzz_8(&in), .nic.fd = { -1, -1 } };
	cfg.spec = model.how & TAP ? "tap:m0,10.0.0.1/24" : "xdp:m0";
	if (pipe(until) || socketpair(AF_UNIX, SOCK_STREAM, 0, conn))
		panic("f_grant: no descriptors");
	for (u32 i = 0; i < REQUESTS && in.left; i++)
		request(&in, conn[0]);
	shutdown(conn[0], SHUT_WR);
	grant_keep(conn[1], &cfg, &holder, (int[2]){ until[0], until[0] });
	close(conn[1]);
	check_answers(conn[0]);
	check_flows();
	invariant(!model.open && !model.device);
	close(conn[0]);
	close(until[0]);
	close(until[1]);
	invariant(!close_left(before) || model.obeyed < model.said);
	return 0;
}
