/* SPDX-License-Identifier: MIT */
/*
 * The counter page: written by one elastic thread of the dataplane with plain
 * stores, read by anyone (ix stat, ix metrics, ixcpd, tests) while it runs.
 * Values only grow, unless called a gauge. Averages and rates are the reader's
 * business.
 */
#ifndef IX_STAT_H
#define IX_STAT_H

#include <stdint.h>

#define IX_COUNTERS(X)                                                     \
	/* NIC */                                                          \
	X(rx_packets, "packets received")                                  \
	X(rx_bytes, "bytes received, with headers")                        \
	X(rx_delay_ns, "time since the poll before, of each packet, ns")   \
	X(tx_packets, "packets handed to the NIC")                         \
	X(tx_bytes, "bytes handed to the NIC, with headers")               \
	X(tx_copied_bytes, "payload bytes copied at transmit")             \
	X(tx_gathered_bytes, "payload bytes sent in place")                \
	X(kicks, "exits to the kernel to start the NIC")                   \
	X(link_downs, "times that the NIC's link went down")               \
	X(ring_lies, "times that a wire's other end wrote nonsense")       \
	X(forwarded, "packets that came to another thread's queue")        \
	/* loop */                                                         \
	X(iterations, "loop iterations with work")                         \
	X(crossings, "times the application ran")                          \
	X(polls_empty, "loop iterations without work")                     \
	X(sleeps, "times the thread blocked when idle")                    \
	X(spins_cut, "blocked without spinning: others want the core")     \
	X(idle_ns, "time spent idle, ns")                                  \
	X(busy_ns, "time spent otherwise, told before each sleep, ns")     \
	X(asleep, "gauge: 1 while the thread blocks")                      \
	X(app_overruns, "application kept the core past its time limit")   \
	X(exits, "domain vm: exits from the guest that it asked for")      \
	/* interface */                                                    \
	X(calls, "batched system calls")                                   \
	X(calls_failed, "calls answered with an error")                    \
	X(calls_short, "sendv that took less than asked")                  \
	X(events, "event conditions raised")                               \
	X(events_deferred, "iterations in which the event array was full") \
	/* drops, by reason */                                             \
	X(drop_no_buffer, "no receive buffer free: see mbufs")             \
	X(drop_late, "NIC's ring ran empty or full: thread too slow")      \
	X(drop_tx_full, "transmit queue or pool full")                     \
	X(drop_link, "transmitted while the NIC's link was down")          \
	X(drop_nic, "transmitted, and more than the NIC or wire takes")    \
	X(drop_short, "frame shorter than its headers say")                \
	X(drop_not_ours, "address or protocol not for us")                 \
	X(drop_ip_header, "bad IP header")                                 \
	X(drop_ip_fragment, "fragment refused: malformed, overlaps, no room") \
	X(drop_ip_addrs, "no room for the IPv6 address of a source")       \
	X(drop_checksum, "wrong checksum")                                 \
	X(drop_arp, "bad ARP packet")                                      \
	X(drop_nd, "bad neighbour discovery")                              \
	X(drop_no_route, "next hop did not answer ARP, or queue full")     \
	X(drop_icmp, "bad or rate-limited ICMP")                           \
	X(drop_udp_no_port, "UDP to a port that nobody bound")             \
	X(drop_udp_full, "UDP receive queue full")                         \
	X(drop_tcp_header, "bad TCP header")                               \
	X(drop_tcp_no_conn, "TCP without connection (answered by RST)")    \
	X(drop_tcp_window, "segment outside the window")                   \
	X(drop_tcp_paws, "old timestamp (PAWS)")                           \
	X(drop_tcp_memory, "data refused: buffers short")                  \
	X(drop_tcp_holes, "data refused: too many holes before it")        \
	X(drop_tcp_backlog, "SYN refused: backlog full")                   \
	X(drop_tcp_conns, "SYN refused: no connection free")               \
	X(drop_tcp_share, "refused: its source or port has its share")     \
	X(drop_tcp_drain, "SYN left to a successor, or to the next life")  \
	X(drop_tcp_state, "segment without meaning in this state")         \
	X(drop_forward, "forwarding queue to another thread full")         \
	/* IP */                                                           \
	X(ip_reassembled, "datagrams put together from fragments")         \
	X(ip_frag_timeouts, "datagrams of which fragments did not come")   \
	X(ip_frag_cut, "unfinished datagrams that made room for others")   \
	/* IPv6 */                                                         \
	X(nd_taken, "own IPv6 addresses given up: somebody else has them") \
	/* TCP */                                                          \
	X(tcp_active_opens, "connections opened by us")                    \
	X(tcp_passive_opens, "connections opened by peers")                \
	X(tcp_established, "connections that reached ESTABLISHED")         \
	X(tcp_closed, "connections ended")                                 \
	X(tcp_conns, "gauge: connections now, TIME-WAIT included")         \
	X(tcp_time_wait, "gauge: connections in TIME-WAIT")                \
	X(tcp_recycled, "connections ended early to make room")            \
	X(tcp_cookies_sent, "SYNs answered by a cookie: backlog full")     \
	X(tcp_cookies_taken, "connections opened by a cookie")             \
	X(tcp_cookies_bad, "ACKs that should be a cookie and are none")    \
	X(tcp_rst_in, "resets accepted")                                   \
	X(tcp_rst_out, "resets sent")                                      \
	X(tcp_challenge_acks, "challenge ACKs sent (RFC 5961)")            \
	X(tcp_retransmits, "segments retransmitted")                       \
	X(tcp_fast_retransmits, "fast retransmits begun")                  \
	X(tcp_timeouts, "retransmission timeouts")                         \
	X(tcp_dup_acks, "duplicate ACKs received")                         \
	X(tcp_tail_probes, "probes for losses at the tail (RFC 8985)")     \
	X(tcp_spurious_timeouts, "timeouts found spurious (RFC 5682)")     \
	X(tcp_spurious_recoveries, "fast recoveries undone (RFC 4015)")    \
	X(tcp_dsacks, "reports of data that came twice (RFC 2883)")        \
	X(tcp_reneged, "SACKed data that the peer has thrown away")        \
	X(tcp_sack_bad, "SACK blocks of what is not in flight")            \
	X(tcp_sack_full, "SACK blocks or resends beyond the scoreboard")   \
	X(tcp_loss_short, "losses without room for SACK: NewReno")         \
	X(tcp_ecn, "connections that agreed on ECN (RFC 3168)")            \
	X(tcp_ce_in, "segments that came marked: congestion (CE)")         \
	X(tcp_ece_out, "segments sent that tell of marks (ECE)")           \
	X(tcp_cwr_in, "... answered: the peer has reduced (CWR)")          \
	X(tcp_ece_in, "ACKs that told of marks on what we sent")           \
	X(tcp_ece_bytes, "bytes acknowledged by those")                    \
	X(tcp_cwr_out, "segments sent that tell of a reduction")           \
	X(tcp_out_of_order, "segments received out of order")              \
	X(tcp_zero_window_probes, "window probes sent")                    \
	X(tcp_black_holes, "steps down: a path swallowed large segments")  \
	X(tcp_keepalive_probes, "keepalive probes sent")                   \
	X(tcp_cc_short, "congestion control found no state left")          \
	X(tcp_range_short, "sendv that found no send range for it left")   \
	X(tcp_cut_send, "resets of who held send ranges and took nothing") \
	X(tcp_cut_recv, "resets of who held buffers that were not taken")  \
	X(tcp_cut_ooo, "times out-of-order data made room for others")     \
	X(tcp_coalesced, "small segments copied together to save buffers") \
	/* flow groups between threads */                                  \
	X(moved_out, "connections given to another thread")                \
	X(moved_in, "connections taken from another thread")               \
	X(moves, "times flow groups went to another thread")               \
	X(move_ns, "time that flow groups took to go, ns")                 \
	X(move_gap_ns, "... of that: their packets may have waited, ns")   \
	X(move_early, "packets that waited for a connection to come")      \
	X(move_lost, "connections that the other thread had no room for")  \
	X(drop_early, "... and packets that had no room to wait")          \
	/* memory, gauges */                                               \
	X(mbufs_total, "gauge: packet buffers of this thread")             \
	X(mbufs_free, "gauge: packet buffers free")                        \
	X(mbufs_posted, "gauge: packet buffers that the NIC receives into")

enum { IX_BATCH_BUCKETS = 12 }; /* batch of n packets: bucket log2(n) */

/* What may have waited n ns in the NIC's queue, the time since the poll before:
 * bucket log2(n), in packets; the last one has all that is longer. After a sleep,
 * which a packet ends, n is 0, and counts as 1. */
enum { IX_DELAY_BUCKETS = 32 };

#define IX_COUNTER_FIELD(name, help) uint64_t name;
struct ix_stat {
	uint64_t version; /* IX_STAT_VERSION */
	IX_COUNTERS(IX_COUNTER_FIELD)
	uint64_t rx_batch[IX_BATCH_BUCKETS];
	uint64_t rx_delay[IX_DELAY_BUCKETS];
};
#undef IX_COUNTER_FIELD

#define IX_STAT_VERSION 4

#endif
