/* SPDX-License-Identifier: MIT */
#include "script.h"

#include <errno.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/pkt.h"

enum { MAX_WORDS = 32, MAX_LINE = 400 };

struct where {
	const char *file;
	int line;
};

struct words {
	struct where at;
	char *w[MAX_WORDS];
	u32 n, i;
};

/* As in enum tcp_cc_name. */
static const char *const ccs[] = { "newreno", "cubic", "dctcp" };

static const struct {
	const char *name;
	int err;
} errnos[] = {
	{ "EBADF", EBADF },
	{ "EINVAL", EINVAL },
	{ "EPIPE", EPIPE },
	{ "ENOTCONN", ENOTCONN },
	{ "ENOBUFS", ENOBUFS },
	{ "EADDRINUSE", EADDRINUSE },
	{ "EADDRNOTAVAIL", EADDRNOTAVAIL },
	{ "ECONNABORTED", ECONNABORTED },
	{ "ECONNREFUSED", ECONNREFUSED },
	{ "ECONNRESET", ECONNRESET },
	{ "EHOSTUNREACH", EHOSTUNREACH },
	{ "ENETUNREACH", ENETUNREACH },
	{ "EALREADY", EALREADY },
	{ "ETIMEDOUT", ETIMEDOUT },
	{ "ECANCELED", ECANCELED },
};

static const char flag_letters[] = "FSRPxUEW"; /* bit 0 on; ACK is '.' */

__attribute__((noreturn, format(printf, 2, 3))) static void fail(
	const struct where *at, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: ", at->file, at->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

const char *script_errno(s64 err)
{
	static char number[24];

	for (u32 i = 0; i < ARRAY_SIZE(errnos); i++) {
		if (errnos[i].err == err)
			return errnos[i].name;
	}
	snprintf(number, sizeof(number), "%lld", (long long)err);
	return number;
}

static char *next_word(struct words *w)
{
	return w->i < w->n ? w->w[w->i++] : NULL;
}

static char *need_word(struct words *w, const char *what)
{
	char *s = next_word(w);

	if (!s)
		fail(&w->at, "%s is missing", what);
	return s;
}

/* A number, perhaps with a unit of time (to ns) or k/M; or an errno. */
static s64 number(const struct words *w, const char *s)
{
	static const struct {
		const char *suffix;
		double factor;
	} units[] = { { "", 1 },    { "us", 1e3 }, { "ms", 1e6 },
		      { "s", 1e9 }, { "k", 1024 }, { "M", 1048576 } };
	bool minus = *s == '-';
	char *rest;
	double v;

	for (u32 i = 0; i < ARRAY_SIZE(errnos); i++) {
		if (!strcmp(errnos[i].name, s + minus))
			return minus ? -errnos[i].err : errnos[i].err;
	}
	for (u32 i = 0; i < ARRAY_SIZE(ccs); i++) {
		if (!strcmp(ccs[i], s))
			return i;
	}
	v = strtod(s, &rest);
	for (u32 i = 0; rest != s && i < ARRAY_SIZE(units); i++) {
		if (!strcmp(rest, units[i].suffix))
			return (s64)(v * units[i].factor + 0.5);
	}
	fail(&w->at, "not a number: %s", s);
}

static s64 number_or_star(const struct words *w, const char *s)
{
	return !strcmp(s, "*") ? ANY : !strcmp(s, "last") ? LAST : number(w, s);
}

static u8 parse_flags(const struct words *w, const char *s)
{
	u8 flags = 0;

	for (; *s; s++) {
		const char *at = strchr(flag_letters, *s);

		if (*s == '.')
			flags |= 0x10;
		else if (at && *s != 'x' && *s != '-')
			flags |= (u8)(1u << (at - flag_letters));
		else if (*s != '-')
			fail(&w->at, "not a flag: %c", *s);
	}
	return flags;
}

static void parse_blocks(struct words *w, struct opts *o)
{
	while (w->i < w->n && strchr(w->w[w->i], ':')) {
		if (o->nsack == ARRAY_SIZE(o->sack) ||
		    sscanf(w->w[w->i++], "%u:%u", &o->sack[o->nsack][0],
			   &o->sack[o->nsack][1]) != 2)
			fail(&w->at, "not up to 4 of START:END");
		o->nsack++;
	}
}

/* Between the angle brackets; commas have become spaces. */
static void parse_opts(struct words *w, struct opts *o)
{
	char *s;

	while ((s = need_word(w, ">")) && strcmp(s, ">")) {
		if (!strcmp(s, "mss")) {
			o->mss = number_or_star(w, need_word(w, "value"));
		} else if (!strcmp(s, "wscale")) {
			o->wscale = number_or_star(w, need_word(w, "value"));
		} else if (!strcmp(s, "sackOK")) {
			o->sack_ok = true;
		} else if (!strcmp(s, "TS")) {
			need_word(w, "val");
			o->ts_val = number_or_star(w, need_word(w, "value"));
			need_word(w, "ecr");
			o->ts_ecr = number_or_star(w, need_word(w, "value"));
		} else if (!strcmp(s, "sack")) {
			parse_blocks(w, o);
			continue;
		} else if (!strcmp(s, "nop")) {
			continue;
		} else {
			fail(&w->at, "not an option: %s", s);
		}
		o->given = true;
	}
	o->given |= !o->nsack;
}

static const char *const ecn_names[4] = { "", "ect1", "ect0", "ce" };

/* 0: none of them. */
static u8 ecn_of(const char *word)
{
	u8 i = 3;

	while (i && strcmp(ecn_names[i], word))
		i--;
	return i;
}

static void parse_ext(struct words *w, struct seg *s)
{
	static const struct {
		const char *name;
		u8 type;
	} types[] = { { "hop", IP6_HOP_BY_HOP },
		      { "dest", IP6_DEST_OPTIONS },
		      { "route", IP6_ROUTING },
		      { "frag", IP6_FRAGMENT } };
	char *name = need_word(w, "header"), *n = strchr(name, ':');

	if (n)
		*n++ = 0;
	for (u32 i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(types[i].name, name) ||
		    s->next == ARRAY_SIZE(s->ext))
			continue;
		s->ext[s->next++] =
			(struct ext){ types[i].type,
				      n ? (u32)strtoul(n, NULL, 0) : 0 };
		return;
	}
	fail(&w->at, "not a header: %s", name);
}

