/* SPDX-License-Identifier: MIT */
/*
 * A bad path between two real interfaces:
 *
 *	bridge IF1 IF2 [,OPTIONS [,OPTIONS]]
 *
 * What comes in at IF1 goes out at IF2 after what the first OPTIONS say, and
 * back after what the second say, or the first: as those of a wire
 * (",loss=1%,delay=5ms,rate=10m,queue=50000,mark=20000,seed=1", see
 * nic/wire_open.c). Says "ready"; on SIGTERM, what happened, in JSON.
 *
 * The interfaces have no addresses of their own in the namespace that this
 * runs in. Frames are of the MTU at most: segmentation offload is off.
 */
#include "nic/impair.h"
#include "nic/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/cksum.h"
#include "base/panic.h"

enum { BATCH = 64, RCVBUF = 8 << 20 };

/* One way: in at one interface, out at the other one. */
struct way {
	int in, out;
	struct impair path;
	struct transit transit;
	u64 frames, too_large, refused;
};

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	stopped = 1;
}

static u64 clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

static int fail(const char *what)
{
	fprintf(stderr, "bridge: %s: %s\n", what, strerror(errno));
	return -1;
}

/* All frames that come in, none that go out, each with what is still to be done
 * to it. */
static int open_interface(const char *name)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	struct packet_mreq all = { .mr_ifindex = at.sll_ifindex,
				   .mr_type = PACKET_MR_PROMISC };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
	int one = 1, room = RCVBUF;

	if (fd < 0 || !at.sll_ifindex)
		return fail(name);
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
		       sizeof(one)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all,
		       sizeof(all)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)))
		return fail(name);
	/* As much as may be: root more than others. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	return fd;
}

/* What a TAP or a veth leaves to the hardware that it does not have. */
static void complete(const struct virtio_net_hdr *h, u8 *frame, u32 len)
{
	u32 at = h->csum_start + h->csum_offset;
	u16 sum;

	if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || at + 2 > len)
		return;
	sum = (u16)~cksum_fold(
		cksum_add(0, frame + h->csum_start, len - h->csum_start));
	memcpy(frame + at, &sum, sizeof(sum));
}

/* False: nothing more has come. */
static bool take(struct way *w)
{
	u8 frame[RING_MAX_FRAME];
	struct virtio_net_hdr h;
	struct iovec parts[] = { { &h, sizeof(h) }, { frame, sizeof(frame) } };
	struct msghdr m = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t n = recvmsg(w->in, &m, MSG_TRUNC);
	struct impair_fate fate;
	u32 len = (u32)n - (u32)sizeof(h);

	if (n <= (ssize_t)sizeof(h))
		return false;
	w->frames++;
	if (len > sizeof(frame) || h.gso_type) {
		w->too_large++;
		return true;
	}
	complete(&h, frame, len);
	if (!impair_decide(&w->path, frame, len, clock_ns(), &fate))
		return true;
	for (int i = 0; i <= fate.twice; i++)
		transit_put(&w->transit, frame, len, fate.due, 0);
	return true;
}

static void give(struct way *w)
{
	const struct transit_frame *f;

	while ((f = transit_first(&w->transit, clock_ns()))) {
		struct virtio_net_hdr h = { 0 };
		struct iovec parts[] = {
			{ &h, sizeof(h) },
			{ w->transit.bytes[f->slot], f->len },
		};

		if (writev(w->out, parts, 2) < 0)
			w->refused++;
		transit_remove_first(&w->transit);
	}
}

static void wait_for_frames(const struct way *ways)
{
	u64 due = min(transit_next_due(&ways[0].transit),
		      transit_next_due(&ways[1].transit));
	u64 now = clock_ns(), ns = due > now ? due - now : 0;
	struct timespec ts = {
		.tv_sec = (time_t)(min(ns, (u64)1000000000) / 1000000000),
		.tv_nsec = (long)(min(ns, (u64)1000000000) % 1000000000),
	};
	struct pollfd fds[] = { { .fd = ways[0].in, .events = POLLIN },
				{ .fd = ways[1].in, .events = POLLIN } };

	ppoll(fds, 2, &ts, NULL);
}

static void report(const struct way *w, const char *name)
{
	printf("\"%s\":{\"frames\":%llu,\"lost\":%llu,\"overflow\":%llu,"
	       "\"marked\":%llu,\"too_large\":%llu,\"refused\":%llu}",
	       name, (unsigned long long)w->frames,
	       (unsigned long long)w->path.nr_lost,
	       (unsigned long long)(w->path.nr_overflow +
				    w->transit.nr_dropped),
	       (unsigned long long)w->path.nr_marked,
	       (unsigned long long)w->too_large,
	       (unsigned long long)w->refused);
}

static int parse(struct way *w, const char *options, u64 nr)
{
	struct wire_conf conf = { 0 };
	char why[160];

	if (wire_parse(&conf, options, why, sizeof(why))) {
		fprintf(stderr, "bridge: %s: %s\n", options, why);
		return -1;
	}
	w->path.conf = conf.impair;
	w->path.conf.seed += nr << 32; /* the two ways draw other numbers */
	impair_init(&w->path);
	transit_init(&w->transit);
	return 0;
}

int main(int argc, char **argv)
{
	struct way *ways = calloc(2, sizeof(*ways));
	const char *there = argc > 3 ? argv[3] : "";
	const char *back = argc > 4 ? argv[4] : there;

	if (argc < 3 || argc > 5 || !ways) {
		fputs("usage: bridge IF1 IF2 [,OPTIONS [,OPTIONS]]\n", stderr);
		return 2;
	}
	if (parse(&ways[0], there, 0) || parse(&ways[1], back, 1))
		return 2;
	ways[0].in = ways[1].out = open_interface(argv[1]);
	ways[1].in = ways[0].out = open_interface(argv[2]);
	if (ways[0].in < 0 || ways[1].in < 0)
		return 1;
	prctl(PR_SET_TIMERSLACK, 1);
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	puts("ready");
	fflush(stdout);
	while (!stopped) {
		wait_for_frames(ways);
		for (int w = 0; w < 2; w++) {
			for (int i = 0; i < BATCH && take(&ways[w]); i++)
				;
			give(&ways[w]);
		}
	}
	putchar('{');
	report(&ways[0], "there");
	putchar(',');
	report(&ways[1], "back");
	puts("}");
	return 0;
}
