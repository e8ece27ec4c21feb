/* SPDX-License-Identifier: MIT */
/* The wire as a back end of nic_open(): options, and struct nic around an
 * opened end. */
#include "nic/nic_open.h"
#include "nic/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wire_nic {
	struct nic nic;
	struct wire_link link;
};

/* A number with a unit from @units, "suffix" and factor in turn. */
struct unit {
	const char *suffix;
	double factor;
};

static const struct unit time_units[] = {
	{ "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { NULL, 0 },
};
static const struct unit rate_units[] = {
	{ "", 1 }, { "k", 1e3 }, { "m", 1e6 }, { "g", 1e9 }, { NULL, 0 },
};
/* A probability of 1 just misses 2^32. */
static const struct unit part_units[] = {
	{ "", 4294967295.0 },
	{ "%", 42949672.95 },
	{ NULL, 0 },
};
static const struct unit plain_units[] = { { "", 1 }, { NULL, 0 } };

static const struct option {
	const char *name;
	const struct unit *units;
	double most;
	size_t at; /* in struct wire_conf */
	size_t size;
} options[] = {
#define OPTION(name, units, most, field)                              \
	{                                                             \
		name, units, most, offsetof(struct wire_conf, field), \
			sizeof(((struct wire_conf *)0)->field)        \
	}
	OPTION("seed", plain_units, 9e15, impair.seed),
	OPTION("loss", part_units, 4294967295.0, impair.loss),
	OPTION("burst", part_units, 4294967295.0, impair.burst),
	OPTION("burst-length", plain_units, 1e6, impair.burst_len),
	OPTION("dup", part_units, 4294967295.0, impair.dup),
	OPTION("corrupt", part_units, 4294967295.0, impair.corrupt),
	OPTION("reorder", part_units, 4294967295.0, impair.reorder),
	OPTION("reorder-time", time_units, 1e12, impair.reorder_ns),
	OPTION("delay", time_units, 1e12, impair.delay_ns),
	OPTION("jitter", time_units, 1e12, impair.jitter_ns),
	OPTION("rate", rate_units, 1e15, impair.rate_bps),
	OPTION("queue", plain_units, 2147483647.0, impair.queue),
	OPTION("mark", plain_units, 2147483647.0, impair.mark),
	OPTION("mtu", plain_units, MBUF_ROOM - 14, mtu),
#undef OPTION
};

static bool parse_value(const struct option *o, const char *text, double *out)
{
	char *rest;
	double v = strtod(text, &rest);

	if (rest == text || !(v >= 0))
		return false;
	for (const struct unit *u = o->units; u->suffix; u++) {
		if (!strcmp(rest, u->suffix)) {
			*out = v * u->factor;
			return *out <= o->most;
		}
	}
	return false;
}

static void store(struct wire_conf *conf, const struct option *o, double value)
{
	u64 v = (u64)value;

	/* Little endian: the low bytes come first. */
	memcpy((u8 *)conf + o->at, &v, o->size);
}

static bool parse_option(struct wire_conf *conf, char *text)
{
	char *value = strchr(text, '=');
	double v;

	if (!value)
		return false;
	*value++ = 0;
	if (!strcmp(text, "end") && (*value == 'a' || *value == 'b')) {
		conf->end = *value == 'a' ? WIRE_A : WIRE_B;
		return !value[1];
	}
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		if (strcmp(options[i].name, text))
			continue;
		if (!parse_value(&options[i], value, &v))
			return false;
		store(conf, &options[i], v);
		return true;
	}
	return false;
}

