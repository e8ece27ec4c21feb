/* SPDX-License-Identifier: MIT */
/*
 * Settings: struct conf is filled from the table in conf.def.
 *
 *   type.c   text <-> field, one pair of functions per type
 *   addr.c   ... addresses and lists
 *   conf.c   the table: defaults, set by name, arguments
 *   check.c  do the settings fit each other?
 *   text.c   help, dump, and the `name = value` form that `ix run`
 *            hands to the domain
 *   file.c   the settings file (libconfig); only `ix` links it
 *
 * Nothing here prints or exits: what is wrong goes to struct conf_err.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdio.h>

#include "dp/dp.h"

enum { CONF_MAX_PORTS = PORTS_NAMED, CONF_MAX_ARP = 64, CONF_TEXT = 2048 };
enum conf_domain { DOMAIN_AUTO, DOMAIN_INLINE, DOMAIN_PROCESS, DOMAIN_VM };
enum conf_idle { IDLE_SPIN, IDLE_ADAPTIVE, IDLE_BLOCK };
enum conf_xdp_mode { XDP_MODE_AUTO, XDP_MODE_ZEROCOPY, XDP_MODE_COPY };
enum conf_xdp_gather { XDP_GATHER_AUTO, XDP_GATHER_ON, XDP_GATHER_OFF };
enum conf_pages { PAGES_AUTO, PAGES_HUGE, PAGES_TRANSPARENT, PAGES_SMALL };

struct conf_addrs {
	struct be32 ip, mask; /* all zero: not given */
	u32 nalso, nip6;
	struct ip4_prefix also[IP4_ALSO];   /* IPv4 addresses after the first */
	struct ip6_prefix ip6[IP6_OWN - 1]; /* and a link-local one */
};

/* The first, and those after it: @i up to nalso. */
static inline struct ip4_prefix conf_ip4(const struct conf_addrs *a, u32 i)
{
	return i ? a->also[i - 1] : (struct ip4_prefix){ a->ip, a->mask };
}

struct conf_gateway { /* all zero: none */
	struct be32 ip;
	struct be128 ip6;
};

struct conf_mac {
	bool set;
	u8 b[6];
};

struct conf_ports {
	u16 port[CONF_MAX_PORTS + 1]; /* zero-terminated */
};

struct conf_arp {
	u32 n;
	struct {
		struct be32 ip;
		u8 mac[6];
	} e[CONF_MAX_ARP];
};

struct conf_cores {
	u32 n; /* 0: auto */
	u16 core[IX_MAX_THREADS];
};

/* What the settings say; what follows from them (max_ranges = 0, say) is
 * worked out where it is used. */
struct conf {
	char nic[256];
	char name[64];
	char stat_dir[256];
	char user[64];
	char seccomp[256];
	char daemon[96];
	struct conf_addrs ip;
	struct conf_gateway gateway;
	struct conf_mac mac;
	struct conf_ports ports;
	struct conf_arp arp;
	struct conf_cores cores;
	u8 domain, idle, xdp_mode, xdp_gather, pages; /* enum conf_* */
	bool busy_poll, xdp_generic, tso;
	bool nic_shared;
	u32 nic_queue;
	bool quiet;
	bool restart;
	bool follow_queues;
	u32 ring_size;
	u32 spin_us;
	u32 app_timeout_us;
	u32 app_threads, app_cpu; /* %; 0: no limit */
	u64 app_memory;		  /* bytes; 0: from what is free */
	u64 arena;		  /* bytes */
	struct dp_conf dp;
};

/* What is wrong, one line in plain words without newline. */
struct conf_err {
	char text[512];
};

struct setting;

/* ---- type.c */

struct conf_type {
	const char *what; /* "a number", for messages */
	/* @text -> *@field, or -EINVAL/-ERANGE with the reason in @e. */
	int (*parse)(const struct setting *s, void *field, const char *text,
		     struct conf_err *e);
	/* *@field -> @out, in a form that parse() takes. */
	void (*print)(const struct setting *s, const void *field, char *out,
		      size_t len);
};

enum conf_type_id {
	CONF_BOOL,
	CONF_U32,
	CONF_SIZE,
	CONF_DURATION,
	CONF_STRING,
	CONF_ENUM,
	CONF_ADDRS,
	CONF_GATEWAY,
	CONF_MAC,
	CONF_PORTS,
	CONF_CORES,
	CONF_ARP,
	CONF_NR_TYPES
};

extern const struct conf_type conf_types[CONF_NR_TYPES];

/* ---- conf.c */

struct setting {
	const char *name;
	size_t offset, size; /* of the member of struct conf */
	enum conf_type_id type;
	const char *def;
	u64 min, max; /* both 0: any */
	const char *arg;
	const char *help;
	bool live; /* `ix set` can change it while the dataplane runs */
};

extern const struct setting conf_settings[];
extern const size_t conf_nr_settings;

/* The setting called @name; '-' counts as '_'. NULL if there is none. */
const struct setting *conf_find(const char *name);

/* All settings to their defaults. */
void conf_init(struct conf *c);

/* One setting from text. 0, -ENOENT (no such name: @e suggests the nearest),
 * -EINVAL (wrong type), -ERANGE. On error nothing changes. */
int conf_set(struct conf *c, const char *name, const char *text,
	     struct conf_err *e);

/* One option at argv[0], `--name value`, `--name=value`, or for a bool
 * `--name`. Arguments used (1 or 2), or as conf_set(). */
int conf_arg(struct conf *c, int argc, char **argv, struct conf_err *e);

/* Formats into @e; returns @err, so that callers can return it. */
int conf_error(struct conf_err *e, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- check.c */

/* Do the settings fit each other? 0 or -EINVAL. */
int conf_check(const struct conf *c, struct conf_err *e);

/* Is @gateway a host on the link of @ip and @mask? All zero is none, and fits.
 * 0 or -EINVAL. */
int conf_check_gateway(struct be32 gateway, struct be32 ip, struct be32 mask,
		       struct conf_err *e);

/* ---- text.c */

/* "true|false", "50ms": the current value as text. */
void conf_print(const struct conf *c, const struct setting *s, char *out,
		size_t len);

/* One entry per setting, for --help. */
void conf_help(FILE *f);

/* As a settings file, each with its help as comment. */
void conf_dump(const struct conf *c, FILE *f);

/* As lines `name = value`. 0 or -errno. */
int conf_write_lines(const struct conf *c, FILE *f);

/* The same back; '#' begins a comment. @where: for messages. */
int conf_read_lines(struct conf *c, FILE *f, const char *where,
		    struct conf_err *e);

/* ---- file.c */

/* Reads a settings file: 0, -EINVAL, or -errno of the file, with the reason
 * as "file:line: ...". */
int conf_read_file(struct conf *c, const char *path, struct conf_err *e);

#endif
