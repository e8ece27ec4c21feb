/* SPDX-License-Identifier: MIT */
/*
 * TCP, after RFC 9293. A connection (struct tcp_conn) is one fixed-size
 * object; what it needs beyond that (send ranges, buffers) comes from pools
 * and is bounded. Functions by file:
 *
 *   tcp_call.c   listen, connect, accept, close, abort
 *   tcp_init.c   memory and settings
 *   tcp_conn.c   slots, birth, death
 *   tcp_admit.c  who may have one
 *   tcp_relieve.c  ... and who gives one up
 *   tcp_table.c  finding a connection
 *   tcp_move.c   from one thread to another
 *   tcp_fast.c   the usual segment in, all layers in one go
 *   tcp_answer.h ... and out; .c: what is seldom of that
 *   tcp_in.c     segment arrival
 *   tcp_check.c  ... may it come from the peer?
 *   tcp_data.c   ... data and FIN
 *   tcp_syn.c    ... of those that open
 *   tcp_cookie.c ... when nothing more can be kept of them
 *   tcp_ack.c    acknowledgements, loss recovery without SACK
 *   tcp_loss.c   ... with SACK; its parts: tcp_loss.h
 *   tcp_loss_pool.c  ... whose number is limited
 *   tcp_sack.c   ... what became of the bytes in flight
 *   tcp_rack.c   ... which of them are lost
 *   tcp_prr.c    ... how many may follow
 *   tcp_frto.c   ... timeouts that were none
 *   tcp_undo.c   ... recoveries that were none
 *   tcp_tail.c   ... probes for losses at the tail
 *   tcp_blocks.c which blocks we report as received
 *   tcp_icmp.c   what ICMP says about our segments
 *   tcp_path.c   how large they may be on the way
 *   tcp_opt.c    options
 *   tcp_reass.c  out-of-order data
 *   tcp_ecn.c    marks of the network: agreed on, echoed, believed
 *   tcp_cc.c     congestion control: states, what the algorithms share
 *   cc_newreno.c ... NewReno
 *   cc_cubic.c   ... CUBIC
 *   cc_dctcp.c   ... DCTCP
 *   cc_hystart.c ... HyStart++, its first slow start
 *   tcp_pace.c   spreading a window over a round trip
 *   tcp_timer.c  all timers of a connection
 *   tcp_late.c   ... hosts whose ACKs come late
 *   tcp_sndq.c   the send queue
 *   tcp_share.c  what connections share, and who is cut when it is short
 *   tcp_out.c    choosing what to send
 *   tcp_turn.c   whose turn it is
 *   tcp_send.c   segments of each kind
 *   tcp_resend.c segments that are sent again
 *   tcp_build.c  payload and header of a segment
 *   tcp_large.c  ... of many at once, for a NIC that cuts them
 *   tcp_info.c   a connection as people see it
 *   tcp_heir.c   connections of a dataplane and those of its successor
 */
#ifndef NET_TCP_H
#define NET_TCP_H

#include "base/be.h"
#include "base/mbuf.h"
#include "base/ref.h"
#include "base/timer.h"
#include "net/pkt.h"

struct net;

enum tcp_state {
	TCP_CLOSED,
	TCP_SYN_SENT,
	TCP_SYN_RCVD,
	TCP_ESTABLISHED,
	TCP_FIN_WAIT_1,
	TCP_FIN_WAIT_2,
	TCP_CLOSE_WAIT,
	TCP_CLOSING,
	TCP_LAST_ACK,
	TCP_TIME_WAIT,
	TCP_NR_STATES,
};

