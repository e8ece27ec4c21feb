/* SPDX-License-Identifier: MIT */
/* Text <-> field, one pair of functions per type of setting: numbers and words;
 * the table of all types. */
#include "conf/type.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *suffix;
	u64 factor;
};

/* Largest first: print_unit() takes the first that divides. */
static const struct unit size_units[] = {
	{ "T", 1ull << 40 }, { "G", 1 << 30 }, { "M", 1 << 20 },
	{ "K", 1 << 10 },    { "", 1 },
};

static const struct unit time_units[] = {
	/* in ns */
	{ "min", 60000000000 }, { "s", 1000000000 }, { "ms", 1000000 },
	{ "us", 1000 },		{ "ns", 1 },
};

static u64 unit_factor(const struct unit *units, size_t n, const char *suffix)
{
	for (size_t i = 0; i < n; i++)
		if (!strcasecmp(units[i].suffix, suffix))
			return units[i].factor;
	return 0;
}

static void store_uint(const struct setting *s, void *field, u64 v)
{
	memcpy(field, &v, s->size); /* little endian: x86-64 only */
}

static u64 load_uint(const struct setting *s, const void *field)
{
	u64 v = 0;

	memcpy(&v, field, s->size);
	return v;
}

/* " (1 to 256)", as the user writes them; empty: any. */
static void print_range(const struct setting *s, char *out, size_t len)
{
	char lo[32], hi[32];

	*out = 0;
	if (!s->min && !s->max)
		return;
	conf_types[s->type].print(s, &s->min, lo, sizeof(lo));
	conf_types[s->type].print(s, &s->max, hi, sizeof(hi));
	snprintf(out, len, " (%s to %s)", lo, hi);
}

int conf_wrong(const struct setting *s, const char *text, struct conf_err *e)
{
	char range[80];

	print_range(s, range, sizeof(range));
	return conf_error(e, -EINVAL, "%s: \"%s\" is not %s%s", s->name, text,
			  conf_types[s->type].what, range);
}

bool conf_take_number(const char **text, u64 *v)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	errno = 0;
	*v = strtoull(*text, &end, 0);
	*text = end;
	return !errno;
}

/* In the member's unit; the limits as the user writes them. */
static int check_range(const struct setting *s, void *field, u64 v,
		       const char *text, struct conf_err *e)
{
	char lo[32], hi[32];

	if ((!s->min && !s->max) || (v >= s->min && v <= s->max)) {
		store_uint(s, field, v);
		return 0;
	}
	conf_types[s->type].print(s, &s->min, lo, sizeof(lo));
	conf_types[s->type].print(s, &s->max, hi, sizeof(hi));
	return conf_error(e, -ERANGE, "%s: %s is out of range %s to %s",
			  s->name, text, lo, hi);
}

/* ---- bool */

static int parse_bool(const struct setting *s, void *field, const char *text,
		      struct conf_err *e)
{
	static const char *const words[] = { "false", "true", "no", "yes",
					     "off",   "on",   "0",  "1" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcasecmp(text, words[i])) {
			*(bool *)field = i & 1;
			return 0;
		}
	}
	return conf_wrong(s, text, e);
}

static void print_bool(const struct setting *s, const void *field, char *out,
		       size_t len)
{
	(void)s;
	snprintf(out, len, "%s", *(const bool *)field ? "true" : "false");
}

/* ---- numbers */

static int parse_u32(const struct setting *s, void *field, const char *text,
		     struct conf_err *e)
{
	const char *p = text;
	u64 v;

	if (!conf_take_number(&p, &v) || *p)
		return conf_wrong(s, text, e);
	return check_range(s, field, v, text, e);
}

static void print_u32(const struct setting *s, const void *field, char *out,
		      size_t len)
{
	snprintf(out, len, "%" PRIu64, load_uint(s, field));
}

static void print_unit(const struct unit *units, u64 v, char *out, size_t len)
{
	while (v % units->factor || v < units->factor) {
		if (units->factor == 1)
			break;
		units++;
	}
	snprintf(out, len, "%" PRIu64 "%s", v / units->factor, units->suffix);
}

static int parse_size(const struct setting *s, void *field, const char *text,
		      struct conf_err *e)
{
	const char *p = text;
	u64 v, factor;

	if (!conf_take_number(&p, &v))
		return conf_wrong(s, text, e);
	factor = unit_factor(size_units, ARRAY_SIZE(size_units), p);
	if (!factor || __builtin_mul_overflow(v, factor, &v))
		return conf_wrong(s, text, e);
	return check_range(s, field, v, text, e);
}

