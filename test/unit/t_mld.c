/* SPDX-License-Identifier: MIT */
/* net/mld.c: that we listen to the groups of our addresses. */
#include "net_fixture6.h"
#include "tcp_stub.h"

#include "base/cksum.h"
#include "net/mld.h"

enum { SECOND = 1000, IS_EXCLUDE = 2, TO_EXCLUDE = 4 };

static const struct be128 all_mld2 = { .b = { 0xff, 2, [15] = 0x16 } };

static int setup(void **state)
{
	int err = fix6_setup(state);
	struct fixture *f = *state;

	f->net.wheel.fire[TIMER_MLD] = mld_timer;
	return err;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	timer_cancel(&f->net.wheel, &f->net.ip6.mld_timer);
	return fix_teardown(state);
}
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

/* The next frame is a message of @type to @dst, with all that it must have
 * around it; where it begins, and its length. */
static const void *sent(struct fixture *f, u8 type, struct be128 dst, u32 *len)
{
	static const u8 alert[] = { IP_PROTO_ICMP6, 0, 5, 2, 0, 0, 1, 0 };
	struct fix_frame *t = fix_tx(f);
	const struct icmp_hdr *icmp;
	u8 mac[6];
	u64 sum;

	assert_non_null(t);
	ip6_group_mac(mac, dst);
	assert_memory_equal(t->eth->dst, mac, 6);
	assert_true(be128_equal(t->ip6->src, fix6_local));
	assert_true(be128_equal(t->ip6->dst, dst));
	assert_int_equal(t->ip6->hops, 1);
	assert_int_equal(t->ip6->next, IP6_HOP_BY_HOP);
	assert_memory_equal(t->l4, alert, sizeof(alert));
	icmp = (const void *)((u8 *)t->l4 + sizeof(alert));
	*len = t->l4_len - (u32)sizeof(alert);
	sum = ip6_pseudo_sum(&t->ip6->src, &t->ip6->dst, IP_PROTO_ICMP6,
			     (u16)*len);
	assert_true(cksum_holds(cksum_fold(cksum_add(sum, icmp, *len))));
	assert_int_equal(icmp->type, type);
	assert_int_equal(icmp->code, 0);
	return icmp;
}

/* Both our addresses end in 1: they have one group. */
static void reported(struct fixture *f, u8 kind)
{
	struct be128 group = ip6_solicited_node(fix6_ip);
	u32 len;
	const struct icmp_hdr *icmp = sent(f, MLD2_REPORT, all_mld2, &len);
	const struct mld_record *r = (const void *)(icmp + 1);

	assert_int_equal(be32_host(icmp->rest), 1);
	assert_int_equal(len, ICMP_LEN + sizeof(*r));
	assert_int_equal(r->kind, kind);
	assert_int_equal(r->aux_len, 0);
	assert_int_equal(r->nsources.raw, 0);
	assert_true(be128_equal(r->group, group));
	fix_tx_none(f);
}

struct query {
	struct be128 src, dst;
	u32 delay_ms, len;
	u8 hops;
	bool no_alert;
};

static void hear(struct fixture *f, struct query q)
{
	u8 message[64] = { MLD_QUERY };
	struct be16 delay = be16((u16)q.delay_ms);
	struct fix6_ext alert = { IP6_HOP_BY_HOP, "\x3a\0\5\2\0\0\1\0", 8 };
	struct mbuf *m;

	memcpy(message + 4, &delay, 2);
	if (q.no_alert)
		alert = (struct fix6_ext){ 0 };
	m = fix6_ext(f, q.src, q.dst, &alert, IP_PROTO_ICMP6, message, q.len);
	fix6_of(m)->hops = q.hops;
	assert_false(fix_in(f, m)); /* all threads see it */
}

static const struct query usual = { .dst = { .b = { 0xff, 2, [15] = 1 } },
				    .delay_ms = 4000,
				    .len = 28,
				    .hops = 1 };