/* What the application should be told; cleared by dp/event.c. */
enum tcp_event {
	TCP_EV_CONNECTED = 1, /* outcome in c->error */
	TCP_EV_KNOCK = 2,
	TCP_EV_RECV = 4,  /* c->rx_next is the first mbuf to deliver */
	TCP_EV_SENT = 8,  /* c->acked bytes */
	TCP_EV_EOF = 16,  /* FIN taken, all data before it delivered */
	TCP_EV_DEAD = 32, /* reason in c->error; free afterwards */
	/* Its flow group goes to another thread: MOVED is to be told, after all
	 * else; it has been told, all else waits for the other thread; it is
	 * there, and ARRIVED is to be told first. */
	TCP_EV_LEAVES = 64,
	TCP_EV_AWAY = 128,
	TCP_EV_ARRIVED = TCP_EV_LEAVES | TCP_EV_AWAY,
};

enum tcp_flags {
	TCP_F_ACK_NOW = 1,     /* an ACK must go out this iteration */
	TCP_F_ACK_LATER = 2,   /* data received, ACK may wait (delayed ACK) */
	TCP_F_FIN_QUEUED = 4,  /* send FIN after the queued data */
	TCP_F_FIN_SENT = 8,    /* ... it holds sequence number snd_max - 1 */
	TCP_F_TS = 16,	       /* timestamps in use (RFC 7323) */
	TCP_F_WSCALE = 32,     /* window scaling in use */
	TCP_F_NO_RECV = 64,    /* application closed: data is answered by RST */
	TCP_F_ACCEPTED = 128,  /* the application has it: it has a cookie */
	TCP_F_SILENT = 256,    /* nobody has said a word: on net->tcp.silent */
	TCP_F_PROBE = 512,     /* send what the window takes, or a byte */
	TCP_F_RECOVERY = 1024, /* fast recovery, until recover is acked */
	TCP_F_RTT_TIMED = 2048,	     /* rtt_seq is being timed */
	TCP_F_ON_READY = 4096,	     /* on net->tcp.ready */
	TCP_F_ON_OUT = 8192,	     /* on net->tcp.out */
	TCP_F_DEAD_TOLD = 16384,     /* the application has no name for it */
	TCP_F_EARLY = 32768,	     /* rto_at is not the timeout, but sooner */
	TCP_F_RTO_RECOVERY = 65536,  /* after a timeout, until recover acked */
	TCP_F_ECN = 1 << 17,	     /* both sides know it (RFC 3168) */
	TCP_F_RELEASED = 1 << 18,    /* gone; waits until it is off all lists */
	TCP_F_ON_DEAD = 1 << 19,     /* on net->tcp.dead, see tcp_reap() */
	TCP_F_ACTIVE = 1 << 20,	     /* opened by the application, not a peer */
	TCP_F_REXMIT = 1 << 21,	     /* resend one segment at snd_una; or SYN */
	TCP_F_COUNTED = 1 << 22,     /* among those that take a share */
	TCP_F_BLOCKS = 1 << 23,	     /* our segments report: tcp_blocks.c */
	TCP_F_SHORT = 1 << 24,	     /* SENDV was short, in crossing short_at */
	TCP_F_CC_STATE = 1 << 25,    /* has a struct tcp_cc_state */
	TCP_F_ECN_REDUCED = 1 << 26, /* by a mark, until recover is acked */
	TCP_F_ECE = 1 << 27,	     /* our ACKs echo a mark */
	TCP_F_CWR = 1 << 28,	     /* tell the peer: the window is reduced */
	TCP_F_PACED = 1 << 29,	     /* with TCP_F_CC_STATE: see tcp_pace.c */
	TCP_F_LOSS = 1 << 30, /* has a struct tcp_loss, or a tail probe */
	TCP_F_IP6 = 1u << 31,
};

/* A range of the application's arena waiting to be sent or acknowledged. */
struct tcp_range {
	const u8 *addr; /* dataplane's address */
	u32 len;
	struct ref32 next;
};

/* Where the connection should have got to, and since when: tcp_share.c. */
struct tcp_mark {
	u32 goal; /* sequence number */
	u32 at;	  /* tick */
};

