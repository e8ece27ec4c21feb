#!/bin/bash
# SPDX-License-Identifier: MIT
# What tshark has to say about our packets: nothing.
LIMIT=${LIMIT:-220} # both families, and up to three attempts
. "$(dirname "$0")/lib.sh"

command -v tshark >/dev/null || skip "tshark is missing"
topology
rto_min=200 # ms, as Linux has it: the stack shares its core here
ip6_ix=fd00:81::10
# As on a wire: what is not cut has no checksum yet, and is one packet of many.
serve 5001 --tso false --tcp.rto_min ${rto_min}ms --ip $ip_ix/24,$ip6_ix/64 -- "$xfer"
ip_b -6 addr add fd00:81::2/64 dev ix0 nodad
# So that what Linux sends is complete, checksums and all, when captured.
on_b ethtool -K ix0 tx off gso off tso off >/dev/null 2>&1

# For as long as traffic runs: what travels, and whether anyone could run.
capture() {
	"${on_b[@]}" dumpcap -q -i ix0 -B 64 -w "$tmp/pcap" \
		>"$tmp/dumpcap" 2>&1 &
	dumpcap=$!
	python3 "$here/stalls.py" >"$tmp/stalls" &
	stalls=$!
	jobs="$jobs $dumpcap $stalls"
	for i in $(seq 50); do
		grep -q 'Capturing on' "$tmp/dumpcap" && break
		sleep 0.1
	done
}

stop_capture() {
	sleep 0.5
	kill -INT $(pgrep -P $dumpcap)
	kill $stalls
	wait $dumpcap
	wait $stalls
	stalled=$(cat "$tmp/stalls")
}

complete() {
	grep '/0 (pcap' "$tmp/dumpcap"
}

traffic() {
	ok "bulk" peer send $1 5001 5000000
	ok "bulk" peer recv $1 5001 5000000
	ok "half-close" peer half_closed $1 5001
	ok "resets" peer abort $1 5001 5
	ok "resets" peer aborted $1 5001 5
	for i in $(seq 10); do
		peer both $1 5001 $((i * 1000)) >/dev/null
	done
	ok "slow writer" peer slow_ix_writer $1 5001 100000
	ok "pings" on_b ping -q -c 10 -i 0.05 -s 1000 $1
	ok "closed UDP port" peer udp_refused $1 8
}

# Two things are no fault of the stack: an incomplete capture, and a
# retransmission while the machine stood still for about an RTO, or a tail probe
# while it did for as long as that waits at least. They bring another attempt.
# Without such an excuse the first attempt is the one that is judged, and the
# last one is in any case: of a machine that never runs for long it allows the
# probes, and nothing else.
allowed=0
for attempt in 1 2 3; do
	ok "at rest" at_rest
	before=$(stat tcp_retransmits) probed=$(stat tcp_tail_probes)
	capture
	traffic $ip_ix
	traffic $ip6_ix
	stop_capture
	resent=$(($(stat tcp_retransmits) - before))
	probed=$(($(stat tcp_tail_probes) - probed))
	if ! complete >/dev/null; then
		why="capture incomplete"
	elif [ $resent -gt 0 ] && [ "$stalled" -ge $((rto_min * 3 / 4)) ]; then
		why="$resent retransmissions, but nothing ran for $stalled ms"
	elif [ $resent -gt 0 ] && [ $resent -le $probed ] &&
		[ "$stalled" -ge 2 ]; then
		why="$probed tail probes, but nothing ran for $stalled ms"
		[ $attempt -lt 3 ] || allowed=$probed
	else
		break
	fi
	echo "attempt $attempt of 3: $why"
done
echo "judged: attempt $attempt of 3; longest stall $stalled ms"
ok "the capture is complete" complete
ok "no retransmission counted" test $resent -le $allowed

# What is sent through a TAP gets its checksum later, if at all.
verify=TRUE
[ "$nic" = xdp ] || verify=FALSE

# matches FILTER: packets that it takes, and how many
matches() {
	tshark -r "$tmp/pcap" -o ip.check_checksum:TRUE \
		-o tcp.check_checksum:$verify -o udp.check_checksum:$verify \
		-Y "$1" 2>/dev/null >"$tmp/matches"
	head -10 "$tmp/matches"
	wc -l <"$tmp/matches"
}
at_most() {
	out=$(matches "$2")
	echo "$out"
	[ "$(tail -1 <<<"$out")" -le "$1" ]
}
none() {
	at_most 0 "$1"
}
for from in "ip.src == $ip_ix" "ipv6.src == $ip6_ix"; do
	total=$(matches "$from" | tail -1)
	ok "$total packets captured, $from" test "$total" -gt 3500
done
# All that has our MAC: neighbour discovery and listener reports, too.
from_ix="eth.src == $(on_b ip neigh show $ip_ix | grep -o '..:..:..:..:..:..')"
ok "none malformed" none \
	"$from_ix && (_ws.malformed || _ws.expert.severity == error)"
for p in ip tcp udp icmp icmpv6; do
	ok "$p checksums" none "$p.checksum.status == Bad"
done
ok "no spurious retransmission" none \
	"$from_ix && tcp.analysis.spurious_retransmission"
ok "no retransmission but those" at_most $resent \
	"$from_ix && tcp.analysis.retransmission"
ok "none out of order" none "$from_ix && tcp.analysis.out_of_order"
ok "no ACK of what was not sent" none "$from_ix && tcp.analysis.ack_lost_segment"
exit $failed