static void print_size(const struct setting *s, const void *field, char *out,
		       size_t len)
{
	print_unit(size_units, load_uint(s, field), out, len);
}

/* s->arg is the member's unit. Zero needs no suffix. */
static int parse_duration(const struct setting *s, void *field,
			  const char *text, struct conf_err *e)
{
	u64 unit = unit_factor(time_units, ARRAY_SIZE(time_units), s->arg);
	const char *p = text;
	u64 v, factor;

	if (!conf_take_number(&p, &v))
		return conf_wrong(s, text, e);
	factor = unit_factor(time_units, ARRAY_SIZE(time_units), p);
	if (!factor && (*p || v))
		return conf_wrong(s, text, e);
	if (__builtin_mul_overflow(v, factor, &v) || v % unit)
		return conf_error(e, -EINVAL, "%s: %s is not a multiple of 1%s",
				  s->name, text, s->arg);
	return check_range(s, field, v / unit, text, e);
}

static void print_duration(const struct setting *s, const void *field,
			   char *out, size_t len)
{
	u64 unit = unit_factor(time_units, ARRAY_SIZE(time_units), s->arg);
	u64 v = load_uint(s, field);

	if (v)
		print_unit(time_units, v * unit, out, len);
	else
		snprintf(out, len, "0s");
}

/* ---- words */

static int parse_string(const struct setting *s, void *field, const char *text,
			struct conf_err *e)
{
	if (strlen(text) >= s->size)
		return conf_error(e, -ERANGE, "%s: longer than %zu characters",
				  s->name, s->size - 1);
	if (strpbrk(text, "\n\"\\"))
		return conf_error(e, -EINVAL,
				  "%s: no quote, backslash or line break, "
				  "please",
				  s->name);
	strcpy(field, text);
	return 0;
}

static void print_string(const struct setting *s, const void *field, char *out,
			 size_t len)
{
	(void)s;
	snprintf(out, len, "%s", (const char *)field);
}

/* The @n-th word of "a|b|c": its length, and where it begins in *@word. 0
 * behind the last. */
static size_t enum_word(const char *words, u64 n, const char **word)
{
	while (n--) {
		words += strcspn(words, "|");
		if (!*words)
			return 0;
		words++;
	}
	*word = words;
	return strcspn(words, "|");
}

static int parse_enum(const struct setting *s, void *field, const char *text,
		      struct conf_err *e)
{
	const char *word;
	size_t len;

	for (u64 i = 0; (len = enum_word(s->arg, i, &word)); i++) {
		if (strlen(text) == len && !strncasecmp(text, word, len)) {
			store_uint(s, field, i);
			return 0;
		}
	}
	return conf_error(e, -EINVAL, "%s: \"%s\" is not one of %s", s->name,
			  text, s->arg);
}

static void print_enum(const struct setting *s, const void *field, char *out,
		       size_t len)
{
	const char *word = "";
	size_t n = enum_word(s->arg, load_uint(s, field), &word);

	snprintf(out, len, "%.*s", (int)n, word);
}

const struct conf_type conf_types[CONF_NR_TYPES] = {
	[CONF_BOOL] = { "true or false", parse_bool, print_bool },
	[CONF_U32] = { "a number", parse_u32, print_u32 },
	[CONF_SIZE] = { "a size, such as 64K or 1G", parse_size, print_size },
	[CONF_DURATION] = { "a duration: a number and ns, us, ms, s or min, "
			    "such as 50ms",
			    parse_duration, print_duration },
	[CONF_STRING] = { "a text", parse_string, print_string },
	[CONF_ENUM] = { "one of", parse_enum, print_enum },
	[CONF_ADDRS] = { "a list of addresses with prefix, such as "
			 "10.0.0.1/24,2001:db8::1/64",
			 conf_parse_addrs, conf_print_addrs },
	[CONF_GATEWAY] = { "an address, such as 10.0.0.1, or one of each "
			   "family",
			   conf_parse_gateway, conf_print_gateway },
	[CONF_MAC] = { "an Ethernet address, such as 02:00:00:00:00:01, or "
		       "auto",
		       conf_parse_mac, conf_print_mac },
	[CONF_PORTS] = { "a list of ports, such as 80,443", conf_parse_ports,
			 conf_print_ports },
	[CONF_CORES] = { "a list of cores, such as 0,2 or 0-3",
			 conf_parse_cores, conf_print_cores },
	[CONF_ARP] = { "a list of neighbours, such as "
		       "10.0.0.2=02:00:00:00:00:02",
		       conf_parse_arp, conf_print_arp },
};
