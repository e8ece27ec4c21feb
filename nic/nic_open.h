/* SPDX-License-Identifier: MIT */
/*
 * Opening a NIC, for all back ends: needs libc, off the packet's way.
 *
 *   nic_open()  "xdp:IFACE"  nic/xdp_setup.c   AF_XDP on a network interface
 *               "tap:NAME"   nic/tap_open.c    TAP device, made if absent
 *               "wire:PATH"  nic/wire_open.c   shared memory link
 *               any of them  nic/take.c        opened for us by somebody else
 *
 * Functions return 0 or -errno, and on failure write one line to @why: what is
 * wrong and what to do about it.
 */
#ifndef NIC_NIC_OPEN_H
#define NIC_NIC_OPEN_H

#include <pthread.h>

#include "base/be.h"
#include "base/flows.h"
#include "base/hash.h"
#include "base/ip4.h"
#include "base/ip6.h"
#include "base/ports.h"
#include "nic/nic.h"

enum {
	NIC_MAX_QUEUES = 64,
	NIC_IP6 = 8,	  /* IPv6 addresses */
	NIC_DETAIL = 256, /* bytes of struct nic.detail */
	NIC_WHY = 256,	  /* bytes that suffice for any @why */
};

enum nic_mode {
	NIC_AUTO,     /* zero copy, else copy */
	NIC_ZEROCOPY, /* or fail */
	NIC_COPY,
};

/* Is the application's memory sent in place? */
enum nic_gather {
	NIC_GATHER_AUTO, /* where that is cheaper than a copy */
	NIC_GATHER_ON,	 /* or fail */
	NIC_GATHER_OFF,
};

enum nic_link {
	NIC_UP,
	NIC_DOWN,
	NIC_GONE, /* for good: nothing will come or go any more */
};

struct nic_config {
	/* "xdp:IFACE", "wire:PATH"; "tap:NAME" or "tap:NAME,ADDRESS/PREFIX"
	 * where the address is given to Linux's side of the device. */
	const char *spec;
	u32 nqueues; /* one for each elastic thread */

	/* What is ours. The whole address; or with ports_only, where Linux
	 * keeps the address: these TCP and UDP ports. */
	struct be32 ip;		       /* zero: none */
	const struct ip4_prefix *also; /* further IPv4 addresses */
	u32 nalso;		       /* at most IP4_ALSO */
	const struct ip6_prefix *ip6;
	u32 nip6; /* at most NIC_IP6 */
	bool ports_only;
	struct ports ports;

	/* With ports_only: other dataplanes have other queues of the interface
	 * and other ports; ours are from @first_queue on. The same ones, or a
	 * TAP device: one other may, which is our successor, or predecessor. */
	bool shared;
	u32 first_queue;
	/* He has said the same here. 0: root's own. Others are not beside each
	 * other, nor on a TAP device that was there before. */
	u64 kin;
	u32 pid; /* for whom it is, as the other one is told; 0: for us */
	const char *mark; /* of devices made for it: link_mark.h; NULL: none */

	/* Memory that packets lie in: page aligned, contiguous, the caller's,
	 * mapped until nic_close().
	 *
	 *   umem: | frames of queue 0 | queue 1 | ... | application's arena |
	 *         |<------------- frames_len -------->|
	 *         |<------------------- umem_len ------------------------->|
	 *
	 * A back end that needs no registered memory ignores it. */
	u8 *umem;
	size_t umem_len;
	size_t frames_len;
	u32 frames_per_queue;
	bool frames_shared; /* any queue may have any of them */
	int memfd[2];	    /* what frames and arena are mapped from, if
			     * anything: for @grant_fd */

	/* Whoever has more rights than we opens it: a connection to him, see
	 * nic/keep_msg.h, which outlives the NIC. 0: we do. */
	int grant_fd;

	enum nic_mode mode;
	enum nic_gather gather; /* AF_XDP */
	bool generic;	/* XDP in generic (skb) mode even if the driver could
			 * do better */
	bool busy_poll; /* the driver's queue is polled from our own system
			 * calls; in zero-copy mode only */
	bool tso;	/* NIC_TSO, where there is */
	u32 ring_size;	/* entries of each ring, power of 2; 0: default */
	u32 conns;	/* a queue's connections at most: ring_size 0 is sized
			 * for them */
};

/* A part of memory, whole pages of its own. */
struct nic_part {
	void *base;
	size_t len;
};

enum {
	NIC_PAGE = 4096,
	NIC_PARTS = 8, /* of a queue at most */
};

struct nic;