/* One connection: 5 cache lines. Sequence numbers and RFC 9293 names. */
struct tcp_conn {
	/* --- line 0: found by */
	struct flow flow;
	union {
		struct {
			u8 state; /* enum tcp_state */
			u8 dupacks, backoff, probes;
		};
		u32 state_word; /* TCP_ESTABLISHED: and none of those */
	};
	u32 flags;  /* enum tcp_flags */
	u8 events;  /* enum tcp_event, pending */
	u8 group;   /* flow group */
	u16 neigh;  /* ARP hint */
	u64 handle; /* what the application calls it */
	u64 cookie; /* ... and it calls itself there */
	u32 rcv_nxt;
	u32 rcv_adv; /* right edge of the window that we advertised */
	u32 snd_una;
	u32 snd_nxt;
	u32 snd_max; /* highest sequence sent + 1 */
	u32 snd_wnd; /* scaled */

	/* --- line 1: receive */
	u32 ts_recent;	      /* RFC 7323 TS.Recent */
	u32 last_ack_sent;    /* Last.ACK.sent */
	struct mbuf *rx_head; /* delivered, not yet done */
	struct mbuf *rx_tail; /* ... and not yet delivered */
	struct mbuf *rx_next; /* first not yet delivered, or NULL */
	struct mbuf *ooo;     /* out of order, by sequence */
	u32 rx_bytes;	      /* in rx_head..rx_tail */
	u32 rx_told;	      /* of those, the application knows of */
	u32 rx_mbufs;	      /* pinned in both lists */
	u32 last_rx;  /* tick of the last segment with data or a new ACK */
	u16 mss_snd;  /* payload bytes per segment we send, options excluded */
	u16 mss_peer; /* largest segment the peer takes, options included */
	u8 wscale_snd, wscale_rcv; /* 0 when not in use */
	u8 cc : 2;		   /* enum tcp_cc_name */
	u8 quick : 5;		   /* ACKs that may not wait */
	u8 fin_held : 1;	   /* the peer's, behind a hole: fin_seq */
	u8 error; /* errno of the outcome; opening: of ICMP's last word */

	/* --- line 2: send */
	u32 acked;		/* bytes acknowledged, not yet told */
	struct ref32 sndq_tail; /* struct tcp_range; empty: the next one */
	struct ref32 sndq_head; /* none: empty */
	u32 head_off; /* bytes of the head range already acknowledged */
	u32 sndq_ranges;
	u32 sndq_bytes; /* queued: from snd_una on, without SYN and FIN */
	struct ref32 nxt_range; /* where snd_nxt stands, */
	u32 nxt_off;		/* ... so many bytes into it */
	u32 snd_wl1, max_wnd;
	u32 cwnd, ssthresh, recover;
	union {
		u32 cc_acked; /* bytes towards the next cwnd increase */
		struct ref32 cc_state; /* TCP_F_CC_STATE */
	};
	u16 ts_recent_at; /* when, in units of 2^40 ns: 18 minutes */
	u8 keep_probes;
	u8 ooo_runs; /* in ooo */
	u32 last_tx; /* tick of the last segment with data from us */

	/* --- line 3: timing; ticks are wheel ticks, 0: not set */
	u32 srtt, rttvar;    /* us << 3, us << 2 (RFC 6298) */
	u32 rto;	     /* ticks */
	u32 rtt_seq, rtt_at; /* timed sequence; when, in us */
	u32 rto_at, delack_at;
	u32 persist_at; /* set: data waits, and none is in flight */
	u32 keep_at;	/* keepalive, or an orphan's end */
	u32 ts_offset;
	struct timer timer; /* the earliest of the *_at, or earlier */

