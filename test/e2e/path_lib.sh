# SPDX-License-Identifier: MIT
# Sourced by those tests of this directory that have a bad path in between, after
# lib.sh.
ip6_ix=fd00:81::10 ip6_peer=fd00:81::2
size=${SIZE:-400000}
bad=,loss=1%,delay=2ms,jitter=1ms,reorder=2%,reorder-time=3ms,dup=1%,corrupt=1%
worse=,loss=3%,burst=0.2%,delay=1ms
slow=,rate=20m,queue=60000,mark=20000,delay=2ms
seed=1

linux() { # SYSCTL=VALUE...: of the peer
	for setting in "$@"; do
		on_b sysctl -qw "net.ipv4.tcp_$setting" || return 1
	done
}

# What Linux has when a round begins.
all_options="sack=1 timestamps=1 window_scaling=1 ecn=1"

bad_topology() {
	topology_path
	on_b ip -6 addr add $ip6_peer/64 dev ix0 nodad
}

transfers() { # NAME ADDRESS OTHER-ADDRESS
	ok "$1: Linux to IX, $2" peer send $2 5001 $size
	ok "$1: IX to Linux, $2" peer recv $2 5001 $size
	ok "$1: both at once, $3" peer both $3 5001 $((size / 4))
}

# round NAME PATH LINUX OPTIONS...: a server on IX with these OPTIONS, and a peer.
# Which family has which transfers changes from one round to the next.
round() {
	name=$1 how=$2 peer_has=$3
	shift 3
	serve 0 --ip $ip_ix/24,$ip6_ix/64 "$@" -- "$xfer"
	linux $all_options $peer_has
	bad_path "$how,seed=$seed"
	to=$ip_ix other=$ip6_ix
	[ $((seed % 2)) = 0 ] || to=$ip6_ix other=$ip_ix
	seed=$((seed + 1))
	peer wait $to 5001
	transfers "$name" $to $other
	ok "$name: nothing leaked" at_rest
	good_path >"$tmp/fate"
	cat "$tmp/fate"
	stop_server
}
