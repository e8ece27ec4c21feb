/* SPDX-License-Identifier: MIT */
/* ixev on the fake domain: connections whose handlers note what they hear. */
#ifndef TEST_IXEV_FIXTURE_H
#define TEST_IXEV_FIXTURE_H

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake_domain.h"
#include "ix/ixev.h"

enum { NCONN = 200 };

struct conn {
	struct ixev_ctx ctx;
	unsigned int reasons, calls; /* what the handler was told */
	int released, dialed;
	long dial_ret;
};

extern struct fake *f;
extern struct conn conns[NCONN];
extern int naccepted;
extern void (*on_event)(struct conn *c, unsigned int reason);
extern void (*on_release)(struct conn *c);

void conn_handler(struct ixev_ctx *ctx, unsigned int reason);
int ixev_setup(void **state);
int ixev_teardown(void **state);

/* Connection i has handle i + 1. */
struct conn *open_conn(void);
uint64_t handle_of(const struct conn *c);
void recv_data(struct conn *c, const char *s);

/* For on_event. */
void echo(struct conn *c, unsigned int reason);

#define T(name) cmocka_unit_test_setup_teardown(name, ixev_setup, ixev_teardown)

#endif
