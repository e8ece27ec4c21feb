#!/bin/sh
# SPDX-License-Identifier: MIT
# Programs over ixev, two processes on one shared-memory wire:
#
#	10.9.0.1 server ====wire==== client 10.9.0.2
#
#	run.sh IX SERVER CLIENT ECHO PINGPONG OPS_ECHO OPS_CLIENT UDP_ECHO ZC_ECHO
set -u
ix=$1 server=$2 client=$3 echo=$4 pingpong=$5
ops_echo=$6 ops_client=$7 udp_echo=$8 zc_echo=$9
dir=$(mktemp -d /dev/shm/ix-compat-XXXXXX) || exit 77
pid=
trap '[ -z "$pid" ] || kill $pid; rm -rf "$dir"' EXIT
failed=0

fail() {
	echo "FAILED: $*"
	failed=1
}

end() { # WIRE IP: how to run one end
	echo "$ix run --quiet --nic wire:$dir/$1 --ip $2/24 --arena 64M"
}

# Until the server has run a batch and waits: it listens.
listening() {
	for i in $(seq 100); do
		$ix stat --dir "$dir" --json 2>/dev/null |
			grep -q '"crossings": *\([2-9]\|[1-9][0-9]\)' && return
		sleep 0.1
	done
	return 1
}

# between NAME SERVER CLIENT: both must end well, the server by SIGTERM
between() {
	$(end "$1" 10.9.0.1) --port 9000 --stat_dir "$dir" -- $2 &
	pid=$!
	listening || fail "$1: the server does not come up"
	timeout 60 $(end "$1" 10.9.0.2) -- $3 || fail "$1: client: exit $?"
	kill $pid
	wait $pid
	got=$?
	pid=
	[ $got = 0 ] || fail "$1: server: exit $got"
}

between copied "$server 1000" "$client 10.9.0.1 9000 1000 2000"
between large "$server 30000" "$client 10.9.0.1 9000 30000 50"
between one "$server 1" "$client 10.9.0.1 9000 1 500"
between echo "$echo" "$client 10.9.0.1 9000 5000 200"
between pingpong "$pingpong --server" \
	"$pingpong --client 10.9.0.1 --size 1,64,4K,256K --iters 50"
between ops "$ops_echo" "$client 10.9.0.1 9000 5000 200"
between ops2 "$ops_echo" "$ops_client tcp 10.9.0.1 9000"
between ops3 "$echo" "$ops_client tcp 10.9.0.1 9000"
between udp_pool "$udp_echo pool" "$ops_client udp 10.9.0.1 9000"
between udp_place "$udp_echo place" "$ops_client udp 10.9.0.1 9000"
between zc "$zc_echo" "$client 10.9.0.1 9000 30000 50"
exit $failed
