/* SPDX-License-Identifier: MIT */
/* Random numbers for load, not for secrets: splitmix64. */
#ifndef BENCH_IXLOAD_RNG_H
#define BENCH_IXLOAD_RNG_H

#include <stdint.h>

static inline uint64_t rng_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static inline uint64_t rng_next(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15ull;
	return rng_mix(*state);
}

/* Uniform in 0 .. @n - 1, without a division. */
static inline uint32_t rng_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(((rng_next(state) >> 32) * n) >> 32);
}

/* Uniform in (0, 1]. */
static inline double rng_unit(uint64_t *state)
{
	return (double)((rng_next(state) >> 11) + 1) * 0x1p-53;
}

#endif