	/* --- line 4: links */
	struct tcp_conn *next_ready, *next_out;
	struct list link; /* listener's queue; then silent, or TIME-WAIT */
	union {
		struct ref32 next_dead;	   /* TCP_F_ON_DEAD */
		struct {		   /* until then: */
			struct ref16 loss; /* struct tcp_loss */
			/* RACK.reo_wnd_mult; 0: no reordering */
			u8 reo_mult : 3;
			u8 frto : 2;	 /* enum tcp_frto */
			u8 learnt : 1;	 /* see tcp_undo.c */
			u8 reo_keep : 5; /* ... for so many recoveries */
			u8 tail : 2;	 /* enum tcp_tail */
			u8 sack : 1;	 /* agreed on (RFC 2018) */
		};
	};
	struct ref16 listener; /* until accepted */
	u16 short_at; /* TCP_F_SHORT: lower bits of the crossings till then */
	union {
		struct {
			u32 iss, irs; /* until established */
		};
		struct tcp_mark send_mark; /* from then on */
	};
	struct tcp_mark recv_mark;
	u32 challenged; /* tick of the last challenge ACK */
	u32 fin_seq;	/* fin_held */
} ALIGNED(CACHE_LINE);

_Static_assert(sizeof(struct tcp_conn) == 5 * CACHE_LINE,
	       "idle connections are small");
_Static_assert(offsetof(struct tcp_conn, ts_recent) == 1 * CACHE_LINE &&
		       offsetof(struct tcp_conn, acked) == 2 * CACHE_LINE &&
		       offsetof(struct tcp_conn, srtt) == 3 * CACHE_LINE &&
		       offsetof(struct tcp_conn, next_ready) == 4 * CACHE_LINE,
	       "what is used together lies together");
_Static_assert(offsetof(struct tcp_conn, state) ==
			       offsetof(struct tcp_conn, state_word) &&
		       offsetof(struct tcp_conn, probes) ==
			       offsetof(struct tcp_conn, state_word) + 3,
	       "state_word covers them, the state lowest");

struct tcp_cc_state;

struct tcp_listener {
	struct be32 ip; /* zero: any */
	u16 port;	/* 0: free */
	u8 cc;		/* of its connections */
	u8 pad;
	u32 backlog;
	u32 waiting;	   /* in both lists */
	u32 nhalf;	   /* ... in this one: SYN-RECEIVED, oldest first */
	u32 cookie_period; /* of the last SYN cookie, + 1; 0: none yet */
	struct list half;
	struct list conns; /* established, not accepted */
};

/* Congestion control: what happened, in bytes. */
struct tcp_cc {
	const char *name;
	void (*init)(struct tcp_conn *c, u32 init_segs);
	/* Outside of fast recovery, the window being what limits, or reduced
	 * by a mark: @bytes were acknowledged. @rtt: a round trip measured by
	 * that, in units of 1024 ns; 0: none. */
	void (*acked)(struct net *net, struct tcp_conn *c, u32 bytes, u32 rtt,
		      u64 now);
	/* Fast recovery begins, @flight bytes were in flight: sets ssthresh.
	 * cwnd is recovery's until it ends. */
	void (*loss)(struct net *net, struct tcp_conn *c, u32 flight, u64 now);
	/* RTO: sets both. */
	void (*timeout)(struct net *net, struct tcp_conn *c, u64 now);
	/* The last loss or timeout was none: both as they were before. */
	void (*undo)(struct net *net, struct tcp_conn *c);
	/* Before acked(): an ACK that brings @bytes, perhaps 0, says that the
	 * network marked a segment (RFC 3168 ECE). Once reduced, the window
	 * does not grow until recover is acknowledged. */
	void (*ecn)(struct net *net, struct tcp_conn *c, u32 bytes, u64 now);
};

enum tcp_cc_name { TCP_CC_NEWRENO, TCP_CC_CUBIC, TCP_CC_DCTCP, TCP_NR_CC };
_Static_assert(TCP_NR_CC <= 4, "tcp_conn.cc");
extern const struct tcp_cc *const tcp_cc_ops[TCP_NR_CC];

enum tcp_ecn_use {
	TCP_ECN_OFF,
	TCP_ECN_ACCEPT, /* if the peer asks; who has DCTCP asks */
	TCP_ECN_ON,	/* asks */
};

/* Of tcp_conf.max_ranges, for each of max_conns, where nothing else is said. */
enum { TCP_RANGES_EACH = 2 };