/* A NIC that somebody else has opened for us (nic/take.c). */
struct nic_kept {
	int fd;			/* to the keeper; 0: it is ours alone */
	pthread_mutex_t asking; /* held while that is asked */
	int link_fd;		/* with it what news_fd waits for */
	enum nic_link (*link)(struct nic *nic); /* ours, as far as we see */
	int memfd[2];		  /* before resume(): as in struct nic_config */
	struct keep_table *table; /* flows that are ours; NULL: not shared */
	struct flows flows;	  /* ... as who runs the fast path sees it */
};

struct nic {
	u32 nqueues;
	struct nicq *q[NIC_MAX_QUEUES];
	int fd[NIC_MAX_QUEUES]; /* what q[i]'s calls are made on; 0: nothing */
	int large_fd;		/* ... and those of all for MBUF_LARGE */
	u8 mac[6];
	u16 mtu;
	char driver[32];
	bool zero_copy;
	bool rss_control;	 /* group_owner has been told to who steers */
	char detail[NIC_DETAIL]; /* for people: what is in force */

	/* Memory of ours that another process can take away (SIGBUS), or
	 * NULL. Zeros in its place are a link with nobody at the other end. */
	void *foreign;
	size_t foreign_len;

	u8 rss_key[RSS_KEY_LEN];
	u8 group_owner[RSS_TABLE]; /* flow group -> queue */
	u32 apart; /* groups that are the same modulo this have one owner, since
		    * they share an entry of what steers: at most RSS_TABLE */

	/* Tells who steers about a changed group_owner: the hardware, or the
	 * kernel. NULL without rss_control. 0 or -errno. */
	int (*set_groups)(struct nic *nic);
	/* Where it is shared with a successor or predecessor: whose a flow is,
	 * to be copied to where who runs the fast path has it. NULL: it is not,
	 * nor are the next three. */
	struct flows *flows;
	/* What @flows refers to, as parts(): all queues have it. */
	u32 (*flow_parts)(struct nic *nic, struct nic_part out[NIC_PARTS]);
	/* The thread of queue @i listens, and can succeed. Memory only. */
	void (*serves)(struct nic *nic, u32 i);
	/* New flows go to the successor from now on, if there is one that
	 * serves: its process, or 0. With @back, to us again. Memory only. */
	u32 (*pass)(struct nic *nic, bool back);
	/* Before close(): what comes is the other one's. Are we the last? NULL:
	 * yes. */
	bool (*leave)(struct nic *nic);
	/* Between two lives of an application the packet memory is replaced,
	 * at the same addresses: the NIC lets go of it, and with it of all
	 * buffers that it has; and takes what is there then. The interface
	 * stays as it is meanwhile. NULL where nothing is registered, and no
	 * buffer kept. 0 or -errno. */
	void (*suspend)(struct nic *nic);
	int (*resume)(struct nic *nic);
	/* What queue @i's fast path uses besides packets, for who runs it
	 * elsewhere (in a guest): how many of @out. */
	u32 (*parts)(struct nic *nic, u32 i, struct nic_part out[NIC_PARTS]);
	/* Ends the wait() of queue @i, if it is in it now; from any thread.
	 * NULL: wake_fd does. */
	void (*wake)(struct nic *nic, u32 i);
	/* The fast path cannot run elsewhere: it makes system calls, or uses
	 * more memory than @parts. Its ops are then called here instead. */
	bool hosted;
	/* What has become of the link: to be asked when news_fd, -1 if there is
	 * none, can be read. NULL: it is nobody else's affair. */
	enum nic_link (*link)(struct nic *nic);
	int news_fd;
	/* Adds up packets lost before they reached us into q->nr_drops and
	 * nr_late, and nr_lies; may be NULL. One thread at a time. */
	void (*update_drops)(struct nic *nic);
	struct nic_kept kept;
	void (*close)(struct nic *nic);
};

/* Opens cfg->spec. The caller then sets q[i]->pool, whose frames must be
 * queue i's part of cfg->umem, or with frames_shared begin where that does,
 * before it uses queue i. */
int nic_open(const struct nic_config *cfg, struct nic **out, char *why,
	     size_t why_len);

/* Also gives back what was changed on the interface. NULL is harmless. The
 * queues' packets must not be used any more. */
void nic_close(struct nic *nic);

/* Is there news for nic->link() since this was asked last? */
bool nic_link_changed(const struct nic *nic);

/* Group @g to queue @g % nqueues, the default key, no control: what every
 * back end begins with. */
void nic_rss_default(struct nic *nic);

/* For back ends: formats @why, returns @err. */
__attribute__((format(printf, 4, 5))) int nic_fail(int err, char *why,
						   size_t why_len,
						   const char *fmt, ...);

/* Back ends; @arg: the spec behind the colon. */
int xdp_open(const struct nic_config *cfg, const char *arg, struct nic **out,
	     char *why, size_t why_len);
int tap_open(const struct nic_config *cfg, const char *arg, struct nic **out,
	     char *why, size_t why_len);

#endif
