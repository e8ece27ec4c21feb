/* SPDX-License-Identifier: MIT */
/*
 * ix pcap: packets of a running dataplane, as pcapng, to a file or a pipe.
 *
 *	elastic thread 0 --> ring 0 --+
 *	elastic thread 1 --> ring 1 --+--> oldest first --> filter --> pcapng
 *
 * The threads do not wait for us: what we do not take in time is lost, and
 * counted. The capture lasts as long as our connection to the dataplane.
 */
#include "cp/capture.h"
#include "cp/number.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <pcap/pcap.h>

enum {
	PAUSE_MS = 1, /* when the rings are empty */
	OUT_BYTES = 1 << 18,
	DEFAULT_SNAP = IX_CAPTURE_SNAP_MAX,
	DEFAULT_MB = 16,
	MOST_MB = 64,
};

struct options {
	const char *who, *dir, *file;
	char filter[1024];
	u64 snap, mb, count;
	bool json;
};

/* One thread's packets. */
struct source {
	struct capture_reader ring;
	struct ix_capture_record rec;
	u8 *data;
	bool pending; /* rec and data are a packet that was not yet written */
	u64 lost_told, accepted;
};

struct session {
	const struct options *o;
	struct capture_link link;
	struct source sources[IX_MAX_THREADS];
	struct bpf_program program;
	FILE *out;
	u64 written;
	u64 offset; /* of the time since 1970 from CLOCK_MONOTONIC */
};

static volatile sig_atomic_t stop;

/* A second one ends it, whatever the ring says is still to come. */
static void on_signal(int sig)
{
	signal(sig, SIG_DFL);
	stop = 1;
}

/* ---- arguments */

static int usage(FILE *f, int status)
{
	fprintf(f, "Usage: ix pcap [OPTIONS] PID|NAME [FILTER]\n"
		   "Packets of a running dataplane, both ways, as pcapng:\n"
		   "ix pcap kv | tshark -r -, ix pcap kv tcp port 11211 "
		   ">file. FILTER: pcap-filter(7).\n\n"
		   "  --write FILE  there, not to standard output\n"
		   "  --count N     ends after so many packets\n"
		   "  --snap BYTES  kept of each packet, 1 to 65535 [65535]\n"
		   "  --buffer MB   of each thread, 1 to 64 [16]\n"
		   "  --json        the last line, on standard error, is an "
		   "object\n"
		   "  --dir DIR     as the setting stat_dir\n"
		   "  --help        this text\n");
	return status;
}

/* The words that are left, as tcpdump takes them. */
static bool join(struct options *o, char **words)
{
	size_t used = 0;

	for (; *words; words++) {
		int n = snprintf(o->filter + used, sizeof(o->filter) - used,
				 "%s%s", used ? " " : "", *words);

		used += (size_t)n;
		if (used >= sizeof(o->filter)) {
			fprintf(stderr, "ix: the filter is too long\n");
			return false;
		}
	}
	return true;
}

