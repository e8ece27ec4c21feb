/* SPDX-License-Identifier: MIT */
/*
 * A NIC that somebody with more rights opens for a dataplane without: what the
 * two say on the UNIX stream socket between them. Both are the same build's.
 *
 *	dataplane (a user's)                       keeper (root's)
 *	OPEN    memfds of its packet memory  -->   opens the interface,
 *	                                     <--   a descriptor for each queue
 *	BIND    AF_XDP: the rings are mapped -->   binds, steers packets to them
 *	                                     <--   the mode
 *	SUSPEND AF_XDP: sockets are closed,  -->   lets go of them
 *		new memory will come
 *	GROUPS  who is to have which flows   -->   tells the interface
 *	FLOWS   shared: a memfd, in which    -->   tells the program whose they
 *		those are that are its own         are, as far as it has to
 *	PASS    others are the successor's   -->   tells the program
 *	                                     <--   whose that is
 *	LOAD    what its threads have to do  -->   asks who shares cores out
 *	                                     <--   how many of its are to run
 *
 *   keep_msg.c  messages
 *   keep.c      the keeper
 *   xdp_pass.c  ... its AF_XDP sockets
 *   xdp_pin.c   ... their memory
 *   xdp_expel.c ... and who keeps them
 *   keep_flows.c ... flows of a dataplane that has a successor
 *   take.c      the dataplane's side
 *   take_flows.c ... its flows
 *   xdp_take.c  ... its AF_XDP rings
 */
#ifndef NIC_KEEP_MSG_H
#define NIC_KEEP_MSG_H

#include <sys/types.h>

#include "nic/nic_open.h"

enum {
	KEEP_VERSION = 4,
	KEEP_FDS = NIC_MAX_QUEUES, /* of a message, at most */
	KEEP_MEMORY = 2,	   /* memfds: frames, arena */
	KEEP_ASK_S = 60,	   /* for an answer: pages are pinned */
	KEEP_SLOW_S = 5,	   /* for the rest of a request */
};

enum keep_what {
	KEEP_OPEN,
	KEEP_BIND,
	KEEP_SUSPEND,
	KEEP_GROUPS,
	KEEP_LOAD,
	KEEP_FLOWS,
	KEEP_PASS
};

/* Of a thread, since it was said last. */
struct keep_load {
	u16 busy; /* permille */
	u16 batch;
	u32 delay_us;
};

struct keep_request {
	u32 version;
	u32 what;		   /* enum keep_what */
	u64 len[KEEP_MEMORY];	   /* OPEN: bytes of each memfd */
	u8 group_owner[RSS_TABLE]; /* GROUPS */
	u32 cores;		   /* LOAD: the first so many threads run, */
	u32 back;		   /* PASS: they are to be ours again */
	struct keep_load load[NIC_MAX_QUEUES]; /* ... which have this to do */
};

_Static_assert(sizeof(struct keep_request) == 672, "both are the same build's");

struct keep_reply {
	s32 err;
	char why[NIC_WHY];
	u32 nqueues;
	s32 index;	  /* of the interface */
	u32 fill, tx, rx; /* entries of a queue's rings */
	u32 bind_flags;
	u32 cores;     /* LOAD: so many are to run; 0: as many as do */
	u32 ms;	       /* ... and until the next */
	u32 successor; /* PASS: its process; 0: there is none */
	u32 flows;     /* entries of the table of FLOWS; 0: it is not shared */
	u32 place;     /* ... ours in it */
	u64 flow_key;
	u16 mtu;
	u8 mac[6];
	u8 zero_copy, rss_control;
	u8 apart;   /* as in struct nic */
	u8 generic; /* AF_XDP: Linux runs the program, not the driver */
	u8 beside;  /* AF_XDP: the queues are side doors, see xdp_side.c */
	char driver[32];
	char detail[NIC_DETAIL];
	u8 rss_key[RSS_KEY_LEN];
	u8 group_owner[RSS_TABLE];
};

/* One message with @n descriptors. 0 or -errno. */
int keep_send(int fd, const void *msg, size_t len, const int *fds, u32 n);