struct tcp_conf {
	u32 max_conns;	   /* per thread */
	u32 max_listeners; /* per thread */
	u32 max_ranges;	   /* send ranges that all share, per thread */
	u32 conn_ranges;   /* ... at most per connection, with its own */
	u32 patience_ms;   /* with who takes nothing while others go short */
	u32 snd_buf;	   /* bytes queued per connection */
	u32 rcv_buf;	   /* receive window per connection, bytes */
	u32 rcv_buf_max;   /* ... where buffers are plenty; 0: not more */
	u32 rcv_mbufs;	   /* buffers pinned per connection before small
			    * segments are copied together */
	u32 rto_initial_us, rto_min_us, rto_max_us;
	u32 delack_us;	  /* 0: every segment is acknowledged at once */
	u32 quick_acks;	  /* that do not wait at first and after a loss; < 32 */
	u32 time_wait_ms; /* 2 MSL */
	u32 fin_timeout_ms;    /* FIN-WAIT-2 of a connection closed for good */
	u32 orphan_timeout_ms; /* ... and all that is left of one */
	u32 keep_idle_ms, keep_interval_ms, keep_probes; /* idle 0: off */
	u32 retries; /* data retransmissions before giving up (R2) */
	u32 syn_retries;
	u32 user_timeout_ms; /* of data that is not acknowledged; 0: none */
	u32 init_cwnd;	     /* segments (RFC 6928) */
	u32 mss;	     /* of both sides; 0: from the MTU */
	u8 cc;		     /* enum tcp_cc_name */
	u8 ecn;		     /* enum tcp_ecn_use */
	bool timestamps, wscale, sack, syn_cookies, pacing;
	u16 port_min, port_max; /* ephemeral ports */
	u32 challenge_acks; /* per second, on average (RFC 5961 section 7) */
	u32 challenge_interval_ms; /* ... and between two of a connection */
	u32 per_source; /* connections from one address; 0: by what is left */
	u32 per_port;	/* ... to one port; 0: no limit */
	/* After which one may go when they run short; 0: none may. */
	u32 recycle_idle_ms, recycle_silent_ms;
};

/* What connections share: see tcp_share.c. */
enum tcp_pool {
	TCP_POOL_RANGES,
	TCP_POOL_MBUFS,	    /* received buffers beyond the few */
	TCP_POOL_OWN_MBUFS, /* that are everybody's own */
	TCP_NR_POOLS,
};

/* The way to a host that takes less than both ends: tcp_path.c. */
struct tcp_path {
	struct be32 ip;
	u16 mss;      /* options included; 0: no limit is known */
	u16 raises;   /* trials of more that failed */
	u32 raise_at; /* when the next one is due, in units of 2^30 ns, */
	u32 wait;     /* and how long it was waited for */
};

enum { TCP_PATHS = 64 };
enum { TCP_LATE = 64 };
enum { TCP_LOSS_SOURCES = 8 }; /* log2 */

struct tcp_slot { /* of the connection table: open addressing */
	u32 hash;
	struct ref32 conn; /* none: free */
};

