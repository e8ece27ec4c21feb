/* SPDX-License-Identifier: MIT */
/*
 * What crosses wall 2: batched system calls down, event conditions up.
 *
 *   struct ix_down   written by the application, copied in by the dataplane
 *   struct ix_up     written by the dataplane, read-only for the application
 *
 * One pair per elastic thread. Names are per thread too: a handle is chosen by
 * the dataplane, a cookie by the application, so that calls on different
 * threads commute. doc/abi.md tells who owns which buffer when.
 */
#ifndef IX_ABI_H
#define IX_ABI_H

#include <stddef.h>
#include <stdint.h>

#define IX_ABI_VERSION 6

#ifdef __cplusplus
#define IX_STATIC_ASSERT(cond) static_assert(cond, #cond)
#else
#define IX_STATIC_ASSERT(cond) _Static_assert(cond, #cond)
#endif

/*
 * Calls. Each gets one result: >= 0 on success, else a negative errno, and
 * then nothing else has changed. A port that the application may not have
 * (ports_only) is answered by -EACCES.
 *
 *   CONNECT      cookie, ip, port, cc        handle; connected(cookie) follows,
 *                                            unless it is aborted before
 *   LISTEN       ip (or zero: any), port, backlog, cc         0
 *   UNLISTEN     ip, port                    0; knocks not yet accepted die
 *   ACCEPT       handle (from knock), cookie, cc              0
 *   REJECT       handle (from knock)         0; the peer gets a reset
 *   SENDV        handle, sg, nsgs, done      bytes taken, may be fewer than
 *                                            asked: wait for sent, and
 *                                            the batch's later ones for this
 *                                            handle take 0; first a RECV_DONE
 *                                            of done bytes
 *   RECV_DONE    handle, bytes               0; oldest bytes first
 *   CLOSE        handle, how = IX_CLOSE_*    0; FIN after what is queued. Not
 *                                            yet connected: IX_CLOSE_ALL only
 *   ABORT        handle                      0; RST; no dead follows
 *   UDP_BIND     cookie, ip (or zero), port (0: chosen)       handle
 *   UDP_UNBIND   handle                      0
 *   UDP_SENDV    handle, ip, port, sg, nsgs, cookie           bytes;
 *                                            udp_sent(cookie) follows when the
 *                                            memory is free
 *   UDP_RECV_DONE handle, addr (from udp_recv)                0
 *   TIMER_SET    cookie, delay in ns         handle; timer(cookie) follows
 *   TIMER_CANCEL handle                      0
 *
 * Fields not named must be zero, else -EINVAL: they may mean something in a
 * later version. But a cookie is the application's in every call; and of a
 * SENDV, the call that is to be fast, ip is not looked at.
 */
#define IX_CALLS(X)                                                            \
	X(CONNECT, IX_USES_IP | IX_USES_PORT | IX_USES_CC)                     \
	X(LISTEN, IX_USES_IP | IX_USES_PORT | IX_USES_N | IX_USES_CC)          \
	X(UNLISTEN, IX_USES_IP | IX_USES_PORT)                                 \
	X(ACCEPT, IX_USES_HANDLE | IX_USES_CC)                                 \
	X(REJECT, IX_USES_HANDLE)                                              \
	X(SENDV,                                                               \
	  IX_USES_HANDLE | IX_USES_SG | IX_USES_DONE | IX_USES_N | IX_USES_IP) \
	X(RECV_DONE, IX_USES_HANDLE | IX_USES_N)                               \
	X(CLOSE, IX_USES_HANDLE | IX_USES_N)                                   \
	X(ABORT, IX_USES_HANDLE)                                               \
	X(UDP_BIND, IX_USES_IP | IX_USES_PORT)                                 \
	X(UDP_UNBIND, IX_USES_HANDLE)                                          \
	X(UDP_SENDV,                                                           \
	  IX_USES_HANDLE | IX_USES_IP | IX_USES_PORT | IX_USES_SG | IX_USES_N) \
	X(UDP_RECV_DONE, IX_USES_HANDLE | IX_USES_ARG)                         \
	X(TIMER_SET, IX_USES_ARG)                                              \
	X(TIMER_CANCEL, IX_USES_HANDLE)

/* Words of struct ix_call that may be other than zero. */
enum ix_call_uses {
	IX_USES_PORT = 1,
	IX_USES_N = 2, /* nsgs, backlog, bytes or how */
	IX_USES_HANDLE = 4,
	IX_USES_SG = 8,
	IX_USES_CC = IX_USES_SG, /* the same word */
	IX_USES_DONE = 16,
	IX_USES_ARG = IX_USES_SG | IX_USES_DONE, /* delay or addr */
	IX_USES_IP = 32,
};

