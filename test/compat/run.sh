#!/bin/sh
# SPDX-License-Identifier: MIT
# Programs over ixev, two processes on one shared-memory wire:
#
#	10.9.0.1 server ====wire==== client 10.9.0.2
#
#	run.sh IX SERVER CLIENT ECHO PINGPONG
set -u
ix=$1 server=$2 client=$3 echo=$4 pingpong=$5
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

# between NAME SERVER CLIENT: both must end well, the server by SIGTERM
between() {
	$(end "$1" 10.9.0.1) --port 9000 -- $2 &
	pid=$!
	sleep 0.3
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
exit $failed
