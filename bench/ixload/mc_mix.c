/* SPDX-License-Identifier: MIT */
/* Memcached workloads: the records of each mix. */
#include "bench/ixload/mc_mix.h"
#include "bench/ixload/rng.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static uint32_t clamp(double x, uint32_t low, uint32_t high)
{
	if (x < low)
		return low;
	return x > high ? high : (uint32_t)x;
}

/* Generalized extreme value distribution: location, scale, shape. */
static uint32_t etc_key_len(uint64_t *rng)
{
	double y = pow(-log(rng_unit(rng)), -0.078688);

	return clamp(30.7984 + 8.20449 / 0.078688 * (y - 1), 20, MC_MAX_KEY);
}

/* Generalized Pareto distribution: scale, shape. */
static uint32_t etc_value_len(uint64_t *rng)
{
	double y = pow(rng_unit(rng), -0.348238);

	return clamp(214.476 / 0.348238 * (y - 1), 1, 1024);
}

static void choose_sizes(struct mc_record *r, enum mc_mix mix, uint32_t size,
			 uint64_t *rng)
{
	switch (mix) {
	case MC_ETC:
		r->key_len = (uint8_t)etc_key_len(rng);
		r->value_len = etc_value_len(rng);
		break;
	case MC_USR:
		r->key_len = 19;
		r->value_len = 2;
		break;
	case MC_GET:
		r->key_len = 16;
		r->value_len = size;
		break;
	}
}

/* The number, then letters up to the wanted length. */
static void write_key(char *key, uint32_t len, uint32_t index, uint64_t *rng)
{
	char number[16];
	int n = snprintf(number, sizeof(number), "%u-", index);

	for (uint32_t i = 0; i < len; i++)
		key[i] = (char)('a' + rng_below(rng, 26));
	memcpy(key, number, (size_t)n);
}

void mc_record_make(struct mc_record *r, enum mc_mix mix, uint32_t index,
		    uint32_t size, uint64_t seed)
{
	uint64_t rng = rng_mix(seed ^ ((uint64_t)index << 20));
	int n;

	choose_sizes(r, mix, size, &rng);
	r->value_at = (uint16_t)rng_below(&rng, MC_VALUE_PERIOD);
	memcpy(r->text, "VALUE ", MC_KEY_AT);
	write_key(r->text + MC_KEY_AT, r->key_len, index, &rng);
	n = snprintf(r->text + MC_KEY_AT + r->key_len,
		     MC_TEXT - MC_KEY_AT - r->key_len, " 0 %u\r\n",
		     r->value_len);
	r->text_len = (uint8_t)(MC_KEY_AT + r->key_len + n);
}

void mc_values_make(char *values)
{
	uint64_t rng = 3;

	for (uint32_t i = 0; i < MC_VALUE_PERIOD + MC_MAX_VALUE; i++)
		values[i] = (char)('0' + rng_below(&rng, 64));
}

double mc_get_ratio(enum mc_mix mix)
{
	static const double ratio[] = {
		[MC_ETC] = 0.75, [MC_USR] = 0.99, [MC_GET] = 1.0
	};

	return ratio[mix];
}