static const struct option known[] = {
	{ "write", required_argument, NULL, 'w' },
	{ "count", required_argument, NULL, 'c' },
	{ "snap", required_argument, NULL, 's' },
	{ "buffer", required_argument, NULL, 'B' },
	{ "json", no_argument, NULL, 'j' },
	{ "dir", required_argument, NULL, 'd' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/* 0, or the exit status + 1. */
static int option(struct options *o, int c)
{
	bool ok = true;

	switch (c) {
	case 'w':
		o->file = optarg;
		break;
	case 'c':
		ok = number_option("count", optarg, 1, UINT64_MAX, &o->count);
		break;
	case 's':
		ok = number_option("snap", optarg, 1, IX_CAPTURE_SNAP_MAX,
				   &o->snap);
		break;
	case 'B':
		ok = number_option("buffer", optarg, 1, MOST_MB, &o->mb);
		break;
	case 'j':
		o->json = true;
		break;
	case 'd':
		o->dir = optarg;
		break;
	case 'h':
		return usage(stdout, 0) + 1;
	default:
		return usage(stderr, EXIT_USAGE) + 1;
	}
	return ok ? 0 : EXIT_USAGE + 1;
}

static int parse(struct options *o, int argc, char **argv)
{
	int c, status = 0;

	*o = (struct options){ .dir = "",
			       .snap = DEFAULT_SNAP,
			       .mb = DEFAULT_MB };
	while (!status &&
	       (c = getopt_long(argc, argv, "w:c:s:B:jd:h", known, NULL)) != -1)
		status = option(o, c);
	if (status)
		return status;
	if (optind >= argc)
		return usage(stderr, EXIT_USAGE) + 1;
	o->who = argv[optind];
	return join(o, argv + optind + 1) ? 0 : EXIT_USAGE + 1;
}

/* ---- before it begins */

static int compile(struct session *s)
{
	pcap_t *dead = pcap_open_dead(DLT_EN10MB, IX_CAPTURE_SNAP_MAX);
	int err = 0;

	if (!dead)
		return EXIT_FAILURE;
	if (pcap_compile(dead, &s->program, s->o->filter, 1,
			 PCAP_NETMASK_UNKNOWN)) {
		fprintf(stderr, "ix: filter \"%s\": %s\n", s->o->filter,
			pcap_geterr(dead));
		err = EXIT_USAGE;
	}
	pcap_close(dead);
	return err;
}

static int open_out(struct session *s)
{
	if (!s->o->file && isatty(STDOUT_FILENO)) {
		fprintf(stderr, "ix: pcapng is not for a terminal: a pipe, or "
				"--write FILE\n");
		return EXIT_USAGE;
	}
	s->out = s->o->file ? fopen(s->o->file, "we") : stdout;
	if (!s->out) {
		fprintf(stderr, "ix: %s: %s\n", s->o->file, strerror(errno));
		return EXIT_FAILURE;
	}
	setvbuf(s->out, NULL, _IOFBF, OUT_BYTES);
	return 0;
}

static int open_ring(struct session *s, u32 i)
{
	struct source *src = &s->sources[i];
	int err = capture_open(&src->ring, s->link.rings, i, s->link.n);

	src->data = err ? NULL : malloc(src->ring.snap);
	return err || src->data ? err : -ENOMEM;
}

static int open_rings(struct session *s)
{
	int err = 0;

	for (u32 i = 0; i < s->link.n && !err; i++)
		err = open_ring(s, i);
	if (err)
		fprintf(stderr, "ix: capture ring: %s\n", strerror(-err));
	return err ? EXIT_FAILURE : 0;
}

static u64 clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

static void begin(struct session *s)
{
	s->offset = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	pcapng_begin(s->out, "ix pcap");
	for (u32 i = 0; i < s->link.n; i++) {
		char name[96], about[32];

		snprintf(name, sizeof(name), "%s.%u", s->link.name,
			 s->sources[i].ring.thread);
		snprintf(about, sizeof(about), "elastic thread %u",
			 s->sources[i].ring.thread);
		pcapng_interface(s->out,
				 &(struct pcapng_interface){
					 .name = name,
					 .description = about,
					 .filter = s->o->filter,
					 .snap = s->sources[i].ring.snap,
				 });
	}
}

/* ---- packets */

/* Of all threads; NULL: there is none now. */
static struct source *oldest(struct session *s)
{
	struct source *best = NULL;

	for (u32 i = 0; i < s->link.n; i++) {
		struct source *src = &s->sources[i];

		if (!src->pending)
			src->pending =
				capture_read(&src->ring, &src->rec, src->data);
		if (src->pending && (!best || src->rec.time < best->rec.time))
			best = src;
	}
	return best;
}

static bool accepted(const struct session *s, const struct source *src)
{
	const struct pcap_pkthdr head = { .caplen = src->rec.kept,
					  .len = src->rec.len };

	return pcap_offline_filter(&s->program, &head, src->data);
}

static void write_packet(struct session *s, struct source *src)
{
	src->pending = false;
	if (!accepted(s, src))
		return;
	pcapng_packet(s->out, &(struct pcapng_packet){
				      .interface = (u32)(src - s->sources),
				      .time = src->rec.time + s->offset,
				      .len = src->rec.len,
				      .kept = src->rec.kept,
				      .out = src->rec.kind == IX_CAPTURE_OUT,
				      .lost = src->ring.lost - src->lost_told,
				      .data = src->data,
			      });
	src->lost_told = src->ring.lost;
	src->accepted++;
	s->written++;
}

static bool done(const struct session *s)
{
	return stop || ferror(s->out) ||
	       (s->o->count && s->written >= s->o->count);
}

/* False: the dataplane has ended the connection. */
static bool pause_a_moment(const struct session *s)
{
	struct pollfd fd = { .fd = s->link.fd, .events = POLLIN };

	return poll(&fd, 1, PAUSE_MS) <= 0;
}

static void capture(struct session *s)
{
	bool on = true;

	while (on && !done(s)) {
		struct source *src;

		while (!done(s) && (src = oldest(s)))
			write_packet(s, src);
		fflush(s->out);
		on = done(s) || pause_a_moment(s);
	}
}

/* ---- the end */

/* What has come until now, and was not yet read. */
static void drain(struct session *s)
{
	struct source *src;
	u64 left = 0;

	for (u32 i = 0; i < s->link.n; i++)
		left += capture_left(&s->sources[i].ring) +
			s->sources[i].pending;
	for (; left && !ferror(s->out) && (src = oldest(s)); left--)
		write_packet(s, src);
}

/* Before the dataplane takes the rings back. */
static void count(struct session *s, u64 *seen, u64 *lost)
{
	for (u32 i = 0; i < s->link.n; i++) {
		struct source *src = &s->sources[i];

		if (!s->o->count)
			capture_end(&src->ring);
		*seen += src->ring.next;
		*lost += src->ring.lost;
	}
}

static void finish(struct session *s)
{
	u64 now = clock_ns(CLOCK_REALTIME);

	for (u32 i = 0; i < s->link.n; i++) {
		struct source *src = &s->sources[i];

		pcapng_statistics(s->out, &(struct pcapng_statistics){
						  .interface = i,
						  .time = now,
						  .received = src->ring.next,
						  .lost = src->ring.lost,
						  .accepted = src->accepted,
					  });
		capture_close(&src->ring);
		free(src->data);
	}
}

static void tell(const struct session *s, u64 seen, u64 lost)
{
	if (s->o->json)
		fprintf(stderr,
			"{\"written\": %" PRIu64 ", \"seen\": %" PRIu64
			", \"lost\": %" PRIu64 "}\n",
			s->written, seen, lost);
	else
		fprintf(stderr,
			"ix: %" PRIu64 " packets written of %" PRIu64
			" seen, %" PRIu64 " lost\n",
			s->written, seen, lost);
}

static int run(struct session *s)
{
	u64 seen = 0, lost = 0;
	int err = open_rings(s);

	if (err)
		return err;
	begin(s);
	capture(s);
	if (!s->o->count)
		drain(s);
	count(s, &seen, &lost);
	close(s->link.fd); /* ends the capture */
	finish(s);
	err = fflush(s->out) && errno != EPIPE;
	if (err)
		fprintf(stderr, "ix: %s: %s\n", s->o->file ? s->o->file : "-",
			strerror(errno));
	tell(s, seen, lost);
	return err ? EXIT_FAILURE : 0;
}

int main(int argc, char **argv)
{
	static struct session s;
	struct conf_err e;
	struct options o;
	int status = parse(&o, argc, argv);

	if (status)
		return status - 1;
	s.o = &o;
	status = compile(&s);
	if (!status)
		status = open_out(&s);
	if (status)
		return status;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if (capture_ask(&s.link,
			&(struct capture_want){ .dir = o.dir,
						.who = o.who,
						.snap = (u32)o.snap,
						.bytes = (u64)o.mb << 20 },
			&e)) {
		fprintf(stderr, "ix: %s\n", e.text);
		return EXIT_FAILURE;
	}
	return run(&s);
}