int wire_parse(struct wire_conf *conf, const char *spec, char *why,
	       size_t why_len)
{
	size_t path_len = strcspn(spec, ",");
	const char *p = spec + path_len;
	char text[64];

	conf->end = -1;
	while (*p) {
		size_t n = strcspn(++p, ",");

		snprintf(text, sizeof(text), "%.*s", (int)n, p);
		if (n >= sizeof(text) || !parse_option(conf, text)) {
			snprintf(why, why_len,
				 "wire: bad option \"%.*s\"; known: end=a|b "
				 "seed=N loss=P burst=P burst-length=N dup=P "
				 "corrupt=P reorder=P delay=TIME jitter=TIME "
				 "reorder-time=TIME rate=BPS queue=BYTES "
				 "mark=BYTES mtu=N",
				 (int)n, p);
			return -EINVAL;
		}
		p += n;
	}
	return (int)path_len;
}

static int set_groups(struct nic *nic)
{
	struct wire_nic *w = container_of(nic, struct wire_nic, nic);

	wire_set_rss(w->link.shared, w->link.end, nic->group_owner);
	return 0;
}

static void wake(struct nic *nic, u32 i)
{
	wire_link_wake(&container_of(nic, struct wire_nic, nic)->link, i);
}

/* What all queues use comes with the first. */
static u32 parts(struct nic *nic, u32 i, struct nic_part out[NIC_PARTS])
{
	struct wire_nic *w = container_of(nic, struct wire_nic, nic);

	out[0] = (struct nic_part){ w->link.queues[i], WIRE_QUEUE_BYTES };
	out[1] = (struct nic_part){ w->link.shared, wire_bytes() };
	return i ? 1 : 2;
}

static void update_drops(struct nic *nic)
{
	for (u32 i = 0; i < nic->nqueues; i++) {
		struct wire_queue *w =
			container_of(nic->q[i], struct wire_queue, q);
		u64 lies = 0;

		for (u32 from = 0; from < WIRE_MAX_QUEUES; from++)
			lies += READ_ONCE(w->rx[from].lies);
		w->q.nr_lies = lies;
	}
}

static void close_nic(struct nic *nic)
{
	struct wire_nic *w = container_of(nic, struct wire_nic, nic);

	wire_link_close(&w->link);
	free(w);
}

static void describe(struct wire_nic *w, const struct wire_conf *conf)
{
	struct nic *nic = &w->nic;
	struct wire_queue *q = w->link.queues[0];

	nic->nqueues = w->link.nqueues;
	for (u32 i = 0; i < nic->nqueues; i++)
		nic->q[i] = &w->link.queues[i]->q;
	memcpy(nic->mac, q->q.mac, sizeof(nic->mac));
	nic->mtu = q->q.mtu;
	snprintf(nic->driver, sizeof(nic->driver), "wire");
	nic_rss_default(nic);
	nic->rss_control = true;
	nic->set_groups = set_groups;
	nic->wake = wake;
	nic->parts = parts;
	nic->update_drops = update_drops;
	nic->hosted = q->impairer;
	nic->close = close_nic;
	nic->foreign = w->link.shared;
	nic->foreign_len = wire_bytes();
	snprintf(nic->detail, sizeof(nic->detail),
		 "shared memory %.80s, end %c, %u queue%s%s", conf->path,
		 'a' + w->link.end, nic->nqueues, nic->nqueues > 1 ? "s" : "",
		 q->impairer ? ", impaired" : "");
}

int wire_open(const struct nic_config *cfg, const char *arg, struct nic **out,
	      char *why, size_t why_len)
{
	struct wire_conf conf = { .nqueues = cfg->nqueues };
	struct wire_nic *w;
	char path[256];
	int err = wire_parse(&conf, arg, why, why_len);

	if (err < 0)
		return err;
	if (!err || err >= (int)sizeof(path)) {
		snprintf(why, why_len, "wire: give a path, wire:/dev/shm/NAME");
		return -EINVAL;
	}
	snprintf(path, sizeof(path), "%.*s", err, arg);
	conf.path = path;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	err = wire_link_open(&w->link, &conf, why, why_len);
	if (err) {
		free(w);
		return err;
	}
	describe(w, &conf);
	set_groups(&w->nic);
	*out = &w->nic;
	return 0;
}
