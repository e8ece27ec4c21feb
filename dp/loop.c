/* SPDX-License-Identifier: MIT */
/*
 * START HERE: one iteration of an elastic thread, run to completion.
 *
 *	NIC -> dp_rx -> tcp_fast_in, or tcp_in    event conditions
 *	                                \-> dp_events ----> application
 *	                                                        |
 *	NIC <- dp_tx <-- tcp_answer <---------- dp_dispatch <---+
 *	             <-- tcp_output_all <-- or it is queued
 *
 * The batch comes first, output right after it: the acknowledgement of data
 * that the application has just answered rides on the answer. When reception
 * raised no event there is nobody to wait for, and the next iteration, which
 * follows at once, sends what is due.
 */
#include "base/errno.h"
#include "dp/dp.h"

static void output(struct dp *dp, u64 now)
{
	wheel_run(&dp->net.wheel, &dp->net, now);
	tcp_output_all(&dp->net, now);
}

/* Has an iteration left something that only another iteration can do? */
static bool work_waiting(const struct dp *dp)
{
	return dp->net.ntx || dp->net.tcp.out_head || dp->nic->tx_pending;
}

/* Gauges, and what others count. */
static void publish(struct dp *dp)
{
	dp->stat->mbufs_free = dp->pool.nfree;
	dp->stat->mbufs_posted = dp->nic->nr_posted;
	dp->stat->kicks = dp->nic->nr_kicks;
	dp->stat->drop_no_buffer = dp->nic->nr_drops;
}

int dp_step(struct dp *dp, bool calls, u64 now)
{
	u32 work;

	dp->now = now;
	if (calls) {
		dp_dispatch(dp, now);
		tcp_reap(&dp->net);
	}
	output(dp, now);
	work = dp_tx(dp, now);
	work += dp_rx(dp, now);
	dp_events(dp, now);

	if (!work && !dp->nevents && !work_waiting(dp)) {
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

u64 dp_next_deadline(const struct dp *dp, u64 now)
{
	if (work_waiting(dp) || dp_events_waiting(dp))
		return 0;
	return wheel_next(&dp->net.wheel, now);
}

void dp_flush(struct dp *dp, u64 now)
{
	dp->now = now;
	dp_dispatch(dp, now);
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
	output(dp, now);
	dp_tx(dp, now);
	publish(dp);
	return received;
}