/*
 * Event conditions. Fields not named are undefined. A program ignores types
 * that it does not know: later versions may have more.
 *
 *   CONNECTED  cookie, handle, error (0: it is open)
 *   KNOCK      handle, ip, port = the peer's; local_port
 *   RECV       cookie, handle, addr, len     read-only, until RECV_DONE;
 *              acked, room                   len 0: the peer sent its FIN.
 *                                            acked > 0: and a SENT, in one
 *   SENT       cookie, handle, acked, room   bytes acknowledged since this
 *                                            was last told; bytes that SENDV
 *                                            takes now
 *   DEAD       cookie, handle, error (0: closed both ways); the handle is void
 *                                            afterwards
 *   UDP_RECV   cookie, handle, addr, len, ip, port = source
 *   UDP_PART   cookie, handle, addr, len     a piece, in order, of the datagram
 *                                            that the next UDP_RECV completes;
 *                                            given back with that
 *   UDP_SENT   cookie, handle
 *   TIMER      cookie
 *   MOVED      cookie, handle, port          the connection goes to thread
 *                                            port: calls for it up to the next
 *                                            crossing count, no later ones
 *   ARRIVED    cookie, handle                a connection that was another
 *                                            thread's is this one's from now on
 */
#define IX_EVENTS(X) \
	X(CONNECTED) \
	X(KNOCK)     \
	X(RECV)      \
	X(SENT)      \
	X(DEAD)      \
	X(UDP_RECV)  \
	X(UDP_PART)  \
	X(UDP_SENT)  \
	X(TIMER)     \
	X(MOVED)     \
	X(ARRIVED)

#define IX_CALL_NUMBER(name, uses) IX_##name,
#define IX_EVENT_NUMBER(name) IX_EV_##name,
enum ix_call_op { IX_CALLS(IX_CALL_NUMBER) IX_NR_CALLS };
enum ix_event_type { IX_EVENTS(IX_EVENT_NUMBER) IX_NR_EVENTS };
#undef IX_CALL_NUMBER
#undef IX_EVENT_NUMBER

enum {
	IX_MAX_CALLS = 512, /* calls in a batch */
	IX_MAX_SGS = 1024,  /* scatter/gather entries in a batch */
	IX_MAX_SG_PER_CALL = 64,
	IX_MAX_EVENTS = 1024, /* event conditions per crossing */
	IX_MAX_THREADS = 64,
	IX_RUN_FLUSH = 1,   /* ix_down.flags: dispatch, bring no events */
	IX_RUN_POLL = 2,    /* ... bring those there are, do not wait */
	IX_RUN_MOVES = 4,   /* ... MOVED and ARRIVED are understood */
	IX_RUN_FLAGS = 7,   /* all of them */
	IX_CLOSE_ALL = 0,   /* no more recv: later data is answered by RST */
	IX_CLOSE_WRITE = 1, /* half-close: go on receiving */
};

/* Congestion control. DEFAULT: of CONNECT and LISTEN the setting tcp.cc, of
 * ACCEPT what the listener has. Others than these answer -EINVAL. */
enum ix_cc {
	IX_CC_DEFAULT,
	IX_CC_NEWRENO, /* RFC 6582 */
	IX_CC_CUBIC,   /* RFC 9438 */
	IX_CC_DCTCP,   /* RFC 8257: within a data centre */
	IX_NR_CC,
};

/* An IPv6 address, or an IPv4 address mapped into one (RFC 4291, 2.5.5.2);
 * network byte order. All zero: any. Families that the dataplane does not
 * speak are answered by -EAFNOSUPPORT, IPv4 0.0.0.0/8 but zero by -EINVAL. */
struct ix_addr {
	union {
		uint8_t b[16];
		uint32_t w[4];
		uint64_t q[2];
	};
};

struct ix_sg {
	uint64_t addr; /* in the application's registered arena */
	uint32_t len;  /* bytes */
	uint32_t pad;  /* zero, else -EINVAL: as the rest of a call */
};

/* In C++ clang warns of structs in a union, __extension__ or not. */
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wnested-anon-types"
#endif

/* Names in a union: which of them, says the call. The first one is for who
 * looks at all calls alike. */
struct ix_call {
	uint16_t op; /* enum ix_call_op */
	uint16_t port;
	union {
		uint32_t n;
		uint32_t nsgs; /* SENDV, UDP_SENDV: entries from sg on */
		uint32_t backlog;
		uint32_t bytes;
		uint32_t how; /* IX_CLOSE_* */
	};
	uint64_t handle;
	uint64_t cookie;
	union {
		uint64_t arg;
		uint64_t delay; /* ns */
		uint64_t addr;
		uint32_t cc; /* enum ix_cc */
		__extension__ struct {
			uint32_t sg;   /* first entry, index into ix_down.sgs */
			uint32_t done; /* received bytes given back */
		};
	};
	struct ix_addr ip;
};