static void parse_seg(struct words *w, struct seg *s)
{
	unsigned int from, to, len;
	char *word, *range;

	*s = (struct seg){ .win = ANY };
	s->opt = (struct opts){ .mss = ABSENT,
				.wscale = ABSENT,
				.ts_val = ABSENT,
				.ts_ecr = ABSENT };
	s->flags = parse_flags(w, need_word(w, "flags"));
	range = need_word(w, "SEQ:END(LEN)");
	if (sscanf(range, "%u:%u(%u)", &from, &to, &len) != 3 ||
	    to - from != len)
		fail(&w->at, "not SEQ:END(LEN): %s", range);
	s->seq = from;
	s->len = len;
	while ((word = next_word(w))) {
		if (!strcmp(word, "ack"))
			s->ack = (u32)number(w, need_word(w, "number"));
		else if (!strcmp(word, "win"))
			s->win = number_or_star(w, need_word(w, "number"));
		else if (!strcmp(word, "urg"))
			s->urg = (u32)number(w, need_word(w, "number"));
		else if (!strcmp(word, "mac"))
			s->mac = (u8)number(w, need_word(w, "number"));
		else if (!strcmp(word, "badsum"))
			s->bad_sum = true;
		else if (!strcmp(word, "ext"))
			parse_ext(w, s);
		else if (ecn_of(word))
			s->ecn = ecn_of(word);
		else if (!strcmp(word, "<"))
			parse_opts(w, &s->opt);
		else
			fail(&w->at, "what is %s?", word);
	}
}

