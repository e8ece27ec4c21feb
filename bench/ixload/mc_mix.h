/* SPDX-License-Identifier: MIT */
/*
 * Memcached workloads: keys, values and the share of GETs. Sizes follow the
 * distributions that Atikoglu et al. (SIGMETRICS 2012) fitted to Facebook's
 * pools, cut to the limits that the IX paper gives:
 *
 *	ETC   keys 20-70 B, values 1 B-1 KB, 75 % GET
 *	USR   keys of 19 B, values of 2 B, 99 % GET
 *	GET   keys of 16 B, values of --size bytes, 100 % GET
 *
 * A record's key and value depend on its number and the seed only, so that
 * every answer can be checked, whoever stored it.
 */
#ifndef BENCH_IXLOAD_MC_MIX_H
#define BENCH_IXLOAD_MC_MIX_H

#include <stdbool.h>
#include <stdint.h>

enum {
	MC_MAX_KEY = 70,
	MC_MAX_VALUE = 65536,
	MC_TEXT = 96,		/* room for a record's text */
	MC_VALUE_PERIOD = 8192, /* places where a value may begin */
};

enum mc_mix { MC_ETC, MC_USR, MC_GET };

/* "VALUE <key> 0 <length>\r\n", as the answer to a GET begins. */
struct mc_record {
	uint8_t text_len;
	uint8_t key_len;
	uint16_t value_at; /* in what mc_values_make() made */
	uint32_t value_len;
	char text[MC_TEXT];
};

enum { MC_KEY_AT = 6 }; /* offset of the key in text */

/* Fills in record @index. @size: of the value, for MC_GET. */
void mc_record_make(struct mc_record *r, enum mc_mix mix, uint32_t index,
		    uint32_t size, uint64_t seed);

/* The text that all values are pieces of: MC_VALUE_PERIOD + MC_MAX_VALUE
 * bytes, none of them CR or LF. */
void mc_values_make(char *values);

/* "<length>\r\n" of the value, within a record's text. */
static inline const char *mc_length(const struct mc_record *r)
{
	return r->text + MC_KEY_AT + r->key_len + 3; /* behind " 0 " */
}

static inline uint32_t mc_length_len(const struct mc_record *r)
{
	return r->text_len - (MC_KEY_AT + r->key_len + 3u);
}

/* Requests in memcached's protocol or in redis's, into room for the value and
 * 2 * MC_TEXT; the end of what was written. @values: of mc_values_make(). */
char *mc_put_get(char *p, const struct mc_record *r, bool redis);
char *mc_put_set(char *p, const struct mc_record *r, const char *values,
		 bool redis);

double mc_get_ratio(enum mc_mix mix);

#endif