struct tcp {
	/* Slots of connections, of all threads. Each has conf.max_conns of
	 * them, at first those from first_conn on: when a connection moves, the
	 * other thread gives a free slot for it. */
	struct tcp_conn *conns;
	u32 nslots, first_conn;
	u32 *conn_free; /* stack of indices */
	u32 nconn_free;
	u32 nconns_used;	     /* of those from first_conn on */
	u32 set_aside;		     /* of those free: for who arrives */
	struct tcp_slot *table;	     /* power of two, at most half full */
	u32 table_mask, table_shift; /* of a hash's upper bits */
	u32 nwraps; /* entries that moved from its beginning to its end */
	struct tcp_listener *listeners;
	u32 *sources;	  /* confirmed connections by their hashed source */
	u32 *ports;	  /* ... by our port; only with conf.per_port */
	u32 source_shift; /* of a hash's upper bits */
	u32 ncounted;	  /* confirmed connections, TIME-WAIT excluded */
	u32 nhalf;	  /* in SYN-RECEIVED, of all listeners */
	u32 nsilent;	  /* accepted, and nobody has said a word */
	u32 crowd;	  /* so many, and they are fetched: tcp_fetch_all() */
	u32 hand;	  /* where in the table tcp_relieve() looked last */
	struct tcp_range *ranges;
	struct ref32 range_free; /* list */
	u32 nranges_used;	 /* of tcp_ranges(), ever */
	struct tcp_cc_state *cc_states;
	struct ref32 cc_free; /* list */
	u32 ncc_used;	      /* of tcp_cc_states(), ever */
	u32 cc_hand;	      /* index of the one seen last */
	u32 ranges_left;      /* of those that all share */
	struct tcp_loss *losses;
	struct ref16 loss_free; /* list */
	u32 nlosses_used;	/* of tcp_losses(), ever */
	u32 losses_left;
	u16 losses_held[1 << TCP_LOSS_SOURCES]; /* by hashed source */
	struct tcp_dup {
		u64 handle; /* of the connection that got it */
		u32 start, end;
	} dup; /* came twice, to be reported (RFC 2883) */
	struct tcp_want {
		bool counts;
		u32 until; /* ... so long: tick */
		u32 held;  /* by who went short */
	} want[TCP_NR_POOLS];
	struct timer watch; /* set while somebody goes short */
	u32 watch_hand;	    /* where in the table the watch looked last */
	u32 copy_max; /* bytes of an answer that is summed while it is copied */
	u32 rcv_wnd;  /* of who reads what comes: tcp_tune_window(); */
	u32 rcv_unread; /* ... has less than that unread */
	u32 app_away;	/* tick: the application did not cross in time */
	u32 patience;	/* ticks, from conf */
	/* Kept by who reads the NIC: dp/rx.c. */
	u64 read_at; /* all has been read that had come by then */
	u32 unread;  /* buffers of a queue that has not */
	struct tcp_conn *ready_head, **ready_tail;
	struct tcp_conn *out_head, **out_tail;
	/* Have had their turn, and want more: tcp_output_all(). */
	struct tcp_conn *more_head, **more_tail;
	u32 out_room;	   /* packets there must be room for: those keep half */
	struct ref32 dead; /* list */
	struct list time_wait; /* oldest first: recycled when short */
	struct list silent;    /* accepted, oldest first: the same */
	/* Ticks, from conf. A peer may delay its ACK: on a path with a steady
	 * round trip above rto_min, RTO stays this much longer than that. */
	u32 rto_initial, rto_min, rto_max, rto_slack, time_wait_ticks;
	u64 factor[3]; /* of tcp_hash(), odd, secret */
	u32 port_hint;
	u32 port_tries; /* since the last tcp_output_all() */
	struct tcp_path paths[TCP_PATHS];
	u8 late[TCP_LATE];    /* timeouts in vain, by host: tcp_late.c */
	u64 challenge_second; /* which challenges_left is for */
	u32 challenges_left;
	bool drains;	/* a SYN is not answered: repeated, it meets our
			 * successor */
	u64 hush_until; /* ns: nor is one to a port without a listener: the
			 * program that listened is begun again */
};

/* Memory for tcp_init(), bytes: besides the slots of connections, and those. */
size_t tcp_bytes(const struct tcp_conf *conf);
static inline size_t tcp_slot_bytes(const struct tcp_conf *conf)
{
	return sizeof(struct tcp_conn) * (size_t)conf->max_conns;
}

/* @mem: tcp_bytes() zeroed bytes, cache line aligned. @conns: zeroed slots of
 * @nthreads threads, of which this is one. */
void tcp_init(struct net *net, void *mem, struct tcp_conn *conns, u32 thread,
	      u32 nthreads);
/* What follows from net->conf.tcp, anew: live settings have changed. */
void tcp_configured(struct net *net);

/* ---- calls: dp/syscall.c -> here. All return 0 or a negative errno. */