struct ix_event {
	uint16_t type; /* enum ix_event_type */
	uint16_t port;
	union {
		uint32_t len;
		uint32_t error; /* errno, or 0 */
		uint32_t local_port;
	};
	uint64_t cookie;
	uint64_t handle;
	uint64_t addr;
	union {
		struct ix_addr ip;
		__extension__ struct {
			uint32_t acked, room;
		};
	};
};

#ifdef __clang__
#pragma clang diagnostic pop
#endif

/* What is reserved must be zero. */
struct ix_down {
	uint32_t ncalls;
	uint32_t flags; /* IX_RUN_*; with other bits: -EINVAL */
	uint64_t reserved[7];
	struct ix_call calls[IX_MAX_CALLS];
	struct ix_sg sgs[IX_MAX_SGS];
};

struct ix_up {
	uint64_t now; /* ns, monotonic: when these events were taken */
	uint32_t nevents;
	uint32_t nresults;
	uint32_t nshort; /* results that are an errno, or a short SENDV's */
	uint32_t pad;
	uint64_t reserved[5];
	struct ix_event events[IX_MAX_EVENTS];
	int64_t results[IX_MAX_CALLS];
};

#define IX_FIELD(type, field, at, bytes)                         \
	IX_STATIC_ASSERT(offsetof(struct type, field) == (at) && \
			 sizeof(((struct type *)0)->field) == (bytes))

IX_STATIC_ASSERT(sizeof(struct ix_addr) == 16);

IX_STATIC_ASSERT(sizeof(struct ix_sg) == 16);
IX_FIELD(ix_sg, addr, 0, 8);
IX_FIELD(ix_sg, len, 8, 4);
IX_FIELD(ix_sg, pad, 12, 4);

IX_STATIC_ASSERT(sizeof(struct ix_call) == 48);
IX_FIELD(ix_call, op, 0, 2);
IX_FIELD(ix_call, port, 2, 2);
IX_FIELD(ix_call, n, 4, 4);
IX_FIELD(ix_call, nsgs, 4, 4);
IX_FIELD(ix_call, backlog, 4, 4);
IX_FIELD(ix_call, bytes, 4, 4);
IX_FIELD(ix_call, how, 4, 4);
IX_FIELD(ix_call, handle, 8, 8);
IX_FIELD(ix_call, cookie, 16, 8);
IX_FIELD(ix_call, arg, 24, 8);
IX_FIELD(ix_call, delay, 24, 8);
IX_FIELD(ix_call, addr, 24, 8);
IX_FIELD(ix_call, cc, 24, 4);
IX_FIELD(ix_call, sg, 24, 4);
IX_FIELD(ix_call, done, 28, 4);
IX_FIELD(ix_call, ip, 32, 16);

IX_STATIC_ASSERT(sizeof(struct ix_event) == 48);
IX_FIELD(ix_event, type, 0, 2);
IX_FIELD(ix_event, port, 2, 2);
IX_FIELD(ix_event, len, 4, 4);
IX_FIELD(ix_event, error, 4, 4);
IX_FIELD(ix_event, local_port, 4, 4);
IX_FIELD(ix_event, cookie, 8, 8);
IX_FIELD(ix_event, handle, 16, 8);
IX_FIELD(ix_event, addr, 24, 8);
IX_FIELD(ix_event, ip, 32, 16);
IX_FIELD(ix_event, acked, 32, 4);
IX_FIELD(ix_event, room, 36, 4);

IX_FIELD(ix_down, ncalls, 0, 4);
IX_FIELD(ix_down, flags, 4, 4);
IX_FIELD(ix_down, calls, 64, 48 * IX_MAX_CALLS);
IX_FIELD(ix_down, sgs, 64 + 48 * IX_MAX_CALLS, 16 * IX_MAX_SGS);

IX_FIELD(ix_up, now, 0, 8);
IX_FIELD(ix_up, nevents, 8, 4);
IX_FIELD(ix_up, nresults, 12, 4);
IX_FIELD(ix_up, nshort, 16, 4);
IX_FIELD(ix_up, events, 64, 48 * IX_MAX_EVENTS);
IX_FIELD(ix_up, results, 64 + 48 * IX_MAX_EVENTS, 8 * IX_MAX_CALLS);

#undef IX_FIELD

#endif
