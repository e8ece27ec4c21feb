#!/bin/bash
# SPDX-License-Identifier: MIT
# Over a path that loses, delays, reorders, doubles and damages, against Linux:
# every byte both ways, with and without each option, opened by either side;
# and nothing of what IX sends is a protocol error.
. "$(dirname "$0")/lib.sh"

command -v tshark >/dev/null || skip "tshark is missing"
ip6_ix=fd00:81::10 ip6_peer=fd00:81::2
size=400000
bad=,loss=1%,delay=2ms,jitter=1ms,reorder=2%,reorder-time=3ms,dup=1%,corrupt=1%
worse=,loss=3%,burst=0.2%,delay=1ms
slow=,rate=20m,queue=60000,mark=20000,delay=2ms

linux() { # SYSCTL=VALUE...: of the peer
	for setting in "$@"; do
		on_b sysctl -qw "net.ipv4.tcp_$setting" || return 1
	done
}

# What Linux has when a round begins.
all_options="sack=1 timestamps=1 window_scaling=1 ecn=1"

transfers() { # NAME ADDRESS
	ok "$1: Linux to IX" peer send $2 5001 $size
	ok "$1: IX to Linux" peer recv $2 5001 $size
	ok "$1: both at once" peer both $2 5001 $((size / 4))
}

# round NAME ADDRESS PATH LINUX OPTIONS...: a server on IX with these OPTIONS,
# and a peer
round() {
	name=$1 to=$2 how=$3 peer_has=$4
	shift 4
	serve 0 --ip $ip_ix/24,$ip6_ix/64 "$@" -- "$xfer"
	linux $all_options $peer_has
	bad_path "$how,seed=$seed"
	seed=$((seed + 1))
	peer wait $to 5001
	transfers "$name" $to
	ok "$name: nothing leaked" at_rest
	good_path >"$tmp/fate"
	cat "$tmp/fate"
	stop_server
}

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

topology_path
on_b ip -6 addr add $ip6_peer/64 dev ix0 nodad
seed=1
# What the two sides agree on is TCP's: half of it on each NIC.
to=$ip6_ix
[ "$nic" = tap ] || to=$ip_ix
round "all options" $to $bad ""
round "3 % and runs of losses" $to $worse ""
round "a short queue" $to $slow ""
round "Linux without SACK" $to $bad sack=0
if [ "$nic" = xdp ]; then
	round "Linux without timestamps" $to $bad timestamps=0
	round "Linux without scaling" $to $bad window_scaling=0
	round "Linux without ECN" $to $slow ecn=0
else
	round "IX without timestamps" $to $bad "" --tcp.timestamps=false
	round "IX without scaling" $to $bad "" --tcp.wscale=false \
		--tcp.rcv_buf 65535
	round "IX without SACK" $to $bad "" --tcp.sack=false
	round "IX without ECN" $to $slow "" --tcp.ecn=off
fi

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
	transfers "captured, $to" $to
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
