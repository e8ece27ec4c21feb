/* SPDX-License-Identifier: MIT */
/*
 *	goodput [-c newreno|cubic|dctcp] [-l LOSS] [-r REORDER] [-d DELAY]
 *		[-b BYTES] [-t SECONDS] [-S] [-6] [-v] SEED...
 *
 * What one stream gets over a path that loses at random, or delays for up to a
 * round trip, in virtual time: what the algorithms make of it, whatever the
 * machine does meanwhile. Fails where it takes longer than SECONDS.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pair.h"

static void watch(void *arg, const struct pair_seg *s, const char *fate)
{
	printf("%.6f %s %u:%u(%u) %s\n", (double)s->now * 1e-9,
	       s->from ? "<" : ">", s->seq, s->seq + s->len, s->len, fate);
}

static bool try_seed(const char *seed, const struct pair_conf *conf,
		     double limit)
{
	struct pair_result r;

	if (!pair_run(conf, (u64)(limit * 1e9), &r)) {
		printf("seed %s: %s, %u of %u bytes came in %.3f s\n", seed,
		       r.dead ? "the connection died" : "it takes too long",
		       r.received, conf->bytes, (double)r.ns * 1e-9);
		return false;
	}
	printf("seed %s: %.0f B/s, %llu frames, %llu again, %llu recoveries, "
	       "%llu undone, %llu timeouts, %llu spurious, %llu probes\n",
	       seed, conf->bytes * 1e9 / (double)r.ns,
	       (unsigned long long)r.frames[0],
	       (unsigned long long)r.sender.tcp_retransmits,
	       (unsigned long long)r.sender.tcp_fast_retransmits,
	       (unsigned long long)r.sender.tcp_spurious_recoveries,
	       (unsigned long long)r.sender.tcp_timeouts,
	       (unsigned long long)r.sender.tcp_spurious_timeouts,
	       (unsigned long long)r.sender.tcp_tail_probes);
	return true;
}

int main(int argc, char **argv)
{
	struct pair_conf conf = { .tcp = pair_tcp, .bytes = 4000000 };
	double loss = 0.01, late = 0, delay = 5e-3, limit = 3600;
	bool ok = true;
	int o;

	while ((o = getopt(argc, argv, "c:l:r:d:b:t:vS6")) != -1) {
		switch (o) {
		case 'c':
			conf.tcp.cc = (u8)atoi(optarg);
			break;
		case 'l':
			loss = atof(optarg);
			break;
		case 'r':
			late = atof(optarg);
			break;
		case 'd':
			delay = atof(optarg);
			break;
		case 'b':
			conf.bytes = (u32)atof(optarg);
			break;
		case 't':
			limit = atof(optarg);
			break;
		case 'S':
			conf.tcp.sack = false;
			break;
		case '6':
			conf.ip6 = true;
			break;
		case 'v':
			conf.watch = watch;
		}
	}
	for (; optind < argc; optind++) {
		for (u32 i = 0; i < 2; i++)
			conf.way[i] = (struct impair_conf){
				.seed = strtoull(argv[optind], NULL, 0) +
					((u64)i << 32),
				.loss = (u32)(loss * 4294967295.0),
				.reorder = (u32)(late * 4294967295.0),
				.delay_ns = (u64)(delay * 1e9),
			};
		ok &= try_seed(argv[optind], &conf, limit);
	}
	return !ok;
}