static struct query usual_query(void)
{
	struct query q = usual;

	q.src = fix6_router;
	return q;
}

static void joins(void **state)
{
	struct fixture *f = *state;

	mld_announce(&f->net, f->now);
	reported(f, TO_EXCLUDE);
	fix_pass(f, 900 * FIX_MS);
	fix_tx_none(f);
	fix_pass(f, 200 * FIX_MS);
	reported(f, TO_EXCLUDE);
	fix_pass(f, 30 * SECOND * FIX_MS);
	fix_tx_none(f);
}

static void several_groups(void **state)
{
	struct fixture *f = *state;
	const struct icmp_hdr *icmp;
	u32 len;

	f->net.ip6.own[0].ip.b[14] = 0xfe;
	mld_announce(&f->net, f->now);
	icmp = sent(f, MLD2_REPORT, all_mld2, &len);
	assert_int_equal(be32_host(icmp->rest), 2);
	assert_int_equal(len, ICMP_LEN + 2 * sizeof(struct mld_record));
	f->net.ip6.own[0].ip = fix6_ip;
	fix_pass(f, 2 * SECOND * FIX_MS);
	reported(f, TO_EXCLUDE);
}

static void answers(void **state)
{
	struct fixture *f = *state;
	struct query soon = usual_query();

	hear(f, usual_query());
	fix_tx_none(f); /* by chance, within the delay */
	fix_pass(f, 4 * SECOND * FIX_MS);
	reported(f, IS_EXCLUDE);
	/* The sooner one counts, and both have one answer. */
	hear(f, usual_query());
	soon.delay_ms = 100;
	hear(f, soon);
	fix_pass(f, 101 * FIX_MS);
	reported(f, IS_EXCLUDE);
	fix_pass(f, 4 * SECOND * FIX_MS);
	fix_tx_none(f);
	/* Of one group, as of all. */
	soon.dst = ip6_solicited_node(fix6_ip);
	hear(f, soon);
	fix_pass(f, 101 * FIX_MS);
	reported(f, IS_EXCLUDE);
}

static void version_one(void **state)
{
	struct fixture *f = *state;
	struct be128 group = ip6_solicited_node(fix6_ip);
	struct query q = usual_query();
	const struct mld_hdr *h;
	u32 len;

	q.len = MLD_LEN;
	hear(f, q);
	fix_pass(f, 4 * SECOND * FIX_MS);
	h = sent(f, MLD_REPORT, group, &len);
	assert_int_equal(len, MLD_LEN);
	assert_true(be128_equal(h->group, group));
	fix_tx_none(f);
	hear(f, usual_query());
	fix_pass(f, 4 * SECOND * FIX_MS);
	reported(f, IS_EXCLUDE);
}

static void lies(void **state)
{
	struct fixture *f = *state;
	struct query far = usual_query(), routed = far, cut = far, bare = far,
		     alone = far;

	far.src = fix6_peer;
	routed.hops = 2;
	cut.len = MLD_LEN - 1;
	bare.no_alert = true;
	alone.dst = fix6_ip;
	hear(f, far);
	hear(f, routed);
	hear(f, cut);
	hear(f, bare);
	hear(f, alone);
	assert_int_equal(f->stat.drop_nd, 5);
	fix_pass(f, 30 * SECOND * FIX_MS);
	fix_tx_none(f);
}

/* Where Linux has the address, Linux speaks; of our threads one does. */
static void others_speak(void **state)
{
	struct fixture *f = *state;

	f->net.conf.ports_only = true;
	mld_announce(&f->net, f->now);
	hear(f, usual_query());
	f->net.conf.ports_only = false;
	f->net.thread = 1;
	f->net.nthreads = 2;
	hear(f, usual_query());
	f->net.thread = 0;
	fix_pass(f, 30 * SECOND * FIX_MS);
	fix_tx_none(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(joins),	   TEST(several_groups), TEST(answers),
		TEST(version_one), TEST(lies),		 TEST(others_speak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
