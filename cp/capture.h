/* SPDX-License-Identifier: MIT */
/*
 * ix pcap: packets of a running dataplane, as pcapng.
 *
 *   capture_ask.c    asking a dataplane for its rings
 *   capture_ring.c   reading a ring (include/ix/capture.h)
 *   pcapng.c         the file format
 *   cmd_pcap.c       ix-pcap, which `ix pcap` becomes
 */
#ifndef CP_CAPTURE_H
#define CP_CAPTURE_H

#include <stdio.h>

#include "cp/ix.h"
#include "ix/capture.h"

struct capture_reader {
	const struct ix_capture *ring; /* read only */
	size_t len;		       /* of the mapping */
	u64 size;
	u32 thread, snap;
	u64 at;	  /* position */
	u64 next; /* number of the packet expected there */
	u64 lost; /* packets overwritten before they were read */
};

/* Maps the ring @index of the @n that @fd has, one behind the other. 0 or
 * -errno; -EPROTO: it is none. */
int capture_open(struct capture_reader *r, int fd, u32 index, u32 n);
void capture_close(struct capture_reader *r);

/* The next packet to @rec, and what is kept of it to @data, r->snap bytes.
 * False: there is none now. */
bool capture_read(struct capture_reader *r, struct ix_capture_record *rec,
		  u8 *data);

/* How many packets have come that were neither read nor found lost. */
u64 capture_left(const struct capture_reader *r);

/* After the last capture_read(): those lost since the last packet count, too.
 */
void capture_end(struct capture_reader *r);

/* ---- capture_ask.c */

struct capture_want {
	const char *dir, *who;
	u32 snap;
	u64 bytes; /* of each thread's ring */
};

struct capture_link {
	int fd;	   /* the capture lasts as long as this is open */
	int rings; /* their memory */
	u32 n;	   /* threads */
	char name[64];
};

/* 0, or -errno with the reason in @e. */
int capture_ask(struct capture_link *l, const struct capture_want *w,
		struct conf_err *e);

/* ---- pcapng.c. Errors: of the stream. */

struct pcapng_interface {
	const char *name, *description, *filter; /* filter: NULL: none */
	u32 snap;
};

struct pcapng_packet {
	u32 interface;
	u64 time; /* ns since 1970 */
	u32 len, kept;
	bool out;
	u64 lost; /* since the packet before on this interface */
	const u8 *data;
};

struct pcapng_statistics {
	u32 interface;
	u64 time, received, lost, accepted;
};

void pcapng_begin(FILE *f, const char *program);
void pcapng_interface(FILE *f, const struct pcapng_interface *i);
void pcapng_packet(FILE *f, const struct pcapng_packet *p);
void pcapng_statistics(FILE *f, const struct pcapng_statistics *s);

#endif
