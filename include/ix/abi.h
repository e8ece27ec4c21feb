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

#define IX_ABI_VERSION 4

/*
 * Calls. Each gets one result: >= 0 on success, else a negative errno, and
 * then nothing else has changed. Fields not named are ignored. A port that the
 * application may not have (ports_only) is answered by -EACCES.
 *
 *   CONNECT      cookie, ip, port            handle; connected(cookie) follows,
 *                                            unless it is aborted before
 *   LISTEN       ip (or zero: any), port, n = backlog         0
 *   UNLISTEN     ip, port                    0; knocks not yet accepted die
 *   ACCEPT       handle (from knock), cookie 0
 *   REJECT       handle (from knock)         0; the peer gets a reset
 *   SENDV        handle, sg, n, done         bytes taken, may be fewer than
 *                                            asked: wait for sent, and
 *                                            the batch's later ones for this
 *                                            handle take 0; first a RECV_DONE
 *                                            of done bytes
 *   RECV_DONE    handle, n = bytes           0; oldest bytes first
 *   CLOSE        handle, n = IX_CLOSE_*      0; FIN after what is queued. Not
 *                                            yet connected: IX_CLOSE_ALL only
 *   ABORT        handle                      0; RST; no dead follows
 *   UDP_BIND     cookie, ip (or zero), port (0: chosen)       handle
 *   UDP_UNBIND   handle                      0
 *   UDP_SENDV    handle, ip, port, sg, n, cookie    bytes; udp_sent(cookie)
 *                                            follows when the memory is free
 *   UDP_RECV_DONE handle, arg = address from udp_recv         0
 *   TIMER_SET    cookie, arg = delay in ns   handle; timer(cookie) follows
 *   TIMER_CANCEL handle                      0
 */
#define IX_CALLS(X)      \
	X(CONNECT)       \
	X(LISTEN)        \
	X(UNLISTEN)      \
	X(ACCEPT)        \
	X(REJECT)        \
	X(SENDV)         \
	X(RECV_DONE)     \
	X(CLOSE)         \
	X(ABORT)         \
	X(UDP_BIND)      \
	X(UDP_UNBIND)    \
	X(UDP_SENDV)     \
	X(UDP_RECV_DONE) \
	X(TIMER_SET)     \
	X(TIMER_CANCEL)

/*
 * Event conditions. Fields not named are undefined.
 *
 *   CONNECTED  cookie, handle, len = 0 or errno
 *   KNOCK      handle, ip, port = the peer's; len = local port
 *   RECV       cookie, handle, addr, len     read-only, until RECV_DONE;
 *              acked, room                   len 0: the peer sent its FIN.
 *                                            acked > 0: and a SENT, in one
 *   SENT       cookie, handle, acked, room   bytes acknowledged since this
 *                                            was last told; bytes that SENDV
 *                                            takes now
 *   DEAD       cookie, handle, len = 0 (closed both ways) or errno; the
 *                                            handle is void afterwards
 *   UDP_RECV   cookie, handle, addr, len, ip, port = source
 *   UDP_PART   cookie, handle, addr, len     a piece, in order, of the datagram
 *                                            that the next UDP_RECV completes;
 *                                            given back with that
 *   UDP_SENT   cookie, handle
 *   TIMER      cookie
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
	X(TIMER)

#define IX_CALL_NUMBER(name) IX_##name,
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
	IX_CLOSE_ALL = 0,   /* no more recv: later data is answered by RST */
	IX_CLOSE_WRITE = 1, /* half-close: go on receiving */
};

/* An IPv6 address, or an IPv4 address mapped into one (RFC 4291, 2.5.5.2);
 * network byte order. All zero: any. */
struct ix_addr {
	union {
		uint8_t b[16];
		uint32_t w[4];
		uint64_t q[2];
	};
};

struct ix_sg {
	uint64_t addr; /* in the application's registered arena */
	uint32_t len;
	uint32_t pad;
};

struct ix_call {
	uint16_t op; /* enum ix_call_op */
	uint16_t port;
	uint32_t n;
	uint64_t handle;
	uint64_t cookie;
	union {
		uint64_t arg;
		struct {
			uint32_t sg;   /* first entry, index into ix_down.sgs */
			uint32_t done; /* received bytes given back */
		};
	};
	struct ix_addr ip;
};

struct ix_event {
	uint16_t type; /* enum ix_event_type */
	uint16_t port;
	uint32_t len;
	uint64_t cookie;
	uint64_t handle;
	uint64_t addr;
	union {
		struct ix_addr ip;
		struct {
			uint32_t acked, room;
		};
	};
};

struct ix_down {
	uint32_t ncalls;
	uint32_t flags; /* IX_RUN_* */
	uint64_t pad[7];
	struct ix_call calls[IX_MAX_CALLS];
	struct ix_sg sgs[IX_MAX_SGS];
};

struct ix_up {
	uint64_t now; /* ns, monotonic: when these events were taken */
	uint32_t nevents;
	uint32_t nresults;
	uint64_t pad[6];
	struct ix_event events[IX_MAX_EVENTS];
	int64_t results[IX_MAX_CALLS];
};

_Static_assert(sizeof(struct ix_addr) == 16, "abi");
_Static_assert(sizeof(struct ix_sg) == 16, "abi");
_Static_assert(sizeof(struct ix_call) == 48, "abi");
_Static_assert(sizeof(struct ix_event) == 48, "abi");
_Static_assert(offsetof(struct ix_down, calls) == 64, "abi");
_Static_assert(offsetof(struct ix_up, events) == 64, "abi");

#endif