static void parse_args(struct words *w, struct stmt *st)
{
	char *s;

	snprintf(st->word, sizeof(st->word), "%s", need_word(w, "name"));
	while ((s = next_word(w))) {
		if (!strcmp(s, "backlog"))
			continue;
		if (!strcmp(s, "cc")) {
			st->cc = 1 + (u32)number(w, need_word(w, "name"));
		} else if (!strcmp(s, "=")) {
			st->has_result = true;
			st->result = number(w, need_word(w, "result"));
		} else if (st->nargs < ARRAY_SIZE(st->arg)) {
			st->arg[st->nargs++] = number(w, s);
		} else {
			fail(&w->at, "too many arguments");
		}
	}
}

/* What is left, as it stands. */
static void parse_text(struct words *w, struct stmt *st)
{
	size_t n = 0;

	while (w->i < w->n && n < sizeof(st->text)) {
		n += (size_t)snprintf(st->text + n, sizeof(st->text) - n,
				      "%s%s", n ? " " : "", w->w[w->i]);
		w->i++;
	}
	if (!n || n >= sizeof(st->text))
		fail(&w->at, "nothing, or too much");
}

static void parse_icmp(struct words *w, struct stmt *st)
{
	const char *s = need_word(w, "what");

	w->i--;
	if (st->kind == STMT_OUT)
		st->kind = STMT_ICMP_OUT;
	else if (!strcmp(s, "solicit") || !strcmp(s, "advert"))
		st->kind = STMT_ND;
	else
		st->kind = STMT_ICMP;
	if (st->kind == STMT_ICMP)
		parse_args(w, st);
	else
		parse_text(w, st);
}

/* Is the first word a time? */
static void parse_time(struct words *w, struct stmt *st)
{
	const char *s = w->w[w->i];

	st->when = TIME_AFTER;
	if (!strcmp(s, "&")) {
		st->when = TIME_SAME;
	} else if (*s == '+') {
		st->ns = (u64)(strtod(s + 1, NULL) * 1e9 + 0.5);
	} else if (*s >= '0' && *s <= '9') {
		st->when = TIME_AT;
		st->ns = (u64)(strtod(s, NULL) * 1e9 + 0.5);
	} else {
		return;
	}
	w->i++;
	if (w->i == w->n)
		fail(&w->at, "only a time");
}

static void parse_flow(struct words *w, struct stmt *st)
{
	st->flow = 1;
	if (w->n && w->w[w->n - 1][0] == '@') {
		st->flow = (u32)atoi(w->w[w->n - 1] + 1);
		w->n--;
	}
	if (!st->flow || st->flow >= MAX_FLOW)
		fail(&w->at, "no such connection");
}

static void parse_kind(struct words *w, struct stmt *st)
{
	const char *s = w->w[w->i];

	st->kind = STMT_CALL;
	if (!strcmp(s, "<") || !strcmp(s, ">")) {
		st->kind = *s == '<' ? STMT_IN : STMT_OUT;
		w->i++;
		if (w->i < w->n && !strcmp(w->w[w->i], "icmp")) {
			w->i++;
			parse_icmp(w, st);
		} else {
			parse_seg(w, &st->seg);
		}
		return;
	}
	if (!strcmp(s, "!"))
		st->kind = STMT_EVENT;
	else if (!strcmp(s, "conf"))
		st->kind = STMT_CONF;
	else if (!strcmp(s, "counter"))
		st->kind = STMT_COUNTER;
	if (st->kind != STMT_CALL)
		w->i++;
	parse_args(w, st);
}

/* Spaces around what stands for itself, so that words can be split. */
static void split(struct words *w, const char *text, char *buf)
{
	char *out = buf, *save;

	for (; *text; text++) {
		if (*text == ',') {
			*out++ = ' ';
		} else if (strchr("<>!&=", *text)) {
			*out++ = ' ';
			*out++ = *text;
			*out++ = ' ';
		} else {
			*out++ = *text;
		}
	}
	*out = 0;
	for (char *s = strtok_r(buf, " \t\n", &save); s;
	     s = strtok_r(NULL, " \t\n", &save)) {
		if (w->n == MAX_WORDS)
			fail(&w->at, "too long");
		w->w[w->n++] = s;
	}
}