int tcp_listen(struct net *net, struct be32 ip, u16 port, u32 backlog);
/* Its connections have @cc from now on. */
void tcp_listen_cc(struct net *net, struct be32 ip, u16 port, u8 cc);
int tcp_unlisten(struct net *net, struct be32 ip, u16 port, u64 now);

/* Chooses a source port whose answers come to this thread (RFC 6056). On
 * success *@out is in SYN-SENT. -EADDRNOTAVAIL (no port), -EAGAIN (searched
 * long enough for one crossing: ask again), -ENOBUFS,
 * -EHOSTUNREACH, -EINVAL. */
int tcp_connect(struct net *net, struct be32 dst, u16 port, u64 cookie,
		struct tcp_conn **out, u64 now);
/* Goes on by @cc, from the window that it has. */
void tcp_set_cc(struct net *net, struct tcp_conn *c, u8 cc);
int tcp_accept(struct net *net, struct tcp_conn *c, u64 cookie);

/* Queues a range; bytes taken (0 to @len), -EPIPE (closed for sending),
 * -ENOTCONN. The memory must stay until acknowledged. */
s64 tcp_send(struct net *net, struct tcp_conn *c, const u8 *addr, u32 len);

/* tcp_answer() of tcp_answer.h, but nothing goes before tcp_output_all(): more
 * follows. */
s64 tcp_answer_later(struct net *net, struct tcp_conn *c, u32 done,
		     const u8 *addr, u32 len);

/* An answer took less than asked: until the next crossing answers of @c take
 * nothing, so that no byte overtakes those. */
void tcp_answer_short(const struct net *net, struct tcp_conn *c);

/* The oldest @bytes delivered bytes are given back: -EINVAL if more than
 * are out, -ENOTCONN. Opens the window. */
int tcp_recv_done(struct net *net, struct tcp_conn *c, u32 bytes);

/* FIN after what is queued. @all: no more receiving either; that also takes an
 * opening back, which -ECANCELED ends. -EBADF, -EPIPE (closed before),
 * -ENOTCONN (not yet open, and not @all). */
int tcp_close(struct net *net, struct tcp_conn *c, bool all, u64 now);

/* RST, and the connection is gone: no event follows. Also rejects. */
void tcp_abort(struct net *net, struct tcp_conn *c, u64 now);
/* ... of one that is or was open: DEAD follows. */
void tcp_reset(struct net *net, struct tcp_conn *c, u64 now);

/* ---- events: here -> dp/event.c */

/* The first connection with pending events, off the list then, or NULL; it may
 * already be released. */
static inline struct tcp_conn *tcp_pop_ready(struct tcp *t)
{
	struct tcp_conn *c = t->ready_head;

	if (unlikely(!c))
		return NULL;
	t->ready_head = c->next_ready;
	if (!t->ready_head)
		t->ready_tail = &t->ready_head;
	c->flags &= ~(u32)TCP_F_ON_READY;
	return c;
}

/* Puts it (back) on the list. */
void tcp_mark_ready(struct net *net, struct tcp_conn *c, u8 events);

/* The next piece of received data to tell the application about; false when
 * there is none. Each piece is given out once; it stays readable until
 * tcp_recv_done() or, after DEAD, tcp_reap(). */
static inline bool tcp_next_rx(struct tcp_conn *c, const u8 **data, u32 *len)
{
	struct mbuf *m = c->rx_next;

	if (!m)
		return false;
	*data = m->data + m->tcp.off_told;
	*len = m->len - m->tcp.off_told;
	m->tcp.off_told = (u16)m->len;
	c->rx_next = m->next;
	c->rx_told += *len;
	return true;
}

/* The application has been told DEAD: the handle is void; what remains (for
 * instance TIME-WAIT) lives on without it. */
void tcp_dead_told(struct net *net, struct tcp_conn *c);

/* Frees what told-dead connections still hold. Called once per crossing,
 * when the application has handled all events of the last one. */
void tcp_reap(struct net *net);

/* ---- loop */

/* Takes whole frames, of @n > 0, as long as each is of the first one's family
 * and just the next segment of an established connection; returns how many. The
 * others are untouched. */
