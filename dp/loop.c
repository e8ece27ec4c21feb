/* SPDX-License-Identifier: MIT */
/*
 * START HERE: one iteration of an elastic thread, run to completion.
 *
 *	application's batch -> calls_in -> timers -> output -> dp_tx -> NIC
 *	application <---------------------- dp_events <- dp_rx <------- NIC
 *
 * A SENDV's segment is built while the call is dispatched, if it can be; what
 * could not be sent then is sent by output(). Output comes right after the
 * calls: the acknowledgement of data that the application has just answered
 * rides on the answer. When reception raised no event there is nobody to wait
 * for, and the next iteration, which follows at once, sends what is due.
 */
#include "base/errno.h"
#include "dp/late.h"

/* The batch, and with it the application's last look at connections that it
 * was told are dead: their data goes, too. */
static void calls_in(struct dp *dp, u64 now)
{
	dp_tx_begin(dp);
	dp_dispatch(dp, now);
	tcp_reap(&dp->net);
}

static void timers(struct dp *dp, u64 now)
{
	wheel_run(&dp->net.wheel, &dp->net, now);
}

static void output(struct dp *dp, u64 now)
{
	tcp_output_all(&dp->net, now);
}

/* Has an iteration left something that only another iteration can do? */
static bool work_waiting(const struct dp *dp)
{
	return dp->net.ntx || dp->net.tcp.out_head || dp->nic->tx_pending;
}

/* Gauges, and what others count or go by. */
static void publish(struct dp *dp)
{
	mbuf_posted(&dp->pool, dp->nic->nr_posted);
	dp->stat->mbufs_free = dp->pool.nfree;
	dp->stat->mbufs_posted = dp->nic->nr_posted;
	dp->stat->kicks = dp->nic->nr_kicks;
	dp->stat->drop_no_buffer = dp->nic->nr_drops;
	dp->nic->nr_conns = (u32)dp->stat->tcp_conns;
}

/* @packets: how many came and went. */
static int account(struct dp *dp, u32 packets)
{
	if (!packets && !dp->nevents && !work_waiting(dp)) {
		dp->stat->polls_empty++;
		if (unlikely(dp->stat->mbufs_free != dp->pool.nfree ||
			     dp->stat->mbufs_posted != dp->nic->nr_posted))
			publish(dp); /* the NIC has finished with some */
		return -EAGAIN;
	}
	dp->stat->iterations++;
	publish(dp);
	return (int)dp->nevents;
}

int dp_step(struct dp *dp, bool calls, u64 now)
{
	u32 sent, received;

	dp->now = now;
	if (calls)
		calls_in(dp, now);
	timers(dp, now);
	output(dp, now);
	sent = dp_tx(dp, now);
	dp_events_begin(dp);
	received = dp_rx(dp, now);
	dp_events(dp, now);
	return account(dp, sent + received);
}

u64 dp_next_deadline(const struct dp *dp, u64 now)
{
	u64 ns;

	if (work_waiting(dp) || dp_events_waiting(dp) || dp_move_waits(dp))
		return 0;
	ns = wheel_next(&dp->net.wheel, now);
	if (dp->late.n || dp_leave_reads(dp))
		ns = min(ns, (u64)DP_LATE_NS);
	return ns;
}

void dp_flush(struct dp *dp, u64 now)
{
	dp->now = now;
	dp->flushes++;
	dp_tx_begin(dp);
	dp_dispatch(dp, now);
	timers(dp, now);
	output(dp, now);
	dp_tx(dp, now);
	publish(dp);
}

u32 dp_overrun(struct dp *dp, u64 now)
{
	u32 received;

	dp->now = now;
	tcp_app_away(&dp->net.tcp, now);
	received = dp_rx(dp, now);
	timers(dp, now);
	output(dp, now);
	dp_tx(dp, now);
	publish(dp);
	return received;
}