static void add_statement(struct script *s, const struct words *w,
			  const struct stmt *st)
{
	s->stmts = realloc(s->stmts, (s->n + 1) * sizeof(*st));
	if (!s->stmts)
		fail(&w->at, "out of memory");
	s->stmts[s->n] = *st;
	snprintf(s->stmts[s->n].file, sizeof(st->file), "%s", w->at.file);
	s->stmts[s->n++].line = w->at.line;
}

static void include(struct script *s, struct words *w, const char *path)
{
	char file[512], dir[256];
	const char *name;

	w->i = 1;
	name = need_word(w, "file");
	if (s->from && !strcmp(name, s->from) && w->i == w->n) {
		name = s->to;
		s->replaced = true;
	}
	snprintf(dir, sizeof(dir), "%s", path);
	snprintf(file, sizeof(file), "%s/%s", dirname(dir), name);
	script_read(s, file);
}

static void only(struct script *s, struct words *w)
{
	const char *family, *nd;

	w->i = 1;
	family = need_word(w, "ip4 or ip6");
	nd = next_word(w);
	s->only = strcmp(family, "ip4") ? FAMILY_IP6 : FAMILY_IP4;
	s->nd = nd && !strcmp(nd, "nd");
}

static void statement(struct script *s, struct where at, const char *text,
		      const char *path)
{
	struct words w = { .at = at };
	struct stmt st = { 0 };
	char buf[3 * MAX_LINE];

	split(&w, text, buf);
	if (!w.n)
		return;
	if (!strcmp(w.w[0], "include")) {
		include(s, &w, path);
		return;
	}
	if (!strcmp(w.w[0], "only")) {
		only(s, &w);
		return;
	}
	parse_flow(&w, &st);
	parse_time(&w, &st);
	parse_kind(&w, &st);
	add_statement(s, &w, &st);
}

void script_read(struct script *s, const char *path)
{
	struct where at = { path, 0 };
	FILE *f = fopen(path, "r");
	char line[MAX_LINE], *save;

	if (!f)
		fail(&at, "%s", strerror(errno));
	if (strrchr(path, '/'))
		at.file = strrchr(path, '/') + 1;
	while (fgets(line, sizeof(line), f)) {
		at.line++;
		line[strcspn(line, "#\n")] = 0;
		for (char *t = strtok_r(line, ";", &save); t;
		     t = strtok_r(NULL, ";", &save))
			statement(s, at, t, path);
	}
	fclose(f);
}

char *script_print(const struct seg *s, char *buf, size_t len)
{
	char flags[10], *f = flags;
	int n;

	for (u32 i = 0; i < 8; i++) {
		if (i != 4 && s->flags >> i & 1)
			*f++ = flag_letters[i];
	}
	if (s->flags & 0x10)
		*f++ = '.';
	if (f == flags)
		*f++ = '-';
	*f = 0;
	n = snprintf(buf, len, "%s %u:%u(%u)", flags, s->seq, s->seq + s->len,
		     s->len);
#define ADD(...) n += snprintf(buf + n, len - (size_t)n, __VA_ARGS__)
	if (s->flags & 0x10)
		ADD(" ack %u", s->ack);
	ADD(" win %lld", (long long)s->win);
	if (s->urg)
		ADD(" urg %u", s->urg);
	if (s->ecn)
		ADD(" %s", ecn_names[s->ecn]);
	if (s->mac)
		ADD(" mac %u", s->mac);
	if (s->opt.mss != ABSENT)
		ADD(" <mss %lld>", (long long)s->opt.mss);
	if (s->opt.wscale != ABSENT)
		ADD(" <wscale %lld>", (long long)s->opt.wscale);
	if (s->opt.sack_ok)
		ADD(" <sackOK>");
	if (s->opt.ts_val != ABSENT)
		ADD(" <TS val %lld ecr %lld>", (long long)s->opt.ts_val,
		    (long long)s->opt.ts_ecr);
	for (u32 i = 0; i < s->opt.nsack; i++)
		ADD(" <sack %u:%u>", s->opt.sack[i][0], s->opt.sack[i][1]);
#undef ADD
	return buf;
}
