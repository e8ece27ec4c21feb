#!/bin/bash
# SPDX-License-Identifier: MIT
# Over a path that loses, delays, reorders, doubles and damages, against Linux:
# every byte both ways, with and without each option, opened by either side;
# and nothing of what IX sends is a protocol error.
. "$(dirname "$0")/lib.sh"

command -v tshark >/dev/null || skip "tshark is missing"
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

transfers() {
	ok "$1: Linux to IX" peer send $ip_ix 5001 $size
	ok "$1: IX to Linux" peer recv $ip_ix 5001 $size
	ok "$1: both at once" peer both $ip_ix 5001 $((size / 4))
}

# round NAME PATH LINUX OPTIONS...: a server on IX with these OPTIONS, and a peer
round() {
	name=$1 how=$2 peer_has=$3
	shift 3
	serve 0 "$@" -- "$xfer"
	linux $all_options $peer_has
	bad_path "$how,seed=$seed"
	seed=$((seed + 1))
	peer wait $ip_ix 5001
	transfers "$name"
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
		-Y "ip.src == $ip_ix && ($1)" 2>/dev/null >"$tmp/matches"
	head -5 "$tmp/matches"
	[ ! -s "$tmp/matches" ]
}

topology_path
seed=1
round "all options" $bad ""
round "3 % and runs of losses" $worse ""
round "a short queue" $slow ""
round "Linux without SACK" $bad sack=0
round "Linux without timestamps" $bad timestamps=0
round "Linux without scaling" $bad window_scaling=0
round "Linux without ECN" $slow ecn=0
round "IX without timestamps" $bad "" --tcp.timestamps=false
round "IX without scaling" $bad "" --tcp.wscale=false --tcp.rcv_buf 65535

# The checksums of what goes through a TAP come later.
verify=TRUE
[ "$nic" = xdp ] || verify=FALSE
serve 0 -- "$xfer"
linux $all_options
bad_path "$bad,seed=99"
capture
peer wait $ip_ix 5001
transfers "captured"
ok "at rest" at_rest
sleep 0.5
kill -INT $(pgrep -P $dumpcap)
wait $dumpcap
ok "the capture is complete" grep '/0 (pcap' "$tmp/dumpcap"
ok "none malformed, no error" none \
	"_ws.malformed || _ws.expert.severity == error"
ok "checksums" none "ip.checksum.status == Bad || tcp.checksum.status == Bad"
ok "no ACK of what was not sent" none "tcp.analysis.ack_lost_segment"
good_path >/dev/null
stop_server

# The other way round: IX connects.
peer_start serve 0.0.0.0 5002 2
for command in send recv; do
	"${on_a[@]}" "$ix" run $(run_options) -- "$xfer" \
		--dial $ip_peer:5002 $command $size >"$tmp/dial" 2>&1 &
	job=$!
	jobs="$jobs $job"
	for i in $(seq 100); do
		grep -q '^ix: domain' "$tmp/dial" && break
		sleep 0.05
	done
	bad_path "$bad,seed=7"
	ok "IX opens: $command" wait $job
	good_path >/dev/null
done
ok "Linux is content" peer_ends
exit $failed