u32 tcp_fast_in(struct net *net, struct mbuf *const *pkts, u32 n, u64 now);

/* Connections of packets that have just come are on their way from memory: of
 * the whole batch, before the first of them is needed. */
void tcp_fetch_all(const struct net *net, struct mbuf *const *pkts, u32 n);

/* The flow group that a received frame seems to be of, of which nothing is
 * checked yet; RSS_TABLE: none. */
u32 tcp_group_ahead(const struct net *net, const struct mbuf *m);

/* Takes @m, or false: net_leave(). */
bool tcp_in(struct net *net, struct mbuf *m, const struct pkt *p, u64 now);

/* Sends what waits: data, ACKs, FINs; stops when the transmit queue is full,
 * and goes on at the next call. */
void tcp_output_all(struct net *net, u64 now);

void tcp_timer(void *net, struct timer *t, u64 now);
void tcp_watch(void *net, struct timer *t, u64 now);

/* A connection, or a socket for datagrams, that could go on goes short of
 * @pool: it holds @held of it. */
void tcp_short(struct net *net, enum tcp_pool pool, u32 held);

/* The application keeps the core: nobody is to blame for what it does not
 * take back meanwhile. */
static inline void tcp_app_away(struct tcp *t, u64 now)
{
	t->app_away = tick_of(now);
}

/* What became of a segment that we sent. */
struct tcp_icmp {
	u32 seq;
	u16 mtu;   /* of the next hop, for which it was too large; or 0: */
	u8 error;  /* errno */
	bool hard; /* trying again is of no use (RFC 1122 section 4.2.3.9) */
};

/* ... as a router, a host or ARP tells it (RFC 1191, 5927: the quoted sequence
 * number must be in flight). */
void tcp_icmp(struct net *net, struct flow flow, const struct tcp_icmp *msg,
	      u64 now);

/* Closes everything, each connection after what it has queued; what knocks is
 * reset. Returns how many are not closed yet: call again until 0. */
u32 tcp_close_all(struct net *net, u64 now);

/* Aborts everything with RST (shutdown). */
void tcp_abort_all(struct net *net, u64 now);

/* From a peer, its knock told, the answer awaited? */
static inline bool tcp_has_knocked(const struct tcp_conn *c)
{
	return c->state >= TCP_ESTABLISHED && !(c->events & TCP_EV_KNOCK) &&
	       !(c->flags & (TCP_F_ACCEPTED | TCP_F_ACTIVE));
}

/* What people want to know of a connection. */
struct tcp_info {
	u32 index; /* of its slot, among those of all threads */
	struct be128 raddr, laddr;
	u16 rport, lport;
	u8 state, group;
	bool accepted; /* the application has it */
	/* options in use */
	bool timestamps, window_scaling, sack, ecn, pacing;
	u8 wscale_snd, wscale_rcv;
	u16 mss; /* of what we send */
	/* sending, bytes */
	const char *cc;
	u32 cwnd, ssthresh, snd_wnd;
	u32 snd_queued; /* not acknowledged, sent or not */
	u32 in_flight, lost, resent;
	u8 timeouts; /* in a row */
	bool recovery;
	/* receiving, bytes */
	u32 rcv_wnd, rcv_queued;
	u32 rcv_mbufs, holes;
	/* time */
	u32 srtt_us, rttvar_us, rto_us;
	u32 last_rx_ms, last_tx_ms;
};

/* At a place of the table, 0 to net->tcp.table_mask; false: there is none. */
bool tcp_info(const struct net *net, u32 place, struct tcp_info *out, u64 now);

/* At any port? */
bool tcp_listens(const struct net *net);

/* With net->flows: says of the connections in @most places of the table, from
 * @from on, that they are ours. Returns where to go on; behind the last one:
 * table_mask + 1. */
u32 tcp_keep_flows(const struct net *net, u32 from, u32 most);

static inline u32 tcp_index(const struct tcp *t, const struct tcp_conn *c)
{
	return (u32)(c - t->conns);
}

#endif
