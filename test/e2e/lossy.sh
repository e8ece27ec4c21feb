#!/bin/bash
# SPDX-License-Identifier: MIT
# Over a path that loses, delays, reorders, doubles and damages, against Linux:
# every byte both ways, by both families, opened by either side; and nothing of
# what IX sends is a protocol error. Without options: options.sh.
. "$(dirname "$0")/lib.sh"

command -v tshark >/dev/null || skip "tshark is missing"
. "$here/path_lib.sh"

# What IX sent, as it left it: all packets, for good or ill.
capture() {
	: >"$tmp/dumpcap"
	"${on_m[@]}" dumpcap -q -i ea -B 64 -w "$tmp/pcap" \
		>"$tmp/dumpcap" 2>&1 &
	dumpcap=$!
	jobs="$jobs $dumpcap"
	for i in $(seq 100); do
		grep -q 'Capturing on' "$tmp/dumpcap" && return
		sleep 0.05
	done
}

none() { # FILTER: no packet from IX that it takes
	tshark -r "$tmp/pcap" -o ip.check_checksum:TRUE \
		-o tcp.check_checksum:$verify \
		-Y "$from_ix && ($1)" 2>/dev/null >"$tmp/matches"
	head -5 "$tmp/matches"
	[ ! -s "$tmp/matches" ]
}

bad_topology
round "all options" $bad ""
round "3 % and runs of losses" $worse ""
round "a short queue" $slow ""

# The checksums of what goes through a TAP come later.
verify=TRUE
[ "$nic" = xdp ] || verify=FALSE
from_ix="(ip.src == $ip_ix || ipv6.src == $ip6_ix)"
serve 0 --ip $ip_ix/24,$ip6_ix/64 -- "$xfer"
linux $all_options
bad_path "$bad,seed=99"
capture
for to in $ip_ix $ip6_ix; do
	peer wait $to 5001
	transfers captured $to $to
done
ok "at rest" at_rest
sleep 0.5
kill -INT $(pgrep -P $dumpcap)
wait $dumpcap
ok "the capture is complete" grep '/0 (pcap' "$tmp/dumpcap"
ok "none malformed" none "_ws.malformed"
# What a path that loses brings about, and what the test does itself: a probe of
# whether the server is there ends by a reset.
usual="tcp.analysis.retransmission || tcp.analysis.fast_retransmission ||
	tcp.analysis.spurious_retransmission || tcp.analysis.out_of_order ||
	tcp.analysis.duplicate_ack || tcp.analysis.lost_segment ||
	tcp.connection.rst"
ok "a SYN is a remark" fails none "_ws.expert.severity >= chat"
ok "no warning, no error" none "_ws.expert.severity >= warn && !($usual)"
ok "checksums" none "ip.checksum.status == Bad || tcp.checksum.status == Bad"
ok "no ACK of what was not sent" none "tcp.analysis.ack_lost_segment"
good_path >/dev/null
stop_server

# The other way round: IX connects.
peer_start serve :: 5002 4
for to in $ip_peer $ip6_peer; do for command in send recv; do
	: >"$tmp/dial" # what the last one said counts no more
	"${on_a[@]}" "$ix" run $(run_options) --ip $ip_ix/24,$ip6_ix/64 -- \
		"$xfer" --dial $to:5002 $command $size >>"$tmp/dial" 2>&1 &
	job=$!
	jobs="$jobs $job"
	for i in $(seq 100); do
		grep -q '^ix: domain' "$tmp/dial" && break
		sleep 0.05
	done
	bad_path "$bad,seed=7"
	ok "IX opens to $to: $command" wait $job
	good_path >/dev/null
done; done
ok "Linux is content" peer_ends
exit $failed
