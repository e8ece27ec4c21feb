/* SPDX-License-Identifier: MIT */
/* Requests to key-value servers. */
#include "bench/ixload/mc_mix.h"

#include <string.h>

static char *put(char *p, const void *src, uint32_t n)
{
	memcpy(p, src, n);
	return p + n;
}

/* Redis's "$<length>\r\n<key>\r\n". Keys have 16 to 70 bytes. */
static char *put_redis_key(char *p, const struct mc_record *r)
{
	*p++ = '$';
	*p++ = (char)('0' + r->key_len / 10);
	*p++ = (char)('0' + r->key_len % 10);
	p = put(p, "\r\n", 2);
	p = put(p, r->text + MC_KEY_AT, r->key_len);
	return put(p, "\r\n", 2);
}

char *mc_put_get(char *p, const struct mc_record *r, bool redis)
{
	if (redis)
		return put_redis_key(put(p, "*2\r\n$3\r\nGET\r\n", 13), r);
	p = put(p, "get ", 4);
	p = put(p, r->text + MC_KEY_AT, r->key_len);
	return put(p, "\r\n", 2);
}

char *mc_put_set(char *p, const struct mc_record *r, const char *values,
		 bool redis)
{
	if (redis) {
		p = put_redis_key(put(p, "*3\r\n$3\r\nSET\r\n", 13), r);
		*p++ = '$';
	} else {
		p = put(p, "set ", 4);
		p = put(p, r->text + MC_KEY_AT, r->key_len);
		p = put(p, " 0 0 ", 5);
	}
	p = put(p, mc_length(r), mc_length_len(r));
	p = put(p, values + r->value_at, r->value_len);
	return put(p, "\r\n", 2);
}
