/* SPDX-License-Identifier: MIT */
/* Fixed-width integers and the few compiler words the core uses. */
#ifndef BASE_TYPES_H
#define BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define PACKED __attribute__((packed))
#define ALIGNED(n) __attribute__((aligned(n)))
#define CACHE_LINE 64
/* Copied for each caller, whose constant arguments it is made for. */
#define ALWAYS_INLINE inline __attribute__((always_inline))
/* Not into its caller, whose way is another one. */
#define NOINLINE __attribute__((noinline))
/* A way seldom taken: kept out of its caller. */
#define COLD __attribute__((cold, noinline))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#define min(a, b)                  \
	({                         \
		__auto_type _a = (a); \
		__auto_type _b = (b); \
		_a < _b ? _a : _b; \
	})
#define max(a, b)                  \
	({                         \
		__auto_type _a = (a); \
		__auto_type _b = (b); \
		_a > _b ? _a : _b; \
	})

/* One access, neither torn nor repeated by the compiler: for memory that
 * another thread or process changes meanwhile. */
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/* The compiler knows nothing of @x any more: what is made of it begins here. */
#define OPAQUE(x) __asm__("" : "+r"(x))

#define load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

static inline void prefetch(const void *p)
{
	__builtin_prefetch(p, 0, 3);
}

/* To be written: nobody else's copy stays. */
static inline void prefetch_own(const void *p)
{
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)p));
}

#endif