/* The whole of one, and the descriptors that come with it into @fds; the rest
 * of it is -1. SO_RCVTIMEO of @fd is for each part, and KEEP_SLOW_S for all
 * that follow the first. 0 or -errno: -ECONNRESET, the other end has gone;
 * -ETIMEDOUT, it is too slow; -EPROTO, more than @most have come. Descriptors
 * are the caller's, also after an error, and those beyond @most are open. To
 * close one may take as long as its maker likes (a file of his own file system,
 * a connection that lingers), which only who trusts him does while he has
 * something to lose: until then he leaves them. */
int keep_receive(int fd, void *msg, size_t len, int *fds, u32 most);

/* Closes @n of them, as far as they are any. */
void keep_close_fds(const int *fds, u32 n);

/* The dataplane's side: asks, and waits for the answer. 0, or -errno with the
 * keeper's reason in @why. */
int grant_ask(int fd, enum keep_what what, const struct nic_config *cfg,
	      struct keep_reply *reply, int *fds, u32 most, char *why,
	      size_t why_len);

/* ... of @nic, which has been opened, with @n descriptors. 0 or -errno. */
int grant_say(struct nic *nic, const struct keep_request *q, const int *fds,
	      u32 n, struct keep_reply *reply);

/* nic_open() with cfg->grant_fd. */
int grant_take(const struct nic_config *cfg, struct nic **out, char *why,
	       size_t why_len);

/* The keeper's end is the link's end, too: nic->news_fd tells. */
void grant_watch(struct nic *nic);
void grant_unwatch(struct nic *nic);
bool grant_changed(const struct nic *nic);

/* ... tells what @nic's @threads have to do, of which the first @cores run:
 * reply->cores and ms. 0; -EBUSY: not now, something else is asked; or -errno.
 */
int grant_ask_cores(struct nic *nic, u32 cores, const struct keep_load *load,
		    u32 threads, struct keep_reply *reply);

/* What FLOWS is about: the dataplane's memory; whole pages, the table from the
 * second on. The keeper reads it by read(): a page that the dataplane gives
 * back would come anew for who has it mapped, at the keeper's cost. */
struct keep_table {
	u64 serving; /* a bit for each thread: it listens */
	u32 heir;    /* struct flows: always the other place, so that all stand
		      * there */
};

static inline size_t keep_table_len(u32 entries)
{
	return NIC_PAGE + entries * sizeof(u64);
}

/* nic/take_flows.c: *@nic, which is shared as @r says, has them. 0, or -errno
 * with the reason in @why. */
int grant_take_flows(struct nic *nic, const struct keep_reply *r, char *why,
		     size_t why_len);
/* Before close(); harmless without. */
void grant_leave_flows(struct nic *nic);

/* Whose NIC is kept, and for whom. */
struct keep_holder {
	const char *name;
	uid_t uid;
	/* LOAD: asks who shares cores out, for as long as he may take: r->cores
	 * and ms. What is in @q is the user's: cores there are as many. */
	void (*ask_cores)(void *arg, const struct keep_request *q,
			  struct keep_reply *r);
	void *arg;
};

/* Keeps the NIC of @cfg for him, who is at the other end of @conn, until one of
 * @until can be read, or that end is closed; takes it back then, and while
 * others still have sockets of it waits for them, or for @until[1], with @conn
 * and all that is not for programs that we begin (FD_CLOEXEC) closed. 0 or
 * -errno: why the NIC could not be had, which the other end has been told. */
int grant_keep(int conn, const struct nic_config *cfg,
	       const struct keep_holder *holder, const int until[2]);

/* ---- back ends */

/* @fds become theirs, or are closed. 0, or -errno with the reason in @why. */
int tap_take(const struct nic_config *cfg, const struct keep_reply *r,
	     const int *fds, struct nic **out, char *why, size_t why_len);
int xdp_take(const struct nic_config *cfg, const struct keep_reply *r,
	     const int *fds, struct nic **out, char *why, size_t why_len);

#endif
