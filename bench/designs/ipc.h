/* SPDX-License-Identifier: MIT */
/*
 * The network server of a microkernel, in processes of its own:
 *
 *        frames            frames             requests, answers
 *   NIC ======== driver <----------> network <----------------> application
 *               driver.c             server                     app.c
 *                                 netserver.c,
 *                                 netserver_calls.c
 *
 * A process has one mailbox, from which it takes one message at a time, and
 * sleeps while there is none. A message is copied into the kernel, and out of
 * it. Who sends to the network server waits until it takes; the server waits
 * for the driver, which never waits for it alone; and the application waits
 * for each answer: so nobody waits in a circle.
 *
 * ipc.c mailboxes; mk_echo.c makes them and the processes.
 */
#ifndef BENCH_DESIGNS_IPC_H
#define BENCH_DESIGNS_IPC_H

#include "bench/raw.h"

enum message_type {
	NIC_IS,	   /* driver: its NIC, the first message */
	FRAME,	   /* driver: received; network server: to be sent */
	APP_RECV,  /* application: what has come on any connection? */
	APP_SEND,  /* ... send this, all of it */
	APP_CLOSE, /* ... all is said; an answer has the same type */
};

/* Bytes follow: a frame, data of a connection, struct nic_is. */
struct message {
	u32 type;  /* enum message_type */
	u32 conn;  /* APP_*: the network server's name for it */
	s32 error; /* of an answer: 0 or -errno */
	u32 flags; /* FRAME: enum mbuf_flags */
};

struct nic_is {
	u32 caps; /* NIC_* */
	u16 mtu;
	u8 mac[6];
};

enum {
	MAILBOX_OUT, /* its owner takes from here */
	MAILBOX_IN,  /* and all others put in here */
};

struct mailboxes {
	int driver[2], server[2], app[2];
};

int mailbox_open(int box[2]); /* 0 or -errno */

/* Returns when the mailbox has taken it; false: not @wait, and it is full. */
bool mailbox_put(const int box[2], const struct message *msg,
		 const struct mbuf *data, bool wait);
bool mailbox_put_bytes(const int box[2], const struct message *msg,
		       const void *data, u32 len);

/* Bytes of data, at most @room; -EAGAIN: none, and not @wait, or the mailbox's
 * patience is at an end. */
s64 mailbox_take(const int box[2], struct message *msg, void *data, u32 room,
		 bool wait);

/* What each process does: until it is killed, the driver until stopped. */
void drive(struct raw *r, const struct mailboxes *box);
void serve_network(const struct raw *r, const struct mailboxes *box);
void serve_echo(const struct mailboxes *box);
extern volatile bool driver_stop;

#endif
